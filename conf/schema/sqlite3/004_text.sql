-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- No text may contain a NUL or another control byte: programs would read only
-- the part before a NUL, and a log line or header could be forged.  An existing
-- row with one stays, and its other columns can be changed.
-- `htapikey doctor` names such rows.  GLOB ends at a NUL, instr() does not.

-- bits: of an imported key, the entropy of its characters; 0: not known.
ALTER TABLE apikey ADD COLUMN bits BIGINT NOT NULL DEFAULT 0
--;
CREATE TRIGGER apikey_text_insert BEFORE INSERT ON apikey
WHEN (SELECT instr(texts, char(0)) > 0
    OR texts GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'
    FROM (SELECT
        NEW.id || NEW.keyspace || NEW.tenant || NEW.name || NEW.env ||
        NEW.scopes || NEW.secret_id || NEW.format || NEW.prefix || NEW.hint ||
        NEW.creator || NEW.reason AS texts))
BEGIN
    SELECT RAISE(ABORT, 'a text of apikey has a control character');
END
--;
CREATE TRIGGER apikey_text_update BEFORE UPDATE OF id, keyspace, tenant,
    name, env, scopes, secret_id, format, prefix, hint, creator, reason
    ON apikey
WHEN (SELECT instr(texts, char(0)) > 0
    OR texts GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'
    FROM (SELECT
        ifnull(nullif(NEW.id, OLD.id), '') ||
        ifnull(nullif(NEW.keyspace, OLD.keyspace), '') ||
        ifnull(nullif(NEW.tenant, OLD.tenant), '') ||
        ifnull(nullif(NEW.name, OLD.name), '') ||
        ifnull(nullif(NEW.env, OLD.env), '') ||
        ifnull(nullif(NEW.scopes, OLD.scopes), '') ||
        ifnull(nullif(NEW.secret_id, OLD.secret_id), '') ||
        ifnull(nullif(NEW.format, OLD.format), '') ||
        ifnull(nullif(NEW.prefix, OLD.prefix), '') ||
        ifnull(nullif(NEW.hint, OLD.hint), '') ||
        ifnull(nullif(NEW.creator, OLD.creator), '') ||
        ifnull(nullif(NEW.reason, OLD.reason), '') AS texts))
BEGIN
    SELECT RAISE(ABORT, 'a text of apikey has a control character');
END
--;
CREATE TRIGGER apikey_tenant_text_insert BEFORE INSERT ON apikey_tenant
WHEN (SELECT instr(texts, char(0)) > 0
    OR texts GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'
    FROM (SELECT
        NEW.tenant || NEW.reason AS texts))
BEGIN
    SELECT RAISE(ABORT, 'a text of apikey_tenant has a control character');
END
--;
CREATE TRIGGER apikey_tenant_text_update BEFORE UPDATE OF tenant, reason
    ON apikey_tenant
WHEN (SELECT instr(texts, char(0)) > 0
    OR texts GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'
    FROM (SELECT
        ifnull(nullif(NEW.tenant, OLD.tenant), '') ||
        ifnull(nullif(NEW.reason, OLD.reason), '') AS texts))
BEGIN
    SELECT RAISE(ABORT, 'a text of apikey_tenant has a control character');
END
--;
CREATE TRIGGER apikey_scope_text_insert BEFORE INSERT ON apikey_scope
WHEN (SELECT instr(texts, char(0)) > 0
    OR texts GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'
    FROM (SELECT
        NEW.name || NEW.description AS texts))
BEGIN
    SELECT RAISE(ABORT, 'a text of apikey_scope has a control character');
END
--;
CREATE TRIGGER apikey_scope_text_update BEFORE UPDATE OF name, description
    ON apikey_scope
WHEN (SELECT instr(texts, char(0)) > 0
    OR texts GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*'
    FROM (SELECT
        ifnull(nullif(NEW.name, OLD.name), '') ||
        ifnull(nullif(NEW.description, OLD.description), '') AS texts))
BEGIN
    SELECT RAISE(ABORT, 'a text of apikey_scope has a control character');
END
