"""Bad days of clamd, spamd and rspamd: never `clean` without a scan, never a mail lost, never a wait beyond the deadline"""
import time

from e2e.lib import mail, servers
from e2e.lib.case import Case
from fakes import engine as fake
from fakes.engine import Engine, refused_port

KINDS = ("clamd", "spamd", "rspamd")
PATIENT = {"required": True, "timeout": 2, "retry_for": 1}
LIMITS = {"message": 20, "scan": 3}


def table(kind, address):
    """The scanner's configuration table for one address, or a list of them."""
    addresses = address if isinstance(address, list) else [address]
    if kind == "rspamd":
        return {"url": [f"http://{one}" for one in addresses], **PATIENT}
    return {"socket": addresses, **PATIENT}


class EngineFaults(Case):
    limit = 240

    def start(self, kind, address, policy=None):
        self.sink = self.hop()
        return self.tamis(self.sink, {"scanners": {kind: table(kind, address)}, "limits": LIMITS, "policy": policy or {}})

    def assertUnchecked(self, daemon, kind):
        """Passes as unchecked, in time, and the log names the engine."""
        self.sink.clear()
        seen = len(daemon.summaries())
        began = time.monotonic()
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertLess(time.monotonic() - began, 8)
        self.assertTrue(self.sink.wait(1))
        summary = daemon.summaries()[seen:]
        self.assertTrue(summary and summary[0].startswith("Passed UNCHECKED"), summary)
        self.assertIn(kind, daemon.log())

    def misbehaving(self, kind, behaviours):
        with Engine(kind) as engine:
            daemon = self.start(kind, engine.address)
            for behaviour in behaviours:
                with self.subTest(kind=kind, behaviour=behaviour):
                    engine.behave(behaviour)
                    self.assertUnchecked(daemon, kind)
                    engine.behave(fake.ANSWER)
                    self.assertRecovers(daemon)

    def assertRecovers(self, daemon):
        """With the engine well again, mail is CLEAN again: at the latest when the circuit breaker looks again."""
        end = time.monotonic() + 15
        while True:
            seen = len(daemon.summaries())
            self.assertCode(daemon.send(mail.clean()), 250)
            if daemon.summaries()[seen:][0].startswith("Passed CLEAN"):
                return
            self.assertLess(time.monotonic(), end, "the engine is well again and is not used")

    def test_clamd_misbehaves(self):
        self.misbehaving("clamd", fake.MISBEHAVIOURS)

    def test_spamd_misbehaves(self):
        self.misbehaving("spamd", fake.MISBEHAVIOURS)

    def test_rspamd_misbehaves(self):
        self.misbehaving("rspamd", fake.MISBEHAVIOURS)

    def test_refused(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                port, held = refused_port()
                daemon = self.start(kind, f"127.0.0.1:{port}")
                self.assertUnchecked(daemon, kind)
                held.close()
                with Engine(kind, port=port):
                    self.assertRecovers(daemon)

    def test_tempfail_instead_of_unchecked(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                port, held = refused_port()
                self.addCleanup(held.close)
                daemon = self.start(kind, f"127.0.0.1:{port}", {"scanner_failure": "tempfail"})
                self.assertCode(daemon.send(mail.clean()), 451)
                replies = daemon.send(mail.clean(), recipients=["a@example.com", "b@example.com"], lmtp=True)
                self.assertEqual([code for code, _ in replies], [451, 451])
                self.assertEqual(self.sink.messages, [])

    def test_failover_to_the_second_address(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                port, held = refused_port()
                self.addCleanup(held.close)
                with Engine(kind) as engine:
                    daemon = self.start(kind, [f"127.0.0.1:{port}", engine.address])
                    for _ in range(5):
                        seen = len(daemon.summaries())
                        self.assertCode(daemon.send(mail.clean()), 250)
                        self.assertTrue(daemon.summaries()[seen:][0].startswith("Passed CLEAN"), daemon.summaries())

    def test_answers_that_are_not_clean(self):
        """Size limits, errors and nonsense that look almost right."""
        cases = {
            "clamd": [b"INSTREAM size limit exceeded. ERROR\0", b"stream: OK", b"OK\0", b"stream: Can't allocate memory ERROR\0", b"\0",
                      b"COMMAND READ TIMED OUT\0", b"stream: FOUND\0"],
            "spamd": [b"SPAMD/1.1 75 EX_TEMPFAIL\r\n\r\n", b"SPAMD/1.1 0 EX_OK\r\n\r\n", b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; nan / 5.0\r\n\r\n",
                      b"SPAMD/1.1 0 EX_OK\r\nContent-length: 999999\r\nSpam: False ; 0.1 / 5.0\r\n\r\nx"],
            "rspamd": [b"", b"{}", b"[]", b'{"score":"high","action":"no action"}', b'{"score":1e999,"action":"no action"}', b'{"error":"busy"}',
                       b"{" * 5000],
        }
        for kind, replies in cases.items():
            with Engine(kind) as engine:
                daemon = self.start(kind, engine.address)
                for reply in replies:
                    with self.subTest(kind=kind, reply=reply[:60]):
                        engine.behave(fake.ANSWER, reply)
                        engine.reply = reply
                        seen = len(daemon.summaries())
                        self.assertCode(daemon.send(mail.clean()), 250)
                        self.assertFalse(daemon.summaries()[seen:][0].startswith("Passed CLEAN"), daemon.summaries()[seen:])

    def test_virus_names_and_symbols_cannot_break_out(self):
        """S9: what an engine says never becomes a header line, a log line or a reply line of its own."""
        with Engine("clamd") as engine:
            daemon = self.start("clamd", engine.address, {"final_virus_destiny": "pass", "virus_quarantine": ""})
            engine.reply = b"stream: Evil\r\nBcc: victim@example.com\x1b[2J\xff FOUND\0"
            reply = daemon.send(mail.eicar())
            self.sink.wait(1, 2)
            for message in self.sink.messages:
                self.assertEqual(message.field("Bcc"), [])
                self.assertNotIn(b"\x1b", message.header)
            self.assertTrue(all(32 <= ord(letter) < 127 for line in reply[1] for letter in line), reply)
            self.assertNotIn("\x1b", daemon.log())

    def test_a_slow_engine_is_waited_for_inside_the_deadline(self):
        with Engine("clamd", fake.SLOW) as engine:
            daemon = self.start("clamd", engine.address)
            self.assertCode(daemon.send(mail.clean()), 250)
            self.assertTrue(daemon.summaries()[0].startswith("Passed CLEAN"))

    def test_all_engines_at_once_take_one_deadline(self):
        engines = [Engine(kind, fake.SILENT).start() for kind in KINDS]
        for engine in engines:
            self.addCleanup(engine.stop)
        self.sink = self.hop()
        daemon = self.tamis(self.sink, {"scanners": {engine.kind: table(engine.kind, engine.address) for engine in engines}, "limits": LIMITS})
        began = time.monotonic()
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertLess(time.monotonic() - began, 6)


class RealEngines(Case):
    def test_clamd_over_tcp_and_unix(self):
        clamd = servers.shared("clamd")
        for address in (clamd["socket"], clamd["tcp"]):
            with self.subTest(address=address):
                sink = self.hop()
                daemon = self.tamis(sink, {"scanners": {"clamd": table("clamd", address)}})
                self.assertCode(daemon.send(mail.eicar()), 250, "INFECTED: Eicar-Test-Signature")
                self.assertCode(daemon.send(mail.clean()), 250)
                self.assertTrue(sink.wait(1))
                self.assertEqual([m.field("Subject") for m in sink.messages], [["greetings"]])

    def test_spamd_and_rspamd_see_gtube(self):
        for kind in ("spamd", "rspamd"):
            with self.subTest(kind=kind):
                sink = self.hop()
                daemon = self.tamis(sink, {"scanners": {kind: {**table(kind, servers.shared(kind)["tcp"]), "timeout": 30}}})
                self.assertCode(daemon.send(mail.gtube()), 250, "spam")
                self.assertCode(daemon.send(mail.clean()), 250)
                self.assertTrue(sink.wait(1))
                self.assertEqual([m.field("Subject") for m in sink.messages], [["greetings"]])

    def test_yara_knows_eicar_and_gtube_without_any_engine(self):
        sink = self.hop()
        daemon = self.tamis(sink, {"scanners": {"yara": {}}})
        self.assertCode(daemon.send(mail.eicar()), 250, "INFECTED")
        self.assertCode(daemon.send(mail.gtube()), 250, "spam")
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertTrue(sink.wait(1))
        self.assertEqual(len(sink.messages), 1)
