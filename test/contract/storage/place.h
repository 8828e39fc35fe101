// place - where the contract of the stores is tried: a database of one backend, made for one test case
//
// A backend joins the suite with one struct derived from Place and one line in places.cpp (test/README.md). Cases speak to
// the stores by their interfaces; what the stores cannot do by design (write a policy, lose a row, be away), the place does,
// as another program would.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/dsn.h"

namespace tamis::test {

// Can - what not every place can; a case that needs it passes over those that cannot
enum class Can {
    sql,        // the site's own statements, a catalogue, statements of an upgrade
    eras,       // amavisd's older tables
    vanish,     // goes away under a store that is open; every place can be away when a store is opened
    be_cut,     // is reached by a connection that can break anywhere
    be_held,    // somebody else can hold the records, so that nothing is written
    be_full,    // takes no more copies of a megabyte, or nothing at all, and can still be read
    stand_by,   // can be read and not written, as a standby
    expire,     // has expiry sessions
    take_turns  // two hosts that expire know of each other
};

// Tables - what a new place has in it
enum class Tables { none, today };

using Cell = std::optional<std::string>;  // nothing: NULL
using Cells = std::vector<Cell>;
using Fields = std::vector<std::pair<std::string, Cell>>;  // by column

class Place {
public:
    Place() = default;
    virtual ~Place() = default;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    virtual storage::Dsn dsn() const = 0;

    // The eight tables of amavisd as any program sees them: maddr, msgs, msgrcpt, quarantine; policy, users, mailaddr, wblist.
    virtual void insert(const std::string& table, const Fields& row) = 0;
    virtual void update(const std::string& table, const Fields& where, const Fields& set) = 0;
    virtual void erase(const std::string& table, const Fields& where) = 0;
    virtual std::vector<Cells> rows(const std::string& table, const std::vector<std::string>& columns) const = 0;
    // run - Can::sql: statements without results
    virtual void run(const std::string&) { cannot(); }

    // take_away / bring_back - nobody reaches it meanwhile; what it holds stays
    virtual void take_away() = 0;
    virtual void bring_back() = 0;
    // hold / let_go - Can::be_held
    virtual void hold() { cannot(); }
    virtual void let_go() { cannot(); }
    // fill / make_room - Can::be_full. Nothing may be asserted in between: the test's own output may not fit either.
    virtual void fill() { cannot(); }
    virtual void make_room() { cannot(); }
    // stand_by - Can::stand_by, for the rest of the case
    virtual void stand_by() { cannot(); }
    // port / through - Can::be_cut: where it listens, and a DSN that goes by another port of this machine
    virtual int port() const { cannot(); }
    virtual storage::Dsn through(int) const { cannot(); }

protected:
    [[noreturn]] static void cannot() { throw std::logic_error("the place says it can, and cannot"); }
};

// PlaceKind - the row of a backend in the suite
struct PlaceKind {
    std::string name;
    std::set<Can> abilities;
    std::unique_ptr<Place> (*make)(Tables tables);
    std::unique_ptr<Place> (*make_era)(std::string_view era) = nullptr;  // Can::eras: "amavisd-2.4"
};

// place_kinds - all that are tried (places.cpp)
const std::vector<PlaceKind>& place_kinds();

PlaceKind postgresql_places();
PlaceKind sqlite_places();
PlaceKind memory_places();

}  // namespace tamis::test
