/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>

#include "hook_order.h"

APLOG_USE_MODULE(apikey);

#define WARN(s, ...) \
    ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s, __VA_ARGS__)

/* The name of the module whose function runs as number i of a hook. */
typedef const char *(name_fn)(const apr_array_header_t *hooks, int i);

#define NAME_OF(hook)                                                       \
    static const char *name_of_##hook(const apr_array_header_t *hooks,      \
                                      int i)                                \
    {                                                                       \
        return APR_ARRAY_IDX(hooks, i, ap_LINK_##hook##_t).szName;          \
    }

NAME_OF(post_read_request)
NAME_OF(auth_checker)
NAME_OF(insert_error_filter)
NAME_OF(log_transaction)
NAME_OF(fixups)

#define HOOK(hook) #hook, ap_hook_get_##hook, name_of_##hook

/* Hooks that our function must be the first of, or the last, and what a module
 * before or after it can do. */
static const struct {
    const char *hook;
    apr_array_header_t *(*get)(void);
    name_fn *name;
    const char *risk;
} firsts[] = {
    { HOOK(post_read_request), "it sees the keys of all requests, and so may "
      "what it logs" },
    { HOOK(auth_checker), "where it lets a request through, neither "
      "ApiKeyTenant nor Require is asked" },
    { HOOK(insert_error_filter), "it sees the keys of requests that httpd "
      "cannot parse" },
    { HOOK(log_transaction), "it may log a key that stood in a path, or in a "
      "request that httpd cannot parse" }
}, lasts[] = {
    { HOOK(fixups), "it may set the tenant that applications see" }
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static int is_apikey(const char *name)
{
    return !strcmp(name, apikey_module.name);
}

static void warn_of_hooks_ahead(server_rec *s)
{
    apr_size_t at;

    for (at = 0; at < COUNT(firsts); at++) {
        const apr_array_header_t *hooks = firsts[at].get();
        int i;

        for (i = 0; !is_apikey(firsts[at].name(hooks, i)); i++) {
            WARN(s, "APIKEY0220: %s runs ahead of mod_apikey at %s: %s; do "
                 "without it where keys arrive, or trust it with them",
                 firsts[at].name(hooks, i), firsts[at].hook, firsts[at].risk);
        }
    }
}

static void warn_of_hooks_after(server_rec *s)
{
    apr_size_t at;

    for (at = 0; at < COUNT(lasts); at++) {
        const apr_array_header_t *hooks = lasts[at].get();
        int i;

        for (i = hooks->nelts - 1; !is_apikey(lasts[at].name(hooks, i)); i--) {
            WARN(s, "APIKEY0221: %s runs after mod_apikey at %s: %s; do "
                 "without it where keys arrive, or trust it with that",
                 lasts[at].name(hooks, i), lasts[at].hook, lasts[at].risk);
        }
    }
}

/* Modules that log what a client sent before our function on post_read_request
 * has masked the key, and the LogLevel from which they do. */
static const struct {
    const char *source, *level_name;
    int level;
    const char *what;
} writers[] = {
    { "core.c", "core:trace5", APLOG_TRACE5, "every request line" },
    { "mod_http2.c", "http2:trace1", APLOG_TRACE1,
      "every URL, and at trace2 every header, of HTTP/2" },
    { "mod_dumpio.c", "dumpio:trace7", APLOG_TRACE7,
      "all that is received, if DumpIOInput is On" }
};

/* The LogLevel that counts is that of the server that a connection arrives at,
 * which may be another than its requests are for: so every server's is read. */
static void warn_of_log_levels(server_rec *main_server)
{
    apr_size_t at;

    for (at = 0; at < COUNT(writers); at++) {
        const module *m = ap_find_linked_module(writers[at].source);
        server_rec *s = main_server;

        while (m && s && ap_get_server_module_loglevel(s, m->module_index)
                             < writers[at].level) {
            s = s->next;
        }
        if (m && s) {
            WARN(s, "APIKEY0222: LogLevel %s writes %s before any module is "
                 "asked, keys included: choose a lower one where real keys "
                 "arrive", writers[at].level_name, writers[at].what);
        }
    }
}

int apikey_config_is_final(void)
{
    return ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG
           || ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST;
}

int apikey_check_hook_order(apr_pool_t *pconf APIKEY_UNUSED,
                            apr_pool_t *plog APIKEY_UNUSED,
                            apr_pool_t *ptemp APIKEY_UNUSED,
                            server_rec *main_server)
{
    server_rec *s = main_server;

    while (s && !apikey_server_conf(s)->policy.secrets) {
        s = s->next;
    }
    if (s && apikey_config_is_final()) {
        warn_of_hooks_ahead(s);
        warn_of_hooks_after(s);
        warn_of_log_levels(main_server);
    }
    return OK;
}
