"""Many connections and large messages at the same time: memory stays below what was allowed, and nobody is turned away"""
import concurrent.futures
import os
import pathlib
import resource
import stat
import threading
import time

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.process import folder, until
from fakes.next_hop import Later

MB = 1 << 20


def memory_of(pid):
    """Anonymous and shared memory of the process: what its messages and sessions are made of"""
    total = 0
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            total += int(line.split()[1]) * 1024
    for name in os.listdir(f"/proc/{pid}/fd"):  # memory files that nobody has mapped
        try:
            status = os.stat(f"/proc/{pid}/fd/{name}")
            if stat.S_ISREG(status.st_mode) and "memfd:" in os.readlink(f"/proc/{pid}/fd/{name}"):
                total += status.st_blocks * 512
        except OSError:
            pass
    return total


class Peak(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.highest, self.ended = pid, 0, threading.Event()

    def run(self):
        while not self.ended.wait(0.02):
            self.highest = max(self.highest, memory_of(self.pid))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


class Overload(Case):
    release_only = True
    limit = 300

    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))

    def test_idle_sessions_are_small(self):
        daemon = self.tamis(self.hop())
        self.assertCode(daemon.send(mail.clean()), 250)
        before = memory_of(daemon.process.pid)
        clients = []
        for _ in range(600):
            client = daemon.client()
            client.hello()
            client.command("NOOP " + "x" * 3000)
            clients.append(client)
        each = (memory_of(daemon.process.pid) - before) / len(clients)
        for client in clients:
            client.close()
        print(f"        each of {len(clients)} idle sessions: {each / 1024:.1f} kB")
        self.assertLess(each, 20 * 1024)

    def test_messages_that_come_in_slowly_stay_within_the_limit(self):
        """900 clients of this kind took 584 MB of an allowed 512"""
        sink = self.hop(keep=False)
        daemon = self.tamis(sink, {"limits": {"memory": "48M", "connections": 400}, "open": {"enabled": False}})
        self.assertCode(daemon.send(mail.large(600_000)), 250)
        before = memory_of(daemon.process.pid)
        half = (b"0123456789" * 7 + b"\r\n") * 4500  # 324 kB
        begun, done = threading.Semaphore(0), threading.Event()

        def slowly(_):
            with daemon.client(timeout=240) as client:
                client.hello()
                for command in ("MAIL FROM:<a@example.org>", "RCPT TO:<bob@example.com>", "DATA"):
                    client.command(command)
                client.send(b"Subject: slow\r\n\r\n")
                client.send(half)
                begun.release()
                done.wait(30)
                client.send(half + b".\r\n")
                return client.reply()[0]
        with Peak(daemon.process.pid) as peak, concurrent.futures.ThreadPoolExecutor(300) as pool:
            replies = [pool.submit(slowly, number) for number in range(300)]
            for _ in range(300):
                if not begun.acquire(timeout=10):
                    break  # the others wait until these are done
            done.set()
            self.assertEqual({reply.result() for reply in replies}, {250})
        grown = peak.highest - before
        print(f"        300 slow messages of 648 kB with limits.memory = 48 MB: {grown / MB:.1f} MB more")
        self.assertLess(grown, 80 * MB)
        self.assertTrue(sink.wait(301, 60))
        until(lambda: memory_of(daemon.process.pid) - before < 24 * MB, 30, "the memory to be given back")

    def test_more_connections_than_are_served_wait(self):
        sink = self.hop()
        daemon = self.tamis(sink, {"limits": {"connections": 5}})
        served = [daemon.client(timeout=60) for _ in range(5)]
        for client in served:
            client.hello()
        waiting = [daemon.client(timeout=60, greet=False) for _ in range(20)]
        waiting[0].sock.settimeout(1)
        self.assertRaises(TimeoutError, waiting[0].sock.recv, 1)
        waiting[0].sock.settimeout(60)
        daemon.wait_log("limits.connections")
        self.assertCode(served[0].transaction("a@example.org", ["bob@example.com"], mail.clean()), 250)

        def use(client):
            code = client.reply()[0]
            client.hello()
            answer = client.transaction("a@example.org", ["bob@example.com"], mail.clean())
            client.quit()
            return code, answer[0]
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            uses = [pool.submit(use, client) for client in waiting]
            for client in served:
                client.quit()
            self.assertEqual({each.result() for each in uses}, {(220, 250)})
        self.assertTrue(sink.wait(21))
        self.assertNotIn("421", daemon.log())

    def test_who_waits_when_the_daemon_stops_is_served_or_closed_in_time(self):
        daemon = self.tamis(self.hop(), {"limits": {"connections": 1, "drain": "10s"}})
        first = daemon.client()
        first.hello()
        waiting = daemon.client(greet=False)
        daemon.wait_log("limits.connections")
        began = time.monotonic()
        self.assertEqual(daemon.stop(), 0)
        self.assertLess(time.monotonic() - began, 10)
        for client in (first, waiting):
            client.close()


class AsRoot(Case):
    """Started as root: nothing is followed, written or given away through a link that its user could have made"""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("root only")

    def trap(self):
        victim = folder("victim") / "shadow"
        victim.write_text("precious\n")
        victim.chmod(0o600)
        return victim

    def untouched(self, victim):
        status = victim.stat()
        self.assertEqual((victim.read_text(), status.st_uid, stat.S_IMODE(status.st_mode)), ("precious\n", 0, 0o600))

    def test_links_are_not_followed(self):
        for setting in ("pid", "log"):
            victim = self.trap()
            daemon = self.tamis(self.hop(), start=False)
            link = daemon.home / setting
            link.symlink_to(victim)
            daemon.config["server"]["pid_file"] = str(link if setting == "pid" else daemon.home / "pidfile")
            if setting == "log":
                daemon.config["log"]["target"] = f"file:{link}"
            daemon.start(wait=False)
            until(lambda: not daemon.process.running(), 30, "the refusal")
            self.assertIn("symbolic link", daemon.log())
            self.untouched(victim)

    def test_a_socket_that_is_swapped_for_a_link_changes_nobody(self):
        victim = self.trap()
        daemon = self.tamis(self.hop(), start=False)
        control = daemon.home / "ampdp.sock"
        control.symlink_to(victim)
        daemon.config["control"] = {"listen": [f"unix:{control}"], "socket_mode": "0666"}
        daemon.start(wait=False)
        until(lambda: not daemon.process.running(), 30, "the refusal")
        self.untouched(victim)

    def test_files_and_sockets_belong_to_the_user(self):
        daemon = self.tamis(self.hop(), start=False)
        ampdp, log, pid = daemon.home / "ampdp.sock", daemon.home / "tamis.log", daemon.home / "pid"
        daemon.config["control"] = {"listen": [f"unix:{ampdp}"], "socket_mode": "0660"}
        daemon.config["server"] |= {"pid_file": str(pid), "socket_mode": "0640"}
        daemon.config["log"]["target"] = f"file:{log}"
        daemon.start()
        self.assertCode(daemon.send(mail.clean()), 250)
        owner = pathlib.Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/status").read_text().split("Uid:")[1].split()[0]
        for path, mode in ((ampdp, 0o660), (pathlib.Path(daemon.socket), 0o640), (log, 0o640), (pid, 0o644)):
            status = path.stat()
            self.assertEqual((str(status.st_uid), stat.S_IMODE(status.st_mode) & 0o666), (owner, mode), path)
        self.assertEqual(pid.read_text(), f"{daemon.process.pid}\n")
        daemon.reload()
        until(lambda: "reloaded" in log.read_text(), 30, "the reload in the file")

    def test_where_only_root_writes_root_makes_it(self):
        daemon = self.tamis(self.hop(), start=False)
        place = pathlib.Path("/run") / f"tamis-e2e-{os.getpid()}"
        place.mkdir(mode=0o755)
        self.addCleanup(place.rmdir)
        files = [place / "tamis.sock", place / "pid", place / "tamis.log"]
        for path in files:
            self.addCleanup(lambda path=path: path.unlink(missing_ok=True))
        daemon.config["server"] |= {"listen": [daemon.address, f"unix:{files[0]}"], "pid_file": str(files[1])}
        daemon.config["log"]["target"] = f"file:{files[2]}"
        daemon.socket = str(files[0])
        daemon.start()
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertEqual([path.stat().st_uid == 0 for path in files], [False, True, False])
        self.assertIn("started, listening on", files[2].read_text())

    def test_nobody_else_looks_into_its_memory(self):
        from e2e.lib.tamis import sanitized
        if sanitized():
            self.skipTest("LeakSanitizer looks into it")
        daemon = self.tamis(self.hop())
        self.assertEqual(os.stat(f"/proc/{daemon.process.pid}/maps").st_uid, 0)  # not its user's: not dumpable
        self.assertCode(daemon.send(mail.eicar()), 250)


if __name__ == "__main__":
    import unittest
    unittest.main()
