-- 0001-amavis - the tables of amavisd-new 2.13 (README.sql-pg) for PostgreSQL 13 and later
--
-- Run it once as the role that Tamis connects as, which then owns the tables:
--     createuser --pwprompt tamis && createdb --owner=tamis --encoding=UTF8 --template=template0 tamis
--     psql -h HOST -U tamis -d tamis -v ON_ERROR_STOP=1 --single-transaction -f 0001-amavis.sql
-- When another role owns the tables, see the GRANT lines at the end. A database that amavisd already uses needs nothing.
--
-- Management software compares char(1) columns with '' and ' ' and expects them equal: they must stay char(1) (bpchar).
-- One unique index per key: where amavisd's text has a UNIQUE constraint and an equal PRIMARY KEY, the key bears the
-- constraint's name.

CREATE TABLE policy (
  id                           serial PRIMARY KEY,
  policy_name                  varchar(32),
  virus_lover                  char(1) DEFAULT NULL,
  spam_lover                   char(1) DEFAULT NULL,
  unchecked_lover              char(1) DEFAULT NULL,
  banned_files_lover           char(1) DEFAULT NULL,
  bad_header_lover             char(1) DEFAULT NULL,
  bypass_virus_checks          char(1) DEFAULT NULL,
  bypass_spam_checks           char(1) DEFAULT NULL,
  bypass_banned_checks         char(1) DEFAULT NULL,
  bypass_header_checks         char(1) DEFAULT NULL,
  virus_quarantine_to          varchar(64) DEFAULT NULL,
  spam_quarantine_to           varchar(64) DEFAULT NULL,
  banned_quarantine_to         varchar(64) DEFAULT NULL,
  unchecked_quarantine_to      varchar(64) DEFAULT NULL,
  bad_header_quarantine_to     varchar(64) DEFAULT NULL,
  clean_quarantine_to          varchar(64) DEFAULT NULL,
  archive_quarantine_to        varchar(64) DEFAULT NULL,
  spam_tag_level               real DEFAULT NULL,
  spam_tag2_level              real DEFAULT NULL,
  spam_tag3_level              real DEFAULT NULL,
  spam_kill_level              real DEFAULT NULL,
  spam_dsn_cutoff_level        real DEFAULT NULL,
  spam_quarantine_cutoff_level real DEFAULT NULL,
  addr_extension_virus         varchar(64) DEFAULT NULL,
  addr_extension_spam          varchar(64) DEFAULT NULL,
  addr_extension_banned        varchar(64) DEFAULT NULL,
  addr_extension_bad_header    varchar(64) DEFAULT NULL,
  warnvirusrecip               char(1) DEFAULT NULL,
  warnbannedrecip              char(1) DEFAULT NULL,
  warnbadhrecip                char(1) DEFAULT NULL,
  newvirus_admin               varchar(64) DEFAULT NULL,
  virus_admin                  varchar(64) DEFAULT NULL,
  banned_admin                 varchar(64) DEFAULT NULL,
  bad_header_admin             varchar(64) DEFAULT NULL,
  spam_admin                   varchar(64) DEFAULT NULL,
  spam_subject_tag             varchar(64) DEFAULT NULL,
  spam_subject_tag2            varchar(64) DEFAULT NULL,
  spam_subject_tag3            varchar(64) DEFAULT NULL,
  message_size_limit           integer DEFAULT NULL,   -- bytes, 0 is no limit
  banned_rulenames             varchar(64) DEFAULT NULL,
  disclaimer_options           varchar(64) DEFAULT NULL,
  forward_method               varchar(64) DEFAULT NULL,
  sa_userconf                  varchar(64) DEFAULT NULL,
  sa_username                  varchar(64) DEFAULT NULL
);

-- local users; an optional column  local char(1)  says whether the address counts as local
CREATE TABLE users (
  id         serial PRIMARY KEY,
  priority   integer NOT NULL DEFAULT 7,  -- 0 is low
  policy_id  integer NOT NULL DEFAULT 1 CHECK (policy_id >= 0) REFERENCES policy(id),
  email      bytea NOT NULL UNIQUE,
  fullname   varchar(255) DEFAULT NULL
);

-- senders in wblist
CREATE TABLE mailaddr (
  id         serial PRIMARY KEY,
  priority   integer NOT NULL DEFAULT 9,
  email      bytea NOT NULL UNIQUE
);

CREATE TABLE wblist (
  rid        integer NOT NULL CHECK (rid >= 0) REFERENCES users(id),
  sid        integer NOT NULL CHECK (sid >= 0) REFERENCES mailaddr(id),
  wb         varchar(10) NOT NULL,  -- W or Y, B or N, blank is neutral, or a score
  PRIMARY KEY (rid, sid)
);

-- every address once, referenced by msgs.sid and msgrcpt.rid
CREATE TABLE maddr (
  id            serial PRIMARY KEY,
  partition_tag integer DEFAULT 0,
  email         bytea NOT NULL,
  domain        varchar(255) NOT NULL,  -- labels reversed: com.example.sub
  CONSTRAINT part_email UNIQUE (partition_tag, email)
);

CREATE TABLE msgs (
  partition_tag integer DEFAULT 0,
  mail_id       bytea NOT NULL,
  secret_id     bytea DEFAULT '',
  am_id         varchar(20) NOT NULL,
  time_num      integer NOT NULL CHECK (time_num >= 0),
  time_iso      timestamp WITH TIME ZONE NOT NULL,
  sid           integer NOT NULL CHECK (sid >= 0),
  policy        varchar(255) DEFAULT '',
  client_addr   varchar(255) DEFAULT '',
  size          integer NOT NULL CHECK (size >= 0),
  originating   char(1) DEFAULT ' ' NOT NULL,
  content       char(1),                  -- NULL while the message is being processed
  quar_type     char(1),
  quar_loc      varchar(255) DEFAULT '',
  dsn_sent      char(1),
  spam_level    real,
  message_id    varchar(255) DEFAULT '',
  from_addr     varchar(255) DEFAULT '',
  subject       varchar(255) DEFAULT '',
  host          varchar(255) NOT NULL,
  CONSTRAINT msgs_partition_mail PRIMARY KEY (partition_tag, mail_id)
);
CREATE INDEX msgs_idx_sid      ON msgs (sid, time_num);  -- pen pals: the last mail of a sender first
CREATE INDEX msgs_idx_mess_id  ON msgs (message_id);
CREATE INDEX msgs_idx_time_iso ON msgs (time_iso);
CREATE INDEX msgs_idx_time_num ON msgs (time_num);

CREATE TABLE msgrcpt (
  partition_tag integer DEFAULT 0,
  mail_id       bytea NOT NULL,
  rseqnum       integer DEFAULT 0 NOT NULL,
  rid           integer NOT NULL,
  is_local      char(1) DEFAULT ' ' NOT NULL,
  content       char(1) DEFAULT ' ' NOT NULL,
  ds            char(1) NOT NULL,
  rs            char(1) NOT NULL,
  bl            char(1) DEFAULT ' ',
  wl            char(1) DEFAULT ' ',
  bspam_level   real,
  smtp_resp     varchar(255) DEFAULT '',
  CONSTRAINT msgrcpt_partition_mail_rseq PRIMARY KEY (partition_tag, mail_id, rseqnum)
);
CREATE INDEX msgrcpt_idx_mail_id ON msgrcpt (mail_id);
CREATE INDEX msgrcpt_idx_rid     ON msgrcpt (rid);

CREATE TABLE quarantine (
  partition_tag integer DEFAULT 0,
  mail_id       bytea NOT NULL,
  chunk_ind     integer NOT NULL CHECK (chunk_ind >= 0),  -- 1, 2, ...
  mail_text     bytea NOT NULL,
  PRIMARY KEY (partition_tag, mail_id, chunk_ind)
);

-- which steps of this folder were installed
CREATE TABLE tamis_schema (
  step         integer PRIMARY KEY,
  installed_at timestamp WITH TIME ZONE NOT NULL DEFAULT now()
);
INSERT INTO tamis_schema (step) VALUES (1);

-- When the tables belong to another role than the one Tamis connects as ("tamis" here):
--   GRANT SELECT ON policy, users, mailaddr, wblist TO tamis;
--   GRANT SELECT, INSERT, UPDATE, DELETE ON maddr, msgs, msgrcpt, quarantine TO tamis;
--   GRANT USAGE, UPDATE ON maddr_id_seq TO tamis;
