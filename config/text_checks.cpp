// text_checks - the part of start_checks.h that needs nothing but the settings themselves
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "config/start_checks.h"
#include "mail/mailbox.h"
#include "storage/lookups/custom_statement.h"

namespace tamis::config {
namespace {

constexpr std::size_t shown = 120;

const ConfigValue* value_of(const ConfigTable& config, std::string_view section, std::string_view key) {
    const auto* table = config.find(section);
    return table == nullptr || table->table() == nullptr ? nullptr : table->table()->find(key);
}

Position position_of(const ConfigTable& config, std::string_view section, std::string_view key) {
    const auto* value = value_of(config, section, key);
    return value == nullptr ? Position{} : value->position;
}

using Complaint = std::optional<std::string>;

bool is_host_character(char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || static_cast<unsigned char>(c) >= 0x80;
}

Complaint host_name(std::string_view text) {
    constexpr std::size_t longest = 255;
    if (text.empty()) return {};
    const bool is_literal =
        text.size() > 2 && text.front() == '[' && text.back() == ']' && !normal_address(text.substr(1, text.size() - 2)).empty();
    const bool is_name = text.size() <= longest && std::ranges::all_of(text, is_host_character) && text.front() != '.' &&
                         text.front() != '-' && text.find("..") == std::string_view::npos;
    if (is_literal || is_name) return {};
    return fmt::format("\"{}\" is no host name such as \"filter.example.com\"", escaped(text, shown));
}

Complaint helo_name(std::string_view text) {
    if (text.empty()) return "a name is needed: EHLO has one";
    return host_name(text);
}

Complaint ident(std::string_view text) {
    const bool fits = !text.empty() && text.size() <= 48 && std::ranges::all_of(text, [](char c) {
        return c > ' ' && c < 0x7f && c != ':' && c != '[' && c != ']' && c != '%';
    });
    if (fits) return {};
    return fmt::format("\"{}\" is no program name: printable ASCII without blanks, \":\", \"[\" and \"%\", 1 to 48 characters",
                       escaped(text, shown));
}

Complaint delimiter(std::string_view text) {
    const bool fits = text.size() <= 8 && std::ranges::all_of(text, [](char c) {
                          return c > ' ' && c < 0x7f && !is_alpha(c) && !is_digit(c) &&
                                 std::string_view("@\"\\<>()[],:;").find(c) == std::string_view::npos;
                      });
    if (fits) return {};
    return fmt::format("\"{}\": characters such as \"+\" or \"-\", as in Postfix's recipient_delimiter", escaped(text, shown));
}

Complaint field_name(std::string_view text) {
    const bool fits =
        !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != ':'; });
    if (fits) return {};
    return fmt::format("\"{}\" is no name of a header field: printable ASCII without blanks and \":\"", escaped(text, shown));
}

Complaint mailbox(std::string_view text) { return text.empty() ? Complaint() : mail::mailbox_complaint(text); }
Complaint original_or_mailbox(std::string_view text) { return text == "original" ? Complaint() : mailbox(text); }

Complaint absolute_path(std::string_view text) {
    if (text.empty() || text.starts_with('/')) return {};
    return fmt::format("\"{}\" must be an absolute path", escaped(text, shown));
}

Complaint needed_absolute_path(std::string_view text) {
    return text.empty() ? Complaint("a directory is needed") : absolute_path(text);
}

Complaint log_target(std::string_view text) {
    constexpr std::string_view file = "file:";
    if (text == "syslog" || text == "journal" || text == "stderr") return {};
    if (text.starts_with(file))
        return text.size() == file.size() ? Complaint("the path of the file is missing")
                                          : absolute_path(text.substr(file.size()));
    return fmt::format("\"{}\": expected syslog, journal, stderr or file:/path", escaped(text, shown));
}

struct TextRow {
    std::string_view section, key;
    const std::string* text;
    Complaint (*complaint)(std::string_view);
};

void check_statements(const Settings& settings, Problems& problems) {
    const auto check = [&](std::string_view key, std::string_view text) {
        if (text.empty()) return;
        if (auto statement = storage::CustomStatement::parse(text, fmt::format("storage.{}", key)); !statement)
            problems.add(position_of(settings.config, "storage", key), statement.error().detail);
    };
    check("select_policy", settings.storage.select_policy);
    check("select_wblist", settings.storage.select_wblist.value_or(""));
    for (const auto& [key, dsns] :
         {std::pair{"lookup_dsn", &settings.lookup_dsns}, std::pair{"storage_dsn", &settings.storage_dsns}})
        if (auto same = storage::same_kind(*dsns, fmt::format("storage.{}", key)); !dsns->empty() && !same)
            problems.add(position_of(settings.config, "storage", key), same.error().detail);
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

// check_controls - no text holds control characters: it may become a header field, an SMTP line, a path. A statement may have lines.
void check_controls(const ConfigValue& value, const std::string& name, Problems& problems) {
    if (const auto* text = value.text()) {
        const bool has_lines = name.starts_with("storage.select_");
        const auto is_bad = [&](char c) { return is_control(c) && !(has_lines && (c == '\n' || c == '\r')); };
        if (std::ranges::any_of(*text, is_bad)) problems.add(value.position, fmt::format("{} holds a control character", name));
    }
    if (const auto* list = value.array())
        for (const auto& each : *list) check_controls(each, name, problems);
    if (const auto* table = value.table())
        for (const auto& [key, each] : table->entries)
            check_controls(each, fmt::format("{}{}{}", name, name.empty() ? "" : ".", escaped(key, shown)), problems);
}

}  // namespace

void check_texts(const Settings& settings, Problems& problems) {
    const auto& server = settings.server;
    const auto& policy = settings.policy;
    const auto rows = std::to_array<TextRow>({
        {"server", "hostname", &server.hostname, host_name},
        {"server", "localhost_name", &server.localhost_name, helo_name},
        {"server", "state_dir", &server.state_dir, needed_absolute_path},
        {"server", "pid_file", &server.pid_file, absolute_path},
        {"log", "target", &settings.log.target, log_target},
        {"log", "ident", &settings.log.ident, ident},
        {"policy", "recipient_delimiter", &policy.recipient_delimiter, delimiter},
        {"policy", "quarantine_sender", &policy.quarantine_sender, original_or_mailbox},
        {"policy", "virus_header", &policy.virus_header, field_name},
        {"notices", "from", &settings.notices.from, mailbox},
        {"notices", "sender", &settings.notices.sender, mailbox},
    });
    for (const auto& row : rows) {
        const auto* given = value_of(settings.config, row.section, row.key);
        if (given == nullptr || given->text() == nullptr) continue;  // the default, or no text at all, which was told
        if (const auto complaint = row.complaint(*row.text))
            problems.add(given->position, fmt::format("{}.{}: {}", row.section, row.key, *complaint));
    }
    check_statements(settings, problems);
    for (const auto& [name, value] : settings.config.entries) check_controls(value, escaped(name, shown), problems);
}

void check_destinies(const Settings& settings, Problems& warnings) {
    const bool all_before_queue = settings.server.before_queue.size() >= settings.server.listen.size();
    if (all_before_queue) return;
    const auto check = [&](const ConfigTable& table, const std::string& where) {
        for (const auto& [key, value] : table.entries)
            if (key.starts_with("final_") && key.ends_with("_destiny") && value.text() != nullptr && *value.text() == "reject")
                warnings.add(
                    value.position,
                    fmt::format(
                        "{}.{} is \"reject\": a mail server that hands on mail from its queue answers that with a bounce to the sender, who is "
                        "forged in viruses and spam (backscatter); use \"discard\" or \"bounce\", or name the listeners that are asked "
                        "before the queue (smtpd_proxy_filter) in server.before_queue",
                        where, key));
    };
    for (const auto& [name, value] : settings.config.entries) {
        if (value.table() != nullptr && name == "policy") check(*value.table(), name);
        if (value.table() != nullptr && (name == "banks" || name == "recipients"))
            for (const auto& [key, table] : value.table()->entries)
                if (table.table() != nullptr) check(*table.table(), fmt::format("{}.\"{}\"", name, escaped(key, shown)));
        if (value.array() != nullptr && name == "recipient_patterns")
            for (const auto& table : *value.array())
                if (table.table() != nullptr) check(*table.table(), name);
    }
}

}  // namespace tamis::config
