"""tamis doctor: a set-up that is right has no problem; each fault is found, with what to do about it"""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

from e2e.lib.case import Case
from e2e.lib.databases import era_schema
from e2e.lib.postfix import Postfix
from e2e.lib.process import folder, free_port, until
from e2e.lib.servers import shared, shared_postgres
from e2e.lib.tamis import build_directory, merge, toml
from fakes.engine import Engine, SILENT


def doctor(config, *words, postfix=None, timeout=300, patience=60):
    """(exit status, findings, text of the report or what went wrong)"""
    more = ["--postfix-config", str(postfix)] if postfix else []
    done = subprocess.run([str(word) for word in (build_directory() / "tamis", "doctor", "-c", config, "--patience", patience, *more, *words)], text=True,
                          capture_output=True, timeout=timeout)
    found = json.loads(done.stdout)["findings"] if "--json" in words and done.stdout.startswith("{") else []
    return done.returncode, found, done.stdout + done.stderr


def has_user_namespaces():
    """In a chroot, and where they are switched off, nobody gets them"""
    who = {"user": "nobody"} if os.geteuid() == 0 else {}
    return subprocess.run(["unshare", "--user", "true"], capture_output=True, **who).returncode == 0


def settle(directory):
    """postconf waits until a file is a second old before it believes in it"""
    for name in ("main.cf", "master.cf"):
        os.utime(directory / name, (time.time() - 10,) * 2)


class Doctor(Case):
    def look(self, config, *words, status=None, **more):
        code, found, text = doctor(config, "--json", *words, **more)
        if status is not None:
            self.assertEqual(code, status, text)
        return found

    def assertFound(self, findings, level, what, fix=None):
        """One finding of that level whose text (and whose fix) match the patterns."""
        fitting = [f for f in findings if re.search(what, f["what"])]
        self.assertTrue(fitting, f"nothing about {what!r} in:\n" + "\n".join(f"{f['level']}: {f['what']}" for f in findings))
        self.assertEqual({f["level"] for f in fitting}, {level}, fitting)
        if fix is not None:
            self.assertRegex("\n".join(line for f in fitting for line in f["fix"]), fix)
        for finding in findings:
            self.assertEqual(bool(finding["fix"]), finding["level"] in ("warning", "problem"), finding)

    def changed(self, daemon, changes):
        """A copy of the daemon's configuration with these tables laid over it"""
        file = folder("doctor") / "tamis.toml"
        file.write_text(toml(merge(daemon.config, changes)))
        file.chmod(0o644)
        return file


class RunningSetUp(Doctor):
    def setUp(self):
        super().setUp()
        self.postgres = shared_postgres()
        self.base = "doctor_all"
        self.postgres.sql(f"drop database if exists {self.base}", "postgres")
        dsn = self.postgres.database(self.base)
        clamd, spamd, rspamd = shared("clamd"), shared("spamd"), shared("rspamd")
        port = free_port()
        self.sink = self.hop()
        self.postfix = Postfix(f"127.0.0.1:{port}", self.sink.address)
        self.addCleanup(self.postfix.stop)
        self.daemon = self.tamis(f"smtp:[127.0.0.1]:{self.postfix.back_port}", {"scanners": {
            "clamd": {"socket": clamd["socket"]}, "spamd": {"socket": spamd["tcp"]}, "rspamd": {"url": rspamd["url"]}, "yara": {},
            "command": {"cat": {"program": "/bin/cat", "clean": [0], "infected": [1]}}}, "policy": {"spam_scores": "sum"}}, storage=dsn, port=port, start=False)
        self.daemon.config["control"] = {"listen": [f"unix:{self.daemon.home}/ampdp.sock"]}
        self.daemon.start()
        self.daemon.wait_log("started, listening on")
        self.file = self.daemon.file
        # what Postfix 3.7 does not do by itself, and what the harness leaves to the test
        text = (self.postfix.config / "main.cf").read_text()
        (self.postfix.config / "main.cf").write_text(text + "smtpd_forbid_bare_newline = yes\n")
        settle(self.postfix.config)

    def other_postfix(self, change_master=lambda text: text, main=""):
        """A copy of Postfix's configuration, changed; nobody runs it"""
        directory = folder("postfix-copy") / "etc"
        shutil.copytree(self.postfix.config, directory)
        master = directory / "master.cf"
        text = change_master(master.read_text())
        master.write_text(text)
        (directory / "main.cf").write_text((directory / "main.cf").read_text() + main)
        settle(directory)
        return directory

    def test_what_is_right_and_each_fault_of_postfix(self):
        back = f"127\\.0\\.0\\.1:{self.postfix.back_port}/inet"
        findings = self.look(self.file, postfix=self.postfix.config, status=0)
        bad = [f for f in findings if f["level"] in ("problem", "warning")]
        # the clamd of the tests knows two signatures of its own, and doctor says so
        expected = ["none of ClamAV's official signatures"]
        if not has_user_namespaces():
            expected.append("this kernel gives nobody no namespaces")
        self.assertEqual([f for f in bad if not any(text in f["what"] for text in expected)], [])
        self.assertEqual(len(bad), len(expected), bad)
        for what in ("tamisd answers at 127", "tamisd answers at /", "AM.PDP answers", "clamd .*ClamAV|ClamAV", "spamd .* answers", "rspamd .* answers", "yara: the rules compile",
                     "command.cat: /bin/cat", "a decoder process starts, confined by seccomp|decoder processes are confined by seccomp", "PostgreSQL 1", "server.forward .* answers", "content_filter = tamis-lmtp",
                     f"{back} takes mail back", "server.state_dir", "no mistakes; 5 scanners"):
            self.assertTrue([f for f in findings if re.search(what, f["what"])], (what, findings))
        code, _, text = doctor(self.file, "--only", "daemon,postfix", postfix=self.postfix.config)
        self.assertEqual(code, 0, text)
        self.assertRegex(text, r"(?m)^ok +daemon +tamisd answers at 127\.0\.0\.1:\d+$")
        self.assertRegex(text, r"0 problems, 0 warnings, \d+ ok, 0 not checked\n$")
        self.assertIn('there is no topic "postfx" (did you mean "postfix"?)', doctor(self.file, "--only", "postfx")[2])

        def faults(rows, **change):
            directory = self.other_postfix(**change)
            findings = self.look(self.file, "--only", "postfix", postfix=directory, status=2)
            for level, what, fix in rows:
                self.assertFound(findings, level, what, fix)
            return directory, findings

        def cure(directory, findings, pattern):
            """What doctor says is done, and then it says no more"""
            [command] = [line for finding in findings for line in finding["fix"] if re.search(pattern, line)]
            subprocess.run(command.split(" && ")[0], shell=True, check=True, capture_output=True)
            settle(directory)
            self.look(self.file, "--only", "postfix", postfix=directory, status=0)

        def without(*lines):
            return lambda text: re.sub(rf"(?m)^ +-o (?:{'|'.join(lines)}).*\n", "", text)

        cure(*faults([("problem", "mail is not filtered: no content_filter leads to", r"-e 'content_filter=tamis-lmtp:\[127\.0\.0\.1\]:\d+'")], main="content_filter =\n"),
             "-e 'content_filter=")
        directory, findings = faults(
            [("problem", f"{back} filters again .* loop", rf"-P '{back}/content_filter='"),
             ("warning", "does not let 127.0.0.1 say who the original client is", "smtpd_authorized_xforward_hosts=127"),
             ("warning", "does not say who the original client is", "lmtp_send_xforward_command=yes"),
             ("warning", "to the milters again", "no_milters")],
            main="smtpd_milters = inet:127.0.0.1:1\n",
            change_master=lambda text: without("content_filter=", "smtpd_authorized_xforward_hosts", "lmtp_send_xforward_command")(text).replace(",no_milters", ""))
        cure(directory, findings, "content_filter=")
        self.assertEqual(doctor(self.file, "--only", "postfix", "--strict", postfix=directory)[0], 1)
        faults([("problem", "gives up after 60 s", "lmtp_data_done_timeout=1200s"),
                ("problem", "both have no_address_mappings", "no_milters'"),
                ("problem", "refuses us: 127.0.0.1 is not in its mynetworks", "mynetworks="),
                ("warning", r"takes a bare newline .*\(smtpd_forbid_bare_newline = no", "smtpd_forbid_bare_newline=yes")],
               main="receive_override_options = no_address_mappings\n",
               change_master=lambda text: text.replace("lmtp_data_done_timeout=1200", "lmtp_data_done_timeout=60").replace(
                   "-o mynetworks=127.0.0.0/8", "-o mynetworks=10.0.0.0/8").replace("-o smtpd_forbid_bare_newline=yes", "-o smtpd_forbid_bare_newline=no"))
        faults([("problem", "no service of master.cf listens on our next hop", "master.cf.lmtp"),
                ("problem", "names a transport that master.cf does not have", "tamis-lmtp")],
               change_master=lambda text: text.replace(f"127.0.0.1:{self.postfix.back_port} ", "127.0.0.1:1 ").replace("tamis-lmtp ", "other-lmtp "))
        self.assertFound(self.look(self.file, "--only", "postfix", postfix="/nonexistent", status=2), "problem", "configuration cannot be read", "postfix check")


class Faults(Doctor):
    def test_of_everything_but_postfix_and_databases(self):
        hop = self.hop()
        daemon = self.tamis(hop, {"scanners": {"clamd": {"socket": "/nonexistent"}, "command": {"cat": {"program": "/bin/cat", "clean": [0], "infected": [1]}}}}, start=False)
        refused = socket.socket()
        refused.bind(("127.0.0.1", 0))
        self.addCleanup(refused.close)
        nobody = f"127.0.0.1:{refused.getsockname()[1]}"

        def faults(topics, rows, changes, mode=0o644, **more):
            file = self.changed(daemon, changes)
            file.chmod(mode)
            findings = self.look(file, "--only", topics, status=2, **more)
            for level, what, fix in rows:
                self.assertFound(findings, level, what, fix)

        with Engine("clamd", reply=b"ClamAV 1.0.7/27345/Thu Jul 25 08:28:55 2024\0") as stale, Engine("spamd", SILENT) as silent:
            faults("scanners", [("problem", "signatures 27345 of [0-9]+ days ago", "freshclam"),
                                ("problem", "^spamd .* does not answer", "systemctl start spamd"),
                                ("problem", "rspamd .* does not answer", "systemctl start rspamd"),
                                ("problem", "command.cat: none of its programs", r"\[scanners.command.cat\]")],
                   {"scanners": {"clamd": {"socket": stale.address}, "spamd": {"socket": silent.address}, "rspamd": {"url": f"http://{nobody}"},
                                 "command": {"cat": {"program": "/nonexistent/cat"}}}}, patience=5)
        faults("scanners", [("problem", "none of the 2 addresses of clamd answers", "start one"), ("warning", "clamd /nonexistent", "systemctl start clamav")],
               {"scanners": {"clamd": {"socket": [nobody, "/nonexistent/clamd.ctl"]}}})
        faults("daemon,nexthop,files", [("problem", "server.forward .* does not answer", "master.cf"), ("problem", "tamisd does not answer at", "systemctl start tamis"),
                                        ("problem", "state_dir /nonexistent/state is not there", "install -d")],
               {"server": {"forward": f"smtp:[127.0.0.1]:{nobody.rpartition(':')[2]}", "listen": [nobody], "state_dir": "/nonexistent/state"}})
        dsn = f"postgresql://postgres:SeCrEt@127.0.0.1:1/mail"
        faults("config", [("problem", "tamisd itself .* loop", "forward"), ("problem", "holds a password and everybody may read it", "chmod 640")],
               {"server": {"forward": f"smtp:[127.0.0.1]:{daemon.port}"}, "storage": {"storage_dsn": dsn}})
        self.assertNotIn("SeCrEt", doctor(self.changed(daemon, {"storage": {"storage_dsn": dsn}}))[2])
        file = self.changed(daemon, {})
        file.write_text("[server]\nlisten = 7\nnothing = 1\n")
        self.assertFound(self.look(file, status=2), "problem", "tamis.toml:2:.*listen must be", "--check")


class Databases(Doctor):
    def test_faults(self):
        postgres = shared_postgres()
        daemon = self.tamis("smtp:[127.0.0.1]:9", {"scanners": {"yara": {}}}, start=False)

        def fault(level, what, fix, storage, lookup=None):
            file = self.changed(daemon, {"storage": {"storage_dsn": storage, "lookup_dsn": lookup or storage}})
            self.assertFound(self.look(file, "--only", "storage", status={"problem": 2, "warning": 0}[level]), level, what, fix)

        def fresh(name, schema=None, statements=""):
            postgres.sql(f"drop database if exists {name}", "postgres")
            dsn = postgres.database(name, schema)
            if statements:
                postgres.sql(statements, name)
            return dsn

        good = fresh("doctor_good")
        self.look(self.changed(daemon, {"storage": {"storage_dsn": good, "lookup_dsn": good}}), "--only", "storage", status=0)
        fault("problem", "no database|does not exist", "createdb", f"postgresql://postgres@127.0.0.1:{postgres.port}/doctor_nowhere")
        fault("problem", "no user", "start it|correct|createuser", f"postgresql://doctor_nobody@127.0.0.1:{postgres.port}/doctor_good")
        locked = fresh("doctor_locked")
        hba = pathlib.Path(postgres.sql("show hba_file", "postgres").strip())
        if "doctor_locked" not in hba.read_text():
            with open(hba, "r+") as stream:
                text = stream.read()
                stream.seek(0)
                stream.write("host doctor_locked all 127.0.0.1/32 scram-sha-256\n" + text)
        postgres.sql("select pg_reload_conf()", "postgres")
        until(lambda: "no password supplied" in doctor(self.changed(daemon, {"storage": {"storage_dsn": locked, "lookup_dsn": locked}}), "--only", "storage")[2], 30, "the password rule")
        fault("problem", "no password supplied: .*user \"postgres\"", "~nobody/.pgpass", locked)
        fault("problem", "wrong password for user", "ALTER ROLE", locked.replace("postgres@", "postgres:wrong@"))
        fault("problem", "has none of the tables", "tamis schema install", fresh("doctor_empty", "select 1;"))
        fault("problem", "has no table quarantine", "tamis schema upgrade", fresh("doctor_table", None, "drop table quarantine"))
        fault("warning", "has no column msgs.quar_loc", "tamis schema upgrade", fresh("doctor_column", None, "alter table msgs drop column quar_loc"))
        fault("warning", "has no column .*msgrcpt.content", "tamis schema upgrade", fresh("doctor_era", era_schema("amavisd-2.6")))
        fault("warning", r"another entry of the list is used", "start it", ["postgresql://postgres@127.0.0.1:1/mail", good])
        fault("problem", "is read-only", "primary", fresh("doctor_standby", None, "alter database doctor_standby set default_transaction_read_only = on"), good)
        postgres.sql("do $$ begin create role doctor_reader login; exception when duplicate_object or unique_violation then null; end $$", "postgres")
        reader = fresh("doctor_rights", None, "grant select on all tables in schema public to doctor_reader").replace("postgres@", "doctor_reader@")
        fault("problem", 'the role "doctor_reader" has no right to INSERT on .*msgs', r'GRANT INSERT ON maddr.* TO "doctor_reader"', reader, good)

    def test_sqlite_is_not_touched(self):
        daemon = self.tamis(self.hop(), {"scanners": {"yara": {}}})
        state = daemon.config["server"]["state_dir"]
        daemon.stop()
        before = sorted((path.name, path.stat().st_mtime_ns) for path in pathlib.Path(state).iterdir())
        findings = self.look(daemon.file, "--only", "storage,files", status=0)
        self.assertFound(findings, "ok", r"sqlite:.*SQLite; Tamis, schema step")
        self.assertEqual(before, sorted((path.name, path.stat().st_mtime_ns) for path in pathlib.Path(state).iterdir()))
        missing = self.look(self.changed(daemon, {"storage": {"storage_dsn": f"sqlite:{state}/other.db", "lookup_dsn": f"sqlite:{state}/other.db"}}), "--only", "storage", status=0)
        self.assertFound(missing, "ok", "not there yet")
