"""etc/quickstart, as the README's first screen tells a stranger to run it"""
import subprocess

from e2e.lib import SOURCE
from e2e.lib.case import Case


class Quickstart(Case):
    release_only = True
    limit = 600

    def test_it_ends_as_it_says(self):
        done = subprocess.run([SOURCE / "etc" / "quickstart"], capture_output=True, text=True, timeout=580)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, said[-3000:])
        self.assertIn("the clean message was delivered, the virus and the spam are in quarantine", said)
        self.assertRegex(said, r"virus +for user@example\.com +EICAR virus +1 chunk")
        self.assertRegex(said, r"spam +for user@example\.com +GTUBE spam +1 chunk")
