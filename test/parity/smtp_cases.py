"""smtp_cases - messages over SMTP, which has one reply for all recipients, to recipients whose outcomes differ

Each case: a message, its recipients, rows of the tables, and how the next hop behaves. The recipients' names say what
happens to spam, viruses and bad headers for them (DESTINIES; both filters have the same static tables). Compared: the reply with ids and
ports taken out, what every recipient and the sender got, content and ds of every recipient, content, quar_type and dsn_sent
of the message. `differs` is {key: reason} of what is known to differ; docs/policy.md lists the same.
"""
import collections

from .cases import header, user

BOB, CAROL = "bob@example.com", "carol@example.com"                       # discard, as the site
REJECT, REJECT2 = "reject@example.com", "reject2@example.com"
BOUNCE, BOUNCE2 = "bounce@example.com", "bounce2@example.com"
TEMPFAIL = "tempfail@example.com"
ELSE = "somebody@elsewhere.example.net"                                   # not ours
DESTINIES = {REJECT: "reject", REJECT2: "reject", BOUNCE: "bounce", BOUNCE2: "bounce", TEMPFAIL: "tempfail"}

SmtpCase = collections.namedtuple("SmtpCase", "name message recipients rows hop sender client differs", defaults=("", (), "alice@sender.example.org", None, {}))
INSIDE = "192.0.2.7"      # a client of mynetworks: its mail is originating
OUTSIDE = "198.51.100.7"

# why something differs; `differs` of a case names the keys
NO_BACKSCATTER = "spam and viruses from outside are never bounced, whatever the destiny"
TOLD_ONCE = "the 5xx or 4xx reply makes the MTA tell the sender or come back; amavisd sends a notification besides"
MTA_LETTER = "the letter of the category is T, as README.sql has it; amavisd writes a question mark"


def differing(reason, *keys):
    return dict.fromkeys(keys, reason)


def refused_by_mta(*recipients):
    return differing(MTA_LETTER, "msgs.content", *[f"{recipient} content" for recipient in recipients])


def not_bounced(*more):
    return differing(NO_BACKSCATTER, "dsn_sent", "sender told", *more)



def lover(email, number=1):
    return user({"spam_lover": "Y"}, email, number)


def at(stage, reply, when=""):
    """What the next hop says at a stage; `when` is part of the argument."""
    return (stage, reply, when)


AMAVISD = """
$policy_bank{'MYNETS'} = { originating => 1 };
@mynetworks = qw(127.0.0.0/8 192.0.2.0/24);
for my $category (CC_SPAM, CC_VIRUS, CC_BADH) {
  my $setting = $category eq CC_SPAM ? 'final_spam_destiny' : $category eq CC_VIRUS ? 'final_virus_destiny' : 'final_bad_header_destiny';
  my $site = sub { c($setting) };
  $final_destiny_maps_by_ccat{$category} = [ { %s }, $site ];
}
""" % ", ".join(f"'{address}' => D_{destiny.upper()}" for address, destiny in DESTINIES.items())

EIGHT_BIT_HEADER = header([b"X-A: caf\xe9"])

SMTP_CASES = [
    SmtpCase("clean for both", "clean", [BOB, CAROL]),
    SmtpCase("clean for one", "clean", [BOB]),
    SmtpCase("clean, one not ours", "clean", [BOB, ELSE]),
    SmtpCase("spam discarded for all", "gtube", [BOB, CAROL]),
    SmtpCase("virus discarded for all", "eicar", [BOB, CAROL]),
    SmtpCase("spam discarded for one, loved by the other", "gtube", [BOB, CAROL], lover(BOB)),
    SmtpCase("spam discarded for two, loved by the third", "gtube", [CAROL, BOB, "dave@example.com"], lover(BOB)),
    SmtpCase("spam loved by all", "gtube", [BOB, CAROL], lover("@.example.com")),
    SmtpCase("virus loved by one", "eicar", [BOB, CAROL], user({"virus_lover": "Y"})),
    SmtpCase("bypass for one", "gtube", [BOB, CAROL], user({"bypass_spam_checks": "Y"})),
    SmtpCase("no quarantine for one", "gtube", [BOB, CAROL], user({"spam_quarantine_to": ""})),
    SmtpCase("no quarantine for all", "gtube", [BOB, CAROL], user({"spam_quarantine_to": ""}, "@.example.com")),
    SmtpCase("bad header rejected for all", EIGHT_BIT_HEADER, [REJECT, REJECT2]),
    SmtpCase("bad header rejected and passed", EIGHT_BIT_HEADER, [REJECT, BOB]),
    SmtpCase("bad header bounced", EIGHT_BIT_HEADER, [BOUNCE]),
    SmtpCase("bad header tempfailed", EIGHT_BIT_HEADER, [TEMPFAIL]),
    SmtpCase("spam rejected for one", "gtube", [REJECT]),
    SmtpCase("spam rejected for all", "gtube", [REJECT, REJECT2]),
    SmtpCase("virus rejected for all", "eicar", [REJECT, REJECT2]),
    SmtpCase("rejected and discarded", "gtube", [REJECT, BOB], differs=differing(TOLD_ONCE, "dsn_sent", "sender told")),
    SmtpCase("discarded and rejected", "gtube", [BOB, REJECT], differs=differing(TOLD_ONCE, "dsn_sent", "sender told")),
    SmtpCase("virus discarded and rejected", "eicar", [BOB, REJECT], differs=differing(TOLD_ONCE, "dsn_sent")),
    SmtpCase("no quarantine for the one who is rejected", "gtube", [REJECT, BOB], user({"spam_quarantine_to": ""}, REJECT),
             differs=differing(TOLD_ONCE, "dsn_sent", "sender told")),
    SmtpCase("rejected and passed", "gtube", [REJECT, BOB], lover(BOB), differs=not_bounced()),
    SmtpCase("rejected, discarded and passed", "gtube", [REJECT, CAROL, BOB], lover(BOB), differs=not_bounced()),
    SmtpCase("bounced", "gtube", [BOUNCE], differs=not_bounced("reply")),
    SmtpCase("bounced for all", "gtube", [BOUNCE, BOUNCE2], differs=not_bounced("reply")),
    SmtpCase("bounced and passed", "gtube", [BOUNCE, BOB], lover(BOB), differs=not_bounced("reply")),
    SmtpCase("bounced and discarded", "gtube", [BOUNCE, BOB], differs=not_bounced("reply")),
    SmtpCase("bounced, rejected, discarded, passed", "gtube", [BOUNCE, REJECT, CAROL, BOB], lover(BOB), differs=not_bounced("reply")),
    SmtpCase("bounced, null sender", "gtube", [BOUNCE], sender=""),
    SmtpCase("bounced and passed, null sender", "gtube", [BOUNCE, BOB], lover(BOB), sender=""),
    SmtpCase("virus bounced", "eicar", [BOUNCE]),
    SmtpCase("tempfailed", "gtube", [TEMPFAIL]),
    SmtpCase("tempfailed and discarded", "gtube", [BOB, TEMPFAIL]),
    SmtpCase("tempfailed and rejected", "gtube", [REJECT, TEMPFAIL], differs=differing(TOLD_ONCE, "dsn_sent", "sender told")),
    SmtpCase("inside: rejected for all", "gtube", [REJECT, REJECT2], client=INSIDE),
    SmtpCase("inside: rejected and discarded", "gtube", [REJECT, BOB], client=INSIDE, differs=differing(TOLD_ONCE, "dsn_sent", "sender told")),
    SmtpCase("inside: rejected and passed", "gtube", [REJECT, BOB], lover(BOB), client=INSIDE),
    SmtpCase("inside: rejected, discarded and passed", "gtube", [REJECT, CAROL, BOB], lover(BOB), client=INSIDE),
    SmtpCase("inside: bounced", "gtube", [BOUNCE], client=INSIDE),
    SmtpCase("inside: bounced for all", "gtube", [BOUNCE, BOUNCE2], client=INSIDE),
    SmtpCase("inside: bounced and passed", "gtube", [BOUNCE, BOB], lover(BOB), client=INSIDE),
    SmtpCase("inside: bounced and discarded", "gtube", [BOUNCE, BOB], client=INSIDE),
    SmtpCase("inside: bounced and rejected", "gtube", [BOUNCE, REJECT], client=INSIDE),
    SmtpCase("inside: bounced, rejected, discarded, passed", "gtube", [BOUNCE, REJECT, CAROL, BOB], lover(BOB), client=INSIDE),
    SmtpCase("inside: bounced, null sender", "gtube", [BOUNCE], sender="", client=INSIDE),
    SmtpCase("inside: virus bounced", "eicar", [BOUNCE], client=INSIDE),
    SmtpCase("next hop refuses one of two", "clean", [BOB, CAROL], hop=[at("rcpt", "550 5.1.1 no such user", "bob@")], differs=refused_by_mta(BOB)),
    SmtpCase("next hop refuses both", "clean", [BOB, CAROL], hop=[at("rcpt", "550 5.1.1 no such user")], differs=refused_by_mta(BOB, CAROL)),
    SmtpCase("next hop defers one of two", "clean", [BOB, CAROL], hop=[at("rcpt", "450 4.2.0 later", "bob@")], differs=refused_by_mta(BOB, CAROL)),
    SmtpCase("next hop refuses the sender", "clean", [BOB, CAROL], hop=[at("mail", "550 5.7.1 not from you")], differs=refused_by_mta(BOB, CAROL)),
    SmtpCase("next hop refuses the message", "clean", [BOB, CAROL], hop=[at("dot", "554 5.7.1 not this")], differs=refused_by_mta(BOB, CAROL)),
    SmtpCase("next hop defers the message", "clean", [BOB, CAROL], hop=[at("dot", "451 4.3.0 later")], differs=refused_by_mta(BOB, CAROL)),
    SmtpCase("next hop refuses the lover, the other is discarded", "gtube", [BOB, CAROL], lover(BOB), [at("rcpt", "550 5.1.1 no such user", "bob@")],
             differs={f"{BOB} content": MTA_LETTER} | differing(TOLD_ONCE, "dsn_sent", "sender told")),
    SmtpCase("next hop refuses the lover, the other is rejected", "gtube", [BOB, REJECT], lover(BOB), [at("rcpt", "550 5.1.1 no such user", "bob@")],
             differs={f"{BOB} content": MTA_LETTER}),
]
