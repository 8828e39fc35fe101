"""Every system call of one message's way fails once: always a 4xx and nothing lost, or a 250 that is true; the daemon lives

Bounded here: each number with one of the errors, the large message and PostgreSQL sampled, record locks left out (SQLite
itself asks for 10 s when one is refused with a true error). TAMIS_FAULTS_ALL=1: every number with every error, locks as well.
"""
import errno
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import threading
import time

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.process import folder, until
from e2e.lib.servers import shared_postgres
from e2e.lib.shim import ERRORS, Shim

ALL = bool(os.environ.get("TAMIS_FAULTS_ALL"))


class Faults(Case):
    release_only = True      # the sanitizers' own calls would be made to fail
    limit = 3600 if ALL else 300
    # a reply that the database never gets a chance to give is waited for until the message's own limit
    message_limit = "30s" if ALL else "6s"

    def start(self, policy=None, storage=None):
        self.shim = Shim(locks=ALL)
        self.sink = self.hop()
        daemon = self.tamis(self.sink, {"scanners": {"yara": {}}, "policy": policy or {}, "storage": {"wait": "2s"}, "server": {"threads": 1},
                                        "limits": {"message": self.message_limit, "scan": self.message_limit, "drain": "2s"}}, storage=storage, start=False)
        daemon.start(preload=self.shim)
        return daemon

    def once(self, daemon, data):
        """The code of one attempt; None when the connection ended without a reply"""
        try:
            return daemon.send(data)[0]
        except (OSError, AssertionError, ValueError, EOFError):
            return None

    def sweep(self, daemon, make, stored, step=1):
        """make(tag): a message; stored(): the tags that were delivered or kept, each as often as it was, whole ones only"""
        self.assertEqual(self.once(daemon, make("warm")), 250)
        self.shim.arm(0)
        self.assertEqual(self.once(daemon, make("counted")), 250)
        self.shim.disarm()
        total = self.shim.count
        self.assertGreater(total, 20, "the calls are not counted")
        tags, tries, replies, names = ["warm", "counted"], {}, {}, set()

        def attempt(tag):
            tries[tag] = tries.get(tag, 0) + 1
            return self.once(daemon, make(tag))
        for number in range(1, total + 4, step):
            for error in ERRORS if ALL else [ERRORS[number // step % len(ERRORS)]]:
                tag = f"n{number}e{error}x"
                self.shim.arm(number, error)
                code = attempt(tag)
                self.shim.disarm()
                what = f"call {number} ({self.shim.failed}) with {errno.errorcode[error]}: {code}"
                self.assertTrue(daemon.process.running(), what + "\n" + daemon.log()[-3000:])
                self.assertTrue(code is None or code // 100 in (2, 4), what)
                replies[code] = replies.get(code, 0) + 1
                names.add(self.shim.failed)
                if code != 250:
                    until(lambda: attempt(tag) == 250, 60, f"a 250 after {what}")
                tags.append(tag)
        self.assertNotIn("please report", daemon.log())  # no exception is how any of it is told
        found = stored()
        lost = [tag for tag in tags if tag not in found]
        self.assertEqual(lost, [], f"lost of {len(tags)}")
        often = {tag: found.count(tag) for tag in tags if found.count(tag) > tries.get(tag, 1)}
        self.assertEqual(often, {}, "more copies than attempts")
        print(f"        {len(tags) - 2} faults over {total} calls ({len(names)} different): replies {replies}, twice: "
              f"{sum(found.count(tag) == 2 for tag in tags)}")
        self.assertGreater(len(names), 10 if step == 1 else 3)

    def delivered(self):
        return [match[1] for message in self.sink.messages if (match := re.search(r"tag-(\w+)\r\nend of it\r\n$", message.data.decode("latin-1")))]

    def clean(self, tag):
        return mail.message(body=f"Hello\ntag-{tag}\nend of it\n", message_id=f"<{tag}@example.org>")

    def infected(self, tag):
        return mail.message(body=f"{mail.EICAR}\ntag-{tag}\nend of it\n", message_id=f"<{tag}@example.org>")

    def large(self, tag):
        return mail.message(body="0123456789\n" * 40_000 + f"tag-{tag}\nend of it\n", message_id=f"<{tag}@example.org>")

    def kept_in_sqlite(self, path):
        with sqlite3.connect(path, timeout=30) as base:
            texts = {}
            for mail_id, text in base.execute("select mail_id, mail_text from quarantine order by mail_id, chunk_ind"):
                texts[mail_id] = texts.get(mail_id, b"") + (text if isinstance(text, bytes) else text.encode())
        return [match[1].decode() for text in texts.values() if (match := re.search(rb"tag-(\w+)\r?\nend of it\r?\n$", text))]

    def test_clean_mail(self):
        daemon = self.start()
        self.sweep(daemon, self.clean, self.delivered)

    def test_a_large_message(self):
        daemon = self.start()
        self.sweep(daemon, self.large, self.delivered, step=1 if ALL else 3)

    def test_quarantine_in_sqlite(self):
        daemon = self.start()
        self.sweep(daemon, self.infected, lambda: self.kept_in_sqlite(f"{daemon.home}/state/tamis.db"))

    def test_quarantine_in_files(self):
        daemon = self.start(policy={"virus_quarantine": "local:virus-%m"})
        kept = lambda: [match[1] for path in pathlib.Path(daemon.home / "state/quarantine").glob("virus-*")
                        if (match := re.search(r"tag-(\w+)\nend of it\n$", path.read_text("latin-1")))]
        self.sweep(daemon, self.infected, kept)

    def test_quarantine_in_a_mailbox(self):
        daemon = self.start(policy={"virus_quarantine": "mbox:virus.mbox"})
        def kept():
            text = (daemon.home / "state/quarantine/virus.mbox").read_text("latin-1")
            return re.findall(r"^tag-(\w+)\nend of it\n\n?(?=From |\Z)", text, re.M)
        self.sweep(daemon, self.infected, kept)

    def test_quarantine_in_postgresql(self):
        postgres = shared_postgres()
        name = f"faults{os.getpid()}"
        dsn = postgres.database(name)
        daemon = self.start(storage=dsn)
        def kept():
            rows = postgres.rows("select encode(string_agg(mail_text, ''::bytea order by chunk_ind), 'hex') from quarantine group by mail_id", name)
            texts = [bytes.fromhex(row[0]) for row in rows]
            return [match[1].decode() for text in texts if (match := re.search(rb"tag-(\w+)\r?\nend of it\r?\n$", text))]
        self.sweep(daemon, self.infected, kept, step=1 if ALL else 4)

    def test_every_call_of_one_kind_fails_for_a_while(self):
        """sticky faults, as of a disk that is gone: afterwards everything works again, without a restart"""
        daemon = self.start()
        self.assertEqual(self.once(daemon, self.infected("warm")), 250)
        self.assertEqual(self.once(daemon, self.infected("warmer")), 250)
        names = set()
        for name_error in (errno.EIO, errno.ENOSPC):
            for number in range(1, 120, 1 if ALL else 9):
                self.shim.arm(number, name_error, sticky=True)
                mended = threading.Timer(1, self.shim.disarm)
                mended.start()
                self.once(daemon, self.infected(f"s{number}e{name_error}x"))
                mended.cancel()
                mended.join()
                self.shim.disarm()
                failed = self.shim.failed
                names.add(failed)
                self.assertTrue(daemon.process.running(), failed)
                until(lambda: self.once(daemon, self.infected(f"s{number}e{name_error}x")) == 250, 60, f"a 250 after {failed} had failed for a while")
        self.assertGreater(len(names - {""}), 4, names)


class FullDisk(Case):
    """A file system of a few MB under the database"""
    release_only = True      # about the disk
    limit = 240

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs a file system of its own")
        self.disk = folder("disk")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=0777", "tmpfs", self.disk], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"no file system can be mounted here: {done.stderr}")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", self.disk], check=False))
        state = self.disk / "db"
        state.mkdir()
        shutil.chown(state, "nobody", "nogroup")
        self.sink = self.hop()
        self.daemon = self.tamis(self.sink, {"scanners": {"yara": {}}, "storage": {"wait": "2s"}}, storage=f"sqlite:{state}/tamis.db")

    def infected(self, size, tag):
        return mail.message(body=f"{mail.EICAR}\n" + os.urandom(size // 2).hex() + f"\ntag-{tag}\n", subject=tag)

    def timed(self, data):
        began = time.monotonic()
        reply = self.daemon.send(data)
        return reply, time.monotonic() - began

    def test_what_does_not_fit_fails_alone(self):
        self.assertCode(self.daemon.send(self.infected(1000, "first")), 250)
        reply, spent = self.timed(self.infected(12_000_000, "large"))
        self.assertEqual(reply[0] // 100, 4, reply)
        self.assertLess(spent, 20)
        for number in range(3):  # reading and smaller ones go on, at once
            reply, spent = self.timed(mail.clean())
            self.assertCode(reply, 250)
            self.assertLess(spent, 8)
            reply, spent = self.timed(self.infected(2000, f"small{number}"))
            self.assertCode(reply, 250)
            self.assertLess(spent, 8)
        self.assertNotIn("storage not available", self.daemon.log())
        self.assertIn("the disk is full", self.daemon.log())

    def test_a_disk_without_any_room(self):
        self.assertCode(self.daemon.send(self.infected(1000, "first")), 250)
        with open(self.disk / "filler", "wb", buffering=0) as filler:
            with self.assertRaises(OSError):
                for _ in range(10_000):
                    filler.write(bytes(4096))
        reply, spent = self.timed(self.infected(500_000, "large"))
        self.assertEqual(reply[0] // 100, 4, reply)
        self.assertLess(spent, 20)
        reply, spent = self.timed(mail.clean())
        self.assertCode(reply, 250)
        self.assertLess(spent, 8)
        os.unlink(self.disk / "filler")
        until(lambda: self.daemon.send(self.infected(500_000, "later"))[0] == 250, 30, "room again")
        self.assertTrue(self.sink.wait(1))
        until(lambda: self.records() >= 3, 30, "the record of the clean message")

    def records(self):
        with sqlite3.connect(self.disk / "db" / "tamis.db", timeout=30) as base:
            return base.execute("select count(*) from msgs").fetchone()[0]


if __name__ == "__main__":
    import unittest
    unittest.main()
