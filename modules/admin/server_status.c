/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "server_status.h"

#include <http_protocol.h>
#include <apr_optional_hooks.h>
#include <mod_status.h>

#include "../db/connections.h"
#include "../usage/usage.h"
#include "../verify/counters.h"
#include "../verify/poller.h"

typedef struct status_page_t {
    request_rec *r;
    int number;                 /* of the database */
} status_page_t;

#define LABEL(name, label) label,
static const char *const labels[] = { APIKEY_COUNTERS(LABEL) };

/* Since the last poll; -1: there was none. */
static apr_int64_t poll_age_msec(const apikey_segment_t *segment)
{
    apr_time_t age = apikey_poll_age(segment);

    return age == APR_INT64_MAX ? -1 : apr_time_as_msec(age);
}

/* ?auto: one name per line; ApiKey0Hits is that of the first database. */
static void print_status_lines(void *baton, server_rec *s,
                               apikey_segment_t *segment)
{
    status_page_t *page = baton;
    int i;

    for (i = 0; i < APIKEY_COUNTER_COUNT; i++) {
        ap_rprintf(page->r, "ApiKey%d%s: %" APR_UINT64_T_FMT "\n",
                   page->number, labels[i], apikey_counter_sum(segment, i));
    }
    ap_rprintf(page->r, "ApiKey%dLastNumber: %" APR_UINT64_T_FMT "\n",
               page->number, apikey_last_change(segment));
    ap_rprintf(page->r, "ApiKey%dPollAge: %" APR_INT64_T_FMT "\n",
               page->number, poll_age_msec(segment));
    ap_rprintf(page->r, "ApiKey%dUsageWaiting: %" APR_UINT64_T_FMT "\n",
               page->number, apikey_usage_waiting(s));
    ap_rprintf(page->r, "ApiKey%dBreaker: %s\n", page->number,
               apikey_database_breaker_is_open(s) ? "open" : "closed");
    page->number++;
}

static void print_status_row(void *baton, server_rec *s,
                             apikey_segment_t *segment)
{
    status_page_t *page = baton;
    int i;

    ap_rprintf(page->r, "<tr><td>%s</td>",
               ap_escape_html(page->r->pool, s->server_hostname
                                             ? s->server_hostname : ""));
    for (i = 0; i < APIKEY_COUNTER_COUNT; i++) {
        ap_rprintf(page->r, "<td>%" APR_UINT64_T_FMT "</td>",
                   apikey_counter_sum(segment, i));
    }
    ap_rprintf(page->r, "<td>%" APR_UINT64_T_FMT "</td><td>%" APR_INT64_T_FMT
               "</td><td>%" APR_UINT64_T_FMT "</td><td>%s</td></tr>\n",
               apikey_last_change(segment), poll_age_msec(segment),
               apikey_usage_waiting(s),
               apikey_database_breaker_is_open(s) ? "open" : "closed");
}

static int show_status(request_rec *r, int flags)
{
    status_page_t page = { r, 0 };
    int i;

    if (flags & AP_STATUS_SHORT) {
        apikey_each_segment(print_status_lines, &page, r->pool);
        return OK;
    }
    ap_rputs("<hr>\n<h2>API keys</h2>\n<table border=\"1\">\n"
             "<tr><th>Database of</th>", r);
    for (i = 0; i < APIKEY_COUNTER_COUNT; i++) {
        ap_rprintf(r, "<th>%s</th>", labels[i]);
    }
    ap_rputs("<th>LastNumber</th><th>PollAge (ms)</th><th>UsageWaiting (of "
             "this process)</th><th>Breaker (of this process)</th></tr>\n", r);
    apikey_each_segment(print_status_row, &page, r->pool);
    ap_rputs("</table>\n", r);
    return OK;
}

void apikey_status_register(apr_pool_t *pool)
{
    (void)pool;
    APR_OPTIONAL_HOOK(ap, status_hook, show_status, NULL, NULL,
                      APR_HOOK_MIDDLE);
}
