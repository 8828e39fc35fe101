// vba - the macros of an office document: decompression, the project's modules, what the code would do
//
// MS-OVBA. Pure; bounded by its arguments; trusts nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tamis::worker {

// decompress_vba - a CompressedContainer (MS-OVBA 2.4.1), at most `most` bytes of it; nothing: these bytes are none. A
// damaged end leaves what was read until there.
std::optional<std::string> decompress_vba(std::string_view container, std::size_t most);

struct VbaModule {
    std::string stream;        // UTF-8 name of its stream in the folder VBA
    std::uint32_t offset = 0;  // where its compressed source begins there
};
// read_vba_modules - out of the decompressed stream "dir" (MS-OVBA 2.3.4.2)
std::vector<VbaModule> read_vba_modules(std::string_view dir);

// has_code - whether VBA source is more than the attributes that every module has ("Attribute VB_Name = ...")
bool has_code(std::string_view source);
// has_compiled_code - the same of the compiled form that stands before the source (MS-OVBA 2.3.4.3 calls it a cache, Office runs
// it when its version fits). What cannot be read is code.
bool has_compiled_code(std::string_view cache);

struct CodeSigns {
    bool auto_exec = false;   // a procedure that runs by itself
    bool suspicious = false;  // starts programs, downloads, writes files, calls the system
};
// signs_in - names in VBA source text, whatever the case of the letters
CodeSigns signs_in(std::string_view source);

}  // namespace tamis::worker
