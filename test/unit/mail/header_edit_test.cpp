// header_edit_test - a field body cannot leave its field, and what is not edited is the same bytes
#include "mail/header_edit.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

#include "base/text.h"

namespace tamis::mail {
namespace {

Message message_of(std::string text) {
    Message message;
    message.header = parse_header(text);
    const auto size = text.size();
    message.spool = std::make_shared<SealedSpool>(-1, size, std::move(text));
    return message;
}

std::string bytes_of(const EditedMessage& edited) {
    std::string out;
    for (const auto& piece : edited.pieces)
        out += piece.size == 0 ? piece.literal : std::string(edited.spool->head().substr(piece.offset, piece.size));
    return out;
}

TEST_CASE("a field as text") {
    struct Row {
        std::string body, want;
    };
    const auto row =
        GENERATE(Row{"b", "N: b\r\n"}, Row{"", "N:\r\n"}, Row{" b", "N: b\r\n"}, Row{"a\n b", "N: a\r\n b\r\n"},
                 Row{"a\r\n\tb", "N: a\r\n\tb\r\n"}, Row{"a\nb", "N: ab\r\n"}, Row{"a\r\n\r\nb", "N: ab\r\n"},
                 Row{"a\n\n b", "N: a\r\n b\r\n"}, Row{"a\n \n b", "N: a \r\n b\r\n"}, Row{"a\n", "N: a\r\n"},
                 Row{"a\n ", "N: a \r\n"}, Row{std::string("a\n \0\n b", 7), "N: a \r\n b\r\n"},
                 Row{std::string("a\0b", 3), "N: ab\r\n"}, Row{"a\rX: y", "N: aX: y\r\n"}, Row{"a\n\r b", "N: a b\r\n"});
    CAPTURE(escaped(row.body));
    CHECK(field_text("N", row.body) == row.want);
}

TEST_CASE("whatever the body, it is one field without an empty-looking line") {
    std::mt19937 random(5);
    static constexpr std::string_view sharp("a:\r\n \t\0", 7);
    for (int round = 0; round < 50000; ++round) {
        std::string body;
        for (std::size_t size = random() % 12; body.size() < size;) body += sharp[random() % sharp.size()];
        const auto text = field_text("Name", body);
        CAPTURE(escaped(body));
        const auto block = parse_header(text);
        REQUIRE(block.fields.size() == 1);
        REQUIRE_FALSE(block.has_separator);
        REQUIRE(block.fields[0].end == text.size());
        REQUIRE(text.ends_with("\r\n"));
        auto lines = split(text, '\n');
        lines.pop_back();
        for (std::size_t i = 0; i < lines.size(); ++i) {
            REQUIRE(lines[i].ends_with('\r'));
            if (i > 0) REQUIRE_FALSE(trim(lines[i]).empty());
        }
        REQUIRE(text.find('\0') == std::string::npos);
    }
}

TEST_CASE("items are folded with a tab before column 78") {
    CHECK(fold_items("X", {"a", "b"}) == "a b");
    const std::string long_item(60, 'x');
    CHECK(fold_items("X", {long_item, long_item, "y"}) == long_item + "\n\t" + long_item + " y");
    CHECK(fold_items("X", {}).empty());
}

TEST_CASE("edits change what they say and nothing else") {
    const std::string text =
        "A: 1\r\nX-Spam-Flag: YES\r\n more\r\nsubject: old\r\n\tfolded\r\nx-spam-flag: NO\r\nA: 2\r\n\r\nbody\r\n";
    HeaderEdits edits;
    CHECK(bytes_of(edits.apply(message_of(text))) == text);
    edits.prepend("P", "1");
    edits.prepend("Q", "2");
    edits.remove("X-SPAM-FLAG");
    edits.replace_next("Subject", "new");
    edits.replace_next("Missing", "m");
    edits.replace_next("A", "first");
    edits.replace_next("a", "second");
    CHECK(bytes_of(edits.apply(message_of(text))) ==
          "P: 1\r\nQ: 2\r\nMissing: m\r\nA: first\r\nSubject: new\r\na: second\r\n\r\nbody\r\n");
}

TEST_CASE("a first line that begins with a blank does not join a field of ours") {
    HeaderEdits edits;
    edits.prepend("Received", "by us");
    CHECK(bytes_of(edits.apply(message_of(" evil\r\nA: 1\r\n\r\nbody"))) == " evil\r\nReceived: by us\r\nA: 1\r\n\r\nbody");
    CHECK(bytes_of(edits.apply(message_of("\r\nbody"))) == "Received: by us\r\n\r\nbody");
    CHECK(bytes_of(edits.apply(message_of(""))) == "Received: by us\r\n");
}

TEST_CASE("random messages: the rest stays byte for byte, in order") {
    std::mt19937 random(9);
    static constexpr std::string_view pieces[] = {"A: 1\r\n", "Del: x\r\n y\r\n", "garbage\r\n",   "B:\r\n", "C : \xff\r\n",
                                                  "del:\r\n", "D: \r\n \r\n",     ": no name\r\n", "E: \n"};
    for (int round = 0; round < 5000; ++round) {
        std::string kept;
        std::string text;
        for (std::size_t count = random() % 10; count > 0; --count) {
            const auto piece = pieces[random() % std::size(pieces)];
            text += piece;
            if (!starts_with_fold(piece, "del")) kept += piece;
        }
        const std::string body = random() % 2 == 0 ? "\r\nDel: in the body\r\n" : "";
        HeaderEdits edits;
        edits.prepend("New", "n");
        edits.remove("Del");
        CHECK(bytes_of(edits.apply(message_of(text + body))) == "New: n\r\n" + kept + body);
    }
}

TEST_CASE("repairs: blank continuation lines go, long lines are cut, everything else is the same bytes") {
    const std::string l998 = "X: " + std::string(995, 'a');
    const std::string cut = ("X: " + std::string(1100, 'b')).substr(0, 995) + "...\r\n";
    struct Row {
        std::string header, both, folding, lines;
    };
    const auto row = GENERATE_COPY(
        Row{"A: b\r\nC: d\r\n", "", "", ""}, Row{l998 + "\r\n", "", "", ""},
        Row{l998 + "a\r\nY: z\r\n", l998.substr(0, 995) + "...\r\nY: z\r\n", "=", l998.substr(0, 995) + "...\r\nY: z\r\n"},
        Row{"A: b\r\n \t\r\n c\r\n", "A: b\r\n c\r\n", "A: b\r\n c\r\n", "="},
        Row{"A:\r\n \r\nB: c\r\n", "A:\r\nB: c\r\n", "A:\r\nB: c\r\n", "="},
        Row{"A: b\r\n " + std::string(1500, 'c') + "\r\n\t\r\nB: d\r\n", "A: b\r\n " + std::string(994, 'c') + "...\r\nB: d\r\n",
            "A: b\r\n " + std::string(1500, 'c') + "\r\nB: d\r\n", "A: b\r\n " + std::string(994, 'c') + "...\r\n\t\r\nB: d\r\n"},
        Row{" \r\nA: b\r\n", "A: b\r\n", "A: b\r\n", "="}, Row{"X: " + std::string(1100, 'b') + "\r\n", cut, "=", cut});
    CAPTURE(escaped(row.header, 200));
    const std::string body = "\r\n \r\n" + std::string(2000, 'x') + "\r\n \r\nend";
    const auto message = message_of(row.header + body);
    const auto after = [&](HeaderRepairs repairs) {
        HeaderEdits edits;
        edits.repair(repairs);
        return bytes_of(edits.apply(message));
    };
    const auto want = [&](const std::string& text) { return (text.empty() || text == "=" ? row.header : text) + body; };
    CHECK(after({true, true}) == want(row.both));
    CHECK(after({true, false}) == want(row.folding));
    CHECK(after({false, true}) == want(row.lines));
    CHECK(after({}) == row.header + body);
    if (row.both.empty()) {  // nothing to repair: one range of the spool
        HeaderEdits edits;
        edits.repair({true, true});
        const auto edited = edits.apply(message);
        REQUIRE(edited.pieces.size() == 1);
        CHECK(edited.pieces.front().size == message.spool->size());
    }
}

TEST_CASE("repairs reach a field that was replaced, and no field can grow out of one") {
    const auto message = message_of("Subject: " + std::string(1200, 's') + "\r\nA: b\r\n \r\n\r\nbody");
    HeaderEdits edits;
    edits.prepend("New", "n");
    edits.replace_next("Subject", "*** " + std::string(1200, 's'));
    edits.repair({true, true});
    CHECK(bytes_of(edits.apply(message)) == "New: n\r\nSubject: *** " + std::string(982, 's') + "...\r\nA: b\r\n\r\nbody");
    HeaderEdits without;
    without.prepend("New", "n");
    without.replace_next("Subject", "*** " + std::string(1200, 's'));
    CHECK_FALSE(without == edits);  // recipients with different repairs are different groups
    std::mt19937 random(3);
    static constexpr std::string_view sharp("a:\r\n \t", 6);
    for (int round = 0; round < 20000; ++round) {
        std::string header;
        for (int lines = 0; lines < 4; ++lines) {
            for (std::size_t size = random() % 6; size > 0; --size) header += sharp[random() % sharp.size()];
            if (random() % 8 == 0) header += std::string(1000, 'x');
            header += "\r\n";
        }
        std::string lf = header;  // as after receipt: CRLF only
        std::erase(lf, '\r');
        header.clear();
        for (const char c : lf) header += c == '\n' ? std::string("\r\n") : std::string(1, c);
        const auto before = message_of(header + "\r\nbody");
        HeaderEdits both;
        both.repair({true, true});
        const auto out = bytes_of(both.apply(before));
        const auto again = message_of(out);
        std::vector<std::string> names, names_after;
        for (const auto& field : before.header.fields)
            if (field.name_size != 0) names.emplace_back(HeaderBlock::name(field, before.spool->head()));
        for (const auto& field : again.header.fields)
            if (field.name_size != 0) names_after.emplace_back(HeaderBlock::name(field, out));
        CAPTURE(escaped(header, 300), escaped(out, 300));
        CHECK(out.substr(again.header.size) == header.append("\r\nbody").substr(before.header.size));
        if (std::ranges::none_of(names, [](const auto& name) { return name.size() >= 995; })) CHECK(names == names_after);
    }
}

}  // namespace
}  // namespace tamis::mail
