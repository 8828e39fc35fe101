"""S1: SMTP smuggling. Whatever stands around a dot, exactly one message leaves, through a real Postfix behind us

The sequences go to us over the wire as a sender that is not Postfix would write them; behind us is Postfix with its
defaults (on Debian 12 it would take LF.LF from us as the end of data), then the sink.
"""
import itertools
import random
import threading

from e2e.lib.case import Case
from e2e.lib.postfix import Postfix
from e2e.lib.process import until
from e2e.lib.tamis import sanitized
from fakes.client import Client

ALPHABET = (b"\r", b"\n", b"\0", b".", b"a")
SMUGGLED = (b"MAIL FROM:<smuggler@evil.example>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n"
            b"From: smuggler@evil.example\r\nSubject: smuggled\r\n\r\nsmuggled\r\n")


def sequences(longest):
    for length in range(1, longest + 1):
        for combination in itertools.product(ALPHABET, repeat=length):
            if b"." in combination:
                yield b"".join(combination)


def ends_data(body):
    """Whether the body itself holds the one true end of data."""
    return b"\r\n.\r\n" in b"\r\n" + body


class Smuggling(Case):
    limit = 600

    def play(self, address, cases, problems):
        """cases: (number, body). Many per connection; the answer to each must be exactly one."""
        with Client(address, timeout=60) as client:
            client.hello()
            for number, body in cases:
                envelope = f"MAIL FROM:<s{number}@sender.example.org>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n"
                client.send(envelope.encode())
                codes = [client.reply()[0] for _ in range(3)]
                if codes != [250, 250, 354]:
                    problems.append((number, body, codes))
                    return
                client.send(f"Subject: n{number}\r\nFrom: s{number}@sender.example.org\r\n\r\n".encode() + body + b"\r\n.\r\nNOOP\r\n")
                final, noop = client.reply(), client.reply()
                if (final[0], noop[0]) != (250, 250) or "NOOP" not in noop[1][0]:
                    problems.append((number, body, final, noop))
                    return

    def play_all(self, address, bodies, lanes=6):
        problems = []
        numbered = list(enumerate(bodies))
        threads = [threading.Thread(target=self.play, args=(address, numbered[lane::lanes], problems)) for lane in range(lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(self.limit)
        self.assertEqual(problems[:3], [])
        return len(numbered)

    def bodies(self, found):
        """Each sequence inside a line and at the start of a line, followed by what would be smuggled."""
        for sequence in found:
            for before in (b"text", b"text\r\n"):
                body = before + sequence + SMUGGLED
                if not ends_data(body):
                    yield body

    def assertOneEach(self, sink, count):
        self.assertTrue(sink.wait(count, 120), f"{len(sink.messages)} of {count} messages arrived")
        senders = [message.mail_from for message in sink.messages]
        self.assertEqual(len(senders), count)
        self.assertEqual(len(set(senders)), count)
        self.assertEqual([s for s in senders if not s.endswith("@sender.example.org")], [])
        self.assertFalse(any(message.bare for message in sink.messages), "a bare CR, LF or NUL left us")
        self.assertEqual([m.field("Subject") for m in sink.messages if m.field("Subject") != [m.mail_from.split("@")[0].replace("s", "n", 1)]], [])

    def test_on_the_wire(self):
        """Every combination up to 5 octets and a sample up to 7, straight at a sink that records the octets."""
        rng = random.Random(51764)
        sample = [b"".join(rng.choice(ALPHABET) for _ in range(rng.randint(6, 7))) for _ in range(2000)]
        sink = self.hop()
        daemon = self.tamis(sink)
        found = itertools.chain(sequences(4 if sanitized() else 5), sample)
        count = self.play_all(daemon.address, list(self.bodies(found)))
        self.assertOneEach(sink, count)

    def test_through_postfix(self):
        """The same through the real sandwich."""
        sink = self.hop()
        # the front is not used here: a Postfix in front would clean up or split these before we see them
        postfix = Postfix("127.0.0.1:1", sink.address, lenient=True)
        self.addCleanup(postfix.stop)
        daemon = self.tamis(f"smtp:[127.0.0.1]:{postfix.back_port}")
        rng = random.Random(51765)
        found = list(sequences(3 if sanitized() else 5))
        if not sanitized():
            found += [b"".join(rng.choice(ALPHABET) for _ in range(rng.randint(6, 7))) for _ in range(300)]
        bodies = list(self.bodies(found))
        count = self.play_all(daemon.address, bodies)
        until(lambda: postfix.queued() == 0, 120, "an empty Postfix queue")
        self.assertOneEach(sink, count)

    def test_the_front_postfix_too(self):
        """With Postfix in front as well: as many messages arrive as it said it had queued."""
        from e2e.lib.process import free_port
        sink = self.hop()
        port = free_port()
        postfix = Postfix(f"127.0.0.1:{port}", sink.address, lenient=True)
        self.addCleanup(postfix.stop)
        self.tamis(f"smtp:[127.0.0.1]:{postfix.back_port}", port=port)
        queued = 0
        for body in self.bodies(sequences(3)):
            with Client(postfix.front) as client:
                client.hello()
                client.command("MAIL FROM:<s1@sender.example.org>")
                client.command("RCPT TO:<bob@example.com>")
                client.command("DATA")
                client.send(b"Subject: front\r\n\r\n" + body + b"\r\n.\r\nQUIT\r\n")
                try:
                    while True:
                        code, text = client.reply()
                        queued += code == 250 and "queued as" in text[0]
                except (EOFError, ConnectionResetError, ValueError):
                    pass
        self.assertGreaterEqual(queued, 140)
        self.assertTrue(sink.wait(queued, 120))
        until(lambda: postfix.queued() == 0, 60, "an empty Postfix queue")
        self.assertEqual(len(sink.messages), queued)

    def test_long_lines_and_every_segment_boundary(self):
        sink = self.hop()
        daemon = self.tamis(sink)
        tricks = [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\r\n.\r\r\n", b"\n.\r"]
        count = 0
        for trick in tricks:
            for prefix in (998, 4096, 16384, 65536):
                count += 1
                body = b"x" * prefix + trick + SMUGGLED
                with daemon.client() as client:
                    client.hello()
                    self.assertCode(self.raw(client, count, [body + b"\r\n.\r\n"]), 250)
        for trick in tricks:
            whole = b"text" + trick + SMUGGLED + b"\r\n.\r\n"
            for cut in range(1, 20):
                count += 1
                with daemon.client() as client:
                    client.hello()
                    client.sock.setsockopt(6, 1, 1)
                    self.assertCode(self.raw(client, count, [whole[:cut], whole[cut:]]), 250)
        self.assertOneEach(sink, count)

    def raw(self, client, number, pieces):
        client.command(f"MAIL FROM:<s{number}@sender.example.org>")
        client.command("RCPT TO:<bob@example.com>")
        client.command("DATA")
        client.send(f"Subject: n{number}\r\n\r\n".encode())
        for piece in pieces:
            client.send(piece)
        return client.reply()
