// banned_sets - the lists of banned rules that come with Tamis; docs/banned.md says what each is for
#include "policy/banned.h"

namespace tamis::policy {

std::string_view banned_sets() noexcept {
    // DEFAULT is $banned_filename_re of Debian's amavisd-new, rule by rule
    static constexpr std::string_view sets = R"toml(
[[banned.rules.DEFAULT]]
any = '\.[^./]*\.(exe|vbs|pif|scr|bat|cmd|com|cpl|dll)\.?$'
[[banned.rules.DEFAULT]]
any = '\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$'
[[banned.rules.DEFAULT]]
any = '^application/x-msdownload$'
[[banned.rules.DEFAULT]]
any = '^application/x-msdos-program$'
[[banned.rules.DEFAULT]]
any = '^application/hta$'
[[banned.rules.DEFAULT]]
any = '.\.(exe|vbs|pif|scr|bat|cmd|com|cpl)$'
[[banned.rules.DEFAULT]]
any = '(?-i)^\.(exe-ms)$'

[[banned.rules.ALLOW_ALL]]
action = "allow"
depth = 1

[[banned.rules.NO-EXECUTABLES]]
comment = "program"
kind = '^(exe|dll|java)(-.*)?$'
[[banned.rules.NO-EXECUTABLES]]
comment = "program"
type = '^application/(x-msdownload|x-msdos-program|x-msi|x-ms-installer|x-ms-shortcut|hta|x-dosexec|vnd\.microsoft\.portable-executable|java-archive|x-java-archive|x-sh|x-shellscript|x-bat)$'
[[banned.rules.NO-EXECUTABLES]]
comment = "program by its name"
name = '.\.(ade|adp|apk|app|appinstaller|appx|appxbundle|application|asp|bas|bat|chm|cmd|com|cpl|crt|dll|exe|fxp|gadget|hlp|hta|inf|ins|isp|jar|jnlp|js|jse|lnk|mda|mdb|mde|mdt|mdw|mdz|msc|msh|msh1|msh2|mshxml|msi|msix|msixbundle|msp|mst|ops|pcd|pif|pl|prg|ps1|ps1xml|ps2|ps2xml|psc1|psc2|psd1|psm1|reg|scf|scr|sct|settingcontent-ms|shb|shs|sys|url|vb|vbe|vbs|vhd|vhdx|vxd|website|ws|wsc|wsf|wsh|xbap|xll)\.?$'
[[banned.rules.NO-EXECUTABLES]]
comment = "Windows class id"
name = '\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$'

[[banned.rules.NO-MACROS]]
comment = "macro"
macro = "present"

[[banned.rules.NO-AUTO-MACROS]]
comment = "macro that starts by itself"
macro = "auto-exec"

[[banned.rules.NO-SUSPICIOUS-MACROS]]
comment = "suspicious macro"
macro = "suspicious"

[[banned.rules.NO-ENCRYPTED]]
comment = "encrypted"
encrypted = true

[[banned.rules.OFFICE-ONLY]]
comment = "program"
kind = '^(exe|dll|java)(-.*)?$'
[[banned.rules.OFFICE-ONLY]]
comment = "macro"
macro = "present"
[[banned.rules.OFFICE-ONLY]]
comment = "encrypted"
encrypted = true
[[banned.rules.OFFICE-ONLY]]
action = "allow"
kind = '^(docx|xlsx|pptx|odt|ods|odp)$'
name = '.\.(docx|xlsx|pptx|dotx|xltx|potx|ppsx|odt|ods|odp|ott|ots|otp)$'
[[banned.rules.OFFICE-ONLY]]
action = "allow"
kind = '^(doc|cdf-ms|xls|ppt)$'
name = '.\.(doc|xls|ppt|pps|dot|xlt|pot)$'
[[banned.rules.OFFICE-ONLY]]
action = "allow"
leaf = true
kind = '^(pdf|rtf)$'
name = '.\.(pdf|rtf)$'
[[banned.rules.OFFICE-ONLY]]
action = "allow"
leaf = true
kind = '^(jpg|png|gif|tif|bmp)$'
name = '.\.(jpe?g|png|gif|tiff?|bmp)$'
[[banned.rules.OFFICE-ONLY]]
action = "allow"
leaf = true
kind = '^(asc|txt|html|empty)$'
type = '^(text/(plain|html|calendar|csv)|message/delivery-status|message/disposition-notification|text/rfc822-headers)$'
[[banned.rules.OFFICE-ONLY]]
action = "allow"
leaf = true
type = '^application/((x-)?pkcs7-signature|pgp-signature)$'
size_max = "64 KiB"
[[banned.rules.OFFICE-ONLY]]
comment = "not on the list of allowed kinds"
depth = 1
)toml";
    return sets;
}

}  // namespace tamis::policy
