// record - the rows of one message in amavisd's tables msgs, msgrcpt and quarantine (docs/amavis/sql.md 2 and 5)
//
// Values are as amavisd 2.13 writes them; lengths are cut by the store to the column's width. Texts may hold any
// bytes: the store makes them fit the column (UTF-8, no NUL) and never fails a message because of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mail/ids.h"
#include "mail/message.h"

namespace tamis::mail {

struct RecipientRecord {
    std::string address;  // envelope recipient as given; normalised by the store (storage/address_key.h)
    bool is_local = false;
    char content = ' ';
    char disposition = '?';    // ds: P passed, R rejected, B bounced, D discarded, T tempfailed
    char release_state = ' ';  // rs
    bool blacklisted = false;
    bool whitelisted = false;
    double score = 0;      // bspam_level
    std::string response;  // smtp_resp, at most 255
};

struct MessageRecord {
    MailId mail_id;
    SecretId secret_id;
    LogId log_id;  // am_id
    std::chrono::system_clock::time_point received_at;
    std::string sender;
    std::string policy_path;  // msgs.policy
    std::string client_address;
    std::uint64_t size = 0;
    bool originating = false;
    char content = ' ';
    char quarantine_type = ' ';
    std::string quarantine_location;
    char dsn_sent = 'N';
    double spam_level = 0;  // minimum over the recipients
    std::string message_id;
    std::string from;     // decoded, UTF-8
    std::string subject;  // decoded, UTF-8
    std::string host;
    std::int64_t partition_tag = 0;
    bool local_case_matters = false;          // maddr keeps the letters of local parts as they came
    std::vector<RecipientRecord> recipients;  // rseqnum counts from 1 in this order
};

// QuarantineCopy - what goes into the quarantine table: the header fields amavisd puts on top (LF line ends), then the
// message with CRLF turned into LF, in chunks of at most 16384 bytes, chunk_ind from 1
struct QuarantineCopy {
    std::string prefix;
    std::shared_ptr<const SealedSpool> spool;
};

}  // namespace tamis::mail
