// flat_xml - the files inside office documents that are one XML text: flat OpenDocument (fodt), Word 2003 XML, flat OPC
//
// Pictures and embedded objects stand there as base64, in elements that are called binary-data, binData or binaryData whatever
// their prefix is. One pass over the text, linear. What an XML reader would put together differently from us (character
// references) is marked. Trusts nothing; the budget bounds what is decoded.
#pragma once

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

// may_be_flat_xml - a text of any kind: libmagic calls some of these documents HTML
bool may_be_flat_xml(const mail::Part& part);
void open_flat_xml(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
