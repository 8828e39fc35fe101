#include "scanners/worker/open/kind_table.h"

#include <algorithm>
#include <array>

namespace tamis::worker {
namespace {

// Rule - `pattern` fits the beginning of a description, whatever the case of its letters; "*" is any text; "$" at the end
// means the whole description must be used up.
struct Rule {
    std::string_view pattern;
    std::string_view kinds;  // separated by blanks
};

constexpr Rule rules[] = {
    {"empty$", "empty"},
    {"directory$", "dir"},
    {"can't stat", "dat"},
    {"can't read", "dat"},
    {"cannot open", "dat"},
    {"cannot read", "dat"},
    {"ERROR:", "dat"},
    {"data$", "dat"},
    // texts
    {"ISO-8859*text", "txt"},
    {"Non-ISO*ASCII*text", "txt"},
    {"Unicode*text", "txt"},
    {"UTF*Unicode text", "txt"},
    {"diff output*text", "txt"},
    {"'diff' output*text", "txt"},
    {"GNU message catalog", "mo"},
    {"PGP message signature", "pgp pgp.asc"},
    {"PGP signature", "pgp pgp.asc"},
    {"PGP public key", "pgp pgp.asc"},
    {"PGP signed message", "pgp pgp.asc"},
    {"PGP armored data signed message", "pgp pgp.asc"},
    {"PGP message*encrypted", "pgp pgp.enc"},
    {"PGP message$", "pgp pgp.enc"},
    {"PGP symmetric key encrypted", "pgp pgp.enc"},
    {"PGP RSA encrypted", "pgp pgp.enc"},
    {"PGP encrypted", "pgp pgp.enc"},
    {"GPG encrypted", "pgp pgp.enc"},
    {"PGP armored", "pgp pgp.asc"},
    {"PGP", "pgp"},
    {"ASCII mail text", "txt"},
    {"smtp mail text", "txt"},
    {"RFC 822 mail text", "txt"},
    // pictures, sound, films
    {"JPEG image data", "image jpg"},
    {"GIF image data", "image gif"},
    {"PNG image data", "image png"},
    {"TIFF image data", "image tif"},
    {"PCX image", "image pcx"},
    {"PCX*image data", "image pcx"},
    {"PC bitmap", "image bmp"},
    {"SVG", "image svg"},
    {"RIFF*Web/P image", "image webp"},
    {"MP2", "audio mpa mp2"},
    {"MP3", "audio mpa mp3"},
    {"Audio file with ID3", "audio mpa mp3"},
    {"*MPEG ADTS, layer III", "audio mpa mp3"},
    {"ISO Media*MPEG v4*3GPP", "audio mpa 3gpp"},
    {"ISO Media*MPEG v4", "audio mpa m4a m4b"},
    {"MPEG v4", "audio mpa m4a m4b"},
    {"FLAC", "audio flac"},
    {"Ogg data, FLAC", "audio oga"},
    {"Ogg", "audio ogg"},
    {"MPEG video stream", "movie mpv"},
    {"MPEG", "movie mpg"},
    {"Matroska", "movie mkv"},
    {"Microsoft ASF", "movie wmv"},
    {"RIFF*AVI", "movie avi"},
    {"RIFF*animated cursor", "movie ani"},
    {"RIFF*WAVE audio", "audio wav"},
    {"Macromedia Flash", "swf"},
    // documents
    {"HTML document", "html"},
    {"XML*document", "xml"},
    {"exported SGML document", "sgml"},
    {"PostScript document text", "ps"},
    {"PDF document", "pdf"},
    {"Rich Text Format", "rtf"},
    {"Microsoft Office Document", "doc"},
    {"Microsoft Word 2007+", "doc docx ooxml"},
    {"Microsoft Excel 2007+", "xlsx ooxml"},
    {"Microsoft PowerPoint 2007+", "pptx ooxml"},
    {"Microsoft Visio 2013+", "vsdx ooxml"},
    {"Microsoft OOXML", "ooxml"},
    {"Microsoft Word", "doc"},
    {"Microsoft Installer", "doc msi"},
    {"Microsoft OneNote", "one"},
    {"Microsoft Access Database", "mdb"},
    {"Composite Document File V2 Document", "cdf-ms"},
    {"OLE 2 Compound Document", "cdf-ms"},
    {"OpenDocument Text", "odt odf"},
    {"OpenDocument Spreadsheet", "ods odf"},
    {"OpenDocument Presentation", "odp odf"},
    {"OpenDocument Drawing", "odg odf"},
    {"OpenDocument", "odf"},
    {"OpenOffice", "odf"},
    {"EPUB document", "epub"},
    {"ms-windows meta", "wmf"},
    {"Windows metafile", "wmf"},
    {"Windows Enhanced Metafile", "wmf"},
    {"LaTeX*document text", "lat"},
    {"TeX DVI file", "dvi"},
    {"*document text", "txt"},
    {"compiled Java class data", "java"},
    {"MS Windows 95 Internet shortcut text", "url"},
    {"MS Windows shortcut", "lnk"},
    {"MS Windows HtmlHelp", "chm"},
    {"MS Windows help", "hlp"},
    {"Compressed Google KML", "kmz"},
    // compressed data and archives
    {"frozen", "F"},
    {"gzip", "gz"},
    {"bzip2", "bz2"},
    {"bzip", "bz"},
    {"xz compressed", "xz"},
    {"lzma compressed", "lzma"},
    {"lrz", "lrz"},
    {"lzop", "lzo"},
    {"lzip", "lz"},
    {"LZ4 compressed", "lz4"},
    {"Zstandard", "zst"},
    {"compress'd", "Z"},
    {"Java archive data", "zip jar"},
    {"Android package", "zip jar apk"},
    {"Zip archive", "zip"},
    {"Zip data", "zip"},
    {"Zip multi-volume archive data", "zip"},
    {"7-zip archive", "7z"},
    {"RAR archive", "rar"},
    {"LHa*archive", "lha"},
    {"LHarc*archive", "lha"},
    {"ARC archive", "arc"},
    {"ARJ archive", "arj"},
    {"ACE archive", "ace"},
    {"Zoo archive", "zoo"},
    {"xar archive", "xar"},
    {"tar archive", "tar"},
    {"word tar archive", "tar"},
    {"POSIX tar archive", "tar"},
    {"GNU tar archive", "tar"},
    {"cpio archive", "cpio"},
    {"ASCII cpio archive", "cpio"},
    {"byte-swapped cpio archive", "cpio"},
    {"word cpio archive", "cpio"},
    {"StuffIt", "sit"},
    {"Debian binary package", "deb"},
    {"current ar archive", "a"},
    {"thin archive", "a"},
    {"RPM", "rpm"},
    {"Transport Neutral Encapsulation Format", "tnef"},
    {"TNEF", "tnef"},
    {"Microsoft Cabinet", "cab"},
    {"InstallShield C", "installshield"},
    {"ISO 9660", "iso"},
    {"UDF filesystem", "udf"},
    {"Microsoft Disk Image", "vhd"},
    {"Microsoft Disk Image eXtended", "vhd"},
    {"Windows imaging", "wim"},
    {"DOS/MBR boot sector", "img"},
    {"uuencoded", "uue"},
    {"xxencoded", "uue"},
    {"binhex", "hqx"},
    // programs; a script is a text to amavisd
    {"ASCII*script*text executable", "txt script"},
    {"*script*text executable", "txt script"},
    {"DOS batch file", "asc script bat"},
    {"ASCII", "asc"},
    {"text", "asc"},
    {"Emacs*byte-compiled Lisp", "asc"},
    {"MS-DOS executable (built-in)", "asc"},
    {"COM executable for DOS", "asc"},
    {"DOS executable (COM", "asc"},
    {"DOS executable*DLL", "exe dll"},
    {"MS-DOS executable*DLL", "exe dll"},
    {"MS Windows*DLL", "exe dll"},
    {"PE32*(DLL)*for MS Windows", "exe dll"},
    {"*executable for MS Windows*DLL", "exe dll"},
    {"MS Windows*executable", "exe exe-ms"},
    {"PE32*for MS Windows", "exe exe-ms"},
    {"PE32", "exe exe-ms"},
    {"*executable*for MS Windows", "exe exe-ms"},
    {"DOS executable", "exe exe-ms"},
    {"MS-DOS executable", "exe exe-ms"},
    {"PA-RISC*executable", "exe exe-unix"},
    {"ELF*executable", "exe exe-unix"},
    {"COFF format*executable", "exe exe-unix"},
    {"executable (RISC System", "exe exe-unix"},
    {"Mach-O*executable", "exe exe-unix"},
    {"Mach-O*library", "so"},
    {"Mach-O*bundle", "so"},
    {"VMS*executable", "exe exe-vms"},
    {"Dalvik dex file", "exe dex"},
    {"WebAssembly", "wasm"},
    {"* shared object, ", "so"},
    {"* relocatable, ", "o"},
    {"*executable", "exe"},
    {"* text", "asc"},
};

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(char a, char b) { return lower(a) == lower(b); }

// fits - the pieces between "*" in their order, the first one at the beginning
bool fits(std::string_view pattern, std::string_view text) {
    const bool whole = pattern.ends_with('$');
    if (whole) pattern.remove_suffix(1);
    bool anchored = true;
    while (true) {
        const auto star = pattern.find('*');
        const auto piece = pattern.substr(0, star);
        const auto end = anchored ? text.begin() + static_cast<std::ptrdiff_t>(std::min(piece.size(), text.size())) : text.end();
        const auto found = std::search(text.begin(), end, piece.begin(), piece.end(), same);
        if (found == end && !piece.empty()) return false;
        text.remove_prefix(static_cast<std::size_t>(found - text.begin()) + piece.size());
        if (star == std::string_view::npos) return !whole || text.empty();
        pattern.remove_prefix(star + 1);
        anchored = false;
    }
}

std::vector<std::string> split(std::string_view kinds) {
    std::vector<std::string> out;
    while (!kinds.empty()) {
        const auto blank = std::min(kinds.find(' '), kinds.size());
        out.emplace_back(kinds.substr(0, blank));
        kinds.remove_prefix(std::min(blank + 1, kinds.size()));
    }
    return out;
}

}  // namespace

std::vector<std::string> kinds_of(std::string_view description) {
    while (!description.empty() && description.front() == ' ') description.remove_prefix(1);
    const auto rule = std::ranges::find_if(rules, [&](const Rule& each) { return fits(each.pattern, description); });
    return split(rule == std::ranges::end(rules) ? "dat" : rule->kinds);
}

}  // namespace tamis::worker
