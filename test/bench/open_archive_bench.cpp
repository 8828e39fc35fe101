// open_archive_bench - how fast a zip of documents is opened: decoded bytes per second of CPU, on one core
//
//   cmake --build --preset release --target open_archive_bench && build/release/open_archive_bench [DIRECTORY]
// Makes a zip of about 5 MB: documents (OOXML, PDF-like, text, HTML, pictures) out of a fixed sequence of words, or the files
// of the directory. Also: the cost of opening a message of 10 kB of text.
#include <archive.h>
#include <archive_entry.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "hostile/opening.h"

using namespace tamis::worker;

namespace {

struct Document {
    std::string name, bytes;
};

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::uint32_t random_number() {
    static std::uint32_t state = 12345;
    return (state = state * 1103515245 + 12345) >> 8U;
}

std::string words(std::size_t size, const char* before, const char* after) {
    constexpr const char* known[] = {
        "quarterly", "report",   "invoice", "the",       "of",     "and",    "delivery", "budget",  "committee", "agreed",
        "to",        "postpone", "a",       "meeting",   "in",     "Vienna", "until",    "further", "notice",    "because",
        "figures",   "were",     "not",     "available", "please", "find",   "attached", "amount",  "due",       "2026"};
    std::string out;
    while (out.size() < size) {
        out += before;
        for (unsigned i = 0; i < 12; ++i)
            out += std::string(known[random_number() % std::size(known)]) +
                   (random_number() % 7 == 0 ? std::to_string(random_number()) + " " : " ");
        out += after;
    }
    return out;
}

std::string noise(std::size_t size) {
    std::string out;
    while (out.size() < size) out.push_back(static_cast<char>(random_number()));
    return out;
}

la_ssize_t append(struct archive*, void* to, const void* bytes, std::size_t size) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), size);
    return static_cast<la_ssize_t>(size);
}

std::string zip_of(const std::vector<Document>& documents) {
    std::string out;
    auto* writer = archive_write_new();
    archive_write_set_format_zip(writer);
    archive_write_open(writer, &out, nullptr, append, nullptr);
    for (const auto& document : documents) {
        auto* entry = archive_entry_new();
        archive_entry_copy_pathname(entry, document.name.c_str());
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_size(entry, static_cast<la_int64_t>(document.bytes.size()));
        archive_write_header(writer, entry);
        archive_write_data(writer, document.bytes.data(), document.bytes.size());
        archive_entry_free(entry);
    }
    archive_write_close(writer);
    archive_write_free(writer);
    return out;
}

std::vector<Document> made_documents() {
    std::vector<Document> out;
    for (int i = 0; i < 12; ++i) {
        const auto number = std::to_string(i);
        out.push_back({"letter" + number + ".docx",
                       zip_of({{"[Content_Types].xml", "<Types/>"},
                               {"word/document.xml", words(500'000, "<w:p><w:r><w:t>", "</w:t></w:r></w:p>")}})});
        out.push_back({"table" + number + ".csv", words(700'000, "1;", ";2\r\n")});
        out.push_back({"page" + number + ".html", "<html><body>" + words(200'000, "<p>", "</p>\n")});
        out.push_back({"scan" + number + ".pdf", "%PDF-1.7\n" + noise(80'000)});
        out.push_back({"photo" + number + ".jpg", std::string("\xff\xd8\xff\xe0\0\x10JFIF\0", 11) + noise(60'000)});
    }
    return out;
}

std::vector<Document> documents_of(const char* folder) {
    std::vector<Document> out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream from(entry.path(), std::ios::binary);
        out.push_back({entry.path().filename(), std::string(std::istreambuf_iterator<char>(from), {})});
    }
    return out;
}

void measure(const char* what, const OpenerSetup& setup, const Blob& message, unsigned rounds) {
    std::uint64_t decoded = 0;
    std::size_t parts = 0;
    double best = 1e9, total = 0;
    for (unsigned i = 0; i < rounds; ++i) {
        const auto begin = cpu_seconds();
        const auto out = open_message(setup, message);
        const auto used = cpu_seconds() - begin;
        best = std::min(best, used);
        total += used;
        decoded = 0;
        parts = out.contents.parts.size();
        for (const auto& part : out.contents.parts)
            if (part.container != "" || parts == 1) decoded += part.size;
        if (!out.contents.limit.empty()) std::printf("limit: %s\n", out.contents.limit.c_str());
    }
    std::printf("%-28s %9zu bytes, %4zu parts, %10llu decoded: best %8.3f ms, mean %8.3f ms of CPU, %7.1f MB/s\n", what,
                message.bytes().size(), parts, static_cast<unsigned long long>(decoded), best * 1e3, total / rounds * 1e3,
                static_cast<double>(decoded) / 1e6 / best);
}

}  // namespace

int main(int count, char** arguments) {
    auto opening = load_opening();
    if (!opening) return 1;
    auto attachment = opening->setup;
    attachment.open_message = [](Opener& opener, std::uint32_t parent, const Blob& message) {
        opener.new_part_of({.parent = parent, .container = "", .is_mime = true}, message, "message", false);
    };
    measure("zip of documents", attachment, Blob::of(zip_of(count > 1 ? documents_of(arguments[1]) : made_documents())), 20);
    const std::string header =
        "From: a@example.org\r\nTo: b@example.org\r\nSubject: text\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n";
    measure("message of 10 kB of text", opening->setup, Blob::of(header + words(10'000, "", "\r\n")), 2000);
}
