// common_settings - the settings every scanner has, and the addresses of those that are reached over the network
//
// An adapter's settings struct derives from CommonSettings, gives its own defaults in its constructor and puts the
// common rows behind its own. Runs at start or reload, on one thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/setting.h"

namespace tamis::scanners {

struct CommonSettings {
    bool required = false;
    Duration timeout{60'000};
    std::int64_t max_scans = 10;
    Bytes max_size{0};
    Duration retry_for{5'000};
    bool backup = false;  // antivirus engines only
};

// common_rows - the rows of the members above for an adapter's struct
template <class S>
std::vector<Setting<S>> common_rows() {
    return {
        {"required", static_cast<bool S::*>(&S::required),
         "a scan that fails makes the message unchecked or is answered with 451"},
        {"timeout", static_cast<Duration S::*>(&S::timeout),
         "the longest a scan may take, waiting for its turn included; the message's own deadline may end it sooner", 0.1, 3600},
        {"max_scans", static_cast<std::int64_t S::*>(&S::max_scans),
         "how many scans run at the same time; others wait for their turn", 1, 10'000},
        {"max_size", static_cast<Bytes S::*>(&S::max_size),
         "what is larger is not scanned and counts as over limits, not as clean; of a larger message that is opened, antivirus engines "
         "are shown the parts instead; 0 is no limit"},
    };
}
template <class S>
Setting<S> retry_row() {
    return {"retry_for", static_cast<Duration S::*>(&S::retry_for),
            "how long a scan goes on trying when no address can be reached, counted from the beginning of the outage", 0, 3600};
}

template <class S>
Setting<S> backup_row() {
    return {"backup", static_cast<bool S::*>(&S::backup),
            "asked only when no engine without this setting gave an answer, or one that is required did not; its answer then "
            "stands for theirs"};
}

// joined - several lists of rows as one
template <class S>
std::vector<Setting<S>> joined(std::vector<Setting<S>> first, std::vector<Setting<S>> second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

// load_addresses - each text of a setting by `parse`; what is wrong goes to the problems with its position, an empty
// or too long list as well
template <class T>
std::vector<T> load_addresses(const ConfigTable& table, std::string_view section, std::string_view key,
                              const std::vector<std::string>& texts, const std::function<Result<T>(std::string_view)>& parse,
                              std::size_t limit, Problems& problems) {
    const ConfigValue* value = table.find(key);
    const Position at = value != nullptr ? value->position : table.position;
    const std::string name = std::string(section) + "." + std::string(key);
    std::vector<T> out;
    if (texts.empty()) problems.add(at, name + " must name at least one address");
    if (texts.size() > limit) problems.add(at, name + " has more than " + std::to_string(limit) + " entries");
    for (std::size_t index = 0; index < texts.size(); ++index) {
        auto one = parse(texts[index]);
        const ConfigArray* list = value != nullptr ? value->array() : nullptr;
        if (one) out.push_back(std::move(*one));
        else
            problems.add(list != nullptr && index < list->size() ? (*list)[index].position : at,
                         name + ": " + one.error().detail);
    }
    return out;
}

}  // namespace tamis::scanners
