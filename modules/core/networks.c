/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "networks.h"

#include <arpa/inet.h>
#include <string.h>

#include <apr_strings.h>

#define SEPARATORS " ,"
#define BITS 128
#define MAPPED 96               /* bits before an IPv4 address */

static const unsigned char mapped[MAPPED / 8] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF
};

static int is_mapped(const unsigned char *address)
{
    return memcmp(address, mapped, sizeof(mapped)) == 0;
}

int apikey_address_from_bytes(unsigned char address[APIKEY_ADDRESS_LEN],
                              const void *bytes, apr_size_t len)
{
    if (len == 4) {
        memcpy(address, mapped, sizeof(mapped));
        memcpy(address + sizeof(mapped), bytes, 4);
        return 1;
    }
    if (len == APIKEY_ADDRESS_LEN) {
        memcpy(address, bytes, len);
        return 1;
    }
    return 0;
}

int apikey_address_parse(unsigned char address[APIKEY_ADDRESS_LEN],
                         const char *text)
{
    unsigned char bytes[APIKEY_ADDRESS_LEN];

    if (inet_pton(AF_INET, text, bytes) == 1) {
        return apikey_address_from_bytes(address, bytes, 4);
    }
    return inet_pton(AF_INET6, text, bytes) == 1
           && apikey_address_from_bytes(address, bytes, sizeof(bytes));
}

/* A decimal number without leading zeros, at most most; -1: it is none. */
static int parse_prefix_bits(const char *text, int most)
{
    int bits = 0;
    apr_size_t len = strspn(text, "0123456789");
    apr_size_t i;

    if (len < 1 || len > 3 || text[len] || (len > 1 && *text == '0')) {
        return -1;
    }
    for (i = 0; i < len; i++) {
        bits = bits * 10 + (text[i] - '0');
    }
    return bits <= most ? bits : -1;
}

/* Whether all bits after the network prefix are 0. */
static int is_first_address(const apikey_network_t *network)
{
    int bit;

    for (bit = network->bits; bit < BITS; bit++) {
        if (network->address[bit / 8] & (0x80 >> bit % 8)) {
            return 0;
        }
    }
    return 1;
}

/* NULL, or what is wrong. */
static const char *parse_network(apikey_network_t *network, char *word)
{
    char *slash = strchr(word, '/');
    int offset, bits;

    if (slash) {
        *slash = '\0';
    }
    if (!apikey_address_parse(network->address, word)) {
        return "is no IP address and no CIDR block";
    }
    offset = strchr(word, ':') ? 0 : MAPPED;
    bits = slash ? parse_prefix_bits(slash + 1, BITS - offset) : BITS - offset;
    if (bits < 0) {
        return "has no number of bits after its '/', or too many";
    }
    network->bits = (unsigned char)(offset + bits);
    return is_first_address(network) ? NULL
         : "has bits set beyond those that count: the first address of the "
           "block goes before the '/'";
}

static int count_words(const char *text)
{
    int count = 0;

    while (*(text += strspn(text, SEPARATORS))) {
        text += strcspn(text, SEPARATORS);
        count++;
    }
    return count;
}

const char *apikey_networks_parse(const apikey_network_t **networks, int *count,
                                  const char *text, apr_pool_t *pool)
{
    int words = count_words(text);
    apikey_network_t *list;
    char *rest, *word, *state = NULL;
    int i = 0;

    *networks = NULL;
    *count = 0;
    if (!*text) {
        return NULL;
    }
    /* Separators alone are an error: read as no list they would allow any
     * address. */
    if (!words) {
        return "has no address in it";
    }
    list = apr_pcalloc(pool, words * sizeof(*list));
    rest = apr_pstrdup(pool, text);
    for (word = apr_strtok(rest, SEPARATORS, &state); word;
         word = apr_strtok(NULL, SEPARATORS, &state)) {
        const char *fault = parse_network(&list[i++], word);

        if (fault) {
            return apr_psprintf(pool, "has a word, number %d, that %s", i,
                                fault);
        }
    }
    *networks = list;
    *count = words;
    return NULL;
}

static const char *network_text(const apikey_network_t *network,
                                apr_pool_t *pool)
{
    char text[INET6_ADDRSTRLEN];
    int is_ipv4 = network->bits >= MAPPED && is_mapped(network->address);
    int offset = is_ipv4 ? MAPPED : 0;

    if (!inet_ntop(is_ipv4 ? AF_INET : AF_INET6,
                   network->address + offset / 8, text, sizeof(text))) {
        return "";
    }
    return network->bits == BITS
           ? apr_pstrdup(pool, text)
           : apr_psprintf(pool, "%s/%d", text, network->bits - offset);
}

const char *apikey_networks_format(const apikey_network_t *networks, int count,
                                   apr_pool_t *pool)
{
    const char *text = "";
    int i;

    for (i = 0; i < count; i++) {
        text = apr_pstrcat(pool, text, *text ? " " : "",
                           network_text(&networks[i], pool), NULL);
    }
    return text;
}

static int network_contains(const apikey_network_t *network,
                            const unsigned char *address)
{
    int whole = network->bits / 8;
    int more = network->bits % 8;

    if (network->bits < MAPPED && is_mapped(address)) {
        return 0;
    }
    return memcmp(network->address, address, whole) == 0
           && (more == 0
               || ((network->address[whole] ^ address[whole])
                   & (0xFF00 >> more) & 0xFF) == 0);
}

int apikey_networks_contain(const apikey_network_t *networks, int count,
                            const unsigned char address[APIKEY_ADDRESS_LEN])
{
    int i;

    for (i = 0; i < count; i++) {
        if (network_contains(&networks[i], address)) {
            return 1;
        }
    }
    return count == 0;
}
