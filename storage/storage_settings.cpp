#include "storage/storage_settings.h"

namespace tamis::storage {

const std::vector<Setting<StorageSettings>>& storage_rows() {
    using S = StorageSettings;
    static const std::vector<Setting<S>> rows = {
        {"connections", &S::connections, "Database sessions of the record store, whatever the number of messages in hand.", 1, 8,
         false},
        {"partition_tag", &S::partition_tag,
         "Value of the partition_tag columns (amavisd's $partition_tag); -1: the ISO year and week in which the message came, 202647 (its iso8601_yearweek, in UTC).",
         -1, 2147483647},
        {"record_all", &S::record_all,
         "Record clean mail too, not only what is quarantined or blocked (amavisd's $sql_store_info_for_all_msgs)."},
        {"wait", &S::wait, "How long a message waits for a database that is away before it gets a 451.", 0, 300},
        {"lookup_connections", &S::lookup_connections, "Database sessions for lookups (PostgreSQL).", 1, 8, false},
        {"lookup_cache", &S::lookup_cache,
         "How long what the lookup tables say is kept across messages; 0: a change takes effect on the next message. SIGHUP empties it, and on PostgreSQL so does any change when schema/postgresql/optional-notify.sql was installed.",
         0, 86400, false},
        {"select_policy", &S::select_policy,
         "A statement of your own instead of the one on users and policy, with %k %a %l %u %e %d (docs/policy.md).", 0, 0, false},
        {"select_wblist", &S::select_wblist,
         "The same for wblist: ? is users.id, %k the sender's keys, the column wb is read; \"\": wblist is not asked.", 0, 0,
         false},
        {"lookup_no_at_means_domain", &S::lookup_no_at_means_domain,
         "users.email and mailaddr.email hold domains without \"@\" (amavisd's $sql_lookups_no_at_means_domain)."},
        {"remembered", &S::remembered, "Records of delivered mail kept in memory while the database is away.", 0, 1e7, false},
    };
    return rows;
}

}  // namespace tamis::storage
