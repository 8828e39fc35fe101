#include <string>

#include "base/setting.h"
#include "test/fuzz/targets.h"
#include "tools/import/translation.h"

namespace tamis::fuzz {

// an amavisd.conf: whatever stands in it, the result is TOML, and every line of the report has its place
void amavisd_conf(std::string_view bytes) {
    tools::Surroundings around;
    around.read_file = [](const std::string& name) -> Result<std::string> { return fail(Errc::not_found, name); };
    around.is_program = [](const std::string& path) { return path.ends_with("scan"); };
    const auto imported = tools::import_amavisd({{"amavisd.conf", std::string(bytes)}}, around);
    if (!imported) {
        must(!imported.error().detail.empty(), "a fault says what it is");
        return;
    }
    Problems problems("toml");
    parse_config(imported->toml, problems);
    must(problems.none(), "the result is TOML");
    for (const auto& line : imported->report) must(line.place.line != 0, "a line of the report has its place");
    must(!tools::report_text(*imported).empty(), "there is a report");
}

}  // namespace tamis::fuzz
