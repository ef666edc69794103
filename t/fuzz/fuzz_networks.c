/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Networks: the first line is an address, the rest a list. */

#include "../../modules/core/networks.h"
#include "fuzz.h"

/* A list in which an address stands by itself holds it, whatever else is
 * there. */
static void check_added(const char *list, const char *address,
                        const unsigned char *bytes, apr_pool_t *pool)
{
    size_t len = strlen(list), more = strlen(address);
    const apikey_network_t *networks;
    char *both = malloc(len + more + 2);
    int count;

    must(both);
    memcpy(both, list, len);
    both[len] = ',';
    memcpy(both + len + 1, address, more + 1);
    must(!apikey_networks_parse(&networks, &count, both, pool));
    must(count > 0 && apikey_networks_contain(networks, count, bytes));
    free(both);
}

static void check_list(const char *list, const char *address, apr_pool_t *pool)
{
    unsigned char bytes[APIKEY_ADDRESS_LEN];
    const apikey_network_t *networks;
    int count, again, i, known = apikey_address_parse(bytes, address);
    const char *fault = apikey_networks_parse(&networks, &count, list, pool);

    if (fault) {
        must(!networks && count == 0);
        return;
    }
    must((count == 0) == (*list == '\0'));
    for (i = 0; i < count; i++) {
        must(networks[i].bits <= 8 * APIKEY_ADDRESS_LEN);
        must(networks[i].bits < 96
             || apikey_networks_contain(&networks[i], 1, networks[i].address));
    }
    must(!apikey_networks_parse(&networks, &again,
                                apikey_networks_format(networks, count, pool),
                                pool) && again == count);
    if (known) {
        check_added(list, address, bytes, pool);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    size_t len = line ? (size_t)(line - data) : size;
    char *address = fuzz_copy(data, len, 1);
    char *list = line ? fuzz_copy(line + 1, size - len - 1, 1)
                      : fuzz_copy(NULL, 0, 1);
    apr_pool_t *pool;

    must(apr_pool_create(&pool, fuzz_pool()) == APR_SUCCESS);
    check_list(list, address, pool);
    check_list(address, address, pool);
    apr_pool_destroy(pool);
    free(address);
    free(list);
    return 0;
}
