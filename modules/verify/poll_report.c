/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

#include "../config/config.h"
#include "../config/limited_log.h"
#include "poll_report.h"

APLOG_USE_MODULE(apikey);

/* Whether the limit lets the message through. */
static int is_poll_logged(apikey_log_e kind, server_rec *s,
                          const apikey_segment_t *segment, const char *detail)
{
    apikey_event_t event = { kind, s, NULL, segment, NULL, NULL, detail };

    return apikey_log_is_due(&event);
}

/* Whether messages of this kind were logged, and their cause is now over. */
static int is_poll_over(apikey_log_e kind, const apikey_segment_t *segment)
{
    apikey_limit_report_t report;

    return apikey_log_end(kind, segment, NULL, &report);
}

void apikey_report_poll_status(server_rec *s, const apikey_segment_t *segment,
                               apr_status_t status, const char *error)
{
    if (status != APR_SUCCESS
        && is_poll_logged(APIKEY_LOG_CHANGES, s, segment, error)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "APIKEY0145: changes of keys cannot be read; the "
                     "database is asked for each request, and while it does "
                     "not answer, what is cached holds for ApiKeyStaleLimit: "
                     "%s", error);
    }
    else if (status == APR_SUCCESS
             && is_poll_over(APIKEY_LOG_CHANGES, segment)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "APIKEY0146: changes of keys are read again");
    }
}

void apikey_report_older_state(server_rec *s, const apikey_segment_t *segment,
                               apr_uint64_t known)
{
    if (is_poll_logged(APIKEY_LOG_OLDER, s, segment, NULL)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "APIKEY0290: the database has answered with an older "
                     "state than one that was seen, without the change %"
                     APR_UINT64_T_FMT ": a replica that lags, or a database "
                     "that was restored; what is known is not taken back, and "
                     "until it is there, keys that were changed since get 503, "
                     "and the database is asked for the others", known);
    }
}

static void report_stuck(server_rec *s, const apikey_poll_task_t *task)
{
    const char *error = *task->epoch_error ? task->epoch_error
                                           : "nothing was changed";

    if (is_poll_logged(APIKEY_LOG_STUCK, s, task->segment, error)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "APIKEY0292: for more than 5 seconds the database has "
                     "shown nothing but an older state than one that was seen, "
                     "and has taken no new epoch, so it counts as a replica "
                     "that lags: see to its replication; if it was restored "
                     "from a backup, or has taken the place of a primary that "
                     "had more, run `htapikey init --new-identity` on it: %s",
                     error);
    }
}

static void report_replaced(server_rec *s, const apikey_poll_task_t *task)
{
    if (task->outcome == APIKEY_POLL_SALTED
        && is_poll_logged(APIKEY_LOG_SALTED, s, task->segment,
                          task->epoch_error)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "APIKEY0294: the database has another history than it "
                     "had (it was restored), and takes no new epoch from this "
                     "server, which helps itself; others that read it find "
                     "out by themselves: %s", task->epoch_error);
    }
    if (is_poll_logged(APIKEY_LOG_REPLACED, s, task->segment, NULL)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "APIKEY0293: the database is another than it was (other "
                     "identity or epoch, or another history: it was restored, "
                     "replaced or upgraded), so every answer that was kept of "
                     "it is void; where this comes again and again, two "
                     "databases answer in turn");
    }
    if (apikey_eras_are_used_up(task->segment)
        && is_poll_logged(APIKEY_LOG_USED_UP, s, task->segment, NULL)) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "APIKEY0295: the database has become another one so often "
                     "that nothing can be kept of it any more: see to it that "
                     "one database answers, then restart httpd (gracefully)");
    }
}

void apikey_report_poll_outcome(server_rec *s, const apikey_poll_task_t *task)
{
    int over;

    switch (task->outcome) {
    case APIKEY_POLL_STUCK:
        report_stuck(s, task);
        return;
    case APIKEY_POLL_OLDER:
        apikey_report_older_state(s, task->segment, task->known_number);
        return;
    case APIKEY_POLL_NORMAL:
        return;
    case APIKEY_POLL_REPLACED:
    case APIKEY_POLL_SALTED:
        report_replaced(s, task);
        break;
    case APIKEY_POLL_CAUGHT_UP:
        break;
    }
    over = is_poll_over(APIKEY_LOG_OLDER, task->segment);
    over |= is_poll_over(APIKEY_LOG_STUCK, task->segment);
    if (over && task->outcome == APIKEY_POLL_CAUGHT_UP) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "APIKEY0291: the database has the last change that was "
                     "known again");
    }
}

void apikey_report_copy(server_rec *s, const void *poller, server_rec *other,
                        apr_pool_t *pool)
{
    apikey_event_t event = { APIKEY_LOG_COPY, s, NULL, poller,
                             apikey_server_name(pool, other), NULL, NULL };

    if (apikey_log_is_due(&event)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "APIKEY0180: the database %s has the identity of the "
                     "one %s: if one is a copy of the other, give it an "
                     "identity of its own (htapikey init --new-identity); "
                     "if the two are one database, write its parameters "
                     "in the same words in both",
                     apikey_server_name(pool, s),
                     apikey_server_name(pool, other));
    }
}
