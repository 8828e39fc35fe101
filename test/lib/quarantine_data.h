// quarantine_data - SQL that fills amavisd's tables (step 1 of our schema, PostgreSQL) with many messages
//
// The same data each time: one message a second, newest last. Recipients are unequal: user1 gets most, user20000 hardly
// anything. 40 % is clean without a copy; the rest spam (45 %), banned, bad headers (5 % each), unchecked (4 %), viruses
// (1 %). Every 500th subject says "invoice", one in 100,000 "needle". 2 % of the recipients' rows were released.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

namespace tamis::test {

constexpr long long quarantine_data_begin = 1'700'000'000;

// quarantine_data - statements; `messages` from number `first` on
inline std::vector<std::string> quarantine_addresses() {
    return {
        "INSERT INTO maddr (id, email, domain) SELECT i, convert_to('user'||i||'@example.com', 'UTF8'), 'com.example' FROM generate_series(1, 20000) i",
        "INSERT INTO maddr (id, email, domain) SELECT i, convert_to('sender'||i||'@d'||i%5000||'.example.org', 'UTF8'), "
        "'org.example.d'||i%5000 FROM generate_series(20001, 120000) i",
        "SELECT setval('maddr_id_seq', 120001)"};
}

inline std::vector<std::string> quarantine_messages(long long first, long long messages) {
    const auto range = fmt::format("generate_series({}::bigint, {}) i", first, first + messages - 1);
    const std::string content =
        "(CASE WHEN i*7919%100<40 THEN 'C' WHEN i*7919%100<85 THEN 'S' WHEN i*7919%100<90 THEN 'B' "
        "WHEN i*7919%100<95 THEN 'H' WHEN i*7919%100<99 THEN 'U' ELSE 'V' END)";
    return {
        fmt::format(
            "INSERT INTO msgs (partition_tag, mail_id, secret_id, am_id, time_num, time_iso, sid, client_addr, size, originating, content, "
            "quar_type, quar_loc, dsn_sent, spam_level, message_id, from_addr, subject, host) "
            "SELECT 0, convert_to(left(translate(encode(decode(md5(i::text), 'hex'), 'base64'), '+/', '-_'), 12), 'UTF8'), '', i::text, "
            "{0}+i, to_timestamp({0}+i), 20001+i*31%100000, '192.0.2.1', 1000+i%50000, 'N', {1}, CASE WHEN {1}='C' THEN ' ' ELSE 'Q' END, "
            "'', 'N', i%200/10.0, '<'||i||'@example.org>', 'Sender '||i%1000||' <s@example.org>', "
            "CASE WHEN i%100000=5 THEN 'the needle in the haystack' WHEN i%500=3 THEN 'your invoice '||i ELSE 'offer number '||i END, "
            "'filter'||i%3||'.example.com' FROM {2}",
            quarantine_data_begin, content, range),
        fmt::format(
            "INSERT INTO msgrcpt (partition_tag, mail_id, rseqnum, rid, is_local, content, ds, rs, bspam_level, smtp_resp) "
            "SELECT 0, convert_to(left(translate(encode(decode(md5(i::text), 'hex'), 'base64'), '+/', '-_'), 12), 'UTF8'), 1, "
            "1+floor(20000*power((i*6151%100003)/100003.0, 4))::int, 'Y', {0}, CASE WHEN {0}='C' THEN 'P' ELSE 'D' END, "
            "CASE WHEN {0}<>'C' AND i%50=0 THEN 'R' ELSE ' ' END, i%200/10.0, '250 2.7.0 Ok, discarded' FROM {1}",
            content, range)};
}

}  // namespace tamis::test
