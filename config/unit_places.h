// unit_places - where the systemd unit lets tamisd read and write: ProtectSystem, ProtectHome, PrivateTmp, ReadWritePaths and
// the directories that systemd makes
//
// The unit that is installed, with its drop-ins, or the one that comes with Tamis. Reading the text is pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tamis::config {

struct UnitPlaces {
    std::string file;          // where it was found; "" for the one that comes with Tamis
    std::string config;        // what ExecStart gives with -c
    std::string user, group;   // as whom it starts tamisd
    bool is_strict = false;    // ProtectSystem=strict: everything but `writable` can only be read
    bool hides_homes = false;  // ProtectHome: /home, /root and /run/user are empty
    bool has_own_tmp = false;  // PrivateTmp: /tmp and /var/tmp are others than everybody's
    std::vector<std::string> writable;

    bool may_write(std::string_view path) const;
    bool may_read(std::string_view path) const;
};

// read_unit - of the unit's text and its drop-ins in their order
UnitPlaces read_unit(const std::vector<std::string>& texts);

// shipped_unit - etc/systemd/tamis.service, as far as it matters here
std::string_view shipped_unit() noexcept;

// unit_places - of the installed unit, else of the shipped one
UnitPlaces unit_places();

}  // namespace tamis::config
