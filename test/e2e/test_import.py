"""`tamis import-amavisd`: Debian's own configuration and one of 2006 are translated completely, and mail flows with the result"""
import pathlib
import re
import shutil
import subprocess

from e2e.lib import SOURCE, mail
from e2e.lib.case import Case
from e2e.lib.process import Process, folder, free_port, until
from e2e.lib.servers import shared, shared_postgres
from e2e.lib.tamis import Tamis, build_directory

CORPUS = SOURCE / "test" / "corpus" / "amavisd-conf"
DEBIAN = ["/usr/share/amavis/conf.d", "/etc/amavis/conf.d"]


def program(name, *words):
    done = subprocess.run([build_directory() / name, *[str(word) for word in words]], text=True, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def translate(*words):
    return program("tamis", "import-amavisd", *words)


class Translated(Tamis):
    """The daemon with a configuration that import-amavisd wrote."""

    def __init__(self, file, port):
        self.file, self.port, self.address = pathlib.Path(file), port, f"127.0.0.1:{port}"
        self.process = Process("tamisd", [build_directory() / "tamisd", "-c", self.file])
        self.process.wait_for(self.address, 60)

    def log(self):
        own = self.file.parent / "amavis.log"
        return self.process.log() + (own.read_text(errors="replace") if own.exists() else "")


class Configurations(Case):
    """What public configurations look like: each is translated as it was reviewed (NAME.toml, NAME.report), and tamisd accepts it."""
    release_only = True      # the translation is compared in the release build
    limit = 300

    def on_this_machine(self, toml):
        """The same for a user and directories that are there."""
        home = folder("configurations")
        shutil.chown(home, "nobody", "nogroup")
        for key in ("state_dir", "quarantine_dir"):
            toml = re.sub(rf'^{key} = "[^"]*"', f'{key} = "{home}"', toml, flags=re.M)
        toml = re.sub(r'^user = "[^"]*"', 'user = "nobody"', toml, flags=re.M)
        toml = re.sub(r'^group = "[^"]*"', 'group = "nogroup"', toml, flags=re.M)
        toml = re.sub(r'"(file|mbox):/[^"]*"', rf'"\1:{home}/file"', toml)
        toml = re.sub(r'"unix:/[^"]*/', f'"unix:{home}/', toml)
        if "state_dir" not in toml:
            toml = toml.replace("[server]\n", f'[server]\nstate_dir = "{home}"\n', 1)
        file = home / "tamis.toml"
        file.write_text(toml)
        return file

    def test_each_is_translated_as_it_was_reviewed_and_accepted(self):
        files = sorted(CORPUS.glob("*.conf"))
        self.assertGreaterEqual(len(files), 15)
        for file in files:
            with self.subTest(file=file.name):
                out = folder("configurations") / "tamis.toml"
                done = subprocess.run([build_directory() / "tamis", "import-amavisd", "--myhostname", "mail.example.com", "-o", out, file.name], cwd=CORPUS,
                                      text=True, capture_output=True, timeout=60)
                self.assertIn(done.returncode, (0, 1), done.stderr)
                # what stands in the way on this very machine is of this machine
                report = re.sub(r"\nOn this machine tamisd would not start with it:\n(.+\n)+", "", done.stderr)
                self.assertNotIn("correct this first", report)
                self.assertEqual(report, file.with_suffix(".report").read_text())
                self.assertEqual(out.read_text(), file.with_suffix(".toml").read_text())
                status, said, complaints = program("tamisd", "-c", self.on_this_machine(out.read_text()), "--check")
                self.assertEqual(status, 0, said + complaints)

    def test_the_list_of_variables_is_that_of_an_installed_amavisd(self):
        module = pathlib.Path("/usr/share/perl5/Amavis/Conf.pm")
        if not module.exists():
            self.skipTest("no amavisd-new 2.13 here")
        text = module.read_text(errors="replace")
        begin = text.index("%EXPORT_TAGS = (")
        body = re.sub(r"#.*", "", text[begin:text.index(");\n", text.index("'legacy_confvars' =>"))])
        groups = re.split(r"'(\w*confvars|sa)'\s*=>", body)
        theirs = {name for key, part in zip(groups[1::2], groups[2::2]) for name in re.findall(r"[$@%][A-Za-z_]\w*", part.split("'platform'")[0])}
        ours = {line.split()[0] for line in (CORPUS / "variables").read_text().splitlines() if not line.startswith("#")}
        internal = {name for name in theirs - ours if re.match(r"[$@%](myversion|current_policy_bank|dkim_signing_keys_|spamcontrol_obj)", name)}
        self.assertEqual(sorted(theirs - ours - internal), [])


class Import(Case):
    limit = 300

    def fine(self, file):
        status, said, complaints = program("tamisd", "-c", file, "--check")
        self.assertEqual(status, 0, said + complaints)

    def test_the_configuration_of_debians_package(self):
        home = folder("import")
        file = home / "tamis.toml"
        status, said, report = translate("--mydomain", "example.com", "--myhostname", "mail.example.com", "-o", file, *DEBIAN)
        self.assertEqual((status, said), (0, ""), report)
        self.assertRegex(report, r"^\d+ statements translated, \d+ need no equivalent, 0 not translated\n")
        text = file.read_text()
        for line in ('hostname = "mail.example.com"', 'local_domains = [".example.com"]', "spam_kill_level = 6.31", 'quarantine_dir = "/var/lib/amavis/virusmails"',
                     'listen = ["unix:/var/lib/amavis/amavisd.sock"]', "# /etc/amavis/conf.d/20-debian_defaults:", 'socket = ["/var/run/clamav/clamd.ctl"]'):
            self.assertIn(line, text)
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.fine(file)
        # not over a file that is there, unless told to
        status, _, report = translate("--mydomain", "example.com", "-o", file, *DEBIAN)
        self.assertEqual((status, "--force" in report), (2, True), report)
        status, _, report = translate("--mydomain", "example.com", "--myhostname", "new.example.com", "--force", "--report-in-file", "-o", file, *DEBIAN)
        self.assertEqual((status, report), (0, ""))
        self.assertIn('"new.example.com"', file.read_text())
        self.assertIn("\n# Need no equivalent:\n", file.read_text())
        self.fine(file)
        self.assertEqual([path.name for path in home.iterdir()], ["tamis.toml"])

    def test_what_cannot_be_read_or_translated(self):
        file = folder("import") / "amavisd.conf"
        file.write_text("$max_servers = 2;\n$defang_virus = 1;\nopen(F, '<', 'x');\n$log_level = 1;\n")
        status, said, report = translate(file)
        self.assertEqual(status, 1)
        self.assertIn(f"level = 1   # {file}:4", said)
        self.assertIn(f"{file}:2: $defang_virus: the body of a message is never changed", report)
        self.assertIn(f"{file}:3: open(F, '<', 'x');: not understood", report)
        file.write_text("$a = 1;\n$b = 'no end;\n")
        status, said, report = translate(file)
        self.assertEqual((status, said), (2, ""))
        self.assertIn(f"{file}:2: ", report)
        status, _, report = translate(file.parent / "none")
        self.assertEqual((status, "cannot be read" in report), (2, True), report)

    def test_a_site_of_2006(self):
        postgres = shared_postgres()
        postgres.database("import_2006")
        postgres.sql("insert into policy (id, policy_name, spam_lover) values (7, 'lover', 'Y'); "
                     "insert into users (policy_id, email) values (7, 'lover@example.com')", "import_2006")
        hop, port = self.hop(), free_port()
        home = folder("site2006")
        shutil.chown(home, "amavis", "amavis")
        (home / "local_domains").write_text("# domain\nlocal.example OK\n")
        text = (CORPUS / "amavisd.conf-2006").read_text()
        for name, value in {"@HOME@": home, "@DSN@": f"database=import_2006;host=127.0.0.1;port={postgres.port}", "@CLAMD@": shared("clamd")["socket"],
                            "@PORT@": port, "@PORT2@": free_port(), "@NEXT@": hop.port}.items():
            text = text.replace(name, str(value))
        (home / "amavisd.conf").write_text(text)
        file = home / "tamis.toml"
        status, _, report = translate(home / "amavisd.conf", "-o", file)
        self.assertEqual((status, "0 not translated" in report), (0, True), report)
        # the spamd of the tests listens elsewhere; the daemon's user must be able to read the file, as its remark says
        toml = file.read_text().replace('"127.0.0.1:783"', f'"{shared("spamd")["tcp"]}"')
        self.assertIn("This file holds a password", toml)
        self.assertIn("password = \"pa55'word\"", toml)
        file.write_text(toml)
        shutil.chown(file, "root", "amavis")
        file.chmod(0o640)
        self.fine(file)
        daemon = Translated(file, port)
        self.daemons = [daemon]
        self.addCleanup(self._end, daemon)
        self.assertCode(daemon.send(mail.gtube(), ["bob@example.com"]), 250, "discarded")
        self.assertCode(daemon.send(mail.eicar(), ["bob@example.com"]), 250, "discarded")
        self.assertCode(daemon.send(mail.gtube(), ["lover@example.com"]), 250, "queued")
        self.assertCode(daemon.send(mail.clean(), ["bob@example.com"]), 250, "queued")
        until(lambda: postgres.rows("select count(*) from msgs where content is not null", "import_2006") == [["4"]], 30, "four records")
        self.assertEqual(sorted(row[0] for row in postgres.rows("select content from msgs", "import_2006")), ["C", "S", "S", "V"])
        kept = postgres.rows("select distinct m.content, m.quar_type from quarantine q join msgs m on m.mail_id=q.mail_id order by 1", "import_2006")
        self.assertEqual(kept, [["S", "Q"], ["V", "Q"]])
        admin = ["virusalert@example.com"]
        self.assertEqual([each.recipients for each in hop.messages if each.recipients != admin], [["lover+spam@example.com"], ["bob@example.com"]])
        self.assertEqual(len([each for each in hop.messages if each.recipients == admin]), 1)
        self.assertTrue((home / "amavisd.sock").is_socket())
        status, said, complaints = program("tamis", "explain", "-c", file, "builder@example.com")
        self.assertRegex(said, r"banned_rulenames.*ALLOW_EXE", complaints)
