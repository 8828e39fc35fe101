"""pair - Tamis and a real amavisd-new side by side with the settings of one world: databases and next hops of their own, the
same clamd, and scores that stand in the message (field X-Standin)

    with Pair(world, "name") as pair:
        ends = pair.run(messages)        # {number: {"tamis": {what: value}, "amavisd": {what: value}}}
"""
import concurrent.futures
import json
import re

from e2e.lib.process import until
from e2e.lib.servers import Amavisd, shared, shared_postgres
from e2e.lib.tamis import Tamis
from fakes.client import Client, stuff
from fakes.loop import Server
from fakes.next_hop import NextHop

from .generate import HOP_RULES
from .observe import number_of, observe

JOBS = 4


class StandinSpamd(Server):
    """spamd that reads the score out of the message; its report is SpamAssassin's."""

    async def serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length:\s*(\d+)", head, re.I).group(1))
        header = (await reader.readexactly(length)).partition(b"\r\n\r\n")[0]
        field = re.search(rb"^X-Standin: (.*)$", header, re.M)
        tests = re.findall(r"([A-Z0-9_]+)=(-?[0-9.]+)", field.group(1).decode()) if field else []
        score = round(sum(float(value) for _, value in tests), 3)
        rows = "".join(f"{float(value):4.1f} {name:<22} words about it\r\n" if abs(float(value)) < 10 else f"{float(value):4.0f} {name:<22} words\r\n"
                       for name, value in tests)
        report = (f"Content analysis details:   ({score} points, 5.0 required)\r\n\r\n pts rule name              description\r\n"
                  f"---- ---------------------- --------------------------------------------------\r\n{rows}\r\n").encode()
        word = "True" if score >= 5 else "False"
        writer.write(f"SPAMD/1.1 0 EX_OK\r\nContent-length: {len(report)}\r\nSpam: {word} ; {score} / 5.0\r\n\r\n".encode() + report)
        await writer.drain()


class Pair:
    def __init__(self, world, name):
        self.world, self.name = world, name
        self.stops, self.databases = [], {}

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.postgres = shared_postgres()
        self.spamd = StandinSpamd().start()
        self.stops.append(self.spamd.stop)
        self.hops, dsn = {}, {}
        for name in ("tamis", "amavisd"):
            hop = self.hops[name] = NextHop().start()
            self.stops.append(hop.stop)
            for stage, reply, when in HOP_RULES:
                hop.on(stage, reply, when)
            self.databases[name] = f"{self.name}_{name}"
            dsn[name] = self.postgres.database(self.databases[name])
            self.postgres.rows("alter table policy alter id drop default", self.databases[name])
        clamd = shared("clamd")["socket"]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            ours = pool.submit(Tamis, self.hops["tamis"], {
                "scanners": {"clamd": {"socket": clamd}, "spamd": {"socket": self.spamd.address}},
                "storage": {"lookup_dsn": dsn["tamis"], "storage_dsn": dsn["tamis"]}, **self.world.tamis()})
            theirs = pool.submit(Amavisd, f"smtp:[127.0.0.1]:{self.hops['amavisd'].port}", clamd=clamd, postgres_port=self.postgres.port,
                                 database=self.databases["amavisd"], spam=True, extra=f"$max_servers = {JOBS};\n" + self.world.amavisd())
            self.servers = {}
            for name, started in (("tamis", ours), ("amavisd", theirs)):
                self.servers[name] = started.result()
                self.stops.append(self.servers[name].stop)
        self.folders = {"tamis": self.servers["tamis"].home / "state" / "quarantine", "amavisd": self.servers["amavisd"].home / "quarantine"}

    def stop(self):
        for stop in reversed(self.stops):
            stop()
        for name in self.databases.values():
            self.postgres.sql(f"drop database if exists {name} with (force)", "postgres", check=False)

    def run(self, messages):
        for database in self.databases.values():
            self.postgres.file("".join(message.rows for message in messages), database)
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            replies = list(pool.map(self.send, messages))
        found = {name: self.found(name) for name in self.servers}
        ends = {}
        for message, said in zip(messages, replies):
            ends[message.number] = {name: observe(message, said[name], found[name].get(message.number, Found())) for name in self.servers}
        return ends

    def send(self, message):
        return {name: self.dialog(server.address, message) for name, server in self.servers.items()}

    @staticmethod
    def dialog(address, message):
        """{command: reply} of the transaction"""
        lmtp = message.protocol == "lmtp"
        with Client(address, timeout=120) as client:
            client.hello(lmtp)
            if message.xforward:
                client.command(message.xforward)
            said = {"MAIL": client.command(f"MAIL FROM:<{message.sender}>{message.parameters}")}
            accepted = []
            for recipient in message.recipients:
                said[f"RCPT {recipient}"] = reply = client.command(f"RCPT TO:<{recipient}>{message.recipient_parameters[recipient]}")
                if reply[0] // 100 == 2:
                    accepted.append(recipient)
            if not accepted:
                return said
            code, _ = client.command("DATA")
            if code != 354:
                return said
            client.send(stuff(message.data) + b".\r\n")
            for recipient in accepted if lmtp else [""]:
                said[f"reply {recipient}".strip()] = client.reply()
                if lmtp and said[f"reply {recipient}"][1][0].startswith("5.3.4 Message size"):
                    break               # amavisd says it once for all
            client.command("QUIT")
        return said

    def found(self, name):
        """What one of them wrote about each message, when all of it is there."""
        server, database = self.servers[name], self.databases[name]
        if not server.process.running():
            raise AssertionError(f"{name} ended:\n{server.log()[-3000:]}")
        lines = {}
        for line in server.log().splitlines():
            told = re.search(r"(Passed|Blocked) [A-Z].*Message-ID: <c(\d+)\.\d+@", line)
            if told:
                lines.setdefault(int(told.group(2)), []).append(line[told.start():])

        def rows():
            msgs = self.select(database, "select encode(mail_id, 'escape') mail_id, am_id, encode(a.email, 'escape') sender, a.domain sender_domain, policy, client_addr,"
                               " size, originating, content, quar_type, quar_loc, dsn_sent, spam_level, message_id, from_addr, subject, host"
                               " from msgs left join maddr a on a.id = sid")
            msgs = [row for row in msgs if row["content"]]
            return (msgs,) if len(msgs) >= len(lines) else None
        msgs, = until(rows, 60, f"{name}: the records of {len(lines)} messages")
        by_id = {}
        found = {}
        for row in msgs:
            number = number_of(row["message_id"])
            each = found.setdefault(number, Found())
            each.msgs.append(row)
            by_id[row["mail_id"]] = each
            if row["quar_type"] == "F":
                each.copy = (self.folders[name] / row["quar_loc"].split(",")[0]).read_bytes()
        for row in self.select(database, "select encode(mail_id, 'escape') mail_id, rseqnum, encode(a.email, 'escape') email, a.domain, is_local, content, ds, rs, bl, wl,"
                               " bspam_level, smtp_resp from msgrcpt join maddr a on a.id = rid order by mail_id, rseqnum"):
            if row["mail_id"] in by_id:
                by_id[row["mail_id"]].recipients.append(row)
        for row in self.select(database, "select encode(mail_id, 'escape') mail_id, encode(mail_text, 'hex') mail_text from quarantine order by mail_id, chunk_ind"):
            if row["mail_id"] in by_id and by_id[row["mail_id"]].msgs[0]["quar_type"] == "Q":
                by_id[row["mail_id"]].copy += bytes.fromhex(row["mail_text"])
        for number, each in lines.items():
            found.setdefault(number, Found()).lines = each
        for message in self.hops[name].messages:
            number = next((number_of(text) for text in [*message.recipients, message.mail_from, message.data.decode("latin-1")] if number_of(text) is not None), None)
            found.setdefault(number, Found()).handed_over.append(message)
        return found

    def select(self, database, query):
        return [json.loads(line) for line in self.postgres.sql(f"select row_to_json(t) from ({query}) t", database).splitlines()]


class Found:
    """What one of them left behind about one message."""

    def __init__(self):
        self.msgs, self.recipients, self.copy, self.lines, self.handed_over = [], [], b"", [], []
