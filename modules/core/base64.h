/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file base64.h
 * @brief Strict base64 (RFC 4648, 4) for secrets and credentials.
 *
 * Each value has one spelling only; else a key could be sent in several.
 */
#ifndef APIKEY_BASE64_H
#define APIKEY_BASE64_H

#include <apr_errno.h>

/** Bytes that apikey_base64_decode() may write for @a len characters. */
#define APIKEY_BASE64_ROOM(len) ((len) / 4 * 3)

/**
 * Decodes @a len characters.  Refuses characters outside of the alphabet (also
 * blanks and line ends), missing or surplus padding, and padding bits that are
 * not zero.
 * @param data room for APIKEY_BASE64_ROOM(len) bytes, written in any case
 * @param size how many bytes were decoded
 * @param text need not end with NUL
 * @return APR_EINVAL if refused
 */
apr_status_t apikey_base64_decode(unsigned char *data, apr_size_t *size,
                                  const char *text, apr_size_t len);

#endif
