/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stdarg.h>

#include <apr_strings.h>

#include "../core/text.h"
#include "connection_private.h"

apr_status_t apikey_reject(apr_pool_t *pool, const char **error,
                           const char *format, ...)
{
    va_list args;

    va_start(args, format);
    *error = apr_pvsprintf(pool, format, args);
    va_end(args);
    return APIKEY_EREFUSED;
}

/* "; " and what the operator can do about a message of the database; "" where
 * the dialect knows nothing better. */
static const char *advice_for(const apikey_dialect_t *dialect,
                              const char *message, apr_pool_t *pool)
{
    const apikey_advice_t *known = dialect->advice;

    for (; known && known->words; known++) {
        if (strstr(message, known->words)) {
            return apr_pstrcat(pool, "; ", known->advice, NULL);
        }
    }
    return "";
}

apr_status_t apikey_store_error(apikey_store_t *store, int code,
                                apr_pool_t *pool, const char **error)
{
    const apikey_dialect_t *dialect = store->dialect;
    const char *message = apikey_one_line(apr_dbd_error(store->driver,
                                                        store->handle, code),
                                          pool);

    store->duplicate = apikey_dialect_is(dialect, APIKEY_ERROR_DUPLICATE, code,
                                         message);
    store->deadlock = apikey_dialect_is(dialect, APIKEY_ERROR_DEADLOCK, code,
                                        message);
    store->read_only = apikey_dialect_is(dialect, APIKEY_ERROR_READ_ONLY, code,
                                         message);
    store->outdated = apikey_dialect_is(dialect, APIKEY_ERROR_OUTDATED, code,
                                        message);
    if (apikey_dialect_is(dialect, APIKEY_ERROR_LOCKED, code, message)) {
        *error = "another process holds a lock on the database, and five "
                 "seconds were not enough; end what holds it (an open "
                 "transaction in a shell, a backup) and try again";
        return APIKEY_ELOCKED;
    }
    if (!message || !*message) {
        message = "nothing";
    }
    *error = apr_pstrcat(pool, "the database says: ", message,
                         advice_for(dialect, message, pool), NULL);
    return APIKEY_EDATABASE;
}

int apikey_store_is_no_row(apikey_store_t *store, int code)
{
    return apikey_dialect_is(store->dialect, APIKEY_ERROR_NO_ROW, code,
                             apr_dbd_error(store->driver, store->handle,
                                           code));
}
