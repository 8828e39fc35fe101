#include "storage/kept/quarantine_columns.h"

#include <fmt/format.h>

namespace tamis::storage {

std::string tag_of(const SqlTarget& target, std::string_view alias, std::string_view table) {
    return target.has(fmt::format("{}.partition_tag", table)) ? fmt::format("{}.partition_tag", alias) : "0";
}

std::string column_or(const SqlTarget& target, std::string_view alias, std::string_view table, std::string_view name,
                      std::string_view otherwise) {
    return target.has(fmt::format("{}.{}", table, name)) ? fmt::format("{}.{}", alias, name) : std::string(otherwise);
}

std::string same_message(const SqlTarget& target, std::string_view a, std::string_view b) {
    std::string out = fmt::format("{0}.mail_id = {1}.mail_id", a, b);
    if (target.has("msgs.partition_tag")) out += fmt::format(" AND {0}.partition_tag = {1}.partition_tag", a, b);
    return out;
}

std::string key_of(const SqlTarget& target, SqlText& text, std::string_view alias, std::string_view table,
                   const MessageKey& key) {
    std::string out = fmt::format("{}mail_id = {}", alias, text.id(key.mail_id));
    if (target.has(fmt::format("{}.partition_tag", table)))
        out += fmt::format(" AND {}partition_tag = {}", alias, key.partition_tag);
    return out;
}

std::string item_fields(const SqlTarget& target) {
    const auto msgs = [&](std::string_view name, std::string_view otherwise) {
        return column_or(target, "m", "msgs", name, otherwise);
    };
    return fmt::format(
        "{}, m.mail_id, m.time_num, (SELECT s.email FROM maddr s WHERE s.id = m.sid), m.from_addr, m.subject, m.host, "
        "m.message_id, m.client_addr, m.am_id, m.policy, m.quar_type, {}, m.content, m.spam_level, m.size",
        tag_of(target, "m", "msgs"), msgs("quar_loc", "''"));
}

}  // namespace tamis::storage
