/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file networks.h
 * @brief The addresses from which a key may be used.
 *
 * As text: IPv4 and IPv6 addresses and CIDR blocks (RFC 4632, 3.1; RFC 4291,
 * 2.3) with blanks or commas between them; "" means any address.  An IPv4
 * address and the same one mapped into IPv6 (RFC 4291, 2.5.5.2) are equal.  An
 * IPv6 block wider than ::ffff:0:0/96 contains no IPv4 address.
 */
#ifndef APIKEY_NETWORKS_H
#define APIKEY_NETWORKS_H

#include <apr_pools.h>

#define APIKEY_ADDRESS_LEN 16   /**< IPv4 as ::ffff:a.b.c.d */
#define APIKEY_NETWORKS_MAX 2000        /**< bytes of a key's list: the column's
                                         * size */

/** A block.  Made of bytes, so it needs no alignment. */
typedef struct apikey_network_t {
    unsigned char address[APIKEY_ADDRESS_LEN];
    unsigned char bits;         /**< length of the network prefix, 0 to 128 */
} apikey_network_t;

/**
 * Parses a list.
 * @param networks out, in @a pool; NULL where something is wrong
 * @param count    out; 0 where something is wrong
 * @return NULL, or what is wrong, a sentence fragment in @a pool that quotes
 *         nothing of @a text
 */
const char *apikey_networks_parse(const apikey_network_t **networks, int *count,
                                  const char *text, apr_pool_t *pool);

/** A list as text in @a pool, in the shortest spelling, with a blank between
 * blocks; "" where it is empty. */
const char *apikey_networks_format(const apikey_network_t *networks, int count,
                                   apr_pool_t *pool);

/** Parses one address, without a zone (RFC 4007, 11).
 * @return 0: it is none */
int apikey_address_parse(unsigned char address[APIKEY_ADDRESS_LEN],
                         const char *text);

/** Converts an address in network byte order, 4 bytes or 16.
 * @return 0: another length */
int apikey_address_from_bytes(unsigned char address[APIKEY_ADDRESS_LEN],
                              const void *bytes, apr_size_t len);

/** Whether one of the blocks contains the address; 1 where there is none. */
int apikey_networks_contain(const apikey_network_t *networks, int count,
                            const unsigned char address[APIKEY_ADDRESS_LEN]);

#endif
