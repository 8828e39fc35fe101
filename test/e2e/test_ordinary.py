"""Ordinary mail raises no alarm: messages of every usual shape, and every container of honest programs (test/corpus/ordinary)"""
import sys

from e2e.lib import SOURCE
from e2e.lib.case import Case

sys.path.insert(0, str(SOURCE / "test" / "corpus"))

from benign import messages as benign  # noqa: E402
from members import measure as members  # noqa: E402
from ordinary import letters, measure, papers  # noqa: E402

# alarms that stand, each with its reason (docs/opening.md tells them); at most 1 % of all, and none of them banned
STANDS = {"base64-chunks-padded-each": "readers stop at the padding or go on behind it, and show different texts",
          "uuencoded": "a uuencoded file in a text is shown as text or as a file"}


class Ordinary(Case):
    limit = 600
    release_only = True

    @classmethod
    def setUpClass(cls):
        cls.clamd = members.private_clamd()

    @classmethod
    def tearDownClass(cls):
        cls.clamd.process.stop()

    def assertQuiet(self, title, messages, sealed=()):
        found, counted = measure.alarms(messages, sealed, self.clamd, start=self.tamis)
        print("\n".join(measure.told(title, messages, found, counted)), flush=True)
        self.assertEqual({alarm.name: f"{alarm.kind}: {alarm.why}" for alarm in found if alarm.name not in STANDS}, {})
        self.assertEqual([alarm.name for alarm in found if alarm.kind not in ("ambiguous", "over limits")], [])
        self.assertLessEqual(len(found) * 100, len(messages))

    def test_messages(self):
        self.assertGreaterEqual(len(letters.LETTERS), 200)
        self.assertQuiet("messages", letters.all_letters(), letters.SEALED)

    def test_messages_of_the_benign_corpus(self):
        self.assertQuiet("benign corpus", benign.all_cases())

    def test_containers(self):
        self.assertQuiet("containers", measure.containers())

    def test_documents(self):
        office = {path.name: path.read_bytes() for path in sorted((SOURCE / "test/corpus/office").iterdir())}
        self.assertQuiet("documents", [(name, measure.bringing(name, octets)) for name, octets in {**office, **papers.by_hand()}.items()])
