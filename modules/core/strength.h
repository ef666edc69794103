/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file strength.h
 * @brief How far a key that somebody else made can be guessed, as far as its
 *        characters tell.
 */
#ifndef APIKEY_STRENGTH_H
#define APIKEY_STRENGTH_H

#include <apr.h>

#define APIKEY_KEY_MIN_LEN 16   /**< characters that a key must have */
#define APIKEY_KEY_MIN_BITS 64  /**< what they must hold, at least */

/**
 * How many bits @a len characters hold: their number times the logarithm to the
 * base 2 of the smallest alphabet that has all of them: 10 digits, 16
 * hexadecimal digits of one case, 26 or 52 letters, 36 or 62 letters and
 * digits, 64 with '-' and '_', 94 printable characters.  Where fewer than five
 * different characters are used, those are the alphabet.  Of fewer than
 * APIKEY_KEY_MIN_LEN characters none counts for more than four bits, so that
 * the sum is below APIKEY_KEY_MIN_BITS.  An upper bound: a word of a dictionary
 * is no random text.
 * @param key what follows the prefix that all keys of the server have
 * @return at least 1
 */
int apikey_key_bits(const char *key, apr_size_t len);

#endif
