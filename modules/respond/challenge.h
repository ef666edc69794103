/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file challenge.h
 * @brief WWW-Authenticate, or Proxy-Authenticate of a forward proxy: how a
 *        client is told what it may send (RFC 9110, 11.6.1).
 *
 * One field for each accepted scheme, in an order of its own, since there are
 * clients that read the first one alone: Bearer, ApiKey, other schemes, Basic.
 */
#ifndef APIKEY_CHALLENGE_H
#define APIKEY_CHALLENGE_H

#include "../request/state.h"

/** Removes what was said so far: by us, or by the chain of another module. */
void apikey_challenge_remove(request_rec *r);

/** Without an error: one for each scheme that is accepted here.
 * @param scope what the Require in effect needs, or NULL */
void apikey_challenge_all(request_rec *r, const char *scope);

/** RFC 6750, 3: what was wrong with the key.
 * @param scope what it lacks, or NULL */
void apikey_challenge_error(request_rec *r, const apikey_result_t *result,
                            const char *scope);

#endif
