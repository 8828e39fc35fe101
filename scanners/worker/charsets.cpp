#include "scanners/worker/charsets.h"

#include <iconv.h>

#include <array>

namespace tamis::open {
namespace {

// those of the WHATWG encoding standard, what else RFC 2045 mail has been seen with, and what libarchive converts names from
constexpr std::array mail_charsets{
    "US-ASCII",     "ISO-8859-1",  "ISO-8859-2",  "ISO-8859-3",  "ISO-8859-4",   "ISO-8859-5",   "ISO-8859-6",   "ISO-8859-7",
    "ISO-8859-8",   "ISO-8859-9",  "ISO-8859-10", "ISO-8859-11", "ISO-8859-13",  "ISO-8859-14",  "ISO-8859-15",  "ISO-8859-16",
    "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252", "WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255", "WINDOWS-1256",
    "WINDOWS-1257", "WINDOWS-1258", "WINDOWS-874", "TIS-620",    "KOI8-R",       "KOI8-U",       "KOI8-T",       "IBM437",
    "IBM850",       "IBM852",      "IBM855",      "IBM866",      "MACINTOSH",    "MAC-CYRILLIC", "GB2312",       "GBK",
    "GB18030",      "HZ",          "BIG5",        "BIG5-HKSCS",  "EUC-TW",       "ISO-2022-JP",  "ISO-2022-JP-2", "EUC-JP",
    "SHIFT_JIS",    "CP932",       "EUC-KR",      "CP949",       "ISO-2022-KR",  "ISO-2022-CN",  "UTF-7",        "UTF-16",
    "UTF-16LE",     "UTF-16BE",    "UTF-32",      "UTF-32LE",    "UTF-32BE",     "UCS-2",        "TCVN5712-1",   "VISCII",
    "ARMSCII-8",    "GEORGIAN-PS", "PT154",       "CP1133"};

}  // namespace

std::size_t hold_charsets() {
    std::size_t known = 0;
    for (const char* name : mail_charsets) {
        // never closed: iconv forgets a conversion that nobody holds, and could not load it again
        if (const iconv_t held = ::iconv_open("UTF-8", name); held != reinterpret_cast<iconv_t>(-1)) ++known;
        if (const iconv_t held = ::iconv_open(name, "UTF-8"); held != reinterpret_cast<iconv_t>(-1)) ++known;
    }
    return known;
}

}  // namespace tamis::open
