/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file record_codec.h
 * @brief Encodes a key's record for a cache, with its stamp and time.
 *
 * All fields that a look-up returns are encoded, so that a hit exports the same
 * as a look-up.  The bytes are the same on every machine.  Those that other
 * processes can write to are sealed: apikey_codec_seal().
 */
#ifndef APIKEY_RECORD_CODEC_H
#define APIKEY_RECORD_CODEC_H

#include "../core/record.h"
#include "../core/secrets.h"
#include "revocations.h"

#define APIKEY_CODEC_MAX 8192       /**< bytes; a longer record is not cached */
#define APIKEY_SEAL_LEN APIKEY_DIGEST_LEN
#define APIKEY_CODEC_ID_LEN APIKEY_DIGEST_LEN

/** A record in a cache. */
typedef struct apikey_cached_record_t {
    apikey_stamp_t stamp;           /**< of the look-up */
    apr_time_t written;             /**< apr_time_now() before the look-up */
    apikey_record_t *record;
} apikey_cached_record_t;

/**
 * Encodes @a cached without its record's digest, which the cache finds it by.
 * @return the length; 0: it does not fit
 */
apr_size_t apikey_record_encode(unsigned char *bytes, apr_size_t size,
                                const apikey_cached_record_t *cached);

/**
 * Decodes it.  The record lives in @a pool; its strings point into @a bytes and
 * @a digest, which have to live as long.
 * @param digest lower-case hex: what the record was found by
 * @return 0: @a bytes are no such record, or of another version
 */
int apikey_record_decode(apikey_cached_record_t *cached,
                         const unsigned char *bytes, apr_size_t len,
                         const char *digest, apr_pool_t *pool);

/**
 * A hash of all that a record depends on, except its key.  Servers with
 * different records have different contexts, the same on every machine.
 * Databases are distinguished by the driver and parameters in the
 * configuration, because a copy of a database has the same content and
 * identity.
 * @param context  out, APIKEY_DIGEST_LEN bytes.  Not to be shown: a password in
 *                 @a database could be guessed from it
 * @param database apikey_db_t's name
 * @param query    ApiKeyQuery; NULL: our tables
 * @param keyspace of the server; not NULL
 */
apr_status_t apikey_codec_context(unsigned char *context,
                                  const char *database, const char *query,
                                  const char *keyspace, apr_pool_t *pool);

/**
 * What a socache finds a record by: a hash of context and digest, which reveals
 * neither.  Here and below the first APIKEY_DIGEST_HEX characters of a digest
 * count.
 */
apr_status_t apikey_codec_id(unsigned char id[APIKEY_CODEC_ID_LEN],
                             const unsigned char *context,
                             const char *digest);

/**
 * HMAC-SHA256 with a secret of the server over context, digest and record.
 * A writer to the cache without the secret can therefore neither make up a
 * record nor move one to another key.
 * @param secret   the index of the secret: 0 to seal, any to verify
 * @param context  apikey_codec_context()'s, the same on both sides
 * @param bytes    the encoded record
 */
apr_status_t apikey_codec_seal(unsigned char seal[APIKEY_SEAL_LEN],
                               const apikey_secrets_t *secrets, int secret,
                               const unsigned char *context,
                               const char *digest,
                               const unsigned char *bytes, apr_size_t len);

#endif
