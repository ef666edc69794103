/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file ring.h
 * @brief The secret ring: the server-side HMAC-SHA256 secrets.
 *
 * The first secret signs new keys; all of them verify.  The file has one
 * "ID BASE64" line a secret; empty lines and lines that begin with '#' are
 * passed over.  Any thread may use a ring, and the secrets in it never change.
 */
#ifndef APIKEY_RING_H
#define APIKEY_RING_H

#include <apr_pools.h>

#include "digest.h"

#define APIKEY_RING_MAX 16          /**< secrets in a ring */
#define APIKEY_SECRET_MIN 32        /**< bytes: no weaker than the digest */
#define APIKEY_SECRET_MAX 128       /**< bytes */
#define APIKEY_SECRET_ID_MAX 32     /**< characters, [0-9A-Za-z_.-] */

typedef struct apikey_ring_t apikey_ring_t;

/**
 * Reads the ring from a file.  Refused, each with a sentence that says what
 * to do: a missing file, one that others can read or write (or its group can
 * write), one that others could put another in place of (trust.h), a line
 * that is not "ID BASE64", a short secret, a repeated id, no
 * secret at all.
 * @param ring  lives in @a pool, whose cleanup wipes the secrets
 * @param error set on failure, in @a pool; names file and line, never a secret
 */
apr_status_t apikey_ring_load(apikey_ring_t **ring, const char *path,
                              apr_pool_t *pool, const char **error);

/** As apikey_ring_load(), from memory; @a text need not end with NUL. */
apr_status_t apikey_ring_parse(apikey_ring_t **ring, const char *text,
                               apr_size_t len, apr_pool_t *pool,
                               const char **error);

int apikey_ring_count(const apikey_ring_t *ring);

/** The id of secret @a i: public, stored beside each key it signed. */
const char *apikey_ring_id(const apikey_ring_t *ring, int i);

/**
 * HMAC-SHA256 by secret @a i.  Allocates nothing from a pool.
 * @return APR_EGENERAL if OpenSSL refuses (then fail closed)
 */
apr_status_t apikey_ring_sign(unsigned char digest[APIKEY_DIGEST_LEN],
                              const apikey_ring_t *ring, int i,
                              const void *data, apr_size_t len);

/**
 * Whether this very key was found right here lately, which saves a digest.  The
 * key is not kept, but a SipHash under a secret of the ring's own: good enough
 * for what is shown of a key, and not for letting it in.
 */
int apikey_ring_knows(const apikey_ring_t *ring, const char *key,
                      apr_size_t len);

/** Notes that a key was found right, in the place of another one. */
void apikey_ring_know(const apikey_ring_t *ring, const char *key,
                      apr_size_t len);

/**
 * A fresh line (without line end) for the secret file: 32 bytes of the
 * system's CSPRNG under an id made from the date and some random letters.
 */
apr_status_t apikey_ring_make_line(char **line, apr_pool_t *pool);

#endif
