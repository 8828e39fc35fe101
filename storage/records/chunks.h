// chunks - the text of a message in the form of the quarantine table: LF line ends, pieces of at most 16384 bytes
//
// Sans-io: bytes go in by add() in pieces of any size, chunks come out by next(). Only CR LF becomes LF; a CR that is
// not followed by LF stays, also when the piece ends between the two. Every chunk but the last is full. Holds at most
// one chunk and the piece last added, so a message of any size needs constant memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tamis::storage {

constexpr std::size_t chunk_size = 16384;  // amavisd's $sql_quarantine_chunksize_max

class Chunker {
public:
    explicit Chunker(std::size_t size = chunk_size) : size_(size) { chunk_.reserve(size); }

    // add - the next bytes, as they are; the view must live until next() has returned false. Only when next() did.
    void add(std::string_view bytes) noexcept { rest_ = bytes; }
    // next - fills the current chunk; true when one is full and can be taken by chunk(), false when more bytes are needed
    bool next();
    // finish - no more bytes follow; true when a last, shorter chunk is there
    bool finish();
    // chunk - the bytes of the current chunk
    std::string_view chunk() const noexcept { return chunk_; }

private:
    std::size_t size_;
    std::string chunk_;
    std::string_view rest_;
    bool taken_ = false;       // chunk_ was handed out by next()
    bool pending_cr_ = false;  // a CR whose successor is not known yet
};

}  // namespace tamis::storage
