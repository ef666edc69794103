/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* A record as a cache returns it: any bytes, since others can write there.
 *
 * It includes the source for its lists of fields: each of them is read. */

#include "../../modules/verify/record_codec.c"
#include "fuzz.h"

static const char digest[] = "1ab3f7aa1600fac4273c98287cca7592"
                             "3cabc7f2fd82e8687cea546a78344ab6";

/* Strings are read to their ends; a sanitizer sees where that goes wrong. */
static size_t measure(const apikey_record_t *record)
{
    size_t size = strlen(record->digest);

#define MEASURE(field) size += strlen(record->field) + 1;
    STRINGS(MEASURE)
    return size;
}

/* What was read is written to the same bytes. */
static void check_entry(const apikey_cached_record_t *entry, const char *bytes,
                        size_t size)
{
    unsigned char *again = malloc(size);

    must(again);
    must(strcmp(entry->record->digest, digest) == 0);
    must(measure(entry->record) <= size + sizeof(digest));
    must(apikey_record_encode(again, size, entry) == size);
    must(memcmp(again, bytes, size) == 0);
    must(size == 1 || apikey_record_encode(again, size - 1, entry) == 0);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char context[APIKEY_DIGEST_LEN];
    unsigned char seal[APIKEY_SEAL_LEN];
    char *bytes = fuzz_copy(data, size, 0);
    apikey_cached_record_t entry;
    apr_pool_t *pool;

    must(apr_pool_create(&pool, fuzz_pool()) == APR_SUCCESS);
    if (apikey_record_decode(&entry, (unsigned char *)bytes, size, digest,
                             pool)) {
        check_entry(&entry, bytes, size);
    }
    must((apikey_codec_seal(seal, fuzz_ring(), 1, context, digest,
                            (unsigned char *)bytes, size) == APR_SUCCESS)
         == (size <= APIKEY_CODEC_MAX));
    apr_pool_destroy(pool);
    free(bytes);
    return 0;
}
