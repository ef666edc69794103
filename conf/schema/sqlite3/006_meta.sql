-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- The networks that a key may be used from, and its meta data.

-- A digest of SHA-512 has 128 characters.  SQLite can change a CHECK only by
-- a new table, without the indexes and triggers that others have made for the
-- old one; its manual shows this way for a change that concerns no row.
PRAGMA writable_schema = ON
--;
UPDATE sqlite_master
    SET sql = replace(replace(sql, 'length(digest) = 64',
                              'length(digest) IN (64, 128)'),
                      'digest VARCHAR(64)', 'digest VARCHAR(128)')
    WHERE type = 'table' AND name = 'apikey'
--;
PRAGMA writable_schema = RESET
--;
-- Who is responsible for the key: a person, a team, a ticket.
ALTER TABLE apikey ADD COLUMN owner VARCHAR(255) NOT NULL DEFAULT ''
    CHECK (instr(owner, char(0)) = 0 AND owner NOT GLOB
           '*[' || char(1) || '-' || char(31) || char(127) || ']*')
--;
-- Addresses and CIDR blocks, separated by blanks; '': from anywhere.
ALTER TABLE apikey ADD COLUMN networks VARCHAR(2000) NOT NULL DEFAULT ''
    CHECK (instr(networks, char(0)) = 0 AND networks NOT GLOB
           '*[' || char(1) || '-' || char(31) || char(127) || ']*')
--;
-- NAME=VALUE; NAME=VALUE
ALTER TABLE apikey ADD COLUMN meta VARCHAR(4000) NOT NULL DEFAULT ''
    CHECK (instr(meta, char(0)) = 0 AND meta NOT GLOB
           '*[' || char(1) || '-' || char(31) || char(127) || ']*')
--;
-- The same for all keys of a tenant; a key's own value overrides it.
ALTER TABLE apikey_tenant ADD COLUMN meta VARCHAR(4000) NOT NULL DEFAULT ''
    CHECK (instr(meta, char(0)) = 0 AND meta NOT GLOB
           '*[' || char(1) || '-' || char(31) || char(127) || ']*')
--;
-- SQLite has one writer, so an import is done in steps, between which others
-- write.  Meanwhile `imported` is odd, and the import's keys have the next
-- number in `batch`: they are not valid (apikey_known excludes them) until
-- `imported` is that number.  The next import removes the rows of one that was
-- killed.
ALTER TABLE apikey ADD COLUMN batch BIGINT NOT NULL DEFAULT 0
--;
ALTER TABLE apikey_identity ADD COLUMN imported BIGINT NOT NULL DEFAULT 0
--;
DROP VIEW IF EXISTS apikey_known
--;
CREATE VIEW apikey_known AS SELECT * FROM apikey
    WHERE batch <= (SELECT imported FROM apikey_identity)
--;
DROP TRIGGER apikey_after_insert
--;
CREATE TRIGGER apikey_after_insert AFTER INSERT ON apikey
WHEN (SELECT bulk = 1 OR NEW.batch > imported FROM apikey_identity) IS NOT 1
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        VALUES ('digest', NEW.digest,
                CAST(strftime('%s', 'now') AS INTEGER));
END
--;
DROP TRIGGER apikey_after_delete
--;
CREATE TRIGGER apikey_after_delete AFTER DELETE ON apikey
WHEN (SELECT bulk = 1 OR OLD.batch > imported FROM apikey_identity) IS NOT 1
BEGIN
    INSERT INTO apikey_change (kind, value, changed)
        VALUES ('digest', OLD.digest,
                CAST(strftime('%s', 'now') AS INTEGER));
END
