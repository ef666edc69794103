/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_strings.h>

#include "conf_tree.h"
#include "doctor.h"

typedef enum {
    DBD_MAX, THREADS, WORKERS, CHILDREN, NUMBERS
} number_e;

/* What httpd takes where nothing is written: event, worker and mod_dbd, and
 * prefork. */
static const struct { const char *name, *old_name; apr_int64_t usual, prefork; }
    numbers[NUMBERS] = {
    [DBD_MAX] = { "DBDMax", NULL, 10, 10 },
    [THREADS] = { "ThreadsPerChild", NULL, 25, 1 },
    [WORKERS] = { "MaxRequestWorkers", "MaxClients", 400, 256 },
    [CHILDREN] = { "ServerLimit", NULL, 16, 256 }
};

/* How the names of what is looked for begin. */
static const char *const looked_for[] = {
    "DBDMax", "DBDParams", "ThreadsPerChild", "MaxRequestWorkers",
    "MaxClients", "ServerLimit", NULL
};

typedef struct limits_t {
    const conf_node_t *written[NUMBERS];    /* the last; NULL: none */
    int prefork;
} limits_t;

/* A file of SQLite's; those of other databases have names before a '='. */
static int is_relative(const char *params)
{
    return *params && *params != '/' && strncmp(params, "file:/", 6) != 0
           && strncmp(params, "${", 2) != 0 && !strchr(params, '=');
}

/* Sections are looked into as if they were not there. */
static void look(doctor_t *doctor, limits_t *limits, const conf_node_t *within)
{
    const conf_node_t *each;
    int i;

    for (each = within->first; each; each = each->next) {
        const char *arg = conf_arg(each, 0);

        for (i = 0; i < NUMBERS; i++) {
            if (*arg && (conf_is(each, numbers[i].name)
                         || (numbers[i].old_name
                             && conf_is(each, numbers[i].old_name)))) {
                limits->written[i] = each;
            }
        }
        if (each->unknown) {
            doctor_find(doctor, DOCTOR_WARN, "httpd", "%s: It is not known "
                        "%s.", each->where, each->unknown);
        }
        if (conf_is(each, "DBDParams") && is_relative(arg)) {
            doctor_find(doctor, DOCTOR_WARN, "httpd", "%s: The path %s in "
                        "DBDParams does not begin with '/': httpd takes it "
                        "from where it was started, htapikey from where it "
                        "runs.", each->where, arg);
        }
        look(doctor, limits, each);
    }
}

static apr_int64_t number(const limits_t *limits, number_e which)
{
    const conf_node_t *node = limits->written[which];
    apr_int64_t value = node ? apr_atoi64(conf_arg(node, 0)) : 0;

    return value > 0 ? value
           : limits->prefork ? numbers[which].prefork : numbers[which].usual;
}

/* How many processes, from what is written. */
static apr_int64_t children(const limits_t *limits, apr_int64_t threads)
{
    if (limits->written[WORKERS]) {
        return (number(limits, WORKERS) + threads - 1) / threads;
    }
    return number(limits, CHILDREN);
}

/* Where DBDMax is written. */
static const char *where(const doctor_t *doctor, const limits_t *limits)
{
    const conf_node_t *node = limits->written[DBD_MAX];

    return node ? apr_pstrcat(doctor->cli->pool, "DBDMax, ", node->where, NULL)
                : "no DBDMax is written";
}

void doctor_httpd(doctor_t *doctor, const char *path)
{
    limits_t limits = { { NULL }, 0 };
    apr_int64_t pool, threads, wanted;
    conf_tree_t *tree;
    const char *error = NULL;

    if (conf_tree_read(&tree, path, looked_for, doctor->cli->pool, &error)
        != APR_SUCCESS) {
        doctor_find(doctor, DOCTOR_FAIL, "httpd", "%s", error);
        return;
    }
    limits.prefork = apr_table_get(tree->modules, "mpm_prefork_module")
                     != NULL;
    look(doctor, &limits, tree->root);
    pool = number(&limits, DBD_MAX);
    threads = limits.prefork ? 1 : number(&limits, THREADS);
    wanted = threads < APIKEY_STORES ? threads : APIKEY_STORES;
    if (pool < wanted) {
        doctor_find(doctor, DOCTOR_WARN, "pool", "A process asks over up to %"
                    APR_INT64_T_FMT " connections at once and has %"
                    APR_INT64_T_FMT " (%s), which other modules use, too: "
                    "with slow look-ups some wait; write DBDMax %"
                    APR_INT64_T_FMT " or more.", wanted, pool,
                    where(doctor, &limits), wanted);
    }
    else {
        doctor_find(doctor, DOCTOR_OK, "pool", "%" APR_INT64_T_FMT
                    " connections (%s) are enough for the %"
                    APR_INT64_T_FMT " that a process asks over at once.",
                    pool, where(doctor, &limits), wanted);
    }
    doctor_find(doctor, DOCTOR_OK, "pool", "%" APR_INT64_T_FMT " processes "
                "open at most %" APR_INT64_T_FMT " connections: the database "
                "must allow as many.", children(&limits, threads),
                children(&limits, threads) * pool);
}
