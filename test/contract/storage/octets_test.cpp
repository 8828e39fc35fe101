// mail/record.h: texts may hold any bytes; the store makes them fit, and never fails a message because of them
#include "base/text.h"
#include "test/contract/storage/suite.h"

using namespace tamis;
using namespace tamis::test;

namespace {

struct Field {
    const char* name;
    void (*set)(mail::MessageRecord&, std::string);
    std::string (*get)(const QuarantineItem&);
};

// every text of a record, and how it comes back
const Field fields[] = {
    {"sender", [](auto& of, auto text) { of.sender = text + "@example.org"; }, [](auto& item) { return item.sender; }},
    {"domain of the sender", [](auto& of, auto text) { of.sender = "a@" + text; }, [](auto& item) { return item.sender; }},
    {"recipient", [](auto& of, auto text) { of.recipients[0].address = text + "@example.com"; },
     [](auto& item) { return item.recipients.at(0).address; }},
    {"domain of the recipient", [](auto& of, auto text) { of.recipients[0].address = "a@" + text; },
     [](auto& item) { return item.recipients.at(0).address; }},
    {"log_id", [](auto& of, auto text) { of.log_id = mail::LogId(text); }, [](auto& item) { return item.log_id; }},
    {"secret_id", [](auto& of, auto text) { of.secret_id = mail::SecretId(text); }, nullptr},
    {"policy_path", [](auto& of, auto text) { of.policy_path = text; }, [](auto& item) { return item.policy; }},
    {"client_address", [](auto& of, auto text) { of.client_address = text; }, [](auto& item) { return item.client_address; }},
    {"quarantine_location", [](auto& of, auto text) { of.quarantine_location = text; }, [](auto& item) { return item.location; }},
    {"message_id", [](auto& of, auto text) { of.message_id = text; }, [](auto& item) { return item.message_id; }},
    {"from", [](auto& of, auto text) { of.from = text; }, [](auto& item) { return item.from; }},
    {"subject", [](auto& of, auto text) { of.subject = text; }, [](auto& item) { return item.subject; }},
    {"host", [](auto& of, auto text) { of.host = text; }, [](auto& item) { return item.host; }},
    {"response", [](auto& of, auto text) { of.recipients[0].response = text; },
     [](auto& item) { return item.recipients.at(0).response; }},
};

std::vector<std::string> odd_texts() {
    std::string every;
    for (int i = 0; i < 256; ++i) every += static_cast<char>(i);
    std::vector<std::string> out{every,
                                 std::string("n\0l", 3),
                                 std::string(1, '\0'),
                                 "\xff\xfe",
                                 "cut \xf0\x9f\x98",
                                 "\xed\xa0\x80 surrogate",
                                 "\xc0\xaf overlong",
                                 "\xf0\x9f\x98\x80 four octets",
                                 "'; DROP TABLE msgs; -- \" \\ {} % _ $1 ?1",
                                 "\\x41\\000\\",
                                 "line\r\nend\ttab",
                                 "",
                                 " ",
                                 std::string(5000, 'x')};
    std::string wide;
    for (int i = 0; i < 400; ++i) wide += "\xf0\x9f\x98\x80";
    out.push_back(wide);
    return out;
}

// try_all - each odd text in each field of a message of its own; all are stored and come back, as texts that are fit to show
void try_all(const Place& place) {
    const auto store = open_records(place);
    const auto quarantine = open_quarantine(place);
    std::vector<mail::MessageRecord> records;
    std::vector<std::string> what;
    const auto texts = odd_texts();
    for (const auto& field : fields)
        for (std::size_t i = 0; i < texts.size(); ++i) {
            records.push_back(make_record());
            field.set(records.back(), texts[i]);
            what.push_back(fmt::format("{}, text {}", field.name, i));
        }
    const auto answers = keep_all(*store, records, copy_of("x"));
    for (std::size_t i = 0; i < records.size(); ++i) {
        INFO(what[i] << (answers[i] ? "" : ": " + answers[i].error().detail));
        REQUIRE(answers[i]);
    }
    for (std::size_t i = 0; i < records.size(); ++i) {
        INFO(what[i]);
        const auto found = find(*quarantine, records[i].mail_id);
        REQUIRE(found.size() == 1);
        CHECK(found[0].recipients.size() == 1);
        const auto& field = fields[i / texts.size()];
        if (field.get == nullptr) continue;
        const auto stored = field.get(found[0]);
        CHECK(stored.find('\0') == std::string::npos);
        const bool is_address = i / texts.size() < 4;  // may be any octets
        CHECK((is_address || is_utf8(stored)));
        must(finish(*store, records[i]));
    }
}

}  // namespace

TEST_CASE("every text of a record may hold any octets: no message fails, and what is stored fits its column") {
    const Tried place(each_backend());
    try_all(*place);
}

TEST_CASE("every text of a record may hold any octets, in tables of every era") {
    const auto* era = GENERATE(from_range(std::begin(all_eras), std::end(all_eras)));
    const Tried place(each_backend({Can::eras}), era);
    if (!place) return;
    try_all(*place);
}

TEST_CASE("what a text column can hold comes back as it was, characters of four octets too") {
    const Tried place(each_backend());
    auto record = make_record();
    const std::string text = "\xf0\x9f\x98\x80 gr\xc3\xbc\xc3\x9f '\"\\{}%_$1?1 \xe2\x82\xac";
    record.subject = record.from = record.host = record.policy_path = text;
    record.sender = "\xff\x80\"'\\@example.org";
    must(keep(*open_records(*place), record));
    const auto item = find(*open_quarantine(*place), record.mail_id).at(0);
    for (const auto* field : {&item.subject, &item.from, &item.host, &item.policy}) CHECK(*field == text);
    CHECK(item.sender == "\xff\x80\"'\\@example.org");
}

TEST_CASE("what is wider than its column is cut between characters") {
    const Tried place(each_backend());
    auto record = make_record();
    for (int i = 0; i < 300; ++i) record.subject += "\xf0\x9f\x98\x80";
    record.recipients[0].response = std::string(300, 'r');
    must(keep(*open_records(*place), record));
    const auto item = find(*open_quarantine(*place), record.mail_id).at(0);
    CHECK((is_utf8(item.subject) && item.subject.size() >= 240 && item.subject.size() <= 4 * 255));
    CHECK(item.recipients[0].response == std::string(255, 'r'));
}
