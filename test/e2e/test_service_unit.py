"""The systemd unit: how exposed it leaves the service, and that everything works under what it forbids"""
import re
import shutil
import subprocess

from e2e.lib import SOURCE, mail
from e2e.lib.case import Case
from e2e.lib.process import Process
from e2e.lib.tamis import build_directory, sanitized

UNIT = SOURCE / "etc" / "systemd" / "tamis.service"


class ServiceUnit(Case):
    release_only = True      # the unit's filter of system calls is not made for the sanitizers
    def setUp(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd is not installed")

    def test_exposure(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", UNIT], capture_output=True, text=True)
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
        self.assertTrue(found, done.stdout + done.stderr)
        print(f"        exposure {found[1]}")
        self.assertLessEqual(float(found[1]), 1.5, done.stdout)

    def test_what_the_unit_says(self):
        text = UNIT.read_text()
        for line in ("OOMPolicy=continue", "SystemCallFilter=@system-service", "ProtectProc=invisible"):
            self.assertIn(line, text)
        self.assertRegex(text, r"(?m)^MemoryMax=\d")

    def test_mail_is_opened_scanned_kept_and_released_under_its_filter(self):
        if sanitized():
            self.skipTest("the sanitizers' own calls are not allowed")
        daemon = self.tamis(sink := self.hop(), {"scanners": {"yara": {}}}, start=False)
        daemon.write()
        daemon.process = Process("tamisd", [SOURCE / "test/lib/under_unit.py", UNIT, build_directory() / "tamisd", "-c", daemon.file])
        daemon.process.wait_for(daemon.address, 60)
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertCode(daemon.send(mail.large(1_000_000)), 250)
        self.assertCode(daemon.send(mail.eicar()), 250, "discarded")
        self.assertCode(daemon.send(mail.attached([("a.bin", "application/octet-stream", bytes(range(256)) * 4000)])), 250)
        self.assertTrue(sink.wait(3))
        daemon.wait_log("confined by")
        self.assertNotIn("UNCHECKED", "\n".join(daemon.summaries()))
        self.assertNotIn("decoder process", "\n".join(line for line in daemon.log().splitlines() if "(!" in line))


if __name__ == "__main__":
    import unittest
    unittest.main()
