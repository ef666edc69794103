-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- The line of a key: all keys that were rotated from one another.  A program
-- that counts per root counts on when a key is rotated.

-- The id of the first key of its line; '' stands for its own id.
ALTER TABLE apikey ADD COLUMN root VARCHAR(64) NOT NULL DEFAULT ''
--;
-- The id of the key that it replaces; '' for the first.  The index
-- is in the same statement, since init checks whether the column exists.
ALTER TABLE apikey ADD COLUMN rotated_from VARCHAR(64) NOT NULL DEFAULT '',
    ADD INDEX apikey_rotated_from (rotated_from)
--;
-- Triggers, because a CHECK would copy the table.
DROP TRIGGER IF EXISTS apikey_line_insert
--;
CREATE TRIGGER apikey_line_insert BEFORE INSERT ON apikey
FOR EACH ROW
BEGIN
    DECLARE texts LONGTEXT CHARACTER SET utf8mb4 DEFAULT CONCAT(NEW.root,
        NEW.rotated_from);
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
    DECLARE texts LONGTEXT CHARACTER SET utf8mb4 DEFAULT CONCAT(NEW.root,
        NEW.rotated_from);
    IF LOCATE(CHAR(0), texts) > 0 OR texts REGEXP '[[:cntrl:]]' THEN
        SIGNAL SQLSTATE '45000'
            SET MESSAGE_TEXT = 'a text of apikey has a control character';
    END IF;
END
