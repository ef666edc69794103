/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file meta.h
 * @brief meta of a key or a tenant: names and values that are exported to
 *        applications.
 *
 * As text: NAME=VALUE pairs with a ';' between them; blanks around a pair are
 * ignored ("plan=gold; seats=25").  A name is letters, digits and '_', its case
 * is ignored, and it stands once.  In a value a ';' is written %3B, and a '%'
 * before 3B or 25 is written %25; all else stands for itself.
 */
#ifndef APIKEY_META_H
#define APIKEY_META_H

#include <apr_tables.h>

#define APIKEY_META_MAX 4000    /**< bytes of a text: the column's size */
#define APIKEY_META_NAME_MAX 64 /**< characters of a name */

/**
 * Parses a text into a table.  Names keep their spelling and order; empty
 * values are kept.
 * @param meta out, in @a pool; empty where something is wrong
 * @return NULL, or what is wrong, a sentence fragment in @a pool that quotes
 *         nothing of @a text
 */
const char *apikey_meta_parse(apr_table_t **meta, const char *text,
                              apr_pool_t *pool);

/** NULL if a pair can be stored and exported; else what is wrong, a static
 * sentence fragment about "the name" or "the value".
 * @param value may be "" */
const char *apikey_meta_fault(const char *name, const char *value);

/** The text of a table whose pairs have no fault, in @a pool. */
const char *apikey_meta_format(const apr_table_t *meta, apr_pool_t *pool);

/**
 * The pairs that are exported: the tenant's, replaced by the key's of the same
 * name, with names in upper case.  An empty value of the key removes the
 * tenant's pair; a pair with an empty value is not exported.
 * @param meta out, in @a pool; NULL: none
 * @return NULL, or what is wrong, a sentence fragment: "meta ..." or "tenant's
 *         meta ..."
 */
const char *apikey_meta_merge(apr_table_t **meta, const char *key,
                              const char *tenant, apr_pool_t *pool);

#endif
