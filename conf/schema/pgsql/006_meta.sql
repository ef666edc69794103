-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- The networks that a key may be used from, and its meta data.  The
-- triggers of 004 check each text of a row, so these, too.

-- A digest of SHA-512 has 128 characters.  NOT VALID: existing rows met a
-- narrower rule and need not be read while the table is locked.
ALTER TABLE apikey
    ALTER COLUMN digest TYPE VARCHAR(128) COLLATE "C",
    DROP CONSTRAINT IF EXISTS apikey_digest_check,
    ADD CONSTRAINT apikey_digest_check
        CHECK (digest ~ '^([0-9a-f]{64}){1,2}$') NOT VALID
--;
-- Who is responsible for the key: a person, a team, a ticket.
ALTER TABLE apikey ADD COLUMN owner VARCHAR(255) COLLATE "C" NOT NULL
    DEFAULT ''
--;
-- Addresses and CIDR blocks, separated by blanks; '': from anywhere.
ALTER TABLE apikey ADD COLUMN networks VARCHAR(2000) COLLATE "C" NOT NULL
    DEFAULT ''
--;
-- NAME=VALUE; NAME=VALUE
ALTER TABLE apikey ADD COLUMN meta VARCHAR(4000) COLLATE "C" NOT NULL
    DEFAULT ''
--;
-- The same for all keys of a tenant; a key's own value overrides it.
ALTER TABLE apikey_tenant ADD COLUMN meta VARCHAR(4000) COLLATE "C" NOT NULL
    DEFAULT ''
--;
-- The old values of a change, with these columns.
ALTER TABLE apikey_audit ALTER COLUMN was TYPE VARCHAR(15000) COLLATE "C"
