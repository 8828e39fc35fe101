#include "scanners/worker/wire.h"

#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <random>

#include "scanners/worker/plain_look.h"

using namespace tamis;
using namespace tamis::worker;

namespace {

Answer rich_answer() {
    Answer out{.job = 7, .is_last = true, .contents = {}, .shown = {}};
    auto& contents = out.contents;
    for (std::uint32_t number = 1; number <= 3; ++number) {
        mail::Part part;
        part.number = number;
        part.parent = number - 1;
        part.path = number == 1 ? "1" : "1/" + std::to_string(number);
        part.container = "zip";
        part.names = {"rechnung.pdf.exe", std::string("raw\0name", 8)};
        part.types = {"application/zip"};
        part.kinds = {"exe", "exe-ms"};
        part.description = "PE32 executable";
        part.charset = "utf-8";
        part.size = 12345678901;
        part.sha256 = std::string(64, 'a');
        part.set(mail::PartFlag::encrypted);
        part.macros = {true, true, false, "word/vbaProject.bin"};
        contents.parts.push_back(part);
    }
    contents.parts[1].shown = mail::Shown::yes;
    contents.parts[2].shown = mail::Shown::kept_back;
    contents.anomalies = {{mail::AnomalyKind::bad_base64, 2, "odd \xff", true}, {mail::AnomalyKind::misplaced_parameter, 0, ""}};
    contents.attached_headers = {{3, 5, "<a@b>", "From me", true}};
    contents.limit = "Maximum decoding depth (14) exceeded";
    contents.limit_part = 2;
    contents.mime_error = "something";
    contents.was_opened = true;
    contents.cpu = std::chrono::microseconds(4711);
    out.shown = {{2, "1/2", false, 3, true, "abc"}, {3, "1/3", true, 99, false, {}}};
    return out;
}

bool same(const mail::Part& a, const mail::Part& b) {
    return a.number == b.number && a.parent == b.parent && a.path == b.path && a.container == b.container && a.names == b.names &&
           a.types == b.types && a.kinds == b.kinds && a.description == b.description && a.charset == b.charset &&
           a.size == b.size && a.sha256 == b.sha256 && a.flags == b.flags && a.macros == b.macros && a.shown == b.shown;
}

}  // namespace

TEST_CASE("wire: an answer comes back as it was sent") {
    const auto sent = rich_answer();
    const auto bytes = encode_answer(sent);
    const auto got = parse_answer(bytes, Limits{});
    REQUIRE(got);
    CHECK(got->job == 7);
    CHECK(got->is_last);
    REQUIRE(got->contents.parts.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(same(got->contents.parts[i], sent.contents.parts[i]));
    REQUIRE(got->contents.anomalies.size() == 2);
    CHECK(got->contents.anomalies[0].kind == mail::AnomalyKind::bad_base64);
    CHECK(got->contents.anomalies[0].detail == "odd \xff");
    CHECK(got->contents.anomalies[0].is_harmless);
    CHECK_FALSE(got->contents.anomalies[1].is_harmless);
    CHECK(got->contents.limit_part == 2);
    REQUIRE(got->contents.attached_headers.size() == 1);
    CHECK(got->contents.attached_headers[0].message_id == "<a@b>");
    CHECK(got->contents.limit == sent.contents.limit);
    CHECK(got->contents.mime_error == "something");
    CHECK(got->contents.was_opened);
    CHECK(got->contents.cpu == sent.contents.cpu);
    REQUIRE(got->shown.size() == 2);
    CHECK(got->shown[0].bytes == "abc");
    CHECK(got->shown[0].path == "1/2");
    CHECK(got->shown[1].part == 3);
    CHECK(got->shown[1].is_plain);
    CHECK(got->shown[1].size == 99);
}

TEST_CASE("wire: an answer cut anywhere, or with anything behind it, is refused") {
    const auto bytes = encode_answer(rich_answer());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        INFO(size);
        CHECK_FALSE(parse_answer(bytes.substr(0, size), Limits{}));
    }
    CHECK_FALSE(parse_answer(bytes + "x", Limits{}));
}

TEST_CASE("wire: an answer with changed bytes is refused or stays within its bounds") {
    const auto bytes = encode_answer(rich_answer());
    std::mt19937 random(20);
    for (int round = 0; round < 20'000; ++round) {
        auto damaged = bytes;
        for (unsigned changes = 1 + random() % 3; changes > 0; --changes)
            damaged[random() % damaged.size()] = static_cast<char>(random());
        const auto got = parse_answer(damaged, Limits{});
        if (!got) continue;
        const auto& contents = got->contents;
        for (std::uint32_t i = 0; i < contents.parts.size(); ++i) {
            CHECK(contents.parts[i].number == i + 1);
            CHECK(contents.parts[i].parent <= i);
            CHECK(contents.parts[i].names.size() <= mail::part_names_limit);
        }
        for (const auto& anomaly : contents.anomalies) CHECK(anomaly.part <= contents.parts.size());
        for (const auto& anomaly : contents.anomalies) CHECK_FALSE(mail::anomaly_name(anomaly.kind).empty());
    }
}

TEST_CASE("wire: what a hostile worker may not claim") {
    auto answer = rich_answer();
    Limits limits;
    const auto refused = [&] { return !parse_answer(encode_answer(answer), limits); };
    CHECK_FALSE(refused());
    SECTION("a part that lies in itself") { answer.contents.parts[1].parent = 2; }
    SECTION("a part that lies in a later one") { answer.contents.parts[0].parent = 3; }
    SECTION("a shown part beyond all limits") { answer.shown[0].part = limits.mime_parts + limits.members + 1; }
    SECTION("a word about showing that does not exist") { answer.contents.parts[0].shown = static_cast<mail::Shown>(5); }
    SECTION("inline bytes of another size") { answer.shown[0].size = 4; }
    SECTION("more inline bytes than a part may have") {
        static const std::string large(inline_part + 1, 'x');
        answer.shown[0].bytes = large;
        answer.shown[0].size = large.size();
    }
    SECTION("a flag that does not exist") { answer.contents.parts[0].flags = 128; }
    SECTION("a digest that is none") { answer.contents.parts[0].sha256 = std::string(64, 'G'); }
    SECTION("a digest that is cut") { answer.contents.parts[0].sha256 = "abc"; }
    SECTION("more parts than the limits allow") {
        limits.mime_parts = 1;
        limits.members = 1;
    }
    SECTION("more shown parts than the limits allow") { limits.extracts = 1; }
    SECTION("more bytes of shown parts than the limits allow") { limits.extract_bytes = 101; }
    SECTION("shown parts whose sizes overflow when they are added") { answer.shown[1].size = ~std::uint64_t{0} - 1; }
    CHECK(refused());
}

TEST_CASE("wire: batches, wishes and answers to them come back as they were sent, and only whole") {
    const auto answer = rich_answer();
    const auto bytes = encode_batch({7, answer.shown});
    const auto got = parse_batch(bytes, Limits{});
    REQUIRE(got);
    CHECK(got->job == 7);
    REQUIRE(got->shown.size() == 2);
    CHECK(got->shown[0].bytes == "abc");
    CHECK(got->shown[1].path == "1/3");
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(parse_batch(bytes.substr(0, size), Limits{}));
    CHECK_FALSE(parse_batch(bytes + "x", Limits{}));
    CHECK_FALSE(parse_batch(encode_answer(answer), Limits{}));
    CHECK_FALSE(parse_batch(encode_batch({7, std::vector<PartBytes>(shown_most + 1, answer.shown[0])}), Limits{}));

    const auto wish = encode_wish({7, 123456789012});
    REQUIRE(parse_wish(wish));
    CHECK(parse_wish(wish)->bytes == 123456789012);
    CHECK_FALSE(parse_wish(wish + "x"));
    CHECK_FALSE(parse_wish(wish.substr(0, wish.size() - 1)));
    const auto go_on = encode_go_on({.job = 7, .is_grant = true, .is_allowed = false, .has_enough = true});
    REQUIRE(parse_go_on(go_on));
    CHECK(parse_go_on(go_on)->is_grant);
    CHECK_FALSE(parse_go_on(go_on)->is_allowed);
    CHECK(parse_go_on(go_on)->has_enough);
    CHECK_FALSE(parse_go_on(go_on + "x"));
    CHECK(parse_elsewhere(encode_elsewhere({7, answer_limit})));
    CHECK_FALSE(parse_elsewhere(encode_elsewhere({7, answer_limit + 1})));
}

TEST_CASE("wire: overlong texts of an honest worker are cut, and too many parts are left out with a limit") {
    auto answer = rich_answer();
    answer.contents.parts[0].names = {std::string(5000, 'n')};
    answer.contents.parts[0].types = std::vector<std::string>(40, std::string(2000, 't'));
    answer.contents.mime_error = std::string(3000, 'e');
    answer.contents.attached_headers[0].from = std::string(3000, 'f');
    CHECK(parse_answer(encode_answer(answer), Limits{}));

    mail::Part large = answer.contents.parts[0];
    large.shown = mail::Shown::no;
    large.names = std::vector<std::string>(16, std::string(1024, 'x'));
    answer = {};
    answer.contents.parts.assign(5000, large);
    answer.contents.anomalies = {{mail::AnomalyKind::other_reading, 4999, "d"}};
    const auto bytes = encode_answer(answer);
    CHECK(bytes.size() <= answer_limit);
    const auto got = parse_answer(bytes, Limits{});
    REQUIRE(got);
    CHECK(got->contents.parts.size() > 100);
    CHECK(got->contents.parts.size() < 5000);
    CHECK(got->contents.limit.starts_with("Too many names"));
    CHECK(got->contents.anomalies.at(0).part == 0);
}

TEST_CASE("wire: jobs, setup, hello and death come back as they were sent") {
    Job job;
    job.number = 9;
    job.limits.mime_parts = 3;
    job.limits.maximum_factor = 77;
    job.limits.cpu = std::chrono::milliseconds(1234);
    job.limits.iso_images = true;
    job.extract = Extract::everything;
    job.is_inline = true;
    job.size = 5;
    const std::string with_message = encode_job(job) + "hello";
    const auto got = parse_job(with_message);
    REQUIRE(got);
    CHECK(got->message == "hello");
    CHECK(got->job.number == 9);
    CHECK(got->job.limits.mime_parts == 3);
    CHECK(got->job.limits.maximum_factor == 77);
    CHECK(got->job.limits.cpu == std::chrono::milliseconds(1234));
    CHECK(got->job.limits.iso_images);
    CHECK(got->job.extract == Extract::everything);
    CHECK_FALSE(parse_job(encode_job(job) + "hell"));
    CHECK_FALSE(parse_job(encode_job(job) + "hello!"));

    const Setup setup{.memory = 1, .file = 2, .descriptors = 3, .cpu_seconds = 4, .quantum_ms = 5};
    CHECK(parse_setup(encode_setup(setup)).value() == setup);
    CHECK(parse_hello(encode_hello("seccomp")).value() == "seccomp");
    auto other = encode_hello("seccomp");
    other[6] ^= 1;
    const auto refused = parse_hello(other);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(Errc::conflict));
    CHECK(refused.error().detail.find("different builds") != std::string::npos);

    const auto death = parse_death(encode_death({SIGSYS, 5, "bye\x1b"}));
    REQUIRE(death);
    CHECK(describe_death(*death) == "SIGSYS: a forbidden system call, said \"bye\\x1B\"");
    CHECK(describe_death({exit_cpu << 8, 0, {}}) == "exit code 3: too much CPU time");
    CHECK(is_cpu_death({exit_cpu << 8, 0, {}}));
    CHECK_FALSE(is_cpu_death({SIGSEGV, 0, {}}));
}

TEST_CASE("a message plainly without attachments is told from one that may have some") {
    struct Row {
        std::string_view text;
        bool want;
    };
    const auto row = GENERATE(Row{"Subject: a\r\n\r\nhello 64\r\n", true}, Row{"", true}, Row{"64", true},
                              Row{"Content-Transfer-Encoding: BASE64\r\n\r\n", false}, Row{"=?utf-8?b?eA==?= 1964", true},
                              Row{"\r\n\r\nbegin 644 a.exe\r\n", false}, Row{"a\r\n=ybegin line=128\r\n", false},
                              Row{"(This file must be converted with BinHex 4.0)", false}, Row{"PK\x03\x04", false},
                              Row{"Content-Transfer-Encoding: x-uuencode\r\n", false});
    INFO(row.text);
    CHECK(looks_plain(row.text) == row.want);
}
