/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file explain.h
 * @brief What the files of `explain` share.
 */
#ifndef APIKEY_CLI_EXPLAIN_H
#define APIKEY_CLI_EXPLAIN_H

#include "../core/verdict.h"
#include "cli.h"
#include "conf_tree.h"

/** How the names of directives begin that explain looks for; those of
 * EXPLAIN_GUARDS let in or refuse. */
extern const char *const explain_names[];
#define EXPLAIN_GUARDS (explain_names + 2)

/** What httpd's chain says of a line; NEUTRAL decides nothing. */
typedef enum {
    EXPLAIN_MET, EXPLAIN_NOT_MET, EXPLAIN_NEUTRAL, EXPLAIN_UNKNOWN
} explain_met_e;

/** A Require line that counts for the request, in the file's order. */
typedef struct explain_line_t {
    const conf_node_t *node;
    explain_met_e met;
    int decides;
} explain_line_t;

typedef struct explain_t {
    cli_t *cli;
    apr_pool_t *pool;
    conf_tree_t *tree;          /**< NULL: without --httpd */
    const char *method;
    const char *host;           /**< of the URL; "": it has none */
    int port;                   /**< likewise 0 */
    const char *path;           /**< decoded */
    const conf_node_t *server;  /**< <VirtualHost>, or the root */
    apr_array_header_t *sections;   /**< const conf_node_t *, as merged */
    const char *file_unknown;   /**< why; NULL: it is known, or none */
    int doubtful;               /**< the answer may be another */
    const apikey_record_t *record;  /**< NULL: no key has been found */
    const char *user;           /**< as ApiKeyUser says; NULL: nobody */
    apr_array_header_t *lines;  /**< explain_line_t */
} explain_t;

/** Finds the server and the sections for explain->path; says why not. */
cli_exit_e explain_place(explain_t *explain, const char *url);

/** A directive of the server, else of the main one; NULL: not written. */
const conf_node_t *explain_of_server(explain_t *explain, const char *name);

/** The i-th of the sections, as merged. */
const conf_node_t *explain_section(const explain_t *explain, int i);

/** The last of a directive in the sections; NULL: not written. */
const conf_node_t *explain_of_sections(explain_t *explain, const char *name);

/** Whether a POSIX regular expression says what httpd's says, and matches:
 * 1, 0, or -1 where it cannot be told. */
int explain_matches(const char *pattern, const char *text, apr_pool_t *pool);

/**
 * Asks every Require of the sections.  Fills explain->lines.
 * @return GRANTED, or why not; with explain->doubtful where it hangs on what
 *         is not known
 */
apikey_reason_e explain_require(explain_t *explain);

#endif
