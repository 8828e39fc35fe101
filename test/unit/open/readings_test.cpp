#include "scanners/worker/open/readings.h"

#include <catch2/catch.hpp>

using namespace tamis;
using namespace tamis::worker;
using mail::AnomalyKind;
using mail::PartFlag;

namespace {

mail::Part part(std::uint32_t number, std::uint32_t parent, std::string sha256, bool alternate, std::string name = "a.pdf") {
    mail::Part out;
    out.number = number;
    out.parent = parent;
    out.container = "mime";
    out.sha256 = std::move(sha256);
    out.size = out.sha256.empty() ? 0 : 1000;
    out.types = {"application/pdf"};
    out.names = {std::move(name)};
    if (alternate) out.set(PartFlag::alternate);
    return out;
}

mail::Contents contents(std::vector<mail::Part> parts, AnomalyKind kind) {
    mail::Contents out;
    out.parts = std::move(parts);
    out.anomalies = {{kind, 1, "odd"}};
    out.parts[0].set(PartFlag::ambiguous);
    return out;
}

}  // namespace

TEST_CASE("readings that show the same make nothing ambiguous") {
    auto same = contents({part(1, 0, "", false), part(2, 1, "aa", false), part(3, 0, "", true), part(4, 3, "aa", true)},
                         AnomalyKind::encoding_of_composite);
    CHECK(settle_readings(same, {}));
    CHECK_FALSE(same.is_ambiguous());
    CHECK_FALSE(same.parts[0].has(PartFlag::ambiguous));
    CHECK(same.anomalies.front().is_harmless);
}

TEST_CASE("whatever differs keeps a message ambiguous") {
    const std::vector<mail::Part> others = {part(3, 1, "bb", true), part(3, 1, "aa", true, "a.exe"),
                                            [] {
                                                auto html = part(3, 1, "aa", true);
                                                html.types = {"text/html"};
                                                return html;
                                            }(),
                                            [] {
                                                auto cut = part(3, 1, "", true);
                                                cut.size = 1000;  // not all of it was seen: no digest
                                                return cut;
                                            }()};
    for (const auto& other : others) {
        auto out = contents({part(1, 0, "", false), part(2, 1, "aa", false), other}, AnomalyKind::boundary_lookalike);
        CHECK_FALSE(settle_readings(out, {}));
        CHECK(out.is_ambiguous());
        CHECK(out.parts[0].has(PartFlag::ambiguous));
        CHECK(settle_readings(out, {3}));
    }
}

TEST_CASE("anomalies whose readings are not all parts stay what they are") {
    for (const auto kind : {AnomalyKind::duplicate_name, AnomalyKind::duplicate_type, AnomalyKind::polyglot,
                            AnomalyKind::embedded_encoding, AnomalyKind::mismatched_archive, AnomalyKind::hidden_header}) {
        auto out = contents({part(1, 0, "", false), part(2, 1, "aa", false)}, kind);
        out.anomalies.push_back({AnomalyKind::bad_base64, 2, "odd"});
        settle_readings(out, {});
        CHECK(out.is_ambiguous());
        CHECK(out.parts[0].has(PartFlag::ambiguous));
        CHECK_FALSE(out.parts[1].has(PartFlag::ambiguous));
    }
}

TEST_CASE("where a limit was met nothing is settled: readings may be missing") {
    auto out = contents({part(1, 0, "", false)}, AnomalyKind::boundary_reuse);
    out.limit = "Maximum number of MIME parts (1000) exceeded";
    CHECK_FALSE(settle_readings(out, {}));
    CHECK(out.is_ambiguous());
}

TEST_CASE("what lies in a part that is known is known; texts looked at again are no readings") {
    auto out = contents(
        {part(1, 0, "aa", false), part(2, 0, "aa", true), part(3, 2, "cc", true), part(4, 1, "dd", true), part(5, 4, "ee", true)},
        AnomalyKind::duplicate_encoding);
    out.parts[3].container = "charset";
    CHECK(settle_readings(out, {}));
}

TEST_CASE("texts that are only shown") {
    auto text = part(1, 0, "aa", true, "letter.txt");
    text.types = {"text/plain"};
    CHECK(is_only_shown(text));
    text.kinds = {"html"};
    CHECK(is_only_shown(text));
    text.kinds = {"exe"};
    CHECK_FALSE(is_only_shown(text));
    text.kinds = {"asc"};
    text.names = {"run.bat"};
    CHECK_FALSE(is_only_shown(text));
    CHECK_FALSE(is_only_shown(part(1, 0, "aa", true, "letter.txt")));
}
