// fixture - settings from a text, an envelope, and a row of the table users
#pragma once

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "mail/envelope.h"
#include "policy/user_rows.h"

namespace tamis::test {

inline std::shared_ptr<const config::Settings> configured(std::string_view toml) {
    std::string path = (std::filesystem::temp_directory_path() / "tamis-look-up-XXXXXX").string();
    const int descriptor = mkstemp(path.data());
    REQUIRE(descriptor >= 0);
    ::close(descriptor);
    std::ofstream(path) << "[server]\nlocal_domains = [\".example.com\"]\nhostname = \"f.example.com\"\n" << toml;
    Problems problems("t.toml");
    auto settings = config::load_settings_file(path, problems);
    std::filesystem::remove(path);
    INFO((problems.none() ? "" : problems.lines().front()));
    REQUIRE(problems.none());
    return settings;
}

inline mail::Envelope envelope(std::string sender, std::vector<std::string> recipients, std::optional<std::string> client = {}) {
    mail::Envelope out;
    out.sender = std::move(sender);
    for (auto& each : recipients) out.recipients.push_back({std::move(each), {}, {}});
    out.listener = "10024";
    out.socket_address = "127.0.0.1";
    out.client.address = std::move(client);
    return out;
}

inline policy::UserRow row(std::string id, std::string email, std::optional<std::string> bypass) {
    static const auto shape =
        std::make_shared<const policy::RowShape>(std::vector<std::string>{"id", "email", "bypass_spam_checks"});
    policy::UserRow::Values values = {std::move(id), std::move(email), std::move(bypass)};
    return {shape, std::make_shared<const policy::UserRow::Values>(std::move(values)), {}};
}

}  // namespace tamis::test
