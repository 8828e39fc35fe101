#include "scanners/clamd/clamd_limits.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace tamis::scanners {
namespace {

constexpr std::uint64_t MiB = 1ULL << 20;
constexpr auto file = "/etc/clamav/clamd.conf";

ClamdUse use_of(std::uint64_t max_size, bool by_stream = false) {
    ClamdUse use;
    use.max_size = max_size;
    use.by_stream = by_stream;
    use.config_file = "tamis.toml";
    return use;
}

std::vector<ClamdRemark> remarks(std::string_view conf, const ClamdUse& use, std::string_view version = "ClamAV 1.4.3/27345/x") {
    return judge_clamd_limits(clamd_limits(parse_clamd_conf(conf), version), file, use);
}

// tells - exactly one remark, with these words in it and in its fix
bool tells(const std::vector<ClamdRemark>& all, std::string_view what, std::string_view fix) {
    return std::ranges::count_if(all, [&](const auto& one) {
               return one.what.find(what) != std::string::npos && one.fix.find(fix) != std::string::npos;
           }) == 1;
}

}  // namespace

TEST_CASE("clamd limits: whose clamd.conf it is") {
    const auto conf = parse_clamd_conf("# c\nLocalSocket /var/run/clamav/clamd.ctl\nTCPSocket 3310\n");
    CHECK(is_conf_of(conf, *parse_endpoint("/run/clamav/clamd.ctl")));
    CHECK(is_conf_of(conf, *parse_endpoint("127.0.0.1:3310")));
    CHECK_FALSE(is_conf_of(conf, *parse_endpoint("127.0.0.1:3311")));
    CHECK_FALSE(is_conf_of(conf, *parse_endpoint("192.0.2.1:3310")));
    CHECK_FALSE(is_conf_of({}, *parse_endpoint("/run/clamav/clamd.ctl")));
}

TEST_CASE("clamd limits: the file that a running clamd was given") {
    const auto of = [](std::string line) {
        std::ranges::replace(line, '|', '\0');
        return conf_option(line);
    };
    CHECK(of("clamd|-c|/a/b.conf|") == "/a/b.conf");
    CHECK(of("/usr/sbin/clamd|--foreground=true|-c/a.conf|") == "/a.conf");
    CHECK(of("clamd|--config-file=/a.conf|") == "/a.conf");
    CHECK(of("clamd|--config-file|/a.conf|") == "/a.conf");
    CHECK(of("clamd|--foreground|") == "");
    CHECK(of("clamd|-c") == "");
    CHECK(of("") == "");
}

TEST_CASE("clamd limits: what is not set is as that version has it") {
    CHECK(clamd_limits({}, "ClamAV 1.0.7/27345/Thu").file_size == 100 * MiB);
    CHECK(clamd_limits({}, "ClamAV 0.105.1").scan_size == 400 * MiB);
    CHECK(clamd_limits({}, "ClamAV 0.103.8/26/x").file_size == 25 * MiB);
    CHECK(clamd_limits({}, "").stream_length == 25 * MiB);
    const auto set = clamd_limits(
        parse_clamd_conf(
            "MaxFileSize 30M\nMaxScanSize 1048577\nStreamMaxLength 0\nMaxRecursion 9\nAlertExceedsMax yes\nScanMail no\n"
            "AlertEncryptedArchive true\nAlertOLE2Macros no\nMaxFiles x\n"),
        "");
    CHECK(set.file_size == 30 * MiB);
    CHECK(set.scan_size == MiB + 1);
    CHECK(set.stream_length == 0);
    CHECK(set.recursion == 9);
    CHECK(set.files == 10'000);
    CHECK(set.tells_when_exceeded);
    CHECK_FALSE(set.opens_mail);
    CHECK(set.heuristics == std::vector<std::string>{"AlertEncryptedArchive"});
    CHECK(limits_text(set).find("MaxFileSize 30 MiB, MaxScanSize 1048577 bytes, StreamMaxLength no limit") == 0);
}

TEST_CASE("clamd limits: Debian's clamd.conf fits what we do by default") {
    const auto debian =
        "MaxScanSize 100M\nMaxFileSize 25M\nMaxRecursion 16\nMaxFiles 10000\nStreamMaxLength 25M\nMaxThreads 12\nAlertExceedsMax false\n";
    CHECK(remarks(debian, use_of(25 * MiB)).empty());
    CHECK(remarks(debian, use_of(25 * MiB, true)).empty());
    CHECK(remarks("", use_of(25 * MiB, true)).empty());
}

TEST_CASE("clamd limits: what is above a limit passes unseen, unless clamd tells or refuses") {
    const auto conf = "MaxFileSize 10M\nMaxScanSize 400M\nStreamMaxLength 5M\n";
    const auto silent = remarks(conf, use_of(25 * MiB));
    CHECK(silent.size() == 1);
    CHECK(tells(silent,
                "MaxFileSize is 10 MiB in /etc/clamav/clamd.conf, but clamd is given parts of up to 25 MiB: clamd says OK",
                "max_size = \"10 MiB\""));
    CHECK(tells(silent, "MaxFileSize", "MaxFileSize 25M, and AlertExceedsMax yes"));
    const auto told = remarks(std::string(conf) + "AlertExceedsMax yes\n", use_of(25 * MiB));
    CHECK(told.size() == 1);
    CHECK(tells(told, "not scanned completely, and the message unchecked", "MaxFileSize 25M"));
    const auto stream = remarks(conf, use_of(25 * MiB, true));
    CHECK(stream.size() == 2);
    CHECK(tells(stream, "StreamMaxLength is 5 MiB", "StreamMaxLength 25M"));
    CHECK(tells(stream, "what is larger is refused", "max_size = \"5 MiB\""));
    // any size is given: only a clamd without limits looks at all of it
    CHECK(tells(remarks("", use_of(0)), "MaxFileSize is 100 MiB in /etc/clamav/clamd.conf, but clamd is given parts of any size",
                "MaxFileSize 400M"));
    CHECK(remarks("MaxFileSize 0\nMaxScanSize 0\n", use_of(0)).empty());
    // a small message may hold a large file: the size of messages is no reason to be quiet
    auto small = use_of(25 * MiB);
    small.message_size = 5 * MiB;
    CHECK(tells(remarks(conf, small), "MaxFileSize is 10 MiB", "max_size"));
    CHECK(tells(remarks("MaxFileSize 4000M\nMaxScanSize 4000M\n", use_of(25 * MiB)),
                "MaxFileSize 4000 MiB in /etc/clamav/clamd.conf is above 1 GiB", "MaxFileSize 400M"));
}

TEST_CASE("clamd limits: attachments that the message size allows and max_size does not") {
    auto use = use_of(25 * MiB);
    use.message_size = 30 * MiB;  // at most 22.5 MiB decoded
    CHECK(remarks("", use).empty());
    use.message_size = 100 * MiB;
    CHECK(
        tells(remarks("", use), "an attachment above 25 MiB (scanners.clamd.max_size) is not scanned", "max_size = \"100 MiB\""));
    CHECK(tells(remarks("", use), "messages may have 100 MiB", "message_size = \"33 MiB\""));
}

TEST_CASE("clamd limits: nesting is clamd's business only when we do not open") {
    auto use = use_of(25 * MiB);
    CHECK(tells(remarks("ScanMail no\n", use), "ScanMail is off", "ScanMail yes"));
    CHECK(tells(remarks("MaxRecursion 3\n", use), "MaxRecursion is 3", "MaxRecursion 17"));
    CHECK(tells(remarks("MaxFiles 20\n", use), "MaxFiles is 20", "MaxFiles 10000"));
    CHECK(remarks("MaxRecursion 0\nMaxFiles 0\n", use).empty());
    CHECK(remarks("AlertExceedsMax no\n", use).empty());
    use.is_opened = false;
    CHECK(tells(remarks("AlertExceedsMax no\n", use), "archives are clamd's business", "AlertExceedsMax yes"));
    CHECK(remarks("AlertExceedsMax yes\n", use).empty());
}

TEST_CASE("clamd limits: heuristics that look like viruses, and threads") {
    auto use = use_of(25 * MiB);
    CHECK(tells(remarks("AlertEncrypted yes\nAlertOLE2Macros yes\n", use), "AlertEncrypted, AlertOLE2Macros in",
                "AlertEncrypted no, AlertOLE2Macros no"));
    CHECK(tells(remarks("MaxThreads 4\n", use), "clamd has 4 threads", "max_scans = 4"));
}

}  // namespace tamis::scanners
