"""process - free ports, a directory per run, and processes that are ended by pid whatever happens

Every process writes one log file in the run's directory. The directory is removed when all went well and kept when a
test failed or TAMIS_E2E_KEEP is set.
"""
import atexit
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

_directory = None
_running = []
_own_pid = os.getpid()
keep_directory = bool(os.environ.get("TAMIS_E2E_KEEP"))


def directory():
    """The directory of this test process; every user may enter it (Postfix, PostgreSQL and rspamd run as their own)."""
    global _directory
    if _directory is None:
        _directory = pathlib.Path(tempfile.mkdtemp(prefix="tamis-e2e-", dir=os.environ.get("TAMIS_E2E_DIR")))
        _directory.chmod(0o755)
    return _directory


def folder(name):
    """A fresh folder in the run's directory; a number is added when the name is taken."""
    number = 0
    while True:
        path = directory() / (f"{name}-{number}" if number else name)
        try:
            path.mkdir()
            path.chmod(0o755)
            return path
        except FileExistsError:
            number += 1


def free_port():
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(predicate, seconds=30, what="the condition"):
    """Waits until predicate() is true and returns its value; AssertionError when it is not in time."""
    end = time.monotonic() + seconds
    pause = 0.005
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def answers(address):
    """Whether something accepts connections at "host:port" or a unix path."""
    try:
        if str(address).startswith("/"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(1)
                probe.connect(str(address))
        else:
            host, _, port = address.rpartition(":")
            with socket.create_connection((host, int(port)), 1):
                pass
        return True
    except OSError:
        return False


def run(argv, check=True, timeout=120, **options):
    """A short command; its output as text. A failure shows what it said."""
    done = subprocess.run([str(word) for word in argv], text=True, capture_output=True, timeout=timeout, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"{argv[0]} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


class Process:
    """One server in the foreground. `user`: run as this user (when we are root)."""

    def __init__(self, name, argv, user=None, env=None, cwd=None, stdin=subprocess.DEVNULL):
        self.name = name
        self.log_file = directory() / f"{name}.log"
        number = 0
        while self.log_file.exists():
            number += 1
            self.log_file = directory() / f"{name}-{number}.log"
        options = {}
        if user and os.geteuid() == 0:
            options = {"user": user, "group": user, "extra_groups": []}
        with open(self.log_file, "wb") as log:
            self.popen = subprocess.Popen([str(word) for word in argv], stdin=stdin, stdout=log, stderr=log,
                                          start_new_session=True, env={**os.environ, **(env or {})}, cwd=cwd, **options)
        self.pid = self.popen.pid
        _running.append(self)

    def wait_for(self, address, seconds=60):
        """Waits until it answers at the address; shows its log when it dies or does not."""
        def ready():
            if self.popen.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.popen.returncode}:\n{self.log()[-3000:]}")
            return answers(address)
        try:
            until(ready, seconds, f"{self.name} at {address}")
        except AssertionError as late:
            raise RuntimeError(f"{late}\n{self.log()[-3000:]}") from None
        return self

    def log(self):
        return self.log_file.read_text(errors="replace")

    def running(self):
        return self.popen.poll() is None

    def send_signal(self, number):
        if self.running():
            self.popen.send_signal(number)

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Ends it and returns its exit status; SIGKILL when it does not go in time (returned as -9)."""
        self.send_signal(number)
        try:
            status = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            status = self.kill()
        if self in _running:
            _running.remove(self)
        return status

    def kill(self):
        """SIGKILL to its whole process group: nothing it started stays."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return self.popen.wait()

    def memory(self):
        """Resident octets of this process alone."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def cpu(self):
        """Seconds of CPU (user and system) of this process alone."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def _end_all():
    if os.getpid() != _own_pid:
        return
    for process in reversed(list(_running)):
        try:
            process.stop(seconds=10)
        except Exception as trouble:                       # keep ending the others
            print(f"could not end {process.name}: {trouble}")
    if _directory is not None:
        if keep_directory:
            print(f"logs kept in {_directory}")
        else:
            shutil.rmtree(_directory, ignore_errors=True)


def register(stoppable):
    """Something with stop() and name that must be ended with the run."""
    _running.append(stoppable)


def unregister(stoppable):
    if stoppable in _running:
        _running.remove(stoppable)


atexit.register(_end_all)
signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit(143)))
