"""Start, stop, reload, configuration errors"""
import os
import pathlib
import signal
import threading

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.process import answers, until
from fakes.next_hop import Later


class Life(Case):
    def test_sigterm_drains(self):
        sink = self.hop().on("dot", Later("250 2.0.0 Ok: queued as DRAINED", 1.5))
        daemon = self.tamis(sink)
        replies = []
        sender = threading.Thread(target=lambda: replies.append(daemon.send(mail.clean())))
        idle = daemon.client()
        sender.start()
        self.assertTrue(sink.wait_for(lambda hop: hop.dots == 1))
        daemon.process.send_signal(signal.SIGTERM)
        until(lambda: not answers(daemon.address), 5, "no new connections while draining")
        sender.join(20)
        self.assertCode(replies[0], 250, "queued as DRAINED")
        self.assertEqual(daemon.process.popen.wait(10), 0)
        idle.close()

    def test_sigterm_without_work_ends_soon(self):
        """Somebody who was greeted and says nothing has some seconds; a client that has gone is not waited for."""
        daemon = self.tamis(self.hop())
        idle, gone = daemon.client(), daemon.client()
        gone.close()
        daemon.process.send_signal(signal.SIGTERM)
        self.assertCode(idle.reply(), 421)
        idle.close()
        self.assertEqual(daemon.process.popen.wait(5), 0)

    def size_offered(self, daemon):
        with daemon.client() as client:
            return [line for line in client.hello()[1] if line.startswith("SIZE")][0]

    def test_sighup_takes_a_valid_configuration(self):
        sink = self.hop()
        daemon = self.tamis(sink)
        with daemon.client() as before:
            before.hello()
            daemon.reload({"limits": {"message_size": 70_000}})
            until(lambda: self.size_offered(daemon) == "SIZE 70000", 10, "the new size limit")
            self.assertCode(before.transaction("a@example.org", ["bob@example.com"], mail.clean()), 250)

    def test_sighup_keeps_the_old_configuration_when_the_new_one_is_broken(self):
        sink = self.hop()
        daemon = self.tamis(sink, {"limits": {"message_size": 70_000}})
        for broken in ("[server\n", "[server]\nlisten = 5\n", "[servr]\nlisten = []\n", "[limits]\nmessage_size = -1\n"):
            with self.subTest(broken=broken):
                known = len(daemon.log())
                daemon.reload(text=broken)
                until(lambda: str(daemon.file) in daemon.log()[known:], 10, "the complaint with the file's name")
                self.assertEqual(self.size_offered(daemon), "SIZE 70000")
                self.assertCode(daemon.send(mail.clean()), 250)
        daemon.reload({"limits": {"message_size": 80_000}})
        until(lambda: self.size_offered(daemon) == "SIZE 80000", 10, "the repaired configuration")

    def test_sighup_under_load_fails_no_mail(self):
        sink = self.hop()
        daemon = self.tamis(sink)
        codes, stop = [], threading.Event()

        def client():
            while not stop.is_set():
                codes.append(daemon.send(mail.clean())[0])
        threads = [threading.Thread(target=client) for _ in range(3)]
        for thread in threads:
            thread.start()
        for size in range(70_000, 70_020):
            daemon.reload({"limits": {"message_size": size}})
            sink.wait(len(sink.messages) + 2, 10)
        stop.set()
        for thread in threads:
            thread.join(30)
        self.assertEqual(set(codes), {250})
        self.assertTrue(sink.wait(len(codes)))
        self.assertEqual(len(sink.messages), len(codes))

    def test_check_names_file_line_and_column(self):
        daemon = self.tamis(self.hop(), start=False)
        status, said = daemon.check()
        self.assertEqual(status, 0, said)
        for text, where, what in (
                ("[server]\nlisten = [\"127.0.0.1:10024\"]\nforwrad = \"smtp:[127.0.0.1]:10025\"\n", ":3:1:", "forward"),
                ("[server]\nlisten = [\"127.0.0.1:99999\"]\n", ":2:", "listen"),
                ("[server]\nforward = \"gopher:[127.0.0.1]:70\"\n", ":2:", "forward"),
                ("[server\n", ":1:", ""),
                ("[limits]\nrecipients = \"many\"\n", ":2:", "recipients"),
                ("[scanners.clamav]\nsocket = \"/run/x\"\n", ":1:", "clamd"),
                ("[scanners.clamd]\nsokcet = \"/run/x\"\n", ":2:", "socket")):
            with self.subTest(text=text):
                status, said = daemon.check(text)
                self.assertEqual(status, 1, said)
                self.assertIn(f"{daemon.file}{where}", said)
                self.assertIn(what, said)

    def test_a_port_in_use_is_a_clear_error(self):
        first = self.tamis(self.hop())
        second = self.tamis(self.hop(), start=False)
        second.config["server"]["listen"] = [first.address]
        second.start(wait=False)
        self.assertNotEqual(second.process.popen.wait(10), 0)
        self.assertIn(first.address.split(":")[1], second.log())
        self.assertCode(first.send(mail.clean()), 250)

    def test_an_unprivileged_user(self):
        if os.geteuid() != 0:
            self.skipTest("only root can change the user")
        daemon = self.tamis(self.hop())
        self.assertCode(daemon.send(mail.clean()), 250)
        status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
        self.assertRegex(status, r"Uid:\s+65534\s+65534\s+65534\s+65534")
        self.assertRegex(status, r"CapEff:\s+0+\n")
        daemon = self.tamis(self.hop(), {"server": {"user": None, "group": None}}, start=False)
        daemon.start(wait=False)
        self.assertEqual(daemon.process.popen.wait(10), 1)
        self.assertIn("does not run as root", daemon.log())

    def test_a_unix_socket_left_over_by_a_crash_is_replaced(self):
        daemon = self.tamis(self.hop())
        daemon.kill()
        self.assertTrue(os.path.exists(daemon.socket))
        daemon.start()
        with daemon.client(unix=True) as client:
            self.assertEqual(client.greeting[0], 220)

    def test_systemd_socket_activation_and_notify(self):
        """LISTEN_FDS and NOTIFY_SOCKET, without systemd"""
        import socket
        import subprocess
        from e2e.lib.tamis import build_directory
        sink = self.hop()
        daemon = self.tamis(sink, start=False)
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify_path = str(daemon.home / "notify")
        notify.bind(notify_path)
        os.chmod(notify_path, 0o777)                               # it is not root when it tells
        notify.settimeout(20)
        daemon.config["server"]["listen"] = ["127.0.0.1:1"]        # the passed socket replaces it
        daemon.write()
        launcher = ("import os,sys\nos.dup2(int(sys.argv[1]),3)\nos.set_inheritable(3,True)\nos.environ['LISTEN_PID']=str(os.getpid())\n"
                    "os.execv(sys.argv[2],sys.argv[2:])")
        program = subprocess.Popen(["python3", "-c", launcher, str(listener.fileno()), str(build_directory() / "tamisd"), "-c", str(daemon.file)],
                                   pass_fds=[listener.fileno()], env={**os.environ, "LISTEN_FDS": "1", "NOTIFY_SOCKET": notify_path},
                                   stderr=subprocess.DEVNULL)
        try:
            told = b""
            while b"READY=1" not in told:
                told += notify.recv(4096)
            from fakes.client import Client
            with Client("127.0.0.1:%d" % listener.getsockname()[1]) as client:
                client.hello()
                self.assertCode(client.transaction("a@example.org", ["bob@example.com"], mail.clean()), 250)
        finally:
            program.terminate()
            self.assertEqual(program.wait(20), 0)
            listener.close()
            notify.close()
