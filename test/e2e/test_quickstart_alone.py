"""etc/quickstart, as the README's first screen tells a stranger to run it"""
import os
import re
import subprocess

from e2e.lib import SOURCE
from e2e.lib.case import Case
from e2e.lib.process import folder


class Quickstart(Case):
    release_only = True
    limit = 600

    def test_it_ends_as_it_says(self):
        done = subprocess.run([SOURCE / "etc" / "quickstart"], capture_output=True, text=True, timeout=580)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, said[-3000:])
        self.assertIn("the clean message was delivered, the virus and the spam are in quarantine", said)
        self.assertRegex(said, r"virus +for user@example\.com +EICAR virus +1 chunk")
        self.assertRegex(said, r"spam +for user@example\.com +GTUBE spam +1 chunk\n")
        [again] = re.findall(r"^  (build/release/tamis quarantine list -c \S+)", said, re.M)
        looked = subprocess.run(again.split(), cwd=SOURCE, capture_output=True, text=True, timeout=60)
        self.assertEqual((looked.returncode, looked.stdout.count("user@example.com")), (0, 2), looked.stdout + looked.stderr)
        self.assertIn("To remove it: etc/quickstart --remove", said)
        removed = subprocess.run([SOURCE / "etc" / "quickstart", "--remove"], capture_output=True, text=True, timeout=60)
        self.assertEqual(removed.returncode, 0, removed.stdout + removed.stderr)
        self.assertFalse(os.path.exists(again.split()[-1]), "the configuration it made is gone")

    def test_it_shows_its_progress(self):
        """With a cmake that says what ninja says and then fails."""
        tools = folder("tools")
        (tools / "cmake").write_text("#!/bin/sh\n[ \"$1\" = --preset ] && { echo \"$@\" > " + f"{tools}/configured" + "; exit 0; }\necho \"$@\" > " + f"{tools}/built" +
                                     "\ni=0; while [ $i -lt 200 ]; do i=$((i+1)); echo \"[$i/200] Building CXX object x$i.cpp.o\"; done\necho 'the reason'; exit 1\n")
        (tools / "cmake").chmod(0o755)
        done = subprocess.run([SOURCE / "etc" / "quickstart"], capture_output=True, text=True, timeout=60, env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"})
        self.assertEqual(done.returncode, 1)
        steps = re.findall(r"^  (\d+) of 200 steps, \d+ s$", done.stdout, re.M)
        self.assertTrue(10 <= len(steps) <= 30 and steps[-1] == "200", done.stdout)
        self.assertIn("the reason", done.stderr)
        self.assertIn("build/quickstart-build.log", done.stderr)
        self.assertRegex((tools / "configured").read_text(), "-DTAMIS_TESTS=O")
        self.assertEqual((tools / "built").read_text().split()[-4:], ["--target", "tamisd", "tamis", "tamis-worker"])
