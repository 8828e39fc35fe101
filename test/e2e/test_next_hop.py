"""Bad days of the next hop: each fault in each phase, by SMTP and by LMTP; afterwards everything works again"""
from e2e.lib import mail
from e2e.lib.case import Case
from fakes.engine import refused_port
from fakes.next_hop import CLOSE, HANG, READ_SLOWLY, RESET, Drip, Later, NextHop, Raw

LIMITS = {"limits": {"message": 4, "scan": 2}}
STAGES = ("connect", "ehlo", "mail", "rcpt", "data", "dot")


class NextHopFaults(Case):
    def setUp(self):
        self.sink = self.hop()
        self.daemon = self.tamis(self.sink, LIMITS)

    def send(self, lmtp=False, recipients=("bob@example.com",), data=None):
        """Codes of the replies: always one per recipient for LMTP, and one for SMTP."""
        replies = self.daemon.send(data or mail.clean(), recipients=list(recipients), lmtp=lmtp)
        return [code for code, _ in replies] if lmtp else [replies[0]]

    def assertRecovers(self):
        """With the fault gone, the next message passes and is the only one, and is its own."""
        self.sink.forget()
        self.sink.clear()
        subject = f"after {self.id().rsplit('.', 1)[-1]}"
        self.assertEqual(self.send(data=mail.clean(subject=subject)), [250])
        self.assertTrue(self.sink.wait(1))
        self.assertEqual([m.field("Subject") for m in self.sink.messages], [[subject]])
        self.assertEqual(self.sink.messages[0].recipients, ["bob@example.com"])

    def test_refused(self):
        port, held = refused_port()
        self.addCleanup(held.close)
        daemon = self.tamis(f"smtp:[127.0.0.1]:{port}", LIMITS)
        reply = daemon.send(mail.clean())
        self.assertEqual(reply[0] // 100, 4)
        self.assertIn("4.4.1", reply[1][0])
        replies = daemon.send(mail.clean(), recipients=["a@example.com", "b@example.com"], lmtp=True)
        self.assertEqual([code // 100 for code, _ in replies], [4, 4])

    def test_hangs_at_every_stage(self):
        for stage in STAGES:
            for lmtp in (False, True):
                with self.subTest(stage=stage, lmtp=lmtp):
                    self.sink.forget().on(stage, HANG)
                    self.assertEqual([code // 100 for code in self.send(lmtp)], [4])
                    self.sink.stop()          # the hanging sessions end with it
                    self.sink.restart()
        self.assertRecovers()

    def test_goes_away_at_every_stage(self):
        for action in (CLOSE, RESET):
            for stage in STAGES:
                for lmtp in (False, True):
                    with self.subTest(stage=stage, lmtp=lmtp, reset=action is RESET):
                        self.sink.forget().on(stage, action)
                        self.assertEqual([code // 100 for code in self.send(lmtp)], [4])
        self.assertEqual(self.sink.messages, [])
        self.assertRecovers()

    def test_4xx_and_5xx_at_every_stage(self):
        for stage in STAGES:
            for reply, wanted in (("451 4.3.0 not now", 4), ("554 5.7.1 never", 5)):
                for lmtp in (False, True):
                    with self.subTest(stage=stage, reply=reply, lmtp=lmtp):
                        self.sink.forget().on(stage, reply)
                        if stage == "connect" and wanted == 5:
                            wanted = (4, 5)       # a 5xx greeting is about us, not about the mail
                        codes = [code // 100 for code in self.send(lmtp)]
                        if stage == "ehlo":
                            self.assertIn(codes[0], (2, 4, 5))    # HELO may still work
                        else:
                            self.assertIn(codes[0], wanted if isinstance(wanted, tuple) else (wanted,))
        self.assertRecovers()

    def test_421_is_temporary(self):
        for stage in STAGES:
            with self.subTest(stage=stage):
                self.sink.forget().on(stage, "421 4.3.2 closing")
                self.assertEqual([code // 100 for code in self.send()], [4])
        self.assertRecovers()

    def test_the_next_hops_own_words_come_back(self):
        self.sink.on("dot", "550 5.7.1 we do not like this")
        reply = self.daemon.send(mail.clean())
        self.assertCode(reply, 550, "we do not like this")

    def test_4xx_to_one_recipient(self):
        three = ["a@example.com", "bad@example.com", "c@example.com"]
        self.sink.on("rcpt", "450 4.2.0 mailbox busy", when="bad@")
        self.assertEqual([code // 100 for code in self.send(True, three)], [2, 4, 2])
        self.assertTrue(self.sink.wait(1))
        self.assertEqual(self.sink.messages[0].recipients, ["a@example.com", "c@example.com"])
        self.sink.clear()
        # SMTP has one answer: nobody may get it, or a retry would deliver twice
        self.assertEqual([code // 100 for code in self.send(False, three)], [4])
        self.assertEqual(self.sink.messages, [])
        self.assertRecovers()

    def test_5xx_to_one_recipient(self):
        three = ["a@example.com", "bad@example.com", "c@example.com"]
        self.sink.on("rcpt", "550 5.1.1 no such user", when="bad@")
        self.assertEqual([code // 100 for code in self.send(True, three)], [2, 5, 2])
        self.assertTrue(self.sink.wait(1))
        self.assertEqual(self.sink.messages[0].recipients, ["a@example.com", "c@example.com"])
        self.sink.clear()
        self.assertEqual([code // 100 for code in self.send(False, three)], [2])
        self.assertTrue(self.sink.wait(1))
        self.assertEqual(self.sink.messages[0].recipients, ["a@example.com", "c@example.com"])

    def test_every_mixture_of_answers_to_three_recipients(self):
        answers = {2: "250 2.1.5 Ok", 4: "450 4.2.0 busy", 5: "550 5.1.1 unknown"}
        recipients = ["a@example.com", "b@example.com", "c@example.com"]
        for mixture in [(x, y, z) for x in answers for y in answers for z in answers]:
            with self.subTest(mixture=mixture):
                self.sink.forget()
                self.sink.clear()
                for recipient, kind in zip(recipients, mixture):
                    self.sink.on("rcpt", answers[kind], when=recipient)
                self.assertEqual(tuple(code // 100 for code in self.send(True, recipients)), mixture)
                wanted = [recipient for recipient, kind in zip(recipients, mixture) if kind == 2]
                self.sink.wait(1 if wanted else 0)
                self.assertEqual([m.recipients for m in self.sink.messages], [wanted] if wanted else [])

    def test_452_too_many_recipients_makes_another_transaction(self):
        self.sink.on("rcpt", "452 4.5.3 too many recipients", when="c@example.com", times=1)
        self.assertEqual(self.send(True, ["a@example.com", "b@example.com", "c@example.com"]), [250, 250, 250])
        self.assertTrue(self.sink.wait(2))
        self.assertEqual([m.recipients for m in self.sink.messages], [["a@example.com", "b@example.com"], ["c@example.com"]])

    def test_lmtp_next_hop_with_an_answer_per_recipient(self):
        lmtp = self.hop(lmtp=True)
        daemon = self.tamis(lmtp, LIMITS)
        lmtp.on("dot", "452 4.2.2 mailbox full", when="b@").on("dot", "550 5.2.2 gone", when="c@")
        replies = daemon.send(mail.clean(), recipients=["a@example.com", "b@example.com", "c@example.com"], lmtp=True)
        self.assertEqual([code // 100 for code, _ in replies], [2, 4, 5])

    def test_dies_after_the_dot_and_the_retry_is_one_more_delivery_at_most(self):
        self.sink.on("dot", RESET, times=1)
        self.assertEqual([code // 100 for code in self.send()], [4])
        self.assertRecovers()

    def test_answers_garbage(self):
        for garbage in (b"\xff\xfe\x00\x01\r\n", b"250\r", b"hello\r\n", b"999 what\r\n", b"250 Ok\n", b"A" * 300_000):
            for stage in ("connect", "mail", "dot"):
                with self.subTest(garbage=garbage[:20], stage=stage):
                    self.sink.forget().on(stage, Raw(garbage))
                    self.assertIn(self.send()[0] // 100, (2, 4) if garbage.startswith(b"250") else (4,))
                    self.sink.stop()
                    self.sink.restart()
        self.assertRecovers()

    def test_a_reply_cannot_break_out_of_ours(self):
        """S9: line breaks and escapes in the next hop's words never become lines of our own."""
        self.sink.on("dot", Raw(b"554-5.7.1 first\r\n554-\x1b[2Jsecond\x00\r\n554 5.7.1 third \xff\xfe\r\n"))
        with self.daemon.client() as client:
            client.hello()
            code, lines = client.transaction("a@example.org", ["bob@example.com"], mail.clean())
            self.assertEqual(code // 100, 5)
            self.assertTrue(all(32 <= ord(letter) < 127 for line in lines for letter in line), lines)
            self.assertEqual(client.command("NOOP")[0], 250)

    def test_drips_its_answer(self):
        self.sink.on("dot", Drip("250 2.0.0 Ok: queued as DRIP", 0.02))
        self.assertEqual(self.send(), [250])
        self.sink.on("dot", Drip("250 2.0.0 Ok: queued as DRIP", 1))
        self.assertEqual([code // 100 for code in self.send()], [4])

    def test_reads_slowly(self):
        self.sink.on("data", READ_SLOWLY)
        self.assertEqual([code // 100 for code in self.send(data=mail.large(20_000_000))], [4])
        self.sink.stop()
        self.sink.restart()
        self.assertRecovers()

    def test_a_late_answer_is_waited_for(self):
        self.sink.on("dot", Later("250 2.0.0 Ok: queued as LATE", 1.5))
        self.assertCode(self.daemon.send(mail.clean()), 250, "queued as LATE")

    def test_xforward_refused(self):
        self.sink.on("xforward", "550 5.7.0 not you")
        self.assertEqual(self.send(), [250])
        self.assertTrue(self.sink.wait(1))

    def test_a_cached_connection_that_went_away(self):
        for count in range(1, 4):
            self.assertEqual(self.send(), [250])
            self.assertTrue(self.sink.wait(count))   # the sink counts a message after it has answered
            self.sink.stop()
            self.sink.restart()
        self.assertEqual(self.send(), [250])
        self.assertTrue(self.sink.wait(4))
        self.assertEqual(len(self.sink.messages), 4)


class Retries(Case):
    """What was delivered although the MTA could not be told is not delivered again."""

    def attempt(self, daemon, data, wait):
        client = daemon.client()
        client.hello(lmtp=True)
        client.command("XFORWARD IDENT=4NkRETRY")
        client.command("MAIL FROM:<a@example.org>")
        client.command("RCPT TO:<bob@example.com>")
        client.command("DATA")
        from fakes.client import stuff
        client.send(stuff(data) + b".\r\n")
        if not wait:
            return client
        code = client.reply()[0]
        client.close()
        return code

    def test_client_gone_while_the_next_hop_accepts(self):
        sink = NextHop()
        sink.on("dot", Later("250 2.0.0 Ok: queued as FIRST", 1.0), times=1)
        sink.start()
        self.addCleanup(sink.stop)
        daemon = self.tamis(sink)
        data = mail.clean()
        client = self.attempt(daemon, data, wait=False)
        self.assertTrue(sink.wait_for(lambda hop: hop.dots == 1))
        client.reset()
        self.assertTrue(sink.wait(1))
        daemon.wait_log("queued_as: FIRST")
        self.assertEqual(self.attempt(daemon, data, wait=True), 250)
        self.assertEqual(len(sink.messages), 1)
        daemon.wait_log("has this message already")
