"""Random messages through Tamis and a real amavisd-new (test/parity/random): only what docs/policy.md names may differ"""
import unittest

from e2e.lib import SOURCE
from parity.compare import compare
from parity.differences import RULES

SEED, MESSAGES = 10, 200


class ParityRandom(unittest.TestCase):
    release_only = True
    limit = 900       # half a minute when nothing else runs
    maxDiff = None

    def test_messages_differ_only_as_documented(self):
        result = compare(SEED, range(MESSAGES), progress=lambda text: print(text, flush=True))
        print(result.text(0), flush=True)
        self.assertEqual([one.number for one, *_ in result.unexpected], [], "\n" + result.text())

    def test_every_rule_has_its_row(self):
        text = (SOURCE / "docs" / "policy.md").read_text()
        self.assertEqual([rule.name for rule in RULES if f"| `{rule.name}` |" not in text], [])


if __name__ == "__main__":
    unittest.main()
