#include "quarantine/remove.h"

#include <fmt/format.h>
#include <unistd.h>

#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "mail/address.h"
#include "quarantine/copy_reader.h"
#include "quarantine/release.h"

namespace tamis::quarantine {
namespace {

Done remove_file(const std::string& directory, const std::string& name) {
    const auto file = open_beneath(directory, name);
    if (!file) return std::unexpected(file.error());
    std::string begin(5, '\0');
    const bool is_mbox = ::read(*file, begin.data(), begin.size()) == 5 && begin == "From ";
    ::close(*file);
    if (is_mbox)
        return fail(Errc::bad_input,
                    fmt::format("the copy stays in the mailbox file {}: delete it there with a mail program", name));
    const auto path = name.starts_with('/') ? name : directory + "/" + name;
    if (::unlink(path.c_str()) != 0)
        return fail(std::error_code(errno, std::system_category()), fmt::format("removing {}", path));
    return {};
}

// note_removal - in the form of a release
void note_removal(const storage::QuarantineItem& item, const std::string& by) {
    std::vector<std::string> shown;
    for (const auto& to : item.recipients) shown.push_back(mail::smtp_form(to.address));
    log::notice(item.key.mail_id, "Quarantined message delete: {} {} -> {} by {}", item.key.mail_id, mail::smtp_form(item.sender),
                join(shown, ","), escaped(by));
}

// check_here - a file of another host must be removed there
Done check_here(const storage::QuarantineItem& item, const std::string& name, const RemovalOptions& options) {
    if (item.host == options.hostname) return {};
    const auto here = open_beneath(options.directory, name);
    if (!here)
        return fail(Errc::not_found, fmt::format("the copy of {} is a file on the host {}: delete it there", item.key.mail_id,
                                                 escaped(item.host, 255)));
    ::close(*here);
    return {};
}

}  // namespace

Task<Result<Removal>> remove(storage::QuarantineStore& store, storage::QuarantineItem item, RemovalOptions options,
                             Deadline deadline) {
    const auto located = locate(item);
    const bool has_file = located && located->kind == Located::Kind::file;
    if (has_file)
        if (auto here = check_here(item, located->name, options); !here) co_return std::unexpected(std::move(here.error()));
    if (auto done = co_await store.remove(item.key, deadline); !done) {
        log::warning({}, "quarantine: delete of {} by {} failed: {}", item.key.mail_id, escaped(options.by),
                     describe(done.error()));
        co_return std::unexpected(std::move(done.error()));
    }
    note_removal(item, options.by);
    Removal out;
    out.is_removed = true;
    if (has_file) out.file = remove_file(options.directory, located->name);
    co_return out;
}

}  // namespace tamis::quarantine
