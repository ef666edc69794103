-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- The audit is append-only: no row is changed, and one is removed only
-- when apikey_identity.kept_since is later than it.

CREATE FUNCTION apikey_audit_keep() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.happened < (SELECT kept_since FROM apikey_identity) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'apikey_audit is append-only';
END $$
--;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION apikey_audit_keep()'
                   ' SET search_path = %I, pg_temp', current_schema());
END $$
--;
CREATE TRIGGER apikey_audit_keep BEFORE UPDATE OR DELETE ON apikey_audit
    FOR EACH ROW EXECUTE FUNCTION apikey_audit_keep()
--;
CREATE TRIGGER apikey_audit_keep_all BEFORE TRUNCATE ON apikey_audit
    EXECUTE FUNCTION apikey_audit_keep()
