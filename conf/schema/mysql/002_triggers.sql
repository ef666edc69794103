-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- Each change of a key or a tenant, by any program, is recorded in
-- apikey_change; REPLACE is a delete and an insert to the triggers.  They run
-- as the user who created them, so changing keys needs no right to the counter.
-- An import sets @apikey_bulk and records one change of the kind 'all' itself.

-- If apikey_counter has lost its row, every change fails: number is NULL.
-- WHERE is for shells with sql_safe_updates (MySQL Workbench).
DROP TRIGGER IF EXISTS apikey_change_before_insert
--;
CREATE TRIGGER apikey_change_before_insert BEFORE INSERT ON apikey_change
FOR EACH ROW
BEGIN
    UPDATE apikey_counter SET number = number + 1, since = UNIX_TIMESTAMP(),
        connection = CONNECTION_ID(), who = LEFT(USER(), 255)
        WHERE `row_number` = 1;
    SET NEW.number = (SELECT number FROM apikey_counter);
END
--;
DROP TRIGGER IF EXISTS apikey_after_insert
--;
CREATE TRIGGER apikey_after_insert AFTER INSERT ON apikey
FOR EACH ROW
BEGIN
    IF @apikey_bulk IS NULL THEN
        INSERT INTO apikey_change (kind, value, changed)
            VALUES ('digest', NEW.digest, UNIX_TIMESTAMP());
    END IF;
END
--;
DROP TRIGGER IF EXISTS apikey_after_update
--;
CREATE TRIGGER apikey_after_update AFTER UPDATE ON apikey
FOR EACH ROW
BEGIN
    IF @apikey_bulk IS NULL THEN
        INSERT INTO apikey_change (kind, value, changed)
            VALUES ('digest', OLD.digest, UNIX_TIMESTAMP());
        IF NEW.digest <> OLD.digest THEN
            INSERT INTO apikey_change (kind, value, changed)
                VALUES ('digest', NEW.digest, UNIX_TIMESTAMP());
        END IF;
    END IF;
END
--;
DROP TRIGGER IF EXISTS apikey_after_delete
--;
CREATE TRIGGER apikey_after_delete AFTER DELETE ON apikey
FOR EACH ROW
BEGIN
    IF @apikey_bulk IS NULL THEN
        INSERT INTO apikey_change (kind, value, changed)
            VALUES ('digest', OLD.digest, UNIX_TIMESTAMP());
    END IF;
END
--;
DROP TRIGGER IF EXISTS apikey_tenant_after_insert
--;
CREATE TRIGGER apikey_tenant_after_insert AFTER INSERT ON apikey_tenant
FOR EACH ROW
BEGIN
    IF @apikey_bulk IS NULL THEN
        INSERT INTO apikey_change (kind, value, changed)
            VALUES ('tenant', NEW.tenant, UNIX_TIMESTAMP());
    END IF;
END
--;
DROP TRIGGER IF EXISTS apikey_tenant_after_update
--;
CREATE TRIGGER apikey_tenant_after_update AFTER UPDATE ON apikey_tenant
FOR EACH ROW
BEGIN
    IF @apikey_bulk IS NULL THEN
        INSERT INTO apikey_change (kind, value, changed)
            VALUES ('tenant', OLD.tenant, UNIX_TIMESTAMP());
        IF NEW.tenant <> OLD.tenant THEN
            INSERT INTO apikey_change (kind, value, changed)
                VALUES ('tenant', NEW.tenant, UNIX_TIMESTAMP());
        END IF;
    END IF;
END
--;
DROP TRIGGER IF EXISTS apikey_tenant_after_delete
--;
CREATE TRIGGER apikey_tenant_after_delete AFTER DELETE ON apikey_tenant
FOR EACH ROW
BEGIN
    IF @apikey_bulk IS NULL THEN
        INSERT INTO apikey_change (kind, value, changed)
            VALUES ('tenant', OLD.tenant, UNIX_TIMESTAMP());
    END IF;
END
