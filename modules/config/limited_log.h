/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file limited_log.h
 * @brief Messages that requests cause, limited to a line per minute and cause.
 *
 * A request, a poll or a batch of uses that fails logs why.  Each such message
 * of level warning or above asks apikey_log_is_due() first: it is logged once
 * in full; then one line per minute, with the message's number, says how often
 * it has happened since; then a line says that it is over.  The limit holds for
 * all processes of the server together, and per cause: a database, a row, a
 * line of the configuration (core/log_limit.h).  t/guard/limited.t finds a
 * message that does not ask.
 *
 * Not limited are levels info and below, which LogLevel turns on per request,
 * and messages that a process logs once in its life.
 */
#ifndef APIKEY_LIMITED_LOG_H
#define APIKEY_LIMITED_LOG_H

#include <httpd.h>

#include "../core/log_limit.h"

/*
 * L(name, number, level, ends, unit, text): the message APIKEY0NUMBER.
 * ends: apikey_limit_end_e; unit: what is counted; text: what the minute's line
 * says, with nothing in it that came with a request.
 */
#define APIKEY_LIMITED(L)                                                   \
    L(FAULTY, 102, ERR, QUIET, "requests",                                  \
      "a key in the database cannot be used")                               \
    L(NO_SECRETS, 103, ERR, QUIET, "requests",                              \
      "AuthType ApiKey in a server without secrets")                        \
    L(NO_DIGEST, 104, ERR, QUIET, "requests",                               \
      "OpenSSL cannot make a digest")                                       \
    L(NO_TABLES, 105, ERR, SUCCESS, "requests",                             \
      "the database has no tables for keys (or those of another version)")  \
    L(AWAY, 106, ERR, SUCCESS, "requests", "the database does not answer")  \
    L(TENANT, 107, ERR, QUIET, "requests",                                  \
      "ApiKeyTenant cannot be evaluated")                                   \
    L(REQUIRE, 108, ERR, QUIET, "requests",                                 \
      "an expression cannot be evaluated")                                  \
    L(ANSWER, 120, ERR, QUIET, "requests",                                  \
      "the database's answer cannot be used")                               \
    L(CACHE, 141, WARNING, SUCCESS, "questions",                            \
      "the cache does not work")                                            \
    L(SEAL, 142, WARNING, QUIET, "entries",                                 \
      "an entry in the cache was not written by a server with these "       \
      "secrets")                                                            \
    L(CHANGES, 145, ERR, SUCCESS, "times", "changes of keys cannot be read") \
    L(USES, 151, ERR, SUCCESS, "times", "uses of keys cannot be written")   \
    L(OLDER, 290, WARNING, SUCCESS, "times",                                \
      "the database shows an older state than one that was seen")           \
    L(STUCK, 292, ERR, SUCCESS, "times",                                    \
      "the database shows nothing but an older state")                      \
    L(REPLACED, 293, NOTICE, QUIET, "times",                                \
      "the database is another than it was")                                \
    L(SALTED, 294, WARNING, QUIET, "times",                                 \
      "the database has another history, and takes no new epoch")           \
    L(USED_UP, 295, CRIT, QUIET, "times",                                   \
      "nothing can be kept of the database any more")                       \
    L(USES_NOWHERE, 296, WARNING, QUIET, "times",                           \
      "uses of keys are written nowhere")                                   \
    L(USES_LOST, 154, ERR, QUIET, "uses", "uses of keys are lost")          \
    L(EXPOSED_LOST, 171, WARNING, QUIET, "times",                           \
      "a key stood in a URL and is not recorded")                           \
    L(COPY, 180, WARNING, QUIET, "times",                                   \
      "two databases have one identity")                                    \
    L(TYPE, 191, ERR, QUIET, "requests",                                    \
      "an AuthType that is no type of mod_apikey's")                        \
    L(NO_REQUIRE, 192, ERR, QUIET, "requests",                              \
      "a Require that there is not, in an .htaccess")                       \
    L(HEADER, 210, WARNING, QUIET, "times",                                 \
      "a request header is removed")                                        \
    L(WITHHELD, 230, WARNING, QUIET, "requests",                            \
      "ApiKeyQuery gives columns that are not handed on")

#define APIKEY_LOG_NAME(name, number, level, ends, unit, text) \
    APIKEY_LOG_##name,
typedef enum {
    APIKEY_LIMITED(APIKEY_LOG_NAME)
    APIKEY_LOG_COUNT
} apikey_log_e;

/** What a message is about.  Strings are the caller's. */
typedef struct apikey_event_t {
    apikey_log_e kind;
    server_rec *server;         /**< the minute's lines go to its log */
    const request_rec *r;       /**< its LogLevel counts; NULL: the server's */
    const void *owner;          /**< owner and what identify the cause: an
                                 * address that is the same in all processes,
                                 * or NULL */
    const char *what;           /**< and a text, or NULL */
    const char *label;          /**< the cause in the minute's line: nothing
                                 * secret; NULL: nothing */
    const char *detail;         /**< what was wrong this time, for the minute's
                                 * line; NULL: nothing */
} apikey_event_t;

/** post_config hook, before all that logs: makes the memory that processes
 * share.  If that fails, each process limits its own messages. */
int apikey_log_init(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                    server_rec *s);

/**
 * Whether the caller is to log the message now, in full.  Else it is counted,
 * and the minute's line is logged here when it is due.  Any thread; no lock.
 */
int apikey_log_is_due(const apikey_event_t *event);

/** apikey_log_is_due() for what has happened @a amount times. */
int apikey_log_count(const apikey_event_t *event, apr_uint64_t amount);

/**
 * Ends a cause of a kind that ends by success.  Costs one relaxed read where no
 * cause of the kind has begun.
 * @param report out, with 1: total and seconds
 * @return 1: the caller is to log that it is over
 */
int apikey_log_end(apikey_log_e kind, const void *owner, const char *what,
                   apikey_limit_report_t *report);

/** Called often by each child's watchdog: logs the minute's lines and the ends
 * that no other call has logged. */
void apikey_log_sweep(void);

#endif
