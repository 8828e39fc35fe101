"""lab - smtp-sink, PostgreSQL, clamd, amavisd-new, clamsmtpd and Tamis, each started on loopback in our own directory

Everything lives below one temporary directory, listens on ports the kernel gave us, is our own child in the foreground
and is ended by its pid. Nothing of the machine's own mail system is touched. Needs root (the peers change their user).
"""
import base64
import glob
import gzip
import io
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tarfile
import time
import zipfile

from measure import BenchError

NEEDED = {"smtp-sink": "postfix", "smtp-source": "postfix", "amavisd": "amavisd-new", "clamd": "clamav-daemon",
          "clamsmtpd": "clamsmtp", "psql": "postgresql"}
# In two halves, so that no scanner takes this file for what it names.
EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
AMAVIS_SCHEMA = "/usr/share/doc/amavisd-new/README.sql-pg.gz"
# what an administrator may have in his configuration for single recipients, senders and clients
POLICY_TABLES = """
[recipients."."]
spam_tag_level = -999
[recipients.".example.com"]
spam_kill_level = 9
warnvirusrecip = true
[recipients."user@example.com"]
spam_lover = true
spam_subject_tag2 = "[spam] "
[recipients."user0@example.com"]
bypass_spam_checks = true
[[recipient_patterns]]
match = '(?i)^(info|sales|user)@'
spam_tag2_level = 6
[banks.MYNETS]
spam_kill_level = 20
[banks.PARTNER]
spam_lover = true
[[bank_rules]]
clients = ["192.0.2.0/24"]
banks = ["PARTNER"]
[[sender_lists]]
recipients = [".example.com"]
whitelist = ["friend@example.net", ".partner.example"]
blacklist = ["!good@example.biz", ".example.biz"]
scores = { "news@example.net" = -2, ".sender.org" = 0.5 }
whitelist_patterns = ['^bounce-[0-9]+@lists[.]example$']
"""


# amavisd-new decodes by default; these are Debian's rules, which are Tamis' list DEFAULT
BANNED_RE = r"""
$banned_filename_re = new_RE(
  qr'\.[^./]*\.(exe|vbs|pif|scr|bat|cmd|com|cpl|dll)\.?$'i,
  qr'\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$'i,
  qr'^application/x-msdownload$'i, qr'^application/x-msdos-program$'i, qr'^application/hta$'i,
  qr'.\.(exe|vbs|pif|scr|bat|cmd|com|cpl)$'i, qr'^\.(exe-ms)$' );
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def greeting(port, timeout=5.0):
    """the first line a server says"""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.settimeout(timeout)
        return connection.recv(512).decode(errors="replace")


def amavis_schema():
    """the tables as amavisd-new's own documentation gives them"""
    if not os.path.exists(AMAVIS_SCHEMA):
        raise SystemExit(f"test/bench/run: {AMAVIS_SCHEMA} is missing: reinstall amavisd-new with its documentation")
    with gzip.open(AMAVIS_SCHEMA, "rt") as readme:
        return re.search(r"^CREATE TABLE policy.*?(?=^Some examples of a query)", readme.read(), re.M | re.S)[0]


class Server:
    """one process we started, with its log; wait_until() fails with the end of the log"""

    def __init__(self, name, command, log, **options):
        self.name, self.log, self.port = name, log, 0
        self.started = time.monotonic()
        with open(log, "wb") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            start_new_session=True, **options)
        self.pid = self.process.pid

    def wait_until(self, ready, timeout=60.0, pause=0.02):
        end = time.monotonic() + timeout
        while True:
            try:
                if ready():
                    return self
            except (OSError, BenchError):
                pass  # not yet
            if self.process.poll() is not None or time.monotonic() > end:
                tail = " ".join(pathlib.Path(self.log).read_text(errors="replace").split())[-400:]
                raise BenchError(f"{self.name} did not start (exit {self.process.poll()}): {tail}")
            time.sleep(pause)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Lab:
    def __init__(self, directory, build):
        self.dir, self.build = pathlib.Path(directory), pathlib.Path(build)
        self.servers = []
        self.dir.chmod(0o755)
        for name, package in NEEDED.items():
            if not shutil.which(name):
                raise SystemExit(f"test/bench/run: {name} is missing: apt-get install {package}")
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, 65536), limit))
        self._write_messages()

    # --- messages

    def _write_messages(self):
        words = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt".split()
        dice = random.Random(1)
        lines = [" ".join(dice.choice(words) for _ in range(10)) for _ in range(400)]
        head = ("From: A <a@sender.org>\nTo: user@example.com\nSubject: bench\nMessage-ID: <b{}@sender.org>\n"
                "Date: Sun, 22 Nov 2026 15:00:00 +0000\nMIME-Version: 1.0\n")
        mixed = 'Content-Type: multipart/mixed; boundary="bb"\n\n--bb\nContent-Type: text/plain\n\n'
        part = ('--bb\nContent-Type: application/octet-stream; name="{0}"\nContent-Transfer-Encoding: {2}\n'
                'Content-Disposition: attachment; filename="{0}"\n\n{1}--bb--\n')

        def text(size):
            taken = ""
            for line in lines:
                if len(taken) + len(line) + 1 > size:
                    break
                taken += line + "\n"
            return taken

        small = head.format(1) + "Content-Type: text/plain\n\n"
        large = head.format(2) + mixed + text(3000)
        virus = head.format(3) + mixed
        eicar = part.format("eicar.com", EICAR + "\n", "7bit")  # as it is: rules that look at raw bytes find it too
        noise = base64.encodebytes(dice.randbytes((102400 - len(large) - 200) * 3 // 4 * 76 // 77)).decode()
        def encoded(data):
            return base64.encodebytes(data).decode()

        def zipped(members):
            into = io.BytesIO()
            with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in members:
                    archive.writestr(zipfile.ZipInfo(name, (2026, 11, 22, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
            return into.getvalue()

        report = "".join(text(9000) for _ in range(3))
        tarred = io.BytesIO()
        with tarfile.open(fileobj=tarred, mode="w:gz") as archive:
            for i in range(4):
                entry = tarfile.TarInfo(f"log-{i}.txt")
                entry.size = len(report)
                archive.addfile(entry, io.BytesIO(report.encode()))
        attached = [("documents.zip", zipped([(f"report-{i}.txt", report) for i in range(5)])),
                    ("inner.zip", zipped([("inner.zip", zipped([("a.txt", report), ("b.txt", report)]))])),
                    ("logs.tar.gz", tarred.getvalue())]
        pieces = [part.format(name, encoded(data), "base64").removesuffix("--bb--\n") for name, data in attached]
        html = "--bb\nContent-Type: text/html\n\n<html><body><p>" + text(4000) + "</p></body></html>\n"
        self.messages = {"10k": small + text(10240 - len(small)), "100k": large + part.format("x.bin", noise, "base64"),
                         "attached": head.format(4) + mixed + text(3000) + html + "".join(pieces) + "--bb--\n",
                         "virus": virus + text(10240 - len(virus) - len(eicar)) + eicar}
        for name, content in self.messages.items():
            (self.dir / name).write_text(content)
            self.messages[name] = str(self.dir / name)

    # --- starting and ending

    def _start(self, name, command, **options):
        server = Server(name, command, self.dir / f"{name}.log", **options)
        self.servers.append(server)
        return server

    def stop(self, server):
        server.stop(signal.SIGINT if server.name == "postgres" else signal.SIGTERM)
        self.servers.remove(server)

    def stop_all(self):
        for server in reversed(self.servers[:]):
            self.stop(server)

    def _own_dir(self, name, user):
        path = self.dir / name
        path.mkdir()
        shutil.chown(path, user)
        return path

    def start_engines(self):
        """smtp-sink, PostgreSQL and clamd: what all filters share"""
        port = free_port()
        self.sink = self._start("smtp-sink", ["smtp-sink", "-u", "postfix", "-c", f"127.0.0.1:{port}", "1000"])
        self.sink.port = port
        self.sink.wait_until(lambda: greeting(port).startswith("220"))
        self._start_postgres()
        self._start_clamd()

    def sunk(self):
        """messages that smtp-sink has taken so far"""
        with open(self.sink.log, "rb") as file:
            file.seek(max(0, os.path.getsize(self.sink.log) - 200))
            counters = re.findall(rb"mesg=(\d+)", file.read())
        return int(counters[-1]) if counters else 0

    def _start_postgres(self):
        binaries = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        data, port = self._own_dir("pg", "postgres"), free_port()
        sockets = self._own_dir("pg-sockets", "postgres")
        sockets.chmod(0o755)
        as_postgres = {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": data}
        subprocess.run([f"{binaries}/initdb", "-D", data, "-A", "trust", "-E", "UTF8"], check=True,
                       stdout=subprocess.DEVNULL, **as_postgres)
        self.postgres = self._start("postgres", [f"{binaries}/postgres", "-D", data, "-p", str(port), "-k", sockets,
                                                 "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200",
                                                 "-c", "synchronous_commit=on", "-c", "fsync=on"], **as_postgres)
        self.postgres.port, self.postgres.sockets = port, sockets
        self.postgres.wait_until(lambda: (sockets / f".s.PGSQL.{port}").exists() and self.sql("postgres", "select 1"))
        self.sql("postgres", "create role amavis login")  # the schema's grants name it
        for database in ("amavisd", "tamis"):
            self.sql("postgres", f"create database {database} owner amavis")
            self.sql(database, amavis_schema(), user="amavis")

    def sql(self, database, statement, user="postgres"):
        done = subprocess.run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
                               str(self.postgres.port), "-U", user, "-d", database, "-f", "-"],
                              input=statement, text=True, capture_output=True)
        if done.returncode:
            raise BenchError(done.stderr.strip())
        return done.stdout.strip()

    def rows(self, database):
        """(records of clean mail, records of viruses, quarantined messages) in a filter's database"""
        return tuple(map(int, self.sql(database, "select count(*) from msgs where content = 'C';"
                                                 "select count(*) from msgs where content = 'V';"
                                                 "select count(distinct mail_id) from quarantine;").split()))

    def _start_clamd(self):
        database = self.dir / "clamdb"
        database.mkdir()
        (database / "test.ndb").write_text(f"Eicar-Test-Signature:0:0:{EICAR.encode().hex()}\n")
        self.clamd_socket = self.dir / "clamd.sock"
        config = self.dir / "clamd.conf"
        config.write_text(f"Foreground yes\nLocalSocket {self.clamd_socket}\nDatabaseDirectory {database}\n"
                          f"LogFile {self.dir}/clamd.messages\nStreamMaxLength 100M\nMaxThreads 10\n")
        self.clamd = self._start("clamd", ["clamd", "-c", str(config)])
        self.clamd.wait_until(self.clamd_socket.exists)

    # --- the filters; mode is "relay" (no engine, no database), "full" (clamd, PostgreSQL) or "opened" (the same, and mail
    #     is opened and judged by banned rules)

    def start_direct(self, _mode):
        return self.sink

    def start_amavisd(self, mode):
        home = self._own_dir(f"amavisd-{mode}-{free_port()}", "amavis")
        for name in ("tmp", "db", "home", "quarantine"):
            (home / name).mkdir()
            shutil.chown(home / name, "amavis", "amavis")
        full, port = mode in ("full", "opened"), free_port()
        config = self.dir / f"{home.name}.conf"  # amavisd refuses one that its user could write
        config.write_text(f"""use strict;
$daemon_user='amavis'; $daemon_group='amavis';
$MYHOME='{home}/home'; $TEMPBASE='{home}/tmp'; $db_home='{home}/db'; $QUARANTINEDIR='{home}/quarantine';
$pid_file='{home}/amavisd.pid'; $lock_file='{home}/amavisd.lock';
$path='/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/usr/bin:/bin';
$enable_db=0; $enable_zmq=0; $myhostname='filter.example.com'; $mydomain='example.com';
@local_domains_maps = ( [".example.com"] ); @mynetworks = qw(127.0.0.0/8);
$inet_socket_port={port}; $inet_socket_bind='127.0.0.1'; @inet_acl=qw(127.0.0.1);
$forward_method='smtp:[127.0.0.1]:{self.sink.port}'; $notify_method=$forward_method;
$max_servers={2 * os.cpu_count()}; $log_level=0; $do_syslog=0; $LOGFILE='{home}/amavis.log';
$enable_dkim_verification=0; $enable_dkim_signing=0;
$final_virus_destiny=D_DISCARD; $final_banned_destiny=D_DISCARD; $final_spam_destiny=D_DISCARD;
$final_bad_header_destiny=D_PASS; @bypass_spam_checks_maps=(1);
""" + (f"""
@lookup_sql_dsn = ( ['DBI:Pg:dbname=amavisd;host=127.0.0.1;port={self.postgres.port}', 'amavis', ''] );
@storage_sql_dsn = @lookup_sql_dsn; $sql_allow_8bit_address=1;
$virus_quarantine_method=$spam_quarantine_method=$banned_files_quarantine_method=$bad_header_quarantine_method='sql:';
@av_scanners = ( ['ClamAV-clamd', \\&ask_daemon, ["CONTSCAN {{}}\\n", "{self.clamd_socket}"],
  qr/\\bOK$/m, qr/\\bFOUND$/m, qr/^.*?: (?!Infected Archive)(.*) FOUND$/m ] );
""" if full else """
@av_scanners = (); @bypass_virus_checks_maps=(1);
$virus_quarantine_method=$spam_quarantine_method=$banned_files_quarantine_method=$bad_header_quarantine_method=undef;
""") + (BANNED_RE if mode == "opened" else "") + "1;\n")
        server = self._start("amavisd", ["amavisd", "-c", str(config), "foreground"])
        server.port = port
        return server.wait_until(lambda: greeting(port).startswith("220"), pause=0.002)

    def start_clamsmtp(self, _mode):
        scratch, port = self._own_dir(f"clamsmtp-{free_port()}", "clamsmtp"), free_port()
        scratch.chmod(0o777)
        config = scratch / "clamsmtpd.conf"
        config.write_text(f"OutAddress: 127.0.0.1:{self.sink.port}\nListen: 127.0.0.1:{port}\n"
                          f"ClamAddress: {self.clamd_socket}\nTempDirectory: {scratch}\nUser: clamsmtp\n"
                          "MaxConnections: 128\nAction: drop\nQuarantine: on\n")
        server = self._start("clamsmtp", ["clamsmtpd", "-f", str(config), "-d", "1"])
        server.port = port
        return server.wait_until(lambda: greeting(port).startswith("220"), pause=0.002)

    def start_tamis_yara(self, _mode):
        return self.start_tamis("yara")

    def start_tamis_plain(self, mode):
        """the policy engine as far off as it goes: no lookup_dsn, no tables"""
        return self.start_tamis(mode, "plain")

    def start_tamis_tables(self, mode):
        """with tables, patterns, banks and sender lists in the configuration"""
        return self.start_tamis(mode, "tables")

    def start_tamis_policy(self, mode):
        """the same and rows of users, policy, mailaddr and wblist that match the messages and a thousand that do not"""
        self.fill_lookup_tables()
        return self.start_tamis(mode, "policy")

    def start_tamis_local(self, mode):
        """as `policy`, over PostgreSQL's unix socket: what one uses on one machine"""
        self.fill_lookup_tables()
        return self.start_tamis(mode, "local")

    def start_tamis_cached(self, mode):
        """the same with `lookup_cache`: the tables are asked once in 30 s"""
        self.fill_lookup_tables()
        return self.start_tamis(mode, "cached")

    def fill_lookup_tables(self):
        if self.sql("tamis", "select count(*) from users") != "0":
            return
        self.sql("tamis", """
            insert into policy (id, policy_name, spam_tag2_level, spam_kill_level, spam_subject_tag2, spam_quarantine_to, message_size_limit)
              values (1, 'one', 6.5, 12, '[spam] ', 'spam-quarantine', 50000000), (2, 'domain', 7, 20, null, null, null), (3, 'all', 6.31, null, null, null, null);
            insert into users (id, priority, policy_id, email, fullname) values (1, 9, 1, 'user@example.com', 'User'), (2, 5, 2, '@example.com', 'Domain'),
              (3, 0, 3, '@.', 'All');
            insert into users (id, policy_id, email) select i, 1 + i % 3, convert_to('user' || i || '@example.com', 'UTF8') from generate_series(10, 1009) i;
            insert into mailaddr (id, priority, email) values (1, 9, 'a@sender.org'), (2, 5, '@.sender.org');
            insert into mailaddr (id, email) select i, convert_to('sender' || i || '@example.net', 'UTF8') from generate_series(10, 1009) i;
            insert into wblist (rid, sid, wb) values (1, 1, '-0.5'), (2, 2, '1.5'), (3, 2, ' ');
            insert into wblist (rid, sid, wb) select 10 + i, 10 + i, 'B' from generate_series(0, 999) i;
            analyze""")

    def start_tamis(self, mode, policy="usual"):
        """mode "yara": as "full", with the embedded rules instead of clamd"""
        state, port = self.dir / f"tamis-{mode}-{free_port()}", free_port()
        state.mkdir()
        if os.geteuid() == 0:  # tamisd becomes that user before it makes anything there
            shutil.chown(state, "nobody", "nogroup")
        config = state / "tamis.toml"
        dsn = f'"postgresql://amavis@127.0.0.1:{self.postgres.port}/tamis"' if mode != "relay" else "[]"
        own = f'"postgresql://amavis@127.0.0.1:{self.postgres.port}/tamis"'
        local = f'"postgresql://amavis@/tamis?host={self.postgres.sockets}&port={self.postgres.port}"'
        lookup_dsn = {"plain": "[]", "tables": "[]", "usual": dsn, "policy": own, "cached": own, "local": local}[policy]
        config.write_text(f"""[server]
listen = ["127.0.0.1:{port}"]
forward = "smtp:[127.0.0.1]:{self.sink.port}"
hostname = "filter.example.com"
local_domains = [".example.com"]
mynetworks = ["127.0.0.0/8"]
state_dir = "{state}"
user = "nobody"

[log]
target = "file:{state}/tamis.log"

[open]
enabled = {"true" if mode == "opened" or policy != "usual" else "false"}
[storage]
lookup_dsn = {lookup_dsn}
storage_dsn = {dsn}
{'lookup_cache = "30s"' if policy == "cached" else ""}

""" + {"full": f'[scanners.clamd]\nsocket = "{self.clamd_socket}"\n', "yara": "[scanners.yara]\n",
       "relay": '[policy]\nvirus_quarantine = ""\nbanned_quarantine = ""\nspam_quarantine = ""\nunopened_quarantine = ""\n'}[{"opened": "full"}.get(mode, mode)] + ("" if policy in ("plain", "usual") else POLICY_TABLES))
        server = self._start("tamis", [str(self.build / "tamisd"), "-c", str(config)])
        server.port = port
        return server.wait_until(lambda: greeting(port).startswith("220"), pause=0.002)

    def has_tamis(self):
        return (self.build / "tamisd").exists()

    def versions(self):
        def first(command, pattern):
            done = subprocess.run(command, shell=True, text=True, capture_output=True)
            found = re.search(pattern, done.stdout + done.stderr)
            return found[0] if found else "?"
        return {"Tamis": first(f"{self.build}/tamisd --version", r"[\d.]+") if self.has_tamis() else "not built",
                "amavisd-new": first("amavisd -V", r"\d[\d.]+\S*"),
                "clamsmtp": first("clamsmtpd -v", r"\d[\d.]+"),
                "clamd": first("clamd --version", r"\d[\d.]+"),
                "PostgreSQL": first("psql --version", r"\d[\d.]+"),
                "Postfix (smtp-source, smtp-sink)": first("postconf -h mail_version", r"[\d.]+")}
