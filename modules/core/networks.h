/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file networks.h
 * @brief The addresses from which a key may be used.
 *
 * A list is text: IPv4 and IPv6 addresses and CIDR blocks (RFC 4632, 3.1;
 * RFC 4291, 2.3) with blanks or commas between them; an empty one means any
 * address.  An IPv4 address and the same one mapped into IPv6 (RFC 4291,
 * 2.5.5.2) are one address, and no block of IPv6 that is wider than all the
 * mapped ones holds an IPv4 address.
 */
#ifndef APIKEY_NETWORKS_H
#define APIKEY_NETWORKS_H

#include <apr_pools.h>

#define APIKEY_ADDRESS_LEN 16   /**< IPv4 as ::ffff:a.b.c.d */
#define APIKEY_NETWORKS_MAX 2000        /**< bytes that the tables have for
                                         * the list of a key */

/** A block; bytes alone, so that it may stand anywhere. */
typedef struct apikey_network_t {
    unsigned char address[APIKEY_ADDRESS_LEN];
    unsigned char bits;         /**< how many of them count, 0 to 128 */
} apikey_network_t;

/**
 * Reads a list.
 * @param networks out, in @a pool
 * @param count    out
 * @return NULL, or what is wrong, a sentence fragment in @a pool; it has
 *         nothing of @a text in it.  Then there is no list.
 */
const char *apikey_networks_parse(const apikey_network_t **networks, int *count,
                                  const char *text, apr_pool_t *pool);

/** A list as text, a blank between its blocks, in the shortest spelling; ""
 * where there is none. */
const char *apikey_networks_format(const apikey_network_t *networks, int count,
                                   apr_pool_t *pool);

/** Reads one address, which has no zone (RFC 4007, 11).
 * @return 0: it is none */
int apikey_address_parse(unsigned char address[APIKEY_ADDRESS_LEN],
                         const char *text);

/** Takes one as the network has it: 4 bytes or 16.
 * @return 0: another length */
int apikey_address_from_bytes(unsigned char address[APIKEY_ADDRESS_LEN],
                              const void *bytes, apr_size_t len);

/** Whether one of them holds the address; 1 where there is none. */
int apikey_networks_contain(const apikey_network_t *networks, int count,
                            const unsigned char address[APIKEY_ADDRESS_LEN]);

#endif
