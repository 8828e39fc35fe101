-- the tables of amavisd-new 2.3 (2005): no quar_loc, time_iso a text, mail_text a text
CREATE TABLE policy (
  id serial PRIMARY KEY, policy_name varchar(32),
  virus_lover char(1), spam_lover char(1), banned_files_lover char(1), bad_header_lover char(1),
  bypass_virus_checks char(1), bypass_spam_checks char(1), bypass_banned_checks char(1), bypass_header_checks char(1),
  spam_modifies_subj char(1),
  virus_quarantine_to varchar(64), spam_quarantine_to varchar(64), banned_quarantine_to varchar(64), bad_header_quarantine_to varchar(64),
  spam_tag_level real, spam_tag2_level real, spam_kill_level real, spam_dsn_cutoff_level real, spam_quarantine_cutoff_level real,
  addr_extension_virus varchar(64), addr_extension_spam varchar(64), addr_extension_banned varchar(64), addr_extension_bad_header varchar(64),
  warnvirusrecip char(1), warnbannedrecip char(1), warnbadhrecip char(1),
  newvirus_admin varchar(64), virus_admin varchar(64), banned_admin varchar(64), bad_header_admin varchar(64), spam_admin varchar(64),
  spam_subject_tag varchar(64), spam_subject_tag2 varchar(64), message_size_limit integer, banned_rulenames varchar(64)
);
CREATE TABLE users (id serial PRIMARY KEY, priority integer NOT NULL DEFAULT '7',
  policy_id integer NOT NULL DEFAULT '1' CHECK (policy_id >= 0) REFERENCES policy(id),
  email varchar(255) NOT NULL UNIQUE, fullname varchar(255) DEFAULT NULL, local char(1));
CREATE TABLE mailaddr (id serial PRIMARY KEY, priority integer NOT NULL DEFAULT '7', email varchar(255) NOT NULL UNIQUE);
CREATE TABLE wblist (rid integer NOT NULL CHECK (rid >= 0) REFERENCES users(id), sid integer NOT NULL CHECK (sid >= 0) REFERENCES mailaddr(id),
  wb varchar(10) NOT NULL, PRIMARY KEY (rid, sid));
CREATE TABLE maddr (
  id serial PRIMARY KEY,
  email varchar(255) NOT NULL UNIQUE,
  domain varchar(255) NOT NULL
);
CREATE TABLE msgs (
  mail_id varchar(12) NOT NULL PRIMARY KEY,
  secret_id varchar(12) DEFAULT '',
  am_id varchar(20) NOT NULL,
  time_num integer NOT NULL CHECK (time_num >= 0),
  time_iso char(16) NOT NULL,
  sid integer NOT NULL CHECK (sid >= 0),
  policy varchar(255) DEFAULT '',
  client_addr varchar(255) DEFAULT '',
  size integer NOT NULL CHECK (size >= 0),
  content char(1),
  quar_type char(1),
  dsn_sent char(1),
  spam_level real,
  message_id varchar(255) DEFAULT '',
  from_addr varchar(255) DEFAULT '',
  subject varchar(255) DEFAULT '',
  host varchar(255) NOT NULL
);
CREATE INDEX msgs_idx_sid ON msgs (sid);
CREATE INDEX msgs_idx_mess_id ON msgs (message_id);
CREATE INDEX msgs_idx_time_num ON msgs (time_num);
CREATE TABLE msgrcpt (
  mail_id varchar(12) NOT NULL,
  rid integer NOT NULL,
  ds char(1) NOT NULL,
  rs char(1) NOT NULL,
  bl char(1) DEFAULT ' ',
  wl char(1) DEFAULT ' ',
  bspam_level real,
  smtp_resp varchar(255) DEFAULT ''
);
CREATE INDEX msgrcpt_idx_mail_id ON msgrcpt (mail_id);
CREATE INDEX msgrcpt_idx_rid ON msgrcpt (rid);
CREATE TABLE quarantine (
  mail_id varchar(12) NOT NULL,
  chunk_ind integer NOT NULL CHECK (chunk_ind >= 0),
  mail_text text NOT NULL,
  PRIMARY KEY (mail_id, chunk_ind)
);
