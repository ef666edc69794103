-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- From where a key may be used, and what an application is told of it.

-- A digest of SHA-512 has 128 characters.  SQLite can change a CHECK only by
-- a new table, which would lose what others have made for the old one; its
-- manual shows this for a change that concerns no row.
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
-- Who answers for the key: a person, a team, a ticket.
ALTER TABLE apikey ADD COLUMN owner VARCHAR(255) NOT NULL DEFAULT ''
    CHECK (instr(owner, char(0)) = 0 AND owner NOT GLOB
           '*[' || char(1) || '-' || char(31) || char(127) || ']*')
--;
-- Addresses and CIDR blocks, a blank between them; '': from anywhere.
ALTER TABLE apikey ADD COLUMN networks VARCHAR(2000) NOT NULL DEFAULT ''
    CHECK (instr(networks, char(0)) = 0 AND networks NOT GLOB
           '*[' || char(1) || '-' || char(31) || char(127) || ']*')
--;
-- NAME=VALUE; NAME=VALUE
ALTER TABLE apikey ADD COLUMN meta VARCHAR(4000) NOT NULL DEFAULT ''
    CHECK (instr(meta, char(0)) = 0 AND meta NOT GLOB
           '*[' || char(1) || '-' || char(31) || char(127) || ']*')
--;
-- The same for all keys of a tenant; a key's own value goes before.
ALTER TABLE apikey_tenant ADD COLUMN meta VARCHAR(4000) NOT NULL DEFAULT ''
    CHECK (instr(meta, char(0)) = 0 AND meta NOT GLOB
           '*[' || char(1) || '-' || char(31) || char(127) || ']*')
