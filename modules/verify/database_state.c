/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "database_state.h"

#include <string.h>

#include <apr_strings.h>

#include "../core/digest.h"

apr_uint64_t apikey_state_hash(const char *text)
{
    unsigned char digest[APIKEY_DIGEST_LEN];
    apr_uint64_t hash = 0;
    int i;

    if (apikey_digest_sha256(digest, text, strlen(text)) != APR_SUCCESS) {
        return 1;
    }
    for (i = 0; i < 8; i++) {
        hash = hash << 8 | digest[i];
    }
    return hash ? hash : 1;
}

apr_uint64_t apikey_state_identity(const char *uuid, apr_int64_t epoch,
                                   apr_uint64_t salt)
{
    char text[128];

    apr_snprintf(text, sizeof(text),
                 "%s %" APR_INT64_T_FMT " %" APR_UINT64_T_FMT, uuid, epoch,
                 salt);
    return apikey_state_hash(text);
}

int apikey_state_precedes(const apikey_poll_t *known, const char *uuid,
                          apr_int64_t epoch)
{
    return known->identity && epoch < known->epoch
           && apikey_state_identity(uuid, known->epoch, known->salt)
              == known->identity;
}

apikey_state_e apikey_state_compare(const apikey_poll_t *known,
                                    const apikey_state_t *state,
                                    apikey_stamp_t *stamp)
{
    apr_uint64_t number = (apr_uint64_t)state->number;

    stamp->identity = known->identity;
    stamp->number = known->number;
    if (!known->identity || !state->uuid) {
        return APIKEY_STATE_KNOWN;
    }
    if (apikey_state_identity(state->uuid, state->epoch, known->salt)
            == known->identity) {
        if (number >= known->number) {
            return APIKEY_STATE_KNOWN;
        }
        stamp->number = number;
        return APIKEY_STATE_OLDER;
    }
    stamp->identity = stamp->number = 0;
    return apikey_state_precedes(known, state->uuid, state->epoch)
           ? APIKEY_STATE_OLDER : APIKEY_STATE_OTHER;
}
