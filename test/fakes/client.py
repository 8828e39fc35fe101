"""client - a raw SMTP/LMTP client: sends exactly the octets it is told, and vanishes where it is told"""
import socket
import ssl
import struct


class Client:
    """address: "127.0.0.1:PORT", a unix path, or (host, port). Every wait ends after `timeout` seconds."""

    def __init__(self, address, timeout=30, greet=True):
        if isinstance(address, str) and not address.startswith("/"):
            host, _, port = address.rpartition(":")
            address = (host.strip("[]"), int(port))
        if isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect(address)
        else:
            self.sock = socket.create_connection(address, timeout)
        self.buffer = b""
        self.greeting = self.reply() if greet else None

    def send(self, octets):
        self.sock.sendall(octets)

    def line(self):
        """One line without its CRLF; EOFError when the peer closed."""
        while b"\n" not in self.buffer:
            chunk = self.sock.recv(65536)
            if not chunk:
                raise EOFError("connection closed by the peer")
            self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.removesuffix(b"\r").decode("utf-8", "replace")

    def reply(self):
        """(code, [lines without the code])"""
        lines = []
        while True:
            line = self.line()
            lines.append(line[4:])
            if line[3:4] != "-":
                return int(line[:3]), lines

    def command(self, text):
        self.send(text.encode("utf-8", "surrogateescape") + b"\r\n")
        return self.reply()

    def hello(self, lmtp=False, name="client.example.org"):
        return self.command(("LHLO " if lmtp else "EHLO ") + name)

    def transaction(self, sender, recipients, data, lmtp=False, parameters="", recipient_parameters=""):
        """MAIL to the final reply; data has CRLF line ends and no dots stuffed. Returns the last reply, or for LMTP a
        list of one reply per accepted recipient. A refusal before DATA comes back as it is."""
        code, text = self.command(f"MAIL FROM:<{sender}>{parameters}")
        if code != 250:
            return (code, text)
        accepted, last = 0, None
        for recipient in recipients:
            last = self.command(f"RCPT TO:<{recipient}>{recipient_parameters}")
            accepted += last[0] // 100 == 2
        if not accepted:
            self.command("RSET")
            return last
        code, text = self.command("DATA")
        if code != 354:
            return (code, text)
        self.send(stuff(data) + b".\r\n")
        if lmtp:
            return [self.reply() for _ in range(accepted)]
        return self.reply()

    def starttls(self):
        code, text = self.command("STARTTLS")
        if code == 220:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.sock = context.wrap_socket(self.sock)
            self.buffer = b""
        return code, text

    def closed(self):
        """Whether the peer closes (or resets) without another octet."""
        try:
            return not self.buffer and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.sock.close()

    def reset(self):
        """Goes away with RST."""
        if self.sock.family != socket.AF_UNIX:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def quit(self):
        try:
            self.command("QUIT")
        finally:
            self.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def stuff(data):
    """CRLF-ended data with dots stuffed; a missing last CRLF is added."""
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    stuffed = data.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed
