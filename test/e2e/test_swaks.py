"""The swaks harness against our daemon, as an administrator runs it, and side by side with amavisd-new"""
import json
import subprocess

from e2e.lib import TEST, servers
from e2e.lib.case import Case
from e2e.lib.postfix import Postfix
from e2e.lib.process import folder, free_port, until
from e2e.test_dialog import certificate


class Swaks(Case):
    limit = 300

    def harness(self, *arguments):
        """(exit status, {case: result}, output)"""
        file = folder("swaks") / "result.json"
        done = subprocess.run([TEST / "swaks" / "run", *map(str, arguments), "--json", file], capture_output=True, text=True, timeout=280)
        self.assertTrue(file.exists(), done.stdout + done.stderr)
        return done.returncode, {result["case"]: result for result in json.loads(file.read_text())}, done.stdout

    def start(self, sink_port, **config):
        cert, key = certificate()
        postgres = servers.shared_postgres()
        self.base = "swaks_" + self._testMethodName
        self.dsn = postgres.database(self.base)
        return self.tamis(f"smtp:[127.0.0.1]:{sink_port}",
                          {"server": {"tls_certificate": cert, "tls_key": key}, "limits": {"message_size": 1_000_000},
                           "scanners": {"clamd": {"socket": servers.shared("clamd")["socket"]}, "yara": {}}}, storage=self.dsn)

    def test_every_case_ends_as_wanted(self):
        port = free_port()
        daemon = self.start(port)
        status, results, output = self.harness(daemon.address, "--sink", port, "--db", self.dsn)
        self.assertEqual([name for name, result in results.items() if not result["good"]], [], output)
        self.assertEqual([name for name, result in results.items() if result["skipped"]], [], output)
        self.assertEqual(status, 0)
        self.assertIn("db: V quar_type=Q ds=D ", results["eicar"]["ended"])
        self.assertIn("db: S quar_type=Q ds=D ", results["gtube"]["ended"])
        self.assertIn("db: C quar_type=  ds=PPP ".replace("  ", " "), results["recipients"]["ended"].replace("  ", " "))

    def test_over_a_unix_socket(self):
        port = free_port()
        daemon = self.start(port)
        status, results, output = self.harness(daemon.socket, "--sink", port, "--cases", "clean,eicar,lmtp,xforward")
        self.assertEqual((status, sorted(name for name, result in results.items() if result["good"])), (0, ["clean", "eicar", "lmtp", "xforward"]), output)

    def test_answers_are_amavisds(self):
        """Codes and enhanced codes of every step are the same as those of a real amavisd-new."""
        port = free_port()
        daemon = self.start(port)
        other = servers.Amavisd(f"smtp:[127.0.0.1]:{port}", clamd=servers.shared("clamd")["socket"], spam=True)
        self.addCleanup(other.stop)
        status, results, output = self.harness(daemon.address, "--sink", port, "--compare", other.address, "--cases",
                                               "clean,eicar,gtube,recipients,null-sender,smtputf8,8bit,8bit-undeclared,dots,pipelining,dsn,"
                                               "xforward,xforward-bad,lmtp,lmtp-eicar,bad-mail,bad-rcpt,bad-parameter,bad-command")
        self.assertEqual([name for name, result in results.items() if not result["same"]], [], output)

    def behind_postfix(self, *words):
        """Against a filter whose next hop is a Postfix that can deliver nothing: the output, and Postfix with an empty queue again."""
        sink = self.hop().on("rcpt", "550 5.1.1 nobody of that name")
        port = free_port()
        postfix = Postfix(f"127.0.0.1:{port}", sink.address)
        self.addCleanup(postfix.stop)
        self.tamis(f"smtp:[127.0.0.1]:{postfix.back_port}", {"scanners": {"yara": {}}}, port=port)
        done = subprocess.run([TEST / "swaks" / "run", f"127.0.0.1:{port}", "--cases", "clean,eicar,gtube,recipients,null-sender,smtputf8,pipelining,dsn,lmtp", *words],
                              capture_output=True, text=True, timeout=280)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        until(lambda: postfix.queued() == 0, 60, "an empty Postfix queue")
        self.assertIn("550 5.1.1 nobody of that name", postfix.log())
        self.assertNotIn("notification:", postfix.log(), "a bounce was made")
        return done.stdout

    def test_no_bounce_is_left_in_a_live_queue(self):
        said = self.behind_postfix()
        self.assertIn("9 dialogues (7 messages that should pass, 2 with a test virus or test spam, 0 that should be refused)", said)
        self.assertIn("from <>\n", said)
        self.assertIn("to   <user-grüße@example.com>, <user2@example.com>, <user3@example.com>, <user@example.com>\n", said)
        self.assertLess(said.index("9 dialogues"), said.index("clean  "), "it says what it will send before it does")

    def test_nor_with_an_address_of_ones_own(self):
        said = self.behind_postfix("--from", "me@sender.example.org", "--to", "me@example.com")
        self.assertIn("from <>, <me@sender.example.org>\n", said)
        self.assertIn("to   <me@example.com>\n", said)

    def test_what_is_no_address(self):
        done = subprocess.run([TEST / "swaks" / "run", "--to", "me"], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn('"me" is no address', done.stderr)

    def test_a_filter_that_is_not_there(self):
        done = subprocess.run([TEST / "swaks" / "run", f"127.0.0.1:{free_port()}"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("cannot talk to the filter", done.stderr)
