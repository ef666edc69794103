/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file challenge.h
 * @brief WWW-Authenticate, or Proxy-Authenticate of a forward proxy (RFC 9110,
 *        11.6.1 and 11.7.1).
 *
 * One header per accepted scheme: Bearer, ApiKey, other schemes, Basic. The
 * order matters, because some clients read only the first one.
 */
#ifndef APIKEY_CHALLENGE_H
#define APIKEY_CHALLENGE_H

#include "../request/state.h"

/** Removes all challenges, also those of other modules. */
void apikey_challenge_remove(request_rec *r);

/** Adds a challenge for each scheme that is accepted here, without an error.
 * @param scope the scopes that the Require in effect needs; or NULL */
void apikey_challenge_all(request_rec *r, const char *scope);

/** Adds a Bearer challenge with the error of @a result (RFC 6750, 3).
 * @param scope the scopes that the key lacks; or NULL */
void apikey_challenge_error(request_rec *r, const apikey_result_t *result,
                            const char *scope);

#endif
