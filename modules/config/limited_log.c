/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "limited_log.h"

#include <http_core.h>
#include <http_log.h>
#include <apr_shm.h>
#include <apr_strings.h>

#include "../core/mutex.h"
#include "config.h"

APLOG_USE_MODULE(apikey);

#define DESCRIBE(name, number, level, ends, unit, text) \
    { number, APLOG_##level, unit, text },
static const struct {
    int number, level;
    const char *unit, *text;
} kinds[] = { APIKEY_LIMITED(DESCRIBE) };

#define END(name, number, level, ends, unit, text) APIKEY_LIMIT_##ends,
static const apikey_limit_end_e ends[] = { APIKEY_LIMITED(END) };

static apikey_limit_t *limit;       /* NULL: httpd has not started yet */
static server_rec *main_server;

int apikey_log_init(apr_pool_t *pconf, apr_pool_t *plog APIKEY_UNUSED,
                    apr_pool_t *ptemp APIKEY_UNUSED, server_rec *s)
{
    apr_size_t size = apikey_limit_size(APIKEY_LOG_COUNT);
    apr_shm_t *shared;
    void *memory;

    limit = NULL;
    main_server = s;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    /* Anonymous memory is zero and takes no pages before it is used. */
    memory = apr_shm_create(&shared, size, NULL, pconf) == APR_SUCCESS
             ? apr_shm_baseaddr_get(shared) : apr_pcalloc(pconf, size);
    limit = apikey_limit_create(memory, APIKEY_LOG_COUNT, ends);
    return OK;
}

static apr_uint64_t limit_clock(void)
{
    return (apr_uint64_t)apr_time_sec(apikey_clock());
}

static apikey_cause_t limit_cause(apikey_log_e kind, const void *owner,
                                  const char *what)
{
    apikey_cause_t cause = { kind, apikey_limit_hash(owner, what), NULL,
                             NULL };

    return cause;
}

/* "(LABEL, of the server at FILE:LINE)"; server NULL: several causes. */
static const char *cause_place(char *buffer, apr_size_t size, const char *label,
                               const server_rec *server)
{
    const char *comma = label && *label ? ", " : "";

    if (!label) {
        label = "";
    }
    if (server && server->defn_name) {
        apr_snprintf(buffer, size, "(%s%sof the server at %s:%u)", label,
                     comma, server->defn_name, server->defn_line_number);
    }
    else {
        apr_snprintf(buffer, size, "(%s%s%s)", label, comma,
                     server ? "of the main server" : "of several causes");
    }
    return buffer;
}

static void log_more(const apikey_limit_report_t *report, const char *detail)
{
    server_rec *server = (server_rec *)report->cause.owner;
    int kind = report->cause.kind;
    char place[APIKEY_LIMIT_LABEL + HUGE_STRING_LEN];

    ap_log_error(APLOG_MARK, kinds[kind].level, 0,
                 server ? server : main_server,
                 "APIKEY%04d: %" APR_UINT64_T_FMT " more %s since the last of "
                 "these lines: %s %s%s%s", kinds[kind].number, report->more,
                 kinds[kind].unit, kinds[kind].text,
                 cause_place(place, sizeof(place), report->cause.label, server),
                 detail ? ": " : "", detail ? detail : "");
}

int apikey_log_count(const apikey_event_t *event, apr_uint64_t amount)
{
    apikey_cause_t cause = limit_cause(event->kind, event->owner, event->what);
    int level = kinds[event->kind].level;
    apikey_limit_report_t report;

    if (!limit) {
        return 1;
    }
    /* A message below the LogLevel is not counted: it would use up the line of
     * one that another LogLevel shows. */
    if (level > (event->r ? ap_get_request_module_loglevel(event->r,
                                                           APLOG_MODULE_INDEX)
                          : ap_get_server_module_loglevel(event->server,
                                                      APLOG_MODULE_INDEX))) {
        return 0;
    }
    cause.owner = event->server;
    cause.label = event->label;
    switch (apikey_limit_count(limit, &cause, amount, limit_clock(),
                               &report)) {
    case APIKEY_LIMIT_FULL:
        return 1;
    case APIKEY_LIMIT_MORE:
        log_more(&report, event->detail);
        return 0;
    default:
        return 0;
    }
}

int apikey_log_is_due(const apikey_event_t *event)
{
    return apikey_log_count(event, 1);
}

int apikey_log_end(apikey_log_e kind, const void *owner, const char *what,
                   apikey_limit_report_t *report)
{
    apikey_cause_t cause;

    if (!limit || !apikey_limit_is_open(limit, kind)) {
        return 0;
    }
    cause = limit_cause(kind, owner, what);
    return apikey_limit_end(limit, &cause, limit_clock(), report);
}

/* apikey_limit_fn */
static void log_report(void *baton APIKEY_UNUSED, apikey_limit_e what,
                       const apikey_limit_report_t *report)
{
    int kind = report->cause.kind;
    server_rec *server = (server_rec *)report->cause.owner;
    char place[APIKEY_LIMIT_LABEL + HUGE_STRING_LEN];

    if (what == APIKEY_LIMIT_MORE) {
        log_more(report, NULL);
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, server ? server : main_server,
                 "APIKEY0311: APIKEY%04d has not happened for a minute: %s "
                 "%s; it took %" APR_UINT64_T_FMT " seconds, with %"
                 APR_UINT64_T_FMT " %s", kinds[kind].number, kinds[kind].text,
                 cause_place(place, sizeof(place), report->cause.label, server),
                 report->seconds, report->total, kinds[kind].unit);
}

void apikey_log_sweep(void)
{
    if (limit) {
        apikey_limit_sweep(limit, limit_clock(), log_report, NULL);
    }
}
