-- 0002-quarantine - indexes along which the quarantine is listed and searched, newest first
--
-- msgrcpt gets time_num, as in msgs; a trigger fills it.

ALTER TABLE msgrcpt ADD COLUMN time_num integer;
UPDATE msgrcpt SET time_num = (SELECT m.time_num FROM msgs m WHERE m.partition_tag = msgrcpt.partition_tag AND m.mail_id = msgrcpt.mail_id);
CREATE TRIGGER tamis_msgrcpt_time AFTER INSERT ON msgrcpt WHEN NEW.time_num IS NULL BEGIN
  UPDATE msgrcpt SET time_num = (SELECT m.time_num FROM msgs m WHERE m.partition_tag = NEW.partition_tag AND m.mail_id = NEW.mail_id)
  WHERE rowid = NEW.rowid;
END;

CREATE INDEX IF NOT EXISTS msgs_idx_quarantine ON msgs (time_num, mail_id) WHERE quar_type <> ' ';
CREATE INDEX IF NOT EXISTS msgs_idx_content ON msgs (content, time_num, mail_id) WHERE quar_type <> ' ';
CREATE INDEX IF NOT EXISTS msgrcpt_idx_rid_time ON msgrcpt (rid, time_num, mail_id);
CREATE INDEX IF NOT EXISTS msgrcpt_idx_rid_state ON msgrcpt (rid, rs, time_num, mail_id) WHERE rs <> ' ';
CREATE INDEX IF NOT EXISTS msgrcpt_idx_state ON msgrcpt (rs, time_num, mail_id) WHERE rs <> ' ';
