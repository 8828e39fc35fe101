"""settings - what the random comparison varies: each setting with its name in both programs and the values it is tried with

SETTINGS: name in Tamis and in the table policy -> Setting. `maps` is amavisd's list of lookup tables, a value is drawn with
values(rng, number), where the number is that of the message; the site's and the groups' own are drawn with number None.
`weight` says how often, beside the others.
"""
import collections

NONE = "none"      # Tamis' word for "no level"; amavisd's undef
Setting = collections.namedtuple("Setting", "maps values weight", defaults=(1.0,))


def one_of(*values):
    return lambda rng, number: rng.choice(values)


def address(kind):
    """An address that says which message it is from."""
    return lambda rng, number: f"{kind}@{where(number)}.example.com"


def where(number):
    return "site" if number is None else f"c{number}"


def quarantine(kind):
    def draw(rng, number):
        return rng.choice(["", "", f"{kind}-quarantine", f"held-{kind}@{where(number)}.example.com"])
    return draw


FLAG = one_of(True, True, False)
SETTINGS = {
    "virus_lover": Setting("virus_lovers_maps", FLAG),
    "spam_lover": Setting("spam_lovers_maps", FLAG),
    "unchecked_lover": Setting("unchecked_lovers_maps", FLAG),
    "banned_files_lover": Setting("banned_files_lovers_maps", FLAG),
    "bad_header_lover": Setting("bad_header_lovers_maps", FLAG),
    "bypass_virus_checks": Setting("bypass_virus_checks_maps", FLAG),
    "bypass_spam_checks": Setting("bypass_spam_checks_maps", FLAG),
    "bypass_banned_checks": Setting("bypass_banned_checks_maps", FLAG),
    "bypass_header_checks": Setting("bypass_header_checks_maps", FLAG),
    "spam_tag_level": Setting("spam_tag_level_maps", one_of(-999, 0, 2, 5)),
    "spam_tag2_level": Setting("spam_tag2_level_maps", one_of(4, 6.2, 8)),
    "spam_tag3_level": Setting("spam_tag3_level_maps", one_of(9, 15)),
    "spam_kill_level": Setting("spam_kill_level_maps", one_of(5, 6.9, 12, 30)),
    "spam_dsn_cutoff_level": Setting("spam_dsn_cutoff_level_maps", one_of(8, 20)),
    "spam_quarantine_cutoff_level": Setting("spam_quarantine_cutoff_level_maps", one_of(9, 20)),
    "spam_subject_tag": Setting("spam_subject_tag_maps", one_of("[t] ", "", "[_SCORE_] ")),
    "spam_subject_tag2": Setting("spam_subject_tag2_maps", one_of("[bulk] ", "", "[_SCORE_/_REQD_] ", "[caf\u00e9] ", "[_YESNO_] ")),
    "spam_subject_tag3": Setting("spam_subject_tag3_maps", one_of("[worse] ", "")),
    "virus_quarantine_to": Setting("virus_quarantine_to_maps", quarantine("virus")),
    "spam_quarantine_to": Setting("spam_quarantine_to_maps", quarantine("spam")),
    "banned_quarantine_to": Setting("banned_quarantine_to_maps", quarantine("banned")),
    "bad_header_quarantine_to": Setting("bad_header_quarantine_to_maps", quarantine("bad-header")),
    "clean_quarantine_to": Setting("clean_quarantine_to_maps", quarantine("clean")),
    "unchecked_quarantine_to": Setting("unchecked_quarantine_to_maps", quarantine("unchecked")),
    "message_size_limit": Setting("message_size_limit_maps", one_of(65536, 70000, 90000), 0.5),
    "addr_extension_virus": Setting("addr_extension_virus_maps", one_of("virus", "+infected")),
    "addr_extension_spam": Setting("addr_extension_spam_maps", one_of("spam", "+junk")),
    "addr_extension_banned": Setting("addr_extension_banned_maps", one_of("banned")),
    "addr_extension_bad_header": Setting("addr_extension_bad_header_maps", one_of("badh")),
    "warnvirusrecip": Setting("warnvirusrecip_maps", FLAG),
    "warnbannedrecip": Setting("warnbannedrecip_maps", FLAG),
    "warnbadhrecip": Setting("warnbadhrecip_maps", FLAG),
    "virus_admin": Setting("virus_admin_maps", address("virus-admin")),
    "spam_admin": Setting("spam_admin_maps", address("spam-admin")),
    "banned_admin": Setting("banned_admin_maps", address("banned-admin")),
    "bad_header_admin": Setting("bad_header_admin_maps", address("header-admin")),
    "banned_rulenames": Setting("banned_filename_maps", one_of("ALLOW_ALL", "PICKY", "PICKY,DEFAULT", "NONSENSE")),
}
# amavisd's category, variable with the site's destiny (none: a constant stands in the table)
DESTINIES = {
    "final_virus_destiny": ("CC_VIRUS", "final_virus_destiny"),
    "final_banned_destiny": ("CC_BANNED", "final_banned_destiny"),
    "final_unchecked_destiny": ("CC_UNCHECKED", "final_unchecked_destiny"),
    "final_spam_destiny": ("CC_SPAM", "final_spam_destiny"),
    "final_bad_header_destiny": ("CC_BADH", "final_bad_header_destiny"),
    "final_oversized_destiny": ("CC_OVERSIZED", None),
}
METHODS = {
    "virus_quarantine": "virus_quarantine_method", "banned_quarantine": "banned_files_quarantine_method",
    "spam_quarantine": "spam_quarantine_method", "unchecked_quarantine": "unchecked_quarantine_method",
    "bad_header_quarantine": "bad_header_quarantine_method", "clean_quarantine": "clean_quarantine_method",
}
WORDS = ["pass", "discard", "discard", "bounce", "reject", "tempfail"]
