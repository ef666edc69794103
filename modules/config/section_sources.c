/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_strings.h>

#include "section_sources.h"

APLOG_USE_MODULE(apikey);

/* An ApiKeyFrom in a section of the configuration files. */
typedef struct {
    server_rec *server;
    const apr_array_header_t *from;
    const char *file;
    int line;
} section_t;

/* Of section_t.  Filled and read by the one thread that starts httpd. */
static apr_array_header_t *sections;

int apikey_section_sources_reset(apr_pool_t *pconf,
                                 apr_pool_t *plog APIKEY_UNUSED,
                                 apr_pool_t *ptemp APIKEY_UNUSED)
{
    sections = apr_array_make(pconf, 4, sizeof(section_t));
    return OK;
}

void apikey_section_sources_add(cmd_parms *cmd,
                                const apr_array_header_t *from)
{
    section_t *section = &APR_ARRAY_PUSH(sections, section_t);

    section->server = cmd->server;
    section->from = from;
    section->file = cmd->directive->filename;
    section->line = cmd->directive->line_num;
}

apr_array_header_t *apikey_sources_default(apr_pool_t *pool)
{
    static const apikey_source_t usual[] = {
        { APIKEY_FROM_HEADER, "X-API-Key", "" },
        { APIKEY_FROM_BEARER, "Authorization", "" },
        { APIKEY_FROM_SCHEME, "Authorization", "ApiKey" }
    };
    apr_array_header_t *from = apr_array_make(pool, 3,
                                              sizeof(apikey_source_t));
    apr_size_t i;

    for (i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        APR_ARRAY_PUSH(from, apikey_source_t) = usual[i];
    }
    return from;
}

const char *apikey_section_sources_fault(apr_pool_t *pool, server_rec *s,
                                         const apr_array_header_t *from)
{
    const apr_array_header_t *all = apikey_server_conf(s)->from;
    int i;

    if (!all) {
        all = apikey_sources_default(pool);
    }
    for (i = 0; i < from->nelts; i++) {
        const apikey_source_t *source =
            &APR_ARRAY_IDX(from, i, apikey_source_t);

        if (!apikey_source_allowed(all, source)) {
            return apr_psprintf(pool, "ApiKeyFrom in a section can only drop "
                                "what the server accepts, and the server "
                                "does not accept '%s': add it to the "
                                "server's ApiKeyFrom",
                                apikey_source_name(source, pool));
        }
    }
    return NULL;
}

int apikey_check_section_sources(apr_pool_t *ptemp, server_rec *main_server)
{
    int i;

    for (i = 0; i < sections->nelts; i++) {
        const section_t *section = &APR_ARRAY_IDX(sections, i, section_t);
        server_rec *s = section->server;
        const char *fault = apikey_section_sources_fault(ptemp, s,
                                                         section->from);

        if (fault && s == main_server) {
            for (s = s->next; s; s = s->next) {
                if (!apikey_section_sources_fault(ptemp, s, section->from)) {
                    fault = NULL;
                    break;
                }
            }
        }
        if (fault) {
            ap_log_error(APLOG_MARK, APLOG_ERR | APLOG_STARTUP, 0, main_server,
                         "APIKEY0001: %s:%d: %s", section->file, section->line,
                         fault);
            return !OK;
        }
    }
    return OK;
}
