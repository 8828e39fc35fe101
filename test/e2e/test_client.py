"""Bad days of the client: it vanishes at any byte, splits anywhere, mixes up the order; nothing leaks, nothing is kept"""
import random
import selectors
import socket
import time

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.process import until
from e2e.lib.tamis import sanitized

DIALOGUE = (b"EHLO client.example.org\r\nMAIL FROM:<vanishing@example.org> BODY=8BITMIME\r\nRCPT TO:<bob@example.com>\r\n"
            b"RCPT TO:<carol@example.com>\r\nDATA\r\nSubject: vanishing\r\n\r\nline\r\n..dot\r\n.\r\n")
CONTENT = DIALOGUE.index(b"Subject:")


class Vanishing(Case):
    limit = 300

    def test_at_any_byte(self):
        sink = self.hop()
        daemon = self.tamis(sink)
        self.assertCode(daemon.send(mail.clean()), 250)
        until(lambda: sink.open_connections <= 2, 10, "few connections")
        before = daemon.process.descriptors()
        for reset in (False, True):
            for end in range(len(DIALOGUE)):
                client = daemon.client(greet=end % 3 == 0)
                client.send(DIALOGUE[:min(end, CONTENT)])
                if end > CONTENT:
                    if end % 3:
                        client.reply()
                    while client.reply()[0] != 354:
                        pass
                    client.send(DIALOGUE[CONTENT:end])
                if reset:
                    client.reset()
                else:
                    client.close()
        sink.wait_for(lambda hop: False, 0.2)
        self.assertEqual([m for m in sink.messages if m.mail_from == "vanishing@example.org"], [],
                         "an incomplete message was delivered")
        until(lambda: daemon.process.descriptors() <= before + 3, 20, "the descriptors of vanished clients closed")
        self.assertCode(daemon.send(mail.clean()), 250)

    def test_after_the_dot_the_mail_is_delivered_at_most_once(self):
        sink = self.hop()
        daemon = self.tamis(sink)
        for number in range(40):
            client = daemon.client()
            client.send(DIALOGUE[:CONTENT])
            while client.reply()[0] != 354:
                pass
            client.send(DIALOGUE[CONTENT:])
            client.reset() if number % 2 else client.close()
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertLessEqual(len([m for m in sink.messages if m.mail_from == "vanishing@example.org"]), 40)
        for message in sink.messages:
            if message.mail_from == "vanishing@example.org":
                self.assertEqual(message.recipients, ["bob@example.com", "carol@example.com"])

    def test_half_closed_after_the_dot(self):
        import socket
        sink = self.hop()
        daemon = self.tamis(sink)
        client = daemon.client()
        client.send(DIALOGUE[:CONTENT])
        while client.reply()[0] != 354:
            pass
        client.send(DIALOGUE[CONTENT:])
        client.sock.shutdown(socket.SHUT_WR)
        # either it is delivered and answered, or neither: never delivered twice, never answered 250 without delivery
        try:
            if client.reply()[0] == 250:
                self.assertTrue(sink.wait(1))
        except (EOFError, ConnectionResetError):
            pass
        self.assertLessEqual(len(sink.messages), 1)
        self.assertCode(daemon.send(mail.clean()), 250)


class Segments(Case):
    def test_content_before_the_354_ends_the_session(self):
        """S1 (d): who sends content without waiting for our answer to DATA is out of step, or smuggles."""
        sink = self.hop()
        daemon = self.tamis(sink)
        with daemon.client() as client:
            client.send(DIALOGUE)
            codes = []
            try:
                while True:
                    codes.append(client.reply()[0])
            except (EOFError, ConnectionResetError):
                pass
        self.assertNotIn(354, codes)
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertTrue(sink.wait(1))
        self.assertEqual(len(sink.messages), 1)

    def test_one_octet_at_a_time_and_all_at_once(self):
        sink = self.hop()
        daemon = self.tamis(sink)
        bodies = []
        for step in (1, 2, 3, 7, len(DIALOGUE)):
            with daemon.client() as client:
                client.sock.setsockopt(6, 1, 1)       # TCP_NODELAY: each piece its own segment
                codes = []
                for part in (DIALOGUE[:CONTENT], DIALOGUE[CONTENT:]):     # nobody may send content before the 354
                    for start in range(0, len(part), step):
                        client.send(part[start:start + step])
                    codes += [client.reply()[0] for _ in range(5 if not codes else 1)]
                self.assertEqual(codes, [250, 250, 250, 250, 354, 250], step)
        self.assertTrue(sink.wait(5))
        bodies = {mail.body_of(message.data) for message in sink.messages}
        self.assertEqual(bodies, {b"line\r\n.dot\r\n"})


class CrossTalk(Case):
    def test_many_at_once_each_get_their_own(self):
        """S17: sender, recipients, XFORWARD values and body of one message never mix with those of another."""
        import threading
        sink = self.hop()
        daemon = self.tamis(sink, {"scanners": {"yara": {}}})
        problems = []

        def client(lane):
            with daemon.client() as connection:
                connection.hello(lmtp=lane % 2 == 0)
                for turn in range(20):
                    name = f"x{lane}.{turn}"
                    connection.command(f"XFORWARD IDENT={name} ADDR=192.0.2.{lane + 1}")
                    body = f"{name}\n" * (1 + (lane * 20 + turn) * 37 % 900)
                    data = mail.eicar() if turn % 5 == 4 else mail.message(body=body, subject=name)
                    reply = connection.transaction(f"{name}@sender.example.org", [f"{name}@example.com"], data, lmtp=lane % 2 == 0)
                    code, lines = reply[0] if lane % 2 == 0 else reply
                    if code != 250 or ("INFECTED" in lines[0]) != (turn % 5 == 4):
                        problems.append((name, reply))

        threads = [threading.Thread(target=client, args=(lane,)) for lane in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(problems, [])
        self.assertTrue(sink.wait(24 * 16))
        self.assertEqual(len(sink.messages), 24 * 16)
        for message in sink.messages:
            name = message.field("Subject")[0]
            self.assertEqual((message.mail_from, message.recipients), (f"{name}@sender.example.org", [f"{name}@example.com"]))
            self.assertEqual(message.xforward["IDENT"], name)
            self.assertEqual(set(mail.body_of(message.data).split()), {name.encode()})


class Order(Case):
    """S2: the transaction is one object; whatever came before, the next message is its own."""
    limit = 300

    def test_random_command_sequences_against_a_model(self):
        sink = self.hop()
        daemon = self.tamis(sink, {"limits": {"errors": 0, "recipients": 5}})
        rng = random.Random(int.from_bytes(b"tamis", "big"))
        accepted = 0
        for session in range(100):
            with daemon.client() as client:
                sender, recipients, asked, lmtp = None, [], 0, False
                for step in range(40):
                    what = rng.choice(("EHLO", "LHLO", "MAIL", "MAIL", "RCPT", "RCPT", "RCPT", "DATA", "DATA", "RSET", "NOOP", "BAD", "MAILBAD",
                                       "RCPTBAD", "VRFY", "HELO"))
                    if what in ("EHLO", "LHLO", "HELO"):
                        self.assertEqual(client.command(f"{what} x")[0], 250)
                        sender, recipients, asked, lmtp = None, [], 0, what == "LHLO"
                    elif what == "MAIL":
                        name = f"s{session}.{step}@example.org"
                        code = client.command(f"MAIL FROM:<{name}>")[0]
                        self.assertEqual(code, 503 if sender is not None else 250)
                        if code == 250:
                            sender, recipients, asked = name, [], 0
                    elif what == "RCPT":
                        name = f"r{session}.{step}@example.com"
                        code = client.command(f"RCPT TO:<{name}>")[0]
                        asked += sender is not None
                        self.assertEqual(code, 503 if sender is None else 452 if asked > 5 else 250)
                        if code == 250:
                            recipients.append(name)
                    elif what == "DATA":
                        code = client.command("DATA")[0]
                        if sender is None or (not recipients and asked == 0):
                            self.assertEqual(code, 503)
                        elif not recipients:
                            self.assertEqual(code, 503 if lmtp else 554)
                        else:
                            self.assertEqual(code, 354)
                            client.send(mail.message(subject=sender) + b".\r\n")
                            for _ in range(len(recipients) if lmtp else 1):
                                self.assertEqual(client.reply()[0], 250)
                            accepted += 1
                            self.assertTrue(sink.wait(accepted))
                            self.assertEqual((sink.messages[-1].mail_from, sink.messages[-1].recipients), (sender, recipients))
                            self.assertEqual(sink.messages[-1].field("Subject"), [sender])
                            sender, recipients, asked = None, [], 0
                    elif what == "RSET":
                        self.assertEqual(client.command("RSET")[0], 250)
                        sender, recipients, asked = None, [], 0
                    elif what == "MAILBAD":
                        self.assertEqual(client.command("MAIL FROM:<x@example.org> NO=SUCH")[0], 503 if sender is not None else 504)
                    elif what == "RCPTBAD":
                        self.assertEqual(client.command("RCPT TO:nobody")[0], 503 if sender is None else 501)
                        asked += sender is not None
                    elif what == "BAD":
                        self.assertEqual(client.command("FLY me to the moon")[0], 500)
                    else:
                        self.assertIn(client.command(f"{what} x")[0], (250, 252))
        self.assertGreater(accepted, 30)
        self.assertEqual(len(sink.messages), accepted)

    def test_after_every_refusal_of_the_next_hop_the_session_is_clean(self):
        sink = self.hop()
        daemon = self.tamis(sink)
        with daemon.client() as client:
            client.hello()
            for stage in ("mail", "rcpt", "data", "dot"):
                for reply in ("451 4.0.0 no", "554 5.0.0 no"):
                    with self.subTest(stage=stage, reply=reply):
                        sink.forget().on(stage, reply, times=1)
                        code = client.transaction("first@example.org", ["first@example.com"], mail.clean())[0]
                        self.assertEqual(code // 100, int(reply[0]))
                        self.assertEqual(client.command("RCPT TO:<left@example.com>")[0], 503)
                        sink.clear()
                        self.assertCode(client.transaction("second@example.org", ["second@example.com"], mail.clean()), 250)
                        self.assertTrue(sink.wait(1))
                        self.assertEqual([(m.mail_from, m.recipients) for m in sink.messages],
                                         [("second@example.org", ["second@example.com"])])

    def test_errors_per_connection(self):
        daemon = self.tamis(self.hop(), {"limits": {"errors": 5}})
        with daemon.client() as client:
            codes = []
            while not codes or codes[-1] != 421:
                codes.append(client.command("FLY")[0])
                self.assertLess(len(codes), 10)
            self.assertTrue(client.closed())

    def test_endless_lines_are_bounded(self):
        daemon = self.tamis(self.hop())
        with daemon.client() as client:
            before = daemon.process.memory()
            try:
                for _ in range(64):
                    client.send(b"A" * (1 << 20))
                client.send(b"\r\n")
                self.assertIn(client.reply()[0], (421, 500))
            except ConnectionError:
                pass
        limit = 64 if sanitized() else 16  # AddressSanitizer keeps what was freed for a while
        self.assertLess(daemon.process.memory() - before, limit << 20)
        self.assertCode(daemon.send(mail.clean()), 250)

    def test_idle_clients_are_sent_away(self):
        daemon = self.tamis(self.hop(), {"limits": {"idle": 1}})
        with daemon.client() as client:
            self.assertEqual(client.reply()[0], 421)
            self.assertTrue(client.closed())
        with daemon.client() as client:
            client.hello()
            client.command("MAIL FROM:<a@example.org>")
            client.command("RCPT TO:<bob@example.com>")
            client.command("DATA")
            client.send(b"Subject: never finished\r\n")
            try:
                self.assertEqual(client.reply()[0], 421)
            except (EOFError, ConnectionResetError):
                pass                                          # closed without a word is fine, too; waiting for ever is not
        self.assertCode(daemon.send(mail.clean()), 250)


class Crowd(Case):
    limit = 120
    release_only = True  # the sanitizers keep memory, and need descriptors themselves

    def connect(self, daemon, count):
        host, port = daemon.address.split(":")
        out = []
        for _ in range(count):
            client = socket.create_connection((host, int(port)), 10)
            self.addCleanup(client.close)
            out.append(client)
        return out

    def test_hundreds_that_drip_keep_nobody_waiting_and_are_sent_away(self):
        daemon = self.tamis(self.hop(), {"limits": {"session": 10, "idle": 60}})
        self.assertCode(daemon.send(mail.clean()), 250)
        before = daemon.process.memory()
        texts = (b"EHLO client.example.org\r\n" + b"N" * 3000, DIALOGUE[:CONTENT - 6], DIALOGUE[:CONTENT] + b"Subject: " + b"x" * 3000)
        begin = time.monotonic()
        selector = selectors.DefaultSelector()
        for number, client in enumerate(self.connect(daemon, 400)):
            whole = number % 3 == 2                           # a third drips content, octet by octet, after a quick beginning
            if whole:
                client.sendall(DIALOGUE[:CONTENT])
            client.setblocking(False)
            selector.register(client, selectors.EVENT_READ, (number, iter(texts[number % 3][CONTENT if whole else 0:])))
        said, waits, sizes = {}, [], []
        while selector.get_map():
            self.assertLess(time.monotonic() - begin, 60, f"{len(selector.get_map())} are still connected")
            for key, _ in selector.select(0):
                try:
                    got = key.fileobj.recv(4096)
                except ConnectionError:
                    got = b""
                said[key.fileobj] = said.get(key.fileobj, b"") + got
                if not got:
                    selector.unregister(key.fileobj)
            for key in list(selector.get_map().values()):
                number, rest = key.data
                is_early = number % 3 == 2 and b"354" not in said.get(key.fileobj, b"")
                octet = None if is_early else next(rest, None)
                try:
                    if octet is not None:
                        key.fileobj.send(bytes([octet]))
                except OSError:                               # just closed: the next look reads that
                    pass
            if time.monotonic() - begin < 3:
                sizes.append(daemon.process.memory())
                asked = time.monotonic()
                self.assertCode(daemon.send(mail.clean()), 250)
                waits.append(time.monotonic() - asked)
        self.assertEqual({text.splitlines()[-1].split(b" ")[0] for text in said.values()}, {b"421"}, "each is told why")
        self.assertEqual(sum(b"354" in text for text in said.values()), 133)
        self.assertGreater(len(waits), 3)
        self.assertLess(sorted(waits)[len(waits) // 2], 1)
        self.assertLess(max(sizes) - before, 400 * 80 * 1024)

    def test_without_descriptors_new_clients_wait_and_the_others_go_on(self):
        sink = self.hop()
        daemon = self.tamis(sink)
        self.assertCode(daemon.send(mail.clean()), 250)
        enough = daemon.process.descriptors() + 6
        daemon.stop()
        daemon.start(descriptors=enough)
        with daemon.client() as known:
            known.hello()
            self.assertCode(known.transaction("a@example.org", ["bob@example.com"], mail.clean()), 250)
            crowd = self.connect(daemon, 30)
            until(lambda: "cannot accept on" in daemon.log(), 10, "the complaint")
            used = daemon.process.cpu()
            end = time.monotonic() + 1
            self.assertIn(known.transaction("a@example.org", ["bob@example.com"], mail.clean())[0] // 100, (2, 4))
            until(lambda: time.monotonic() > end, 5, "a second")
            self.assertLess(daemon.process.cpu() - used, 0.5, "it must not try again and again")
            self.assertEqual(daemon.log().count("cannot accept on"), 1)
            for client in crowd:
                client.close()
            self.assertCode(known.transaction("last@example.org", ["bob@example.com"], mail.clean()), 250)
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertTrue(sink.wait_for(lambda hop: any(m.mail_from == "last@example.org" for m in hop.messages)))
