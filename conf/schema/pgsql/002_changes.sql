-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- Each change of a key or a tenant, by any program, is recorded in
-- apikey_change, and the numbers become visible in order: a reader that has
-- seen number 7 never finds a 6 later.  So a number is drawn under a lock that
-- is held until the commit is visible.  The triggers are deferred: they run at
-- COMMIT, so that the lock is held for a moment only, and a transaction that is
-- left open delays no other.
--
-- The functions run as their owner, so that changes by a role which may only
-- write apikey are recorded, too; their search_path is that of our tables.

-- CACHE 1: numbers that a session has cached would be used out of order.
CREATE SEQUENCE apikey_change_numbers AS BIGINT CACHE 1
    OWNED BY apikey_change.number
--;
-- The lock has the table's oid: two schemas do not wait for each other.
-- 1634756971 is "apik".
CREATE FUNCTION apikey_change_number() RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1634756971,
                                  'apikey_change'::regclass::oid::integer);
    RETURN nextval('apikey_change_numbers');
END $$
--;
REVOKE ALL ON FUNCTION apikey_change_number() FROM PUBLIC
--;
-- A row that is inserted by hand gets its number in the same way.
ALTER TABLE apikey_change
    ALTER COLUMN number SET DEFAULT apikey_change_number(),
    ALTER COLUMN changed SET DEFAULT
        floor(extract(epoch FROM clock_timestamp()))::bigint
--;
CREATE FUNCTION apikey_note_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO apikey_change (kind, value) VALUES ('digest', OLD.digest);
        IF TG_OP = 'DELETE' OR NEW.digest = OLD.digest THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO apikey_change (kind, value) VALUES ('digest', NEW.digest);
    RETURN NULL;
END $$
--;
CREATE FUNCTION apikey_note_tenant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO apikey_change (kind, value) VALUES ('tenant', OLD.tenant);
        IF TG_OP = 'DELETE' OR NEW.tenant = OLD.tenant THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO apikey_change (kind, value) VALUES ('tenant', NEW.tenant);
    RETURN NULL;
END $$
--;
-- WHEN is evaluated when the row changes: with SET LOCAL apikey.bulk = '1' a
-- million rows queue no trigger.
CREATE CONSTRAINT TRIGGER apikey_note AFTER INSERT OR UPDATE OR DELETE
    ON apikey DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (current_setting('apikey.bulk', true) IS DISTINCT FROM '1')
    EXECUTE FUNCTION apikey_note_key()
--;
CREATE CONSTRAINT TRIGGER apikey_note AFTER INSERT OR UPDATE OR DELETE
    ON apikey_tenant DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (current_setting('apikey.bulk', true) IS DISTINCT FROM '1')
    EXECUTE FUNCTION apikey_note_tenant()
--;
-- TRUNCATE and a bulk change leave one change of the kind "all".  Triggers of
-- a statement cannot be deferred: they put a row here, and the row's own
-- trigger, which can, turns it into the change.  The table is empty after that.
CREATE TABLE apikey_bulk (transaction BIGINT NOT NULL PRIMARY KEY)
--;
CREATE FUNCTION apikey_note_all() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF current_setting('apikey.noted', true)
            IS DISTINCT FROM txid_current()::text THEN
        INSERT INTO apikey_bulk VALUES (txid_current())
            ON CONFLICT DO NOTHING;
        PERFORM set_config('apikey.noted', txid_current()::text, true);
    END IF;
    RETURN NULL;
END $$
--;
CREATE FUNCTION apikey_write_all() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    DELETE FROM apikey_bulk WHERE transaction = NEW.transaction;
    INSERT INTO apikey_change (kind) VALUES ('all');
    RETURN NULL;
END $$
--;
CREATE CONSTRAINT TRIGGER apikey_bulk_note AFTER INSERT
    ON apikey_bulk DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION apikey_write_all()
--;
CREATE TRIGGER apikey_note_truncate AFTER TRUNCATE ON apikey
    EXECUTE FUNCTION apikey_note_all()
--;
CREATE TRIGGER apikey_note_truncate AFTER TRUNCATE ON apikey_tenant
    EXECUTE FUNCTION apikey_note_all()
--;
CREATE TRIGGER apikey_note_bulk AFTER INSERT OR UPDATE OR DELETE ON apikey
    WHEN (current_setting('apikey.bulk', true) = '1')
    EXECUTE FUNCTION apikey_note_all()
--;
CREATE TRIGGER apikey_note_bulk AFTER INSERT OR UPDATE OR DELETE
    ON apikey_tenant
    WHEN (current_setting('apikey.bulk', true) = '1')
    EXECUTE FUNCTION apikey_note_all()
--;
-- Not FROM CURRENT: a temporary table of the caller's would be found first.
DO $$
DECLARE
    function text;
BEGIN
    FOREACH function IN ARRAY ARRAY['apikey_change_number',
        'apikey_note_key', 'apikey_note_tenant', 'apikey_note_all',
        'apikey_write_all']
    LOOP
        EXECUTE format('ALTER FUNCTION %I() SET search_path = %I, pg_temp',
                       function, current_schema());
    END LOOP;
END $$
