/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file usage_private.h
 * @brief What usage.c (counting) and flush.c (writing) share.  usage.c calls
 *        flush.c.
 *
 * Requests count into the batch "counting".  To write, it becomes "writing" and
 * an empty one takes its place; its uses are written in parts, each in one
 * transaction:
 *
 *   list  |  done  |  part being written  |  not begun  |
 *         0    written_to             begun_to        count
 *
 * Lock rule: lock guards all fields after it, except flushed_at, which is the
 * watchdog thread's.  It is held for additions and comparisons only, never
 * while a database is asked.  While a part is being written, nothing changes
 * list, written_to and begun_to, so that the database thread reads them
 * without the lock.
 */
#ifndef APIKEY_USAGE_PRIVATE_H
#define APIKEY_USAGE_PRIVATE_H

#include <httpd.h>

#include "../core/mutex.h"
#include "batch.h"

#define APIKEY_USAGE_MAX 50000  /* keys in memory while nothing is written */
#define APIKEY_EXPOSURES_MAX 1000       /* likewise */

typedef enum {
    FLUSH_WORKS,
    FLUSH_FAILS,                /* the last batch was not written */
    FLUSH_READ_ONLY             /* and cannot be: uses are discarded */
} flush_state_e;

/* The uses of one database. */
typedef struct apikey_usage_t {
    server_rec *server;         /* one that uses the database */
    apr_time_t interval;        /* between two batches */
    unsigned full;              /* keys: then a batch is written at once */
    /* In each child process: */
    apikey_mutex_t *lock;       /* NULL: this process does not count */
    apikey_cond_t *part_ended;
    apikey_batch_t *counting;
    apikey_batch_t *writing;    /* NULL: none */
    const apikey_use_t *list;   /* the uses of writing, in the order of ids */
    int count;                  /* of list */
    int written_to;
    int begun_to;
    apr_uint64_t unwritten;     /* uses from written_to on */
    int ending;                 /* the process ends: no part is begun */
    apr_uint64_t dropped;       /* uses that found no room, not yet logged */
    apr_uint64_t dropped_exposures;     /* likewise */
    flush_state_e state;
    apr_time_t flushed_at;
} usage_t;

/* ---- flush.c ---- */

/* mod_watchdog's callback: writes each batch that is due.
 * @param usages a hash of usage_t */
apr_status_t apikey_usage_flush_due(int state, void *usages, apr_pool_t *pool);

/* Writes what is left, when the process ends; waits for that with a bound. */
void apikey_usage_flush_all(apr_hash_t *usages, apr_pool_t *pool);

#endif
