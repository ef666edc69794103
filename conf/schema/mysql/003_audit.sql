-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- The audit is append-only: no row is changed, and one is removed only
-- when apikey_identity.kept_since is later than it.  REPLACE deletes, ON
-- DUPLICATE KEY updates; only TRUNCATE and DROP, which need other rights, fire
-- no trigger.

DROP TRIGGER IF EXISTS apikey_audit_before_update
--;
CREATE TRIGGER apikey_audit_before_update BEFORE UPDATE ON apikey_audit
FOR EACH ROW
BEGIN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'apikey_audit is append-only';
END
--;
DROP TRIGGER IF EXISTS apikey_audit_before_delete
--;
CREATE TRIGGER apikey_audit_before_delete BEFORE DELETE ON apikey_audit
FOR EACH ROW
BEGIN
    IF OLD.happened >= COALESCE((SELECT kept_since FROM apikey_identity), 0)
    THEN
        SIGNAL SQLSTATE '45000'
            SET MESSAGE_TEXT = 'apikey_audit is append-only';
    END IF;
END
