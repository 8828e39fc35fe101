#include "policy/static_tables.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "base/text.h"
#include "policy/list_keys.h"

namespace tamis::policy {
namespace {

constexpr int group_limit = 9;
constexpr int64_t pattern_memory = 8 << 20;

// normal_key - a key of the file in the form that table_keys makes; nothing after adding a problem
std::optional<std::string> normal_key(const std::string& key, Position at, const KeyOptions& options, Problems& problems) {
    if (key.empty()) {
        problems.add(at, "recipients.\"\" is the null sender, which receives nothing; \".\" is everybody");
        return {};
    }
    if (const auto complaint = key_complaint(key, true)) {
        problems.add(at, fmt::format("recipients.\"{}\": {}", escaped(key), *complaint));
        return {};
    }
    if (key == ".") return key;
    const bool is_domain = key.find('@') == std::string::npos;
    const bool with_subdomains = is_domain && key.starts_with('.');
    KeyOptions whole = options;
    whole.recipient_delimiter.clear();  // a key that has an extension means that extension
    const auto pieces = address_pieces(is_domain ? "x@" + key.substr(with_subdomains ? 1 : 0) : key, whole);
    if (is_domain && pieces.domain.empty()) {
        problems.add(at, fmt::format("recipients.\"{}\" is no address, domain or \".\"", escaped(key)));
        return {};
    }
    return is_domain ? (with_subdomains ? "." : "") + pieces.domain : pieces.user + "@" + pieces.domain;
}

std::string filled_in(const std::string& text, const std::vector<std::string>& captures) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char next = i + 1 < text.size() ? text[i + 1] : '\0';
        const bool braced = next == '{' || next == '(';
        const std::size_t at = i + (braced ? 2 : 1);
        const bool is_group = text[i] == '$' && at < text.size() && text[at] >= '1' && text[at] <= '9' &&
                              (!braced || (at + 1 < text.size() && text[at + 1] == (next == '{' ? '}' : ')')));
        if (!is_group) {
            out += text[i];
            continue;
        }
        const auto group = static_cast<std::size_t>(text[at] - '1');
        if (group < captures.size()) out += captures[group];
        i = braced ? at + 1 : at;
    }
    return out;
}

}  // namespace

std::shared_ptr<const re2::RE2> compile_pattern(const std::string& text, Position at, std::string_view name, Problems& problems) {
    re2::RE2::Options options(re2::RE2::Latin1);  // addresses are bytes
    options.set_log_errors(false);
    options.set_max_mem(pattern_memory);
    auto pattern = std::make_shared<const re2::RE2>(text, options);
    if (pattern->ok()) return pattern;
    problems.add(at, fmt::format("{}: \"{}\" is not a regular expression (RE2 syntax): {}", name, escaped(text),
                                 escaped(pattern->error(), 200)));
    return nullptr;
}

StaticTables StaticTables::load(const ConfigTable& config, const KeyOptions& keys, Problems& problems) {
    StaticTables out = read(config, keys, problems);
    out.sets_.resize(fields().size());
    const auto note = [&](const StaticEntry& entry) {
        for (std::size_t field = 0; field < entry.values.size(); ++field)
            if (entry.values[field]) out.sets_[field] = true;
    };
    for (const auto& [key, entry] : out.by_key_) note(entry);
    for (const auto& entry : out.patterns_) note(entry);
    return out;
}

StaticTables StaticTables::read(const ConfigTable& config, const KeyOptions& keys, Problems& problems) {
    StaticTables out;
    if (const auto* recipients = config.find("recipients")) {
        if (recipients->table() == nullptr)
            problems.add(recipients->position, "recipients must be tables: [recipients.\"user@example.com\"]");
        else
            for (const auto& [key, value] : recipients->table()->entries) {
                const Position at = recipients->table()->keys.at(key);
                const std::string shown = fmt::format("recipients.\"{}\"", escaped(key, 400));
                if (value.table() == nullptr) {
                    problems.add(at, fmt::format("{} must be a table: [{}]", shown, shown));
                    continue;
                }
                const auto normal = normal_key(key, at, keys, problems);
                StaticEntry entry{"[" + shown + "]", at, load_field_values(*value.table(), shown, problems), nullptr};
                if (normal && !out.by_key_.emplace(*normal, std::move(entry)).second)
                    problems.add(at, fmt::format("{} stands there twice (keys are compared in lower case)", shown));
            }
    }
    const auto* patterns = config.find("recipient_patterns");
    if (patterns == nullptr) return out;
    if (patterns->array() == nullptr) {
        problems.add(patterns->position, "recipient_patterns must be a list of tables: [[recipient_patterns]]");
        return out;
    }
    for (const auto& item : *patterns->array()) {
        const auto* match = item.table() == nullptr ? nullptr : item.table()->find("match");
        if (match == nullptr || match->text() == nullptr) {
            problems.add(item.position, "[[recipient_patterns]] needs match = \"regular expression\"");
            continue;
        }
        auto pattern = compile_pattern(*match->text(), match->position, "recipient_patterns.match", problems);
        out.patterns_.push_back({fmt::format("[[recipient_patterns]] match = \"{}\"", escaped(*match->text(), 200)),
                                 item.position, load_field_values(*item.table(), "recipient_patterns", problems, {"match"}),
                                 std::move(pattern)});
    }
    return out;
}

bool StaticTables::sets(std::size_t field) const { return field < sets_.size() && sets_[field]; }

std::vector<StaticMatch> StaticTables::match(const AddressPieces& address) const {
    std::vector<StaticMatch> out;
    if (!by_key_.empty())
        for (const auto& key : table_keys(address))
            if (const auto found = by_key_.find(key); found != by_key_.end())
                out.push_back({&found->second, {address.full, address.local, address.user, address.extension, address.domain}});
    for (const auto& entry : patterns_) {
        if (entry.pattern == nullptr) continue;
        const int groups = std::min(entry.pattern->NumberOfCapturingGroups(), group_limit);
        std::vector<re2::StringPiece> found(static_cast<std::size_t>(groups) + 1);
        if (!entry.pattern->Match(address.full, 0, address.full.size(), re2::RE2::UNANCHORED, found.data(), groups + 1)) continue;
        StaticMatch match{&entry, {}};
        for (std::size_t i = 1; i < found.size(); ++i) match.captures.emplace_back(found[i]);
        out.push_back(std::move(match));
    }
    return out;
}

std::optional<FieldValue> value_of(const StaticMatch& match, std::size_t field) {
    const auto& value = match.entry->values[field];
    if (!value) return value;
    const auto* text = std::get_if<std::string>(&*value);
    if (text == nullptr || text->find('$') == std::string::npos) return value;
    return FieldValue(filled_in(*text, match.captures));
}

}  // namespace tamis::policy
