"""postfix - a private Postfix instance: smtpd in front, our filter as content_filter, smtpd behind, a sink at the end

The sandwich administrators build: front smtpd -> qmgr -> (lmtp|smtp) -> filter -> re-injection smtpd -> qmgr -> smtp ->
next_hop sink. Deferred mail is retried every second. Needs root, as Postfix does.
"""
import glob
import os
import re
import textwrap

from .process import folder, free_port, register, run, unregister, until, answers

SERVICES = """\
127.0.0.1:{front} inet n - n - 100 smtpd
    -o content_filter={filter} -o smtpd_authorized_xclient_hosts=127.0.0.0/8 -o mynetworks=0.0.0.0/0
127.0.0.1:{back} inet n - n - 200 smtpd
    -o content_filter= -o smtpd_delay_reject=no -o smtpd_client_restrictions=permit_mynetworks,reject
    -o smtpd_helo_restrictions= -o smtpd_sender_restrictions=
    -o smtpd_recipient_restrictions=permit_mynetworks,reject -o smtpd_relay_restrictions=
    -o smtpd_data_restrictions=reject_unauth_pipelining -o smtpd_end_of_data_restrictions=
    -o mynetworks=127.0.0.0/8 -o smtpd_error_sleep_time=0 -o smtpd_soft_error_limit=1001
    -o smtpd_hard_error_limit=1000 -o smtpd_client_connection_count_limit=0
    -o smtpd_client_connection_rate_limit=0 -o local_header_rewrite_clients= -o smtpd_milters=
    -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_address_mappings,no_milters
    -o smtpd_authorized_xforward_hosts=127.0.0.0/8
scan-lmtp unix - - n - {parallel} lmtp
    -o lmtp_data_done_timeout=1200 -o lmtp_send_xforward_command=yes -o disable_dns_lookups=yes -o max_use=20
scan-smtp unix - - n - {parallel} smtp
    -o smtp_data_done_timeout=1200 -o smtp_send_xforward_command=yes -o disable_dns_lookups=yes -o max_use=20
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

    def __init__(self, filter_address, sink, protocol="lmtp", parallel=20, extra=""):
        self.home = folder("postfix")
        self.config = self.home / "etc"
        self.queue = self.home / "queue"
        for path in (self.config, self.queue, self.home / "data", self.home / "log"):
            path.mkdir()
        run(["chown", "postfix:postfix", self.home / "data"])
        self.front_port, self.back_port = free_port(), free_port()
        self.front, self.back = f"127.0.0.1:{self.front_port}", f"127.0.0.1:{self.back_port}"
        self.parallel = parallel
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
            smtputf8_enable = yes
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
            """) + extra)
        self.point(filter_address, protocol)
        run(["postfix", "-c", self.config, "start"])
        register(self)
        until(lambda: answers(self.front) and answers(self.back), 30, "Postfix")

    def point(self, filter_address, protocol="lmtp"):
        """Writes master.cf for this filter (before start, or followed by reload)."""
        target = f"unix:{filter_address}" if str(filter_address).startswith("/") else "[%s]:%s" % tuple(filter_address.rsplit(":", 1))
        (self.config / "master.cf").write_text(SERVICES.format(front=self.front_port, back=self.back_port,
                                                               filter=f"scan-{protocol}:{target}", parallel=self.parallel))

    def log(self):
        try:
            return (self.home / "log" / "mail.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def queued(self):
        """How many messages are in the queue in any state (incoming, active, deferred, hold)."""
        return sum(len([p for p in glob.glob(f"{self.queue}/{state}/**", recursive=True) if os.path.isfile(p)])
                   for state in ("maildrop", "incoming", "active", "deferred", "hold"))

    def flush(self):
        run(["postqueue", "-c", self.config, "-f"])

    def statuses(self, queue_id):
        """[(recipient, status, rest)] of delivery log lines of one queue id."""
        return re.findall(rf"{queue_id}: to=<([^>]*)>.* status=(\w+) \((.*)\)", self.log())

    def running(self):
        return os.path.exists(self.queue / "pid" / "master.pid")

    def stop(self, seconds=20):
        run(["postfix", "-c", self.config, "stop"], check=False, timeout=60)
        unregister(self)
