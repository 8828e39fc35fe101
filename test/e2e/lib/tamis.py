"""tamis - the daemon under test: a TOML configuration, the program, and what it says about itself"""
import json
import os
import pathlib
import re
import shutil
import signal

from . import SOURCE
from .process import Process, folder, free_port, run, until

from fakes.client import Client  # noqa: E402  (the package puts test/ on the path)


def build_directory():
    return pathlib.Path(os.environ.get("TAMIS_BUILD", SOURCE / "build" / "release"))


def sanitized():
    """Whether the daemon is built with the sanitizers (slower, and larger in memory)."""
    return build_directory().name == "asan"


def toml_key(key):
    return key if re.fullmatch(r'[\w-]+|".*"', key) else json.dumps(key)


def toml_value(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml_key(key)} = {toml_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(each) for each in value) + "]"
    return json.dumps(value)


def toml(tables, prefix=""):
    """A nested dict as TOML. Values: bool, int, float, text, list (also of dicts), dict (a table)."""
    lines, nested = [], []
    for key, value in tables.items():
        if isinstance(value, dict):
            nested.append((key, value))
        else:
            lines.append(f"{toml_key(key)} = {toml_value(value)}")
    text = ""
    if prefix and (lines or not nested):
        text += f"[{prefix}]\n"
    text += "".join(line + "\n" for line in lines)
    for key, value in nested:
        name = toml_key(key)
        text += "\n" + toml(value, f"{prefix}.{name}" if prefix else name)
    return text


def merge(base, over):
    merged = dict(base)
    for key, value in over.items():
        merged[key] = merge(merged[key], value) if isinstance(value, dict) and isinstance(merged.get(key), dict) else value
    return {key: value for key, value in merged.items() if value is not None}


class Tamis:
    """Tamis(forward=hop, config={...}) is started and listens on .address (TCP) and .socket (unix).

    forward: a NextHop, or a text such as "smtp:[127.0.0.1]:10025". config: nested dict laid over the defaults below; None
    takes a default away.
    """

    def __init__(self, forward, config=None, storage=None, start=True, port=None):
        self.home = folder("tamis")
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.socket = str(self.home / "tamis.sock")
        if not isinstance(forward, str):
            protocol = "lmtp" if forward.lmtp else "smtp"
            forward = f"{protocol}:{forward.path}" if forward.path else f"{protocol}:[127.0.0.1]:{forward.port}"
        state = self.home / "state"
        state.mkdir()
        if os.geteuid() == 0:                  # it refuses to stay root
            for path in (self.home, state):
                shutil.chown(path, "nobody", "nogroup")
        storage = storage or f"sqlite:{state}/tamis.db"
        self.config = merge({
            "server": {"listen": [self.address, f"unix:{self.socket}"], "forward": forward, "hostname": "filter.example.com",
                       "local_domains": [".example.com"], "mynetworks": ["127.0.0.0/8"], "state_dir": str(state), "threads": 2, "socket_mode": "0666"},
            "log": {"target": "stderr", "level": 1},
            "storage": {"lookup_dsn": storage, "storage_dsn": storage},
        }, merge({"server": {"user": "nobody", "group": "nogroup"}} if os.geteuid() == 0 else {}, config or {}))
        self.file = self.home / "tamis.toml"
        self.process = None
        if start:
            self.start()

    def write(self, text=None):
        self.file.write_text(text if text is not None else toml(self.config))

    def start(self, wait=True, descriptors=None, preload=None):
        """descriptors: how many it may have open; preload: a Shim"""
        self.write()
        env = {"ASAN_OPTIONS": "abort_on_error=0:exitcode=99:detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=99"}
        if preload:
            env |= preload.environment()
        self.process = Process("tamisd", (["prlimit", f"--nofile={descriptors}"] if descriptors else []) + [build_directory() / "tamisd", "-c", self.file], env=env)
        if wait:
            self.process.wait_for(self.address, 30)
            if f"unix:{self.socket}" in self.config["server"]["listen"]:  # bound after the port
                self.process.wait_for(self.socket, 30)
        return self

    def check(self, text=None):
        """tamisd --check: (exit status, what it said)"""
        import subprocess
        self.write(text)
        done = subprocess.run([build_directory() / "tamisd", "-c", self.file, "--check"], text=True, capture_output=True, timeout=30)
        return done.returncode, done.stdout + done.stderr

    def reload(self, changes=None, text=None):
        """Lays changes over the configuration (or writes the text as it is) and sends SIGHUP."""
        if changes:
            self.config = merge(self.config, changes)
        self.write(text)
        self.process.send_signal(signal.SIGHUP)

    def log(self):
        return self.process.log()

    def summaries(self):
        """The summary lines, from "Passed" or "Blocked" on."""
        return re.findall(r"(?:Passed|Blocked) [A-Z][^\n]*", self.log())

    def client(self, unix=False, **options):
        return Client(self.socket if unix else self.address, **options)

    def send(self, data, recipients=("bob@example.com",), sender="alice@sender.example.org", lmtp=False, **options):
        """One message on a connection of its own; the reply, or for LMTP one reply per recipient."""
        with self.client() as client:
            client.hello(lmtp)
            answer = client.transaction(sender, recipients, data, lmtp, **options)
            client.quit()
            return answer

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Ends it; a sanitizer report or a crash is an error of the test."""
        if self.process is None:
            return 0
        status = self.process.stop(number, seconds)
        log = self.log()
        for sign in ("ERROR: AddressSanitizer", "runtime error:", "ERROR: LeakSanitizer", "Assertion"):
            if sign in log:
                raise AssertionError(f"the daemon reported {sign}:\n{log[log.index(sign):][:6000]}")
        return status

    def kill(self):
        """SIGKILL to the daemon and everything it started."""
        self.process.kill()

    def wait_log(self, text, seconds=60):
        return until(lambda: text in self.log(), seconds, f"{text!r} in the log")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
