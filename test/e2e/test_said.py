"""What the log and the outside are told: releases from the command line, command lines that nobody understands, a database that is away"""
import os
import pathlib
import re
import socket
import time

from e2e.lib import mail
from e2e.lib.control import Ampdp, quarantine_json
from e2e.lib.process import folder, free_port, run, until
from e2e.lib.tamis import build_directory
from e2e.test_quarantine import Quarantined


class ReleaseLog(Quarantined):
    """What `tamis quarantine` does is in the daemon's log, in the daemon's words."""

    def start(self, **log):
        self.sink = self.hop()
        daemon = self.tamis(self.sink, {"scanners": {"yara": {}}, "log": log}, start=False)
        self.log_file = daemon.home / "tamis.log"
        daemon.config["log"] = {"target": f"file:{self.log_file}", "level": 0, **log}
        daemon.start()
        return daemon

    def lines(self, holding):
        return [line for line in self.log_file.read_text().splitlines() if holding in line]

    def test_release_and_delete(self):
        daemon = self.start()
        for _ in range(2):
            self.assertCode(daemon.send(mail.eicar()), 250)
        first, second = [item["mail_id"] for item in quarantine_json(daemon.file, "list")["items"]]
        said = self.did(daemon, "release", first)
        self.assertNotIn("Quarantined message", said, "the log line is in the log, not on the terminal")
        [line] = self.lines("Quarantined message release")
        self.assertRegex(line, rf" amavis\[\d+\]: \({first}\) Quarantined message release \(miscategorized\): {first} <alice@sender\.example\.org> -> <bob@example\.com>$")
        self.assertRegex("\n".join(self.lines("release of " + first)), r"to <bob@example\.com> by \S+@filter\.example\.com: 250 ")
        self.did(daemon, "delete", second)
        [line] = self.lines("Quarantined message delete")
        self.assertRegex(line, rf"\({second}\) Quarantined message delete: {second} <alice@sender\.example\.org> -> <bob@example\.com> by \S+@filter\.example\.com$")
        self.did(daemon, "release", "abcdefghijkl", status=1)
        self.assertEqual(len(self.lines("quarantine: release of abcdefghijkl by ")), 1)
        known = len(self.log_file.read_text())
        self.did(daemon, "list")
        self.did(daemon, "show", first)
        self.assertEqual(len(self.log_file.read_text()), known, "who only looks is not told of")
        run([build_directory() / "tamis", "expire", "-c", daemon.file])
        self.assertEqual(len(self.lines("retention: by ")), 1)

    def test_syslog_gets_it_under_the_daemons_ident(self):
        """Also for "journal": our standard error is not the service's, and journald keeps what comes by syslog."""
        if os.geteuid() != 0:
            self.skipTest("needs root")
        daemon = self.start()
        self.assertCode(daemon.send(mail.eicar()), 250)
        place = folder("syslog")
        private = "mount -t tmpfs none $0/dev && for f in null zero random urandom; do touch $0/dev/$f && mount --bind /dev/$f $0/dev/$f; done; touch $0/dev/log && " \
                  'mount --bind $0/socket $0/dev/log && mount --rbind $0/dev /dev && exec "$@"'
        (place / "dev").mkdir()
        # below a chroot there may be no mount on "/" whose propagation could be changed
        is_mount = any(line.split()[4] == "/" for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines())
        unshare = ["unshare", "--mount"] if is_mount else ["unshare", "--mount", "--propagation", "unchanged"]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
            syslog.bind(str(place / "socket"))
            syslog.settimeout(10)
            for target, words in (("syslog", ["release"]), ("journal", ["release", "--again"])):
                daemon.config["log"] = {"target": target, "level": 0}
                daemon.write()
                run([*unshare, "sh", "-c", private, place, build_directory() / "tamis", "quarantine", words[0], self.only_id(daemon), *words[1:], "-c", daemon.file])
                self.assertRegex(syslog.recv(4096).decode(), r"^<2\d>.* amavis\[\d+\]: \(\S+\) Quarantined message release \(miscategorized\): ")
                self.assertRegex(syslog.recv(4096).decode(), r"^<2\d>.* amavis\[\d+\]: \(rel-\S+\) release of ")

    def test_logwatch_counts_it_like_the_daemons(self):
        daemon = self.start()
        self.assertCode(daemon.send(mail.eicar()), 250)
        self.did(daemon, "release", self.only_id(daemon))
        stripped = daemon.home / "stripped.log"            # logwatch takes date, host and program away before
        stripped.write_text("".join(re.sub(r"^.*? amavis\[\d+\]: ", "", line) + "\n" for line in self.lines("Quarantined message release")))
        with open(stripped) as stream:
            report = run(["perl", "/usr/share/logwatch/scripts/services/amavis", "--detail", "10"], stdin=stream,
                         env={"PATH": "/usr/bin:/bin", "LOGWATCH_DETAIL_LEVEL": "10", "LANG": "C.UTF-8"})
        self.assertRegex(report, r"1\s+Released from quarantine")
        self.assertNotIn("Unmatched", report)

    def test_a_log_file_that_root_makes_is_the_daemons(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        daemon = self.start()
        self.assertCode(daemon.send(mail.eicar()), 250)
        self.log_file.unlink()                             # as log rotation does
        self.did(daemon, "release", self.only_id(daemon))
        self.assertEqual(len(self.lines("Quarantined message release")), 1)
        daemon.process.send_signal(1)                      # SIGHUP: the daemon opens it again
        until(lambda: self.lines("reloaded "), 10, "the daemon's line about the reload in the new file")
        self.assertEqual(self.log_file.owner(), "nobody")


class UnclearLines(Quarantined):
    def count(self, daemon, holding):
        return daemon.log().count(holding)

    def test_am_pdp_on_the_smtp_port(self):
        daemon = self.with_control()
        for unix in (False, True):
            with daemon.client(unix=unix) as client:
                for line in ("request=release", "mail_id=abcdefghijkl", "nonsense " + "x" * 300):
                    self.assertCode(client.command(line), 500)
                self.assertCode(client.command("NOOP"), 250)
        hint = f"this looks like AM.PDP; the AM.PDP listener is unix:{daemon.ampdp}, 127.0.0.1:{self.port} (control.listen)"
        self.assertEqual(self.count(daemon, f'SMTP listener {daemon.port}: 127.0.0.1 sent a line that is not understood: "request=release"; {hint}'), 1)
        self.assertEqual(self.count(daemon, f'SMTP listener {daemon.socket}: somebody at the unix socket sent a line that is not understood: "request=release"; {hint}'), 1)
        self.assertEqual(self.count(daemon, "is not understood"), 2, "once for each session")

    def test_smtp_on_the_port_of_am_pdp(self):
        daemon = self.with_control(control={"allowed_peers": ["127.0.0.1"]})
        for number, line in enumerate(("EHLO mail.example.com", "helo x", "LHLO x", "MAIL FROM:<a@example.com>"), 1):
            with self.subTest(line=line), Ampdp(f"127.0.0.1:{self.port}", timeout=20) as control:
                begin = time.monotonic()
                [(name, value), *_] = control.ask(line.encode() + b"\r\n")
                self.assertLess(time.monotonic() - begin, 5, "it is answered without an empty line")
                self.assertEqual(name, "setreply")
                self.assertIn("450 4.5.0 Failure: this is AM.PDP, not", value)
                self.assertEqual(control.socket.recv(10), b"", "and the connection ends")
                self.assertEqual(self.count(daemon, f'AM.PDP listener {self.port}: 127.0.0.1 sent a line that is not understood: "{line}"; '
                                                    f"this looks like SMTP; the SMTP and LMTP listener is {daemon.address}, unix:{daemon.socket} (server.listen)"), 1)
        with Ampdp(daemon.ampdp) as control:
            for _ in range(2):
                self.assertIn("unknown request", str(control.ask({"request": "nonsense"})))
        self.assertEqual(self.count(daemon, '"request=nonsense"'), 1)
        self.assertEqual(self.count(daemon, "is not understood"), 5)

    def test_a_mail_server_that_waits_for_the_greeting_of_am_pdp(self):
        daemon = self.with_control(control={"allowed_peers": ["127.0.0.1"]})
        with Ampdp(f"127.0.0.1:{self.port}", timeout=60) as control:
            self.assertEqual(control.socket.recv(10), b"", "after half a minute the connection ends")
        self.assertEqual(self.count(daemon, f"AM.PDP listener {self.port}: 127.0.0.1 said nothing; a mail server waits for a greeting"), 1)

    def test_many_of_them_do_not_fill_the_log(self):
        daemon = self.with_control()
        for _ in range(30):
            with daemon.client() as client:
                self.assertCode(client.command("request=release"), 500)
        self.assertEqual(self.count(daemon, "is not understood"), 10)


class ToTheOutside(Quarantined):
    def test_451_names_no_host_and_no_database(self):
        daemon = self.tamis(self.hop(), {"scanners": {"yara": {}}, "storage": {"wait": 1}}, storage=f"postgresql://secretuser@127.0.0.1:{free_port()}/secretbase")
        for lmtp in (False, True):
            answer = daemon.send(mail.eicar(), lmtp=lmtp)
            code, lines = answer[0] if lmtp else answer
            self.assertEqual(code, 451)
            text = "\n".join(lines)
            self.assertRegex(text, r"Error in processing, id=\S+, .+ FAILED: not available$")
            self.assertNotRegex(text, r"127\.0\.0\.1|secret|sql|dsn")
        daemon.wait_log("lookup_dsn postgresql://secretuser@127.0.0.1")

    def test_nor_does_am_pdp_over_tcp(self):
        daemon = self.with_control(control={"allowed_peers": ["127.0.0.1"], "secret_required": "never"}, storage=f"postgresql://u@127.0.0.1:{free_port()}/secretbase")
        with Ampdp(f"127.0.0.1:{self.port}") as control:
            answer = str(control.ask({"request": "release", "mail_id": "abcdefghijkl"}))
        self.assertIn("450 4.5.0 ERROR", answer)
        self.assertNotIn("secretbase", answer)
        self.assertIn("secretbase", daemon.log())
