"""What clamd does not look at: a part above its limits is told of, a large message of small parts is not

The clamd here is real and has small limits in its clamd.conf, in both ways in which bytes reach it.
"""
import random

from lib import mail, servers
from lib.case import Case
from lib.process import until

KIB = 1024
LIMIT = 512 * KIB
EICAR = mail.EICAR.encode()


def noise(octets, seed=1):
    """Bytes that are no known kind of file and cannot be compressed"""
    return b"\x01" + random.Random(seed).randbytes(octets - 1)


class ClamdLimits(Case):
    @classmethod
    def setUpClass(cls):
        cls.clamd = servers.Clamd(limits=("StreamMaxLength 1M", "MaxFileSize 1M", "MaxScanSize 4M"))
        cls.addClassCleanup(cls.clamd.process.stop)

    def start(self, address, max_size=LIMIT, **config):
        self.sink = self.hop()
        return self.tamis(self.sink, {"scanners": {"clamd": {"socket": address, "max_size": max_size}}, "policy": {"spam_kill_level": 900.0}, **config})

    def outcome(self, daemon, message):
        seen = len(daemon.summaries())
        reply = daemon.send(message)
        until(lambda: len(daemon.summaries()) > seen, 60, "the summary")
        return reply, daemon.summaries()[seen]

    def test_what_is_known_of_its_limits_is_in_the_log_once(self):
        for address in (self.clamd.socket, self.clamd.tcp):
            with self.subTest(address=address):
                fits = self.start(address)
                fits.wait_log(f"clamd {address}: MaxFileSize 1 MiB, MaxScanSize 4 MiB, StreamMaxLength 1 MiB")
                fits.stop()
                self.assertEqual(fits.log().count("MaxFileSize 1 MiB"), 1)
                self.assertNotIn("looking at it", fits.log())
                larger = self.start(address, "25 MiB")
                larger.wait_log("but clamd is given parts of up to 25 MiB: clamd says OK to what is larger, without looking at it")
                self.assertEqual("StreamMaxLength is 1 MiB in" in larger.log(), address == self.clamd.tcp)

    def test_a_part_above_max_size_is_over_limits_and_named(self):
        for address in (self.clamd.socket, self.clamd.tcp):
            with self.subTest(address=address):
                daemon = self.start(address, policy={"scanner_failure": "tempfail", "spam_kill_level": 900.0})
                reply, line = self.outcome(daemon, mail.attached([("small.bin", "application/octet-stream", noise(20 * KIB)),
                                                                  ("big.bin", "application/octet-stream", noise(LIMIT + 1))]))
                self.assertCode(reply, 250)
                self.assertTrue(line.startswith("Passed UNCHECKED"), line)
                self.assertRegex(daemon.log(), rf"part 1/3.*: it has {LIMIT + 1} bytes, scanners\.clamd\.max_size is {LIMIT}; not scanned")

    def test_a_large_message_of_small_parts_is_scanned(self):
        parts = [(f"p{n}.bin", "application/octet-stream", noise(300 * KIB, n)) for n in range(4)]
        for address in (self.clamd.socket, self.clamd.tcp):
            with self.subTest(address=address):
                daemon = self.start(address)
                self.assertTrue(self.outcome(daemon, mail.attached(parts))[1].startswith("Passed CLEAN"), daemon.log()[-2000:])
                evil = ("evil.bin", "application/octet-stream", EICAR + noise(200 * KIB))
                self.assertTrue(self.outcome(daemon, mail.attached([*parts, evil]))[1].startswith("Blocked INFECTED"))
                # the text of such a message is shown as well, although clamd opens plain mail by itself
                self.assertTrue(self.outcome(daemon, mail.attached(parts, text=f"{mail.EICAR}\n"))[1].startswith("Blocked INFECTED"))

    def test_when_nothing_is_opened_a_large_message_is_over_limits(self):
        daemon = self.start(self.clamd.socket, open={"enabled": False})
        line = self.outcome(daemon, mail.attached([("p.bin", "application/octet-stream", noise(LIMIT))]))[1]
        self.assertTrue(line.startswith("Passed UNCHECKED"), line)
        self.assertRegex(daemon.log(), rf"the message has \d+ bytes, scanners\.clamd\.max_size is {LIMIT}; not scanned")

    def test_what_clamd_refuses_is_over_limits_and_never_a_451(self):
        daemon = self.start(self.clamd.tcp, "25 MiB", policy={"scanner_failure": "tempfail", "spam_kill_level": 900.0})
        for _ in range(5):
            reply, line = self.outcome(daemon, mail.attached([("big.bin", "application/octet-stream", noise(3000 * KIB))]))
            self.assertCode(reply, 250)
            self.assertTrue(line.startswith("Passed UNCHECKED"), line)
        self.assertIn("it is larger than clamd's StreamMaxLength, which is below scanners.clamd.max_size", daemon.log())

    def test_clamd_that_tells_is_believed(self):
        telling = servers.Clamd(limits=("MaxFileSize 1M", "MaxScanSize 4M", "AlertExceedsMax yes"))
        self.addCleanup(telling.process.stop)
        daemon = self.start(telling.socket, "25 MiB")
        line = self.outcome(daemon, mail.attached([("big.bin", "application/octet-stream", EICAR + noise(1500 * KIB))]))[1]
        self.assertTrue(line.startswith("Passed UNCHECKED"), line)
        self.assertIn("clamd reached a limit of its own: Heuristics.Limits.Exceeded.MaxFileSize", daemon.log())
