#!/usr/bin/env python3
"""make - the committed samples of this folder: what OpenSSL, GnuPG and qpdf write

Run it in this folder to make them anew (openssl, gpg, gpgconf and qpdf must be there). Keys are made for the purpose and thrown away.
The file inside each is the text INSIDE, so that a test can look for it.
"""
import os
import subprocess
import tempfile

INSIDE = b"the file inside, in the clear\n"
ENTITY = (b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="in"\r\n\r\n--in\r\nContent-Type: text/plain\r\n\r\nhi\r\n'
          b'--in\r\nContent-Type: application/octet-stream; name="inside.bin"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
          b'dGhlIGZpbGUgaW5zaWRlLCBpbiB0aGUgY2xlYXIK\r\n--in--\r\n')


def run(*command, data=None, home=None):
    environment = dict(os.environ, GNUPGHOME=home) if home else None
    return subprocess.run(command, input=data, check=True, capture_output=True, env=environment).stdout


def write(name, data):
    with open(name, "wb") as to:
        to.write(data)


def cms(folder):
    key, certificate = folder + "/key.pem", folder + "/cert.pem"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
        "-subj", "/CN=t", "-days", "36500")
    sign = ("openssl", "cms", "-sign", "-signer", certificate, "-inkey", key, "-binary")
    write("signed-entity.p7m", run(*sign, "-nodetach", "-outform", "DER", data=ENTITY))
    write("signed-stream.p7m", run(*sign, "-nodetach", "-stream", "-outform", "DER", data=ENTITY))
    write("signed-file.txt.p7m", run(*sign, "-nodetach", "-outform", "DER", data=INSIDE))
    write("signed-file.pem", run(*sign, "-nodetach", "-outform", "PEM", data=INSIDE))
    write("detached.p7s", run(*sign, "-outform", "DER", data=INSIDE))
    write("certificates.p7b", run("openssl", "crl2pkcs7", "-nocrl", "-certfile", certificate, "-outform", "DER"))
    write("enveloped.p7m", run("openssl", "cms", "-encrypt", "-aes128", "-outform", "DER", certificate, data=INSIDE))
    write("authenticated.p7m", run("openssl", "cms", "-encrypt", "-aes-128-gcm", "-outform", "DER", certificate, data=INSIDE))
    write("encrypted-data.p7m", run("openssl", "cms", "-EncryptedData_encrypt", "-aes128", "-secretkey", "00" * 16, "-outform", "DER", data=INSIDE))
    write("digested.p7m", run("openssl", "cms", "-digest_create", "-binary", "-outform", "DER", data=INSIDE))
    write("data.p7m", run("openssl", "cms", "-data_create", "-binary", "-outform", "DER", data=INSIDE))
    write("signed-twice.p7m", run(*sign, "-nodetach", "-outform", "DER", data=open("signed-file.txt.p7m", "rb").read()))


def openpgp(folder):
    home = folder + "/gpg"
    os.mkdir(home, 0o700)
    batch = ("gpg", "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "p", "--trust-model", "always")
    run(*batch, "--quick-generate-key", "t@example.org", "ed25519", "sign", "never", home=home)
    fingerprint = [line.split(":")[9] for line in run("gpg", "--batch", "--with-colons", "-k", home=home).decode().splitlines() if line.startswith("fpr:")][0]
    run(*batch, "--quick-add-key", fingerprint, "cv25519", "encr", "never", home=home)
    plain = folder + "/inside.txt"
    write(plain, INSIDE)

    def gpg(name, *arguments):
        target = folder + "/out"
        run(*batch, "-o", target, *arguments, plain, home=home)
        write(name, open(target, "rb").read())

    gpg("encrypted.gpg", "-r", "t@example.org", "-e")
    gpg("encrypted.asc", "-r", "t@example.org", "-a", "-e")
    gpg("passphrase.gpg", "-c")
    gpg("signed.gpg", "-s")
    gpg("signed.asc", "-a", "-s")
    gpg("signed-zlib.gpg", "--compress-algo", "zlib", "-s")
    gpg("signed-bzip2.gpg", "--compress-algo", "bzip2", "-s")
    gpg("signed-plain.gpg", "--compress-algo", "none", "-s")
    gpg("stored.gpg", "--store")
    gpg("clear.asc", "--clear-sign")
    gpg("detached.sig", "-b")
    run(*batch, "-o", folder + "/key.gpg", "--export", home=home)
    write("key.gpg", open(folder + "/key.gpg", "rb").read())
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


def plain_pdf(attachment=INSIDE):
    objects = [b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(inside.txt) 3 0 R]>>>>>>",
               b"<</Type/Pages/Kids[5 0 R]/Count 1>>",
               b"<</Type/Filespec/F(inside.txt)/UF(inside.txt)/EF<</F 4 0 R>>>>",
               b"<</Type/EmbeddedFile/Length %d>>\nstream\n%s\nendstream" % (len(attachment), attachment),
               b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 10 10]>>"]
    out, places = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    at = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"trailer\n<</Size %d/Root 1 0 R/ID[<00112233445566778899aabbccddeeff><00112233445566778899aabbccddeeff>]>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, at)


def pdf(folder):
    source = folder + "/plain.pdf"
    write(source, plain_pdf())
    write("attachment.pdf", plain_pdf())

    def qpdf(name, *arguments):
        target = folder + "/out.pdf"
        run("qpdf", "--warning-exit-0", source, *arguments, target)
        write(name, open(target, "rb").read())

    for user, label in (("", "open"), ("secret", "closed")):
        weak = ("--allow-weak-crypto",)
        qpdf(f"{label}-r2.pdf", *weak, "--encrypt", user, "owner", "40", "--")
        qpdf(f"{label}-r3.pdf", *weak, "--encrypt", user, "owner", "128", "--use-aes=n", "--")
        qpdf(f"{label}-r4.pdf", *weak, "--encrypt", user, "owner", "128", "--use-aes=y", "--")
        qpdf(f"{label}-r5.pdf", *weak, "--encrypt", user, "owner", "256", "--force-R5", "--")
        qpdf(f"{label}-r6.pdf", "--encrypt", user, "owner", "256", "--")
        qpdf(f"{label}-r6-objects.pdf", "--object-streams=generate", "--encrypt", user, "owner", "256", "--")
        qpdf(f"{label}-r4-objects.pdf", *weak, "--object-streams=generate", "--encrypt", user, "owner", "128", "--use-aes=y", "--cleartext-metadata", "--")
    qpdf("objects.pdf", "--object-streams=generate")


def main():
    with tempfile.TemporaryDirectory() as folder:
        cms(folder)
        openpgp(folder)
        pdf(folder)


if __name__ == "__main__":
    main()
