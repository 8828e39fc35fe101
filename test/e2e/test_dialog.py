"""The dialogues of test/dialog, over TCP and over a unix socket"""
from dialog import script
from e2e.lib import process
from e2e.lib.case import Case

SET_UP = {"plain": {}, "size-limit": {"limits": {"message_size": 65536}}}


def certificate():
    """A self-signed certificate: (certificate file, key file)"""
    home = process.folder("tls")
    process.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=filter.example.com",
                 "-keyout", home / "key.pem", "-out", home / "cert.pem"])
    (home / "key.pem").chmod(0o644)        # the daemon is not root when it reads it again
    return str(home / "cert.pem"), str(home / "key.pem")


class Dialogues(Case):
    def play(self, needs, config):
        daemon = self.tamis(self.hop(), config)
        played = 0
        for dialogue in script.scripts(needs):
            for address in (daemon.address, daemon.socket):
                with self.subTest(dialogue.path.stem, address=address):
                    dialogue.play(address)
                    played += 1
        self.assertGreater(played, 0)

    def test_plain(self):
        self.play("plain", SET_UP["plain"])

    def test_size_limit(self):
        self.play("size-limit", SET_UP["size-limit"])

    def test_starttls(self):
        cert, key = certificate()
        self.play("tls", {"server": {"tls_certificate": cert, "tls_key": key}})
