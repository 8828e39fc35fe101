// opener - walks a message breadth first: every part is named, measured and, when a decoder knows its kind, opened in turn
//
// Guarantees: ends within its Budget whatever the bytes are; never fails - what cannot be read becomes an anomaly, a flag
// or a limit in the Contents; a container stands before its members. Decoders (MIME, archives, ...) are rows in a list;
// they get random access to their bytes and add parts through PartWriter. Every part that has bytes of its own goes to the
// engines, as soon as it is settled (docs/opening.md); the exceptions are decided here and nowhere else. Names are data:
// nothing is ever created under a name from the message. Runs only in tamis-worker and tests; one thread; no I/O but memfds.
#pragma once

#include <openssl/evp.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mail/contents.h"
#include "scanners/worker/open/blob.h"
#include "scanners/worker/open/limits.h"

namespace tamis::worker {

class Opener;

// Kind - what the bytes are
struct Kind {
    std::vector<std::string> kinds;  // amavisd's short types without the dot, e.g. {"exe", "exe-ms"}
    std::string description;         // of libmagic
};

// KindFinder - names the kind of a part by its bytes; `head` is its beginning (all of it up to blob_in_memory, if that is
// available), `size` the whole size
class KindFinder {
public:
    virtual ~KindFinder() = default;
    virtual Kind find(std::string_view head, std::uint64_t size) = 0;
};

// Decoder - one row. `wants` sees names, types and kinds. Of a part that a decoder with `may_account` wants, it is decided after
// its opening whether the engines are shown it (Opener::accounts_for_all); every other part is shown as soon as it is there.
struct Decoder {
    std::string_view name;  // Part::container of the members: "zip"
    bool (*wants)(const mail::Part& part);
    void (*open)(Opener& opener, std::uint32_t part, const Blob& bytes);
    bool may_account;
    bool is_archive = true;  // counts as an archive level; MIME structures count their own depth
};

// Owned - what a range of bytes is to the format that says the range is its own
enum class Owned : std::uint8_t {
    content,  // it became parts of their own, or it is a header, a directory or padding of the container
    read,     // the reader of the format knows what is in there
    carried,  // it belongs to the format, but nobody looked into it: a file in there is at most a child
};
struct OwnedRange {
    std::uint64_t begin = 0, end = 0;
    Owned as = Owned::content;
};

// NewPart - what is known of a part before its bytes come
struct NewPart {
    std::uint32_t parent = 0;
    std::string_view container;
    std::vector<std::string> names = {};
    std::vector<std::string> types = {};
    std::string charset = {};
    std::uint8_t flags = 0;
    bool is_mime = false;       // counts as a MIME part, else as an archive's member
    bool is_structure = false;  // a multipart: it has no bytes of its own
    bool is_opened = false;     // the caller opens it himself: no decoder is asked
    bool may_be_plain = false;  // a text without name, declared and encoded as programs write plain mail; or a
                                // multipart that plain mail may have
};

// PartWriter - the bytes of one new part, as they are decoded
class PartWriter {
public:
    PartWriter(PartWriter&&) noexcept;
    ~PartWriter();
    // ok - false: the budget did not allow another part; writing does nothing
    explicit operator bool() const noexcept { return number_ != 0; }
    std::uint32_t number() const noexcept { return number_; }
    // write - false: the budget is spent, stop decoding
    bool write(std::string_view bytes);
    // finish - all bytes were written: kind, size and digest are set, the part waits for being opened. Without it (a
    // damaged stream, no budget) the destructor finishes the part as a truncated one: no digest.
    void finish();

private:
    friend class Opener;
    PartWriter(Opener& opener, std::uint32_t number, const char* who);
    void settle(bool complete);

    Opener* opener_;
    std::uint32_t number_;
    const char* who_;
    BlobWriter bytes_;
    std::string head_;  // once the bytes are no longer kept
    bool keeps_ = true, decided_ = false, settled_ = false;
    std::uint64_t size_ = 0;
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest_{nullptr, &EVP_MD_CTX_free};
};

// ShownBlob - a part that the engines are to be shown
struct ShownBlob {
    std::uint32_t part = 0;
    bool is_plain = false;
    Blob bytes;
};

// PartSink - takes parts for the engines while the opening goes on
class PartSink {
public:
    enum class Took : std::uint8_t {
        yes,
        enough,  // something was found: no further parts are needed
        no,      // these cannot be shown; why() says why
    };
    virtual ~PartSink() = default;
    virtual Took take(const mail::Contents& so_far, std::vector<ShownBlob> parts) = 0;
    virtual std::string why() const = 0;
};

constexpr std::size_t batch_parts = 200;  // so many parts, or so many bytes, are handed to the sink together
constexpr std::uint64_t batch_bytes = 4ULL * 1024 * 1024;

struct OpenerSetup {
    Limits limits;
    Extract extract = Extract::not_plain;
    PartSink* sink = nullptr;       // null: all parts come with what was opened
    KindFinder* kinds = nullptr;    // null: kinds stay empty
    std::vector<Decoder> decoders;  // first those that come first; every one that wants a part opens it
    void (*open_message)(Opener& opener, std::uint32_t parent, const Blob& message) = nullptr;
};

// Opened - contents and the parts for the engines that no sink has taken
struct Opened {
    mail::Contents contents;  // its own `shown` is empty: descriptors are made by whoever sends them
    std::vector<ShownBlob> shown;
};

class Opener {
public:
    Opener(OpenerSetup setup, std::uint64_t message_size);
    Opener(const Opener&) = delete;
    Opener& operator=(const Opener&) = delete;

    // open - everything; call once
    Opened open(const Blob& message);

    // For decoders:
    Budget& budget() noexcept { return budget_; }
    const Limits& limits() const noexcept { return setup_.limits; }
    // part - to be looked at or given a flag; the reference lasts until the next part is added
    mail::Part& part(std::uint32_t number) { return contents_.parts[number - 1]; }
    std::uint32_t parts() const noexcept { return static_cast<std::uint32_t>(contents_.parts.size()); }
    // new_part - a part whose bytes follow through the writer; `who` (a literal) names the decoder in a limit's text
    PartWriter new_part(NewPart about, const char* who);
    // new_part_of - a part whose bytes are there already (a slice of its parent); returns its number, 0 without budget. They
    // are not charged when `is_charged` is false: bytes of the message itself.
    std::uint32_t new_part_of(NewPart about, const Blob& bytes, const char* who, bool is_charged);
    // new_structure - a multipart without bytes of its own; 0 without budget
    std::uint32_t new_structure(NewPart about);
    void add_anomaly(mail::AnomalyKind kind, std::uint32_t part, std::string_view detail = {});
    // add_oddity - the same where nobody can be misled: it is told, and makes nothing ambiguous
    void add_oddity(mail::AnomalyKind kind, std::uint32_t part, std::string_view detail);
    // add_harmless_reading - a part of another reading that differs from the first in nothing that matters
    void add_harmless_reading(std::uint32_t part) { harmless_.insert(part); }
    void add_attached_header(mail::AttachedHeader found);
    // add_mime_error - for Contents::mime_error, unless `kind` turns out to be harmless in this message
    void add_mime_error(mail::AnomalyKind kind, std::uint32_t part, std::string_view text);
    // accounts_for_all - every byte of the container is a member's, or one of its headers' that can be nothing else: no gap, no
    // comment, nothing before or behind. The engines need not be shown it, unless it or a member turns out to be odd.
    void accounts_for_all(std::uint32_t part) { places_[part - 1].is_accounted = true; }
    // own - these bytes of the part belong to its format. What nobody owns is looked through for a second file (strays.h).
    void own(std::uint32_t part, std::uint64_t begin, std::uint64_t size, Owned as);
    // owned - in order, without overlaps; where two overlap, the one that begins first counts. Ranges that are
    // carried stay apart: a file in one of them ends with it.
    std::vector<OwnedRange> owned(std::uint32_t part) const;
    // check_level - whether members of this part are still within the limit of levels; false is told as a limit. For decoders that are
    // no archives by their row, because they rarely find anything
    bool check_level(std::uint32_t part);
    // mime_depth - MIME structure levels above a part (the root's entity is at 1)
    std::uint32_t mime_depth(std::uint32_t part) const;

private:
    friend class PartWriter;
    struct Place {  // beside each part: what is not told to the outside
        std::uint32_t mime_depth = 0, level = 0, children = 0;
        std::uint32_t decoders = 0;  // that have not opened it yet
        bool is_opened = false;      // by whoever added it
        bool is_accounted = false;   // accounts_for_all
        bool is_whole = false;       // all of its bytes were there
        bool may_be_plain = false;
        bool is_structure = false;
        bool is_held = false;  // `bytes` wait for it to be decided whether the engines are shown them
        std::vector<OwnedRange> owned = {};
        Blob bytes;
    };
    struct Waiting {
        std::uint32_t number;
        const Decoder* decoder;
        Blob bytes;
    };
    bool decode(const Waiting& next);
    void settle(const Waiting& next, std::uint32_t parts_before);
    std::uint32_t add(NewPart about);
    void name_kind(std::uint32_t number, std::string_view head, std::uint64_t size);
    bool is_wanted(std::uint32_t number) const;  // by a decoder or for the engines
    void arrived(std::uint32_t number, Blob bytes, bool is_kept);
    bool is_pure(std::uint32_t number) const;
    bool may_wait_as_plain(std::uint32_t number, std::string_view text);
    bool is_plain_mail(std::string_view message) const;
    void show(std::uint32_t number, bool is_plain);
    void keep_back(std::uint32_t number, std::string why);
    void hand_over();
    void show_the_rest(const Blob& message);
    void note(mail::Anomaly anomaly);
    void settle_anomalies();

    OpenerSetup setup_;
    Budget budget_;
    mail::Contents contents_;
    std::vector<Place> places_;
    std::deque<Waiting> waiting_;
    std::vector<ShownBlob> gathered_;  // for the sink
    std::uint64_t gathered_bytes_ = 0, shown_bytes_ = 0, plain_bytes_ = 0;
    std::uint32_t shown_parts_ = 0, plain_parts_ = 0;
    std::set<std::string> shown_digests_;  // the same bytes are shown once
    std::string kept_back_;                // why the first one was
    std::uint32_t kept_back_part_ = 0;
    std::set<std::uint32_t> harmless_;  // parts of other readings
    std::vector<mail::Anomaly> mime_errors_;
    bool has_enough_ = false;
};

// open_message - opens it
Opened open_message(const OpenerSetup& setup, const Blob& message);

}  // namespace tamis::worker
