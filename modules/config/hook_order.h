/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file hook_order.h
 * @brief The place of our functions in httpd's hooks: before or after those of
 *        every other module.
 *
 * httpd sorts the functions of a hook by a number, which may be any int, and
 * then moves a function before those of the modules that it names as its
 * successors.  Our numbers lie beyond those that httpd has names for, so the
 * order does not depend on the order of LoadModule, and no list of other
 * modules' names is needed.
 */
#ifndef APIKEY_HOOK_ORDER_H
#define APIKEY_HOOK_ORDER_H

#include "config.h"

/** Before every other module's: mod_perl's lowest is -20.  Where one of our
 * functions must run after another of ours, it adds 1: functions with equal
 * numbers run in no promised order. */
#define APIKEY_HOOK_FIRST (APR_HOOK_REALLY_FIRST - 100)

/** After every other module's. */
#define APIKEY_HOOK_LAST (APR_HOOK_REALLY_LAST + 100)

/** Whether this is the pass over the configuration in which warnings are
 * logged: the second at a start, the only one for -t. */
int apikey_config_is_final(void);

/**
 * check_config hook (`httpd -t` runs it, too), when all hooks are sorted: logs
 * a warning for each module that runs before or after ours nevertheless, and
 * for each LogLevel that writes keys before any module is called.  Does nothing
 * where no server has secrets.
 * @return OK
 */
int apikey_check_hook_order(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *main_server);

#endif
