"""Debian's amavisd-milter between a real Postfix and our AM.PDP socket: headers, discard, reject, recipients"""
import os
import shutil

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.process import Process, folder, run, until
from e2e.lib.postfix import Postfix
from fakes.client import Client

BOB, CAROL, EVE = "bob@example.com", "carol@example.com", "eve@example.com"


class BehindAMilter(Case):
    limit = 200
    options = ()

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("Postfix needs root")
        self.sink = self.hop()
        self.daemon = self.tamis(self.sink, {"scanners": {"yara": {}}, "policy": {"final_virus_destiny": "reject", "spam_tag_level": -999},
                                             "recipients": {f'"{EVE}"': {"spam_lover": True}}}, start=False)
        socket = str(self.daemon.home / "ampdp.sock")
        self.daemon.config["control"] = {"listen": [f"unix:{socket}"]}
        self.daemon.start()
        self.daemon.wait_log("started, listening on")
        work = folder("milter")
        shutil.chown(work, "nobody", "nogroup")
        work.chmod(0o750)
        milter = self.daemon.home / "milter.sock"
        # as tamisd's user, which can read its files
        process = Process("amavisd-milter", ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                                             "amavisd-milter", "-f", *self.options, "-s", f"unix:{milter}", "-S", socket, "-w", work])
        self.addCleanup(process.stop)
        until(milter.exists, 30, "amavisd-milter's socket")
        milter.chmod(0o777)
        self.postfix = Postfix(self.daemon.address, self.sink.address)
        self.addCleanup(self.postfix.stop)
        run(["postconf", "-c", self.postfix.config, "-e", "content_filter=", f"smtpd_milters=unix:{milter}", "milter_default_action=tempfail"])
        run(["postfix", "-c", self.postfix.config, "reload"])

    def send(self, data, recipients, sender="alice@sender.example.org"):
        with Client(self.postfix.front) as client:
            client.hello()
            answer = client.transaction(sender, recipients, data)
            client.quit()
            return answer

    def first(self):
        """Postfix takes a moment until it uses the milter"""
        until(lambda: self.send(mail.clean(subject="first"), [BOB])[0] == 250 and "Passed CLEAN" in self.daemon.log(), 30, "Postfix uses the milter")
        self.assertTrue(self.sink.wait_for(lambda hop: any(b"Subject: first" in m.data for m in hop.messages), 30))
        self.sink.clear()


class Milter(BehindAMilter):
    def test_verdicts_of_all_kinds(self):
        clean = mail.clean(extra="X-Spam-Flag: NO\n")
        self.first()
        self.assertCode(self.send(clean, [BOB, CAROL]), 250)
        self.assertTrue(self.sink.wait(1, 30))
        [passed] = self.sink.messages
        self.assertEqual(passed.recipients, [BOB, CAROL])
        self.assertEqual(passed.field("X-Virus-Scanned"), ["Tamis at filter.example.com"])
        self.assertEqual(passed.field("X-Spam-Flag"), [], "a stranger's field stays out")
        self.assertTrue(passed.data.endswith(mail.body_of(clean)))

        self.assertCode(self.send(mail.gtube(), [BOB]), 250)
        self.daemon.wait_log("Blocked SPAM")
        reply = self.send(mail.eicar(), [BOB])
        self.assertIn(reply[0], (550, 554))
        self.assertIn("INFECTED", str(reply[1]))
        self.sink.clear()
        # one recipient gets it marked, the other not at all
        self.assertCode(self.send(mail.gtube(), [BOB, EVE]), 250)
        self.assertTrue(self.sink.wait(1, 30))
        [marked] = self.sink.messages
        self.assertEqual(marked.recipients, [EVE])
        self.assertEqual(marked.field("X-Spam-Flag"), ["YES"])
        self.assertEqual(marked.field("Subject"), ["***SPAM*** spam sample"])
        self.daemon.stop()
        self.assertEqual(self.send(mail.clean(), [BOB])[0], 451, "without us the mail waits with the client")


class MilterThatLetsUsDeliver(BehindAMilter):
    """amavisd-milter -D server: tamisd hands the mail on itself, marked for each recipient, and Postfix forgets it"""
    options = ("-D", "server")

    def test_each_recipient_gets_marks_of_its_own(self):
        self.first()
        self.assertCode(self.send(mail.clean(), [BOB, CAROL]), 250)
        self.assertTrue(self.sink.wait(1, 30))
        self.assertEqual(self.sink.messages[0].recipients, [BOB, CAROL])
        self.assertCode(self.send(mail.gtube(), [BOB, EVE]), 250)
        self.assertTrue(self.sink.wait(2, 30))
        marked = self.sink.messages[1]
        self.assertEqual((marked.recipients, marked.field("X-Spam-Flag"), marked.field("Subject")), ([EVE], ["YES"], ["***SPAM*** spam sample"]))
        reply = self.send(mail.eicar(), [BOB])
        self.assertIn(reply[0], (550, 554), reply)
        self.sink.on("rcpt", "450 4.2.0 busy")
        self.assertEqual(self.send(mail.clean(), [BOB])[0], 450, "what cannot be handed on waits with the client")
        self.sink.forget()
        until(lambda: self.postfix.queued() == 0, 30, "an empty queue")
        self.assertEqual(len(self.sink.messages), 2, "Postfix itself delivered nothing")
