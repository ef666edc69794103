-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- Each change of a key or a tenant, by any program, is recorded in
-- apikey_change.  SQLite has one writer, so the numbers commit in order.

-- INSERT and UPDATE OR REPLACE remove rows without any delete trigger, so the
-- rows that conflict are recorded before they are removed.
CREATE TRIGGER apikey_before_insert BEFORE INSERT ON apikey
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        SELECT 'digest', digest, CAST(strftime('%s', 'now') AS INTEGER)
        FROM apikey WHERE id = NEW.id AND digest <> NEW.digest;
END
--;
CREATE TRIGGER apikey_after_insert AFTER INSERT ON apikey
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        VALUES ('digest', NEW.digest,
                CAST(strftime('%s', 'now') AS INTEGER));
END
--;
CREATE TRIGGER apikey_before_update BEFORE UPDATE OF id, digest ON apikey
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        SELECT 'digest', digest, CAST(strftime('%s', 'now') AS INTEGER)
        FROM apikey WHERE (id = NEW.id OR digest = NEW.digest)
            AND digest <> OLD.digest;
END
--;
CREATE TRIGGER apikey_after_update AFTER UPDATE ON apikey
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        VALUES ('digest', OLD.digest,
                CAST(strftime('%s', 'now') AS INTEGER));
    INSERT INTO apikey_change (kind, value, changed)
        SELECT 'digest', NEW.digest, CAST(strftime('%s', 'now') AS INTEGER)
        WHERE NEW.digest <> OLD.digest;
END
--;
CREATE TRIGGER apikey_after_delete AFTER DELETE ON apikey
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        VALUES ('digest', OLD.digest,
                CAST(strftime('%s', 'now') AS INTEGER));
END
--;
CREATE TRIGGER apikey_tenant_after_insert AFTER INSERT ON apikey_tenant
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        VALUES ('tenant', NEW.tenant,
                CAST(strftime('%s', 'now') AS INTEGER));
END
--;
CREATE TRIGGER apikey_tenant_after_update AFTER UPDATE ON apikey_tenant
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        VALUES ('tenant', OLD.tenant,
                CAST(strftime('%s', 'now') AS INTEGER));
    INSERT INTO apikey_change (kind, value, changed)
        SELECT 'tenant', NEW.tenant, CAST(strftime('%s', 'now') AS INTEGER)
        WHERE NEW.tenant <> OLD.tenant;
END
--;
CREATE TRIGGER apikey_tenant_after_delete AFTER DELETE ON apikey_tenant
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        VALUES ('tenant', OLD.tenant,
                CAST(strftime('%s', 'now') AS INTEGER));
END
--;
-- The audit is append-only: no row is changed, and one is removed only
-- when apikey_identity.kept_since is later than it.
CREATE TRIGGER apikey_audit_before_insert BEFORE INSERT ON apikey_audit
WHEN EXISTS (SELECT 1 FROM apikey_audit WHERE number = NEW.number)
BEGIN
    SELECT RAISE(ABORT, 'apikey_audit is append-only');
END
--;
CREATE TRIGGER apikey_audit_before_update BEFORE UPDATE ON apikey_audit
BEGIN
    SELECT RAISE(ABORT, 'apikey_audit is append-only');
END
--;
CREATE TRIGGER apikey_audit_before_delete BEFORE DELETE ON apikey_audit
WHEN OLD.happened >= (SELECT kept_since FROM apikey_identity)
BEGIN
    SELECT RAISE(ABORT, 'apikey_audit is append-only');
END
