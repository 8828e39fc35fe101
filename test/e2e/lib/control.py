"""control - the tamis command, and clients of AM.PDP: plain ones and Debian's amavisd-release"""
import json
import pathlib
import socket
import subprocess
import urllib.parse

from .process import folder
from .tamis import build_directory


def quarantine(config, *words, timeout=60):
    """tamis quarantine WORDS: (exit status, standard output, standard error)"""
    command, *rest = [str(word) for word in words]
    done = subprocess.run([build_directory() / "tamis", "quarantine", command, "-c", config, *rest], capture_output=True, timeout=timeout)
    return done.returncode, done.stdout.decode("utf-8", "surrogateescape"), done.stderr.decode("utf-8", "surrogateescape")


def quarantine_json(config, *words):
    status, out, err = quarantine(config, *words, "--json")
    assert status == 0, (status, out, err)
    return json.loads(out)


def encode(value):
    return "".join(chr(octet) if 0x21 <= octet <= 0x7e and octet != 0x25 else f"%{octet:02x}" for octet in value.encode("utf-8", "surrogateescape"))


class Ampdp:
    """One connection: ask({...}) or ask([(name, value), ...]) returns [(name, decoded value), ...]; raw octets are sent as they are."""

    def __init__(self, address, timeout=60):
        if str(address).startswith("/"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(str(address))
        else:
            host, _, port = address.rpartition(":")
            self.socket = socket.create_connection((host, int(port)), timeout)
        self.file = self.socket.makefile("rb")

    def ask(self, request):
        if not isinstance(request, bytes):
            pairs = request.items() if isinstance(request, dict) else request
            request = "".join(f"{name}={encode(value)}\r\n" for name, value in pairs).encode() + b"\r\n"
        self.socket.sendall(request)
        answer = []
        for line in self.file:
            if line == b"\r\n":
                return answer
            assert line.endswith(b"\r\n"), line
            name, _, value = line[:-2].decode().partition("=")
            answer.append((name, urllib.parse.unquote(value)))
        return answer

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def amavisd_release(address, *words, name="amavisd-release"):
    """Debian's program, with only its "user configurable" socket name set; its setreply lines."""
    text = pathlib.Path("/usr/sbin/amavisd-release").read_text()
    ours = text.replace("$socketname = '/var/lib/amavis/amavisd.sock';", f"$socketname = '{address}';")
    assert ours != text
    program = folder("release") / name
    program.write_text(ours)
    done = subprocess.run(["perl", "-T", program, *words], capture_output=True, text=True, timeout=60)
    return done.stderr + done.stdout
