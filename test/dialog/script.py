"""script - SMTP and LMTP dialogues as text files, played against a filter

    # a comment, and the title in the first line
    needs: tls                     the filter must be set up so: plain (default), tls, size-limit
    c -> EHLO client.example.org   the client sends this line and CRLF
    c => MAIL FROM:<a\\x00@b>\\r\\n   the client sends exactly these octets (Python escapes)
    c <- 250 2.1.0 Sender ...      the next line of the server begins so ("..." at the end), or is exactly so
    c <~ 250-SIZE( \\d+)?           the next line of the server matches this regular expression as a whole
    c <* 250                       one whole reply, of any number of lines, with this code
    c <- closed                    the server closes the connection
    c tls                          the TLS handshake
    c reopen                       a new connection

`{me}` stands for what the server calls itself: [127.0.0.1], or [localhost] on a unix socket. At the end of a script the
client must have read everything: a line nobody expected is a failure.
"""
import pathlib
import re
import ssl
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from fakes.client import Client  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


class Mismatch(AssertionError):
    pass


class Script:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.needs = "plain"
        self.title = ""
        self.steps = []
        for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("#"):
                self.title = self.title or line[1:].strip()
            elif line.startswith("needs:"):
                self.needs = line.partition(":")[2].strip()
            elif line.strip():
                matched = re.match(r"c (->|=>|<-|<~|<\*|tls|reopen) ?(.*)$", line)
                if not matched:
                    raise ValueError(f"{self.path}:{number}: no such step: {line}")
                self.steps.append((number, matched.group(1), matched.group(2)))

    def play(self, address, timeout=20):
        """Plays the script; Mismatch names file, line, what was expected and what came."""
        me = "[localhost]" if address.startswith("/") else "[127.0.0.1]"
        client = Client(address, timeout, greet=False)
        closed = False
        try:
            for number, kind, text in self.steps:
                text = text.replace("{me}", me)
                where = f"{self.path.name}:{number}"
                if kind == "->":
                    client.send(text.encode() + b"\r\n")
                elif kind == "=>":
                    client.send(text.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1"))
                elif kind == "tls":
                    context = ssl.create_default_context()
                    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                    if client.buffer:
                        raise Mismatch(f"{where}: plaintext came before the handshake: {client.buffer!r}")
                    client.sock = context.wrap_socket(client.sock)
                elif kind == "reopen":
                    client.close()
                    client, closed = Client(address, timeout, greet=False), False
                elif kind == "<*":
                    code, lines = client.reply()
                    if str(code) != text.strip():
                        raise Mismatch(f"{where}: expected a reply {text}, got {code} {lines}")
                elif text == "closed":
                    if not client.closed():
                        raise Mismatch(f"{where}: the server should have closed, but sent {client.buffer!r}")
                    closed = True
                else:
                    try:
                        line = client.line()
                    except (EOFError, ConnectionError, TimeoutError) as trouble:
                        raise Mismatch(f"{where}: expected {text!r}, got {trouble!r}") from None
                    if kind == "<~":
                        good = re.fullmatch(text, line)
                    else:
                        good = line.startswith(text[:-3]) if text.endswith("...") else line == text
                    if not good:
                        raise Mismatch(f"{where}: expected {text!r}, got {line!r}")
            if not closed:
                client.send(b"NOOP at the end\r\n")
                line = client.line()
                if not line.startswith("250 2.0.0 "):
                    raise Mismatch(f"{self.path.name}: a line nobody expected at the end: {line!r}")
        finally:
            client.close()


def scripts(needs=None):
    found = [Script(path) for path in sorted(HERE.glob("*.txt"))]
    return [script for script in found if needs is None or script.needs == needs]


def main():
    """script.py HOST:PORT|/PATH [NAME...]: plays the scripts that need no special set-up (or the named ones)"""
    if len(sys.argv) < 2:
        print(main.__doc__)
        return 2
    names, bad = sys.argv[2:], 0
    for script in scripts():
        if script.path.stem in names or (not names and script.needs == "plain"):
            try:
                script.play(sys.argv[1])
                print(f"ok      {script.path.stem}: {script.title}")
            except (Mismatch, OSError, EOFError) as trouble:
                bad += 1
                print(f"FAILED  {script.path.stem}: {trouble}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
