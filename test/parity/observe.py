"""observe - what became of a message, as a flat table {what: value} without what no two servers have in common

Keys: "MAIL", "RCPT address", "reply", "reply address"; "hop address: ..." what the next hop got for a recipient; "copy ..." the
quarantined copy; "msgs.column", "msgrcpt address: column"; "notice to address"; "dsn ..."; "log".
"""
import email
import email.header
import email.policy
import re

from e2e.lib import mail

NUMBER = re.compile(r"(?<![\w.+-])c(\d+)\.(?=\d|g\d|sender|white|black|score|list|elsewhere|example)")
NUMBER_AT = re.compile(r"@c(\d+)\.")
NOT_COMPARED = {"mail_id", "am_id", "quar_loc", "host"}


def number_of(text):
    """The number of the message that an address, an id or a text speaks of; None when it speaks of none."""
    told = NUMBER_AT.search(text) or NUMBER.search(text)
    return int(told.group(1)) if told else None


def observe(message, said, found):
    ends = {command: f"{code} {' '.join(lines)}" for command, (code, lines) in said.items()}
    ids = [row["mail_id"] for row in found.msgs] + [row["am_id"] for row in found.msgs]
    ends.update(records(found))
    ends.update(handed_over(message, found))
    ends.update(copy(message, found.copy))
    ends["log"] = [log_line(line) for line in found.lines]
    return {key: same_shape(value, ids) for key, value in ends.items()}


def same_shape(value, ids):
    """A value without ids, ports and times."""
    if isinstance(value, (list, tuple)):
        return [same_shape(each, ids) for each in value]
    if not isinstance(value, str):
        return value
    for each in sorted(ids, key=len, reverse=True):
        value = value.replace(each, "ID")
    value = re.sub(r"\bid=[\w.-]+", "id=ID", value)
    value = re.sub(r"\[127\.0\.0\.1\]:\d+", "[HOP]", value)
    return re.sub(r"SINK[\d.]+", "SINK", value)


def records(found):
    ends = {}
    for row in found.msgs[:1]:
        ends.update({f"msgs.{column}": tidy(value) for column, value in row.items() if column not in NOT_COMPARED})
        ends["msgs.quar_loc"] = bool(row["quar_loc"])
    ends["msgs rows"] = len(found.msgs)
    for row in found.recipients:
        who = plain(row["email"])
        ends.update({f"msgrcpt {who}: {column}": tidy(value) for column, value in row.items() if column not in NOT_COMPARED | {"rseqnum"}})
    return ends


def tidy(value):
    if isinstance(value, float):
        return round(value, 3)
    return value.strip() if isinstance(value, str) else value


def plain(address):
    """An address as keys have it: without extension, quotes and upper case."""
    local, _, domain = address.rpartition("@")
    return f"{local.strip(chr(34)).split('+')[0].lower()}@{domain.lower()}"


def same_message(message, other):
    ours = re.search(rb"^Message-ID: (\S+)", message.data, re.M).group(1).decode()
    return other.field("Message-ID")[:1] == [ours]


def handed_over(message, found):
    ends, groups, dsn, held = {}, [], [], 0
    mine = {plain(recipient) for recipient in message.recipients}
    for other in found.handed_over:
        if same_message(message, other) and any(plain(address) in mine for address in other.recipients):
            groups.append(" ".join(sorted(plain(address) for address in other.recipients)))
            ends.update(passed(message, other))
        elif same_message(message, other):
            held += 1
        elif "multipart/report" in " ".join(other.field("Content-Type")):
            dsn += [f"to {' '.join(other.recipients)}: {line}" for line in report(other)]
        else:
            for address in other.recipients:
                ends[f"notice to {address}"] = ends.get(f"notice to {address}", 0) + 1
    ends["hop groups"] = sorted(groups)
    ends["dsn"] = sorted(dsn)
    ends["mailed copies"] = held
    return ends


def passed(message, other):
    ends = {}
    added, rest = split(message, other.data)
    for address in other.recipients:
        what = f"hop {plain(address)}: "
        ends[what + "address"] = address
        ends[what + "count"] = ends.get(what + "count", 0) + 1
        ends[what + "sender"] = other.mail_from
        ends[what + "MAIL"] = sorted(other.mail_parameters)
        ends[what + "RCPT"] = sorted(other.recipient_parameters[address])
        ends[what + "xforward"] = sorted(f"{name}={value}" for name, value in other.xforward.items())
        ends[what + "order"] = [name for name, _ in added]
        for name, _ in added:
            ends[what + name] = [value for other_name, value in added if other_name == name]
        ends[what + "header"] = [line for line in rest if not line.lower().startswith("subject:")]
        ends[what + "subject"] = [decoded(line.partition(":")[2]) for line in rest if line.lower().startswith("subject:")]
        ends[what + "body"] = other.body.decode("latin-1") if other.body != mail.body_of(message.data) else "unchanged"
    return ends


def split(message, octets):
    """The fields above the message's own: [(name, value)], and its own fields as lines."""
    octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    first = mail.fields(message.data)[0]
    lines = mail.fields(octets)
    at = lines.index(first) if first in lines else len(lines)
    added = []
    for line in lines[:at]:
        name, _, value = line.decode("utf-8", "surrogateescape").partition(":")
        added.append((name, field_value(name, " ".join(value.split()))))
    return added, [line.decode("utf-8", "surrogateescape") for line in lines[at:]]


def decoded(value):
    """A field's text without its folding and its encoding."""
    text = str(email.header.make_header(email.header.decode_header(re.sub(r"\r\n(?=[ \t])", "", value))))
    return " ".join(text.split())


def field_value(name, value):
    if name == "Received":
        value = re.sub(r"\((?:Tamis|amavis), port \d+\)", "(FILTER)", re.sub(r"; .*", "; DATE", value))
    return value


def copy(message, octets):
    if not octets:
        return {"copy": False}
    added, rest = split(message, octets)
    ends = {"copy": True, "copy order": [name for name, _ in added]}
    for name, _ in added:
        ends[f"copy {name}"] = [value for other, value in added if other == name]
    ends["copy header"] = rest if rest != [line.decode("utf-8", "surrogateescape") for line in mail.fields(message.data)] else "unchanged"
    body = mail.body_of(octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    ends["copy body"] = "unchanged" if body == mail.body_of(message.data) else body.decode("latin-1")
    return ends


def report(other):
    """Lines of a delivery status notification: one per recipient."""
    parsed = email.message_from_bytes(other.data, policy=email.policy.compat32)
    lines = []
    for part in parsed.walk():
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            for block in part.get_payload()[1:]:
                if block.keys():
                    block = {name: re.sub(r"(\d{3})-(\d\.\d\.\d) (.*?) \1 \2 ", r"\1 \2 \3 ", " ".join(value.split())) for name, value in block.items()}    # several lines
                    lines.append("; ".join(f"{name}: {' '.join(block[name].split())}" for name in
                                           ("Original-Recipient", "Final-Recipient", "Action", "Status", "Remote-MTA", "Diagnostic-Code") if name in block))
    return lines


def log_line(line):
    line = re.sub(r", \d+ ms.*", "", line)
    line = re.sub(r"\(\d+/\d+/.*", "", line)
    return re.sub(r", (?:mail_id|b|Queue-ID|queued_as): [^,]*", lambda told: told.group(0) if "Queue" in told.group(0) else "", line)
