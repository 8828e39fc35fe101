"""Settings of single recipients that change where mail goes: size limits, next hops, users of SpamAssassin; from rows of SQL"""
from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.servers import shared_postgres
from fakes.engine import Engine

BOB, CAROL = "bob@example.com", "carol@example.com"


class RecipientSettings(Case):
    def start(self, name, config=None):
        self.postgres = shared_postgres()
        self.database = f"settings_{name}"
        dsn = self.postgres.database(self.database)
        self.sink = self.hop()
        return self.tamis(self.sink, {"storage": {"lookup_dsn": dsn}, **(config or {})})

    def rows(self, *policies):
        """users rows 11, 12, ... with policy rows 1, 2, ...: (email, {column: value}) each"""
        statements = ["delete from users; delete from policy"]
        for number, (email, values) in enumerate(policies, 1):
            columns = "".join(f", {column}" for column in values)
            texts = "".join(f", '{value}'" for value in values.values())
            statements.append(f"insert into policy (id{columns}) values ({number}{texts})")
            statements.append(f"insert into users (id, policy_id, email) values ({10 + number}, {number}, '{email}')")
        self.postgres.rows("; ".join(statements), self.database)

    def delivered(self, hop=None):
        hop = hop or self.sink
        found = sorted(recipient for message in hop.messages for recipient in message.recipients)
        hop.clear()
        return found

    def test_size_limits_of_two_recipients(self):
        daemon = self.start("size")
        self.rows((BOB, {"message_size_limit": 100000}), (CAROL, {"message_size_limit": 300000}))
        for reply in daemon.send(mail.clean(), [BOB, CAROL], lmtp=True):
            self.assertCode(reply, 250, "queued")
        self.assertEqual(self.delivered(), [BOB, CAROL])

        replies = daemon.send(mail.large(150000), [BOB, CAROL], lmtp=True)
        self.assertCode(replies[0], 250, "DSN was sent (552 5.3.4 Bounce, id=")
        self.assertIn("Message size exceeds recipient's size limit", replies[0][1][0])
        self.assertCode(replies[1], 250, "queued")
        told = [message for message in self.sink.messages if message.mail_from == ""]
        self.assertEqual([message.recipients for message in told], [["alice@sender.example.org"]])
        self.assertIn(b"552 5.3.4", told[0].data)
        self.assertEqual(self.delivered(), ["alice@sender.example.org", CAROL])

        self.assertCode(daemon.send(mail.large(150000), [BOB, CAROL]), 250, ", but 1 BOUNCE")
        self.assertEqual(self.delivered(), ["alice@sender.example.org", CAROL])
        for reply in daemon.send(mail.large(400000), [BOB, CAROL], lmtp=True):
            self.assertCode(reply, 250, "DSN was sent (552 5.3.4")
        self.assertEqual(self.delivered(), ["alice@sender.example.org"])    # one notification about both
        # below 64 KiB a limit means 64 KiB (RFC 5321 section 4.5.3.1.7), and 0 is none
        self.rows((BOB, {"message_size_limit": 10}), (CAROL, {"message_size_limit": 0}))
        self.assertEqual([reply[0] for reply in daemon.send(mail.large(60000), [BOB, CAROL], lmtp=True)], [250, 250])
        self.assertEqual(self.delivered(), [BOB, CAROL])
        daemon.send(mail.large(400000), [CAROL], lmtp=True)
        self.assertEqual(self.delivered(), [CAROL])

    def test_oversized_mail_of_a_lover_of_nothing_is_rejected_where_the_table_says_so(self):
        daemon = self.start("size_reject", {"recipients": {f'"{BOB}"': {"final_oversized_destiny": "reject"}}})
        self.rows(("@.example.com", {"message_size_limit": 100000}))
        replies = daemon.send(mail.large(150000), [BOB, CAROL], lmtp=True)
        self.assertCode(replies[0], 552, "5.3.4 Reject, id=")
        self.assertCode(replies[1], 250, "DSN was sent (552 5.3.4 Bounce, id=")
        self.assertEqual(self.delivered(), ["alice@sender.example.org"])

    def test_forward_method_of_one_recipient(self):
        daemon = self.start("forward")
        second, third = self.hop(), self.hop(lmtp=True)
        self.rows((BOB, {"forward_method": f"smtp:[127.0.0.1]:{second.port}"}), ("@elsewhere.example.com", {"forward_method": f"lmtp:[127.0.0.1]:{third.port}"}))
        replies = daemon.send(mail.clean(), [BOB, CAROL, "dave@elsewhere.example.com"], lmtp=True)
        self.assertCode(replies[0], 250, f"from MTA(smtp:[127.0.0.1]:{second.port})")
        self.assertCode(replies[1], 250, f"from MTA(smtp:[127.0.0.1]:{self.sink.port})")
        self.assertCode(replies[2], 250, f"from MTA(lmtp:[127.0.0.1]:{third.port})")
        self.assertEqual([self.delivered(hop) for hop in (second, self.sink, third)], [[BOB], [CAROL], ["dave@elsewhere.example.com"]])
        self.rows()
        self.assertCode(daemon.send(mail.clean(), [BOB]), 250)       # as the site again, from the next message on
        self.assertEqual([self.delivered(second), self.delivered()], [[], [BOB]])
        second.on("rcpt", "550 5.1.1 no such user")
        self.rows((BOB, {"forward_method": f"smtp:[127.0.0.1]:{second.port}"}))
        self.assertCode(daemon.send(mail.clean(), [BOB, CAROL]), 250, ", but 1 REJECT")
        self.assertEqual(self.delivered(), ["alice@sender.example.org", CAROL])

    def test_forward_method_that_cannot_be_used(self):
        daemon = self.start("unusable")
        self.rows((BOB, {"forward_method": "pipe:argv=/bin/true"}))
        replies = daemon.send(mail.clean(), [BOB, CAROL], lmtp=True)
        self.assertCode(replies[0], 451, "4.3.5 forward_method of the recipient cannot be used")
        self.assertCode(replies[1], 250, "queued")
        self.assertEqual(self.delivered(), [CAROL])
        daemon.wait_log(f'lookup: users row 11 ("{BOB}"), policy row 1, column forward_method: delivery method "pipe:argv=/bin/true"')
        message = mail.clean()

        def try_again():
            with daemon.client() as peer:
                peer.hello()
                self.assertCode(peer.command("XFORWARD IDENT=4F2A1B3C4D"), 250)      # Postfix's queue id
                return peer.transaction("alice@sender.example.org", [BOB, CAROL], message)
        self.assertCode(try_again(), 451, "forward_method")
        self.assertEqual(self.delivered(), [CAROL])
        self.rows()
        self.assertCode(try_again(), 250)     # the MTA's next try: each has it once
        self.assertEqual(self.delivered(), [BOB])

    def test_quarantine_address_that_cannot_be_used(self):
        daemon = self.start("quarantine", {"scanners": {"yara": {}}})
        self.rows((BOB, {"spam_quarantine_to": "no body@example.com"}))
        self.assertCode(daemon.send(mail.clean(), [BOB]), 250)
        daemon.wait_log('policy row 1, column spam_quarantine_to: "no body@example.com" is no address')
        self.assertCode(daemon.send(mail.gtube(), [BOB]), 250, "discarded")     # "sql:" does not look at the name
        self.assertEqual(self.delivered(), [BOB])

    def test_values_of_the_configuration_are_refused_where_they_stand(self):
        daemon = self.start("refused")
        for line, where in (('forward_method = "127.0.0.1:25"', ":2:18: "), ('spam_quarantine_to = "a b@c"', ":2:22: "), ('sa_username = "a b"', ":2:15: ")):
            status, said = daemon.check(f'[recipients."{BOB}"]\n{line}\n')
            self.assertEqual(status, 1, said)
            self.assertIn(where + f'recipients."{BOB}".' + line.split()[0], said)

    def test_columns_for_spamassassin(self):
        heard = []

        class Spamd(Engine):
            async def request(self, first, reader, writer):
                header = first + await reader.readuntil(b"\r\n\r\n")
                heard.append([line for line in header.decode().split("\r\n") if line.startswith("User:")])
                length = int(header.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
                writer.write(self.reply)
                await writer.drain()
                return False
        with Spamd("spamd") as engine:
            daemon = self.start("sa", {"scanners": {"spamd": {"socket": engine.address}}})
            self.rows((BOB, {"sa_username": "bob", "sa_userconf": "/etc/bob.cf"}), (CAROL, {"sa_username": "carol", "disclaimer_options": "us"}))
            for recipients in ([BOB], [CAROL], [BOB, CAROL], ["dave@example.com"]):
                self.assertCode(daemon.send(mail.clean(), recipients), 250)
            # spamd's test table is missing here, so each message is asked about once or twice
            self.assertEqual([said for i, said in enumerate(heard) if i == 0 or said != heard[i - 1]], [["User: bob"], ["User: carol"], []])
            for column, row in (("sa_userconf", 1), ("disclaimer_options", 2)):
                daemon.wait_log(f"policy row {row}: column {column} holds")
                self.assertEqual(daemon.log().count(f"column {column} holds"), 1)

    def test_hostile_addresses_are_data(self):
        daemon = self.start("hostile", {"scanners": {"yara": {}}})
        long = "l" * 64 + "@" + ".".join(["d" * 60] * 4) + ".example.com"
        self.assertLessEqual(len(long), 320)
        # as in RCPT TO, and as the tables know it (without quotes of RFC 5321)
        known = {"o'neill@example.com": "o''neill@example.com", '"a b"@example.com': "a b@example.com",
                 "\"x'; drop table users; --\"@example.com": "x''; drop table users; --@example.com", "{a,b}@example.com": "{a,b}@example.com",
                 r'"%_\\"@example.com': r"%_\@example.com", long: long, "@relay.example.net,@other.example.net:route@example.com": "route@example.com"}
        statements = ["insert into policy (id, spam_lover) values (1, 'Y')"]
        statements += [f"insert into users (id, policy_id, email) values ({number}, 1, convert_to('{key}', 'UTF8'))" for number, key in enumerate(known.values(), 1)]
        statements.append("insert into users (id, policy_id, email) values (50, 1, convert_to('jörg@example.com', 'UTF8')), (51, 1, decode('fffe4065786d706c652e636f6d', 'hex'))")
        self.postgres.rows("; ".join(statements), self.database)
        for address in known:
            with self.subTest(address=address):
                self.sink.clear()
                self.assertCode(daemon.send(mail.gtube(), [address]), 250, "queued")
                self.assertEqual(len(self.sink.messages), 1)
        self.sink.clear()
        self.assertCode(daemon.send(mail.gtube(), ["jörg@example.com"], parameters=" SMTPUTF8"), 250, "queued")
        # neighbours of these addresses are not meant
        for address in ("oneill@example.com", "a@example.com", "x@example.com", "ab@example.com", '"%x"@example.com', "l" * 63 + long[64:], "jorg@example.com"):
            with self.subTest(address=address):
                self.sink.clear()
                self.assertCode(daemon.send(mail.gtube(), [address]), 250, "discarded")
                self.assertEqual(self.sink.messages, [])
        self.assertEqual(self.postgres.rows("select count(*) from users", self.database), [[str(len(known) + 2)]])

    def test_columns_of_unknown_types(self):
        daemon = self.start("types", {"scanners": {"yara": {}}})
        self.postgres.rows("alter table policy alter spam_lover drop default, alter virus_lover drop default, alter bypass_spam_checks drop default; "
                           "alter table policy alter spam_lover type boolean using null, alter spam_kill_level type jsonb using null, "
                           "alter virus_lover type timestamp using null, alter spam_tag2_level type numeric[] using null, "
                           "alter bypass_spam_checks type integer using null; "
                           f"insert into policy (id, spam_lover, spam_kill_level, virus_lover, spam_tag2_level) values (1, true, '{{\"x\": 1}}', now(), '{{1,2}}'), (2, null, '\"none\"', null, null); "
                           f"insert into policy (id, bypass_spam_checks) values (3, 1); "
                           f"insert into users (id, policy_id, email) values (1, 1, '{BOB}'), (2, 2, '{CAROL}'), (3, 3, 'dave@example.com')", self.database)
        replies = daemon.send(mail.gtube(), [BOB, CAROL, "dave@example.com"], lmtp=True)
        self.assertCode(replies[0], 250, "queued")       # true is yes
        self.assertCode(replies[1], 250, "discarded")    # what cannot be read is NULL: nothing is kinder because of it
        self.assertCode(replies[2], 250, "queued")
        for column in ("spam_kill_level", "virus_lover", "spam_tag2_level"):
            daemon.wait_log(f"policy row 1: column {column}: ")
        daemon.wait_log("policy row 2: column spam_kill_level: ")
