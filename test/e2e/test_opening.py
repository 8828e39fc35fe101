"""Opening mail: what lies inside is found, what cannot be read is never clean, and one bad message is not another's trouble"""
import base64
import gzip
import io
import json
import os
import signal
import subprocess
import tarfile
import zipfile

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.process import until
from e2e.lib.tamis import build_directory

BOB = "bob@example.com"


def attachment(name, octets, kind="application/octet-stream", encoding="base64"):
    text = base64.encodebytes(octets).decode() if encoding == "base64" else octets.decode("latin-1")
    return (f'Content-Type: {kind}; name="{name}"\nContent-Disposition: attachment; filename="{name}"\n'
            f"Content-Transfer-Encoding: {encoding}\n\n{text}")


def mixed(*parts, boundary="=_outer", parameters="", subject="with parts"):
    body = "".join(f"--{boundary}\n{part}\n" for part in parts) + f"--{boundary}--\n"
    text = mail.message(body=body, subject=subject).decode("utf-8", "surrogateescape")
    plain = "Content-Type: text/plain; charset=utf-8"
    assert plain in text
    return text.replace(plain, f'Content-Type: multipart/mixed; boundary="{boundary}"{parameters}', 1).encode("utf-8", "surrogateescape")


def text_part(text="Hello.\n"):
    return f"Content-Type: text/plain; charset=utf-8\n\n{text}"


def zipped(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, octets in members.items():
            archive.writestr(name, octets)
    return out.getvalue()


def tarred(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, octets in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(octets)
            archive.addfile(info, io.BytesIO(octets))
    return out.getvalue()


def encrypted_zip():
    """A zip whose member has the encryption bit; nobody has the password."""
    octets = bytearray(zipped({"secret.doc": bytes(range(100))}, zipfile.ZIP_STORED))
    octets[6] |= 1
    central = octets.index(b"PK\x01\x02")
    octets[central + 8] |= 1
    return bytes(octets)


def bomb():
    """About 15 kB that become 10 GB."""
    inner = gzip.compress(b"\0" * 10_000_000, 9)
    return gzip.compress(inner * 1000, 9)


EICAR = mail.EICAR.encode()


class Opening(Case):
    def start(self, **config):
        self.sink = self.hop()
        base = {"scanners": {"yara": {}}, "policy": {"spam_kill_level": 900.0}}
        for key, value in config.items():
            base[key] = {**base.get(key, {}), **value}
        return self.tamis(self.sink, base)

    def outcome(self, daemon, message, **options):
        """Passed or Blocked, and the category of the summary line"""
        before = len(daemon.summaries())
        reply = daemon.send(message, [BOB], **options)
        until(lambda: len(daemon.summaries()) > before, 30, "the summary")
        return reply, daemon.summaries()[-1]

    def test_messages_of_all_sizes_are_opened(self):
        daemon = self.tamis(self.hop())
        for size in (1_000, 60_000, 70_000, 150_000, 3_000_000, 12_000_000):     # in the packet, by descriptor, from a file
            with self.subTest(size=size):
                seen = len(daemon.summaries())
                self.assertCode(daemon.send(mail.large(size), [BOB]), 250, "queued")
                self.assertTrue(daemon.summaries()[seen:][0].startswith("Passed CLEAN"), daemon.summaries()[seen:])

    def test_the_virus_is_found_wherever_it_lies(self):
        daemon = self.start()
        inner = mixed(text_part(), attachment("x.com", EICAR), boundary="=_inner").decode()
        cases = {
            "base64": mixed(text_part(), attachment("x.txt", EICAR)),
            "zip": mixed(text_part(), attachment("x.zip", zipped({"a.txt": b"no", "b.com": EICAR}))),
            "tar.gz": mixed(text_part(), attachment("x.tgz", gzip.compress(tarred({"deep/b.com": EICAR})))),
            "zip in zip": mixed(text_part(), attachment("x.zip", zipped({"y.zip": zipped({"b.com": EICAR})}))),
            "forwarded": mixed(text_part(), "Content-Type: message/rfc822\n\n" + inner),
            "quoted-printable": mixed(text_part(), attachment("x.txt", b"".join(b"=%02X" % c for c in EICAR), encoding="quoted-printable")),
        }
        for name, message in cases.items():
            with self.subTest(name):
                reply, summary = self.outcome(daemon, message)
                self.assertCode(reply, 250, "discarded")
                self.assertTrue(summary.startswith("Blocked INFECTED"), summary)
        self.assertEqual(self.sink.messages, [])

    def test_ambiguous_mail_is_read_both_ways_and_marked(self):
        daemon = self.start()
        outer = mixed(text_part(), attachment("x.txt", EICAR), boundary="second", parameters='; boundary="first"')
        _, summary = self.outcome(daemon, outer)
        self.assertTrue(summary.startswith("Blocked INFECTED"), summary)
        harmless = mixed(text_part(), attachment("x.txt", b"harmless"), boundary="second", parameters='; boundary="first"')
        reply, summary = self.outcome(daemon, harmless)
        self.assertCode(reply, 250, "queued")
        self.assertTrue(summary.startswith("Passed UNCHECKED"), summary)
        passed = self.sink.messages[0]
        self.assertRegex(passed.field("MIME-Ambiguity-Results")[0], r"^filter\.example\.com; duplicate-boundary part=1")
        self.assertTrue(passed.field("Subject")[0].startswith("***UNCHECKED*** "))
        cause = "part 1: duplicate-boundary (boundary given more than once)"
        self.assertIn(f"({cause}", summary)
        self.assertTrue(" ".join(passed.field("X-Amavis-Alert")[0].split()).startswith(f"UNCHECKED, {cause}"), passed.field("X-Amavis-Alert"))

    def test_habits_that_mislead_nobody_are_not_marked(self):
        daemon = self.start()
        qp = "Content-Transfer-Encoding: quoted-printable\n"
        for name, text in {"an encoding on a multipart": mixed(text_part(), attachment("x.txt", b"hello"), parameters="\n" + qp.strip()),
                           "a raw equals sign": mixed("Content-Type: text/plain\n" + qp + "\nsee http://example.org/?a=zz\n"),
                           "no padding": mixed("Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\naGVsbG8gd29ybGQ\n")}.items():
            with self.subTest(name):
                _, summary = self.outcome(daemon, text)
                self.assertTrue(summary.startswith("Passed CLEAN"), summary)

    def test_a_banned_part_is_named_and_not_what_lies_in_it(self):
        daemon = self.start(policy={"banned_rulenames": ["DEFAULT"]})
        forwarded = 'Content-Type: message/rfc822\nContent-Disposition: attachment; filename="order at example.com"\n\n' + mixed(text_part(), boundary="=_inner").decode()
        _, summary = self.outcome(daemon, mixed(text_part(), forwarded))
        self.assertRegex(summary, r"^Blocked BANNED \(message/rfc822,[^)]*order at example\.com\)")

    def test_a_stranger_cannot_speak_for_us(self):
        daemon = self.start()
        self.outcome(daemon, mail.clean(extra="MIME-Ambiguity-Results: filter.example.com; none\nX-Amavis-Hold: x\n"))
        self.assertEqual(self.sink.messages[0].field("MIME-Ambiguity-Results"), [])
        self.assertEqual(self.sink.messages[0].field("X-Amavis-Hold"), [])

    def test_encrypted_mail_has_a_destiny_of_its_own(self):
        daemon = self.start()
        message = mixed(text_part(), attachment("x.zip", encrypted_zip()))
        _, summary = self.outcome(daemon, message)
        self.assertRegex(summary, r'^Passed UNCHECKED-ENCRYPTED \(part 1/2/1 "[^"]+": encrypted\) \{')
        self.assertRegex(" ".join(self.sink.messages[0].field("X-Amavis-Alert")[0].split()), r'^UNCHECKED, part 1/2/1 "[^"]+": encrypted$')
        daemon.reload({"policy": {"final_encrypted_destiny": "reject"}})
        daemon.wait_log("reloaded")
        reply, summary = self.outcome(daemon, message)
        self.assertCode(reply, 554, "UNCHECKED: encrypted")
        self.assertTrue(summary.startswith("Blocked UNCHECKED-ENCRYPTED"), summary)

    def test_over_limits_is_said_and_the_raw_message_is_scanned_all_the_same(self):
        daemon = self.start(open={"levels": 2, "members": 20})
        nested = EICAR
        for level in range(5):
            nested = zipped({f"level{level}.zip": nested})
        reply, summary = self.outcome(daemon, mixed(text_part(), attachment("n.zip", nested)))
        self.assertTrue(summary.startswith("Passed UNCHECKED"), summary)
        self.assertEqual(self.sink.messages[0].field("X-Amavis-Hold"), ["Maximum decoding depth (2) exceeded"])
        many = zipped({f"{n}.txt": b"x" for n in range(50)})
        self.outcome(daemon, mixed(text_part(EICAR.decode() + "\n"), attachment("m.zip", many)))
        self.assertTrue(daemon.summaries()[-1].startswith("Blocked INFECTED"))

    def test_workers_that_are_killed_are_replaced(self):
        daemon = self.start()
        self.outcome(daemon, mixed(text_part(), attachment("x.zip", zipped({"a": b"b"}))))

        def workers():
            found = subprocess.run(["pgrep", "-f", f"^{build_directory()}/tamis-worker|^tamis-worker"], text=True, capture_output=True).stdout.split()
            return [int(pid) for pid in found if self.is_ours(int(pid), daemon)]
        until(lambda: len(workers()) >= 2, 20, "workers")
        for _ in range(3):
            for pid in workers():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            reply, summary = self.outcome(daemon, mixed(text_part(), attachment("x.zip", zipped({"b.com": EICAR}))))
            self.assertTrue(summary.startswith("Blocked INFECTED"), summary)
        daemon.stop()
        until(lambda: not workers(), 10, "no worker outlives the daemon")

    @staticmethod
    def is_ours(pid, daemon):
        """Whether the daemon is among its ancestors"""
        while pid > 1:
            if pid == daemon.process.pid:
                return True
            try:
                with open(f"/proc/{pid}/stat") as stat:
                    pid = int(stat.read().rpartition(")")[2].split()[1])
            except OSError:
                return False
        return False

    def test_no_worker_program(self):
        sink = self.hop()
        daemon = self.tamis(sink, {"scanners": {"yara": {}}, "open": {"worker": "/nonexistent/tamis-worker"}}, start=False)
        daemon.may_die = True
        daemon.start(wait=False)
        until(lambda: not daemon.process.running(), 20, "the end")
        self.assertIn("/nonexistent/tamis-worker", daemon.log())

    def test_opening_can_be_switched_off(self):
        daemon = self.start(open={"enabled": False})
        reply, summary = self.outcome(daemon, mixed(text_part(), attachment("x.zip", encrypted_zip())))
        self.assertTrue(summary.startswith("Passed CLEAN"), summary)

    def test_the_tree_of_a_file(self):
        message = mixed(text_part(), attachment("x.zip", zipped({"a/setup.exe": b"MZ" + b"\0" * 200, "b.txt": b"hello"})))
        file = self.sink_folder() / "message.eml"
        file.write_bytes(message)
        config = self.tamis("smtp:[127.0.0.1]:1", {"scanners": {"yara": {}}}, start=False)
        config.write()
        done = subprocess.run([build_directory() / "tamis", "open", "-c", config.file, file], text=True, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r'(?m)^1 multipart/mixed')
        self.assertRegex(done.stdout, r'(?m)^  1/2 application/octet-stream \.zip \d+ bytes "x\.zip"')
        self.assertRegex(done.stdout, r'(?m)^    1/2/1 \(zip\) .*"a/setup\.exe"')
        done = subprocess.run([build_directory() / "tamis", "open", "--json", "-c", config.file, "-"], input=message, capture_output=True, timeout=60)
        tree = json.loads(done.stdout)
        self.assertEqual([part["path"] for part in tree["parts"]], ["1", "1/1", "1/2", "1/2/1", "1/2/2"])
        self.assertEqual(tree["parts"][4]["names"], ["b.txt"])
        self.assertEqual(tree["parts"][4]["sha256"], "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
        missing = subprocess.run([build_directory() / "tamis", "open", "/nonexistent"], text=True, capture_output=True, timeout=60)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("/nonexistent", missing.stderr)

    def sink_folder(self):
        from e2e.lib.process import folder
        return folder("opening")
