-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- The tables of mod_apikey on PostgreSQL.  Times are epoch seconds, 0 means
-- "not".  `htapikey init` applies each file of this folder once, in order.
-- A line "--;" ends a statement.  COLLATE "C": two names are the same only if
-- each of their bytes is, whatever the database's collation.

-- The identity of the database: another uuid or epoch voids what is cached.
-- Audit rows from before kept_since may be deleted (ApiKeyRetention); all
-- changes up to the number in pruned have been.
CREATE TABLE apikey_identity (
    row_number INTEGER NOT NULL DEFAULT 1 PRIMARY KEY
        CHECK (row_number = 1),
    uuid VARCHAR(36) COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    schema_version INTEGER NOT NULL,
    created BIGINT NOT NULL,
    kept_since BIGINT NOT NULL DEFAULT 0,
    pruned BIGINT NOT NULL DEFAULT 0
)
--;
CREATE TABLE apikey (
    digest VARCHAR(64) COLLATE "C" NOT NULL PRIMARY KEY
        CHECK (digest ~ '^[0-9a-f]{64}$'),
    id VARCHAR(64) COLLATE "C" NOT NULL UNIQUE,
    keyspace VARCHAR(64) COLLATE "C" NOT NULL DEFAULT 'default',
    tenant VARCHAR(255) COLLATE "C" NOT NULL,
    name VARCHAR(255) COLLATE "C" NOT NULL,
    env VARCHAR(64) COLLATE "C" NOT NULL DEFAULT 'live',
    scopes VARCHAR(4000) COLLATE "C" NOT NULL DEFAULT '',
    secret_id VARCHAR(32) COLLATE "C" NOT NULL DEFAULT '',
    format VARCHAR(16) COLLATE "C" NOT NULL DEFAULT 'base62',
    prefix VARCHAR(32) COLLATE "C" NOT NULL DEFAULT '',
    hint VARCHAR(64) COLLATE "C" NOT NULL DEFAULT '',
    creator VARCHAR(255) COLLATE "C" NOT NULL DEFAULT '',
    created BIGINT NOT NULL DEFAULT 0,
    expires BIGINT NOT NULL DEFAULT 0,
    revoked BIGINT NOT NULL DEFAULT 0,
    disabled BIGINT NOT NULL DEFAULT 0,
    lifetime BIGINT NOT NULL DEFAULT 0,
    reason VARCHAR(255) COLLATE "C" NOT NULL DEFAULT ''
)
--;
CREATE INDEX apikey_created ON apikey (created, id)
--;
CREATE INDEX apikey_by_tenant ON apikey (tenant)
--;
CREATE TABLE apikey_tenant (
    tenant VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL DEFAULT 0,
    suspended BIGINT NOT NULL DEFAULT 0,
    reason VARCHAR(255) COLLATE "C" NOT NULL DEFAULT ''
)
--;
CREATE TABLE apikey_scope (
    name VARCHAR(128) COLLATE "C" NOT NULL PRIMARY KEY,
    description VARCHAR(255) COLLATE "C" NOT NULL DEFAULT ''
)
--;
-- Not columns of apikey, whose triggers would run for each batch of uses.
CREATE TABLE apikey_usage (
    id VARCHAR(64) COLLATE "C" NOT NULL PRIMARY KEY,
    last_used BIGINT NOT NULL DEFAULT 0,
    use_count BIGINT NOT NULL DEFAULT 0,
    exposed BIGINT NOT NULL DEFAULT 0
)
--;
-- kind is digest, tenant or all; value is the digest or the tenant.  The
-- number comes from a sequence: see 002_changes.sql.
CREATE TABLE apikey_change (
    number BIGINT NOT NULL PRIMARY KEY,
    kind VARCHAR(8) COLLATE "C" NOT NULL,
    value VARCHAR(255) COLLATE "C" NOT NULL DEFAULT '',
    changed BIGINT NOT NULL
)
--;
-- was: JSON, the values that the action replaced.
CREATE TABLE apikey_audit (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    happened BIGINT NOT NULL,
    who VARCHAR(255) COLLATE "C" NOT NULL,
    action VARCHAR(32) COLLATE "C" NOT NULL,
    id VARCHAR(64) COLLATE "C" NOT NULL DEFAULT '',
    tenant VARCHAR(255) COLLATE "C" NOT NULL DEFAULT '',
    reason VARCHAR(255) COLLATE "C" NOT NULL DEFAULT '',
    was VARCHAR(8000) COLLATE "C" NOT NULL DEFAULT ''
)
