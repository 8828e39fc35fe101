#include "scanners/worker/open/pdf.h"

#include "scanners/worker/open/pdf_filters.h"
#include "scanners/worker/open/pdf_security.h"
#include "scanners/worker/open/pdf_syntax.h"
#include "test/fuzz/opening.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

void pdf(std::string_view bytes) {
    constexpr std::size_t most_objects = 1000, most = 1 << 16;
    const auto file = worker::read_pdf(bytes, most_objects);
    must(file.objects.size() <= most_objects, "objects are limited");
    std::size_t behind = 0;
    for (const auto& object : file.objects) {
        must(object.begin >= behind && object.end >= object.begin && object.end <= bytes.size(), "objects follow each other");
        behind = object.end;
        must(!object.is_stream || (object.data >= object.begin && object.data_size <= object.end - object.data),
             "data lie within their object");
        const worker::PdfDictionary dictionary(object.value);
        if (const auto security = worker::PdfSecurity::open(dictionary, "0123456789abcdef"))
            (void)security->decrypt(object.id, bytes);
        if (const auto data =
                worker::remove_filters(bytes.substr(object.data, object.data_size), worker::filters_of(dictionary), most))
            must(data->size() <= 2 * most, "decoded data are limited");
    }
    worker::pdf_attachments(bytes);
    auto setup = full_setup();
    setup.open_message = [](worker::Opener& opener, std::uint32_t parent, const worker::Blob& message) {
        opener.new_part_of({.parent = parent, .container = "", .types = {"application/pdf"}, .is_mime = true}, message, "message",
                           false);
    };
    check_opened(worker::open_message(setup, worker::Blob::borrow(bytes)), setup.limits);
}

}  // namespace tamis::fuzz
