// open_dump - opens each file of a directory and prints what was found, one JSON line per file; for test/differential
//
// Bytes are told as digests: "sha256" of the part, "text" of the same without CR, blanks at line ends and empty lines at
// the end, for readers that translate line ends. Names are in hex. "eicar" says in which way the test string was seen:
// "start" (a part begins with it, after blanks), "inside", or "". With --both-orders nothing is printed but the files in which
// something else is seen when all of them are opened once more in the opposite order: nothing may be kept from one to the next.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "scanners/worker/open/mime_walk.h"

using namespace tamis;
using namespace tamis::worker;

namespace {

// Seen - keeps the bytes of every part; the description says where they are, and no part is of a kind that is known
class Seen final : public KindFinder {
public:
    Kind find(std::string_view head, std::uint64_t) override {
        bytes.emplace_back(head);
        return {{}, std::to_string(bytes.size() - 1)};
    }
    std::vector<std::string> bytes;
};

std::string sha256(std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, EVP_sha256(), nullptr);
    std::string hex;
    for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", out[i]);
    return hex;
}

std::string as_text(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        if (c == '\r') continue;
        if (c == '\n')
            while (!out.empty() && is_blank(out.back())) out.pop_back();
        out += c;
    }
    while (!out.empty() && (is_blank(out.back()) || out.back() == '\n')) out.pop_back();
    return out;
}

std::string json_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += fmt::format("\\{}", c);
        else if (c >= 0x20 && c < 0x7f) out += c;
        else out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    }
    return out + "\"";
}

std::string_view eicar_in(const std::vector<std::string>& all) {
    constexpr std::string_view signature = R"(X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*)";
    std::string_view how;
    for (const auto& bytes : all) {
        if (trim(bytes).starts_with(signature)) return "start";
        if (bytes.find(signature) != std::string::npos) how = "inside";
    }
    return how;
}

std::string dump(const std::string& name, const std::string& message) {
    Seen seen;
    OpenerSetup setup;
    setup.kinds = &seen;
    setup.decoders = mime_decoders();
    setup.open_message = open_mime;
    auto opened = Opener(setup, message.size()).open(Blob::borrow(message));
    const auto& contents = opened.contents;
    std::vector<std::string> parts, anomalies;
    for (const auto& part : contents.parts) {
        std::vector<std::string> names;
        for (const auto& declared : part.names) names.push_back(json_text(to_hex(declared)));
        std::vector<std::string> types;
        for (const auto& type : part.types) types.push_back(json_text(type));
        std::string text;
        if (!part.description.empty()) text = sha256(as_text(seen.bytes[std::stoul(part.description)]));
        parts.push_back(fmt::format(
            R"({{"path":"{}","container":"{}","names":[{}],"types":[{}],"size":{},"flags":{},"sha256":"{}","text":"{}"}})",
            part.path, part.container, fmt::join(names, ","), fmt::join(types, ","), part.size, part.flags, part.sha256, text));
    }
    for (const auto& anomaly : contents.anomalies)
        anomalies.push_back(fmt::format(R"({{"kind":"{}","ambiguous":{},"part":{},"detail":{}}})",
                                        mail::anomaly_name(anomaly.kind), mail::is_ambiguous(anomaly), anomaly.part,
                                        json_text(anomaly.detail)));
    return fmt::format(
        R"({{"file":{},"parts":[{}],"anomalies":[{}],"limit":{},"mime_error":{},"attached":{},"eicar":"{}","ambiguous":{}}})",
        json_text(name), fmt::join(parts, ","), fmt::join(anomalies, ","), json_text(contents.limit),
        json_text(contents.mime_error), contents.attached_headers.size(), eicar_in(seen.bytes), contents.is_ambiguous());
}

}  // namespace

int main(int count, char** arguments) {
    const bool both_orders = count == 3 && std::string_view(arguments[1]) == "--both-orders";
    if (count != 2 && !both_orders) {
        fmt::print(stderr, "usage: open_dump [--both-orders] DIRECTORY\n");
        return 2;
    }
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(arguments[count - 1])) files.push_back(entry.path());
    std::ranges::sort(files);
    const auto dump_file = [](const std::filesystem::path& file) {
        std::ifstream in(file, std::ios::binary);
        const std::string message{std::istreambuf_iterator<char>(in), {}};
        return dump(file.filename().string(), message);
    };
    std::vector<std::string> first;
    for (const auto& file : files) {
        first.push_back(dump_file(file));
        if (!both_orders) fmt::print("{}\n", first.back());
    }
    bool is_same = true;
    for (std::size_t i = files.size(); both_orders && i-- != 0;) {
        if (dump_file(files[i]) == first[i]) continue;
        is_same = false;
        fmt::print("{} differs from what was seen in it before\n", files[i].filename().string());
    }
    return is_same ? 0 : 1;
}
