"""Tamis beside a real amavisd-new, with the same tables: how every recipient ends (test/parity/cases.py)"""
import re

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.process import until
from e2e.lib.servers import Amavisd, shared, shared_postgres
from fakes.client import Client
from parity.cases import BANNED_RULES, BOB, CAROL, CASES, PICKY


class Parity(Case):
    release_only = True
    limit = 400

    def test_every_recipient_ends_the_same(self):
        self.postgres = shared_postgres()
        clamd = shared("clamd")["socket"]
        sinks = {"tamis": self.hop(), "amavisd": self.hop()}
        dsn = {name: self.postgres.database(f"parity_{name}") for name in sinks}
        for name in sinks:
            self.postgres.rows("alter table policy alter id drop default", f"parity_{name}")
        tamis = self.tamis(sinks["tamis"], {
            "policy": {"spam_tag_level": -999, "spam_tag2_level": 6.2, "spam_kill_level": 6.9, "spam_subject_tag2": "***SPAM*** ",
                       "bad_header_quarantine": "sql:"},
            "banned": {"rules": {"PICKY": PICKY}},
            "scanners": {"clamd": {"socket": clamd}, "spamd": {"socket": shared("spamd")["tcp"]}},
            "storage": {"lookup_dsn": dsn["tamis"], "storage_dsn": dsn["tamis"]}})
        amavisd = Amavisd(f"smtp:[127.0.0.1]:{sinks['amavisd'].port}", clamd=clamd, postgres_port=self.postgres.port,
                          database="parity_amavisd", spam=True, extra="$sa_spam_subject_tag = '***SPAM*** ';\n" + BANNED_RULES)
        self.addCleanup(amavisd.stop)
        unexpected = []
        for case in CASES:
            ends = {name: self.outcome(name, server, sinks[name], case) for name, server in (("tamis", tamis), ("amavisd", amavisd))}
            for key in sorted(set(ends["tamis"]) | set(ends["amavisd"])):
                ours, theirs = ends["tamis"].get(key), ends["amavisd"].get(key)
                if (ours != theirs) != (key in case.differs):
                    unexpected.append(f"{case.name}: {key}: Tamis {ours!r}, amavisd {theirs!r}")
        self.assertEqual(unexpected, [])

    def outcome(self, name, server, sink, case):
        """{what: value} of both recipients"""
        database = f"parity_{name}"
        self.postgres.rows("delete from wblist; delete from mailaddr; delete from users; delete from policy; "
                           "delete from quarantine; delete from msgrcpt; delete from msgs; " + case.rows, database)
        sink.clear()
        before = len(server.log())
        data = case.message() if callable(case.message) else getattr(mail, case.message)()
        with Client(server.address) as client:
            client.hello(True)
            replies = client.transaction("alice@sender.example.org", [BOB, CAROL], data, True)
            client.quit()

        def rows():
            return self.postgres.rows("select m.content, m.quar_type, encode(a.email, 'escape'), r.content, r.ds, r.bl, r.wl from msgs m "
                                      "join msgrcpt r using (partition_tag, mail_id) join maddr a on a.id = r.rid "
                                      "where m.content is not null order by r.rseqnum", database)
        until(lambda: len(rows()) == 2, 20, f"{name}: two rows of {case.name!r}")
        def words():
            return re.findall(r"\) (?:Passed|Blocked) ([A-Z]\S*(?: \(.*?\))?) \{", server.log()[before:])
        until(words, 20, f"{name}: the log line of {case.name!r}")
        ends = {"quar_type": rows()[0][1].strip(), "msgs.content": rows()[0][0], "log": words()[0]}
        for (_, _, email, content, ds, bl, wl), reply in zip(rows(), replies):
            got = [message for message in sink.messages if email in message.recipients]
            who = email.partition("@")[0]
            ends.update({f"{who} delivered": len(got), f"{who} reply": reply[0], f"{who} content": content, f"{who} ds": ds,
                         f"{who} bl": bl, f"{who} wl": wl,
                         f"{who} alert": [" ".join(text.split()) for message in got for text in message.field("X-Amavis-Alert")],
                         f"{who} flag": [message.field("X-Spam-Flag") for message in got],
                         f"{who} subject": [message.field("Subject") for message in got]})
        return ends
