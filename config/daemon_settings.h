// daemon_settings - the tables of tamis.toml that belong to tamisd: [server], [limits], [control], [notices]
//
// The daemon is above this room, so they are here and not beside it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>
#include "base/setting.h"

namespace tamis::config {

struct ServerSettings {
    std::vector<std::string> listen = {"127.0.0.1:10024"};
    std::string forward = "smtp:[127.0.0.1]:10025";
    std::string hostname;  // empty: the machine's name
    std::vector<std::string> local_domains;
    std::vector<std::string> mynetworks = {"127.0.0.0/8",    "[::1]/128",      "10.0.0.0/8",  "172.16.0.0/12",
                                           "192.168.0.0/16", "169.254.0.0/16", "[fe80::]/10", "[fc00::]/7"};
    std::string state_dir = "/var/lib/tamis";
    std::string user;
    std::string group;
    std::int64_t threads = 0;
    std::string pid_file;
    std::string socket_mode = "0660";
    std::vector<std::string> allowed_peers = {"127.0.0.1", "[::1]"};
    std::vector<std::string> xforward_peers = {"127.0.0.1", "[::1]"};
    std::string tls_certificate;
    std::string tls_key;
    bool tls_required = false;
    std::string forward_tls = "none";
    std::string forward_ca;
    std::string localhost_name = "localhost";
    std::vector<std::string> before_queue;  // of listen: who hands in mail there still has its sender on the line
};

struct LimitSettings {
    Bytes message_size{0};
    std::int64_t recipients = 1100;
    std::int64_t errors = 20;
    std::int64_t connections = 2000;
    Bytes line{4096};
    Duration idle{480'000};
    Duration session{3'600'000};
    Duration message{480'000};
    Duration scan{240'000};
    Bytes memory{512ULL * 1024 * 1024};
    Bytes spool_memory{8ULL * 1024 * 1024};
    Duration drain{60'000};
    std::int64_t backlog = 1024;
};

struct ControlSettings {
    std::vector<std::string> listen;
    std::string socket_mode = "0660";
    std::vector<std::string> allowed_users;
    std::vector<std::string> allowed_peers = {"127.0.0.1", "[::1]"};
    std::string secret_required = "tcp";
    std::int64_t connections = 100;
    Duration idle{300'000};
};

struct NoticeSettings {
    std::string method;  // empty: server.forward
    std::string from;    // empty: postmaster@HOSTNAME
    std::string sender;
    bool warn_offsite = false;
    std::string virus_admin_template, spam_admin_template, banned_admin_template, bad_header_admin_template,
        virus_recipient_template, banned_recipient_template, bad_header_recipient_template;
};

const std::vector<Setting<ServerSettings>>& server_rows();
const std::vector<Setting<LimitSettings>>& limit_rows();
const std::vector<Setting<ControlSettings>>& control_rows();
const std::vector<Setting<NoticeSettings>>& notice_rows();

}  // namespace tamis::config
