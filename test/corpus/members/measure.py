"""measure - sends messages through tamisd with a real clamd and says what became of each"""
import collections
import concurrent.futures
import dataclasses
import re
import threading

from e2e.lib.process import Process, folder, until
from e2e.lib.servers import Clamd
from e2e.lib.tamis import Tamis
from fakes.client import Client
from fakes.next_hop import NextHop

from . import objects

ENGINES = ("clamd", "clamd+yara")
# a rule that needs YARA's modules and matches nothing: the second engine changes what is taken out, not what is found
YARA_RULES = 'import "pe"\nimport "elf"\nrule nothing { condition: pe.number_of_sections > 9000 and elf.number_of_sections > 9000 }\n'
POLICY = {"banned_rulenames": ["ALLOW_ALL"], "virus_quarantine": "", "spam_kill_level": 900.0}


@dataclasses.dataclass
class Outcome:
    """`words`: the summary's beginning, "Passed CLEAN"; `summary`: all of it; `marked`: the delivered mail tells its reader"""
    name: str
    words: str
    summary: str
    marked: bool = False
    code: int = 0

    @property
    def missed(self):
        """Delivered, and nothing in it says that something is wrong with it"""
        return not self.words.startswith("Blocked") and not (self.words.startswith(("Passed UNCHECKED", "Passed INFECTED")) and self.marked)


def scanners(engines, clamd):
    chosen = {"clamd": {"socket": [clamd.socket], "timeout": 60}}
    if "yara" in engines:
        rules = folder("yara") / "nothing.yar"
        rules.write_text(YARA_RULES)
        chosen["yara"] = {"rules": [str(rules)]}
    return chosen


def private_clamd():
    return Clamd(objects.SIGNATURES)


def without_message_id(octets):
    """Its own would make two of them, which is a fault of the header"""
    header, empty, body = octets.partition(b"\r\n\r\n")
    return re.sub(rb"(?im)^Message-ID:.*\r\n(?:[ \t].*\r\n)*", b"", header + b"\r\n")[:-2] + empty + body


def send_all(daemon, hop, messages, clients=4):
    """Sends (name, octets) pairs; the outcomes in the same order"""
    todo, replies, lock = iter(enumerate(messages)), {}, threading.Lock()

    def work():
        client = None
        while True:
            with lock:
                number, (name, octets) = next(todo, (None, (None, None)))
            if number is None:
                break
            if client is None:
                client = Client(daemon.address, timeout=120)
                client.hello()
            data = b"Message-ID: <member-%d@sender.example.org>\r\n" % number + without_message_id(octets)
            replies[number] = (name, client.transaction("a@sender.example.org", ["u@example.com"], data))
        if client is not None:
            client.quit()

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(work) for _ in range(clients)]:
            done.result()
    until(lambda: len(daemon.summaries()) >= len(replies), 30, "a summary for each message")
    summaries = {}
    for line in daemon.summaries():
        found = re.search(r"Message-ID: <member-(\d+)@", line)
        if found:
            summaries[int(found[1])] = line
    told = {}
    for message in hop.messages:
        found = re.search(r"<member-(\d+)@", " ".join(message.field("Message-ID")[:1]))
        if found:
            told[int(found[1])] = bool(message.field("X-Amavis-Alert") or any("UNCHECKED" in text for text in message.field("Subject")))
    out = []
    for number in sorted(replies):
        name, (code, _) = replies[number]
        summary = summaries.get(number, "nothing was logged")
        words = re.match(r"(?:Passed|Blocked) [A-Z-]+", summary)
        out.append(Outcome(name, words[0] if words else f"answered {code}", summary, told.get(number, False), code))
    return out


def measure(messages, engines, clamd, config=None, start=Tamis):
    """A daemon of its own for these messages"""
    hop = NextHop().start()
    try:
        daemon = start(hop, {"scanners": scanners(engines, clamd), "policy": POLICY, **(config or {})})
        try:
            return send_all(daemon, hop, messages)
        finally:
            daemon.stop()
    finally:
        hop.stop()


def counts(outcomes):
    counted = collections.Counter(each.words for each in outcomes)
    return ", ".join(f"{number} {words}" for words, number in sorted(counted.items()))
