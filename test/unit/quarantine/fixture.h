// fixture - a folder for copies, and a quarantine that has nothing
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "storage/kept/quarantine_store.h"

namespace tamis::test {

struct Folder {
    Folder() : path((std::filesystem::temp_directory_path() / "tamis-copies-XXXXXX").string()) {
        if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string put(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(path + "/" + name).parent_path());
        std::ofstream(path + "/" + name, std::ios::binary) << text;
        return path + "/" + name;
    }
    std::string path;
};

// EmptyStore - a quarantine without a message; tests override what they need
class EmptyStore : public storage::QuarantineStore {
public:
    Task<Result<storage::QuarantinePage>> list(storage::QuarantineFilter, std::optional<storage::PageKey>, std::size_t,
                                               Deadline) override {
        co_return storage::QuarantinePage();
    }
    Task<Result<std::vector<storage::QuarantineItem>>> find(std::string, std::optional<std::int64_t>, Deadline) override {
        co_return std::vector<storage::QuarantineItem>();
    }
    Task<Result<std::vector<storage::Chunk>>> read_chunks(storage::MessageKey, std::int64_t, Deadline) override {
        co_return std::vector<storage::Chunk>();
    }
    Task<Result<storage::StateNow>> change_state(storage::StateChange, Deadline) override {
        co_return fail(Errc::broken, "not here");
    }
    Task<Done> remove(storage::MessageKey, Deadline) override { co_return fail(Errc::broken, "not here"); }
    Task<Result<storage::QuarantineStats>> stats(std::int64_t, std::int64_t, Deadline) override {
        co_return storage::QuarantineStats();
    }
};

}  // namespace tamis::test
