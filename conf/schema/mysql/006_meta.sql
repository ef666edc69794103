-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- The networks that a key may be used from, and its meta data.
--
-- owner: who is responsible for the key: a person, a team, a ticket.
-- networks: addresses and CIDR blocks, separated by blanks; '': from anywhere.
-- meta: NAME=VALUE; NAME=VALUE
-- A digest of SHA-512 has 128 characters.
-- In one statement, since init checks whether its first column exists.  On
-- MariaDB the CHECK belongs to the column, on MySQL to the table.
ALTER TABLE apikey ADD COLUMN owner VARCHAR(255) NOT NULL DEFAULT '',
    ADD COLUMN networks VARCHAR(2000) NOT NULL DEFAULT '',
    ADD COLUMN meta VARCHAR(4000) NOT NULL DEFAULT '',
    MODIFY COLUMN digest VARCHAR(128) NOT NULL
    /*M!100201 CHECK (digest REGEXP '^([0-9a-f]{64}){1,2}$') */
    /*!80017 , DROP CHECK apikey_chk_1, ADD CONSTRAINT apikey_digest_check
        CHECK (digest REGEXP '^([0-9a-f]{64}){1,2}$') */
--;
-- The same for all keys of a tenant; a key's own value overrides it.
ALTER TABLE apikey_tenant ADD COLUMN meta VARCHAR(4000) NOT NULL DEFAULT ''
--;
-- The old values of a change, with these columns.
ALTER TABLE apikey_audit MODIFY COLUMN was VARCHAR(15000) NOT NULL DEFAULT ''
--;
-- As the triggers of 005 and 004, for these texts, too.
DROP TRIGGER IF EXISTS apikey_line_insert
--;
CREATE TRIGGER apikey_line_insert BEFORE INSERT ON apikey
FOR EACH ROW
BEGIN
    DECLARE texts LONGTEXT CHARACTER SET utf8mb4 DEFAULT CONCAT_WS('',
        NEW.root, NEW.rotated_from, NEW.owner, NEW.networks, NEW.meta);
    IF LOCATE(CHAR(0), texts) > 0 OR texts REGEXP '[[:cntrl:]]' THEN
        SIGNAL SQLSTATE '45000'
            SET MESSAGE_TEXT = 'a text of apikey has a control character';
    END IF;
END
--;
DROP TRIGGER IF EXISTS apikey_line_update
--;
CREATE TRIGGER apikey_line_update BEFORE UPDATE ON apikey
FOR EACH ROW
BEGIN
    DECLARE texts LONGTEXT CHARACTER SET utf8mb4 DEFAULT CONCAT_WS('',
        NEW.root, NEW.rotated_from, NEW.owner, NEW.networks, NEW.meta);
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
        NEW.tenant, NEW.reason, NEW.meta);
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
        IFNULL(NULLIF(NEW.reason, OLD.reason), ''),
        IFNULL(NULLIF(NEW.meta, OLD.meta), ''));
    IF LOCATE(CHAR(0), texts) > 0 OR texts REGEXP '[[:cntrl:]]' THEN
        SIGNAL SQLSTATE '45000'
            SET MESSAGE_TEXT =
                'a text of apikey_tenant has a control character';
    END IF;
END
