/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stddef.h>

#include "options.h"

const cli_option_t cli_options[CLI_OPTIONS] = {
    [CLI_TENANT] = { "tenant", 0, "T", 0, "the tenant: whom a key belongs "
                     "to" },
    [CLI_NAME] = { "name", 0, "N", 0, "what the key is for" },
    [CLI_SCOPE] = { "scope", 0, "S", 1, "what the key may do; of set: all "
                    "that it may do from now on" },
    [CLI_ADD_SCOPE] = { "add-scope", 0, "S", 1, "give it this scope, too" },
    [CLI_REMOVE_SCOPE] = { "remove-scope", 0, "S", 1, "take this scope from "
                           "it" },
    [CLI_EXPIRES] = { "expires", 0, "WHEN", 0, "90d, 3mo, tomorrow, "
                      "2030-12-31, 2030-12-31T12:00:00+01:00 or never" },
    [CLI_ENV] = { "env", 0, "E", 0, "live (create's default), test or any "
                  "word" },
    [CLI_OWNER] = { "owner", 0, "O", 0, "who answers for the key: a person, "
                    "a team" },
    [CLI_NETWORK] = { "network", 0, "CIDR", 1, "from where alone it may be "
                      "used: 192.0.2.0/24, 2001:db8::1; of set: all of them "
                      "from now on, '' for anywhere" },
    [CLI_META] = { "meta", 0, "N=V", 1, "a variable APIKEY_META_N of "
                   "applications; with set: replaces all of them, '' removes "
                   "them" },
    [CLI_PREFIX] = { "prefix", 0, "P", 0, "what the key begins with" },
    [CLI_FORMAT] = { "format", 0, "base62|hex64", 0, "its shape" },
    [CLI_KEYSPACE] = { "keyspace", 0, "K", 0, "its keyspace, where that is "
                       "not CONF's" },
    [CLI_REASON] = { "reason", 0, "R", 0, "why; stands in the audit" },
    [CLI_OVERLAP] = { "overlap", 0, "D", 0, "how long the old key still "
                      "works: 24h, if nothing is said" },
    [CLI_STATE] = { "state", 0, "active|disabled|suspended|expired|revoked|"
                    "faulty", 0, "only keys of that state" },
    [CLI_EXPIRING] = { "expiring", 0, "WHEN", 0, "only those that end until "
                       "then: 14d, 3mo, a date" },
    [CLI_UNUSED] = { "unused", 0, "WHEN", 0, "only those not used since: "
                     "90d, 3mo, a date" },
    [CLI_SORT] = { "sort", 0, "C", 0, "by that column; with a - before it, "
                   "the other way round" },
    [CLI_COLUMNS] = { "columns", 0, "C,...", 0, "these columns, whole: "
                      CLI_COLUMN_NAMES },
    [CLI_ALL] = { "all", 0, NULL, 0, "revoked and expired keys, too" },
    [CLI_KEY] = { "key", 0, "ID", 0, "only what was done to that key" },
    [CLI_SINCE] = { "since", 0, "WHEN", 0, "only since then: 7d, a date, "
                    "yesterday" },
    [CLI_QUIET] = { "quiet", 'q', NULL, 0, "the key and nothing else on "
                    "standard output" },
    [CLI_DIGEST] = { "digest", 0, "sha256|sha512|hmac-sha256|none", 0, "of "
                     "which kind the digests in FILE are; or KIND:after=C, as "
                     "ApiKeyDigest has it" },
    [CLI_MAP] = { "map", 0, "COLUMN=NAME", 1, "a column of FILE is what import "
                  "calls NAME; -: it is not read" },
    [CLI_DRY_RUN] = { "dry-run", 0, NULL, 0, "store nothing; show the first "
                      "keys and all that is wrong, with its line" },
    [CLI_WEAK] = { "weak", 0, NULL, 0, "keys that can be guessed, too" },
    [CLI_NEW_IDENTITY] = { "new-identity", 0, NULL, 0, "give a copy of "
                           "a database an identity of its own" },
    [CLI_USER] = { "user", 0, "NAME", 0, "as whom httpd serves requests" },
    [CLI_WORDS] = { "words", 0, NULL, 0, "a line per word, for a shell that "
                    "completes them" }
};

const cli_option_t cli_global_options[] = {
    { NULL, 'f', "CONF", 0, "the file with DBDriver, DBDParams and ApiKey "
      "directives; else $APIKEY_CONF" },
    { "json", 0, NULL, 0, "JSON on standard output" },
    { "help", 'h', NULL, 0, "this text" },
    { "version", 'V', NULL, 0, "the version" },
    { NULL, 0, NULL, 0, NULL }
};
