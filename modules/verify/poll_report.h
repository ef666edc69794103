/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file poll_report.h
 * @brief Log messages about polls.  Each is limited per database and kind
 *        (config/limited_log.h).
 */
#ifndef APIKEY_POLL_REPORT_H
#define APIKEY_POLL_REPORT_H

#include <httpd.h>

#include "poll_task.h"

/** A poll has failed, or the first one after a failure has succeeded. */
void apikey_report_poll_status(server_rec *s, const apikey_segment_t *segment,
                               apr_status_t status, const char *error);

/** What a poll that succeeded has found out about the database. */
void apikey_report_poll_outcome(server_rec *s, const apikey_poll_task_t *task);

/** A poll or a look-up has read an older state of the database than the known
 * one, whose last change has the number @a known. */
void apikey_report_older_state(server_rec *s, const apikey_segment_t *segment,
                               apr_uint64_t known);

/** The databases of @a s and of @a other have the same identity.
 * @param poller of @a s: what the message is limited by */
void apikey_report_copy(server_rec *s, const void *poller, server_rec *other,
                        apr_pool_t *pool);

#endif
