#include "scanners/worker/open/tar_structure.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;

namespace {

std::string header(std::string name, char type, std::uint64_t size) {
    std::string out(512, '\0');
    const auto put = [&](std::size_t at, std::string_view text) { out.replace(at, text.size(), text); };
    std::string digits(11, '0');
    for (std::size_t i = 11; i-- > 0; size /= 8) digits[i] = static_cast<char>('0' + size % 8);
    put(0, name);
    put(100, "0000644");
    put(124, digits);
    put(148, "        ");
    out[156] = type;
    put(257, std::string_view("ustar\0"
                              "00",
                              8));
    unsigned sum = 0;
    for (const char c : out) sum += static_cast<unsigned char>(c);
    std::string stored(6, '0');
    for (std::size_t i = 6; i-- > 0; sum /= 8) stored[i] = static_cast<char>('0' + sum % 8);
    put(148, stored + std::string("\0 ", 2));
    return out;
}

std::string member(std::string name, std::string data, char type = '0') {
    auto out = header(std::move(name), type, data.size()) + data;
    out.resize((out.size() + 511) / 512 * 512, '\0');
    return out;
}

const std::string end(1024, '\0');

}  // namespace

TEST_CASE("tar archives as programs write them are whole, and read in one way") {
    const auto* format = GENERATE("pax", "ustar", "gnutar");
    const auto bytes = pack(format, "none",
                            {{"a.txt", "hello"},
                             {"dir", "", 'd'},
                             {"link", "a.txt", 'l'},
                             {"hard", "a.txt", 'h'},
                             {std::string(90, 'n'), "long name"}});
    const auto reading = read_tar(bytes, 100);
    CHECK(reading.damage.empty());
    CHECK(reading.oddities.empty());
    CHECK(reading.links.empty());
}

TEST_CASE("a hard link that tells its target's size has no bytes; one with bytes is read in two ways") {
    CHECK(read_tar(member("a", "hello") + header("b", '1', 5) + end, 100).oddities.empty());
    CHECK(read_tar(header("b", '1', 5) + member("a", "hello") + end, 100).oddities.empty());
    const auto type = GENERATE('1', '2', '3', '5');
    const auto out = open_bytes(member("b.exe", "MZ hidden behind a link", type) + member("a", "hello") + end, "x.tar");
    CHECK(has_anomaly(out.contents, mail::AnomalyKind::mismatched_archive));
    const auto found = std::ranges::find(out.contents.parts, std::uint64_t{23}, &mail::Part::size);
    CHECK(found != out.contents.parts.end());
}

TEST_CASE("a wrong checksum behind the first member is damage, not the end") {
    auto second = member("b.exe", "MZ behind");
    second[148] = '7';
    const auto out = open_bytes(member("a", "hello") + second + end, "x.tar");
    CHECK(out.contents.is_undecipherable());
}

TEST_CASE("a member whose pax record tells another size than its header is read in two ways") {
    const auto record = member("pax", "11 size=11\n", 'x');
    CHECK(read_tar(record + member("a", std::string(11, 'a')) + end, 100).oddities.empty());
    CHECK(read_tar(record + header("a", '0', 5) + std::string(512, 'a') + end, 100).oddities.size() == 1);
    CHECK(read_tar(record + header("a", '0', 0) + std::string(512, 'a') + end, 100).oddities.empty());
}

TEST_CASE("a tar that is cut is damaged; one without its end is not") {
    const auto whole = member("a", std::string(2000, 'a')) + member("b", std::string(2000, 'b'));
    CHECK(read_tar(whole, 100).damage.empty());
    CHECK(read_tar(whole.substr(0, whole.size() - 1000), 100).damage == "a member that is cut");
}
