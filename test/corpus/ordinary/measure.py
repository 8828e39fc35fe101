"""measure - sends ordinary messages through tamisd and says which of them raised an alarm, and why"""
import base64
import collections
import dataclasses
import mimetypes
import pathlib
import re
import subprocess
import tempfile

from e2e.lib.tamis import Tamis, build_directory
from fakes.next_hop import NextHop
from members import catalogue, objects  # noqa: F401  (the containers are entered by it)
from members import measure as members
from members.kinds import CONTAINERS

RULES = ["DEFAULT", "NO-EXECUTABLES"]
MORE_TYPES = {".odt": "application/vnd.oasis.opendocument.text", ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
              ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".gpg": "application/octet-stream"}
TOP = ("From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: the document\r\nDate: Sun, 22 Nov 2026 15:00:00 +0100\r\nMIME-Version: 1.0\r\n"
       'Content-Type: multipart/mixed; boundary="=_ordinary"\r\n\r\n--=_ordinary\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello Bob,\r\n\r\nhere it is.\r\n')


@dataclasses.dataclass
class Alarm:
    """`kind`: ambiguous, over limits, unchecked, banned, infected, not told (an encrypted one that passed as clean), other"""
    name: str
    kind: str
    summary: str
    why: str = ""


def bringing(name, octets):
    """The message that brings a document"""
    kind = MORE_TYPES.get(pathlib.PurePath(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind.startswith("message/"):
        kind = "application/octet-stream"
    text = base64.encodebytes(bytes(octets)).replace(b"\n", b"\r\n")
    return (TOP + f'--=_ordinary\r\nContent-Type: {kind}; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\n'
            "Content-Transfer-Encoding: base64\r\n\r\n").encode() + text + b"--=_ordinary--\r\n"


def containers():
    """The containers that honest programs make, with a harmless file in each"""
    return [(f"container-{each.name}", bringing(f"x.{each.extension}", each.make("notes.txt", objects.HARMLESS))) for each in CONTAINERS.values() if each.ordinary]


def kind_of(outcome, sealed):
    words = outcome.words
    if words == "Passed CLEAN":
        return "not told" if sealed else None
    if "BAD-HEADER" in words:
        return None                                            # the header's own rules, not the opening
    if "UNCHECKED" in words:
        if sealed:
            return None
        return "unchecked"
    return "banned" if "BANNED" in words else "infected" if "INFECTED" in words else "other"


def why(message):
    """What `tamis open` says about it beside the plain parts, in a line"""
    with tempfile.NamedTemporaryFile(suffix=".eml") as file:
        file.write(message)
        file.flush()
        done = subprocess.run([build_directory() / "tamis", "open", "--rules", ",".join(RULES), file.name], capture_output=True, timeout=120)
    lines = done.stdout.decode("utf-8", "replace").splitlines() + done.stderr.decode("utf-8", "replace").splitlines()
    telling = [line.strip() for line in lines if re.match(r"(AMBIGUOUS|OVER|NOT|BANNED|UNCHECKED|unchecked|tamis:)", line) or re.search(r"\[[^]]*(undecipherable|encrypted|ambiguous)|BANNED by", line)]
    return "; ".join(telling)[:600]


def alarms(messages, sealed, clamd, start=Tamis):
    """`messages`: (name, octets). The alarms, and how many messages had which summary"""
    hop = NextHop().start()
    config = {"scanners": members.scanners("clamd+yara", clamd), "policy": {"banned_rulenames": RULES, "spam_kill_level": 900.0, "virus_quarantine": ""}}
    try:
        daemon = start(hop, config)
        try:
            outcomes = members.send_all(daemon, hop, messages)
        finally:
            daemon.stop()
    finally:
        hop.stop()
    octets_of = dict(messages)
    out = []
    for outcome in outcomes:
        kind = kind_of(outcome, outcome.name in sealed)
        if kind:
            told = why(octets_of[outcome.name])
            if kind == "unchecked":                            # the report of the opening says which sort
                kind = "over limits" if "OVER LIMITS" in told else "ambiguous" if "AMBIGUOUS" in told else kind
            out.append(Alarm(outcome.name, kind, outcome.summary, told))
    return out, collections.Counter(outcome.words for outcome in outcomes)


def told(title, messages, found, counted):
    """The report's lines"""
    kinds = collections.Counter(alarm.kind for alarm in found)
    marked = sum(kinds[kind] for kind in ("ambiguous", "over limits"))
    lines = [f"== {title}: {len(messages)}: " + ", ".join(f"{number} {words}" for words, number in sorted(counted.items())),
             f"   false alarms: {len(found)} (" + ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())) + f"); ambiguous or over limits {100 * marked / max(1, len(messages)):.1f} %"]
    return lines + [f"   {alarm.kind.upper()} {alarm.name}: {alarm.why or alarm.summary[:200]}" for alarm in sorted(found, key=lambda alarm: (alarm.kind, alarm.name))]
