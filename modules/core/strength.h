/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file strength.h
 * @brief How hard an imported key is to guess, by its characters.
 */
#ifndef APIKEY_STRENGTH_H
#define APIKEY_STRENGTH_H

#include <apr.h>

#define APIKEY_KEY_MIN_LEN 16   /**< characters that a key must have */
#define APIKEY_KEY_MIN_BITS 64  /**< what they must hold, at least */

/**
 * The bits that @a len characters hold: their number times the logarithm to the
 * base 2 of the size of the smallest alphabet that has all of them: 10 digits,
 * 16 hexadecimal digits of one case, 26 or 52 letters, 36 or 62 letters and
 * digits, 64 with '-' and '_', 94 printable characters.  Where fewer than five
 * distinct characters are used, those are the alphabet.  In a key of fewer than
 * APIKEY_KEY_MIN_LEN characters each counts for at most four bits, so that the
 * sum is below APIKEY_KEY_MIN_BITS.  An upper bound: a word of a dictionary has
 * fewer bits.
 * @param key what follows the server's prefix
 * @return at least 1
 */
int apikey_key_bits(const char *key, apr_size_t len);

#endif
