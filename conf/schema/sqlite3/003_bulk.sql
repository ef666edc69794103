-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- An import of a million keys leaves one change, not a million: while `bulk`
-- is 1 the triggers of 002 record nothing, and when it goes back to 0 there is
-- a change of the kind 'all'.  SQLite has one writer, and the flag is reset in
-- the transaction that sets it, so no other connection sees it.
ALTER TABLE apikey_identity ADD COLUMN bulk INTEGER NOT NULL DEFAULT 0
    CHECK (bulk IN (0, 1))
--;
-- All changes up to this number have been deleted (ApiKeyRetention): a reader
-- that has not seen it may have missed changes.
ALTER TABLE apikey_identity ADD COLUMN pruned BIGINT NOT NULL DEFAULT 0
--;
CREATE TRIGGER apikey_bulk_over AFTER UPDATE OF bulk ON apikey_identity
WHEN OLD.bulk <> 0 AND NEW.bulk = 0
BEGIN
    INSERT INTO apikey_change (kind, changed)
        VALUES ('all', CAST(strftime('%s', 'now') AS INTEGER));
END
--;
DROP TRIGGER apikey_before_insert
--;
DROP TRIGGER apikey_after_insert
--;
DROP TRIGGER apikey_before_update
--;
DROP TRIGGER apikey_after_update
--;
DROP TRIGGER apikey_after_delete
--;
DROP TRIGGER apikey_tenant_after_insert
--;
DROP TRIGGER apikey_tenant_after_update
--;
DROP TRIGGER apikey_tenant_after_delete
--;
CREATE TRIGGER apikey_before_insert BEFORE INSERT ON apikey
WHEN (SELECT bulk FROM apikey_identity) IS NOT 1
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        SELECT 'digest', digest, CAST(strftime('%s', 'now') AS INTEGER)
        FROM apikey WHERE id = NEW.id AND digest <> NEW.digest;
END
--;
CREATE TRIGGER apikey_after_insert AFTER INSERT ON apikey
WHEN (SELECT bulk FROM apikey_identity) IS NOT 1
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        VALUES ('digest', NEW.digest,
                CAST(strftime('%s', 'now') AS INTEGER));
END
--;
CREATE TRIGGER apikey_before_update BEFORE UPDATE OF id, digest ON apikey
WHEN (SELECT bulk FROM apikey_identity) IS NOT 1
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        SELECT 'digest', digest, CAST(strftime('%s', 'now') AS INTEGER)
        FROM apikey WHERE (id = NEW.id OR digest = NEW.digest)
            AND digest <> OLD.digest;
END
--;
CREATE TRIGGER apikey_after_update AFTER UPDATE ON apikey
WHEN (SELECT bulk FROM apikey_identity) IS NOT 1
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
WHEN (SELECT bulk FROM apikey_identity) IS NOT 1
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        VALUES ('digest', OLD.digest,
                CAST(strftime('%s', 'now') AS INTEGER));
END
--;
CREATE TRIGGER apikey_tenant_after_insert AFTER INSERT ON apikey_tenant
WHEN (SELECT bulk FROM apikey_identity) IS NOT 1
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        VALUES ('tenant', NEW.tenant,
                CAST(strftime('%s', 'now') AS INTEGER));
END
--;
CREATE TRIGGER apikey_tenant_after_update AFTER UPDATE ON apikey_tenant
WHEN (SELECT bulk FROM apikey_identity) IS NOT 1
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
WHEN (SELECT bulk FROM apikey_identity) IS NOT 1
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        VALUES ('tenant', OLD.tenant,
                CAST(strftime('%s', 'now') AS INTEGER));
END
