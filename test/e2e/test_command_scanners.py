"""Scanner programs and ICAP: the right verdict, nothing of a stranger in any argument, and nothing left behind"""
import io
import os
import pathlib
import signal
import textwrap
import threading
import zipfile

from e2e.lib import mail, servers
from e2e.lib.case import Case
from e2e.lib.process import Process, folder, free_port, until
from fakes.engine import refused_port

from email.message import EmailMessage

MARK = "PWNED"
EVIL = [f"$(touch {MARK}).txt", f"`{MARK}`.exe", f"a;{MARK} #.doc", f"-rf --{MARK}", f"|{MARK}", f"../../../{MARK}", f"%n%s{MARK}",
        f"a\nb{MARK}.txt", f"\"'{MARK}\\", f"{MARK}" + "x" * 4000]


def evil_mail(payload=b"nothing to see"):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = f"<{MARK}@sender.example.org>", "bob@example.com", f"`{MARK}`"
    message.set_content("see the attachments\n")
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w") as archive:
        for number, name in enumerate(EVIL):
            archive.writestr(name, payload + str(number).encode())
    for number, name in enumerate(EVIL):
        message.add_attachment(payload + b" in mail " + str(number).encode(), "application", "octet-stream", filename=name.replace("\n", "\\n"))
    message.add_attachment(box.getvalue(), "application", "zip", filename=f"{MARK}.zip")
    return mail.crlf(message.as_bytes())


def parents():
    """pid: (parent, name, state) of every process."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        rest = text[text.rindex(")") + 2:].split()
        found[int(stat.parent.name)] = (int(rest[1]), text[text.index("(") + 1:text.rindex(")")], rest[0])
    return found


def child_of(pid, name):
    return next((one for one, (parent, called, _) in parents().items() if parent == pid and called == name), None)


def gone(pid):
    return pid not in parents()


class Commands(Case):
    limit = 240

    def script(self, lines, name="scan"):
        """A program of shell built-ins; it may write into self.place"""
        self.place = folder("programs")
        self.place.chmod(0o777)
        path = self.place / name
        path.write_text("#!/bin/sh\n" + lines.replace("PLACE", str(self.place)) + "\n")
        path.chmod(0o755)
        return str(path)

    def start(self, commands, more=None, limits=None):
        self.sink = self.hop()
        return self.tamis(self.sink, {"scanners": {"command": commands, **(more or {})}, "limits": limits or {"message": 60, "scan": 50}})

    def left_over(self, daemon):
        place = daemon.home / "state" / "programs"
        return list(place.iterdir()) if place.exists() else []

    def spawner(self, daemon):
        return until(lambda: child_of(daemon.process.pid, "tamis-spawner"), 30, "the spawner")

    def last(self, daemon, number):
        return until(lambda: daemon.summaries()[number:number + 1], 30, "a summary")[0]

    def test_clamscan_stands_in_for_clamd(self):
        base = folder("clamscan")
        (base / "test.ndb").write_text(servers.EICAR_SIGNATURE)
        port, held = refused_port()
        self.addCleanup(held.close)
        clamscan = {"program": ["/nonexistent/clamscan", "clamscan"], "backup": True, "opens_containers": True,
                    "arguments": ["--stdout", "--no-summary", "--infected", "-r", f"--database={base}", "--tempdir={}/../tmp", "{}"],
                    "clean": [0], "infected": r":.*\sFOUND$", "name": "^.*?: (.*) FOUND$", "timeout": 100}
        daemon = self.start({"clamscan": clamscan}, {"clamd": {"socket": f"127.0.0.1:{port}", "retry_for": 0}},
                            {"message": 200, "scan": 180})
        daemon.wait_log("command.clamscan")
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertTrue(self.last(daemon, 0).startswith("Passed CLEAN"), daemon.summaries())
        self.assertIn("scanner failed for this message: clamd", daemon.log())
        self.assertCode(daemon.send(mail.eicar()), 250)
        self.assertTrue(self.last(daemon, 1).startswith("Blocked INFECTED (Eicar-Test-Signature.UNOFFICIAL)"), daemon.summaries())
        self.assertEqual(self.left_over(daemon), [])

    def test_a_backup_rests_while_its_primary_answers_and_without_one_the_mail_is_unchecked(self):
        primary = self.script("read mode < PLACE/mode; exit $mode", "primary")
        mode = self.place / "mode"
        mode.write_text("0\n")
        backup = self.script("echo run >> PLACE/runs; exit 9", "backup")
        runs = self.place / "runs"
        daemon = self.start({"one": {"program": primary, "clean": 0, "infected": 1},
                             "two": {"program": backup, "clean": 0, "infected": 1, "backup": True}})
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertTrue(self.last(daemon, 0).startswith("Passed CLEAN"), daemon.summaries())
        self.assertFalse(runs.exists())
        mode.write_text("7\n")
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertTrue(self.last(daemon, 1).startswith("Passed UNCHECKED"), daemon.summaries())
        self.assertEqual(runs.read_text(), "run\n")

    def test_no_name_of_a_stranger_reaches_argv_environment_or_a_path(self):
        program = self.script('{ echo "$0"; echo "$@"; set; pwd; echo *; } >> PLACE/seen; exit 0')
        daemon = self.start({"test": {"program": program, "arguments": ["-x", "{}", "{}/*", "*"], "clean": 0, "infected": 1}})
        spawner = self.spawner(daemon)
        trace = folder("trace") / "trace"
        watcher = Process("strace", ["strace", "-f", "-qq", "-v", "-s", "100000", "-o", trace,
                                     "-e", "trace=execve,execveat,open,openat,openat2,mkdir,mkdirat,rename,symlink,link,unlink", "-p", spawner])
        until(lambda: "TracerPid:\t0" not in pathlib.Path(f"/proc/{spawner}/status").read_text(), 30, "strace")
        self.assertCode(daemon.send(evil_mail(), sender=f"{MARK}@sender.example.org"), 250)
        summary = self.last(daemon, 0)
        watcher.stop(signal.SIGINT)
        seen, calls = (self.place / "seen").read_text(), trace.read_text(errors="replace")
        self.assertIn("p001", seen)
        self.assertIn("p010", seen)  # the parts are there, under our names
        self.assertIn(f'execve("{program}", ["{program}", "-x", "{daemon.home}/state/programs/test-', calls)
        self.assertIn("parts", calls)
        for text in (seen, calls):
            self.assertNotIn(MARK, text)
        programs = {line.split('"')[1] for line in calls.splitlines() if "execve(" in line}
        self.assertEqual(programs, {program}, summary)
        self.assertEqual(self.left_over(daemon), [])

    def test_a_program_that_is_killed_or_hangs_leaves_the_mail_unchecked_and_nothing_behind(self):
        program = self.script("echo $$ >> PLACE/pids; read mode < PLACE/mode; [ $mode = die ] && kill -9 $$; [ $mode = hang ] && { sleep 1000; }; exit 0")
        daemon = self.start({"test": {"program": program, "clean": 0, "infected": 1, "timeout": 3}})
        spawner = self.spawner(daemon)
        for number, mode in enumerate(("die", "hang")):
            (self.place / "mode").write_text(mode + "\n")
            self.assertCode(daemon.send(mail.clean()), 250)
            self.assertTrue(self.last(daemon, number).startswith("Passed UNCHECKED"), daemon.summaries())
        until(lambda: not self.left_over(daemon), 30, "an empty folder")
        for pid in (self.place / "pids").read_text().split():
            until(lambda: gone(int(pid)), 30, "the end of the program")
        until(lambda: not [one for one in parents().values() if one[0] in (spawner, daemon.process.pid) and (one[2] == "Z" or one[1] == "tamis-program")],
              30, "no zombie and no runner")
        self.assertIn("signal 9 (KILL)", daemon.log())

    def test_a_daemon_that_is_killed_takes_its_programs_along_and_the_next_one_cleans_up(self):
        program = self.script("echo $$ > PLACE/pid.new; read mode < PLACE/mode; mv PLACE/pid.new PLACE/pid; [ $mode = hang ] && sleep 1000; exit 0")
        for victim in ("daemon", "runner and daemon", "everything"):
            with self.subTest(victim=victim):
                (self.place / "mode").write_text("hang\n")
                (self.place / "pid").unlink(missing_ok=True)
                daemon = self.start({"test": {"program": program, "clean": 0, "infected": 1}})
                daemon.may_die = True
                spawner = self.spawner(daemon)
                sending = threading.Thread(target=self.send_into_the_void, args=(daemon,))
                sending.start()
                until((self.place / "pid").exists, 30, "the program")
                pid = int((self.place / "pid").read_text())
                if victim == "runner and daemon":
                    os.kill(child_of(spawner, "tamis-program"), signal.SIGKILL)
                if victim == "everything":
                    daemon.kill()
                else:
                    os.kill(daemon.process.pid, signal.SIGKILL)
                sending.join()
                until(lambda: gone(pid), 30, "the end of the program")
                until(lambda: gone(spawner), 30, "the end of the spawner")
                if victim == "daemon":
                    until(lambda: not self.left_over(daemon), 30, "an empty folder")
                (self.place / "mode").write_text("done\n")
                daemon.start()
                daemon.may_die = False
                until(lambda: not self.left_over(daemon), 30, "an empty folder after the start")
                self.assertCode(daemon.send(mail.clean()), 250)
                self.assertTrue(self.last(daemon, 0).startswith("Passed CLEAN"), daemon.summaries())
                self.assertEqual(self.left_over(daemon), [])

    @staticmethod
    def send_into_the_void(daemon):
        try:
            daemon.send(mail.clean())
        except (OSError, EOFError, ValueError, AssertionError):
            return

    def test_a_program_that_is_missing_is_told_with_its_place(self):
        daemon = self.tamis(self.hop(), {"scanners": {"command": {"x": {"program": "/nonexistent/av", "infected": 1}}}}, start=False)
        status, said = daemon.check()
        self.assertEqual(status, 1)
        self.assertRegex(said, r"tamis\.toml:\d+:\d+: scanners\.command\.x\.program: /nonexistent/av is not there")


class CIcap:
    """c-icap with its antivirus service, which asks clamd"""

    def __init__(self, clamd_socket):
        home = folder("c-icap")
        port = free_port()
        self.url = f"icap://127.0.0.1:{port}/avscan"
        modules = next(pathlib.Path("/usr/lib").glob("*/c_icap"))
        (home / "c-icap.conf").write_text(textwrap.dedent(f"""\
            PidFile {home}/pid
            CommandsSocket {home}/ctl
            StartServers 1
            MaxServers 2
            MinSpareThreads 5
            MaxSpareThreads 20
            ThreadsPerChild 20
            MaxKeepAliveRequests 100
            KeepAliveTimeout 600
            Timeout 300
            Port 127.0.0.1:{port}
            ServerName localhost
            ServerAdmin root@localhost
            TmpDir {home}
            ModulesDir {modules}
            ServicesDir {modules}
            TemplateDir /usr/share/c_icap/templates/
            TemplateDefaultLanguage en
            LoadMagicFile /etc/c-icap/c-icap.magic
            ServerLog {home}/server.log
            AccessLog {home}/access.log
            Module common clamd_mod.so
            clamd_mod.ClamdSocket {clamd_socket}
            Service antivirus_module virus_scan.so
            ServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple
            virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE
            virus_scan.MaxObjectSize 100M
            virus_scan.DefaultEngine clamd
            """))
        self.process = Process("c-icap", ["c-icap", "-N", "-f", home / "c-icap.conf"]).wait_for(f"127.0.0.1:{port}", 60)

    def stop(self):
        self.process.stop()


class Icap(Case):
    limit = 240

    def test_c_icap_with_clamd(self):
        service = CIcap(servers.shared("clamd")["socket"])
        self.addCleanup(service.stop)
        sink = self.hop()
        daemon = self.tamis(sink, {"scanners": {"icap": {"url": service.url, "retry_for": 0, "timeout": 30}}})
        for number in range(3):
            self.assertCode(daemon.send(mail.clean()), 250)
            self.assertCode(daemon.send(mail.eicar()), 250)
        lines = until(lambda: daemon.summaries() if len(daemon.summaries()) == 6 else None, 30, "six summaries")
        for number, line in enumerate(lines):
            wanted = "Blocked INFECTED (Eicar-Test-Signature.UNOFFICIAL)" if number % 2 else "Passed CLEAN"
            self.assertTrue(line.startswith(wanted), lines)
        self.assertTrue(sink.wait(3))
        service.stop()
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertTrue(until(lambda: daemon.summaries()[6:], 30, "a summary")[0].startswith("Passed UNCHECKED"), daemon.summaries())
