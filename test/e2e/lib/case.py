"""case - the base of all end-to-end tests: servers of a test are ended with it, their logs shown when it fails"""
import re
import unittest

from . import process
from .tamis import Tamis

from fakes.next_hop import NextHop


def doubled(log):
    """The warnings and errors in which something stands twice, as in "not found: not found"."""
    return [line for line in log.splitlines() if re.search(r"\(!!?\).*\b([a-z][a-z ]{3,60}): \1(?=[:;,]|$)", line)]


class Case(unittest.TestCase):
    maxDiff = 4000

    def hop(self, **options):
        """A recording next hop that ends with the test."""
        hop = NextHop(**options).start()
        self.addCleanup(hop.stop)
        return hop

    def tamis(self, forward, config=None, **options):
        """The daemon, ended with the test. A crash or a sanitizer report fails the test."""
        daemon = Tamis(forward, config, **options)
        self.daemons = getattr(self, "daemons", []) + [daemon]
        self.addCleanup(self._end, daemon)
        return daemon

    def _end(self, daemon):
        alive = daemon.process is not None and daemon.process.running()
        status = daemon.stop()
        self.assertEqual(doubled(daemon.log() if daemon.process else ""), [], "a warning says the same twice")
        if alive and not getattr(daemon, "may_die", False):
            self.assertEqual(status, 0, f"tamisd ended with {status}:\n{daemon.log()[-3000:]}")

    def failed_now(self):
        result = self._outcome.result
        return any(case is self for case, _ in result.failures + result.errors) or not self._outcome.success

    def tearDown(self):
        if self.failed_now():
            process.keep_directory = True
            for daemon in getattr(self, "daemons", []):
                if daemon.process is not None:
                    print(f"--- log of tamisd ({daemon.process.log_file}), last lines:\n" + "\n".join([line[:240] for line in daemon.log().splitlines()[-15:]]))

    def assertCode(self, reply, code, holding=""):
        """reply is (code, lines)"""
        self.assertEqual(reply[0], code, reply)
        self.assertIn(holding, "\n".join(reply[1]))
