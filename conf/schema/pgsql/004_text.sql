-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- No text may contain a control byte, by which a log line or header could be
-- forged.  (PostgreSQL has no NUL in a text.)  An existing row with one
-- stays, and its other columns can be changed: WHEN checks the whole row, the
-- function the columns that have changed.  `htapikey doctor` names such rows.

-- bits: of an imported key, the entropy of its characters; 0: not known.
ALTER TABLE apikey ADD COLUMN bits BIGINT NOT NULL DEFAULT 0
--;
CREATE FUNCTION apikey_refuse_text() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    old_row jsonb;
    field record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        old_row := to_jsonb(OLD);
    END IF;
    FOR field IN SELECT key, value FROM jsonb_each_text(to_jsonb(NEW))
    LOOP
        IF field.value ~ '[\x01-\x1f\x7f]'
                AND field.value IS DISTINCT FROM old_row ->> field.key THEN
            RAISE EXCEPTION '%.% has a control character', TG_TABLE_NAME,
                field.key;
        END IF;
    END LOOP;
    RETURN NEW;
END $$
--;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION apikey_refuse_text()'
                   ' SET search_path = %I, pg_temp', current_schema());
END $$
--;
CREATE TRIGGER apikey_text BEFORE INSERT OR UPDATE ON apikey
    FOR EACH ROW
    WHEN (new.*::text ~ '[\x01-\x1f\x7f]')
    EXECUTE FUNCTION apikey_refuse_text()
--;
CREATE TRIGGER apikey_tenant_text BEFORE INSERT OR UPDATE ON apikey_tenant
    FOR EACH ROW
    WHEN (new.*::text ~ '[\x01-\x1f\x7f]')
    EXECUTE FUNCTION apikey_refuse_text()
--;
CREATE TRIGGER apikey_scope_text BEFORE INSERT OR UPDATE ON apikey_scope
    FOR EACH ROW
    WHEN (new.*::text ~ '[\x01-\x1f\x7f]')
    EXECUTE FUNCTION apikey_refuse_text()
