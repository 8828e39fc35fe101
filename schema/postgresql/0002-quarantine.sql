-- 0002-quarantine - indexes along which the quarantine is listed and searched, newest first
--
-- For PostgreSQL 11 and later and for the tables of every amavisd. Not needed for mail to flow: without it pages of a
-- large quarantine are slow. On a large database it takes minutes and keeps the tables locked meanwhile: mail waits.
-- msgrcpt gets a column of its own, time_num, as in msgs: amavisd need not know it, a trigger fills it.

ALTER TABLE msgrcpt ADD COLUMN IF NOT EXISTS time_num integer;

DO $$
DECLARE
  same text := CASE WHEN EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('msgrcpt')
                                 AND attname = 'partition_tag' AND NOT attisdropped)
               THEN ' AND m.partition_tag = %1$s.partition_tag' ELSE '' END;
BEGIN
  EXECUTE 'UPDATE msgrcpt SET time_num = m.time_num FROM msgs m WHERE msgrcpt.time_num IS NULL AND m.mail_id = msgrcpt.mail_id'
          || format(same, 'msgrcpt');
  EXECUTE 'CREATE OR REPLACE FUNCTION tamis_msgrcpt_time() RETURNS trigger LANGUAGE plpgsql AS $body$
    BEGIN
      SELECT m.time_num INTO NEW.time_num FROM msgs m WHERE m.mail_id = NEW.mail_id' || format(same, 'NEW') || ' LIMIT 1;
      RETURN NEW;
    END $body$';
END $$;

DROP TRIGGER IF EXISTS tamis_msgrcpt_time ON msgrcpt;
CREATE TRIGGER tamis_msgrcpt_time BEFORE INSERT ON msgrcpt
  FOR EACH ROW WHEN (NEW.time_num IS NULL) EXECUTE FUNCTION tamis_msgrcpt_time();

CREATE INDEX IF NOT EXISTS msgs_idx_quarantine ON msgs (time_num, mail_id) WHERE quar_type <> ' ';
CREATE INDEX IF NOT EXISTS msgs_idx_content ON msgs (content, time_num, mail_id) WHERE quar_type <> ' ';
CREATE INDEX IF NOT EXISTS msgrcpt_idx_rid_time ON msgrcpt (rid, time_num, mail_id);
CREATE INDEX IF NOT EXISTS msgrcpt_idx_rid_state ON msgrcpt (rid, rs, time_num, mail_id) WHERE rs <> ' ';
CREATE INDEX IF NOT EXISTS msgrcpt_idx_state ON msgrcpt (rs, time_num, mail_id) WHERE rs <> ' ';

CREATE TABLE IF NOT EXISTS tamis_schema (
  step         integer PRIMARY KEY,
  installed_at timestamp WITH TIME ZONE NOT NULL DEFAULT now()
);
INSERT INTO tamis_schema (step) VALUES (1), (2) ON CONFLICT DO NOTHING;
