// state_test - opening a message leaves nothing behind: the same message gives the same contents whatever was opened before it
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <iterator>
#include <map>

#include "base/text.h"
#include "scanners/worker/open/decoders.h"
#include "scanners/worker/open/magic_kinds.h"
#include "scanners/worker/open/mime_walk.h"
#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;

namespace {

// messages - every committed archive and document, and texts in every charset with a state or an order
std::map<std::string, std::string> messages() {
    using namespace std::string_view_literals;
    std::map<std::string, std::string> out;
    const auto add = [&](const std::string& name, std::string_view type, std::string_view bytes) {
        out[name] =
            "MIME-Version: 1.0\r\nSubject: =?utf-16?B?AGEA?= =?utf-7?Q?+AGE?=\r\nContent-Type: " + std::string(type) +
            "\r\nContent-Disposition: attachment; filename*=utf-16''%FF%FEa%00\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
            base64_encode(bytes) + "\r\n";
    };
    for (const auto& entry : std::filesystem::directory_iterator(TAMIS_SOURCE_DIR "/test/corpus/archives"))
        if (const auto name = entry.path().filename().string(); !name.ends_with(".py") && entry.is_regular_file())
            add(name, "application/octet-stream; name=\"" + name + "\"", of_corpus("archives/" + name));
    const std::pair<std::string_view, std::string_view> texts[] = {{"utf-16 big", "\xfe\xff\0h\0i"sv},
                                                                   {"utf-16 little", "\xff\xfeh\0i\0"sv},
                                                                   {"utf-16 plain", "\0h\0i"sv},
                                                                   {"utf-16le", "h\0i\0"sv},
                                                                   {"utf-32 big", "\0\0\xfe\xff\0\0\0h"sv},
                                                                   {"utf-32 little", "\xff\xfe\0\0h\0\0\0"sv},
                                                                   {"utf-32 plain", "\0\0\0h"sv},
                                                                   {"ucs-2 plain", "\0h\0i"sv},
                                                                   {"utf-7 open", "+AGg"},
                                                                   {"utf-7 closed", "+AGg-"},
                                                                   {"utf-7 cut", "+A"},
                                                                   {"iso-2022-jp open", "\x1b$B"},
                                                                   {"iso-2022-jp text", "$F"},
                                                                   {"iso-2022-kr open", "\x1b$)C\x0e"},
                                                                   {"iso-2022-kr text", "0!"},
                                                                   {"gb18030 cut", "\x81"},
                                                                   {"big5 cut", "\x88"},
                                                                   {"euc-jp cut", "\x8f"},
                                                                   {"ibm037 text", "\x88\x89"},
                                                                   {"utf-8 cut", "\xc3"}};
    for (const auto& [name, bytes] : texts) {
        const auto charset = name.substr(0, name.find(' '));
        add(std::string(name), "text/plain; charset=" + std::string(charset), bytes);
        out["subject of " + std::string(name)] =
            "Content-Type: application/x; name=\"=?" + std::string(charset) + "?B?" + base64_encode(bytes) + "?=\"\r\n\r\nx\r\n";
    }
    return out;
}

std::string seen_of(MagicKinds& kinds, const std::string& message) {
    OpenerSetup setup;
    setup.kinds = &kinds;
    setup.decoders = mime_decoders();
    std::ranges::move(archive_decoders(), std::back_inserter(setup.decoders));
    setup.open_message = open_mime;
    const auto opened = open_message(setup, Blob::borrow(message));
    std::string out = opened.contents.limit + "|" + opened.contents.mime_error;
    for (const auto& part : opened.contents.parts)
        out += "\n" + part.path + " " + part.container + " " + join(part.names, ",") + " " + join(part.types, ",") + " " +
               join(part.kinds, ",") + " " + part.description + " " + part.charset + " " + std::to_string(part.size) + " " +
               part.sha256 + " " + std::to_string(part.flags) + " " + std::to_string(part.macros.present) + part.macros.stream +
               " " + std::to_string(static_cast<int>(part.shown));
    for (const auto& anomaly : opened.contents.anomalies)
        out += "\n" + std::string(mail::anomaly_name(anomaly.kind)) + " " + std::to_string(anomaly.part) + " " + anomaly.detail +
               " " + std::to_string(anomaly.is_harmless);
    return out;
}

}  // namespace

TEST_CASE("what was opened before makes no difference") {
    const auto all = messages();
    REQUIRE(all.size() > 50);
    auto kinds = MagicKinds::load();
    REQUIRE(kinds);
    std::map<std::string, std::string> first;
    for (const auto& [name, message] : all) first[name] = seen_of(**kinds, message);
    std::vector<std::string> names;
    for (const auto& [name, message] : all) names.push_back(name);
    std::ranges::reverse(names);
    for (const auto& name : names) {
        INFO(name);
        CHECK(seen_of(**kinds, all.at(name)) == first.at(name));
    }
    // each right behind each of those with an order: the worst neighbours
    for (const auto& name : names) {
        if (!name.starts_with("utf-") && !name.starts_with("subject of utf-")) continue;
        for (const auto& other : names) {
            if (!other.starts_with("utf-") && !other.starts_with("ucs-") && !other.starts_with("iso-")) continue;
            (void)seen_of(**kinds, all.at(name));
            INFO(other << " behind " << name);
            CHECK(seen_of(**kinds, all.at(other)) == first.at(other));
        }
    }
}
