-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- The line of a key: those that were made by rotating one another.  What is
-- counted by key goes on through a rotation if it is counted by root.

-- The id of the first of its line; '' is its own id.
ALTER TABLE apikey ADD COLUMN root VARCHAR(64) NOT NULL DEFAULT ''
    CHECK (instr(root, char(0)) = 0 AND root NOT GLOB
           '*[' || char(1) || '-' || char(31) || char(127) || ']*')
--;
-- The id of the key in whose place it was made; '' for the first.
ALTER TABLE apikey ADD COLUMN rotated_from VARCHAR(64) NOT NULL DEFAULT ''
    CHECK (instr(rotated_from, char(0)) = 0 AND rotated_from NOT GLOB
           '*[' || char(1) || '-' || char(31) || char(127) || ']*')
--;
CREATE INDEX apikey_rotated_from ON apikey (rotated_from)
    WHERE rotated_from <> ''
