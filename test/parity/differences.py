"""differences - what may differ between Tamis and amavisd-new: a table of rules, each for a row of the documents

A rule levels the two values of a key where its row says that they may differ; what is left must be equal. @rule(name, keys):
`name` is that of the row in docs/policy.md, "Where Tamis differs from amavisd", `keys` a pattern of the keys of observe.py.
To remove a rule, remove its function.
"""
import collections
import re

from .observe import decoded, plain
from .world import INSIDE

RULES = []
Rule = collections.namedtuple("Rule", "name keys level")
# one fact that stands for all about it: only one of them has the mail, the copy, the record
FACTS = [(re.compile(r"^(hop .*): count$"), r"\1: "), (re.compile(r"^copy$"), "copy "), (re.compile(r"^msgs rows$"), "msg"),
         (re.compile(r"^(msgrcpt .*): email$"), r"\1: ")]


class Difference:
    """One key of a message: ours, theirs; `tamis` and `amavisd` are everything that was observed."""

    def __init__(self, key, tamis, amavisd, message):
        self.key, self.tamis, self.amavisd, self.message = key, tamis, amavisd, message
        self.ours, self.theirs = tamis.get(key), amavisd.get(key)
        told = re.match(r"(?:reply|RCPT|hop|msgrcpt) (.*@.*?)(?::|$)", key)
        self.who = plain(told.group(1)) if told else None      # the recipient that the key speaks of

    @property
    def from_inside(self):
        return INSIDE in self.message.xforward

    def texts(self, ends):
        """What was said about the recipients, to the client or in the records."""
        return [value for key, value in ends.items() if isinstance(value, str) and re.match(r"reply|msgrcpt .*smtp_resp|RCPT", key)]

    def response(self, ends, who=None):
        return ends.get(f"msgrcpt {who or self.who}: smtp_resp") or ""

    def about(self, recipients):
        """Whether the key speaks of one of these, or of the whole message."""
        return self.who is None or self.who in recipients


def rule(name, keys="."):
    def add(level):
        RULES.append(Rule(name, re.compile(keys), level))
        return level
    return add


def differing(tamis, amavisd):
    """The keys that differ; one fact for all that follows from it."""
    keys = sorted(key for key in tamis.keys() | amavisd.keys() if tamis.get(key) != amavisd.get(key))
    facts = {}
    for key in keys:
        for fact, prefix in FACTS:
            if (told := fact.match(key)) and bool(tamis.get(key)) != bool(amavisd.get(key)):
                facts[key] = told.expand(prefix)
    return [key for key in keys if not any(key.startswith(prefix) and key != fact for fact, prefix in facts.items())]


def level(rules, it):
    """Levels with these rules in turn until nothing is left; those that changed something."""
    used = []
    for each in rules:
        if it.ours == it.theirs:
            break
        if each.keys.search(it.key) and (left := each.level(it)) is not None and left != (it.ours, it.theirs):
            used.append(each)
            it.ours, it.theirs = left
    return used


def explain(key, tamis, amavisd, message):
    """(the names of the rules that a difference needs, what is left of ours and theirs); no names when something is left."""
    it = Difference(key, tamis, amavisd, message)
    needed = level(RULES, it)
    if it.ours != it.theirs:
        return (), it.ours, it.theirs
    for each in list(needed):
        without = Difference(key, tamis, amavisd, message)
        level([other for other in needed if other is not each], without)
        if without.ours == without.theirs:
            needed.remove(each)
    return tuple(each.name for each in needed), it.ours, it.theirs


# what a rule gives: None (it has nothing to say), or what is left of both

SAME = (None, None)


def both(it, change):
    return change(it.ours), change(it.theirs)


def each_line(pattern, to):
    """Replaces in a text, or in each text of a list."""
    def change(value):
        if isinstance(value, list):
            return [change(line) for line in value]
        return re.sub(pattern, to, value) if isinstance(value, str) else value
    return change


def each_word(pattern, to):
    """Replaces in the words of what was done, {...} of the log line."""
    def change(value):
        if isinstance(value, list):
            return [change(line) for line in value]
        return re.sub(r"\{.*?\}", lambda told: "{%s}" % ",".join(sorted(set(re.sub(pattern, to, told.group(0)[1:-1]).split(",")))), value, count=1)
    return change


# --- what the next hop is told -------------------------------------------------------------------------------------------

@rule("mail-parameters", r"^hop .*: MAIL$")
def _(it):
    return both(it, lambda told: told and [word for word in told if word != "BODY=7BIT" and not word.startswith("SIZE=")])


@rule("8bit-body", r"^hop .*: MAIL$")
def _(it):
    undeclared = not it.message.data.isascii() and "8BITMIME" not in it.message.parameters
    return ([word for word in it.ours if word != "BODY=8BITMIME"], it.theirs) if undeclared and it.ours else None


@rule("body-as-said", r"^hop .*: MAIL$")
def _(it):
    declared = it.message.data.isascii() and "8BITMIME" in it.message.parameters
    return ([word for word in it.ours if word != "BODY=8BITMIME"], it.theirs) if declared and it.ours else None


@rule("xforward-unknown", r"^hop .*: xforward$")
def _(it):
    return both(it, lambda told: told and [word for word in told if not word.endswith("=[UNAVAILABLE]")])


@rule("notify-null-sender", r"^hop .*: RCPT$")
def _(it):
    return ([word for word in it.ours or [] if not word.startswith("NOTIFY=")], it.theirs) if not it.message.sender else None


@rule("forged-fields", r"^hop .*: header$")
def _(it):
    return it.ours, [line for line in it.theirs or [] if not re.match(r"X-Amavis-Alert: forged|X-Spam-(?:Status: No, score=-100|Flag: YES|Level: \*{5})$", line)]


@rule("quarantine-id", r"^hop (.*: (X-Quarantine-ID|order)|groups)$")
def _(it):
    if not (it.tamis.get("msgs.quar_type") and it.amavisd.get("msgs.quar_type")):
        return None
    if it.key == "hop groups":
        return both(it, lambda groups: sorted(" ".join(groups).split()))
    return both(it, lambda names: [name for name in names or [] if name not in ("X-Quarantine-ID", "<ID>")])


@rule("one-transaction", r"^hop groups$")
def _(it):
    together = len(it.ours) < len(it.theirs) and sorted(" ".join(it.ours).split()) == sorted(" ".join(it.theirs).split())
    return SAME if together else None


@rule("tag-encoded", r"^hop .*: Subject$")
def _(it):
    ours, theirs = (decoded(value[0]) if value else "" for value in (it.ours, it.theirs))
    return SAME if ours and not ours.isascii() and ours.encode().decode("latin-1") == theirs else None


@rule("delivered-to", r"^copy Delivered-To$")
def _(it):
    return SAME if it.ours and it.theirs and it.tamis["msgs.quar_type"] == "F" else None


@rule("client-told", r"^(log|hop .*: xforward)$")
def _(it):
    """Who connected is no client of whom anybody spoke."""
    if it.message.xforward:
        return None
    if it.key == "log":
        return it.ours, each_line(r"\}, \[127\.0\.0\.1\] <", "}, <")(it.theirs)
    return it.ours, [word for word in it.theirs or [] if word != "ADDR=127.0.0.1"]


# --- the log -------------------------------------------------------------------------------------------------------------

@rule("oldest-address", r"^log$")
def _(it):
    return it.ours, each_line(r"^((?:Passed|Blocked) .*?\}, (?:MYNETS )?(?:LOCAL )?(?:\[[\d.]+\] )?)\[[\d.]+\] <", r"\1<")(it.theirs)


@rule("blocked-kind", r"^log$")
def _(it):
    return both(it, each_line(r"^(Passed|Blocked) (BAD-HEADER|UNCHECKED)(?:-[A-Z0-9]+)?(?: \(part [^{]*\))?(?= \{)", r"\1 \2"))


# --- replies, and how it ends --------------------------------------------------------------------------------------------

@rule("mta-letter", r"^(msgs.content|msgrcpt .*: content)$")
def _(it):
    return it.ours, "T" if it.theirs == "?" else it.theirs


@rule("served-once", r"^(hop |reply$|msgrcpt .*: (content|ds|smtp_resp)|log|dsn)")
def _(it):
    """Over SMTP amavisd gives up the others when it failed for one; Tamis goes on and remembers who was served."""
    given_up = [plain(key[8:-11]) for key, text in [*it.amavisd.items(), *it.tamis.items()] if key.startswith("msgrcpt") and
                re.search(r"Giving up due to previous temporary failures|DATA accepted but tempfailed recips", str(text))]
    if it.key == "reply" and given_up and all(str(text).startswith("4") for text in (it.ours, it.theirs)):
        return SAME
    if it.key == "log" and it.message.protocol == "smtp" and not given_up and it.ours and it.theirs:
        if "Relayed" in it.ours[0] and "TempFailed" in it.theirs[0]:        # who had it before another one failed
            return both(it, each_word(r"(?:Relayed(?:Tagged)?|TempFailed)(?:Inbound|Internal|Outbound|OpenRelay)", "Tried"))
    return SAME if given_up and it.about(given_up) else None


@rule("too-large", r"^(msgs rows|log|reply|hop |dsn|notice|copy|RCPT)")
def _(it):
    refused = any(text.startswith("552 5.3.4") for text in it.texts(it.amavisd)) and not it.amavisd["msgs rows"]
    return SAME if refused else None


@rule("ambiguous")
def _(it):
    """opening-mime.md: mail that two programs may read differently is unchecked"""
    drawn = any("bad header: blank" in told or "bad header: no field" in told for told in it.message.story)
    shown = it.tamis["log"] + it.texts(it.tamis) + [text for key, value in it.tamis.items() if key.endswith("Alert") for text in value]
    return SAME if drawn and any("UNCHECKED" in text for text in shown) else None


@rule("unchecked-why", r"^(hop .*|copy) ?(X-Amavis-Alert|order)$")
def _(it):
    """opening.md: the reason stands in X-Amavis-Alert"""
    if it.key.endswith("order"):
        alert = it.tamis.get(it.key.replace("order", "X-Amavis-Alert")) or []
        if not it.ours or not any(text.startswith("UNCHECKED, ") for text in alert):
            return None
        names = list(it.ours)
        names.remove("X-Amavis-Alert")
        return names, it.theirs
    return [text for text in it.ours or [] if not text.startswith("UNCHECKED, ")], it.theirs or []


@rule("no-backscatter", r"^(reply|dsn|msgs.dsn_sent|msgrcpt .*: smtp_resp|log)")
def _(it):
    spam = any(value == "Y" for key, value in it.tamis.items() if key.endswith(": bl")) or \
        any(value == ["YES"] for key, value in it.tamis.items() if key.endswith(" X-Spam-Flag"))
    unwanted = re.compile("" if spam else r"id=ID - (?:spam|INFECTED|BANNED)")       # whatever else it was blocked for
    told = [line for line in it.amavisd["dsn"] if unwanted.search(line)]
    if it.from_inside or not (told or any("bounce.suppressed" in text for text in it.texts(it.tamis))):
        return None
    if it.key == "dsn":
        return both(it, lambda lines: [line for line in lines if not unwanted.search(line)])
    if it.key == "msgs.dsn_sent":
        return SAME if it.theirs == "Y" and not it.tamis["dsn"] else None
    if it.key == "log":
        return both(it, each_word(r"(?:Rejected|Bounced|NoBounce|Discarded)(?=OpenRelay|Inbound)", "Refused"))
    return both(it, each_line(r"DISCARD\(bounce.suppressed\)|BOUNCE|(?<=DSN )(?:was sent|suppressed)", "BOUNCE"))


@rule("banned-each", r"^(reply|msgrcpt .*: smtp_resp|dsn|log)")
def _(it):
    if len(it.message.recipients) < 2:
        return None
    return both(it, each_line(r"(BANNED: )\S.*?(?=\)?$)|(?<=BANNED \()[^{]*(?=\) \{)", r"\1"))


@rule("lmtp-each", r"^reply .")
def _(it):
    told = [re.fullmatch(r"250 2\.5\.0 Ok <.*>, DSN [\w ]+ \((5.*)\)", str(text)) for text in (it.ours, it.theirs)]
    if all(told):
        return SAME if told[0].group(1) == told[1].group(1) and len(it.message.recipients) > 1 else None
    return (it.ours, told[1].group(1)) if told[1] and str(it.ours).startswith("5") else None


@rule("tempfail-and-reject", r"^(msgs.dsn_sent|dsn)$")
def _(it):
    again = it.message.protocol == "smtp" and str(it.tamis.get("reply")).startswith("4")
    return SAME if again and not it.tamis["dsn"] and it.tamis.get("msgs.dsn_sent") == "N" else None


@rule("reject-and-discard", r"^(msgs.dsn_sent|dsn)$")
def _(it):
    told = it.message.protocol == "smtp" and str(it.tamis.get("reply")).startswith("5")
    return SAME if told and not it.tamis["dsn"] and it.tamis.get("msgs.dsn_sent") == "N" else None


@rule("content-of-some", r"^(msgs.content|log)$")
def _(it):
    """What was found and no recipient asked for: amavisd counts it for the message, not for any recipient."""
    letters = [{key: value for key, value in ends.items() if re.match(r"msgrcpt .*: content$", key)} for ends in (it.tamis, it.amavisd)]
    if letters[0] != letters[1] or it.amavisd.get("msgs.content") in letters[0].values():
        return None
    return SAME if it.key == "msgs.content" else both(it, each_line(r"^(Passed|Blocked) [A-Z]+ ?(?:\(.*?\) )?(?=\{)", r"\1 "))


@rule("final-recipient", r"^dsn$")
def _(it):
    return it.ours, each_line(r"(?:(?<=Final-Recipient: )|(?<=Original-Recipient: ))([^;]*;[^;]*)", lambda told: re.sub(r"\+([0-9A-F]{2})", lambda code: chr(int(code.group(1), 16)), told.group(1)))(it.theirs)


@rule("remote-mta", r"^dsn$")
def _(it):
    return both(it, each_line(r"Remote-MTA: dns; (?:\[HOP\]|127\.0\.0\.1)", "Remote-MTA: HOP"))


@rule("auto-no")
def _(it):
    """Automatic mail is not bounced, for a bad header section it is let through instead."""
    return SAME if b"Auto-Submitted: no\r\n" in it.message.data and it.tamis["dsn"] and not it.amavisd["dsn"] else None


@rule("notify-success", r"^(dsn|msgs.dsn_sent|reply)")
def _(it):
    if not any("SUCCESS" in each for each in it.message.recipient_parameters.values()):
        return None
    if it.key == "dsn":
        return it.ours, [line for line in it.theirs if "Action: failed" in line]
    return SAME if it.key == "msgs.dsn_sent" and {it.ours, it.theirs} <= {"N", "q", "Y"} else None


# --- sender lists and spam -----------------------------------------------------------------------------------------------

def skipped(it):
    """Whether amavisd left out the spam scan because something else blocks the mail for everybody."""
    return bool(it.amavisd["log"]) and all(line.startswith("Blocked ") and ", Hits: -, " in line for line in it.amavisd["log"])


@rule("lists-always", r"^msgrcpt .*: (bl|wl)$")
def _(it):
    not_asked = all(", Hits: -, " in line for line in it.amavisd["log"])
    return SAME if it.theirs == "N" and not_asked else None


@rule("deny-wins")
def _(it):
    lifted = [plain(key[8:-4]) for key, value in it.amavisd.items() if key.endswith(": wl") and value == "Y" and it.tamis.get(key) == "N" and
              it.tamis.get(key[:-2] + "bl") == "Y"]
    return SAME if lifted and it.message.author != it.message.sender and it.about(lifted) else None


@rule("scan-blocked")
def _(it):
    if not skipped(it):
        return None
    spam = [plain(key[8:-9]) for key, value in it.tamis.items() if re.match(r"msgrcpt .*: content$", key) and value == "S"]
    if re.match(r"copy (?:X-Spam-|order)|.*(?:bspam_level|msgs.spam_level)$", it.key) or (spam and it.about(spam)):
        return SAME
    excuse = not it.from_inside and len(it.tamis["dsn"]) < len(it.amavisd["dsn"])      # one that amavisd did not look for
    if it.key in ("dsn", "msgs.dsn_sent"):
        return SAME if excuse else None
    if it.key != "log":
        return None
    ours, theirs = each_line(r", Hits: [^,]*", ", Hits: -")(it.ours), it.theirs
    word = each_word(r"Bounced|NoBounce", "Refused")
    return (word(ours), word(theirs)) if excuse else (ours, theirs)


@rule("scan-skipped", r"^log$|X-Spam-(Flag|Status|Score|Level)$|(bspam_level|spam_level)$|^hop .*: (subject|Subject|groups|order)$")
def _(it):
    """What Tamis did not ask for is the score of the message alone."""
    not_asked = [line for line in it.tamis["log"] if ", Hits: -, " in line]
    added = [key for key, value in it.tamis.items() if key.endswith("bspam_level") and it.message.score and
             any(abs(value + it.message.score + boost - (it.amavisd.get(key) or 0)) < 0.01 for boost in [0, *it.message.boosts])]
    added += [key for key, value in it.tamis.items() if key.endswith("bspam_level") and value == 0 and it.amavisd.get(key) in it.message.boosts]
    if skipped(it) or not (not_asked or added):
        if it.message.score or it.theirs is None:
            return None
        if it.key == "msgs.spam_level":
            return SAME if it.theirs == 0 and it.ours in it.message.boosts else None
        return both(it, each_line(r"(?:(?<=Hits: )|(?<=score=))0\.\.", ""))
    if it.key != "log":
        return SAME
    return both(it, lambda lines: each_word("RelayedTagged", "Relayed")(each_line(r", Hits: [^,]*", "")(lines)))


@rule("wblist-once")
def _(it):
    """An entry that holds for the envelope's address and for From's counts for each with amavisd."""
    twice = [plain(key[8:-13]) for key, value in it.tamis.items() if key.endswith("bspam_level") and value and
             any(abs((it.amavisd.get(key) or 0) - value - boost) < 0.01 for boost in it.message.boosts)]
    follows = it.about(twice) or re.search(r"(?:X-Quarantine-ID|order)$", it.key)
    return SAME if twice and it.message.author != it.message.sender and follows else None


@rule("dsn-cutoff", r"^(dsn|msgs.dsn_sent|reply|log)")
def _(it):
    """spam_dsn_cutoff_level holds for mail from inside as well."""
    denied = any(value == "Y" for key, value in it.tamis.items() if key.endswith(": bl"))
    held_back = re.compile(r"id=ID - " + ("" if denied else "spam"))
    told = [line for line in it.amavisd["dsn"] if held_back.search(line)]
    if not it.from_inside or len(told) <= len([line for line in it.tamis["dsn"] if held_back.search(line)]):
        return None
    if it.key == "log":
        return both(it, each_word(r"Bounced|NoBounce", "Refused"))
    if it.key == "dsn":
        return both(it, lambda lines: [line for line in lines if not held_back.search(line)])
    return SAME


@rule("infected-each", r"^(dsn|msgs.dsn_sent|log|reply)")
def _(it):
    if not it.tamis["dsn"] or it.amavisd["dsn"] or not any(" INFECTED " in line for line in it.tamis["log"]):
        return None
    return both(it, each_word("Bounced|NoBounce", "Refused")) if it.key == "log" else SAME


# --- notices (notices.md) ------------------------------------------------------------------------------------------------

@rule("notices-fail")
def _(it):
    """A notice (or a mailed copy) that is refused for now is a 451; amavisd says 250 over LMTP, and forgets the mail."""
    if it.message.protocol == "lmtp" and not it.amavisd["msgs rows"] and any("busy" in recipient for recipient in it.message.recipients):
        return SAME
    return SAME if any(re.search("unable to (?:notify|quarantine)|notification FAILED", text) for text in it.texts(it.amavisd) + it.texts(it.tamis)) else None


@rule("notices-once", r"^notice to ")
def _(it):
    """Nobody is told as long as the MTA will bring the message again."""
    again = any(re.match(r"reply", key) and str(text).startswith("4") for key, text in it.tamis.items())
    return SAME if again and it.ours is None else None


@rule("notices-loop", r"^notice to ")
def _(it):
    """Nobody is told about what looks like a notice: the null sender, and Auto-Submitted."""
    return SAME if not it.message.sender and b"\r\nAuto-Submitted: auto-" in it.message.data and it.ours is None else None


@rule("notices-held", r"^notice to ")
def _(it):
    """Recipients who got the mail are not told that it was kept from them."""
    address = it.key.removeprefix("notice to ")
    got = address in it.message.recipients and it.tamis.get(f"hop {plain(address)}: count")
    return SAME if got and it.ours is None else None


@rule("notices-admin", r"^notice to (virus|banned|spam|header)-admin@")
def _(it):
    """Without an administrator for the category that counts, the one of the next worst; banned_admin is virus_admin when not set."""
    letters = {value for key, value in it.tamis.items() if key.endswith("content")}
    lesser = {"virus": "VB", "banned": "VB", "spam": "VBUS", "header": "VBUSYHM"}[it.key.split("-")[0].removeprefix("notice to ")]
    if it.ours is None:
        return SAME if "B" in letters and any(key.startswith("notice to virus-admin@") for key in it.tamis) else None
    return SAME if it.theirs is None and letters & set(lesser) else None
