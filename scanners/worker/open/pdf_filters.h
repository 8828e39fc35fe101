// pdf_filters - takes the filters off a PDF's stream: Flate, LZW, RunLength, ASCII85, ASCIIHex
//
// ISO 32000-1 section 7.4. Predictors are not undone: attached files have none. Pure, bounded by `most`; trusts nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scanners/worker/open/pdf_syntax.h"

namespace tamis::worker {

// filters_of - by their long names, the first to be removed first
std::vector<std::string> filters_of(const PdfDictionary& stream);
// remove_filters - nothing: a filter that is not known, or data that it cannot have made. At most `most` bytes come out.
std::optional<std::string> remove_filters(std::string_view data, const std::vector<std::string>& filters, std::size_t most);

}  // namespace tamis::worker
