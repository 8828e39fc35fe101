"""measure - what processes cost, and what one smtp-source run gives

Figures come from /proc only; nothing is estimated. A process tree is its root and all live descendants; the CPU time
of children that ended and were waited for is in their parent's cutime, so a prefork server is counted whole.
"""
import os
import re
import subprocess
import threading
import time

TICK_MS = 1000.0 / os.sysconf("SC_CLK_TCK")
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


class BenchError(Exception):
    """Something that makes a figure meaningless; the row says so and the run goes on."""


def _stat_fields(pid):
    """fields of /proc/PID/stat from the state on, or None when it is gone"""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def tree(root):
    """pids of root and its descendants"""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _stat_fields(name)):
            children.setdefault(int(fields[1]), []).append(int(name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def cpu_ms(root):
    """CPU time of the tree so far: user and system, of the living and of the children they waited for"""
    total = 0
    for pid in tree(root):
        if fields := _stat_fields(pid):
            total += sum(int(field) for field in fields[11:15])
    return total * TICK_MS


def alone_ms(pid):
    """CPU time of this one process so far, user and system, without its children"""
    fields = _stat_fields(pid)
    return sum(int(field) for field in fields[11:13]) * TICK_MS if fields else 0


def memory_kb(root):
    """(sum of VmRSS, sum of VmHWM, sum of PSS) of the tree, in kB"""
    rss = peak = pss = 0
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/status") as file:
                status = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+)", file.read(), re.M))
            with open(f"/proc/{pid}/smaps_rollup") as file:
                pss += int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M)[1])
        except (FileNotFoundError, ProcessLookupError, TypeError):
            continue  # it ended meanwhile
        rss += int(status.get("VmRSS", 0))
        peak += int(status.get("VmHWM", 0))
    return rss, peak, pss


class Box:
    """CPU time of the whole machine between two moments, in ms: spent in processes (not interrupts), and stolen"""

    def __init__(self):
        self.start = self._read()

    @staticmethod
    def _read():
        with open("/proc/stat") as file:
            user, nice, system, _, _, _, _, steal = (int(x) for x in file.readline().split()[1:9])
        return user + nice + system, steal

    def since(self):
        return [(after - before) * TICK_MS for before, after in zip(self.start, self._read())]


class PeakPss(threading.Thread):
    """looks at the PSS of a tree twice a second; prefork children come and go, so their VmHWM alone does not do"""

    def __init__(self, root):
        super().__init__(daemon=True)
        self.root, self.peak, self.end = root, 0, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.join()

    def run(self):
        while True:
            self.peak = max(self.peak, memory_kb(self.root)[2])
            if self.end.wait(0.5):
                return


def smtp_source(port, message, count, connections, reuse, timeout=180):
    """one run of smtp-source: how many seconds it took; any refused message is a BenchError"""
    command = ["smtp-source", "-s", str(connections), "-m", str(count), "-f", "a@sender.org", "-t", "user@example.com",
               "-F", message, *(["-d"] if reuse else []), f"127.0.0.1:{port}"]
    start = time.monotonic()
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise BenchError(f"not done after {timeout} s") from None
    took = time.monotonic() - start
    if done.returncode or done.stdout.strip():
        raise BenchError(f"smtp-source: {' '.join(done.stdout.split())[-200:]} (exit {done.returncode})")
    return took


class Watch:
    """what this process and its children take, and what is left to others, from now on"""

    def __init__(self):
        self.box, self.own, self.begun = Box(), cpu_ms(os.getpid()), time.monotonic()

    def read(self):
        """(own CPU ms, per cent of the machine that others took)"""
        in_processes, steal = self.box.since()
        own = cpu_ms(os.getpid()) - self.own
        room = (time.monotonic() - self.begun) * 1000 * os.cpu_count()
        return own, 100 * (max(0.0, in_processes - own) + steal) / room


def clamd_rate(helper, clamd_socket, message, connections, seconds):
    """scans per second of clamd alone"""
    watch = Watch()
    done = subprocess.run([helper, clamd_socket, message, str(connections), str(seconds)], text=True,
                          capture_output=True, timeout=60 + seconds)
    if done.returncode:
        raise BenchError(done.stderr.strip())
    return {"rate": float(done.stdout.split()[0]), "others": watch.read()[1], "load": os.getloadavg()[0]}


def throughput(port, message, connections, reuse, seconds, pids, least, fixed_count=0):
    """Feeds a port for about `seconds` and gives a row of figures; fixed_count, when not 0, is the number of messages.

    pids names the process trees whose CPU time per message is wanted ({"cpu": the filter's}); a row has their names. "alone"
    is that of one process without its children.
    Short runs come first until the count that fills the time is known; none has fewer than `least` messages. What the
    machine spent beyond this process and its children is somebody else's and is shown as such.
    """
    count, sent = fixed_count or max(2 * connections, least), 0
    while True:
        spent = lambda: {name: alone_ms(pid) if name == "alone" else cpu_ms(pid) for name, pid in pids.items()}
        used, watch = spent(), Watch()
        took = smtp_source(port, message, count, connections, reuse, timeout=max(180, 10 * seconds))
        own, others = watch.read()
        used = {name: (now - used[name]) / count for name, now in spent().items()}
        sent += count
        if fixed_count or took > 0.85 * seconds:
            return {"count": count, "sent": sent, "rate": count / took, "all": own / count, "others": others,
                    "load": os.getloadavg()[0]} | used
        count = max(count + 1, min(int(count * seconds / took), 15 * count))
