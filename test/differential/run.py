#!/usr/bin/env python3
"""run.py OPEN_DUMP GMIME_DUMP - what the MIME walker sees in messages, against Python's email and GMime, and the corpora.

Five proofs, in one program because they share the dump:
 - differential: every attachment name and every body that Python (policies default and compat32) or GMime sees, in
   generated structures and in the corpora, is among ours;
 - ambiguous: each case of test/corpus/ambiguous shows its EICAR in some part, or the message is ambiguous;
 - benign: no message of test/corpus/benign is ambiguous, meets a limit, or has a MIME error;
 - order: all of them opened once forwards and once backwards give the same;
 - manifest: the generators write what they wrote when the manifest was made.
Seeds are fixed: the same messages on every run.
"""
import email
import email.policy
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "..", "corpus")
for folder in ("ambiguous", "benign"):
    sys.path.insert(0, os.path.join(CORPUS, folder))
sys.path.insert(0, HERE)
import generate  # noqa: E402
import make as ambiguous  # noqa: E402
import messages as benign  # noqa: E402

OPEN_DUMP = GMIME_DUMP = None


def as_text(data):
    """as open_dump: no CR, no blanks before a line end, no blanks or line ends at the end"""
    lines = data.replace(b"\r", b"").split(b"\n")
    return b"\n".join([line.rstrip(b" \t") for line in lines[:-1]] + lines[-1:]).rstrip(b" \t\n")


def digest(data):
    return hashlib.sha256(as_text(data)).hexdigest()


def plain_name(name):
    """names are compared without blanks, quotes and what cannot be decoded"""
    return "".join(c for c in name if c.isprintable() and not c.isspace() and c not in "\"\\\ufffd")


def name_bytes(name):
    return plain_name(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def seen_by_python(data, policy):
    """(name, body) of each leaf"""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        message = email.message_from_bytes(data, policy=policy)
        for part in message.walk():
            if part.is_multipart():
                continue
            try:
                name = part.get_filename() or ""
            except Exception:  # the oracle has bugs of its own: a crash is no sight
                name = ""
            try:
                body = part.get_payload(decode=True) or b""
            except Exception:
                body = b""
            found.append((name_bytes(name), b"" if is_left_encoded(part, body) else body))
    return found


def is_left_encoded(part, body):
    """Python did not decode what is declared as encoded (an odd header, damage): it shows what stands in the message, which
    the engines see as it is"""
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    if not encoding or encoding in ("7bit", "8bit", "binary"):
        return False
    raw = part.get_payload(decode=False)
    if not isinstance(raw, str):
        return False
    return body.split() == raw.encode("utf-8", "surrogateescape").split() or body == b"".join(
        raw.encode("utf-8", "surrogateescape").splitlines())


def ascii_only(name):
    return "".join(c for c in name if c.isascii())


def unhex(text):
    return b"" if text == "-" else bytes.fromhex(text)


def seen_by_gmime(folder):
    """file name to a list of (name, body)"""
    found, current = {}, None
    output = subprocess.run([GMIME_DUMP, folder], capture_output=True, check=True).stdout.decode()
    for line in output.splitlines():
        kind, rest = line.split(" ", 1)
        if kind == "file":
            current = found.setdefault(rest, [])
        else:
            name, body = rest.split(" ")
            current.append((name_bytes(unhex(name).decode("utf-8", "surrogateescape")), unhex(body)))
    return found


def ours(folder):
    output = subprocess.run([OPEN_DUMP, folder], capture_output=True, check=True).stdout.decode()
    return {entry["file"]: entry for entry in map(json.loads, output.splitlines())}


def write_all(folder, cases):
    kept = {}
    for name, data in cases:
        kept[name] = data
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
    return kept


BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")


def stands_in_message(who, body, data):
    """what a reader left encoded, and the tail that GMime passes on undecoded behind the padding of damaged base64, the
    engines see in the message as it is"""
    text = as_text(body)
    if set(b"".join(text.split())) <= BASE64:
        return text in as_text(data)
    return who == "gmime" and len(text) > 40 and not text.isascii() and text[-20:] in as_text(data)


def missing(entry, sights, data):
    """what was seen elsewhere and is not among ours"""
    names = {name_bytes(bytes.fromhex(name).decode("utf-8", "surrogateescape")) for part in entry["parts"] for name in part["names"]}
    bodies = {part["text"] for part in entry["parts"]}
    out = []
    for who, name, body in sights:
        # Python's name has bytes it could not decode left out: compare what remains
        if name and name not in names and not (name.isascii() and name in {ascii_only(known) for known in names}):
            out.append((who, "name", name))
        if as_text(body) and digest(body) not in bodies and not stands_in_message(who, body, data):
            out.append((who, "body", as_text(body)[:200]))
    return out


def sights_of(name, data, gmime):
    sights = []
    for policy in (email.policy.default, email.policy.compat32):
        sights += [("python", seen, body) for seen, body in seen_by_python(data, policy)]
    return sights + [("gmime", seen, body) for seen, body in gmime.get(name, [])]


class Corpus:
    """messages written once, and what we and GMime see in them"""

    def __init__(self, cases):
        with tempfile.TemporaryDirectory() as folder:
            self.kept = write_all(folder, cases)
            self.mine, self.gmime = ours(folder), seen_by_gmime(folder)


class Opening(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ambiguous = Corpus(ambiguous.all_cases())
        cls.benign = Corpus(benign.all_cases())

    def compare(self, corpus, names):
        kept, mine, gmime = corpus.kept, corpus.mine, corpus.gmime
        self.assertEqual(len(mine), len(kept))
        wrong = []
        for name in names:
            data = kept[name]
            if mine[name]["limit"]:
                continue  # told: over limits
            lost = missing(mine[name], sights_of(name, data, gmime), data)
            if lost:
                wrong.append((name, lost[:2]))
        keep = os.environ.get("KEEP_WRONG")
        if keep:
            os.makedirs(keep, exist_ok=True)
            for name, _ in wrong:
                with open(os.path.join(keep, name), "wb") as file:
                    file.write(kept[name])
        self.assertEqual(wrong[:10], [], f"{len(wrong)} of {len(names)} messages")

    def test_nothing_is_kept_from_one_message_to_the_next(self):
        with tempfile.TemporaryDirectory() as folder:
            write_all(folder, ambiguous.all_cases())
            write_all(folder, benign.all_cases())
            write_all(folder, generate.messages(seed=20240328, count=500))
            done = subprocess.run([OPEN_DUMP, "--both-orders", folder], capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (0, b""))

    def test_generated_structures(self):
        cases = list(generate.messages(seed=20240327, count=2500))
        self.assertGreaterEqual(len(cases), 2000)
        corpus = Corpus(cases)
        self.compare(corpus, list(corpus.kept))

    def test_ambiguous_corpus_against_other_readers(self):
        self.compare(self.ambiguous, sorted(self.ambiguous.kept)[::5])  # each structure and each encoding many times

    def test_benign_corpus_against_other_readers(self):
        self.compare(self.benign, list(self.benign.kept))

    def test_ambiguous_messages_show_the_virus_or_are_ambiguous(self):
        kept, mine = self.ambiguous.kept, self.ambiguous.mine
        self.assertGreaterEqual(len(kept), 200)
        self.assertEqual([], [name for name in kept if not mine[name]["eicar"] and not mine[name]["ambiguous"]])
        # where it is not ambiguous, some part is the virus and nothing else; in these two encodings no reader has it alone
        mixed = ("base64-behind-padding", "base64-one-pad")
        self.assertEqual([], [name for name in kept if mine[name]["eicar"] != "start" and not mine[name]["ambiguous"] and name.split(".")[1] not in mixed])

    def test_ordinary_messages_are_not_ambiguous(self):
        kept, mine = self.benign.kept, self.benign.mine
        self.assertGreaterEqual(len(kept), 40)
        wrong = {name: (entry["anomalies"], entry["mime_error"], entry["limit"]) for name, entry in mine.items()
                 if entry["ambiguous"] or entry["limit"] or entry["mime_error"] or any(part["flags"] & 64 for part in entry["parts"])
                 and not name.startswith((*benign.QUOTES_A_MESSAGE, benign.HABIT))}
        self.assertEqual(wrong, {})

    def test_ordinary_messages_have_their_names(self):
        mine = self.benign.mine
        for name, expected in benign.NAMES.items():
            names = {bytes.fromhex(text).decode("utf-8", "replace") for part in mine[name]["parts"] for text in part["names"]}
            self.assertLessEqual(set(expected), names, name)

    def test_manifest(self):
        with open(os.path.join(CORPUS, "ambiguous", "manifest"), encoding="ascii") as file:
            expected = dict(line.split() for line in file)
        self.assertEqual(ambiguous.manifest(), expected)


if __name__ == "__main__":
    OPEN_DUMP, GMIME_DUMP = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
