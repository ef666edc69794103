/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Layout: version (1 byte); identity, number and time of the stamp; NUMBERS;
 * STRINGS, each with its NUL; the count of networks (2 bytes) and the networks;
 * names and values of meta, each with its NUL, to the end.  A number has 8
 * bytes, the lowest first.  A change of the layout needs another VERSION and
 * another purpose in apikey_codec_seal(). */

#include "record_codec.h"

#include <string.h>


#define VERSION 3

/* The fields of a record, in the order of the layout. */
#define STRINGS(S) S(id) S(keyspace) S(tenant) S(name) S(env) S(scopes)
#define NUMBERS(N) N(expires) N(revoked) N(disabled) N(suspended)

typedef struct writer_t {
    unsigned char *at;
    unsigned char *end;
    int full;
} writer_t;

static void encode_bytes(writer_t *to, const void *data, apr_size_t len)
{
    if (to->full || (apr_size_t)(to->end - to->at) < len) {
        to->full = 1;
        return;
    }
    memcpy(to->at, data, len);
    to->at += len;
}

static void encode_number(writer_t *to, apr_uint64_t number)
{
    unsigned char bytes[8];
    int i;

    for (i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(number >> 8 * i);
    }
    encode_bytes(to, bytes, sizeof(bytes));
}

static void encode_string(writer_t *to, const char *text)
{
    encode_bytes(to, text, strlen(text) + 1);
}

static void encode_networks(writer_t *to, const apikey_record_t *record)
{
    unsigned char count[2];

    count[0] = (unsigned char)record->network_count;
    count[1] = (unsigned char)(record->network_count >> 8);
    to->full |= record->network_count > 0xFFFF;
    encode_bytes(to, count, sizeof(count));
    if (record->network_count) {
        encode_bytes(to, record->networks,
            record->network_count * sizeof(apikey_network_t));
    }
}

apr_size_t apikey_record_encode(unsigned char *bytes, apr_size_t size,
                                const apikey_cached_record_t *cached)
{
    static const unsigned char version = VERSION;
    const apikey_record_t *record = cached->record;
    writer_t to = { bytes, bytes + size, 0 };

    encode_bytes(&to, &version, 1);
    encode_number(&to, cached->stamp.identity);
    encode_number(&to, cached->stamp.number);
    encode_number(&to, cached->written);
#define ENCODE_NUMBER(field) encode_number(&to, record->field);
#define ENCODE_STRING(field) encode_string(&to, record->field);
    NUMBERS(ENCODE_NUMBER)
    STRINGS(ENCODE_STRING)
    encode_networks(&to, record);
    if (record->meta) {
        const apr_array_header_t *meta = apr_table_elts(record->meta);
        int i;

        for (i = 0; i < meta->nelts; i++) {
            encode_string(&to, APR_ARRAY_IDX(meta, i, apr_table_entry_t).key);
            encode_string(&to, APR_ARRAY_IDX(meta, i, apr_table_entry_t).val);
        }
    }
    return to.full ? 0 : (apr_size_t)(to.at - bytes);
}

typedef struct reader_t {
    const unsigned char *at;
    const unsigned char *end;
    int bad;
} reader_t;

static apr_uint64_t decode_number(reader_t *from)
{
    const unsigned char *at;

    if (from->end - from->at < 8) {
        from->bad = 1;
        return 0;
    }
    at = from->at;
    from->at += 8;
    /* Compilers make one load of this, but not of a loop. */
    return (apr_uint64_t)at[0] | (apr_uint64_t)at[1] << 8
           | (apr_uint64_t)at[2] << 16 | (apr_uint64_t)at[3] << 24
           | (apr_uint64_t)at[4] << 32 | (apr_uint64_t)at[5] << 40
           | (apr_uint64_t)at[6] << 48 | (apr_uint64_t)at[7] << 56;
}

static const char *decode_string(reader_t *from)
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

/* Networks consist of bytes, so they are used where they are. */
static void decode_networks(reader_t *from, apikey_record_t *record)
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

static void decode_meta(reader_t *from, apikey_record_t *record,
                        apr_pool_t *pool)
{
    if (!from->bad && from->at < from->end) {
        record->meta = apr_table_make(pool, 4);
    }
    while (!from->bad && from->at < from->end) {
        const char *name = decode_string(from);
        const char *value = decode_string(from);

        if (!from->bad) {
            apr_table_addn(record->meta, name, value);
        }
    }
}

int apikey_record_decode(apikey_cached_record_t *cached,
                         const unsigned char *bytes, apr_size_t len,
                         const char *digest, apr_pool_t *pool)
{
    apikey_record_t *record;
    reader_t from;

    memset(cached, 0, sizeof(*cached));
    if (len < 1 || bytes[0] != VERSION) {
        return 0;
    }
    from.at = bytes + 1;
    from.end = bytes + len;
    from.bad = 0;
    record = apr_pcalloc(pool, sizeof(*record));
    record->digest = digest;
    record->secret_id = record->format = record->hint = record->creator = "";
    cached->stamp.identity = decode_number(&from);
    cached->stamp.number = decode_number(&from);
    cached->written = (apr_time_t)decode_number(&from);
    cached->record = record;
#define DECODE_NUMBER(field) record->field = (apr_int64_t)decode_number(&from);
#define DECODE_STRING(field) record->field = decode_string(&from);
    NUMBERS(DECODE_NUMBER)
    STRINGS(DECODE_STRING)
    decode_networks(&from, record);
    decode_meta(&from, record, pool);
    return !from.bad;
}

/* Each part is hashed with its NUL, so that different parts have different
 * hashes. */
apr_status_t apikey_codec_context(unsigned char *context,
                                  const char *database, const char *query,
                                  const char *keyspace, apr_pool_t *pool)
{
    apr_size_t room = strlen(database) + strlen(keyspace)
                      + (query ? strlen(query) : 0) + 3;
    writer_t to = { apr_palloc(pool, room), NULL, 0 };
    const unsigned char *text = to.at;

    to.end = to.at + room;
    encode_string(&to, database);
    /* A record of our tables has its keyspace; one of an ApiKeyQuery may have
     * the asking server's. */
    if (query) {
        encode_string(&to, query);
        encode_string(&to, keyspace);
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

/* HMAC(secret, purpose context digest bytes).  The same secrets sign keys.  The
 * purpose ends with a NUL, and no key contains one, so the HMAC of a key is
 * never a valid seal, and no seal is the HMAC of a key. */
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
    /* All parts except the last have a fixed length, so different parts have
     * different data. */
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
