/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "doctor.h"

#define LINE_SIZE 8192           /* httpd's own limit */

typedef enum {
    DBD_MAX, THREADS, WORKERS, CHILDREN, NUMBERS
} number_e;

/* What httpd takes where nothing is written (event, worker; mod_dbd). */
static const struct { const char *name, *old_name; apr_int64_t usual; }
    numbers[NUMBERS] = {
    [DBD_MAX] = { "DBDMax", NULL, 10 },
    [THREADS] = { "ThreadsPerChild", NULL, 25 },
    [WORKERS] = { "MaxRequestWorkers", "MaxClients", 400 },
    [CHILDREN] = { "ServerLimit", NULL, 16 }
};

typedef struct scan_t {
    apr_int64_t value[NUMBERS];     /* -1: not written */
    int includes;
    const char *params;             /* a path in DBDParams, not whole */
    apr_pool_t *pool;
} scan_t;

/* Sections are looked into as if they were not there. */
static void scan_line(scan_t *scan, const char *line)
{
    char **words;
    int i;

    while (apr_isspace(*line)) {
        line++;
    }
    if (*line == '#' || apr_tokenize_to_argv(line, &words, scan->pool)
                        != APR_SUCCESS || !words[0]) {
        return;
    }
    if (strncasecmp(words[0], "Include", 7) == 0) {
        scan->includes++;
    }
    if (!words[1]) {
        return;
    }
    for (i = 0; i < NUMBERS; i++) {
        if (strcasecmp(words[0], numbers[i].name) == 0
            || (numbers[i].old_name
                && strcasecmp(words[0], numbers[i].old_name) == 0)) {
            scan->value[i] = apr_atoi64(words[1]);
        }
    }
    if (strcasecmp(words[0], "DBDParams") == 0 && *words[1] != '/'
        && !strchr(words[1], '=')) {
        scan->params = apr_pstrdup(scan->pool, words[1]);
    }
}

static apr_status_t scan_file(scan_t *scan, const char *path)
{
    apr_file_t *file;
    char *line = apr_palloc(scan->pool, LINE_SIZE);
    apr_status_t status = apr_file_open(&file, path, APR_FOPEN_READ
                                        | APR_FOPEN_BUFFERED,
                                        APR_FPROT_OS_DEFAULT, scan->pool);

    if (status != APR_SUCCESS) {
        return status;
    }
    while ((status = apr_file_gets(line, LINE_SIZE, file)) == APR_SUCCESS) {
        scan_line(scan, line);
    }
    apr_file_close(file);
    return APR_STATUS_IS_EOF(status) ? APR_SUCCESS : status;
}

static apr_int64_t number(const scan_t *scan, number_e which)
{
    return scan->value[which] > 0 ? scan->value[which]
                                  : numbers[which].usual;
}

/* How many processes, from what is written. */
static apr_int64_t children(const scan_t *scan, apr_int64_t threads)
{
    if (scan->value[WORKERS] > 0) {
        return (scan->value[WORKERS] + threads - 1) / threads;
    }
    return number(scan, CHILDREN);
}

void doctor_httpd(doctor_t *doctor, const char *path)
{
    scan_t scan = { { -1, -1, -1, -1 }, 0, NULL, doctor->cli->pool };
    apr_int64_t pool, threads, wanted;
    char reason[128];
    apr_status_t status = scan_file(&scan, path);

    if (status != APR_SUCCESS) {
        doctor_find(doctor, DOCTOR_FAIL, "httpd", "%s cannot be read: %s",
                    path, apr_strerror(status, reason, sizeof(reason)));
        return;
    }
    pool = number(&scan, DBD_MAX);
    threads = number(&scan, THREADS);
    wanted = threads < APIKEY_STORES ? threads : APIKEY_STORES;
    if (scan.includes > 0) {
        doctor_find(doctor, DOCTOR_WARN, "httpd", "%s includes other files "
                    "(%d times), which are not looked into: what is written "
                    "there is not counted below.", path, scan.includes);
    }
    if (pool < wanted) {
        doctor_find(doctor, DOCTOR_WARN, "pool", "A process asks over up to %"
                    APR_INT64_T_FMT " connections at once and has %"
                    APR_INT64_T_FMT " (DBDMax), which other modules use, "
                    "too: with slow look-ups some wait; write DBDMax %"
                    APR_INT64_T_FMT " or more.", wanted, pool, wanted);
    }
    else {
        doctor_find(doctor, DOCTOR_OK, "pool", "%" APR_INT64_T_FMT
                    " connections (DBDMax) are enough for the %"
                    APR_INT64_T_FMT " that a process asks over at once.",
                    pool, wanted);
    }
    doctor_find(doctor, DOCTOR_OK, "pool", "%" APR_INT64_T_FMT " processes "
                "open at most %" APR_INT64_T_FMT " connections: the database "
                "must allow as many.", children(&scan, threads),
                children(&scan, threads) * pool);
    if (scan.params) {
        doctor_find(doctor, DOCTOR_WARN, "httpd", "The path %s in DBDParams "
                    "does not begin with '/': httpd takes it from where it "
                    "was started, htapikey from where it runs.", scan.params);
    }
}
