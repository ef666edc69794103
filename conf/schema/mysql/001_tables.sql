-- Licensed under the Apache License, Version 2.0; see LICENSE.
--
-- The tables of mod_apikey on MariaDB and MySQL; ../sqlite3/001_tables.sql
-- explains them.  Times are epoch seconds, 0 means "not".
-- A line "--;" ends a statement.
--
-- These statements cannot be rolled back, so each may run again: `htapikey
-- init` records a file when all of it is done, and repeats one that was not.
--
-- Texts are compared by bytes, trailing blanks included.  That collation has
-- another name on MariaDB and on MySQL; each runs only its own comment.

CREATE TABLE IF NOT EXISTS apikey_identity (
    `row_number` INTEGER NOT NULL DEFAULT 1 PRIMARY KEY
        CHECK (`row_number` = 1),
    uuid VARCHAR(36) NOT NULL,
    epoch BIGINT NOT NULL,
    schema_version INTEGER NOT NULL,
    created BIGINT NOT NULL,
    kept_since BIGINT NOT NULL DEFAULT 0,
    pruned BIGINT NOT NULL DEFAULT 0
) ENGINE=InnoDB CHARACTER SET utf8mb4
    /*M!100201 COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */
--;
CREATE TABLE IF NOT EXISTS apikey (
    digest VARCHAR(64) NOT NULL PRIMARY KEY
        CHECK (digest REGEXP '^[0-9a-f]{64}$'),
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
    reason VARCHAR(255) NOT NULL DEFAULT '',
    INDEX apikey_created (created, id),
    INDEX apikey_by_tenant (tenant)
) ENGINE=InnoDB CHARACTER SET utf8mb4
    /*M!100201 COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */
--;
CREATE TABLE IF NOT EXISTS apikey_tenant (
    tenant VARCHAR(255) NOT NULL PRIMARY KEY,
    created BIGINT NOT NULL DEFAULT 0,
    suspended BIGINT NOT NULL DEFAULT 0,
    reason VARCHAR(255) NOT NULL DEFAULT ''
) ENGINE=InnoDB CHARACTER SET utf8mb4
    /*M!100201 COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */
--;
CREATE TABLE IF NOT EXISTS apikey_scope (
    name VARCHAR(128) NOT NULL PRIMARY KEY,
    description VARCHAR(255) NOT NULL DEFAULT ''
) ENGINE=InnoDB CHARACTER SET utf8mb4
    /*M!100201 COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */
--;
CREATE TABLE IF NOT EXISTS apikey_usage (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    last_used BIGINT NOT NULL DEFAULT 0,
    use_count BIGINT NOT NULL DEFAULT 0,
    exposed BIGINT NOT NULL DEFAULT 0
) ENGINE=InnoDB CHARACTER SET utf8mb4
    /*M!100201 COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */
--;
-- number comes from apikey_counter; the value in an INSERT is replaced.
CREATE TABLE IF NOT EXISTS apikey_change (
    number BIGINT NOT NULL DEFAULT 0 PRIMARY KEY,
    kind VARCHAR(8) NOT NULL,
    value VARCHAR(255) NOT NULL DEFAULT '',
    changed BIGINT NOT NULL
) ENGINE=InnoDB CHARACTER SET utf8mb4
    /*M!100201 COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */
--;
-- The last number and the connection that has it.  The row stays locked until
-- that transaction is over, so the numbers commit in order (AUTO_INCREMENT's
-- do not).  Read uncommitted, it names the connection that holds the lock.
CREATE TABLE IF NOT EXISTS apikey_counter (
    `row_number` INTEGER NOT NULL DEFAULT 1 PRIMARY KEY
        CHECK (`row_number` = 1),
    number BIGINT NOT NULL DEFAULT 0,
    connection BIGINT UNSIGNED NOT NULL DEFAULT 0,
    who VARCHAR(255) NOT NULL DEFAULT '',
    since BIGINT NOT NULL DEFAULT 0
) ENGINE=InnoDB CHARACTER SET utf8mb4
    /*M!100201 COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */
--;
INSERT IGNORE INTO apikey_counter (number) VALUES (0)
--;
CREATE TABLE IF NOT EXISTS apikey_audit (
    number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    happened BIGINT NOT NULL,
    who VARCHAR(255) NOT NULL,
    action VARCHAR(32) NOT NULL,
    id VARCHAR(64) NOT NULL DEFAULT '',
    tenant VARCHAR(255) NOT NULL DEFAULT '',
    reason VARCHAR(255) NOT NULL DEFAULT '',
    was VARCHAR(8000) NOT NULL DEFAULT ''
) ENGINE=InnoDB CHARACTER SET utf8mb4
    /*M!100201 COLLATE utf8mb4_nopad_bin */ /*!80017 COLLATE utf8mb4_0900_bin */
