"""postfix - a private Postfix instance: smtpd in front, our filter as content_filter, smtpd behind, a sink at the end

The sandwich administrators build: front smtpd -> qmgr -> (lmtp|smtp) -> filter -> re-injection smtpd -> qmgr -> smtp ->
next_hop sink. The transport to the filter and the re-injection smtpd are our own fragments, etc/postfix/*, with the ports
replaced. Deferred mail is retried every second. Needs root, as Postfix does.
"""
import glob
import os
import re
import textwrap

from . import SOURCE
from .process import folder, free_port, register, run, unregister, until, answers

SERVICES = """\
127.0.0.1:{front} inet n - n - 100 smtpd
    -o smtpd_authorized_xclient_hosts=127.0.0.0/8 -o mynetworks=0.0.0.0/0
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """filter: "127.0.0.1:PORT" or a unix path of ours; protocol: "lmtp" or "smtp"; sink: address of a NextHop."""
    name = "postfix"

    def __init__(self, filter_address, sink, protocol="lmtp", parallel=20, lenient=False, smtputf8=True):
        """lenient: the re-injection smtpd takes bare newlines, as Postfix 3.7 does when nobody tells it otherwise. Without smtputf8
        it passes octets above 127 on as they are."""
        self.home = folder("postfix")
        self.config = self.home / "etc"
        self.queue = self.home / "queue"
        for path in (self.config, self.queue, self.home / "data", self.home / "log"):
            path.mkdir()
        run(["chown", "postfix:postfix", self.home / "data"])
        self.front_port, self.back_port = free_port(), free_port()
        self.front, self.back = f"127.0.0.1:{self.front_port}", f"127.0.0.1:{self.back_port}"
        self.parallel = parallel
        self.lenient = lenient
        host, _, port = sink.rpartition(":")
        (self.config / "main.cf").write_text(textwrap.dedent(f"""\
            compatibility_level = 3.6
            queue_directory = {self.queue}
            data_directory = {self.home}/data
            command_directory = /usr/sbin
            daemon_directory = /usr/lib/postfix/sbin
            mail_owner = postfix
            setgid_group = postdrop
            maillog_file = {self.home}/log/mail.log
            maillog_file_prefixes = {self.home}
            inet_interfaces = 127.0.0.1
            inet_protocols = ipv4
            myhostname = mta.example.org
            mydestination =
            local_recipient_maps =
            alias_maps =
            alias_database =
            mynetworks = 127.0.0.0/8
            smtpd_relay_restrictions = permit_mynetworks, reject
            smtpd_recipient_restrictions = permit_mynetworks, reject
            smtpd_client_connection_count_limit = 0
            smtpd_client_connection_rate_limit = 0
            smtpd_soft_error_limit = 1000
            smtpd_hard_error_limit = 2000
            append_dot_mydomain = no
            smtputf8_enable = {'yes' if smtputf8 else 'no'}
            smtpd_tls_security_level = none
            smtp_tls_security_level = none
            smtp_dns_support_level = disabled
            default_transport = smtp:[{host}]:{port}
            default_destination_concurrency_limit = {parallel}
            initial_destination_concurrency = {parallel}
            default_destination_recipient_limit = 50
            default_destination_concurrency_failed_cohort_limit = 0
            message_size_limit = 0
            mailbox_size_limit = 0
            in_flow_delay = 0
            minimal_backoff_time = 1s
            maximal_backoff_time = 2s
            queue_run_delay = 1s
            bounce_queue_lifetime = 1h
            """) + self._fragment(f"main.cf.{protocol}", filter_address))
        self.point(filter_address, protocol)
        run(["postfix", "-c", self.config, "start"])
        register(self)
        until(lambda: answers(self.front) and answers(self.back), 30, "Postfix")

    def point(self, filter_address, protocol="lmtp"):
        """Writes master.cf for this filter (before start, or followed by reload)."""
        text = SERVICES.format(front=self.front_port) + self._fragment(f"master.cf.{protocol}", filter_address)
        text = re.sub(r"^(tamis-\w+ .* )\d+( +\w+)$", rf"\g<1>{self.parallel}\2", text, flags=re.M)
        if self.lenient:
            text = re.sub(r"^ +-o smtpd_forbid_bare_newline.*\n", "", text, flags=re.M)
        (self.config / "master.cf").write_text(text)

    def _fragment(self, name, filter_address):
        """One of our own files for administrators, for our ports."""
        target = f"unix:{filter_address}" if str(filter_address).startswith("/") else "[%s]:%s" % tuple(filter_address.rsplit(":", 1))
        text = (SOURCE / "etc" / "postfix" / name).read_text()
        text = re.sub(r"^(tamis-\w+_destination_concurrency_limit = )\d+", rf"\g<1>{self.parallel}", text, flags=re.M)
        return text.replace("[127.0.0.1]:10024", target).replace("127.0.0.1:10025 ", f"127.0.0.1:{self.back_port} ")

    def log(self):
        try:
            return (self.home / "log" / "mail.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def queued(self):
        """How many messages are in the queue in any state (incoming, active, deferred, hold)."""
        return sum(len([p for p in glob.glob(f"{self.queue}/{state}/**", recursive=True) if os.path.isfile(p)])
                   for state in ("maildrop", "incoming", "active", "deferred", "hold"))

    def reload(self):
        run(["postfix", "-c", self.config, "reload"])

    def until(self, holds, what, patience=45, seconds=120):
        """Waits until holds(), for which all mail must go out. With retries every second the queue manager can meet a message that is
        just being deferred ("skipped, still being delivered") and then leaves it alone; a fresh one takes it up. The old one may take
        the wake-up call that the reload sends, and end all the same: hence flush() until it is done."""
        try:
            until(holds, patience, what)
        except AssertionError:
            self.reload()
            until(lambda: holds() or self.flush(), seconds, what)

    def flush(self):
        """Wakes the queue manager, or has one started"""
        run(["postqueue", "-c", self.config, "-f"])

    def statuses(self, queue_id):
        """[(recipient, status, rest)] of delivery log lines of one queue id."""
        return re.findall(rf"{queue_id}: to=<([^>]*)>.* status=(\w+) \((.*)\)", self.log())

    def running(self):
        return os.path.exists(self.queue / "pid" / "master.pid")

    def stop(self, seconds=20):
        run(["postfix", "-c", self.config, "stop"], check=False, timeout=60)
        unregister(self)
