// place - the place that is a database in memory
#include <fmt/format.h>

#include <algorithm>

#include "test/contract/storage/memory/database.h"

namespace tamis::test {
namespace {

using memory::Database;
using memory::Row;

class MemoryPlace final : public Place {
public:
    MemoryPlace() {
        static int count = 0;
        name_ = fmt::format("place{}", ++count);
        database_ = Database::of(name_);
    }

    storage::Dsn dsn() const override { return storage::parse_dsn("memory:" + name_).value(); }

    void insert(const std::string& table, const Fields& row) override {
        const std::lock_guard lock(database_->mutex);
        database_->table(table).push_back(Row(row.begin(), row.end()));
    }
    void update(const std::string& table, const Fields& where, const Fields& set) override {
        const std::lock_guard lock(database_->mutex);
        for (auto& row : database_->table(table))
            if (memory::holds(row, where))
                for (const auto& [column, value] : set) row[column] = value;
    }
    void erase(const std::string& table, const Fields& where) override {
        const std::lock_guard lock(database_->mutex);
        std::erase_if(database_->table(table), [&](const Row& row) { return memory::holds(row, where); });
    }
    std::vector<Cells> rows(const std::string& table, const std::vector<std::string>& columns) const override {
        const std::lock_guard lock(database_->mutex);
        std::vector<Cells> out;
        for (const auto& row : database_->table(table)) {
            auto& cells = out.emplace_back();
            for (const auto& column : columns) cells.push_back(row.contains(column) ? row.at(column) : Cell());
        }
        return out;
    }

    void take_away() override { database_->is_away = true; }
    void bring_back() override { database_->is_away = false; }
    void hold() override { database_->is_held = true; }
    void let_go() override { database_->is_held = false; }
    void fill() override { database_->is_full = true; }
    void make_room() override { database_->is_full = false; }

private:
    std::string name_;
    std::shared_ptr<Database> database_;
};

}  // namespace

PlaceKind memory_places() {
    return {"memory", {Can::vanish, Can::be_held, Can::be_full}, [](Tables) -> std::unique_ptr<Place> {
                return std::make_unique<MemoryPlace>();
            }};
}

}  // namespace tamis::test
