#include "scanners/clamd/clamd.h"

#include "base/log.h"
#include "test/unit/scanners/bad_peers.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;

const std::string stream_ok("stream: OK\0", 11);

ClamdSettings quick(Duration timeout = 10s) {
    ClamdSettings settings;
    settings.timeout = timeout;
    settings.retry_for = 0ms;
    return settings;
}

// hear_stream - the message of one INSTREAM command, and the sizes of its chunks
std::string hear_stream(Connection& c, std::vector<std::size_t>* sizes = nullptr) {
    if (c.hear(10) != std::string("zINSTREAM\0", 10)) return "no command";
    std::string message;
    for (;;) {
        const auto length = c.hear(4);
        if (length.size() != 4) return "cut off";
        std::size_t size = 0;
        for (const char byte : length) size = size << 8 | static_cast<unsigned char>(byte);
        if (size == 0) return message;
        if (sizes != nullptr) sizes->push_back(size);
        message += c.hear(size);
    }
}

TEST_CASE("over TCP the message goes in chunks of at most 64 KiB") {
    const auto size = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{65536}, std::size_t{65537}, std::size_t{300'000});
    const auto head = GENERATE(Head::all, Head::none);
    std::string text(size, 'x');
    for (std::size_t at = 0; at < size; at += 997) text[at] = static_cast<char>('a' + at % 26);
    std::string heard;
    std::vector<std::size_t> sizes;
    {
        FakePeer peer([&](Connection& c) {
            heard = hear_stream(c, &sizes);
            c.say(stream_ok);
        });
        Clamd clamd({peer.endpoint()}, quick());
        CHECK(is_clean(scan_text(clamd, text, head)));
    }
    CHECK(heard == text);
    for (const auto chunk : sizes) CHECK(chunk <= 65536);
}

TEST_CASE("over a unix socket the sealed descriptor goes, unless bytes are wanted") {
    TempDir dir;
    std::string heard;
    FakePeer peer(
        [&](Connection& c) {
            if (c.hear(1) != "z") return;
            if (c.hear(1) == "I") {
                c.hear(8);
                c.hear(4);
                heard = c.hear(clean_text.size());
                c.hear(4);
                c.say(stream_ok);
                return;
            }
            c.hear(6);  // "ILDES" and NUL
            const int passed = c.hear_descriptor();
            std::array<char, 1000> buffer{};
            const auto got = ::pread(passed, buffer.data(), buffer.size(), 0);
            heard.assign(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
            ::close(passed);
            c.say(std::string("fd[10]: Eicar FOUND\0", 20));
        },
        dir.file("clamd.sock"));
    auto settings = quick();
    Clamd passing({peer.endpoint()}, settings);
    CHECK(told(scan_text(passing, clean_text, Head::none)) == "infected Eicar");
    CHECK(heard == clean_text);
    heard.clear();
    settings.method = "instream";
    Clamd streaming({peer.endpoint()}, settings);
    CHECK(is_clean(scan_text(streaming, clean_text)));
    CHECK(heard == clean_text);
}

TEST_CASE("no bad peer is taken for clamd") {
    check_bad_peers(stream_ok, [](const Endpoint& to) { return std::make_shared<Clamd>(std::vector{to}, quick(200ms)); }, 200ms);
}

TEST_CASE("clamd fails over") {
    check_fails_over(
        [](Connection& c) {
            hear_stream(c);
            c.say(stream_ok);
        },
        [](std::vector<Endpoint> to) { return std::make_shared<Clamd>(std::move(to), quick(4s)); });
}

TEST_CASE("a size limit told in the middle of the stream is understood; OK there is not") {
    log::capture(true);
    struct Row {
        std::string reply;
        Errc want;
    };
    const auto row = GENERATE(Row{std::string("INSTREAM size limit exceeded. ERROR\0", 36), Errc::over_limit},
                              Row{stream_ok, Errc::bad_reply});
    FakePeer peer([&](Connection& c) {
        c.hear(100'000);
        c.say(row.reply);
        ::shutdown(c.descriptor(), SHUT_WR);
        c.wait_for_close();
    });
    Clamd clamd({peer.endpoint()}, quick());
    const auto outcome = scan_text(clamd, std::string(24'000'000, 'x'), Head::none);
    INFO(told(outcome));
    CHECK(is_failed(outcome, row.want));
    log::capture(false);
}

TEST_CASE("a peer that closes in the middle of the stream is tried twice and has not said clean") {
    log::capture(true);
    FakePeer peer([](Connection& c) { c.hear(200'000); });
    auto settings = quick();
    settings.retry_for = 5s;
    Clamd clamd({peer.endpoint()}, settings);
    const auto outcome = scan_text(clamd, std::string(24'000'000, 'x'), Head::none);
    CHECK(is_failed(outcome, Errc::closed));
    CHECK(told(outcome).find("closed before it had everything") != std::string::npos);
    CHECK(peer.connections() == 4);  // each time it was also asked whether that was its size limit
    log::capture(false);
}

TEST_CASE("a size limit whose word was lost is asked for again, with the length alone") {
    log::capture(true);
    // the first connection is cut off without a word; the next hears a length that is too large before any byte
    std::atomic<int> turn = 0;
    std::string heard;
    FakePeer peer([&](Connection& c) {
        if (turn++ == 0) return (void)c.hear(200'000);
        heard = c.hear(14);
        c.say(std::string("INSTREAM size limit exceeded. ERROR\0", 36));
        c.wait_for_close();
    });
    Clamd clamd({peer.endpoint()}, quick());
    const auto outcome = scan_text(clamd, std::string(24'000'000, 'x'), Head::none);
    INFO(told(outcome));
    CHECK(is_failed(outcome, Errc::over_limit));
    CHECK(told(outcome).find("StreamMaxLength") != std::string::npos);
    CHECK(heard == std::string("zINSTREAM\0", 10) + std::string("\x01\x6e\x36\x00", 4));
    CHECK(clamd.health() == "ok");
    log::capture(false);
}

TEST_CASE("limits and errors of clamd are failures, and only errors ask the next address") {
    struct Row {
        std::string reply;
        Errc want;
        int asked;
    };
    const auto row = GENERATE(Row{"stream: Heuristics.Limits.Exceeded.MaxScanSize FOUND", Errc::over_limit, 1},
                              Row{"INSTREAM size limit exceeded. ERROR", Errc::over_limit, 1},
                              Row{"stream: Can't allocate memory ERROR", Errc::unavailable, 2});
    const FakePeer::Script script = [&](Connection& c) {
        hear_stream(c);
        c.say(row.reply + std::string(1, '\0'));
    };
    FakePeer first(script), second(script);
    Clamd clamd({first.endpoint(), second.endpoint()}, quick());
    CHECK(is_failed(scan_text(clamd, clean_text), row.want));
    CHECK(first.connections() + second.connections() == row.asked);
    CHECK(clamd.health() == "ok");
}

TEST_CASE("a late answer is never the answer for the next message") {
    log::capture(true);
    FakePeer peer([](Connection& c) {
        hear_stream(c);
        if (c.number() == 0) c.still_open(500);  // the first scan has given up by now
        c.say(c.number() == 0 ? stream_ok : std::string("stream: Second FOUND\0", 21));
    });
    Clamd slow({peer.endpoint()}, quick(200ms));
    CHECK(is_failed(scan_text(slow, clean_text), Errc::timeout));
    CHECK(told(scan_text(slow, clean_text)) == "infected Second");
    log::capture(false);
}

TEST_CASE("while clamd restarts a scan waits for it") {
    log::capture(true);
    TempDir dir;
    const auto path = dir.file("clamd.sock");  // nobody there yet
    auto settings = quick();
    settings.retry_for = 10s;
    settings.method = "instream";
    Clamd clamd({Endpoint{{}, 0, path}}, settings);
    std::optional<FakePeer> peer;
    asio::io_context context(1);
    const auto message = make_message(clean_text);
    const auto envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "", ""};
    std::optional<mail::ScanOutcome> outcome;
    asio::co_spawn(context, clamd.scan(request, Deadline::in(10s)),
                   [&](std::exception_ptr, mail::ScanOutcome value) { outcome = std::move(value); });
    while (clamd.health() == "ok") context.run_one();
    peer.emplace(
        [](Connection& c) {
            hear_stream(c);
            c.say(stream_ok);
        },
        path);
    context.run();
    REQUIRE(outcome);
    CHECK(is_clean(*outcome));
    CHECK(clamd.health() == "ok");
    log::capture(false);
}

TEST_CASE("the message's own deadline is kept") {
    log::capture(true);
    FakePeer peer([](Connection& c) { c.wait_for_close(); });
    Clamd clamd({peer.endpoint()}, quick(60s));
    const auto begun = Deadline::Clock::now();
    CHECK(is_failed(scan_text(clamd, clean_text, Head::all, Deadline::in(300ms)), Errc::timeout));
    CHECK(Deadline::Clock::now() - begun < 50s);
    log::capture(false);
}

}  // namespace
}  // namespace tamis::scanners
