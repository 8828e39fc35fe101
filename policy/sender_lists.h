// sender_lists - hard allow and deny and soft scores by sender, per recipient (docs/amavis/policy.md 6)
//
//     [[sender_lists]]
//     recipients = ["user@example.com", ".example.org"]   # as server.local_domains; left out: everybody
//     whitelist  = ["friend@example.net", ".partner.example"]
//     blacklist  = ["!good@example.biz", ".example.biz"]
//     scores     = { "news@example.net" = -2, ".bulk.example" = 3.5 }
//     whitelist_patterns = ['(?i)^bounce-.*@lists\.example$']
//     blacklist_patterns = ['...']
//     score_patterns     = [{ match = '^noreply@', score = 1 }]
//
// Senders are the envelope sender, then the addresses of all From fields; neither is authenticated. Lists speak about spam
// only, never about viruses. Pure.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/lookup_keys.h"
#include "policy/recipient_findings.h"
#include "policy/static_tables.h"
#include "policy/user_rows.h"

namespace tamis::policy {

// SenderDecision - what the lists of one recipient say about the senders of a message
struct SenderDecision {
    bool whitelisted = false;
    bool blacklisted = false;           // never together with whitelisted: a deny of any address wins
    double boost = 0;                   // sum of the soft scores
    std::vector<std::string> reasons;   // one line each, for explanations
    std::vector<std::string> problems;  // one line each: table, row, column and what is wrong

    bool is_hard() const noexcept { return whitelisted || blacklisted; }
    // findings - what is known of a recipient when only the lists were asked
    RecipientFindings findings() const { return {.blacklisted = blacklisted, .whitelisted = whitelisted, .score_boost = boost}; }
};

class SenderLists {
public:
    static SenderLists load(const ConfigTable& config, const KeyOptions& keys, Problems& problems);

    // decide - for each sender the rows of wblist are asked in the order of the user rows: a score counts and the search
    // goes on, blank is neutral and ends it, W or B decides and ends it. When they neither decided nor were neutral, the
    // configuration's lists are asked; for one address an allow of theirs wins over a deny, as with amavisd. Of several
    // addresses, one that is denied wins over one that is allowed (amavisd: the other way round, so that a second From
    // lets every denied sender in). Once an address was decided, the next ones are asked about in the first row only, as with
    // amavisd; of allowed mail also whether anything denies them. The configuration's scores count for the first address that
    // has one, and only when wblist had none before. An entry of wblist counts once for a recipient, however many addresses
    // of the sender match it (amavisd counts it for each).
    SenderDecision decide(const AddressPieces& recipient, const std::vector<UserRow>& rows,
                          const std::vector<AddressPieces>& senders) const;

private:
    using Pattern = std::shared_ptr<const re2::RE2>;
    struct List {
        std::string shown;
        std::vector<std::string> recipients;  // empty: everybody
        std::vector<std::string> whitelist, blacklist;
        std::vector<Pattern> whitelist_patterns, blacklist_patterns;
        std::map<std::string, double, std::less<>> scores;
        std::vector<std::pair<Pattern, double>> score_patterns;
    };
    // Hit - the entry of a list's scores that holds for a sender
    struct Hit {
        std::string entry;
        double score = 0;
    };
    using Lists = std::vector<const List*>;
    using Counted = std::set<std::pair<std::string, std::string>>;  // user and entry
    // Ended - what ended the search for one address
    enum class Ended { no, neutral, allow, deny };
    struct RowSearch {
        Ended ended = Ended::no;
        bool has_score = false;
    };
    // search_rows - the rows of wblist for one address; scores are added to the decision once per user and entry
    static RowSearch search_rows(std::span<const UserRow> rows, std::size_t sender, const AddressPieces& address,
                                 Counted& counted, SenderDecision& into);
    // ended_by - what the hard lists of the configuration say of one address: an allow wins over a deny
    static Ended ended_by(const Lists& lists, const AddressPieces& sender, SenderDecision& into);
    // add_scores - of the configuration; whether there was one
    static bool add_scores(const Lists& lists, const AddressPieces& sender, SenderDecision& into);
    static List load_list(const ConfigTable& from, const KeyOptions& keys, Problems& problems);
    static std::optional<Hit> score_in(const List& list, const AddressPieces& sender);

    std::vector<List> lists_;
};

// senders_of - the envelope sender, then the addresses of From, without duplicates (compared in lower case), at most 20
std::vector<AddressPieces> senders_of(std::string_view envelope_sender, const std::vector<std::string>& from_addresses,
                                      const KeyOptions& keys);

// ListWord - what a text in wblist.wb means: W, Y, T and words such as "white", "allow" and "yes" allow; B, N, F and
// "black", "deny", "no" deny; blank is neutral; a number is a score. Everything else means nothing and is reported;
// amavisd would allow the sender.
enum class ListWord { allow, deny, neutral, score, unknown };
struct ListMeaning {
    ListWord word = ListWord::unknown;
    double score = 0;
};
ListMeaning list_meaning(std::string_view wb);

}  // namespace tamis::policy
