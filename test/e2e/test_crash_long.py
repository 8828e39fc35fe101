"""SIGKILL of tamisd with mail in flight: Postfix delivers everything afterwards, and nothing is lost"""
import collections
import threading

from e2e.lib import mail, servers
from e2e.lib.case import Case
from e2e.lib.postfix import Postfix
from e2e.lib.process import free_port, until
from fakes import engine as fake
from fakes.client import Client
from fakes.engine import Engine


class Crash(Case):
    limit = 280

    def submit_many(self, postfix, count, prefix):
        """Hands `count` messages to the front Postfix over a few connections."""
        def client(numbers):
            with Client(postfix.front, timeout=120) as connection:
                connection.hello()
                for number in numbers:
                    data = mail.clean(message_id=f"<{prefix}.{number}@sender.example.org>")
                    assert connection.transaction("alice@sender.example.org", [f"user{number}@example.com"], data)[0] == 250
        threads = [threading.Thread(target=client, args=(range(start, count, 8),)) for start in range(8)]
        for thread in threads:
            thread.start()
        return threads

    def arrived(self, sink, prefix):
        return collections.Counter(m.field("Message-ID")[0] for m in list(sink.messages) if m.field("Message-ID")[0].startswith(f"<{prefix}."))

    def test_200_messages_in_flight(self):
        """All 200 wait for a silent engine when the daemon is killed: each arrives exactly once afterwards."""
        sink = self.hop()
        engine = Engine("clamd", fake.SILENT).start()
        self.addCleanup(engine.stop)
        port = free_port()
        postfix = Postfix(f"127.0.0.1:{port}", sink.address, parallel=200)
        self.addCleanup(postfix.stop)
        daemon = self.tamis(f"smtp:[127.0.0.1]:{postfix.back_port}", {
            "scanners": {"clamd": {"socket": engine.address, "required": True, "timeout": 120, "max_scans": 300}},
            "limits": {"message": 240, "scan": 200}}, port=port)
        for thread in self.submit_many(postfix, 200, "flight"):
            thread.join(120)
        until(lambda: engine.requests >= 200, 90, "200 messages in flight")
        self.assertEqual(sink.messages, [])
        daemon.kill()
        engine.behave(fake.ANSWER)
        daemon.start()
        postfix.until(lambda: len(self.arrived(sink, "flight")) >= 200, "all 200 messages at the sink")
        postfix.until(lambda: postfix.queued() == 0, "an empty Postfix queue", 20)
        self.assertEqual(set(self.arrived(sink, "flight").values()), {1}, "delivered twice although nothing had been handed over")
        self.assertNotIn("status=bounced", postfix.log())

    def test_killed_again_and_again_while_it_works(self):
        """Real work this time: duplicates are possible only for what was being handed over when a kill came."""
        sink = self.hop()
        postgres = servers.shared_postgres()
        port = free_port()
        postfix = Postfix(f"127.0.0.1:{port}", sink.address, parallel=20)
        self.addCleanup(postfix.stop)
        daemon = self.tamis(f"smtp:[127.0.0.1]:{postfix.back_port}",
                            {"scanners": {"clamd": {"socket": servers.shared("clamd")["socket"]}}},
                            storage=postgres.database("crash"), port=port)
        count, kills = 400, 5
        threads = self.submit_many(postfix, count, "again")
        for kill in range(1, kills + 1):
            until(lambda: len(self.arrived(sink, "again")) >= kill * count // 8, 90, "progress between two kills")
            daemon.kill()
            daemon.start()
        for thread in threads:
            thread.join(120)
        postfix.until(lambda: len(self.arrived(sink, "again")) >= count, f"all {count} messages at the sink")
        postfix.until(lambda: postfix.queued() == 0, "an empty Postfix queue", 20)
        arrived = self.arrived(sink, "again")
        twice = sum(1 for times in arrived.values() if times > 1)
        self.assertLessEqual(max(arrived.values()), 1 + kills)
        self.assertLessEqual(twice, kills * 20, "more duplicates than could have been in the unavoidable window")
        self.assertNotIn("status=bounced", postfix.log())
