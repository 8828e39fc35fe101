"""servers - PostgreSQL, clamd, spamd, rspamd and amavisd-new, private, on loopback

The slow ones are shared: `shared("clamd")` starts one per run. test/e2e/run starts them before its workers and passes
their addresses in TAMIS_E2E_SERVICES; a test module run by hand starts its own.
"""
import gzip
import json
import os
import pathlib
import shutil
import signal
import textwrap
import urllib.error
import urllib.request

from . import SOURCE
from .process import Process, folder, free_port, run, until

EICAR_SIGNATURE = ("Eicar-Test-Signature:0:*:58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e"
                   "444152442d414e544956495255532d544553542d46494c452124482b482a\n")


def postgres_programs():
    return max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))


def amavis_schema():
    """amavisd's own SQL schema for PostgreSQL, as its package documents it."""
    text = gzip.open("/usr/share/doc/amavisd-new/README.sql-pg.gz", "rt").read()
    start = text.index("CREATE TABLE policy")
    return text[start:text.index("Some examples of a query")]


class Postgres:
    """One cluster; database(name) makes a fresh database with the schema."""

    def __init__(self, name="postgres", connect=None):
        self.process = None
        if connect:
            self.port = connect
            return
        self.home = folder(name)
        shutil.chown(self.home, "postgres", "postgres")
        self.data = self.home / "data"
        run([postgres_programs() / "initdb", "-D", self.data, "-A", "trust", "-E", "UTF8", "--no-sync", "-U", "postgres"],
            user="postgres", group="postgres", extra_groups=[], cwd="/")
        self.port = free_port()
        self.start()

    def start(self):
        self.process = Process("postgres", [postgres_programs() / "postgres", "-D", self.data, "-p", self.port, "-k", self.home,
                                            "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200",
                                            "-c", "log_min_messages=warning"], user="postgres", cwd="/")
        until(lambda: self.process.running() and self.sql("select 1", database="postgres", check=False).strip() == "1",
              30, "PostgreSQL")
        return self

    def stop(self, number=signal.SIGINT):
        """SIGINT: fast shutdown, SIGQUIT: as if it crashed."""
        self.process.stop(number, seconds=30)

    def sql(self, statement, database="amavis", check=True):
        """Runs SQL as the superuser; unaligned text, rows by line, columns by '|'."""
        return run(["psql", "-h", "127.0.0.1", "-p", self.port, "-U", "postgres", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database,
                    "-c", statement], check=check)

    def file(self, text, database="amavis"):
        """Runs a long SQL text."""
        path = folder("sql") / "text.sql"
        path.write_text(text)
        run(["psql", "-h", "127.0.0.1", "-p", self.port, "-U", "postgres", "-Xq", "-v", "ON_ERROR_STOP=1", "-1", "-d", database, "-f", path])

    def rows(self, statement, database="amavis"):
        return [line.split("|") for line in self.sql(statement, database).splitlines()]

    def database(self, name="amavis", schema=None):
        """A fresh database with our schema (schema/postgresql), or with the given SQL text. Returns its DSN."""
        self.sql("do $$ begin create role amavis login; exception when duplicate_object or unique_violation then null; end $$", database="postgres")
        self.sql(f"create database {name} template template0", database="postgres")
        if schema is None:
            steps = sorted((SOURCE / "schema" / "postgresql").glob("[0-9]*.sql"))
            schema = "\n".join(step.read_text() for step in steps) if steps else amavis_schema()
        self.file(schema, name)
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


class Clamd:
    """clamd with one signature, EICAR, or those given (lines of an .ndb file); .socket is its unix socket, .tcp its TCP address.
    `limits` are lines of its clamd.conf."""

    def __init__(self, signatures=EICAR_SIGNATURE, limits=("StreamMaxLength 100M",)):
        home = folder("clamd")
        (home / "db").mkdir()
        (home / "db" / "test.ndb").write_text(signatures)
        port = free_port()
        self.socket, self.tcp = str(home / "clamd.sock"), f"127.0.0.1:{port}"
        (home / "clamd.conf").write_text(textwrap.dedent(f"""\
            Foreground yes
            LocalSocket {self.socket}
            LocalSocketMode 666
            TCPSocket {port}
            TCPAddr 127.0.0.1
            DatabaseDirectory {home}/db
            LogFile {home}/clamd.log
            LogFileMaxSize 0
            MaxThreads 10
            """) + "".join(f"{line}\n" for line in limits))
        self.process = Process("clamd", ["clamd", "-c", home / "clamd.conf"]).wait_for(self.socket)

    def addresses(self):
        return {"socket": self.socket, "tcp": self.tcp}


class Spamd:
    """spamd -L: SpamAssassin without the network."""

    def __init__(self):
        home = folder("spamd")
        shutil.chown(home, "debian-spamd", "debian-spamd")
        port = free_port()
        self.tcp = f"127.0.0.1:{port}"
        self.process = Process("spamd", ["spamd", "-L", "-m", "3", "--min-children=2", "-p", port, "-i", "127.0.0.1", "-u", "debian-spamd",
                                         "-x", "--syslog=stderr", f"--helper-home-dir={home}"],
                               env={"HOME": str(home)}).wait_for(self.tcp, 90)

    def addresses(self):
        return {"tcp": self.tcp}


class Rspamd:
    """rspamd with everything that needs the network turned off."""
    OFF = ("rbl spf dkim dmarc surbl asn fuzzy_check phishing greylist ratelimit replies neural history_redis mx_check arc "
           "dkim_signing spamtrap milter_headers").split()

    def __init__(self):
        home = folder("rspamd")
        shutil.copytree("/etc/rspamd", home / "etc", symlinks=True)
        local = home / "etc" / "local.d"
        local.mkdir(exist_ok=True)
        for name in ("db", "run", "log"):
            (home / name).mkdir()
        normal, controller, proxy = free_port(), free_port(), free_port()
        self.tcp = f"127.0.0.1:{normal}"
        self.url = f"http://{self.tcp}"
        (local / "worker-normal.inc").write_text(f'bind_socket = "{self.tcp}";\ncount = 1;\n')
        (local / "worker-controller.inc").write_text(f'bind_socket = "127.0.0.1:{controller}";\n')
        (local / "worker-proxy.inc").write_text(f'bind_socket = "127.0.0.1:{proxy}";\nenabled = false;\n')
        (local / "worker-fuzzy.inc").write_text("enabled = false;\n")
        (local / "options.inc").write_text('dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }\ndisable_hyperscan = true;\n'
                                           f'pidfile = "{home}/run/rspamd.pid";\n')
        (local / "logging.inc").write_text(f'type = "file"; filename = "{home}/log/rspamd.log"; level = "error";\n')
        for module in self.OFF:
            (local / f"{module}.conf").write_text("enabled = false;\n")
        if os.geteuid() == 0:
            run(["chown", "-R", "_rspamd:_rspamd", home])
        variables = {"CONFDIR": "etc", "LOCAL_CONFDIR": "etc", "DBDIR": "db", "RUNDIR": "run", "LOGDIR": "log"}
        self.process = Process("rspamd", ["rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd", "-c", home / "etc" / "rspamd.conf",
                                          *[f"--var={name}={home / sub}" for name, sub in variables.items()]])
        until(self._ready, 90, f"rspamd at {self.url}")

    def _ready(self):
        if not self.process.running():
            raise RuntimeError(f"rspamd ended: {self.process.log()[-2000:]}")
        try:
            return urllib.request.urlopen(self.url + "/ping", timeout=2).status == 200
        except (OSError, urllib.error.URLError):
            return False

    def addresses(self):
        return {"tcp": self.tcp, "url": self.url}


class Amavisd:
    """A real amavisd-new, for comparison and for its own reading of our quarantine."""

    def __init__(self, forward, clamd=None, postgres_port=None, database="amavis", spam=False, extra=""):
        home = self.home = folder("amavisd")
        for name in ("tmp", "db", "home", "quarantine"):
            (home / name).mkdir()
        run(["chown", "amavis:amavis", *[home / name for name in ("tmp", "db", "home", "quarantine")]])
        self.port = free_port()
        self.release_socket = str(home / "home" / "amavisd.sock")
        self.address = f"127.0.0.1:{self.port}"
        sql = ""
        if postgres_port:
            sql = (f"@lookup_sql_dsn = (['DBI:Pg:dbname={database};host=127.0.0.1;port={postgres_port}', 'postgres', '']);\n"
                   "@storage_sql_dsn = @lookup_sql_dsn; $sql_allow_8bit_address = 1;\n"
                   "$virus_quarantine_method = $spam_quarantine_method = $banned_files_quarantine_method ="
                   " $bad_header_quarantine_method = 'sql:';\n")
        scanners = "@av_scanners = (); @bypass_virus_checks_maps = (1);\n"
        if clamd:
            scanners = ("@av_scanners = (['ClamAV-clamd', \\&ask_daemon, [\"CONTSCAN {}\\n\", \"%s\"], "
                        "qr/\\bOK$/m, qr/\\bFOUND$/m, qr/^.*?: (?!Infected Archive)(.*) FOUND$/m]);\n" % clamd)
        config = home / "amavisd.conf"
        config.write_text(textwrap.dedent(f"""\
            use strict;
            $daemon_user = 'amavis'; $daemon_group = 'amavis';
            $MYHOME = '{home}/home'; $TEMPBASE = '{home}/tmp'; $db_home = '{home}/db'; $QUARANTINEDIR = '{home}/quarantine';
            $pid_file = '{home}/home/amavisd.pid'; $lock_file = '{home}/home/amavisd.lock';
            $path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/usr/bin:/bin';
            $enable_db = 0; $enable_zmq = 0; $myhostname = 'filter.example.com'; $mydomain = 'example.com';
            @local_domains_maps = ( [".example.com"] ); @mynetworks = qw(127.0.0.0/8);
            $inet_socket_port = {self.port}; $inet_socket_bind = '127.0.0.1'; @inet_acl = qw(127.0.0.1);
            $unix_socketname = '{self.release_socket}'; $unix_socket_mode = 0666;
            $interface_policy{{'SOCK'}} = 'AM.PDP-SOCK'; $policy_bank{{'AM.PDP-SOCK'}} = {{ protocol => 'AM.PDP', auth_required_release => 0 }};
            $forward_method = '{forward}'; $notify_method = $forward_method;
            $max_servers = 2; $log_level = 1; $do_syslog = 0; $LOGFILE = '{home}/home/amavis.log';
            $enable_dkim_verification = 0; $enable_dkim_signing = 0;
            $final_virus_destiny = D_DISCARD; $final_banned_destiny = D_DISCARD; $final_spam_destiny = D_DISCARD;
            $final_bad_header_destiny = D_PASS;
            $sa_tag_level_deflt = -999; $sa_tag2_level_deflt = 6.2; $sa_kill_level_deflt = 6.9; $sa_local_tests_only = 1;
            {"" if spam else "@bypass_spam_checks_maps = (1);"}
            """) + sql + scanners + extra + "\n1;\n")
        self.log_path = home / "home" / "amavis.log"
        self.process = Process("amavisd", ["amavisd", "-c", config, "foreground"])
        try:
            self.process.wait_for(self.address, 60)
        except RuntimeError as trouble:
            raise RuntimeError(f"{trouble}\n{self.log()[-2000:]}") from None

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self):
        self.process.stop()


SHARED = {"clamd": Clamd, "spamd": Spamd, "rspamd": Rspamd}
_started = {}


def shared(name):
    """The addresses (a dict) of the run's one clamd, spamd or rspamd; starts it when nobody has."""
    given = json.loads(os.environ.get("TAMIS_E2E_SERVICES", "{}"))
    if name in given:
        return given[name]
    if name not in _started:
        _started[name] = SHARED[name]()
    return _started[name].addresses()


def shared_postgres():
    """The run's one PostgreSQL cluster; each test makes its own database in it."""
    given = json.loads(os.environ.get("TAMIS_E2E_SERVICES", "{}"))
    if "postgres" in given:
        return Postgres(connect=given["postgres"]["port"])
    if "postgres" not in _started:
        _started["postgres"] = Postgres()
    return _started["postgres"]
