/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * Owner, networks and meta of a key: from the command line, and as JSON.
 */

#include <apr_strings.h>

#include "../core/meta.h"
#include "../core/networks.h"
#include "cli.h"

/* All of an option's arguments; whether it is an empty one alone, which means
 * none at all. */
static int is_none(const apr_array_header_t *list)
{
    return list->nelts == 1 && !*APR_ARRAY_IDX(list, 0, const char *);
}

static cli_exit_e read_networks(cli_t *cli, const char **networks)
{
    const apr_array_header_t *list = cli->list[CLI_NETWORK];
    const apikey_network_t *read;
    int i, count;

    *networks = list->nelts ? "" : NULL;
    for (i = 0; i < list->nelts && !is_none(list); i++) {
        const char *text = APR_ARRAY_IDX(list, i, const char *);
        const char *fault = apikey_networks_parse(&read, &count, text,
                                                  cli->pool);

        if (fault || count < 1) {
            return cli_fail(cli, APIKEY_EREFUSED,
                            apr_psprintf(cli->pool, "--network \"%s\": it %s; "
                                         "write an address or a block, "
                                         "192.0.2.0/24 or 2001:db8::/32",
                                         text, fault ? fault : "is empty"));
        }
        *networks = apr_pstrcat(cli->pool, *networks, **networks ? " " : "",
                                text, NULL);
    }
    return CLI_DONE;
}

cli_exit_e cli_meta(cli_t *cli, const char **meta)
{
    const apr_array_header_t *list = cli->list[CLI_META];
    apr_table_t *pairs = apr_table_make(cli->pool, 4);
    int i;

    *meta = list->nelts ? "" : NULL;
    for (i = 0; i < list->nelts && !is_none(list); i++) {
        const char *text = APR_ARRAY_IDX(list, i, const char *);
        const char *value = strchr(text, '=');
        const char *name = value ? apr_pstrmemdup(cli->pool, text,
                                                  (apr_size_t)(value - text))
                                 : NULL;
        const char *fault = !name ? "has no '='"
                          : apr_table_get(pairs, name)
                          ? "has a name that is there already"
                          : apikey_meta_fault(name, value + 1);

        if (fault) {
            return cli_fail(cli, APIKEY_EREFUSED,
                            apr_psprintf(cli->pool, "--meta \"%s\": %s; write "
                                         "NAME=VALUE", text, fault));
        }
        apr_table_addn(pairs, name, value + 1);
    }
    if (apr_table_elts(pairs)->nelts) {
        *meta = apikey_meta_format(pairs, cli->pool);
    }
    return CLI_DONE;
}

cli_exit_e cli_details(cli_t *cli, const char **owner, const char **networks,
                       const char **meta)
{
    cli_exit_e code = read_networks(cli, networks);

    *owner = cli->value[CLI_OWNER];
    return code == CLI_DONE ? cli_meta(cli, meta) : code;
}

void cli_json_networks(cli_json_t *json, const char *name, const char *text)
{
    char *words = apr_pstrdup(json->pool, text);
    char *c;

    for (c = words; *c; c++) {
        *c = strchr(",\t\r\n", *c) ? ' ' : *c;
    }
    cli_json_words(json, name, words);
}

void cli_json_pairs(cli_json_t *json, const char *name,
                    const apr_table_t *pairs)
{
    const apr_array_header_t *list = pairs ? apr_table_elts(pairs) : NULL;
    int i;

    cli_json_open(json, name, '{');
    for (i = 0; list && i < list->nelts; i++) {
        const apr_table_entry_t *pair = &APR_ARRAY_IDX(list, i,
                                                       apr_table_entry_t);

        cli_json_text(json, pair->key, pair->val);
    }
    cli_json_close(json, '}');
}

void cli_json_meta(cli_json_t *json, const char *name, const char *text)
{
    apr_table_t *meta;

    if (apikey_meta_parse(&meta, text, json->pool)) {
        cli_json_text(json, name, text);
    }
    else {
        cli_json_pairs(json, name, meta);
    }
}
