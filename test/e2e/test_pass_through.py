"""What comes in is what goes on: bytes, envelopes, extensions (no engines, no Postfix: the wire itself is looked at)"""
from e2e.lib import mail
from e2e.lib.case import Case

OURS = (b"received:", b"x-amavis-alert:", b"x-virus-scanned:", b"x-spam-flag:", b"x-spam-score:", b"x-spam-level:", b"x-spam-status:")


def without_ours(data, original):
    """The delivered header fields without those we document to add; the original's own are left alone."""
    added = len(mail.fields(data)) - len(mail.fields(original))
    fields = mail.fields(data)
    return [field for i, field in enumerate(fields) if not (i < added and field.lower().startswith(OURS))]


class PassThrough(Case):
    def setUp(self):
        self.sink = self.hop()
        self.daemon = self.tamis(self.sink)

    def delivered(self, data, **options):
        """Sends it and returns what arrived; exactly one message must."""
        self.sink.clear()
        reply = self.daemon.send(data, **options)
        self.assertCode(reply, 250)
        self.assertTrue(self.sink.wait(1), "the message did not arrive")
        self.assertEqual(len(self.sink.messages), 1)
        return self.sink.messages[0]

    def assertUnchanged(self, original):
        got = self.delivered(original)
        self.assertEqual(without_ours(got.data, original), mail.fields(original))
        self.assertEqual(mail.body_of(got.data), mail.body_of(original))
        self.assertFalse(got.bare)
        return got

    def test_header_and_body_bytes(self):
        odd = (b"Received: from a by b; Sun, 22 Nov 2026 15:00:00 +0000\r\nX-Odd:no space\r\nx-folded: one\r\n\ttwo\r\n   three\r\n"
               b"Subject:   many   blanks   \r\nFrom: a@example.org\r\nX-Empty:\r\nX-Odd: again\r\n"
               b"DKIM-Signature: v=1; a=rsa-sha256; b=abc\r\n\tdef=\r\n")
        bodies = [b"plain\r\n", b"", b"\r\n\r\n\r\n", b".\r\n..\r\n.x\r\n", b"no line end", b"trailing blanks  \t \r\n\x0b\x0c\x7f\r\n",
                  bytes(range(128, 256)) + b"\r\n", b"x" * 998 + b"\r\n", b"x" * 100_000 + b"\r\n", b"line\r\n" * 50_000]
        for body in bodies:
            with self.subTest(body=body[:40]):
                original = odd + b"\r\n" + body
                if body and not body.endswith(b"\r\n"):
                    original += b"\r\n"
                self.assertUnchanged(original)

    def test_messages_around_the_buffer_sizes(self):
        for size in (4095, 4096, 4097, 16383, 16384, 16385, 65535, 65536, 65537, 1 << 20, 9 << 20):
            with self.subTest(size=size):
                head = b"Subject: sized\r\n\r\n"
                line = b"." * 61 + b"\r\n"
                body = line * ((size - len(head)) // len(line))
                body += b"x" * max(0, size - len(head) - len(body) - 2) + b"\r\n"
                self.assertUnchanged(head + body)

    def test_a_message_without_a_header_and_one_without_a_body(self):
        for original in (b"\r\nbody only\r\n", b"Subject: header only\r\n", b"not a header line\r\nat all\r\n", b"\r\n"):
            with self.subTest(original=original):
                got = self.delivered(original)
                self.assertTrue(got.data.endswith(original), got.data)

    def test_strange_spam_headers_are_removed_and_ours_come_first(self):
        original = mail.clean(extra="X-Spam-Flag: YES\nX-Spam-Status: Yes, score=99\n\tfolded\nX-Spam-Score: 99\nX-Spamfree: kept\n")
        got = self.delivered(original)
        self.assertEqual([value for value in got.field("X-Spam-Flag") if value == "YES"], [])
        self.assertNotIn(b"score=99", got.header)
        self.assertIn(b"X-Spamfree: kept\r\n", got.header)
        self.assertEqual(mail.body_of(got.data), mail.body_of(original))

    def test_received_field(self):
        got = self.delivered(mail.clean())
        self.assertRegex(got.field("Received")[0],
                         r"^from client\.example\.org \(.*\[127\.0\.0\.1\]\).*by \S+ .*with ESMTP.* id \S+.* for <bob@example\.com>; ")

    def test_several_recipients_in_one_transaction(self):
        recipients = [f"user{n}@example.com" for n in range(50)]
        got = self.delivered(mail.clean(), recipients=recipients)
        self.assertEqual(got.recipients, recipients)

    def test_envelopes_that_are_awkward(self):
        for sender, recipient in (("", "bob@example.com"), ('"odd local"@example.org', '"a>b"@example.com'),
                                  ("a+b=c@example.org", "bob+ext@example.com"), ("x" * 64 + "@example.org", "postmaster")):
            with self.subTest(sender=sender, recipient=recipient):
                got = self.delivered(mail.clean(), sender=sender, recipients=[recipient])
                self.assertEqual((got.mail_from, got.recipients), (sender, [recipient]))

    def test_smtputf8(self):
        original = mail.message(subject="grüße", body="Käse\n")
        got = self.delivered(original, sender="jürgen@bücher.example.org", recipients=["用户@example.com"], parameters=" SMTPUTF8 BODY=8BITMIME")
        self.assertEqual((got.mail_from, got.recipients), ("jürgen@bücher.example.org", ["用户@example.com"]))
        self.assertIn("SMTPUTF8", got.mail_parameters)
        self.assertEqual(mail.body_of(got.data), mail.body_of(original))

    def test_smtputf8_where_the_next_hop_lacks_it(self):
        self.sink.extensions = ("PIPELINING", "8BITMIME")
        reply = self.daemon.send(mail.clean(), sender="jürgen@example.org", parameters=" SMTPUTF8")
        self.assertEqual(reply[0] // 100, 5, reply)
        self.assertIn("5.6.7", reply[1][0])
        self.assertEqual(self.sink.messages, [])

    def test_8bit_declared_and_not(self):
        self.assertIn("BODY=8BITMIME", self.delivered(mail.eight_bit(), parameters=" BODY=8BITMIME").mail_parameters)
        original = mail.eight_bit()
        self.assertEqual(mail.body_of(self.delivered(original).data), mail.body_of(original))

    def test_8bit_where_the_next_hop_lacks_it(self):
        self.sink.extensions = ("PIPELINING",)
        reply = self.daemon.send(mail.eight_bit(), parameters=" BODY=8BITMIME")
        self.assertEqual(reply[0] // 100, 5, reply)
        self.assertIn("5.6.3", reply[1][0])
        self.assertEqual(self.sink.messages, [])

    def test_dsn_parameters(self):
        got = self.delivered(mail.clean(), parameters=" RET=HDRS ENVID=QQ+2B31", recipients=["bob@example.com"],
                             recipient_parameters=" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob+2Blist@example.com")
        self.assertLessEqual({"RET=HDRS", "ENVID=QQ+2B31"}, set(got.mail_parameters))
        self.assertLessEqual({"NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;bob+2Blist@example.com"},
                             set(got.recipient_parameters["bob@example.com"]))

    def test_a_next_hop_without_extensions(self):
        self.sink.extensions = ()
        got = self.delivered(mail.clean(), parameters=" RET=HDRS", recipients=["a@example.com", "b@example.com"])
        self.assertEqual((got.mail_parameters, got.xforward, len(got.recipients)), ([], {}, 2))

    def test_xforward_values_reach_the_next_hop_and_not_the_next_message(self):
        with self.daemon.client() as client:
            client.hello()
            client.command("XFORWARD NAME=mail.example.net ADDR=192.0.2.9 PORT=4711 PROTO=ESMTP HELO=he+2Blo IDENT=4Nk9z SOURCE=REMOTE")
            self.assertCode(client.transaction("a@example.org", ["bob@example.com"], mail.clean()), 250)
            self.assertCode(client.transaction("a@example.org", ["bob@example.com"], mail.clean()), 250)
            client.command("XFORWARD NAME=other.example.net")
            client.command("RSET")
            self.assertCode(client.transaction("a@example.org", ["bob@example.com"], mail.clean()), 250)
        self.assertTrue(self.sink.wait(3))
        first, second, third = (message.xforward for message in self.sink.messages)
        self.assertEqual(first, {"NAME": "mail.example.net", "ADDR": "192.0.2.9", "PORT": "4711", "PROTO": "ESMTP",
                                 "HELO": "he+2Blo", "IDENT": "4Nk9z", "SOURCE": "REMOTE"})
        for later in (second, third):
            self.assertFalse({"mail.example.net", "192.0.2.9", "4Nk9z", "other.example.net"} & set(later.values()), later)

    def test_xforward_of_a_stranger_is_refused(self):
        self.daemon.reload({"server": {"xforward_peers": ["192.0.2.1"]}})
        def offered():
            with self.daemon.client() as client:
                return any("XFORWARD" in line for line in client.hello()[1])
        from e2e.lib.process import until
        until(lambda: not offered(), 10, "XFORWARD no longer offered")
        with self.daemon.client() as client:
            client.hello()
            self.assertEqual(client.command("XFORWARD ADDR=192.0.2.9")[0], 550)
            self.assertCode(client.transaction("a@example.org", ["bob@example.com"], mail.clean()), 250)
        self.assertTrue(self.sink.wait(1))
        self.assertNotIn("192.0.2.9", self.sink.messages[0].xforward.values())

    def test_unlisted_peers_get_554(self):
        self.daemon.reload({"server": {"allowed_peers": ["192.0.2.1"]}})
        from e2e.lib.process import until
        until(lambda: self.daemon.client().greeting[0] == 554, 10, "a 554 greeting")
        with self.daemon.client(unix=True) as client:
            self.assertEqual(client.greeting[0], 220)

    def test_lmtp_next_hop_and_unix_sockets(self):
        path = self.daemon.home / "lmtp.sock"
        lmtp = self.hop(path=str(path), lmtp=True)
        path.chmod(0o777)                      # connecting needs write permission
        daemon = self.tamis(lmtp)
        with daemon.client(unix=True) as client:
            client.hello(lmtp=True)
            replies = client.transaction("a@example.org", ["bob@example.com", "carol@example.com"], mail.clean(), lmtp=True)
        self.assertEqual([code for code, _ in replies], [250, 250])
        self.assertTrue(lmtp.wait(1))
        self.assertEqual(lmtp.messages[0].recipients, ["bob@example.com", "carol@example.com"])


class Oversize(Case):
    def setUp(self):
        self.sink = self.hop()
        self.daemon = self.tamis(self.sink, {"limits": {"message_size": 100_000}})

    def test_declared(self):
        with self.daemon.client() as client:
            client.hello()
            self.assertCode(client.command("MAIL FROM:<a@example.org> SIZE=100001"), 552, "5.3.4")
            self.assertCode(client.command("MAIL FROM:<a@example.org> SIZE=100000"), 250)

    def test_at_the_end_of_data_by_smtp_and_lmtp(self):
        large = mail.large(200_000)
        self.assertCode(self.daemon.send(large), 552, "5.3.4")
        replies = self.daemon.send(large, recipients=["a@example.com", "b@example.com", "c@example.com"], lmtp=True)
        self.assertEqual([code for code, _ in replies], [552, 552, 552])
        self.assertEqual((self.sink.messages, self.sink.dots), ([], 0))

    def test_what_follows_an_oversized_message_is_not_taken_for_commands(self):
        with self.daemon.client() as client:
            client.hello()
            trap = b"\r\n.\nMAIL FROM:<trap@example.org>\r\nRCPT TO:<v@example.com>\r\nDATA\r\n"
            self.assertCode(client.transaction("a@example.org", ["bob@example.com"], mail.large(150_000) + trap), 552)
            self.assertCode(client.transaction("a@example.org", ["bob@example.com"], mail.clean()), 250)
        self.assertTrue(self.sink.wait(1))
        self.assertEqual([message.mail_from for message in self.sink.messages], ["a@example.org"])

    def test_exactly_the_limit_passes(self):
        head = b"Subject: x\r\n\r\n"
        exact = head + b"y" * (100_000 - len(head) - 2) + b"\r\n"
        self.assertCode(self.daemon.send(exact), 250)
        self.assertCode(self.daemon.send(exact[:-2] + b"y\r\n"), 552)
