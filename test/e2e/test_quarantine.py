"""The quarantine: listed, shown, released once, deleted; by the command line, amavisd-release and MailZu; also what a real amavisd wrote"""
import concurrent.futures
import email
import email.policy
import gzip
import json
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import time

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.control import Ampdp, amavisd_release, quarantine, quarantine_json
from e2e.lib.databases import PgBouncer
from e2e.lib.process import folder, free_port, until
from e2e.lib.servers import Amavisd, shared, shared_postgres
from fakes.client import Client
from fakes.next_hop import Later

BOB, CAROL = "bob@example.com", "Carol@example.com"


class Quarantined(Case):
    def start(self, policy=None, hop=None, **more):
        self.sink = hop or self.hop()
        return self.tamis(self.sink, {"scanners": {"yara": {}}, "policy": policy or {}, **more})

    def with_control(self, policy=None, storage=None, **more):
        """A daemon that speaks AM.PDP; .ampdp is its socket path"""
        self.sink = self.hop()
        self.port = free_port()
        daemon = self.tamis(self.sink, {"scanners": {"yara": {}}, "policy": policy or {}, **more}, storage=storage, start=False)
        daemon.ampdp = str(daemon.home / "ampdp.sock")
        daemon.config["control"] = {"listen": [f"unix:{daemon.ampdp}", f"127.0.0.1:{self.port}"], "socket_mode": "0666", **daemon.config.get("control", {})}
        daemon.start()
        daemon.wait_log("started, listening on")           # the SMTP port answers before the control sockets are there
        return daemon

    def base(self, daemon, statement, *values):
        with sqlite3.connect(f"{daemon.config['server']['state_dir']}/tamis.db", timeout=30) as base:
            return base.execute(statement, values).fetchall()

    def got(self, count, hop=None):
        hop = hop or self.sink
        self.assertTrue(hop.wait(count, 30), f"{len(hop.messages)} messages instead of {count}")
        return hop.messages

    def only_id(self, daemon, *words):
        [item] = quarantine_json(daemon.file, "list", *words)["items"]
        return item["mail_id"]

    def did(self, daemon, *words, status=0):
        code, out, err = quarantine(daemon.file, *words)
        self.assertEqual(code, status, f"{words}: {out}{err}")
        return out + err


class CommandLine(Quarantined):
    def test_list_show_raw(self):
        daemon = self.start()
        infected = mail.eicar(extra="X-Odd: \x1b[2J =?utf-8?q?gr=C3=BC=C3=9Fe?=\n")
        self.assertCode(daemon.send(infected, recipients=[BOB, CAROL]), 250, "discarded")
        self.assertCode(daemon.send(mail.gtube(), recipients=[BOB]), 250, "discarded")
        self.assertCode(daemon.send(mail.clean(), recipients=[BOB]), 250)
        for table in ("msgs", "msgrcpt"):        # received in the same second: tell them apart
            self.base(daemon, f"update {table} set time_num=time_num-60 where mail_id=(select mail_id from msgs where content='V')")
        items = quarantine_json(daemon.file, "list")["items"]
        self.assertEqual([item["category"] for item in items], ["spam", "virus"])
        self.assertEqual([r["address"] for r in items[1]["recipients"]], [BOB, CAROL.lower()])
        self.assertEqual({r["state"] for r in items[1]["recipients"]}, {"new"})
        virus = items[1]["mail_id"]
        self.assertEqual(self.only_id(daemon, "--category", "virus"), virus)
        self.assertEqual(self.only_id(daemon, "--recipient", CAROL), virus)
        self.assertEqual(self.only_id(daemon, "--subject", "INFECTED"), virus)
        self.assertEqual(len(quarantine_json(daemon.file, "list", "--sender", "@sender.example.org", "--since", "1h", "--state", "new",
                                             "--host", "filter.example.com")["items"]), 2)
        self.assertIn("nothing found", self.did(daemon, "list", "--recipient", "nobody@example.com"))
        page = quarantine_json(daemon.file, "list", "--limit", "1")
        self.assertEqual([page["items"][0]["mail_id"]], [items[0]["mail_id"]])
        rest = quarantine_json(daemon.file, "list", "--limit", "1", "--after", page["next"])
        self.assertEqual([item["mail_id"] for item in rest["items"]], [virus])
        shown = self.did(daemon, "show", virus)
        for part in (f"mail_id      {virus}", "category     virus", f"<{BOB}>: new, virus, discarded", "copy         in the database", "| Subject: infected sample",
                     "| X-Odd: \\x1b[2J grüße", f"| {mail.EICAR}"):
            self.assertIn(part, shown)
        self.assertNotIn("\x1b", shown)
        self.assertIn("(cut;", self.did(daemon, "show", virus, "--text-limit", "5"))
        self.assertEqual(quarantine_json(daemon.file, "show", virus)["header"][0]["name"], "Received")
        raw = self.did(daemon, "raw", virus)
        self.assertTrue(raw.startswith(f"X-Envelope-From: <alice@sender.example.org>\nX-Envelope-To: <{BOB}>,\n <{CAROL}>\n"), raw[:200])
        self.assertTrue(raw.endswith(infected.decode().replace("\r\n", "\n")))
        self.assertTrue(self.did(daemon, "raw", "--message", virus).startswith("Received: "))
        self.assertIn("virus ", self.did(daemon, "stats"))
        self.assertEqual(sum(count["messages"] for count in quarantine_json(daemon.file, "stats")["counts"]), 2)

    def test_release_is_done_once(self):
        daemon = self.start()
        data = mail.message(body=f"Grüße\n{mail.EICAR}\n.dot\n")
        self.assertCode(daemon.send(data, recipients=[BOB, CAROL]), 250, "discarded")
        mail_id = self.only_id(daemon)
        self.assertIn("delivered, queue id", self.did(daemon, "release", mail_id, "--to", CAROL))
        [released] = self.got(1)
        self.assertEqual((released.mail_from, released.recipients), ("alice@sender.example.org", [CAROL]))
        self.assertTrue(released.data.endswith(data))
        self.assertFalse(released.bare)
        self.assertEqual(released.field("Resent-To"), [f"<{CAROL}>"])
        self.assertEqual(released.field("X-Quarantine-ID") + released.field("X-Envelope-To") + released.field("X-Spam-Flag"), [])
        # nobody named: those from whom it was kept; one of them has it already
        text = self.did(daemon, "release", mail_id)
        self.assertIn(f"<{BOB}>: delivered", text)
        self.assertRegex(text, rf"<{CAROL}>: already released \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ by root@filter.example.com, queue id \S+;")
        self.assertEqual([m.recipients for m in self.got(2)], [[CAROL], [BOB]])
        self.assertEqual(self.did(daemon, "release", mail_id).count("already released"), 2)
        self.assertEqual(len(self.sink.messages), 2)
        states = {r["address"]: r for r in quarantine_json(daemon.file, "show", mail_id)["recipients"]}
        self.assertEqual({r["rs"] for r in states.values()}, {"R"})
        self.assertTrue(states[BOB]["response"].startswith("250 2.7.0 Ok, discarded"), states[BOB])
        self.assertEqual(self.only_id(daemon, "--state", "released"), mail_id)
        self.did(daemon, "release", mail_id, "--to", BOB, "--again")
        self.assertEqual(self.got(3)[2].recipients, [BOB])
        # an address the message was not for
        self.did(daemon, "release", mail_id, "--to", "other@example.com", "--requested-by", "admin@example.com")
        self.assertEqual((self.got(4)[3].recipients, self.sink.messages[3].field("Resent-From")), (["other@example.com"], ["<admin@example.com>"]))

    def test_what_the_next_hop_refuses_stays(self):
        daemon = self.start()
        self.assertCode(daemon.send(mail.eicar(), recipients=[BOB, CAROL]), 250, "discarded")
        mail_id = self.only_id(daemon)
        before = self.base(daemon, "select rs, smtp_resp from msgrcpt order by rseqnum")
        for reply in ("450 4.2.0 mailbox busy", "550 5.1.1 unknown user"):
            self.sink.forget().on("rcpt", reply)
            text = self.did(daemon, "release", mail_id, status=1)
            self.assertIn("NOT delivered: " + reply[:9], text)
            self.assertIn(reply[10:], text)
            self.assertEqual(self.base(daemon, "select rs, smtp_resp from msgrcpt order by rseqnum"), before)
        self.sink.forget().on("rcpt", "550 5.1.1 unknown", when="bob@")
        text = self.did(daemon, "release", mail_id, status=1)
        self.assertIn(f"<{CAROL}>: delivered", text)
        self.assertEqual(self.base(daemon, "select rs from msgrcpt order by rseqnum"), [(" ",), ("R",)])
        self.sink.forget()
        self.assertIn(f"<{BOB}>: delivered", self.did(daemon, "release", mail_id))
        self.assertEqual([m.recipients for m in self.got(2)], [[CAROL], [BOB]])

    def test_files_plain_compressed_and_in_a_mailbox(self):
        daemon = self.start({"virus_quarantine": "local:virus-%m", "quarantine_subdir_levels": 1, "spam_quarantine": "local:spam-%m.gz"})
        self.assertCode(daemon.send(mail.eicar()), 250)
        self.assertCode(daemon.send(mail.gtube()), 250)
        folder = pathlib.Path(daemon.config["server"]["state_dir"]) / "quarantine"
        for category, kind in (("virus", "F"), ("spam", "Z")):
            mail_id = self.only_id(daemon, "--category", category)
            self.assertEqual(quarantine_json(daemon.file, "show", mail_id)["quar_type"], kind)
            self.assertIn("delivered", self.did(daemon, "release", mail_id))
        self.assertIn(mail.EICAR.encode(), self.got(2)[0].data)
        path = next(folder.rglob("spam-*.gz"))
        path.write_bytes(path.read_bytes()[:-20])
        spam = self.only_id(daemon, "--category", "spam")
        self.assertIn("gzip file", self.did(daemon, "release", spam, "--again", status=1))
        self.assertIn("deleted", self.did(daemon, "delete", spam))
        self.assertEqual(list(folder.rglob("spam-*")), [])
        self.assertIn("nothing found", self.did(daemon, "list", "--category", "spam"))
        self.assertIn("no copy of", self.did(daemon, "release", spam, "--again", status=1))
        self.assertEqual(self.base(daemon, "select rs from msgrcpt r join msgs m using (mail_id) where m.content='S'"), [("D",)])
        known = {item["mail_id"] for item in quarantine_json(daemon.file, "list")["items"]}
        daemon.reload({"policy": {"virus_quarantine": "mbox:all"}})
        daemon.wait_log("reloaded")
        self.assertCode(daemon.send(mail.eicar()), 250)
        newest, = {item["mail_id"] for item in quarantine_json(daemon.file, "list")["items"]} - known  # of the same second as others
        self.assertIn("mailbox file", self.did(daemon, "release", newest, status=1))

    def test_formats_and_requeue(self):
        daemon = self.start(release={"format": "attach"})
        data = mail.eicar()
        self.assertCode(daemon.send(data), 250)
        mail_id = self.only_id(daemon)
        self.assertIn("release.requeue is not set", self.did(daemon, "requeue", mail_id, status=1))
        self.did(daemon, "release", mail_id)
        [attached] = self.got(1)
        self.assertEqual(attached.mail_from, "")
        note, inner = email.message_from_bytes(attached.data, policy=email.policy.default).iter_parts()
        self.assertEqual((note.get_content_type(), inner.get_content_type()), ("text/plain", "message/rfc822"))
        self.assertEqual(inner.get_filename(), f"msg-{mail_id}.eml")
        self.assertEqual(inner.get_content()["Subject"], "infected sample")
        self.assertIn(data, attached.data)
        queue = self.hop()
        daemon.config["release"] = {"format": "plain", "requeue": f"smtp:[127.0.0.1]:{queue.port}"}
        daemon.write()
        self.did(daemon, "requeue", mail_id, "--again")
        [plain] = self.got(1, queue)
        self.assertEqual(email.message_from_bytes(plain.data).get_content_type(), "text/plain")
        self.assertIn(mail.EICAR.encode(), plain.data)
        self.assertEqual(len(self.sink.messages), 1)

    def test_bad_input(self):
        daemon = self.start()
        self.assertCode(daemon.send(mail.message(body=(mail.EICAR + "\n") + "x" * 70 + "\n" * 2 + ("y" * 70 + "\n") * 1000)), 250)
        mail_id = self.only_id(daemon)
        for words, status, says in ((["show", "abcdefghijkl"], 1, "no message with mail_id"), (["release", "../../x"], 2, "no mail_id"), (["release"], 2, "required"),
                                    (["nothing"], 2, ""), (["list", "--since", "yesterday"], 2, "is no time"), (["list", "--category", "sapm"], 2, "no category"),
                                    (["list", "--after", "x"], 2, "--after"), (["list", "--limit", "0"], 2, "limit"), (["release", mail_id, "--to", "a>\r\nDATA"], 1, "is no address"),
                                    (["list", "--dsn", "sqlite:/nonexistent/x.db"], 1, "no database"), (["list", "--dsn", "mysql://x"], 1, "")):
            self.assertIn(says, self.did(daemon, *words, status=status))
        self.base(daemon, "insert into msgs select 7, mail_id, secret_id, am_id, time_num, time_iso, sid, policy, client_addr, size, originating, content, quar_type, quar_loc, "
                          "dsn_sent, spam_level, message_id, from_addr, subject, host from msgs")
        self.assertIn("exists in the partitions 0, 7", self.did(daemon, "release", mail_id, status=1))
        self.assertIn("the database holds no copy", self.did(daemon, "release", mail_id, "--partition", "7", status=1))
        self.base(daemon, "delete from quarantine where chunk_ind=2")
        self.assertIn("chunk 2 is missing", self.did(daemon, "release", mail_id, "--partition", "0", status=1))
        self.base(daemon, "update quarantine set mail_text=replace(cast(mail_text as text), 'X-Quarantine-ID: <', 'X-Quarantine-ID: <z') where chunk_ind=1")
        self.base(daemon, "delete from quarantine where chunk_ind>1")
        self.assertIn("the stored copy is that of", self.did(daemon, "release", mail_id, "--partition", "0", status=1))
        self.assertEqual(self.sink.messages, [])


class ManyHosts(Quarantined):
    limit = 200

    def test_one_delivery_whoever_releases_it(self):
        postgres = shared_postgres()
        dsn = postgres.database("quarantine_hosts")
        first = self.with_control(storage=dsn)
        second = self.tamis(self.sink, {"server": {"hostname": "second.example.com"}}, storage=dsn)
        self.assertCode(first.send(mail.eicar(), recipients=[BOB, CAROL]), 250)
        mail_id = self.only_id(second)
        self.sink.on("dot", Later("250 2.0.0 Ok: queued as SLOW1", 0.5))
        secret = postgres.sql("select encode(secret_id, 'escape') from msgs", "quarantine_hosts").strip()

        def over_ampdp(_):
            with Ampdp(f"127.0.0.1:{self.port}") as control:
                return str(control.ask({"request": "release", "mail_id": mail_id, "secret_id": secret}))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            started = [pool.submit(quarantine, daemon.file, "release", mail_id) for daemon in (first, second, first, second)]
            started += [pool.submit(over_ampdp, None) for _ in range(2)]
            said = [done.result() for done in started]
        self.assertEqual(sorted(r for m in self.got(1) for r in m.recipients), sorted([BOB, CAROL]), said)
        self.assertTrue(all("SLOW1" in str(text) for text in said), said)

    def test_the_database_goes_away_between_delivery_and_record(self):
        postgres = shared_postgres()
        dsn = postgres.database("quarantine_away")
        daemon = self.with_control(storage=dsn)
        self.assertCode(daemon.send(mail.eicar()), 250)
        mail_id = self.only_id(daemon)
        self.sink.on("dot", Later("250 2.0.0 Ok: queued as GONE1", 2))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            releasing = pool.submit(quarantine, daemon.file, "release", mail_id)
            self.assertTrue(self.sink.wait_for(lambda hop: hop.dots == 1, 30))
            postgres.sql("alter table msgrcpt rename to msgrcpt_away", "quarantine_away")
            status, out, err = releasing.result()
        self.assertEqual((status, "delivered, queue id GONE1" in out, "could not be recorded" in out), (1, True, True), out + err)
        postgres.sql("alter table msgrcpt_away rename to msgrcpt", "quarantine_away")
        text = self.did(daemon, "release", mail_id, status=1)
        self.assertIn("release begun ", text)
        self.assertIn("may have been delivered", text)
        self.assertEqual(len(self.sink.messages), 1)


class ThroughAPooler(Quarantined):
    limit = 120

    def test_release_behind_pgbouncer(self):
        """Transaction mode: no session lasts, so nothing of a release may rely on one; once, whoever asks"""
        postgres = shared_postgres()
        postgres.database("quarantine_pooled")
        bouncer = PgBouncer({"quarantine_pooled": (postgres.port, "quarantine_pooled")}, pool_size=2)
        self.addCleanup(bouncer.stop)
        daemon = self.with_control(storage=bouncer.dsn("quarantine_pooled"))
        for _ in range(4):
            self.assertCode(daemon.send(mail.eicar(), recipients=[BOB, CAROL]), 250)
        ids = [item["mail_id"] for item in quarantine_json(daemon.file, "list")["items"]]
        self.assertEqual(len(ids), 4)
        with concurrent.futures.ThreadPoolExecutor(8) as crowd:
            said = list(crowd.map(lambda mail_id: amavisd_release(daemon.ampdp, mail_id), ids * 2))
        self.assertEqual(sum(text.count("250 2.0.0 from MTA") for text in said), 8, said)
        self.assertEqual(sorted(str(m.recipients) for m in self.got(4)), [str([BOB, CAROL])] * 4)
        self.assertIn("already", self.did(daemon, "release", ids[0]))
        self.assertEqual({r["rs"] for item in ids for r in quarantine_json(daemon.file, "show", item)["recipients"]}, {"R"})
        self.did(daemon, "release", ids[0], "--to", BOB, "--again")
        self.assertEqual(self.got(5)[4].recipients, [BOB])
        self.did(daemon, "delete", ids[1])
        self.assertEqual(postgres.sql("select count(*) from quarantine", "quarantine_pooled").strip(), "3")


class Ampdps(Quarantined):
    def assertClosed(self, control):
        try:
            self.assertEqual(control.file.read(1), b"")
        except ConnectionResetError:
            pass

    def test_amavisd_release_unchanged(self):
        daemon = self.with_control()
        for data in (mail.eicar(), mail.gtube()):
            self.assertCode(daemon.send(data, recipients=[BOB, CAROL]), 250)
        virus, spam = self.only_id(daemon, "--category", "virus"), self.only_id(daemon, "--category", "spam")
        [(secret,)] = self.base(daemon, "select secret_id from msgs where mail_id=?", virus)
        secret = secret.decode() if isinstance(secret, bytes) else secret
        text = amavisd_release(daemon.ampdp, virus, secret)
        self.assertEqual(text.count("250 2.0.0 from MTA"), 2, text)
        self.assertEqual([m.recipients for m in self.got(1)], [[BOB, CAROL]])
        self.assertIn("already released", amavisd_release(daemon.ampdp, virus, secret))
        self.assertIn("Secret_id does not match", amavisd_release(daemon.ampdp, spam, "AAAAAAAAAAAA"))
        self.assertIn("250 2.0.0 from MTA", amavisd_release(f"127.0.0.1:{self.port}", virus, secret, "dave@example.com"))
        self.assertEqual(self.got(2)[1].recipients, ["dave@example.com"])
        self.assertIn("Secret_id is required", amavisd_release(f"127.0.0.1:{self.port}", spam, BOB))
        self.assertIn("250 2.0.0", amavisd_release(daemon.ampdp, spam, "abuse@example.net", name="amavisd-report"))
        report = email.message_from_bytes(self.got(3)[2].data)
        self.assertEqual((report.get_content_type(), report.get_param("report-type")), ("multipart/report", "feedback-report"))
        self.assertEqual([part.get_content_type() for part in report.get_payload()], ["text/plain", "message/feedback-report", "message/rfc822"])
        self.assertEqual(quarantine_json(daemon.file, "show", spam)["recipients"][0]["rs"], " ")

    def test_bad_requests(self):
        daemon = self.with_control(control={"connections": 3})
        for request, says in (({"request": "release"}, "Missing 'mail_id'"), ({"request": "release", "mail_id": "../x"}, "Invalid mail_id"),
                              ({"request": "release", "mail_id": "abcdefghijkl"}, "no message with mail_id"), ({"mail_id": "x"}, "Missing 'request'"),
                              ({"request": "format"}, "unknown request"), (b"garbage\r\n\r\n", "neither name=value"), ({"request": "AM.PDP"}, "neither mail_file nor tempdir"),
                              ({"request": "AM.PDP", "mail_file": "/etc/passwd"}, "no recipient"), ({"request": "release", "mail_id": "abcdefghijkl", "partition_tag": "x"}, "partition_tag"),
                              ({"request": "AM.PDP", "mail_file": "/nonexistent", "recipient": "<a@b>"}, "cannot read /nonexistent"),
                              ({"request": "release", "mail_id": "abcdefghijkl", "quar_type": "F", "mail_file": "../../etc/passwd"}, "no name below")):
            with Ampdp(daemon.ampdp) as control:
                answer = control.ask(request)
                self.assertTrue(answer[0][0] == "setreply" and answer[0][1].startswith("450 "), answer)
                self.assertIn(says, answer[0][1])
                self.assertEqual(control.ask({"request": "smtpd_access_policy"}), [("action", "DUNNO")])
        with Ampdp(daemon.ampdp) as control:
            self.assertIn("Failure", control.ask(b"a=" + b"x" * 20000 + b"\n")[0][1])
            self.assertClosed(control)
        with Ampdp(f"127.0.0.1:{self.port}") as control:
            self.assertIn("unix socket only", control.ask({"request": "AM.PDP", "mail_file": "/etc/passwd", "recipient": "<a@b>"})[0][1])
        self.assertNotIn("DENIED", daemon.log())
        def hold():  # those before have just been closed here, and count until the daemon has noticed
            control = Ampdp(daemon.ampdp)
            try:
                if control.ask({"request": "smtpd_access_policy"}):
                    return control
            except OSError:
                pass
            control.close()
            return None
        held = [until(hold, 30, "a connection that is served") for _ in range(3)]
        with Ampdp(daemon.ampdp) as extra:  # who was silent longest makes room
            self.assertEqual(extra.ask({"request": "smtpd_access_policy"}), [("action", "DUNNO")])
            self.assertClosed(held[0])
            self.assertEqual(held[2].ask({"request": "smtpd_access_policy"}), [("action", "DUNNO")])
        for control in held:
            control.close()

    def test_the_silent_shut_nobody_out(self):
        if os.geteuid() != 0:
            self.skipTest("needs users of its own")
        milter, stranger = 12346, 12345
        daemon = self.with_control(control={"connections": 5, "allowed_users": [str(milter)]})
        before = daemon.process.descriptors()
        hold = ("import socket, sys\nheld = []\nfor _ in range(60):\n"
                "    s = socket.socket(socket.AF_UNIX if sys.argv[1][0] == '/' else socket.AF_INET)\n"
                "    s.connect(sys.argv[1] if sys.argv[1][0] == '/' else ('127.0.0.1', int(sys.argv[1])))\n    held.append(s)\n"
                "    if sys.argv[2]: s.sendall(sys.argv[2].encode())\n"
                "print('held', flush=True)\nsys.stdin.read()\n")
        ask = ("import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
               "s.sendall(b'request=smtpd_access_policy\\r\\n\\r\\n')\nprint(s.recv(99))\n")

        def as_user(user, program, *words, **options):
            return subprocess.Popen(["/usr/bin/python3", "-c", program, *words], user=user, group=user, extra_groups=[], cwd="/", text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        # strangers on the socket, strangers to the secret on the port, and the milter's own silent connections; some have begun a request
        holders = [as_user(stranger, hold, daemon.ampdp, ""), as_user(stranger, hold, str(self.port), ""),
                   as_user(stranger, hold, str(self.port), "request=release\r\n"), as_user(milter, hold, daemon.ampdp, "request=x\r\n")]
        try:
            for holder in holders:
                self.assertEqual(holder.stdout.readline(), "held\n")
            for address in (daemon.ampdp, f"127.0.0.1:{self.port}"):
                for _ in range(3):
                    with Ampdp(address) as control:
                        self.assertEqual(control.ask({"request": "smtpd_access_policy"}), [("action", "DUNNO")], address)
            asked = as_user(milter, ask, daemon.ampdp)
            self.assertIn("DUNNO", asked.communicate(timeout=30)[0])
            until(lambda: daemon.process.descriptors() < before + 100, 30, "most of the 240 connections closed")
        finally:
            for holder in holders:
                holder.communicate()

    def test_strangers_are_refused(self):
        daemon = self.with_control(control={"allowed_peers": ["192.0.2.1"]})
        with Ampdp(f"127.0.0.1:{self.port}") as control:
            self.assertIn("not in control.allowed_peers", control.ask({"request": "smtpd_access_policy"})[0][1])
        if os.geteuid() == 0:
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                os.setgroups([])
                os.setgid(12345)
                os.setuid(12345)
                try:
                    with Ampdp(daemon.ampdp, timeout=20) as control:
                        os.write(writer, str(control.ask({"request": "smtpd_access_policy"})).encode())
                finally:
                    os._exit(0)
            os.close(writer)
            with os.fdopen(reader) as said:
                self.assertIn("uid 12345 is not in control.allowed_users", said.read())
            os.waitpid(child, 0)

    def test_who_must_give_the_secret(self):
        """secret_required: always, tcp (the default, tested above), never; a secret that is given is always looked at"""
        daemon = self.with_control(control={"secret_required": "always"})
        self.assertCode(daemon.send(mail.eicar(), recipients=[BOB]), 250)
        virus = self.only_id(daemon)
        [(secret,)] = self.base(daemon, "select secret_id from msgs")
        secret = secret.decode() if isinstance(secret, bytes) else secret
        tcp = f"127.0.0.1:{self.port}"

        def ask(address, **more):
            with Ampdp(address) as control:
                [(name, text)] = control.ask({"request": "release", "mail_id": virus, **more})
                self.assertEqual(name, "setreply")
                return text
        for address in (daemon.ampdp, tcp):
            self.assertRegex(ask(address), "^450 .*Secret_id is required, but missing")
            self.assertRegex(ask(address, secret_id=secret[:-1] + ("A" if secret[-1] != "A" else "B")), "^450 .*Secret_id does not match")
        self.assertEqual(self.sink.messages, [])
        self.assertRegex(ask(daemon.ampdp, secret_id=secret), "^250 2.0.0 from MTA")
        daemon.reload({"control": {"secret_required": "never"}})
        daemon.wait_log("reloaded")
        for number, address in enumerate((daemon.ampdp, tcp)):
            self.assertRegex(ask(address, secret_id="AAAAAAAAAAAA"), "^450 .*Secret_id does not match")
            self.assertRegex(ask(address, recipient=f"dave{number}@example.com"), "^250 2.0.0 from MTA")
        self.assertEqual([m.recipients for m in self.got(3)], [[BOB], ["dave0@example.com"], ["dave1@example.com"]])

    def test_requeue_goes_to_the_front_door(self):
        front = self.hop()
        daemon = self.with_control(release={"format": "attach"})
        self.assertCode(daemon.send(mail.eicar(), recipients=[BOB]), 250)
        virus = self.only_id(daemon)
        with Ampdp(daemon.ampdp) as control:
            self.assertRegex(control.ask({"request": "requeue", "mail_id": virus})[0][1], "^450 .*release.requeue is not set")
        self.assertEqual(quarantine_json(daemon.file, "show", virus)["recipients"][0]["rs"], " ")
        daemon.reload({"release": {"requeue": f"smtp:[127.0.0.1]:{front.port}"}})
        daemon.wait_log("reloaded")
        with Ampdp(daemon.ampdp) as control:
            self.assertRegex(control.ask({"request": "requeue", "mail_id": virus})[0][1], "^250 2.0.0 from MTA")
        [again] = self.got(1, front)
        self.assertEqual((again.recipients, self.sink.messages), ([BOB], []))
        self.assertIn("already", amavisd_release(daemon.ampdp, virus, name="amavisd-requeue"))
        self.assertIn("250 2.0.0", amavisd_release(daemon.ampdp, virus, "carol@example.com", name="amavisd-requeue"))
        self.assertEqual(self.got(2, front)[1].recipients, ["carol@example.com"])
        # attached as release.format says, by AM.PDP as by the command
        attached = email.message_from_bytes(again.data, policy=email.policy.default)
        self.assertEqual([part.get_content_type() for part in attached.iter_parts()], ["text/plain", "message/rfc822"])

    def test_a_client_that_leaves_delivery_and_its_files_to_us(self):
        """delivery_care_of=server: marks for each recipient; tempdir_removed_by=server (the default): nothing stays"""
        daemon = self.with_control(policy={"final_virus_destiny": "reject", "spam_tag_level": -999}, recipients={'"eve@example.com"': {"spam_lover": True}})

        def work(data):
            place = folder("ampdp") / "work"
            place.mkdir()
            (place / "email.txt").write_bytes(data.replace(b"\r\n", b"\n"))
            if os.geteuid() == 0:
                for path in (place.parent, place, place / "email.txt"):
                    shutil.chown(path, "nobody", "nogroup")
            return place

        def ask(data, recipients, **more):
            place = work(data)
            with Ampdp(daemon.ampdp) as control:
                answer = control.ask([("request", "AM.PDP"), ("sender", "<alice@sender.example.org>"), *[("recipient", f"<{r}>") for r in recipients],
                                      ("tempdir", str(place)), ("delivery_care_of", "server"), *more.items()])
            values = dict(answer)
            return place, (values["setreply"][:3], values["return_value"], values["exit_code"]), answer

        place, end, answer = ask(mail.clean(), [BOB, CAROL])
        self.assertEqual(end, ("250", "discard", "99"), answer)
        self.assertEqual([m.recipients for m in self.got(1)], [[BOB, CAROL]])
        self.assertEqual(self.sink.messages[0].field("X-Virus-Scanned"), ["Tamis at filter.example.com"])
        self.assertFalse([name for name, _ in answer if name.endswith(("header", "rcpt"))], "the milter has nothing to do")
        self.assertFalse(place.exists())
        place, end, answer = ask(mail.gtube(), [BOB, "eve@example.com"], tempdir_removed_by="client")
        self.assertEqual(end, ("250", "discard", "99"), answer)
        marked = self.got(2)[1]
        self.assertEqual((marked.recipients, marked.field("X-Spam-Flag"), marked.field("Subject")), (["eve@example.com"], ["YES"], ["***SPAM*** spam sample"]))
        self.assertEqual([path.name for path in place.iterdir()], ["email.txt"])
        place, end, answer = ask(mail.eicar(), [BOB], tempdir_removed_by="server")
        self.assertEqual(end[1:], ("reject", "69"), answer)
        self.assertFalse(place.exists())
        self.sink.on("rcpt", "451 4.3.0 later")
        place, end, answer = ask(mail.clean(), [BOB])
        self.assertEqual(end[1:], ("tempfail", "75"), answer)
        self.assertFalse(place.exists())
        # what cannot even be begun leaves nothing either, but for what is not the client's
        other = work(mail.clean())
        (other / "more").write_bytes(b"x")
        with Ampdp(daemon.ampdp) as control:
            control.ask({"request": "AM.PDP", "recipient": f"<{BOB}>", "tempdir": str(other)})
        self.assertEqual([path.name for path in other.iterdir()], ["more"])

    def test_mailzu(self):
        """What MailZu does: its statements (lib/DBEngine), then the AM.PDP dialogue on port 9998 (lib/AmavisdEngine)."""
        postgres = shared_postgres()
        daemon = self.with_control(storage=postgres.database("mailzu"))
        self.assertCode(daemon.send(mail.gtube(), recipients=[BOB, CAROL]), 250)
        self.assertCode(daemon.send(mail.eicar(), recipients=[BOB]), 250)
        rows = lambda statement: postgres.rows(statement, "mailzu")   # noqa: E731
        summary = rows("select cast(time_iso as date) as date, count(msgs.content) as spam from msgs inner join msgrcpt on msgs.mail_id=msgrcpt.mail_id "
                       "where msgs.content='S' and not (msgs.quar_type = '') and msgrcpt.rs in ('','v') group by cast(time_iso as date)")
        self.assertEqual([row[1] for row in summary], ["2"])
        listed = rows("select msgs.time_num, msgs.from_addr, encode(msgs.mail_id, 'escape'), msgs.partition_tag, msgs.subject, msgs.spam_level, msgs.content, msgrcpt.rs, msgs.quar_type, "
                      "encode(recip.email, 'escape') from msgs inner join msgrcpt on msgs.mail_id = msgrcpt.mail_id inner join maddr as sender on msgs.sid = sender.id "
                      "inner join maddr as recip on msgrcpt.rid = recip.id where msgs.content in ('S', 'B', 'V', 'H') "
                      f"and ( recip.email in ( '{BOB}' ) or recip.email like 'bob+%@example.com' ) and msgrcpt.rs in ('', 'v') and msgs.quar_type <> '' order by msgs.time_num desc")
        self.assertEqual(sorted(row[6] for row in listed), ["S", "V"])
        mail_id = [row[2] for row in listed if row[6] == "S"][0]
        [[secret, kind, where, host]] = rows("select encode(msgs.secret_id, 'escape'), msgs.quar_type, msgs.quar_loc, msgs.host from msgs inner join msgrcpt on msgs.mail_id=msgrcpt.mail_id "
                                             "inner join maddr as sender on msgs.sid=sender.id inner join maddr as recip on msgrcpt.rid=recip.id "
                                             f"where recip.email='{BOB}' and msgs.mail_id='{mail_id}'")
        self.assertEqual((kind, where, host), ("Q", mail_id, "filter.example.com"))
        update = (f"update msgrcpt set rs='%s' where mail_id='{mail_id}' and rid=(select id from maddr where partition_tag=0 and email='{BOB}')")
        postgres.sql(update % "v", "mailzu")
        self.assertIn("GTUBE", "".join(row[0] for row in rows(f"select encode(mail_text,'escape') as mail_text from quarantine where mail_id='{mail_id}'")))
        postgres.sql(update % "p", "mailzu")
        self.assertEqual(self.only_id(daemon, "--state", "requested"), mail_id)
        with socket.create_connection(("127.0.0.1", self.port), 5) as control:
            control.sendall(f"request=release\r\nmail_id={mail_id}\r\nsecret_id={secret}\r\nquar_type={kind}\r\nrecipient=<{BOB}>\r\n\r\n".encode())
            control.settimeout(5)
            self.assertTrue(control.recv(512).startswith(b"setreply=250"))
        postgres.sql(update % "R", "mailzu")
        self.assertEqual([m.recipients for m in self.got(1)], [[BOB]])
        self.assertIn("already released", self.did(daemon, "release", mail_id, "--to", BOB))


class WrittenByAmavisd(Quarantined):
    limit = 200

    def test_a_quarantine_of_a_real_amavisd_in_sql_and_in_files(self):
        postgres = shared_postgres()
        dsn = postgres.database("amavisd_quarantine")
        own = self.hop()
        clamd = shared("clamd")["socket"]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            sql = pool.submit(Amavisd, f"smtp:[127.0.0.1]:{own.port}", clamd=clamd, postgres_port=postgres.port, database="amavisd_quarantine").result
            in_sql = sql()
            in_files = Amavisd(f"smtp:[127.0.0.1]:{own.port}", clamd=clamd, extra="$virus_quarantine_method = 'local:virus-%m.gz'; $virus_quarantine_to = 'virus-quarantine';\n")
        self.addCleanup(in_sql.stop)
        self.addCleanup(in_files.stop)
        infected = mail.eicar()
        for amavisd in (in_sql, in_files):
            with Client(amavisd.address) as client:
                client.hello(True)
                self.assertEqual([code for code, _ in client.transaction("alice@sender.example.org", [BOB, CAROL], infected, True)], [250, 250])
                client.quit()
        until(lambda: postgres.rows("select 1 from msgs where content='V'", "amavisd_quarantine"), 30, "amavisd's record")
        folder = in_files.log_path.parent.parent / "quarantine"
        path = until(lambda: next(folder.glob("virus-*.gz"), None), 30, "amavisd's file")
        folder.chmod(0o777)  # the daemon, which runs as somebody else, must be able to write there
        path.chmod(0o644)
        daemon = self.with_control(storage=dsn, policy={"quarantine_dir": str(folder)})
        mail_id = self.only_id(daemon, "--recipient", CAROL)
        self.assertIn(mail.EICAR, self.did(daemon, "show", mail_id))
        self.assertIn("delivered", self.did(daemon, "release", mail_id, "--to", CAROL))
        self.assertTrue(self.got(1)[0].data.endswith(infected))
        self.assertEqual(self.sink.messages[0].recipients, [CAROL])
        text = amavisd_release(daemon.ampdp, path.name)
        self.assertEqual(text.count("250 2.0.0 from MTA"), 2, text)
        self.assertEqual(self.got(2)[1].recipients, [BOB, CAROL])
        name = re.match(r"virus-(.*)\.gz", path.name)[1]
        self.assertIn("delivered", self.did(daemon, "release", name, "--file", path.name, "--to", BOB))
        self.assertTrue(self.got(3)[2].data.endswith(infected))
