-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- The line of a key: all keys that were rotated from one another.  A program
-- that counts per root counts on when a key is rotated.  The
-- triggers of 004 check each text of a row, so these, too.

-- The id of the first key of its line; '' stands for its own id.
ALTER TABLE apikey ADD COLUMN root VARCHAR(64) COLLATE "C" NOT NULL DEFAULT ''
--;
-- The id of the key that it replaces; '' for the first.
ALTER TABLE apikey ADD COLUMN rotated_from VARCHAR(64) COLLATE "C" NOT NULL
    DEFAULT ''
--;
CREATE INDEX apikey_rotated_from ON apikey (rotated_from)
    WHERE rotated_from <> ''
