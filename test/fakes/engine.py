"""engine - clamd, spamd and rspamd that answer as told, or misbehave

    with Engine("clamd", SILENT) as engine: ...    # accepts and never answers
    engine.behave(ANSWER)                          # from the next connection on

Behaviours: ANSWER (a right reply: clean, or `reply` when given), SILENT, DRIP (the right reply, one octet every 0.3 s),
GARBAGE, CLOSE (mid-stream, after the first octets of the message), RESET, EMPTY (reads everything, closes without a
word), ENDLESS (a reply line without an end). SLOW is no misbehaviour: the right reply after `delay` seconds.
"""
import asyncio
import itertools
import re

from .loop import Server, reset

ANSWER, SILENT, DRIP, GARBAGE, CLOSE, RESET, EMPTY, ENDLESS, SLOW = (
    "answer", "silent", "drip", "garbage", "close", "reset", "empty", "endless", "slow")
MISBEHAVIOURS = (SILENT, DRIP, GARBAGE, CLOSE, RESET, EMPTY, ENDLESS)

CLEAN = {
    "clamd": b"stream: OK\0",
    "spamd": b"SPAMD/1.1 0 EX_OK\r\nContent-length: 9\r\nSpam: False ; 0.1 / 5.0\r\n\r\nBAYES_50\n",
    "rspamd": b'{"is_skipped":false,"score":0.1,"required_score":15.0,"action":"no action","symbols":{},"urls":[],'
              b'"emails":[],"message-id":"x@y"}',
}
NOISE = bytes(itertools.islice(itertools.cycle(b"\x00\xff\x1b[2J%s%n\r{\"score\":NaN,\xfe\xc3("), 3000)) + b"\r\n\r\n\0"


class Engine(Server):
    def __init__(self, kind, behaviour=ANSWER, reply=None, path=None, port=0):
        super().__init__(path, port)
        self.kind = kind
        self.behaviour = behaviour
        self.reply = reply or CLEAN[kind]
        self.requests = 0
        self.delay = 1.0

    def behave(self, behaviour, reply=None):
        self.behaviour = behaviour
        self.reply = reply or self.reply
        return self

    async def serve(self, reader, writer):
        while True:
            first = await reader.read(1)
            if not first:
                return
            behaviour = self.behaviour          # looked at when a request comes: connections are kept
            if behaviour in (SILENT, CLOSE, RESET):
                self.requests += 1
                if behaviour == RESET:
                    reset(writer)
                if behaviour != SILENT:
                    return
                while await reader.read(65536):
                    pass
                return
            if not await self.request(first, reader, writer):
                return
            self.requests += 1
            if behaviour == EMPTY:
                return
            if behaviour == GARBAGE:
                writer.write(NOISE)
                await writer.drain()
                return
            if behaviour == ENDLESS:
                while True:
                    writer.write(b"A" * 65536)
                    await writer.drain()
            if behaviour == SLOW:
                await asyncio.sleep(self.delay)
            reply = self.wrap(self.reply)
            if behaviour == DRIP:
                for octet in reply:
                    writer.write(bytes([octet]))
                    await writer.drain()
                    await asyncio.sleep(0.3)
            else:
                writer.write(reply)
                await writer.drain()
            if self.kind == "spamd":
                return

    def wrap(self, reply):
        if self.kind != "rspamd":
            return reply
        return (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(reply)) + reply

    async def request(self, first, reader, writer):
        """Reads one whole request that begins with `first`; False when the peer is gone."""
        if self.kind == "clamd":
            end = b"\0" if first == b"z" else b"\n"
            command = first + await reader.readuntil(end)
            if b"INSTREAM" in command:
                while size := int.from_bytes(await reader.readexactly(4), "big"):
                    await reader.readexactly(size)
            elif b"FILDES" in command:
                await reader.read(1)
            elif b"PING" in command:
                writer.write(b"PONG" + end)
                again = await reader.read(1)
                return again != b"" and await self.request(again, reader, writer)
            return True
        try:
            head = first + await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        length = re.search(rb"content-length:\s*(\d+)", head, re.I)
        if length:
            await reader.readexactly(int(length.group(1)))
        elif self.kind == "spamd":
            await reader.read()
        elif re.search(rb"transfer-encoding:\s*chunked", head, re.I):
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                await reader.readexactly(size + 2)
            await reader.readuntil(b"\r\n")
        return True


def refused_port():
    """A port of 127.0.0.1 on which nothing listens; the socket must be kept for as long as the port is used."""
    import socket
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock.getsockname()[1], sock
