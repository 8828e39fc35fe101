#include "scanners/worker/open/programs.h"

#include <algorithm>

#include "scanners/worker/open/byte_order.h"

namespace tamis::worker {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t dos_header = 28, new_header_at = 0x3c;

bool is_mz(std::string_view head) { return head.starts_with("MZ") || head.starts_with("ZM"); }

bool is_binary(std::string_view bytes) {
    return std::ranges::any_of(bytes, [](unsigned char c) { return c < 0x20 && c != '\t' && c != '\n' && c != '\r'; });
}

}  // namespace

bool is_windows_program(std::string_view head) {
    constexpr std::size_t smallest = 64;
    return is_mz(head) && head.size() >= smallest && window(head, little32(head, new_header_at), 4) == "PE\0\0"sv;
}

bool is_dos_program(std::string_view head, std::uint64_t size) {
    if (!is_mz(head) || head.size() < dos_header || !is_binary(head.substr(0, 64))) return false;
    if (is_windows_program(head)) return true;
    const auto new_header = little32(head, new_header_at);
    if (new_header >= head.size() && new_header < size) return true;  // what it is cannot be seen from here
    for (const auto mark : {"NE"sv, "LE"sv, "LX"sv})
        if (new_header >= 64 && window(head, new_header, 2) == mark) return true;
    const std::uint64_t last_page = little16(head, 2), pages = little16(head, 4), relocations = little16(head, 6),
                        paragraphs = little16(head, 8), table = little16(head, 24);
    return pages != 0 && last_page <= 512 && paragraphs != 0 && paragraphs * 16 <= pages * 512 && paragraphs * 16 <= size &&
           (relocations == 0 || table + 4 * relocations <= paragraphs * 16);
}

bool is_device_driver(std::string_view head, std::uint64_t size) {
    constexpr std::size_t header = 18;
    if (!head.starts_with("\xff\xff\xff\xff") || head.size() < header) return false;
    const auto attributes = little16(head, 4);
    const bool has_entries =
        little16(head, 6) >= header && little16(head, 6) < size && little16(head, 8) >= header && little16(head, 8) < size;
    const auto name = head.substr(10, 8);
    const bool is_named = std::ranges::all_of(name, [](unsigned char c) { return c >= 0x20 && c < 0x7f; }) && name.front() != ' ';
    return has_entries && ((attributes & 0x8000U) != 0 ? is_named : byte_at(head, 10) != 0 && byte_at(head, 10) <= 26);
}

bool is_com_program(std::string_view head, std::uint64_t size) {
    constexpr std::uint64_t segment = 65'280;
    if (size < 3 || size > segment || !is_binary(head.substr(0, 4096))) return false;
    if (byte_at(head, 0) == 0xe9) return little16(head, 1) + 3ULL < size;
    return byte_at(head, 0) == 0xeb && byte_at(head, 1) + 2ULL < size;
}

bool is_elf(std::string_view head) {
    constexpr std::size_t smallest = 52;
    if (!head.starts_with("\x7f"
                          "ELF") ||
        head.size() < smallest)
        return false;
    const auto word = byte_at(head, 4), order = byte_at(head, 5);
    if (word < 1 || word > 2 || order < 1 || order > 2 || byte_at(head, 6) != 1) return false;
    const auto type = order == 1 ? little(head, 16, 2) : big(head, 16, 2),
               machine = order == 1 ? little(head, 18, 2) : big(head, 18, 2);
    return ((type >= 1 && type <= 4) || type >= 0xfe00) && machine != 0;
}

bool is_mach_o(std::string_view head) {
    constexpr std::uint64_t thin = 0xfeedface, thin64 = 0xfeedfacf, fat = 0xcafebabe, most_kinds = 16, most_commands = 100'000,
                            most_machines = 24;
    if (big(head, 0, 4) == fat)  // Java's classes begin like this too, with their version where the machines are counted
        return big(head, 4, 4) >= 1 && big(head, 4, 4) <= most_machines && big(head, 16, 4) >= 8 + 20 * big(head, 4, 4) &&
               big(head, 20, 4) != 0;
    for (const bool is_little : {true, false}) {
        const auto number = [&](std::size_t at) { return is_little ? little(head, at, 4) : big(head, at, 4); };
        if (number(0) == thin || number(0) == thin64)
            return number(12) >= 1 && number(12) <= most_kinds && number(16) != 0 && number(16) <= most_commands &&
                   number(20) >= 8 * number(16);
    }
    return false;
}

bool is_program(std::string_view head, std::uint64_t size) {
    return is_dos_program(head, size) || is_elf(head) || is_mach_o(head) || is_device_driver(head, size) ||
           is_com_program(head, size) || head.starts_with("#!") || head.starts_with("dex\n0") || head.starts_with("XEX2");
}

}  // namespace tamis::worker
