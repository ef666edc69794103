/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/networks.h: reading lists of networks, and whether they hold an
 * address. */

#include <string.h>

#include <apr_general.h>

#include "../../modules/core/networks.h"
#include "tap.h"

static apr_pool_t *pool;

/* Whether a list holds an address: 1, 0, or -1 where one cannot be read. */
static int holds(const char *text, const char *address)
{
    unsigned char bytes[APIKEY_ADDRESS_LEN];
    const apikey_network_t *networks;
    int count;

    return apikey_networks_parse(&networks, &count, text, pool)
           || !apikey_address_parse(bytes, address)
           ? -1 : apikey_networks_contain(networks, count, bytes);
}

static void lists(void)
{
    static const struct { const char *list, *address; int holds; } cases[] = {
        { "", "192.0.2.1", 1 }, { "", "2001:db8::1", 1 },
        { "192.0.2.1", "192.0.2.1", 1 }, { "192.0.2.1", "192.0.2.2", 0 },
        { "192.0.2.0/31", "192.0.2.1", 1 }, { "192.0.2.0/31", "192.0.2.2", 0 },
        { "192.0.2.128/25", "192.0.2.128", 1 },
        { "192.0.2.128/25", "192.0.2.127", 0 },
        { "10.0.0.0/8", "10.255.255.255", 1 }, { "10.0.0.0/8", "11.0.0.0", 0 },
        { "128.0.0.0/1", "255.255.255.255", 1 },
        { "128.0.0.0/1", "127.255.255.255", 0 },
        { "0.0.0.0/0", "255.1.2.3", 1 }, { "0.0.0.0/0", "2001:db8::1", 0 },
        { "0.0.0.0/0", "::1", 0 }, { "::/0", "2001:db8::1", 1 },
        { "::/0", "192.0.2.1", 0 }, { "::/0", "::ffff:192.0.2.1", 0 },
        { "::/95", "::fffe:0:0", 0 }, { "::/80", "192.0.2.1", 0 },
        { "::ffff:0:0/96", "192.0.2.1", 1 },
        { "::ffff:192.0.2.0/120", "192.0.2.200", 1 },
        { "::ffff:192.0.2.0/120", "192.0.3.1", 0 },
        { "192.0.2.0/24", "::ffff:192.0.2.9", 1 },
        { "192.0.2.0/24", "::192.0.2.9", 0 },
        { "2001:db8::/32", "2001:db8:ffff::", 1 },
        { "2001:db8::/32", "2001:db9::", 0 },
        { "2001:db8::/33", "2001:db8:8000::", 0 },
        { "2001:DB8::1/128", "2001:db8:0:0::1", 1 },
        { "a::b", "a::b", 1 }, { "a::b", "a::c", 0 },
        { "10.0.0.0/8 192.0.2.0/24", "192.0.2.1", 1 },
        { "10.0.0.0/8,192.0.2.0/24", "192.0.2.1", 1 },
        { "  10.0.0.0/8 ,, 192.0.2.0/24 ", "192.0.2.1", 1 },
        { "10.0.0.0/8 192.0.2.0/24", "192.0.3.1", 0 },
        { "10.0.0.0/8", "fe80::1%eth0", -1 }, { "10.0.0.0/8", "", -1 },
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        is_int(holds(cases[i].list, cases[i].address), cases[i].holds,
               "whether the list '%s' holds %s", cases[i].list,
               cases[i].address);
    }
}

/* A list that cannot be read gives an error and no network. */
static void faults(void)
{
    static const char *const bad[] = {
        " ", ",", "x", "10", "10.0.0", "10.0.0.0/", "10.0.0.0/33",
        "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0.0/ 8",
        "10.0.0.0 /8", "/8", "10.0.0.1/8", "010.0.0.1", "10.0.0.256",
        "10.0.0.0/999999999999", "0x0a.0.0.1", "::/129", "::1/0", "1::2::3",
        "fe80::1%eth0", "[::1]", "::1/64", "2001:db8::/31x", "10.0.0.0/8;",
        "10.0.0.0/8 host.example", "\t10.0.0.0/8", "10.0.0.0/8\n", "*", "any",
        "10.0.0.0-10.0.0.9", "10.0.0.0/255.0.0.0", "{10.0.0.0/8}"
    };
    const apikey_network_t *networks;
    int count;
    apr_size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *fault = apikey_networks_parse(&networks, &count, bad[i],
                                                  pool);

        ok(fault && !networks && count == 0, "'%s' is refused: %s", bad[i],
           fault ? fault : "it is not");
    }
    is_str(apikey_networks_parse(&networks, &count, "::1 secret", pool),
           "has a word, number 2, that is no IP address and no CIDR block",
           "the sentence says which word is wrong and does not repeat it");
}

static void written(void)
{
    static const char *const lists[][2] = {
        { "", "" }, { "192.0.2.1/32, 10.0.0.0/8", "192.0.2.1 10.0.0.0/8" },
        { "2001:DB8:0:0::/32  ::1/128", "2001:db8::/32 ::1" },
        { "::ffff:192.0.2.0/120", "192.0.2.0/24" },
        { "0.0.0.0/0 ::/0", "0.0.0.0/0 ::/0" },
        { "::ffff:0:0/95", NULL }, { "::fffe:0:0/95", "::fffe:0:0/95" }
    };
    const apikey_network_t *networks;
    int count;
    apr_size_t i;

    for (i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        const char *fault = apikey_networks_parse(&networks, &count,
                                                  lists[i][0], pool);

        is_str(fault ? NULL : apikey_networks_format(networks, count, pool),
               lists[i][1], "'%s' is written in its short form", lists[i][0]);
    }
}

static void bytes(void)
{
    unsigned char address[APIKEY_ADDRESS_LEN], other[APIKEY_ADDRESS_LEN];

    ok(apikey_address_from_bytes(address, "\300\0\2\1", 4)
       && apikey_address_parse(other, "192.0.2.1")
       && memcmp(address, other, sizeof(other)) == 0,
       "an address of four bytes is read");
    ok(apikey_address_from_bytes(address,
                                 "\0\0\0\0\0\0\0\0\0\0\377\377\300\0\2\1", 16)
           && memcmp(address, other, sizeof(other)) == 0,
       "the same address of sixteen bytes is equal");
    ok(!apikey_address_from_bytes(address, "\1\2\3\4\5", 5),
       "an address of five bytes is refused");
    is_int(sizeof(apikey_network_t), APIKEY_ADDRESS_LEN + 1,
           "a network has no padding");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    lists();
    faults();
    written();
    bytes();
    return done();
}
