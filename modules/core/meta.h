/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file meta.h
 * @brief What an application is told of a key besides: names and values.
 *
 * As text: NAME=VALUE pairs with a ';' between them, blanks around each pair
 * do not count ("plan=gold; seats=25").  A name is letters, digits and '_'; it
 * is the same in upper case, and stands once.  In a value a ';' is written
 * %3B and a '%' before 3B or 25 is written %25; all else stands for itself.
 */
#ifndef APIKEY_META_H
#define APIKEY_META_H

#include <apr_tables.h>

#define APIKEY_META_MAX 4000    /**< bytes that the tables have for a text */
#define APIKEY_META_NAME_MAX 64 /**< characters of a name */

/**
 * Reads a text into a table, with its names as they are spelt and in their
 * order, empty values included.
 * @param meta out, in @a pool; empty where something is wrong
 * @return NULL, or what is wrong, a sentence fragment in @a pool; it has
 *         nothing of @a text in it
 */
const char *apikey_meta_parse(apr_table_t **meta, const char *text,
                              apr_pool_t *pool);

/** NULL if such a pair can be stored and told; else what is wrong, a static
 * sentence fragment about "the name" or "the value".
 * @param value "" is one */
const char *apikey_meta_fault(const char *name, const char *value);

/** The text of a table whose pairs have no fault. */
const char *apikey_meta_format(const apr_table_t *meta, apr_pool_t *pool);

/**
 * What an application is told: the tenant's pairs under the key's, with names
 * in upper case.  A key's empty value takes its tenant's away; a pair without
 * a value is not told.
 * @param meta out, in @a pool; NULL: nothing
 * @return NULL, or what is wrong, a sentence fragment: "meta ..." or "tenant's
 *         meta ..."
 */
const char *apikey_meta_merge(apr_table_t **meta, const char *key,
                              const char *tenant, apr_pool_t *pool);

#endif
