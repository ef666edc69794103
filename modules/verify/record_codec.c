/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "record_codec.h"

#include <string.h>

#include <apr_strings.h>

#define VERSION 3

/* What a look-up gives of a record, in the order it stands in an entry. */
#define STRINGS(S) S(id) S(keyspace) S(tenant) S(name) S(env) S(scopes)
#define NUMBERS(N) N(expires) N(revoked) N(disabled) N(suspended)

typedef struct writer_t {
    unsigned char *at;
    unsigned char *end;
    int full;
} writer_t;

static void put(writer_t *to, const void *data, apr_size_t len)
{
    if (to->full || (apr_size_t)(to->end - to->at) < len) {
        to->full = 1;
        return;
    }
    memcpy(to->at, data, len);
    to->at += len;
}

static void put_number(writer_t *to, apr_uint64_t number)
{
    unsigned char bytes[8];
    int i;

    for (i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(number >> 8 * i);
    }
    put(to, bytes, sizeof(bytes));
}

/* With its NUL, which ends it. */
static void put_string(writer_t *to, const char *text)
{
    put(to, text, strlen(text) + 1);
}

/* How many in two bytes, then their own. */
static void put_networks(writer_t *to, const apikey_record_t *record)
{
    unsigned char count[2];

    count[0] = (unsigned char)record->network_count;
    count[1] = (unsigned char)(record->network_count >> 8);
    to->full |= record->network_count > 0xFFFF;
    put(to, count, sizeof(count));
    if (record->network_count) {
        put(to, record->networks,
            record->network_count * sizeof(apikey_network_t));
    }
}

apr_size_t apikey_record_encode(unsigned char *bytes, apr_size_t size,
                                const apikey_cached_record_t *entry)
{
    static const unsigned char version = VERSION;
    const apikey_record_t *record = entry->record;
    writer_t to = { bytes, bytes + size, 0 };

    put(&to, &version, 1);
    put_number(&to, entry->stamp.identity);
    put_number(&to, entry->stamp.number);
    put_number(&to, entry->written);
#define PUT_NUMBER(field) put_number(&to, record->field);
#define PUT_STRING(field) put_string(&to, record->field);
    NUMBERS(PUT_NUMBER)
    STRINGS(PUT_STRING)
    put_networks(&to, record);
    if (record->meta) {
        const apr_array_header_t *meta = apr_table_elts(record->meta);
        int i;

        for (i = 0; i < meta->nelts; i++) {
            put_string(&to, APR_ARRAY_IDX(meta, i, apr_table_entry_t).key);
            put_string(&to, APR_ARRAY_IDX(meta, i, apr_table_entry_t).val);
        }
    }
    return to.full ? 0 : (apr_size_t)(to.at - bytes);
}

typedef struct reader_t {
    const unsigned char *at;
    const unsigned char *end;
    int bad;
} reader_t;

static apr_uint64_t get_number(reader_t *from)
{
    const unsigned char *at;

    if (from->end - from->at < 8) {
        from->bad = 1;
        return 0;
    }
    at = from->at;
    from->at += 8;
    /* Compilers make one instruction of this, but none of a loop. */
    return (apr_uint64_t)at[0] | (apr_uint64_t)at[1] << 8
           | (apr_uint64_t)at[2] << 16 | (apr_uint64_t)at[3] << 24
           | (apr_uint64_t)at[4] << 32 | (apr_uint64_t)at[5] << 40
           | (apr_uint64_t)at[6] << 48 | (apr_uint64_t)at[7] << 56;
}

static const char *get_string(reader_t *from)
{
    const char *text = (const char *)from->at;
    const unsigned char *nul = from->bad ? NULL
        : memchr(from->at, '\0', (apr_size_t)(from->end - from->at));

    if (!nul) {
        from->bad = 1;
        return "";
    }
    from->at = nul + 1;
    return text;
}

/* Where they stand: they are bytes. */
static void get_networks(reader_t *from, apikey_record_t *record)
{
    apr_size_t left = (apr_size_t)(from->end - from->at);
    apr_size_t count = from->bad || left < 2
                       ? 0 : from->at[0] | (apr_size_t)from->at[1] << 8;
    apr_size_t i;

    if (from->bad || left < 2
        || (left - 2) / sizeof(apikey_network_t) < count) {
        from->bad = 1;
        return;
    }
    from->at += 2;
    record->network_count = (int)count;
    record->networks = count ? (const apikey_network_t *)from->at : NULL;
    from->at += count * sizeof(apikey_network_t);
    for (i = 0; i < count; i++) {
        from->bad |= record->networks[i].bits > 8 * APIKEY_ADDRESS_LEN;
    }
}

static void read_meta(reader_t *from, apikey_record_t *record,
                      apr_pool_t *pool)
{
    if (!from->bad && from->at < from->end) {
        record->meta = apr_table_make(pool, 4);
    }
    while (!from->bad && from->at < from->end) {
        const char *name = get_string(from);
        const char *value = get_string(from);

        if (!from->bad) {
            apr_table_addn(record->meta, name, value);
        }
    }
}

int apikey_record_decode(apikey_cached_record_t *entry,
                         const unsigned char *bytes, apr_size_t len,
                         const char *digest, apr_pool_t *pool)
{
    apikey_record_t *record;
    reader_t from;

    memset(entry, 0, sizeof(*entry));
    if (len < 1 || bytes[0] != VERSION) {
        return 0;
    }
    from.at = bytes + 1;
    from.end = bytes + len;
    from.bad = 0;
    record = apr_pcalloc(pool, sizeof(*record));
    record->digest = digest;
    record->secret_id = record->format = record->hint = record->creator = "";
    entry->stamp.identity = get_number(&from);
    entry->stamp.number = get_number(&from);
    entry->written = (apr_time_t)get_number(&from);
    entry->record = record;
#define GET_NUMBER(field) record->field = (apr_int64_t)get_number(&from);
#define GET_STRING(field) record->field = get_string(&from);
    NUMBERS(GET_NUMBER)
    STRINGS(GET_STRING)
    get_networks(&from, record);
    read_meta(&from, record, pool);
    return !from.bad;
}

/* Each part ends with its NUL, so that no two lists of parts make the same. */
apr_status_t apikey_codec_context(unsigned char *context,
                                  const char *database, const char *query,
                                  const char *keyspace, apr_pool_t *pool)
{
    apr_size_t room = strlen(database) + strlen(keyspace)
                      + (query ? strlen(query) : 0) + 3;
    writer_t to = { apr_palloc(pool, room), NULL, 0 };
    const unsigned char *text = to.at;

    to.end = to.at + room;
    put_string(&to, database);
    /* Our tables know each key's keyspace; what a query of the
     * administrator's own does not tell has the asker's. */
    if (query) {
        put_string(&to, query);
        put_string(&to, keyspace);
    }
    return apikey_digest_sha256(context, text, (apr_size_t)(to.at - text));
}

apr_status_t apikey_codec_id(unsigned char id[APIKEY_CODEC_ID_LEN],
                             const unsigned char *context,
                             const char *digest)
{
    unsigned char data[2 * APIKEY_DIGEST_LEN];

    memcpy(data, context, APIKEY_DIGEST_LEN);
    apikey_digest_bytes(data + APIKEY_DIGEST_LEN, digest);
    return apikey_digest_sha256(id, data, sizeof(data));
}

/* HMAC(secret, purpose context digest entry). The purpose ends with a NUL, and
 * no key holds one: what is signed as a key is never a seal, nor the other way
 * round. */
apr_status_t apikey_codec_seal(unsigned char seal[APIKEY_SEAL_LEN],
                               const apikey_secrets_t *secrets, int secret,
                               const unsigned char *context,
                               const char *digest,
                               const unsigned char *bytes, apr_size_t len)
{
    static const char purpose[] = "mod_apikey cache entry, version 3";
    unsigned char data[sizeof(purpose) + APIKEY_DIGEST_LEN
                       + APIKEY_DIGEST_HEX + APIKEY_CODEC_MAX];
    unsigned char *at = data;

    if (len > APIKEY_CODEC_MAX || strlen(digest) < APIKEY_DIGEST_HEX) {
        return APR_EINVAL;
    }
    /* Each but the last has a fixed length: no two pairs make the same. */
    memcpy(at, purpose, sizeof(purpose));
    at += sizeof(purpose);
    memcpy(at, context, APIKEY_DIGEST_LEN);
    at += APIKEY_DIGEST_LEN;
    memcpy(at, digest, APIKEY_DIGEST_HEX);
    at += APIKEY_DIGEST_HEX;
    memcpy(at, bytes, len);
    return apikey_secrets_sign(seal, secrets, secret, data,
                               (apr_size_t)(at - data) + len);
}
