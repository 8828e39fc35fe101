// programs - whether bytes begin with the header of a program that a system would start
//
// Two letters or a number at the beginning make no program (libmagic calls 64 zeros behind FF FF FF FF one): here the fields of
// the header must agree with each other and with the size. Pure; trusts nothing; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace tamis::worker {

// is_windows_program - PE behind an MZ header
bool is_windows_program(std::string_view head);
// is_dos_program - an MZ header whose sizes are possible; one for Windows or OS/2 too. `size`: of the whole file
bool is_dos_program(std::string_view head, std::uint64_t size);
// is_device_driver - for DOS: attributes, entry points and a name
bool is_device_driver(std::string_view head, std::uint64_t size);
// is_com_program - begins with a jump into itself, is binary and fits into one segment
bool is_com_program(std::string_view head, std::uint64_t size);
bool is_elf(std::string_view head);
bool is_mach_o(std::string_view head);
// is_program - any of them, or another system's whose mark is long enough
bool is_program(std::string_view head, std::uint64_t size);

}  // namespace tamis::worker
