"""The command line: typing errors, and a database that is away in every way it can be"""
import concurrent.futures
import os
import socket
import subprocess
import time

from e2e.lib.case import Case
from e2e.lib.process import folder, free_port
from e2e.lib.tamis import build_directory, toml

ID = "abcdefghijkl"


def said(program, *words, **environment):
    """(exit status, everything it said, seconds)"""
    begin = time.monotonic()
    done = subprocess.run([build_directory() / program, *map(str, words)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env={**os.environ, **environment})
    return done.returncode, done.stdout + done.stderr, time.monotonic() - begin


class Typing(Case):
    def test_what_was_meant(self):
        for program, words, meant in (("tamis", ["quarantine", "lst"], 'did you mean "list"?'), ("tamis", ["lst"], 'did you mean "tamis quarantine list"?'),
                                      ("tamis", ["docter"], 'did you mean "doctor"?'), ("tamis", ["schema", "chekc"], 'did you mean "check"?'),
                                      ("tamis", ["quarantine", "list", "--recipent", "x"], "did you mean --recipient?"), ("tamis", ["expire", "--dryrun"], "did you mean --dry-run?"),
                                      ("tamis", ["quarantine"], "a command is required: list, show, raw, release, requeue, delete or stats"),
                                      ("tamis", ["--verison"], "did you mean --version?"),
                                      ("tamisd", ["--chekc"], "did you mean --check?"), ("tamisd", ["--confg=/x"], "did you mean --config?")):
            with self.subTest(program=program, words=words):
                status, text, _ = said(program, *words)
                self.assertEqual(status, 2, text)
                self.assertIn(meant, text)
                self.assertEqual(text.count("\n"), 1, text)

    def test_help_is_no_error(self):
        for program, words in (("tamis", ["--help"]), ("tamis", ["quarantine", "list", "--help"]), ("tamisd", ["--help"])):
            self.assertEqual(said(program, *words)[0], 0)


class Away(Case):
    """Every command that asks a database answers within five seconds and says which entry of which list it was."""
    limit = 240
    COMMANDS = {"storage_dsn": (["quarantine", "list"], ["quarantine", "show", ID], ["quarantine", "raw", ID], ["quarantine", "stats"], ["quarantine", "release", ID],
                                ["quarantine", "requeue", ID], ["quarantine", "delete", ID], ["expire"], ["expire", "--dry-run"], ["schema", "check"], ["schema", "install"],
                                ["schema", "upgrade", "--yes"], ["doctor", "--only", "storage"]),
                "lookup_dsn": (["explain", "bob@example.com"], ["schema", "check"], ["doctor", "--only", "storage"])}

    def listening(self, backlog):
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.bind(("127.0.0.1", 0))
        sock.listen(backlog)
        return sock.getsockname()[1]

    def full(self):
        """A port whose queue is full: further connections get no answer at all, as from a host behind a dead router."""
        port = self.listening(0)
        for _ in range(10):
            sock = socket.socket()
            self.addCleanup(sock.close)
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        with self.assertRaises(TimeoutError), socket.create_connection(("127.0.0.1", port), 0.3):
            pass
        return port

    def config(self, ports):
        dsn = lambda base: [f"postgresql://tamis@127.0.0.1:{port}/{base}" for port in ports]
        home = folder("away")
        file = home / "tamis.toml"
        server = {"listen": ["127.0.0.1:1"], "forward": "smtp:[127.0.0.1]:1", "hostname": "filter.example.com", "state_dir": str(home), "user": "nobody"}
        file.write_text(toml({"server": server, "log": {"target": "stderr"}, "release": {"requeue": "smtp:[127.0.0.1]:1"},
                              "storage": {"storage_dsn": dsn("records"), "lookup_dsn": dsn("lookups")}}))
        return file

    def check(self, ports):
        file = self.config(ports)
        todo = [(name, words) for name, commands in self.COMMANDS.items() for words in commands]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda one: said("tamis", *one[1], "-c", file), todo))
        for (name, words), (status, text, seconds) in zip(todo, answers):
            with self.subTest(words=words, text=text):
                self.assertLess(seconds, 5)
                self.assertNotEqual(status, 0)
                for number in range(1, len(ports) + 1):
                    self.assertIn(f"{name} entry {number} of {len(ports)} postgresql://tamis@127.0.0.1" if len(ports) > 1 else f"{name} postgresql://", text)

    def test_nobody_listens(self):
        self.check([free_port(), free_port()])

    def test_it_accepts_and_never_speaks(self):
        self.check([self.listening(50), self.listening(50)])

    def test_packets_are_dropped(self):
        self.check([self.full()])

    def test_the_option_is_named(self):
        dsn = f"postgresql://tamis@127.0.0.1:{self.listening(50)}/x"
        file = self.config([free_port()])
        for words, environment, name in ((["quarantine", "list", "--dsn", dsn], {}, "--dsn"), (["schema", "check", "--dsn", dsn], {}, "--dsn"), (["expire", "-n", "--dsn", dsn], {}, "--dsn"),
                                         (["quarantine", "list"], {"TAMIS_DSN": dsn}, "TAMIS_DSN"), (["quarantine", "list", "--dsn", "mysql://x"], {}, "--dsn:"),
                                         (["schema", "check"], {"TAMIS_DSN": "mysql://x"}, "TAMIS_DSN:")):
            with self.subTest(words=words):
                status, text, seconds = said("tamis", *words, "-c", file, **environment)
                self.assertLess(seconds, 5)
                self.assertNotEqual(status, 0)
                self.assertIn(name + (" postgresql://" if "mysql" not in str(words) + str(environment) else ""), text)
                self.assertNotRegex(text, r"not available: not available|not found: not found")

    def test_an_sqlite_file_that_somebody_holds(self):
        import sqlite3
        file = folder("held") / "held.db"
        with sqlite3.connect(file) as base:
            base.execute("create table msgs (mail_id text)")
        base.close()
        base = sqlite3.connect(file)
        self.addCleanup(base.close)
        base.execute("pragma locking_mode=exclusive")
        base.execute("begin exclusive")
        status, text, seconds = said("tamis", "quarantine", "list", "-c", self.config([free_port()]), "--dsn", f"sqlite:{file}")
        self.assertLess(seconds, 5)
        self.assertEqual(status, 1)
        self.assertIn("--dsn sqlite:", text)
        self.assertIn("locked by another process", text)
