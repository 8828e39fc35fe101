"""Addresses that SMTP takes and others stumble over: quarantined, recorded, released again with exactly the same octets"""
import itertools
import re
import socket
import sqlite3

from e2e.lib import SOURCE, mail
from e2e.lib.case import Case
from e2e.lib.control import Ampdp, amavisd_release, quarantine, quarantine_json
from e2e.lib.postfix import Postfix
from e2e.lib.process import free_port, until
from e2e.lib.servers import Amavisd, shared, shared_postgres
from fakes.client import Client

# iRedMail's schema for PostgreSQL has had this since 2018, reduced
TRIGGER = """
ALTER TABLE maddr ADD COLUMN email_raw varchar(255) NOT NULL DEFAULT '';
CREATE FUNCTION strip_ext() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email_raw := convert_from(NEW.email,'UTF8'); RETURN NEW; END $$;
CREATE TRIGGER maddr_raw BEFORE INSERT ON maddr FOR EACH ROW EXECUTE PROCEDURE strip_ext();
"""


def octets(raw):
    """Octets as the fakes have them in texts"""
    return raw.decode("utf-8", "surrogateescape")


def family():
    """Local parts over the odd characters: in quotes, with backslashes, octets above 127, UTF-8"""
    signs = [b"<", b">", b"@", b",", b"\\\\", b'\\"', b" ", b";", b":", b"(", b"?", b"\\>", b"\xe9", b"\xff", b"\xc3", "é".encode(), "用".encode()]
    quoted = [b'"a' + one + b'"' for one in signs] + [b'"' + one + b"b" + two + b'"' for one, two in itertools.permutations(signs[:7] + signs[12:16:3], 2)]
    plain = [b"\xe9u", b"u\xe9", b"\xe8u", b"\xffa", b"\xc3", b"a,b", b"a\\b", b"a\\xE9", b"?u", b'a."b >c".d', b'a"b"c', b'""', "jürgen".encode(), "用户".encode()]
    return [octets(local + b"@example.com") for local in [*plain, *quoted]]


class Odd(Case):
    limit = 200

    def start(self, storage=None, config=None, **hop):
        self.sink = self.hop(**hop)
        self.port = free_port()
        daemon = self.tamis(self.sink, {"scanners": {"yara": {}}, "limits": {"recipients": 1000}, **(config or {})}, storage=storage, start=False)
        daemon.ampdp = str(daemon.home / "ampdp.sock")
        daemon.config["control"] = {"listen": [f"unix:{daemon.ampdp}", f"127.0.0.1:{self.port}"], "socket_mode": "0666"}
        daemon.start()
        daemon.wait_log("started, listening on")
        return daemon

    def did(self, daemon, *words, status=0):
        code, out, err = quarantine(daemon.file, *words)
        self.assertEqual(code, status, f"{words}: {out}{err}")
        return out + err

    def only_id(self, daemon, *words):
        [item] = quarantine_json(daemon.file, "list", *words)["items"]
        return item["mail_id"]

    def quarantined(self, daemon, sender, recipients, data=None):
        self.assertCode(daemon.send(data or mail.gtube(), sender=sender, recipients=recipients), 250, "discarded")

    def released(self, sender, recipients):
        """All of them came out, each once, with these octets and no others"""
        got = [address for message in self.sink.messages for address in message.recipients]
        self.assertEqual(sorted(got), sorted(recipients))
        self.assertEqual({message.mail_from for message in self.sink.messages}, {sender})

    def round_trip(self, daemon, sender, recipients):
        self.quarantined(daemon, sender, recipients)
        text = self.did(daemon, "release", self.only_id(daemon))
        self.assertEqual(text.count(": delivered, queue id"), len(recipients), text)
        self.released(sender, recipients)
        states = quarantine_json(daemon.file, "show", self.only_id(daemon))["recipients"]
        self.assertEqual({one["state"] for one in states}, {"released"})


class RoundTrip(Odd):
    def test_sqlite(self):
        self.round_trip(self.start(), octets(b"a\xff@example.net"), family())

    def test_postgresql(self):
        self.round_trip(self.start(shared_postgres().database("odd")), '"a b >@"@example.net', family())

    def test_postgresql_with_a_trigger_that_takes_utf8_only(self):
        postgres = shared_postgres()
        dsn = postgres.database("odd_trigger")
        postgres.sql(TRIGGER, "odd_trigger")
        daemon = self.start(dsn)
        self.round_trip(daemon, octets(b"a\xff@example.net"), family())
        for number in range(5):
            self.quarantined(daemon, octets(b"%d\xfe@example.net" % number), ["bob@example.com"])
        self.assertEqual(daemon.log().count("This is said once"), 1, daemon.log())
        self.assertIn("22021", daemon.log())
        [[count]] = postgres.rows("select count(*) from msgrcpt r join maddr a on a.id = r.rid join msgs m on m.mail_id = r.mail_id join maddr s on s.id = m.sid", "odd_trigger")
        self.assertEqual(int(count), len(family()) + 5)
        self.assertEqual(postgres.rows("select email_raw from maddr where email_raw like 'a_@example.net'", "odd_trigger"), [["a?@example.net"]])
        self.assertEqual(len(quarantine_json(daemon.file, "list", "--sender", octets(b"3\xfe@example.net"))["items"]), 1)

    def test_in_files(self):
        self.round_trip(self.start(config={"policy": {"spam_quarantine": "local:spam-%m.gz"}}), octets(b"a\xff@example.net"), family())

    def test_a_next_hop_without_extensions(self):
        recipients = [address for address in family() if address.rpartition("@")[2] == "example.com"]
        self.round_trip(self.start(extensions=("PIPELINING",)), octets(b"\xe9@example.net"), recipients)

    def test_in_a_mailbox_file_the_octets_are_kept(self):
        daemon = self.start(config={"policy": {"spam_quarantine": "mbox:all"}})
        self.quarantined(daemon, octets(b"a\xff@example.net"), family())
        text = open(f"{daemon.config['server']['state_dir']}/quarantine/all", "rb").read()
        self.assertIn(b"X-Envelope-From: <a\xff@example.net>\n", text)
        for address in family():
            self.assertIn(b"<" + address.encode("utf-8", "surrogateescape") + b">", text)


class Passed(Odd):
    def test_mail_that_passes_keeps_the_octets(self):
        for extensions in (("PIPELINING",), ("PIPELINING", "8BITMIME", "SMTPUTF8")):
            with self.subTest(extensions=extensions):
                daemon = self.start(extensions=extensions)
                self.assertCode(daemon.send(mail.clean(), sender=octets(b"a\xff@example.net"), recipients=family()), 250)
                self.released(octets(b"a\xff@example.net"), family())


class Released(Odd):
    def test_one_odd_recipient_stops_no_other(self):
        daemon = self.start()
        odd, plain, left = octets(b"\xe9u@example.com"), "v@example.com", octets(b'"a b@c >>=d"@example.com')
        self.quarantined(daemon, "a@example.net", [odd, plain, left])
        mail_id = self.only_id(daemon)
        text = self.did(daemon, "release", mail_id, "--to", "a b\tc@example.com", "--to", plain, "--to", "\\xE9u@example.com", status=1)
        self.assertIn("to <a b\\x09c@example.com>: NOT delivered: 553 5.1.3 left out", text)
        self.assertEqual(text.count(": delivered"), 2, text)
        self.released("a@example.net", [odd, plain])
        # the next hop refuses one: the rest goes, and the status says so
        self.sink.on("rcpt", "550 5.1.1 no such user", when="@c")
        text = self.did(daemon, "release", mail_id, "--again", status=1)
        self.assertIn("NOT delivered: 550", text)
        self.assertEqual(text.count(": delivered"), 2, text)

    def test_who_is_missing_in_the_record_is_named(self):
        postgres = shared_postgres()
        daemon = self.start(postgres.database("odd_missing"))
        self.quarantined(daemon, "a@example.net", ["u@example.com", "v@example.com"])
        postgres.sql("delete from msgrcpt where rseqnum = 1", "odd_missing")
        text = self.did(daemon, "release", self.only_id(daemon), status=1)
        self.assertIn("<v@example.com>: delivered", text)
        self.assertIn("<u@example.com>: NOT delivered: 553 5.1.3 left out: the record of the message has no such recipient", text)
        self.released("a@example.net", ["v@example.com"])

    def test_over_ampdp(self):
        daemon = self.start()
        recipients = family()[:30]
        self.quarantined(daemon, octets(b"a\xff@example.net"), recipients)
        mail_id = self.only_id(daemon)
        with Ampdp(daemon.ampdp) as control:
            answer = control.ask(b"request=release\r\nmail_id=" + mail_id.encode() + b"\r\nrecipient=" + recipients[0].encode("utf-8", "surrogateescape") + b"\r\n\r\n")
            self.assertEqual([value[:9] for _, value in answer], ["250 2.0.0"], answer)
            answer = control.ask({"request": "release", "mail_id": mail_id})
            self.assertEqual([name for name, _ in answer], ["setreply"] * len(recipients))
            self.assertEqual(sorted({value[:9] for _, value in answer}), ["250 2.0.0", "250 2.5.0"], answer)
            self.assertEqual(answer[0][1][:34], "250 2.5.0 Ok, already released 202", answer[0])
            answer = control.ask([("request", "release"), ("mail_id", mail_id), ("recipient", "a\tb@example.com"), ("recipient", recipients[1])])
            self.assertEqual([value[:9] for _, value in answer], ["250 2.5.0", "553 5.1.3"], answer)
        self.released(octets(b"a\xff@example.net"), recipients)

    def test_as_modoboa_does(self):
        """LF line ends, an address without brackets; success is an answer that holds "250 N.N.N Ok" """
        daemon = self.start()
        self.quarantined(daemon, "a@example.net", ["u@example.com"])
        mail_id = self.only_id(daemon)
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", self.port), 30) as control:
                secret = self.secret(daemon, mail_id)
                control.sendall(f"request=release\nmail_id={mail_id}\nsecret_id={secret}\nquar_type=Q\nrecipient=u@example.com\n\n".encode())
                self.assertRegex(control.recv(1024).decode().replace("%20", " "), r"250 [\d.]+ Ok|250 2\.0\.0 Ok")
        self.released("a@example.net", ["u@example.com"])

    def secret(self, daemon, mail_id):
        with sqlite3.connect(f"{daemon.config['server']['state_dir']}/tamis.db", timeout=30) as base:
            [[secret]] = base.execute("select secret_id from msgs where mail_id = ?", (mail_id,)).fetchall()
        return secret.decode() if isinstance(secret, bytes) else secret


class ThroughPostfix(Odd):
    def test_a_postfix_without_smtputf8_passes_octets_on_and_takes_them_back(self):
        port = free_port()
        sink = self.sink = self.hop(extensions=("PIPELINING", "8BITMIME"))
        postfix = Postfix(f"127.0.0.1:{port}", sink.address, smtputf8=False)
        self.addCleanup(postfix.stop)
        daemon = self.tamis(f"smtp:[127.0.0.1]:{postfix.back_port}", {"scanners": {"yara": {}}}, port=port)
        sender, recipients = octets(b"a\xff@example.net"), [octets(b"\xe9u@example.com"), '"a b@c >>=d"@example.com', '"q\\"\\\\,"@example.com', "v@example.com"]
        for data, quarantined in ((mail.gtube(), True), (mail.clean(), False)):
            with Client(postfix.front) as client:
                client.hello()
                self.assertCode(client.transaction(sender, recipients, data), 250)
                client.quit()
            if quarantined:
                daemon.wait_log("Blocked SPAM")
                text = self.did(daemon, "release", self.only_id(daemon))
                self.assertEqual(text.count(": delivered"), len(recipients), text)
            until(lambda: sum(len(message.recipients) for message in sink.messages) >= len(recipients), 60, "Postfix's delivery")
            self.released(sender, recipients)
            sink.clear()


class WrittenByAmavisd(Odd):
    def test_odd_addresses_in_the_quarantine_of_a_real_amavisd(self):
        postgres = shared_postgres()
        recipients = ['"a b@c"@example.com', '"q\\"\\\\<"@example.com', octets(b"\xe9u@example.com"), "jürgen@example.com", "Plain@example.com"]
        sender = '"s x"@example.net'
        for name, eight_bit in (("odd_amavisd", 1), ("odd_amavisd7", 0)):
            with self.subTest(sql_allow_8bit_address=eight_bit):
                schema = (SOURCE / "test" / "schema" / "amavisd-2.13.sql").read_text()
                dsn = postgres.database(name, schema if eight_bit else re.sub(r"(?m)^(\s*email\s+)bytea", r"\1varchar(255)", schema))
                amavisd = Amavisd("smtp:[127.0.0.1]:%d" % self.hop().port, clamd=shared("clamd")["socket"], postgres_port=postgres.port, database=name,
                                  extra=f"$sql_allow_8bit_address = {eight_bit};\n")
                self.addCleanup(amavisd.stop)
                with Client(amavisd.address) as client:
                    client.hello(True)
                    answers = client.transaction(sender, recipients, mail.eicar(), True)
                    self.assertEqual([code for code, _ in answers], [250] * len(recipients), answers)
                    client.quit()
                until(lambda: postgres.rows("select 1 from msgs where content='V'", name), 30, "amavisd's record")  # noqa: B023
                daemon = self.start(dsn)
                mail_id = self.only_id(daemon)
                text = self.did(daemon, "release", mail_id)
                self.assertEqual(text.count(": delivered"), len(recipients), text)
                self.released(sender, recipients)
                self.assertIn("already released", amavisd_release(daemon.ampdp, mail_id))
                amavisd.stop()
