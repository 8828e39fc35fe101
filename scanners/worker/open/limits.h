// limits - how much of a message may be opened, and the one budget that every decoder draws on
//
// docs/amavis/scanners.md 1; docs/opening.md. When the budget is spent, opening stops where it is: what was
// found so far stands, the message is `unchecked` (over limits), and the raw parts still go to the engines. A limit is
// a verdict, never an error. Pure but for the clocks; one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tamis::worker {

struct Limits {
    std::uint32_t mime_parts = 1000;                     // entities of the MIME structure
    std::uint32_t mime_depth = 64;                       // multipart and message/rfc822 levels
    std::uint32_t levels = 14;                           // archives within archives (amavisd $MAXLEVELS)
    std::uint32_t members = 10'000;                      // members of archives, all together ($MAXFILES)
    std::uint32_t header_bytes = 256 * 1024;             // header section of one entity
    std::uint32_t parameters = 256;                      // of one structured field
    std::uint64_t minimum_quota = 100 * 1024;            // bytes out: max(minimum, size * minimum_factor,
    std::uint64_t maximum_quota = 300ULL * 1024 * 1024;  //   min(maximum, size * maximum_factor))
    std::uint32_t minimum_factor = 5;
    std::uint32_t maximum_factor = 500;
    std::uint32_t extracts = 12'000;  // parts shown to the engines one by one: more than members and mime_parts allow
    std::uint64_t extract_bytes = 600ULL * 1024 * 1024;  // all together: twice maximum_quota
    std::chrono::milliseconds cpu{2000};
    std::chrono::milliseconds wall{30'000};
    bool iso_images = false;  // open ISO 9660
};

// Extract - which parts the engines are to be shown besides the raw message
enum class Extract : std::uint8_t {
    nothing,    // there is no antivirus engine
    not_plain,  // every part but the text of plain text mail: all engines open that by themselves
    everything,
};

// Budget - what is left for this message
class Budget {
public:
    // already - CPU time that was spent on this message before
    Budget(const Limits& limits, std::uint64_t message_size, std::chrono::microseconds already = {});

    // Each takes from the budget; false: it is spent, reason() says of what. Once false, all answers are false.
    [[nodiscard]] bool take_bytes(std::uint64_t count, const char* who);  // decoded bytes; `who` is a literal: "zip"
    [[nodiscard]] bool take_mime_part();
    [[nodiscard]] bool take_member();
    // check_depth - how deep the part to be opened lies; false also spends the budget's reason, but only this part is left
    // closed: its siblings go on
    [[nodiscard]] bool check_mime_depth(std::uint32_t depth);
    [[nodiscard]] bool check_level(std::uint32_t level);
    // check_time - looks at the clocks, cheap enough for every 64 KiB
    [[nodiscard]] bool check_time();

    // pause - time that was spent waiting for the daemon is not the decoders'
    void pause(std::chrono::steady_clock::duration waited) { until_ += waited; }
    // give_up - something else that must end the opening: memory
    void give_up(std::string reason) { spend(std::move(reason)); }
    bool is_spent() const noexcept { return spent_; }
    const std::string& reason() const noexcept { return reason_; }  // amavisd's words; "": no limit was met
    std::uint64_t bytes_left() const noexcept { return quota_ - used_; }
    const Limits& limits() const noexcept { return limits_; }
    std::chrono::microseconds cpu_used() const;

private:
    bool spend(std::string reason);

    Limits limits_;
    std::uint64_t quota_ = 0, used_ = 0;
    std::uint32_t mime_parts_ = 0, members_ = 0;
    bool spent_ = false;
    std::string reason_;
    std::chrono::steady_clock::time_point until_;
    std::chrono::nanoseconds cpu_at_start_{};
};

}  // namespace tamis::worker
