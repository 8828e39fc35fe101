#include "config/daemon_settings.h"

namespace tamis::config {

const std::vector<Setting<ServerSettings>>& server_rows() {
    using S = ServerSettings;
    static const std::vector<Setting<S>> rows = {
        {"listen", &S::listen, "Where tamisd accepts mail: host:port or unix:/path; sockets passed by systemd replace it.", 0, 0,
         false},
        {"forward", &S::forward, "Where mail that may pass is handed to: smtp:[host]:port, lmtp:[host]:port or smtp:/path."},
        {"hostname", &S::hostname,
         "This host's full name, in Received fields, msgs.host and notices; the machine's name when not set."},
        {"local_domains", &S::local_domains,
         "Recipients here are ours and get spam headers and subject tags: \"example.com\", \".example.com\" (with subdomains), \"user@example.com\", \"!\" excludes."},
        {"mynetworks", &S::mynetworks, "Clients (by XFORWARD address) whose mail counts as originating here."},
        {"state_dir", &S::state_dir, "Directory for the embedded database and for spool files of large messages.", 0, 0, false},
        {"user", &S::user, "The unprivileged user tamisd becomes when it is started by root.", 0, 0, false},
        {"group", &S::group, "The group it becomes; the user's own when not set.", 0, 0, false},
        {"threads", &S::threads, "Event loops; 0 is one per core.", 0, 256, false},
        {"pid_file", &S::pid_file, "Where to write the process id; not written when empty.", 0, 0, false},
        {"socket_mode", &S::socket_mode, "Permissions of unix sockets we listen on, in octal.", 0, 0, false},
        {"allowed_peers", &S::allowed_peers,
         "Who may connect over TCP (amavisd's @inet_acl); others get a 554 greeting and a log line."},
        {"xforward_peers", &S::xforward_peers, "Whose XFORWARD is believed; unix sockets always are."},
        {"tls_certificate", &S::tls_certificate,
         "PEM file with our certificate chain; STARTTLS is offered when it and tls_key are set."},
        {"tls_key", &S::tls_key, "PEM file with the private key."},
        {"tls_required", &S::tls_required, "Refuse mail before STARTTLS with 530."},
        {"forward_tls",
         &S::forward_tls,
         "STARTTLS towards the next hop: none, may (when offered) or encrypt (or not at all).",
         0,
         0,
         false,
         {"none", "may", "encrypt"}},
        {"forward_ca", &S::forward_ca,
         "PEM file with the CA certificates that may sign the next hop's certificate when forward_tls is encrypt; the system's when not set.",
         0, 0, false},
        {"localhost_name", &S::localhost_name, "The name we give in EHLO to the next hop and in our Received field.", 0, 0,
         false},
        {"before_queue", &S::before_queue,
         "Which of the listeners take mail before the mail server has it in its queue (Postfix's smtpd_proxy_filter): there \"reject\" reaches the sender's server and makes no backscatter."},
    };
    return rows;
}

const std::vector<Setting<LimitSettings>>& limit_rows() {
    using S = LimitSettings;
    static const std::vector<Setting<S>> rows = {
        {"message_size", &S::message_size,
         "Largest message in octets (announced by SIZE, enforced at MAIL and at the end of data); 0 is no limit.", 0, 1e15},
        {"recipients", &S::recipients, "Most RCPT commands in one transaction; then 452.", 1, 100'000},
        {"errors", &S::errors, "Errors a client may make in one connection before it is closed with 421; 0 is no limit.", 0, 1e6},
        {"connections", &S::connections,
         "Connections that are served at the same time; more are accepted, and wait for their greeting until another one ends.",
         1, 1e6},
        {"line", &S::line, "Longest command line in octets.", 512, 65536},
        {"idle", &S::idle, "How long we wait for a client's next bytes.", 1, 86400},
        {"session", &S::session, "How long a connection may last in all; it is closed between two messages.", 10, 1e6},
        {"message", &S::message,
         "Deadline for one message from the end of data to our answer; stay below Postfix's data_done_timeout (600 s).", 1, 3600},
        {"scan", &S::scan, "Deadline for all scanners of one message together.", 0.1, 3600},
        {"memory", &S::memory,
         "Memory for all sessions together: their buffers, messages being received and processed, their decoded parts, and records that wait for the database; more mail waits or goes to disk.",
         1 << 20, 1e13, false},
        {"spool_memory", &S::spool_memory, "A message larger than this is kept in an unlinked file in state_dir.", 256 * 1024,
         1e13},
        {"drain", &S::drain, "At SIGTERM, how long messages in hand may take to finish.", 0, 3600},
        {"backlog", &S::backlog, "Length of the listen queue.", 1, 65535, false},
    };
    return rows;
}

const std::vector<Setting<ControlSettings>>& control_rows() {
    using S = ControlSettings;
    static const std::vector<Setting<S>> rows = {
        {"listen", &S::listen,
         "Where AM.PDP is spoken, for amavisd-release, amavisd-milter and web front ends: unix:/path, and 127.0.0.1:9998 where a front end needs TCP; []: nowhere.",
         0, 0, false},
        {"socket_mode", &S::socket_mode, "Permissions of the unix socket, in octal; it belongs to server.user and server.group.",
         0, 0, false},
        {"allowed_users", &S::allowed_users,
         "Users (names or numbers) that may ask over the unix socket besides root and our own: a milter's, a web server's."},
        {"allowed_peers", &S::allowed_peers, "Addresses that may connect over TCP."},
        {"secret_required",
         &S::secret_required,
         "Who must give a message's secret_id to have it released: always everybody, tcp those who come over TCP, never nobody. A secret that is given is always checked.",
         0,
         0,
         true,
         {"always", "tcp", "never"}},
        {"connections", &S::connections,
         "Most connections of each kind at the same time: root with our own user, each of allowed_users, all TCP peers; beyond it the one that has been silent longest is closed. A milter needs one for each message in hand.",
         1, 10'000},
        {"idle", &S::idle,
         "How long we wait for the next request on a connection, and for the end of one that was begun; a new connection has 30 s to say something.",
         1, 86400},
    };
    return rows;
}

const std::vector<Setting<NoticeSettings>>& notice_rows() {
    using S = NoticeSettings;
    static const std::vector<Setting<S>> rows = {
        {"method", &S::method,
         "Where messages of our own go (notices, mailed quarantine copies): smtp:[host]:port, lmtp:...; server.forward when not set."},
        {"from", &S::from, "Address in the From field of notices; postmaster@HOSTNAME when not set."},
        {"sender", &S::sender,
         "Envelope sender of notices to administrators and recipients; \"\" is the null sender, so that nothing ever comes back."},
        {"warn_offsite", &S::warn_offsite, "Recipients that are not local are told as well."},
        {"virus_admin_template", &S::virus_admin_template,
         "File with the text for virus_admin and newvirus_admin (docs/notices.md); built in when not set, like the others."},
        {"spam_admin_template", &S::spam_admin_template, "File with the text for spam_admin."},
        {"banned_admin_template", &S::banned_admin_template, "File with the text for banned_admin."},
        {"bad_header_admin_template", &S::bad_header_admin_template, "File with the text for bad_header_admin."},
        {"virus_recipient_template", &S::virus_recipient_template, "File with the text for recipients of infected mail."},
        {"banned_recipient_template", &S::banned_recipient_template, "File with the text for recipients of banned mail."},
        {"bad_header_recipient_template", &S::bad_header_recipient_template,
         "File with the text for recipients of mail with a bad header section."},
    };
    return rows;
}

}  // namespace tamis::config
