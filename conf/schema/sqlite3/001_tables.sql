-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- The tables of mod_apikey on SQLite.  Times are epoch seconds, 0 means "not".
-- `htapikey init` applies each file of this folder once, in order.
-- A line "--;" ends a statement.

-- The identity of the database: another uuid or epoch voids what is cached.
-- Audit rows from before kept_since may be deleted (ApiKeyRetention).
CREATE TABLE apikey_identity (
    row_number INTEGER NOT NULL PRIMARY KEY CHECK (row_number = 1),
    uuid VARCHAR(36) NOT NULL,
    epoch BIGINT NOT NULL,
    schema_version INTEGER NOT NULL,
    created BIGINT NOT NULL,
    kept_since BIGINT NOT NULL DEFAULT 0
)
--;
-- lifetime: seconds, of a key rotated from this one, even if expires was
-- changed since; 0: as this one, -1: it never expires.
-- The look-up is by digest, so the table is stored in that order: one descent
-- finds the whole row.
CREATE TABLE apikey (
    digest VARCHAR(64) NOT NULL PRIMARY KEY
        CHECK (length(digest) = 64 AND digest NOT GLOB '*[^0-9a-f]*'),
    id VARCHAR(64) NOT NULL UNIQUE,
    keyspace VARCHAR(64) NOT NULL DEFAULT 'default',
    tenant VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL,
    env VARCHAR(64) NOT NULL DEFAULT 'live',
    scopes VARCHAR(4000) NOT NULL DEFAULT '',
    secret_id VARCHAR(32) NOT NULL DEFAULT '',
    format VARCHAR(16) NOT NULL DEFAULT 'base62',
    prefix VARCHAR(32) NOT NULL DEFAULT '',
    hint VARCHAR(64) NOT NULL DEFAULT '',
    creator VARCHAR(255) NOT NULL DEFAULT '',
    created BIGINT NOT NULL DEFAULT 0,
    expires BIGINT NOT NULL DEFAULT 0,
    revoked BIGINT NOT NULL DEFAULT 0,
    disabled BIGINT NOT NULL DEFAULT 0,
    lifetime BIGINT NOT NULL DEFAULT 0,
    reason VARCHAR(255) NOT NULL DEFAULT ''
) WITHOUT ROWID
--;
CREATE INDEX apikey_created ON apikey (created, id)
--;
CREATE INDEX apikey_by_tenant ON apikey (tenant)
--;
CREATE TABLE apikey_tenant (
    tenant VARCHAR(255) NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL DEFAULT 0,
    suspended BIGINT NOT NULL DEFAULT 0,
    reason VARCHAR(255) NOT NULL DEFAULT ''
) WITHOUT ROWID
--;
CREATE TABLE apikey_scope (
    name VARCHAR(128) NOT NULL PRIMARY KEY,
    description VARCHAR(255) NOT NULL DEFAULT ''
) WITHOUT ROWID
--;
-- Not columns of apikey, whose triggers would run for each batch of uses.
CREATE TABLE apikey_usage (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    last_used BIGINT NOT NULL DEFAULT 0,
    use_count BIGINT NOT NULL DEFAULT 0,
    exposed BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID
--;
-- kind is digest, tenant or all; value is the digest or the tenant.
CREATE TABLE apikey_change (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR(8) NOT NULL,
    value VARCHAR(255) NOT NULL DEFAULT '',
    changed BIGINT NOT NULL
)
--;
-- was: JSON, the values that the action replaced.
CREATE TABLE apikey_audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    happened BIGINT NOT NULL,
    who VARCHAR(255) NOT NULL,
    action VARCHAR(32) NOT NULL,
    id VARCHAR(64) NOT NULL DEFAULT '',
    tenant VARCHAR(255) NOT NULL DEFAULT '',
    reason VARCHAR(255) NOT NULL DEFAULT '',
    was VARCHAR(8000) NOT NULL DEFAULT ''
)
