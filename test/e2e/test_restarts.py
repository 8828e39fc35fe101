"""Restarts and kills: nothing is delivered twice, and no connection is refused or reset"""
import collections
import os
import signal
import socket
import subprocess
import threading

from e2e.lib import SOURCE, mail
from e2e.lib.case import Case
from e2e.lib.postfix import Postfix
from e2e.lib.process import Process, folder, free_port, until
from e2e.lib.tamis import build_directory
from fakes.client import Client
from fakes.next_hop import HANG, Later

BOB, CAROL = "bob@example.com", "carol@example.com"
IDENT = "4F2A1B3C4D"                                    # Postfix's queue id


class Killed(Case):
    def two_hops(self, **options):
        """bob's hop takes mail, carol's keeps silent after the final dot: a moment at which one has it and the MTA knows nothing"""
        first, second = self.hop(**options), self.hop()
        second.on("dot", HANG)
        daemon = self.tamis(second, {"recipients": {f'"{BOB}"': {"forward_method": f"{'lmtp' if first.lmtp else 'smtp'}:[127.0.0.1]:{first.port}"}}})
        return daemon, first, second

    def transact(self, daemon, message, recipients=(BOB, CAROL), lmtp=True, ident=IDENT):
        with daemon.client() as peer:
            peer.hello(lmtp)
            self.assertCode(peer.command(f"XFORWARD IDENT={ident}"), 250)
            replies = peer.transaction("alice@sender.example.org", recipients, message, lmtp)
            self.assertCode(peer.command("QUIT"), 221)  # what was noted about the message is given up once its answer is written
            return replies

    def begin(self, daemon, *arguments):
        def quietly():
            try:
                self.transact(daemon, *arguments)
            except (EOFError, ConnectionError):
                pass                                    # the kill
        thread = threading.Thread(target=quietly)
        thread.start()
        self.addCleanup(thread.join, 30)

    def test_what_was_handed_over_before_a_kill_is_not_handed_over_again(self):
        daemon, first, second = self.two_hops()
        message = mail.clean()
        self.begin(daemon, message)
        self.assertTrue(second.wait_for(lambda hop: hop.dots == 1))
        daemon.kill()
        second.forget()
        daemon.start()
        daemon.wait_log("1 recipient was handed its mail by a process that ended")
        replies = self.transact(daemon, message)
        self.assertEqual([reply[0] for reply in replies], [250, 250])
        self.assertEqual([len(first.messages), len(second.messages)], [1, 1])
        daemon.wait_log(f"<{BOB}> has this message already")
        # the MTA has its answer now: the same message once more is another message
        self.transact(daemon, message)
        self.assertEqual([len(first.messages), len(second.messages)], [2, 2])

    def test_several_kills_in_a_row(self):
        daemon, first, second = self.two_hops()
        message = mail.clean()
        for kill in range(1, 4):
            self.begin(daemon, message)
            self.assertTrue(second.wait_for(lambda hop: hop.dots == kill))
            daemon.kill()
            daemon.start()
        second.forget()
        self.transact(daemon, message)
        self.assertEqual([len(first.messages), len(second.messages)], [1, 1])

    def test_a_stop_with_a_lost_answer_is_remembered_as_well(self):
        """The client goes away before our answer; the daemon is restarted in an orderly way before the MTA tries again."""
        sink = self.hop().on("dot", Later("250 2.0.0 Ok: queued as SLOW", 1))
        daemon = self.tamis(sink)
        message = mail.clean()
        peer = daemon.client()
        peer.hello(True)
        peer.command(f"XFORWARD IDENT={IDENT}")
        peer.command("MAIL FROM:<alice@sender.example.org>")
        peer.command(f"RCPT TO:<{BOB}>")
        peer.command("DATA")
        peer.send(message + b".\r\n")
        self.assertTrue(sink.wait_for(lambda hop: hop.dots == 1))
        peer.close()
        self.assertTrue(sink.wait(1))
        daemon.wait_log("the client was gone before it got our answer")
        self.assertEqual(daemon.stop(), 0)
        daemon.start()
        self.assertCode(self.transact(daemon, message, [BOB])[0], 250, "queued as SLOW")
        self.assertEqual(len(sink.messages), 1)

    def test_damaged_notes_are_no_trouble(self):
        daemon, first, second = self.two_hops()
        message = mail.clean()
        self.begin(daemon, message)
        self.assertTrue(second.wait_for(lambda hop: hop.dots == 1))
        daemon.kill()
        notes = list((daemon.home / "state" / "delivered").glob("*.delivered"))
        self.assertEqual(len(notes), 1)
        octets = bytearray(notes[0].read_bytes())
        octets[100] ^= 1
        notes[0].write_bytes(octets[:-500])             # one note changed, the file cut
        (notes[0].parent / "x.v1.delivered").symlink_to("/etc/passwd")
        second.forget()
        daemon.start()
        self.assertEqual([reply[0] for reply in self.transact(daemon, message)], [250, 250])
        self.assertEqual([len(first.messages), len(second.messages)], [2, 1])  # not known any more: rather twice than not at all


class Running:
    """tamisd as init system or administrator start it: with a socket that is held outside, or taking over"""

    def __init__(self, test, daemon, held=None):
        self.test, self.daemon, self.held, self.processes = test, daemon, held, []
        daemon.write()
        test.addCleanup(self.end)

    def start(self, *arguments):
        command = [str(build_directory() / "tamisd"), "-c", str(self.daemon.file), *arguments]
        if self.held is None:
            process = Process("tamisd", command)
        else:
            process = Process("tamisd", ["sh", "-c", 'exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh", *command], stdin=self.held)
        self.processes.append(process)
        until(lambda: "started, listening on" in process.log(), 30, f"a started tamisd:\n{process.log()[-2000:]}")
        return process

    def end(self):
        for process in self.processes:
            process.stop()


class Restarts(Case):
    release_only = True                                     # about time, and what the sanitizers look at is in the other tests
    count = int(os.environ.get("TAMIS_RESTARTS", "12"))     # 100 for the figures

    def restart_under_load(self, restart, postfix, sink):
        """Clients hand mail to Postfix all the time; `restart` is called again and again."""
        stop, sent = threading.Event(), collections.Counter()

        def client(name):
            with Client(postfix.front, timeout=120) as connection:
                connection.hello()
                while not stop.is_set():
                    number = sent[name]
                    data = mail.clean(message_id=f"<restart.{name}.{number}@sender.example.org>")
                    assert connection.transaction("alice@sender.example.org", [f"user{number}@example.com"], data)[0] == 250
                    sent[name] += 1
        threads = [threading.Thread(target=client, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(self.count):
                known = len(sink.messages)
                restart()
                until(lambda: len(sink.messages) > known + 3, 60, "mail between two restarts")
        finally:
            stop.set()
            for thread in threads:
                thread.join(120)
        total = sum(sent.values())
        self.assertTrue(sink.wait(total, 60), f"{len(sink.messages)} of {total} messages arrived")
        until(lambda: postfix.queued() == 0, 60, "an empty Postfix queue")
        arrived = collections.Counter(message.field("Message-ID")[0] for message in sink.messages)
        self.assertEqual((len(arrived), set(arrived.values())), (total, {1}))
        trouble = [line for line in postfix.log().splitlines()
                   # the harness looks whether an smtpd answers, and says nothing to it
                   if "lost connection after CONNECT" not in line and any(sign in line for sign in ("status=deferred", "lost connection", "Connection reset", "refused", "421 ", "timed out"))]
        self.assertEqual(trouble, [], f"{len(trouble)} lines of trouble in Postfix's log")
        print(f"    {self.count} restarts, {total} messages, each delivered once, nothing deferred, no connection lost")

    def lab(self):
        sink = self.hop()
        port = free_port()
        postfix = Postfix(f"127.0.0.1:{port}", sink.address, parallel=10)
        self.addCleanup(postfix.stop)
        daemon = self.tamis(f"smtp:[127.0.0.1]:{postfix.back_port}", {"server": {"listen": [f"127.0.0.1:{port}"]}}, port=port, start=False)
        return sink, postfix, daemon

    def test_the_socket_is_held_by_the_service_manager(self):
        sink, postfix, daemon = self.lab()
        held = socket.create_server(("127.0.0.1", daemon.port), backlog=1024)
        self.addCleanup(held.close)
        running = Running(self, daemon, held)
        running.start()

        def restart():
            self.assertEqual(running.processes.pop().stop(), 0)
            running.start()
        self.restart_under_load(restart, postfix, sink)

    def test_the_next_one_takes_over(self):
        sink, postfix, daemon = self.lab()
        running = Running(self, daemon)
        running.start()

        def restart():
            running.start("--take-over")
            old = running.processes.pop(0)
            self.assertEqual(old.popen.wait(30), 0, old.log()[-3000:])
        self.restart_under_load(restart, postfix, sink)

    def test_who_was_greeted_may_finish_and_who_rests_is_told(self):
        sink = self.hop()
        daemon = self.tamis(sink)
        with daemon.client() as greeted, daemon.client() as rests, daemon.client() as silent:
            greeted.hello()
            rests.hello()
            self.assertCode(rests.transaction("a@example.org", [BOB], mail.clean()), 250)
            daemon.process.send_signal(signal.SIGTERM)
            daemon.wait_log("stopping: no new connections")
            self.assertCode(rests.reply(), 421, "Service shutting down")
            # it begins a transaction now, well after the signal
            self.assertCode(greeted.transaction("a@example.org", [BOB], mail.clean()), 250)
            self.assertCode(greeted.reply(), 421)
            self.assertCode(silent.reply(), 421)        # after some seconds
            # no reset, although they go on talking: the connections end when the clients end them
            for client in (greeted, rests, silent):
                client.send(b"RSET\r\n")
                with self.assertRaises(EOFError):
                    client.line()
        self.assertEqual(daemon.process.popen.wait(10), 0)
        self.assertEqual(len(sink.messages), 2)

    def test_one_that_cannot_start_changes_nothing(self):
        sink = self.hop()
        daemon = self.tamis(sink)
        broken = daemon.home / "broken.toml"
        broken.write_text(daemon.file.read_text().replace("[storage]", '[scanners.yara]\nrules = ["/nonexistent/rules.yar"]\n\n[storage]', 1))
        done = subprocess.run([build_directory() / "tamisd", "-c", broken, "--take-over"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertTrue(daemon.process.running())

    def test_nobody_to_take_over_from(self):
        daemon = self.tamis(self.hop(), start=False)
        running = Running(self, daemon)
        running.start("--take-over")
        self.assertCode(daemon.send(mail.clean()), 250)


class InitScript(Case):
    def script(self, daemon, action):
        home = daemon.home
        done = subprocess.run(["sh", SOURCE / "etc" / "init.d" / "tamis", action], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "DAEMON": str(build_directory() / "tamisd"), "CONFIG": str(daemon.file), "PIDFILE": str(home / "init.pid"), "STOP_SECONDS": "30"})
        return done.returncode, done.stdout + done.stderr

    def setUp(self):
        self.sink = self.hop()
        self.daemon = self.tamis(self.sink, {"log": {"target": f"file:{folder('log')}/tamis.log"}}, start=False)
        target = self.daemon.config["log"]["target"].removeprefix("file:")
        os.chmod(os.path.dirname(target), 0o777)
        self.log = target
        self.daemon.write()

    def test_start_restart_stop(self):
        daemon = self.daemon
        self.addCleanup(self.script, daemon, "stop")
        self.assertEqual(self.script(daemon, "start"), (0, f"{daemon.file}: fine\n"))
        first = (daemon.home / "init.pid").read_text()
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertEqual(self.script(daemon, "status")[0], 0)
        self.assertEqual(self.script(daemon, "restart")[0], 0)
        second = (daemon.home / "init.pid").read_text()
        self.assertNotEqual(first, second)
        self.assertFalse(os.path.exists(f"/proc/{first.strip()}/exe"))
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertEqual(self.script(daemon, "stop")[0], 0)
        self.assertEqual(self.script(daemon, "status")[0], 3)

    def test_a_start_that_fails_says_why(self):
        daemon = self.daemon
        with socket.create_server(("127.0.0.1", daemon.port)):
            status, said = self.script(daemon, "start")
        self.assertEqual(status, 1)
        self.assertIn(f"cannot start: listen on {daemon.address}: Address already in use", said)
        self.assertFalse((daemon.home / "init.pid").exists())

    def test_a_restart_that_fails_leaves_the_old_one(self):
        daemon = self.daemon
        self.addCleanup(self.script, daemon, "stop")
        self.assertEqual(self.script(daemon, "start")[0], 0)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            daemon.config["server"]["listen"].append(f"127.0.0.1:{taken.getsockname()[1]}")
            daemon.write()
            status, said = self.script(daemon, "restart")
        self.assertEqual(status, 1)
        self.assertIn("the one that runs goes on", said)
        self.assertCode(daemon.send(mail.clean()), 250)
