/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file query_text.h
 * @brief Whether the text of an ApiKeyQuery or an ApiKeyChangesQuery is a
 *        select with one parameter.
 */
#ifndef APIKEY_QUERY_TEXT_H
#define APIKEY_QUERY_TEXT_H

/**
 * NULL if @a sql is a select that APR DBD can prepare with one parameter: one
 * %s outside of quotes, every other percent sign doubled, no ';' at its end.
 * Else what is wrong, a static sentence fragment.  Any thread.
 */
const char *apikey_query_fault(const char *sql);

#endif
