"""Tamis beside a real amavisd-new, with the same tables: how every recipient ends (test/parity/cases.py, smtp_cases.py)"""
import re

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.process import until
from e2e.lib.servers import Amavisd, shared, shared_postgres
from fakes.client import Client
from parity import smtp_cases
from parity.cases import BANNED_RULES, BOB, CAROL, CASES, PICKY


class Parity(Case):
    release_only = True
    limit = 1800       # a hundred messages through SpamAssassin, twice; minutes when the machine is busy

    def start(self, name, config=None, amavisd=""):
        """Both filters with databases and next hops of their own and the same engines."""
        self.postgres = shared_postgres()
        clamd = shared("clamd")["socket"]
        self.sinks = {"tamis": self.hop(), "amavisd": self.hop()}
        self.databases = {filter_name: f"parity_{name}_{filter_name}" for filter_name in self.sinks}
        dsn = {filter_name: self.postgres.database(database) for filter_name, database in self.databases.items()}
        for database in self.databases.values():
            self.postgres.rows("alter table policy alter id drop default", database)
        tamis = self.tamis(self.sinks["tamis"], {
            "policy": {"spam_tag_level": -999, "spam_tag2_level": 6.2, "spam_kill_level": 6.9, "spam_subject_tag2": "***SPAM*** ",
                       "bad_header_quarantine": "sql:", "spam_dsn_cutoff_level": "none"},
            "scanners": {"clamd": {"socket": clamd}, "spamd": {"socket": shared("spamd")["tcp"]}},
            "storage": {"lookup_dsn": dsn["tamis"], "storage_dsn": dsn["tamis"]}, **(config or {})})
        theirs = Amavisd(f"smtp:[127.0.0.1]:{self.sinks['amavisd'].port}", clamd=clamd, postgres_port=self.postgres.port,
                         database=self.databases["amavisd"], spam=True, extra="$sa_spam_subject_tag = '***SPAM*** ';\n" + amavisd)
        self.addCleanup(theirs.stop)
        self.servers = {"tamis": tamis, "amavisd": theirs}

    def compare(self, cases, outcome):
        unexpected = []
        for case in cases:
            ends = {name: outcome(name, case) for name in self.sinks}
            for key in sorted(set(ends["tamis"]) | set(ends["amavisd"])):
                ours, theirs = ends["tamis"].get(key), ends["amavisd"].get(key)
                if (ours != theirs) != (key in case.differs):
                    unexpected.append(f"{case.name}: {key}: Tamis {ours!r}, amavisd {theirs!r}")
        self.assertEqual(unexpected, [], "\n".join(["", *unexpected]))

    def test_every_recipient_ends_the_same(self):
        self.start("lmtp", {"banned": {"rules": {"PICKY": PICKY}}}, BANNED_RULES)
        self.compare(CASES, self.outcome)

    def test_one_reply_for_all(self):
        self.start("smtp", {"recipients": {f'"{address}"': {"final_spam_destiny": destiny, "final_virus_destiny": destiny, "final_bad_header_destiny": destiny}
                                           for address, destiny in smtp_cases.DESTINIES.items()},
                            "server": {"mynetworks": ["127.0.0.0/8", "192.0.2.0/24"]}}, smtp_cases.AMAVISD)
        self.compare(smtp_cases.SMTP_CASES, self.smtp_outcome)

    def prepare(self, name, rows):
        self.postgres.rows("delete from wblist; delete from mailaddr; delete from users; delete from policy; "
                           "delete from quarantine; delete from msgrcpt; delete from msgs; " + rows, self.databases[name])
        self.sinks[name].clear()

    def recorded(self, name, case, count):
        """The rows of the one message, when all of them are there."""
        def rows():
            found = self.postgres.rows("select m.content, m.quar_type, encode(a.email, 'escape'), r.content, r.ds, r.bl, r.wl, m.dsn_sent, m.client_addr, r.bspam_level from msgs m "
                                        "join msgrcpt r using (partition_tag, mail_id) join maddr a on a.id = r.rid "
                                        "where m.content is not null order by r.rseqnum", self.databases[name])
            return found if len(found) == count else None
        return until(rows, 60, f"{name}: {count} rows of {case.name!r}")

    def outcome(self, name, case):
        """{what: value} of both recipients"""
        self.prepare(name, case.rows)
        server = self.servers[name]
        before = len(server.log())
        data = case.message() if callable(case.message) else getattr(mail, case.message)()
        with Client(server.address, timeout=60) as client:
            client.hello(True)
            replies = client.transaction("alice@sender.example.org", [BOB, CAROL], data, True)
            client.quit()
        rows = self.recorded(name, case, 2)

        def words():
            return re.findall(r"\) (?:Passed|Blocked) ([A-Z]\S*(?: \(.*?\))?) \{", server.log()[before:])
        until(words, 60, f"{name}: the log line of {case.name!r}")
        ends = {"quar_type": rows[0][1].strip(), "msgs.content": rows[0][0], "log": words()[0], "client_addr": rows[0][8],
                "copy": self.copy_marks(name)}
        for (_, _, email, content, ds, bl, wl, _, _, score), reply in zip(rows, replies):
            who = email.partition("@")[0]
            mine = re.compile(re.escape(who) + r"[+@]")
            got = [message for message in self.sinks[name].messages if any(map(mine.match, message.recipients))]
            ends.update({f"{who} delivered": len(got), f"{who} reply": reply[0], f"{who} content": content, f"{who} ds": ds,
                         f"{who} bl": bl, f"{who} wl": wl, f"{who} has a spam score": abs(float(score)) > 50,
                         f"{who} address": [address for message in got for address in message.recipients if mine.match(address)],
                         f"{who} status": [status_shape(text) for message in got for text in message.field("X-Spam-Status")],
                         f"{who} alert": [" ".join(text.split()) for message in got for text in message.field("X-Amavis-Alert")],
                         f"{who} flag": [message.field("X-Spam-Flag") for message in got],
                         f"{who} subject": [message.field("Subject") for message in got]})
        return ends

    def copy_marks(self, name):
        """What the X-Spam fields of the copy in the table say, without what two engines need not have in common."""
        marks = []
        for (text,) in self.postgres.rows("select encode(mail_text, 'hex') from quarantine where chunk_ind = 1", self.databases[name]):
            header = re.sub(r"\n[ \t]+", " ", bytes.fromhex(text).decode("latin-1"))
            status = re.search(r"^X-Spam-Status: (.*)$", header, re.MULTILINE)
            flag = re.search(r"^X-Spam-Flag: (.*)$", header, re.MULTILINE)
            # amavisd does not ask for a score when the mail is blocked already: scan-blocked in docs/policy.md
            marks.append((flag and flag[1], status and re.sub("score=[nx]", "score", status_shape(status[1]))))
        return marks

    def smtp_outcome(self, name, case):
        """{what: value} of the one reply, of what was handed over, and of the records"""
        self.prepare(name, case.rows)
        hop = self.sinks[name].forget()
        for stage, reply, when in case.hop:
            hop.on(stage, reply, when)
        with Client(self.servers[name].address, timeout=60) as client:
            client.hello()
            client.command(f"XFORWARD ADDR={case.client or smtp_cases.OUTSIDE} NAME=client.example.org")
            data = case.message() if callable(case.message) else getattr(mail, case.message)()
            code, lines = client.transaction(case.sender, case.recipients, data)
            client.quit()
        rows = self.recorded(name, case, len(case.recipients))
        ends = {"reply": f"{code} {same_shape(' '.join(lines))}", "quar_type": rows[0][1].strip(), "msgs.content": rows[0][0],
                "dsn_sent": rows[0][7].strip()}
        delivered = [recipient for message in hop.messages for recipient in message.recipients]
        ends["sender told"] = delivered.count(case.sender)
        for _, _, email, content, ds, *_ in rows:
            ends.update({f"{email} delivered": delivered.count(email), f"{email} content": content, f"{email} ds": ds})
        return ends


def status_shape(text):
    """X-Spam-Status without the tests, and with "n" for the numbers of a score."""
    text = re.sub(r"score=[-\d.]+", "score=n", " ".join(text.split()))
    return re.sub(r" ?tests=.*", "", text)


def same_shape(text):
    """A reply without what no two servers have in common: ids, ports, queue ids."""
    text = re.sub(r"\bid=[\w.-]+", "id=ID", text)
    text = re.sub(r"\[127\.0\.0\.1\]:\d+", "[HOP]", text)
    return re.sub(r"queued as SINK[\d.]+", "queued as SINK", text)
