/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file hook_order.h
 * @brief Which modules run ahead of ours, and which after it.
 *
 * httpd sorts the functions of a hook by a number, which is any int, and then
 * puts those that a module names ahead of that module's.  Numbers beyond
 * those that httpd has names for make the order that modules are loaded in
 * meaningless, and need no list of names.
 */
#ifndef APIKEY_HOOK_ORDER_H
#define APIKEY_HOOK_ORDER_H

#include "config.h"

/** Ahead of every other module's: mod_perl's own "first" is -20.  Where one of
 * ours needs another of ours, it adds one: among equal numbers, no order is
 * promised. */
#define APIKEY_HOOK_FIRST (APR_HOOK_REALLY_FIRST - 100)

/** After every other module's. */
#define APIKEY_HOOK_LAST (APR_HOOK_REALLY_LAST + 100)

/** Whether what is noticed is to be said now: httpd reads its configuration
 * twice when it starts, and once for -t. */
int apikey_config_is_final(void);

/**
 * check_config, when all hooks are sorted (`httpd -t` runs it, too): a warning
 * for each module that runs ahead of ours, or after it, nevertheless, and for
 * each LogLevel that writes keys before any module is asked.  Not where no
 * server has keys.
 * @return OK
 */
int apikey_check_hook_order(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *main_server);

#endif
