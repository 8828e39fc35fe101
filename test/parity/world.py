"""world - one set of static settings for both programs: site, groups of recipients (g0 ... g5.example.com), sender lists

World(seed, number) draws them; tamis() and amavisd() write the same as TOML tables and as Perl.
"""
import random

from .cases import BANNED_RULES, PICKY
from .settings import DESTINIES, METHODS, NONE, SETTINGS, WORDS

GROUPS = [f".g{number}.example.com" for number in range(6)]
INSIDE, OUTSIDE = "192.0.2.7", "198.51.100.7"
SITE = {"spam_tag_level": 2, "spam_tag2_level": 6.2, "spam_tag3_level": NONE, "spam_kill_level": 6.9,
        "spam_dsn_cutoff_level": NONE, "spam_quarantine_cutoff_level": NONE, "spam_subject_tag": "", "spam_subject_tag2": "***SPAM*** ",
        "spam_subject_tag3": "", **{f"{kind}_quarantine_to": f"{kind.replace('_', '-')}-quarantine" for kind in
                                    ("virus", "spam", "banned", "bad_header", "clean", "unchecked")},
        "message_size_limit": 0, **{f"addr_extension_{kind}": "" for kind in ("virus", "spam", "banned", "bad_header")},
        "warnvirusrecip": False, "warnbannedrecip": False, "warnbadhrecip": False,
        "virus_admin": "", "spam_admin": "", "banned_admin": "", "bad_header_admin": ""}
# the score of a message stands in its field X-Standin; what SpamAssassin says is another test's matter
STANDIN = r"""
{ package Standin;
  sub new { bless {}, shift }
  sub check {
    my($self, $message) = @_;
    my $text = $message->get_header_field_body('x-standin');
    $text = '' if !defined $text;
    my($score, @tests) = (0);
    while ($text =~ /([A-Z0-9_]+)=(-?[0-9.]+)/g) { push(@tests, "$1=$2"); $score += $2 }
    my $all = join(',', @tests);
    for my $recipient (@{$message->per_recip_data}) {
      $recipient->spam_level(($recipient->spam_level || 0) + $score);
      $recipient->spam_tests([]) if !$recipient->spam_tests;
      push(@{$recipient->spam_tests}, \$all) if @tests;
    }
    $message->supplementary_info('SCORE-Standin', $score);
  } }
@spam_scanners = (['Standin', 'Standin']);
"""


class World:
    def __init__(self, seed, number):
        rng = random.Random(f"world {seed} {number}")
        self.site = dict(SITE)
        for name in self.site:
            if rng.random() < 0.12:
                self.site[name] = SETTINGS[name].values(rng, None)
        self.destinies = {name: rng.choice(WORDS) for name in DESTINIES}
        self.destinies["final_unchecked_destiny"] = rng.choice(["pass", "pass", "discard"])
        if rng.random() < 0.5:
            self.destinies["final_bad_header_destiny"] = "pass"
        self.methods = {name: rng.choice(["sql:"] * 6 + ["", f"local:{name.removesuffix('_quarantine')}-%m"]) for name in METHODS}
        for name in ("unchecked_quarantine", "clean_quarantine"):
            self.methods[name] = "sql:" if rng.random() < 0.25 else ""
        self.groups = {group: self._group(rng) for group in GROUPS}
        self.lists = rng.random() < 0.4
        self.soft_bounce = number % 12 == 7
        self.replace_extension = rng.random() < 0.8

    @staticmethod
    def _group(rng):
        drawn = {name: setting.values(rng, None) for name, setting in SETTINGS.items() if rng.random() < 0.06 * setting.weight}
        drawn.pop("banned_rulenames", None)      # here the first one alone counts, amavisd takes all (banned.md)
        drawn.update({name: rng.choice(WORDS) for name in DESTINIES if rng.random() < 0.5})
        return drawn

    def tamis(self):
        """Tables of tamis.toml."""
        lists = [{"whitelist": [".white.example.org"], "blacklist": [".black.example.org"]},
                 {"recipients": [GROUPS[1]], "scores": {".score.example.org": 4.5}}] if self.lists else None
        return {
            "server": {"mynetworks": ["127.0.0.0/8", "192.0.2.0/24"]},
            "policy": {**self.site, **self.destinies, **self.methods, "recipient_delimiter": "+",
                       "replace_existing_extension": self.replace_extension, "soft_bounce": self.soft_bounce,
                       "quarantine_sender": "original", "virus_header_text": "filter at example.com"},
            "recipients": {f'"{group}"': settings for group, settings in self.groups.items() if settings},
            "banned": {"rules": {"PICKY": PICKY}},
            "sender_lists": lists,
        }

    def amavisd(self):
        """The same as lines of amavisd.conf."""
        lines = [BANNED_RULES, STANDIN, "$X_HEADER_LINE = 'filter at example.com';", "$recipient_delimiter = '+';",
                 f"$replace_existing_extension = {int(self.replace_extension)};", f"$soft_bounce = {int(self.soft_bounce)};",
                 "$policy_bank{'MYNETS'} = { originating => 1 };", "@mynetworks = qw(127.0.0.0/8 192.0.2.0/24);",
                 "$sql_allow_8bit_address = 1;", "$virus_quarantine_to = 'virus-quarantine';"]
        for name, method in METHODS.items():
            lines.append(f"${method} = {perl(self.methods[name])};")
        for name, (category, variable) in DESTINIES.items():
            if variable:
                lines.append(f"${variable} = {destiny(self.destinies[name])};")
            table = ", ".join(f"'{group}' => {destiny(each[name])}" for group, each in self.groups.items() if name in each)
            lines.append(f"$final_destiny_maps_by_ccat{{+{category}}} = [{{{table}}}, {destiny(self.destinies[name])}];")
        for name, setting in SETTINGS.items():
            table = ", ".join(f"'{group}' => {perl(each[name])}" for group, each in self.groups.items() if name in each)
            last = perl("DEFAULT") if name == "banned_rulenames" else perl(self.site[name]) if name in self.site else ""
            if name == "banned_admin":      # nobody said otherwise: the virus administrator
                viruses = ", ".join(f"'{group}' => {perl(each['virus_admin'])}" for group, each in self.groups.items() if "virus_admin" in each)
                last = last if self.site[name] else f"{{{viruses}}}, {perl(self.site['virus_admin'])}"
            lines.append(f"@{setting.maps} = ({{{table}}}{', ' + last if last else ''});")
        if self.lists:
            lines += ["@whitelist_sender_maps = ([qw(.white.example.org)]);", "@blacklist_sender_maps = ([qw(.black.example.org)]);",
                      f"@score_sender_maps = ({{'{GROUPS[1]}' => [{{'.score.example.org' => 4.5}}]}});"]
        return "\n".join(lines) + "\n"


def destiny(word):
    return f"D_{word.upper()}"


def perl(value):
    if value == NONE:
        return "undef"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (int, float)):
        return str(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
