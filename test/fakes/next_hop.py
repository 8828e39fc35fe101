"""next_hop - an SMTP or LMTP server that records every message byte by byte, and misbehaves where told

    hop = NextHop()                                   # accepts everything
    hop.on("rcpt", "450 4.2.0 later", when="bad@")    # a reply for the recipients whose argument holds "bad@"
    hop.on("dot", RESET, times=1)                     # RST after the final dot, once
    with hop: ...; hop.wait(1); hop.messages[0].data

Stages: connect, ehlo, xforward, mail, rcpt, data, dot, rset, noop, quit. Only CRLF.CRLF ends data; `bare` of a message
says whether a bare CR, a bare LF or a NUL came over the wire (a filter must never send one).
"""
import asyncio
import dataclasses
import hashlib
import re
import threading
import time

from .loop import Server, reset

HANG = object()       # never answer
CLOSE = object()      # close at once (FIN)
RESET = object()      # close at once (RST)
READ_SLOWLY = object()  # stage "data": answer 354, then read 1 kB a second


@dataclasses.dataclass
class Drip:
    """A reply sent octet by octet, one every `pause` seconds."""
    reply: str
    pause: float = 0.2


@dataclasses.dataclass
class Later:
    """A reply after `seconds`."""
    reply: str
    seconds: float


@dataclasses.dataclass
class Raw:
    """Octets sent as they are; then the dialogue goes on."""
    octets: bytes


@dataclasses.dataclass
class Message:
    mail_from: str = ""
    mail_parameters: list = dataclasses.field(default_factory=list)
    recipients: list = dataclasses.field(default_factory=list)      # addresses accepted
    recipient_parameters: dict = dataclasses.field(default_factory=dict)
    xforward: dict = dataclasses.field(default_factory=dict)
    helo: str = ""
    data: bytes = b""        # dots removed, CRLF line ends, without the final dot
    size: int = 0
    digest: str = ""
    bare: bool = False       # a bare CR, bare LF or NUL was on the wire
    session: int = 0
    at: float = 0.0

    @property
    def header(self):
        return self.data.partition(b"\r\n\r\n")[0] + b"\r\n"

    @property
    def body(self):
        return self.data.partition(b"\r\n\r\n")[2]

    def field(self, name):
        """The unfolded values of a header field, in order."""
        unfolded = re.sub(rb"\r\n(?=[ \t])", b"", self.header)
        return [line.partition(b":")[2].strip().decode("utf-8", "surrogateescape")
                for line in unfolded.split(b"\r\n") if line.lower().startswith(name.lower().encode() + b":")]


@dataclasses.dataclass
class Rule:
    stage: str
    action: object
    when: str
    times: int


class NextHop(Server):
    EXTENSIONS = ("PIPELINING", "SIZE", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "DSN",
                  "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE")

    def __init__(self, path=None, port=0, lmtp=False, extensions=EXTENSIONS, keep=True):
        super().__init__(path, port)
        self.lmtp = lmtp
        self.extensions = extensions
        self.keep = keep                 # False: only size and digest, for very large messages
        self.messages = []               # answered 2xx, in order
        self.refused = []                # complete messages answered otherwise
        self.commands = []               # (session, line) of everything that came
        self.dots = 0                    # final dots seen
        self.aborted = 0                 # connections lost inside data
        self._rules = []
        self._changed = threading.Condition()

    def on(self, stage, action, when="", times=-1):
        """Sets what to do at a stage; later rules win. `when` is a text the argument must hold."""
        self._rules.insert(0, Rule(stage, action, when, times))
        return self

    def forget(self):
        """Drops all rules: the hop behaves from now on."""
        self._rules.clear()
        return self

    def wait(self, count, timeout=30):
        """Waits until `count` messages were accepted; False when they did not come in time."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.messages) >= count, timeout)

    def wait_for(self, predicate, timeout=30):
        """Waits until predicate(self) holds, looked at after every message, dot or lost connection."""
        with self._changed:
            return self._changed.wait_for(lambda: predicate(self), timeout)

    def clear(self):
        with self._changed:
            self.messages.clear()
            self.refused.clear()
            self.commands.clear()
            self.dots = 0

    def _note(self, change):
        with self._changed:
            change()
            self._changed.notify_all()

    def _rule(self, stage, argument):
        for rule in self._rules:
            if rule.stage == stage and rule.when in argument and rule.times != 0:
                rule.times -= 1
                return rule.action
        return None

    async def serve(self, reader, writer):
        await _Session(self, reader, writer).run()


class _Closed(Exception):
    pass


class _Session:
    def __init__(self, hop, reader, writer):
        self.hop, self.reader, self.writer = hop, reader, writer
        self.number = hop.connections
        self.buffer = b""
        self.helo = ""
        self.xforward = {}
        self.message = None

    async def run(self):
        try:
            await self.answer("connect", "", "220 sink.example.net %s" % ("LMTP" if self.hop.lmtp else "ESMTP"))
            while True:
                line = await self.line()
                self.hop.commands.append((self.number, line))
                verb, _, argument = line.partition(" ")
                handler = getattr(self, "do_" + verb.lower(), None)
                if handler is None:
                    await self.say("500 5.5.2 unknown command")
                else:
                    await handler(argument)
        except _Closed:
            pass

    async def line(self):
        while b"\r\n" not in self.buffer:
            chunk = await self.reader.read(65536)
            if not chunk:
                raise _Closed
            self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("utf-8", "surrogateescape")

    async def say(self, reply):
        self.writer.write(reply.encode("utf-8", "surrogateescape") + b"\r\n")
        await self.writer.drain()

    async def answer(self, stage, argument, default, before=lambda reply: None):
        """Does what the rules say, or gives the default reply; returns the reply given. before(reply) runs right before
        the reply is written: what a test looks at when its client has an answer must be noted by then."""
        action = self.hop._rule(stage, argument)
        if action is None or action is READ_SLOWLY:
            before(default)
            await self.say(default)
            return default if action is None else action
        if isinstance(action, str):
            if not action.startswith("421"):
                before(action)
            await self.say(action)
            if action.startswith("421"):
                raise _Closed
            return action
        if isinstance(action, Later):
            await asyncio.sleep(action.seconds)
            before(action.reply)
            await self.say(action.reply)
            return action.reply
        if isinstance(action, Drip):
            before(action.reply)
            for octet in action.reply.encode() + b"\r\n":
                self.writer.write(bytes([octet]))
                await self.writer.drain()
                await asyncio.sleep(action.pause)
            return action.reply
        if isinstance(action, Raw):
            before(action.octets.decode("latin-1"))
            self.writer.write(action.octets)
            await self.writer.drain()
            return action.octets.decode("latin-1")
        if action is HANG:
            while await self.reader.read(65536):
                pass
        if action is RESET:
            reset(self.writer)
        raise _Closed

    async def do_ehlo(self, argument):
        self.helo, self.message = argument, None
        lines = ["sink.example.net", *self.hop.extensions]
        text = "\r\n".join("250%s%s" % ("-" if i + 1 < len(lines) else " ", line) for i, line in enumerate(lines))
        await self.answer("ehlo", argument, text)

    do_lhlo = do_ehlo

    async def do_helo(self, argument):
        self.helo = argument
        await self.answer("ehlo", argument, "250 sink.example.net")

    async def do_xforward(self, argument):
        self.xforward.update(pair.split("=", 1) for pair in argument.split())
        await self.answer("xforward", argument, "250 2.0.0 Ok")

    async def do_mail(self, argument):
        address, parameters = _path(argument)
        reply = await self.answer("mail", argument, "250 2.1.0 Ok")
        if reply.startswith("2"):
            self.message = Message(mail_from=address, mail_parameters=parameters, xforward=dict(self.xforward),
                                   helo=self.helo, session=self.number)

    async def do_rcpt(self, argument):
        address, parameters = _path(argument)
        if self.message is None:
            return await self.say("503 5.5.1 need MAIL first")
        reply = await self.answer("rcpt", argument, "250 2.1.5 Ok")
        if reply.startswith("2"):
            self.message.recipients.append(address)
            self.message.recipient_parameters[address] = parameters

    async def do_data(self, argument):
        if self.message is None or not self.message.recipients:
            return await self.say("554 5.5.1 no valid recipients")
        reply = await self.answer("data", argument, "354 go ahead")
        slowly = reply is READ_SLOWLY
        if not slowly and not reply.startswith("354"):
            return
        message, self.message = self.message, None
        self.xforward = {}
        try:
            await self.data(message, slowly)
        except (_Closed, ConnectionError):
            self.hop._note(lambda: setattr(self.hop, "aborted", self.hop.aborted + 1))
            raise
        self.hop._note(lambda: setattr(self.hop, "dots", self.hop.dots + 1))
        wanted = list(message.recipients) if self.hop.lmtp else [message.mail_from]
        replies = []

        def note(reply):
            replies.append(reply)
            if len(replies) < len(wanted):
                return
            if self.hop.lmtp:
                message.recipients = [a for a, r in zip(wanted, replies) if r.startswith("2")]
            accepted = bool(message.recipients) and any(r.startswith("2") for r in replies)
            message.at = time.monotonic()
            self.hop._note(lambda: (self.hop.messages if accepted else self.hop.refused).append(message))
        for number, address in enumerate(wanted):
            await self.answer("dot", address, "250 2.0.0 Ok: queued as SINK%d.%d" % (self.number, number), before=note)

    async def data(self, message, slowly):
        """Reads to CRLF.CRLF; what came behind it stays in the buffer."""
        digest, kept = hashlib.sha256(), []
        window, unsent, carry = b"\r\n" + self.buffer, 2, b""    # the CRLF before the data is not part of it
        while True:
            end = window.find(b"\r\n.\r\n")
            piece, window = (window[:end + 2], window[end + 5:]) if end >= 0 else (window[:-4], window[-4:])
            piece, unsent = piece[unsent:], max(0, unsent - len(piece))
            text = carry + piece
            carry = b"\r" if end < 0 and text.endswith(b"\r") else b""
            stripped = (text[:-1] if carry else text).replace(b"\r\n", b"")
            message.bare = message.bare or any(octet in stripped for octet in (b"\r", b"\n", b"\0"))
            message.size += len(piece)
            digest.update(piece)
            if self.hop.keep:
                kept.append(piece)
            if end >= 0:
                self.buffer = window
                break
            if slowly:
                await asyncio.sleep(1)
            chunk = await self.reader.read(1024 if slowly else 262144)
            if not chunk:
                raise _Closed
            window += chunk
        message.digest = digest.hexdigest()
        message.data = re.sub(rb"(^|\r\n)\.", rb"\1", b"".join(kept))

    async def do_rset(self, argument):
        self.message, self.xforward = None, {}
        await self.answer("rset", argument, "250 2.0.0 Ok")

    async def do_noop(self, argument):
        await self.answer("noop", argument, "250 2.0.0 Ok")

    async def do_quit(self, argument):
        await self.answer("quit", argument, "221 2.0.0 Bye")
        raise _Closed


def _path(argument):
    """FROM:<a@b> X=Y -> ("a@b", ["X=Y"])"""
    matched = re.match(r"(?:FROM|TO):\s*<((?:\"(?:[^\"\\]|\\.)*\"|[^>\"])*)>\s*(.*)$", argument, re.I)
    if not matched:
        return argument, []
    return matched.group(1), matched.group(2).split()


if __name__ == "__main__":     # python3 -m fakes.next_hop [PORT]: a sink that prints what it gets
    import sys
    sink = NextHop(port=int(sys.argv[1]) if len(sys.argv) > 1 else 0).start()
    print(f"listening on {sink.address}", flush=True)
    shown = 0
    while sink.wait(shown + 1, timeout=None):
        message = sink.messages[shown]
        print(message.mail_from, "->", *message.recipients, f"{message.size} octets", *message.field("Subject"), flush=True)
        shown += 1
