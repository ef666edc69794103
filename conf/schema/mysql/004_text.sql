-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- No text may contain a NUL or another control byte: programs would read only
-- the part before a NUL, and a log line or header could be forged.  An existing
-- row with one stays, and its other columns can be changed.
-- `htapikey doctor` names such rows.  LOCATE finds a NUL on every version.

-- bits: of an imported key, the entropy of its characters; 0: not known.  MySQL
-- has no IF NOT EXISTS here, so init checks whether the column exists.
ALTER TABLE apikey ADD COLUMN bits BIGINT NOT NULL DEFAULT 0
--;
DROP TRIGGER IF EXISTS apikey_text_insert
--;
CREATE TRIGGER apikey_text_insert BEFORE INSERT ON apikey
FOR EACH ROW
BEGIN
    DECLARE texts LONGTEXT CHARACTER SET utf8mb4 DEFAULT CONCAT_WS('',
        NEW.id, NEW.keyspace, NEW.tenant, NEW.name, NEW.env, NEW.scopes,
        NEW.secret_id, NEW.format, NEW.prefix, NEW.hint, NEW.creator,
        NEW.reason);
    IF LOCATE(CHAR(0), texts) > 0 OR texts REGEXP '[[:cntrl:]]' THEN
        SIGNAL SQLSTATE '45000'
            SET MESSAGE_TEXT = 'a text of apikey has a control character';
    END IF;
END
--;
DROP TRIGGER IF EXISTS apikey_text_update
--;
CREATE TRIGGER apikey_text_update BEFORE UPDATE ON apikey
FOR EACH ROW
BEGIN
    DECLARE texts LONGTEXT CHARACTER SET utf8mb4 DEFAULT CONCAT_WS('',
        IFNULL(NULLIF(NEW.id, OLD.id), ''),
        IFNULL(NULLIF(NEW.keyspace, OLD.keyspace), ''),
        IFNULL(NULLIF(NEW.tenant, OLD.tenant), ''),
        IFNULL(NULLIF(NEW.name, OLD.name), ''),
        IFNULL(NULLIF(NEW.env, OLD.env), ''),
        IFNULL(NULLIF(NEW.scopes, OLD.scopes), ''),
        IFNULL(NULLIF(NEW.secret_id, OLD.secret_id), ''),
        IFNULL(NULLIF(NEW.format, OLD.format), ''),
        IFNULL(NULLIF(NEW.prefix, OLD.prefix), ''),
        IFNULL(NULLIF(NEW.hint, OLD.hint), ''),
        IFNULL(NULLIF(NEW.creator, OLD.creator), ''),
        IFNULL(NULLIF(NEW.reason, OLD.reason), ''));
    IF LOCATE(CHAR(0), texts) > 0 OR texts REGEXP '[[:cntrl:]]' THEN
        SIGNAL SQLSTATE '45000'
            SET MESSAGE_TEXT = 'a text of apikey has a control character';
    END IF;
END
--;
DROP TRIGGER IF EXISTS apikey_tenant_text_insert
--;
CREATE TRIGGER apikey_tenant_text_insert BEFORE INSERT ON apikey_tenant
FOR EACH ROW
BEGIN
    DECLARE texts LONGTEXT CHARACTER SET utf8mb4 DEFAULT CONCAT_WS('',
        NEW.tenant, NEW.reason);
    IF LOCATE(CHAR(0), texts) > 0 OR texts REGEXP '[[:cntrl:]]' THEN
        SIGNAL SQLSTATE '45000'
            SET MESSAGE_TEXT =
                'a text of apikey_tenant has a control character';
    END IF;
END
--;
DROP TRIGGER IF EXISTS apikey_tenant_text_update
--;
CREATE TRIGGER apikey_tenant_text_update BEFORE UPDATE ON apikey_tenant
FOR EACH ROW
BEGIN
    DECLARE texts LONGTEXT CHARACTER SET utf8mb4 DEFAULT CONCAT_WS('',
        IFNULL(NULLIF(NEW.tenant, OLD.tenant), ''),
        IFNULL(NULLIF(NEW.reason, OLD.reason), ''));
    IF LOCATE(CHAR(0), texts) > 0 OR texts REGEXP '[[:cntrl:]]' THEN
        SIGNAL SQLSTATE '45000'
            SET MESSAGE_TEXT =
                'a text of apikey_tenant has a control character';
    END IF;
END
--;
DROP TRIGGER IF EXISTS apikey_scope_text_insert
--;
CREATE TRIGGER apikey_scope_text_insert BEFORE INSERT ON apikey_scope
FOR EACH ROW
BEGIN
    DECLARE texts LONGTEXT CHARACTER SET utf8mb4 DEFAULT CONCAT_WS('',
        NEW.name, NEW.description);
    IF LOCATE(CHAR(0), texts) > 0 OR texts REGEXP '[[:cntrl:]]' THEN
        SIGNAL SQLSTATE '45000'
            SET MESSAGE_TEXT = 'a text of apikey_scope has a control character';
    END IF;
END
--;
DROP TRIGGER IF EXISTS apikey_scope_text_update
--;
CREATE TRIGGER apikey_scope_text_update BEFORE UPDATE ON apikey_scope
FOR EACH ROW
BEGIN
    DECLARE texts LONGTEXT CHARACTER SET utf8mb4 DEFAULT CONCAT_WS('',
        IFNULL(NULLIF(NEW.name, OLD.name), ''),
        IFNULL(NULLIF(NEW.description, OLD.description), ''));
    IF LOCATE(CHAR(0), texts) > 0 OR texts REGEXP '[[:cntrl:]]' THEN
        SIGNAL SQLSTATE '45000'
            SET MESSAGE_TEXT = 'a text of apikey_scope has a control character';
    END IF;
END
