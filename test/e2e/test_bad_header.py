"""Bad header sections: what is told, what happens to the mail, and what is put right in mail that passes"""
from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.process import until

BOB, CAROL = "bob@example.com", "carol@example.com"


def with_header(*lines):
    """A message with these header lines at the end of its header section."""
    usual = mail.message()
    return mail.header_of(usual) + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + mail.body_of(usual)


class BadHeader(Case):
    def start(self, **config):
        self.sink = self.hop()
        return self.tamis(self.sink, {"scanners": {"yara": {}}, "log": {"level": 3}, **config})

    def got(self, count):
        self.assertTrue(self.sink.wait(count, 30), f"{len(self.sink.messages)} messages instead of {count}")
        return self.sink.messages

    def test_it_passes_with_an_alert(self):
        daemon = self.start()
        self.assertCode(daemon.send(with_header(b"X-A: caf\xe9")), 250, "queued as")
        [message] = self.got(1)
        self.assertEqual([" ".join(text.split()) for text in message.field("X-Amavis-Alert")],
                         ["BAD HEADER SECTION, Non-encoded non-ASCII data (and not UTF-8) (char E9 hex): X-A: caf\\x{E9}"])
        until(daemon.summaries, 10, "a summary line")
        self.assertTrue(daemon.summaries()[0].startswith("Passed BAD-HEADER-2 {RelayedInbound}"), daemon.summaries())
        self.assertIn("bad header 2: Non-encoded", daemon.log())

    def test_each_destiny(self):
        daemon = self.start(policy={"final_bad_header_destiny": "reject"},
                            recipients={CAROL: {"bad_header_lover": True}, "dan@example.com": {"final_bad_header_destiny": "discard"},
                                        "erin@example.com": {"bypass_header_checks": True}})
        bad = with_header(b"Subject: once more")
        replies = daemon.send(bad, [BOB, CAROL, "dan@example.com", "erin@example.com"], lmtp=True)
        self.assertCode(replies[0], 554, "5.6.0 Reject")
        self.assertRegex(replies[0][1][0], r"- BAD HEADER$")  # as amavisd: which one is in the log line
        self.assertCode(replies[1], 250, "queued as")
        self.assertCode(replies[2], 250, "Ok, discarded")
        self.assertCode(replies[3], 250, "queued as")
        alerts = {recipient: len(message.field("X-Amavis-Alert")) for message in self.got(2) for recipient in message.recipients}
        self.assertEqual(alerts, {CAROL: 1, "erin@example.com": 0})

    def test_control_characters_are_known_although_they_are_taken_out(self):
        daemon = self.start()
        for octets, shown in ((b"X-A: a\0b", "char 00 hex): X-A: a\\x{00}b"), (b"X-A: a\rb", "char 0D hex): X-A: a\\x{0D}b")):
            self.sink.clear()
            self.assertCode(daemon.send(with_header(octets)), 250, "queued as")
            [message] = self.got(1)
            self.assertIn(shown, " ".join(message.field("X-Amavis-Alert")[0].split()))
            self.assertIn(b"\r\nX-A: ab\r\n", message.header)
            self.assertNotIn(b"\0", message.data)

    def test_a_switch(self):
        daemon = self.start(header_checks={"8bit": False, "missing": False, "utf8": True})
        self.assertCode(daemon.send(b"X-A: caf\xe9\r\n\r\nbody\r\n"), 250)
        [message] = self.got(1)
        self.assertEqual(message.field("X-Amavis-Alert"), [])

    def test_repairs_touch_what_is_broken_and_nothing_else(self):
        lines = [b"X-Fold: a", b" \t", b" b", b"X-Long: " + b"l" * 1200, b"X-Odd:\ta  b ", b"X-Last: z", b"  "]
        body = b" \r\n\t\r\n" + b"m" * 1500 + b"\r\nend\r\n"
        data = mail.header_of(mail.message()) + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body
        right = data.replace(b"X-Fold: a\r\n \t\r\n b", b"X-Fold: a\r\n b").replace(b"X-Long: " + b"l" * 1200, b"X-Long: " + b"l" * 987 + b"...")
        right = right.replace(b"X-Last: z\r\n  \r\n", b"X-Last: z\r\n")
        for checks, want in (({}, right), ({"fix_folding": False, "fix_long_lines": False}, data)):
            daemon = self.start(header_checks=checks)
            self.assertCode(daemon.send(data), 250)
            [message] = self.got(1)
            self.assertTrue(message.data.endswith(want), message.data[-3500:])
