/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file text.h
 * @brief UTF-8; which names and words may be stored, carried in a header and
 *        shown; a message in one line.
 */
#ifndef APIKEY_TEXT_H
#define APIKEY_TEXT_H

#include <apr_pools.h>

#define APIKEY_TEXT_MAX 255     /**< bytes of a tenant or a name */
#define APIKEY_WORD_MAX 64      /**< characters of an env or a keyspace */

/**
 * Reads one character of UTF-8 (Unicode, table 3-7: no overlong form, no
 * surrogate, nothing above U+10FFFF).
 * @param code the character, or -1: these bytes are none
 * @return how many bytes were read; at least 1 unless at the end
 */
apr_size_t apikey_utf8_read(const char *text, int *code);

/**
 * NULL if @a text (a tenant, a name, an id) can stand in a header and in
 * JSON: 1 to APIKEY_TEXT_MAX bytes of UTF-8 without control characters
 * (%x00-1F, %x7F, U+0080-9F) and without a blank at either end; else what is
 * wrong, a static sentence fragment ("has a control character").  Checked when
 * a key is made, and again when one is read, since tables can also be changed
 * without htapikey.
 */
const char *apikey_text_fault(const char *text);

/**
 * NULL if @a name may be given to a new tenant or key: no fault of
 * apikey_text_fault(), no character of apikey_is_hidden() and no combining mark
 * at its beginning, which would make two names look alike.  Names that are in
 * the database already need only pass apikey_text_fault().
 */
const char *apikey_name_fault(const char *name);

/** Whether a character is a control character, is shown as nothing or as a
 * blank other than U+0020, or changes the direction of writing. */
int apikey_is_hidden(int code);

/** NULL if @a word (an env, a keyspace) is 1 to APIKEY_WORD_MAX characters of
 * [0-9A-Za-z._-]; else what is wrong, a static sentence fragment. */
const char *apikey_word_fault(const char *word);

/** Whether @a text is one of a list that ends with NULL; the case of ASCII
 * letters does not matter. */
int apikey_text_listed(const char *const *list, const char *text);

/** A copy of a message in one line, in @a pool (PostgreSQL's have several):
 * each run of white space is one blank, and none is at either end.  NULL if
 * @a message is NULL. */
const char *apikey_one_line(const char *message, apr_pool_t *pool);

#endif
