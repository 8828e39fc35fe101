// text_sink - the bytes of a quarantined message on their way into a file: LF line ends, mbox quoting, gzip
//
// Sinks are put behind each other: text_of() -> MboxSink or GzipSink -> FileSink. A Fault of one ends the writing; what
// is in the file then is of no use. Memory is constant, whatever the message's size. Blocking; not for the loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mail/message.h"

namespace tamis::quarantine {

class Sink {
public:
    Sink() = default;
    virtual ~Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;

    virtual Done put(std::string_view bytes) = 0;
    // end - what is still held back goes out; nothing may be put after it
    virtual Done end() = 0;
};

// FileSink - appends to a descriptor it does not own; `shown` is the file's name for the Fault
class FileSink : public Sink {
public:
    FileSink(int descriptor, std::string shown) : descriptor_(descriptor), shown_(std::move(shown)) {}
    Done put(std::string_view bytes) override;
    Done end() override { return {}; }

private:
    int descriptor_;
    std::string shown_;
};

// GzipSink - RFC 1952
class GzipSink : public Sink {
public:
    explicit GzipSink(Sink& into);
    ~GzipSink() override;
    Done put(std::string_view bytes) override;
    Done end() override;

private:
    struct Deflate;
    Done run(std::string_view bytes, bool last);
    Sink& into_;
    std::unique_ptr<Deflate> deflate_;
};

// MboxSink - a line that begins with "From " gets a ">" before it (mboxo); at the end a line end, when it is missing,
// and an empty line
class MboxSink : public Sink {
public:
    explicit MboxSink(Sink& into) : into_(into) {}
    Done put(std::string_view bytes) override;
    Done end() override;

private:
    Sink& into_;
    std::size_t matched_ = 0;  // octets of "From " seen since the start of the line and held back
    bool in_line_ = false;     // past the point where the line could begin with "From "
};

// write_text - prefix and message with CR LF turned into LF, then end(). `stop` is asked now and then: true makes it a
// Fault (Errc::timeout).
Done write_text(std::string_view prefix, const mail::SealedSpool& spool, Sink& into, const std::function<bool()>& stop);

}  // namespace tamis::quarantine
