/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file secrets.h
 * @brief The secret file: the server-side HMAC-SHA256 secrets.
 *
 * The first secret signs new keys; all of them verify.  The file has a line
 * "ID BASE64" per secret; empty lines and lines that begin with '#' are
 * ignored.  The object never changes after it was loaded, except for its cache
 * of seen keys, which is atomic; any thread may use it.
 */
#ifndef APIKEY_SECRETS_H
#define APIKEY_SECRETS_H

#include <apr_pools.h>

#include "digest.h"

#define APIKEY_SECRETS_MAX 16       /**< secrets in a file */
#define APIKEY_SECRET_MIN 32        /**< bytes: no weaker than the digest */
#define APIKEY_SECRET_MAX 128       /**< bytes */
#define APIKEY_SECRET_ID_MAX 32     /**< characters, [0-9A-Za-z_.-] */

typedef struct apikey_secrets_t apikey_secrets_t;

/**
 * Reads the secrets from a file.  Refuses, with a sentence that says what to
 * do: a missing file, one that others can read or write or its group can
 * write, one that others can replace (file_access.h), a line that is not
 * "ID BASE64", a secret that is too short or too long, a repeated id, no secret
 * at all.
 * @param secrets lives in @a pool, whose cleanup wipes the secrets
 * @param error set on failure, in @a pool; names file and line, never a secret
 */
apr_status_t apikey_secrets_load(apikey_secrets_t **secrets, const char *path,
                                 apr_pool_t *pool, const char **error);

/** As apikey_secrets_load(), from memory; @a text need not end with NUL. */
apr_status_t apikey_secrets_parse(apikey_secrets_t **secrets, const char *text,
                                  apr_size_t len, apr_pool_t *pool,
                                  const char **error);

int apikey_secrets_count(const apikey_secrets_t *secrets);

/** The id of secret @a i: public, stored beside each key it signed. */
const char *apikey_secrets_id(const apikey_secrets_t *secrets, int i);

/**
 * HMAC-SHA256 by secret @a i.  Allocates nothing from a pool.
 * @return APR_EGENERAL if OpenSSL refuses (then fail closed)
 */
apr_status_t apikey_secrets_sign(unsigned char digest[APIKEY_DIGEST_LEN],
                                 const apikey_secrets_t *secrets, int i,
                                 const void *data, apr_size_t len);

/**
 * Whether this key's check characters were found right lately, which saves a
 * digest.  Compares a SipHash with a random key of this process: enough to
 * decide what may be shown of a key, not to accept it.
 */
int apikey_secrets_have_seen(const apikey_secrets_t *secrets, const char *key,
                             apr_size_t len);

/** Records a key whose check characters are right; it may replace another. */
void apikey_secrets_remember(const apikey_secrets_t *secrets, const char *key,
                             apr_size_t len);

/**
 * A fresh line (without line end) for the secret file: 32 bytes of the
 * system's CSPRNG under an id made from the date and some random letters.
 */
apr_status_t apikey_secrets_new_line(char **line, apr_pool_t *pool);

#endif
