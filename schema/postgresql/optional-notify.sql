-- optional-notify - tells Tamis at once when users, policy, mailaddr or wblist change
--
-- Only useful with storage.lookup_cache: without a cache a change takes effect on the next message anyway. Run it once
-- as the owner of the tables:
--     psql -h HOST -U tamis -d tamis -v ON_ERROR_STOP=1 --single-transaction -f optional-notify.sql
-- One notification per statement that changes something, however many rows. It can be run again.

CREATE OR REPLACE FUNCTION tamis_policy_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NOTIFY tamis_policy;
  RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS tamis_policy_changed ON users;
DROP TRIGGER IF EXISTS tamis_policy_changed ON policy;
DROP TRIGGER IF EXISTS tamis_policy_changed ON mailaddr;
DROP TRIGGER IF EXISTS tamis_policy_changed ON wblist;
CREATE TRIGGER tamis_policy_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON users
  FOR EACH STATEMENT EXECUTE PROCEDURE tamis_policy_changed();
CREATE TRIGGER tamis_policy_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON policy
  FOR EACH STATEMENT EXECUTE PROCEDURE tamis_policy_changed();
CREATE TRIGGER tamis_policy_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON mailaddr
  FOR EACH STATEMENT EXECUTE PROCEDURE tamis_policy_changed();
CREATE TRIGGER tamis_policy_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON wblist
  FOR EACH STATEMENT EXECUTE PROCEDURE tamis_policy_changed();
