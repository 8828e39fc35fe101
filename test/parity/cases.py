"""cases - the same rows and the same messages for Tamis and for a real amavisd-new, and what became of each recipient

Each case: rows for users/policy/mailaddr/wblist, a message to bob and carol over LMTP. Compared per recipient: delivered
or not, X-Spam-Flag, a subject tag, content and ds; and quar_type of the message. `differs` names the fields that are known
to differ, with the reason; docs/policy.md lists the same.
"""
import collections

BOB, CAROL = "bob@example.com", "carol@example.com"
Case = collections.namedtuple("Case", "name message rows differs", defaults=({},))


def user(policy, email=BOB, number=1, priority=7, local=None):
    """A users row with its policy; policy is {column: value}."""
    columns = "".join(f", {column}" for column in policy)
    values = "".join(", NULL" if value is None else f", '{value}'" for value in policy.values())
    return (f"insert into policy (id{columns}) values ({number}{values}); "
            f"insert into users (id, priority, policy_id, email) values ({number}, {priority}, {number}, '{email}');")


def listed(wb, number=1, sender="alice@sender.example.org"):
    return f"insert into mailaddr (id, email) values ({number}, '{sender}'); insert into wblist (rid, sid, wb) values ({number}, {number}, '{wb}');"


CASES = [
    Case("clean, no rows", "clean", ""),
    Case("spam, no rows", "gtube", ""),
    Case("virus, no rows", "eicar", ""),
    Case("bypass_spam_checks for one", "gtube", user({"bypass_spam_checks": "Y"})),
    Case("bypass_spam_checks set back", "gtube", user({"bypass_spam_checks": "N"})),
    Case("spam_lover for one", "gtube", user({"spam_lover": "Y"})),
    Case("spam_lover by catch-all", "gtube", user({"spam_lover": "Y"}, "@.")),
    Case("spam_lover by domain, not by a user of higher priority", "gtube",
         user({"spam_lover": "Y"}, "@example.com") + user({"spam_lover": "N"}, BOB, 2, 9)),
    Case("NULL falls through to the next row", "gtube",
         user({"spam_lover": "Y"}, "@.example.com") + user({"spam_lover": None}, BOB, 2, 9)),
    Case("virus_lover for one", "eicar", user({"virus_lover": "Y"})),
    Case("bypass_virus_checks for one", "eicar", user({"bypass_virus_checks": "Y"})),
    Case("kill level above the score", "gtube", user({"spam_kill_level": "2000"})),
    Case("all levels above the score", "gtube", user({"spam_tag2_level": "2000", "spam_kill_level": "2000"})),
    Case("no quarantine for one", "gtube", user({"spam_quarantine_to": ""})),
    Case("no quarantine for all", "gtube", user({"spam_quarantine_to": ""}, "@.example.com")),
    Case("subject tag of his own", "gtube", user({"spam_lover": "Y", "spam_subject_tag2": "[bulk] "})),
    Case("sender allowed", "gtube", user({}) + listed("W")),
    Case("sender denied", "clean", user({}) + listed("B")),
    Case("sender scored down", "gtube", user({}) + listed("-2000")),
    Case("sender scored up", "clean", user({}) + listed("100")),
    Case("sender's domain allowed", "gtube", user({}) + listed("W", sender="@.example.org")),
]
