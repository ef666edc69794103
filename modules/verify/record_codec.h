/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file record_codec.h
 * @brief A key's record as bytes for a cache, with what it takes to know
 *        whether it still holds.
 *
 * Everything that a look-up gives is in it, so that a hit exports what a
 * look-up does.  The bytes are the same on every machine: numbers are
 * little-endian.  What lies outside of this machine's memory is authenticated:
 * see apikey_codec_seal().
 */
#ifndef APIKEY_RECORD_CODEC_H
#define APIKEY_RECORD_CODEC_H

#include "../core/record.h"
#include "../core/secrets.h"
#include "revocations.h"

#define APIKEY_CODEC_MAX 8192       /**< bytes; what is longer is not kept */
#define APIKEY_SEAL_LEN APIKEY_DIGEST_LEN
#define APIKEY_CODEC_ID_LEN APIKEY_DIGEST_LEN

typedef struct apikey_cached_record_t {
    apikey_stamp_t stamp;
    apr_time_t written;             /**< apr_time_now(), before it was asked
                                     * for: an entry's age counts from here */
    apikey_record_t *record;
} apikey_cached_record_t;

/**
 * Writes @a entry without its record's digest, which is the cache's key.
 * @return the length; 0 if it does not fit
 */
apr_size_t apikey_record_encode(unsigned char *bytes, apr_size_t size,
                                const apikey_cached_record_t *entry);

/**
 * Reads it.  The record lives in @a pool; its strings stay where they stand:
 * @a bytes and @a digest have to live as long.
 * @param digest lower-case hex: what the record was found under
 * @return 0: these bytes are no entry, or one of another version
 */
int apikey_record_decode(apikey_cached_record_t *entry,
                         const unsigned char *bytes, apr_size_t len,
                         const char *digest, apr_pool_t *pool);

/**
 * What an answer depends on beside the key: a hash.  Servers whose answers
 * differ have different ones, on every machine; databases are told apart by
 * how the configuration names them, for a copy of a database is its original
 * in all that stands in it.
 * @param context  out, APIKEY_DIGEST_LEN bytes.  The password that may be a
 *                 part of @a database could be guessed by it: it is not to
 *                 be shown
 * @param database apikey_db_t's name
 * @param query    of the administrator's own; NULL: our tables
 * @param keyspace what a query of one's own may be asked for; not NULL
 */
apr_status_t apikey_codec_context(unsigned char *context,
                                  const char *database, const char *query,
                                  const char *keyspace, apr_pool_t *pool);

/**
 * What an entry is kept under: a hash of context and digest, which shows
 * neither of them.  Here and below the first APIKEY_DIGEST_HEX characters of
 * a digest count.
 */
apr_status_t apikey_codec_id(unsigned char id[APIKEY_CODEC_ID_LEN],
                             const unsigned char *context,
                             const char *digest);

/**
 * HMAC-SHA256, by a secret of the server's, over the digest and the entry: who
 * can write into the cache cannot make a tenant, nor move an entry to another
 * key.
 * @param secret   the index of the secret; the first writes, any may verify
 * @param context  apikey_codec_context()'s: what else must agree on both
 *                 sides
 */
apr_status_t apikey_codec_seal(unsigned char seal[APIKEY_SEAL_LEN],
                               const apikey_secrets_t *secrets, int secret,
                               const unsigned char *context,
                               const char *digest,
                               const unsigned char *bytes, apr_size_t len);

#endif
