/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Records keys that were exposed in URLs. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

#include "../usage/usage.h"
#include "exposed_keys.h"

APLOG_USE_MODULE(apikey);

int apikey_record_exposed_keys(request_rec *r)
{
    apikey_request_t *state = apikey_request_get(r);
    int i;

    if (!state || !state->exposures) {
        return DECLINED;
    }
    for (i = 0; i < state->exposures->nelts; i++) {
        const apikey_exposure_t *exposure =
            &APR_ARRAY_IDX(state->exposures, i, apikey_exposure_t);

        apikey_usage_count_exposure(r->server, exposure);
        /* A key in the query refuses the request, which has been logged. */
        if (exposure->places & APIKEY_IN_REFERER) {
            ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                          "APIKEY0170: the Referer of this request carried a "
                          "key; it is masked, and the key should be replaced");
        }
        if (exposure->places & APIKEY_IN_PATH) {
            ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                          "APIKEY0223: the path of this request carried a "
                          "key; it is masked, and the key should be replaced");
        }
    }
    state->exposures = NULL;
    return DECLINED;
}
