/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* verify/record_codec.h: records as bytes for caches. Each field is read back
 * as it was, and other bytes are refused. */

#include <stdlib.h>

#include <apr_general.h>

/* The source: its lists of fields show that each one is encoded. */
#include "verify/record_codec.c"
#include "tap.h"

#define RING "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n" \
             "k2 eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=\n"

static apr_pool_t *pool;

static const char digest[] = "1ab3f7aa1600fac4273c98287cca7592"
                             "3cabc7f2fd82e8687cea546a78344ab6";
static const char other[] = "2ab3f7aa1600fac4273c98287cca7592"
                            "3cabc7f2fd82e8687cea546a78344ab6";

/* A record in which each field differs from all others. */
static apikey_record_t *make_record(void)
{
    apikey_record_t *record = apr_pcalloc(pool, sizeof(*record));
    apr_int64_t number = APR_INT64_C(0x0102030405060708);

#define FILL_STRING(field) record->field = "the " #field;
#define FILL_NUMBER(field) record->field = number++;
    STRINGS(FILL_STRING)
    NUMBERS(FILL_NUMBER)
    record->digest = digest;
    record->expires = APR_INT64_C(-5);
    record->name = "";
    return record;
}

static apr_size_t write_record(unsigned char *bytes, apikey_record_t *record)
{
    apikey_cached_record_t entry = { { 0xfedcba9876543210ULL, 42 },
                                     1234567890,
                                     NULL };

    entry.record = record;
    return apikey_record_encode(bytes, APIKEY_CODEC_MAX, &entry);
}

static void same(const apikey_record_t *got, const apikey_record_t *want,
                 const char *what)
{
    int differ = 0;

#define SAME_STRING(field) differ += strcmp(got->field, want->field) != 0;
#define SAME_NUMBER(field) differ += got->field != want->field;
    STRINGS(SAME_STRING)
    NUMBERS(SAME_NUMBER)
    differ += strcmp(got->digest, want->digest) != 0;
    is_int(differ, 0, "%s: each field is decoded as it was", what);
}

/* Each field of a record is in one of the two lists, or is named here. */
static void complete(void)
{
    /* Not encoded: the digest, which is known; secret_id, format, hint,
     * creator, created, last_used and use_count, which no look-up reads; a
     * fault, since such records are not cached; and withheld, which is logged
     * when the record is found. */
    apr_size_t size = 7 * sizeof(const char *) + 3 * sizeof(apr_int64_t)
                      + sizeof(apr_table_t *) + sizeof(apikey_network_t *)
                      + sizeof(apr_int64_t);

#define SIZE_STRING(field) size += sizeof(const char *);
#define SIZE_NUMBER(field) size += sizeof(apr_int64_t);
    STRINGS(SIZE_STRING)
    NUMBERS(SIZE_NUMBER)
    size = APR_ALIGN(size, 8);
    is_int(size, APR_ALIGN(sizeof(apikey_record_t), 8),
           "each field of a record is encoded or known not to be");
}

static void round_trip(void)
{
    unsigned char bytes[APIKEY_CODEC_MAX];
    apikey_record_t *record = make_record();
    apr_size_t len = write_record(bytes, record);
    const apr_array_header_t *meta;
    apikey_cached_record_t entry;

    ok(len > 0 && len < 300, "an encoded record is small (%d bytes)", (int)len);
    ok(apikey_record_decode(&entry, bytes, len, digest, pool),
       "an encoded record is decoded");
    ok(entry.stamp.identity == 0xfedcba9876543210ULL
       && entry.stamp.number == 42 && entry.written == 1234567890,
       "the stamp and the time are decoded");
    same(entry.record, record, "without meta");
    ok(!entry.record->meta, "a record without meta is decoded without");

    record->meta = apr_table_make(pool, 2);
    apr_table_addn(record->meta, "PLAN", "gold");
    apr_table_addn(record->meta, "EMPTY", "");
    apr_table_addn(record->meta, "PLAN", "again, \xc3\xa4");
    len = write_record(bytes, record);
    ok(apikey_record_decode(&entry, bytes, len, digest, pool),
       "a record with meta is decoded");
    same(entry.record, record, "with meta");
    meta = apr_table_elts(entry.record->meta);
    is_int(meta->nelts, 3, "all pairs of the meta are decoded");
    is_str(APR_ARRAY_IDX(meta, 0, apr_table_entry_t).key, "PLAN",
           "a name in the meta is decoded");
    is_str(APR_ARRAY_IDX(meta, 0, apr_table_entry_t).val, "gold",
           "a value in the meta is decoded");
    is_str(APR_ARRAY_IDX(meta, 1, apr_table_entry_t).val, "",
           "an empty value in the meta is decoded");
    is_str(APR_ARRAY_IDX(meta, 2, apr_table_entry_t).val,
           "again, \xc3\xa4", "the pairs of the meta keep their order");
}

/* The number of networks that are decoded of a record with these; -1: none
 * is. */
static int decode_these(apikey_network_t *networks, int count)
{
    unsigned char bytes[APIKEY_CODEC_MAX];
    apikey_record_t *record = make_record();
    apikey_cached_record_t entry;
    apr_size_t len;

    record->networks = networks;
    record->network_count = count;
    record->meta = apr_table_make(pool, 1);
    apr_table_addn(record->meta, "PLAN", "gold");
    len = write_record(bytes, record);
    if (!len || !apikey_record_decode(&entry, bytes, len, digest, pool)) {
        return -1;
    }
    same(entry.record, record, "with networks");
    is_str(apr_table_get(entry.record->meta, "PLAN"), "gold",
           "meta beside %d networks is decoded", count);
    ok(count == 0 || memcmp(entry.record->networks, networks,
                            count * sizeof(*networks)) == 0,
       "each of %d networks is decoded", count);
    return entry.record->network_count;
}

static void networks(void)
{
    apikey_network_t list[300];
    int i;

    memset(list, 0, sizeof(list));
    for (i = 0; i < 300; i++) {
        list[i].address[15] = (unsigned char)i;
        list[i].bits = 128;
    }
    is_int(decode_these(list, 0), 0, "a record without networks is decoded");
    is_int(decode_these(list, 1), 1, "a record with one network is decoded");
    is_int(decode_these(list, 300), 300,
           "a record with 300 networks is decoded");
    list[299].bits = 129;
    is_int(decode_these(list, 300), -1, "a network of 129 bits is refused");
}

/* The bytes are the same on each kind of machine. */
static void layout(void)
{
    unsigned char bytes[APIKEY_CODEC_MAX];
    apr_size_t len = write_record(bytes, make_record());

    is_int(bytes[0], VERSION, "the first byte is the version");
    ok(memcmp(bytes + 1, "\x10\x32\x54\x76\x98\xba\xdc\xfe", 8) == 0,
       "the identity follows, least byte first");
    ok(memcmp(bytes + 9, "\x2a\0\0\0\0\0\0\0", 8) == 0, "the number follows");
    is_int(len, 1 + 8 * (3 + 4) + 51 + 2, "the length is the sum of the parts");
}

/* In malloc'ed memory, so that a sanitizer knows where the bytes end. */
static int read_part(const unsigned char *bytes, apr_size_t len)
{
    unsigned char *part = malloc(len ? len : 1);
    apikey_cached_record_t entry;
    int good;

    memcpy(part, bytes, len);
    good = apikey_record_decode(&entry, part, len, digest, pool);
    free(part);
    return good;
}

static void damaged(void)
{
    unsigned char bytes[APIKEY_CODEC_MAX];
    apikey_record_t *record = make_record();
    apr_size_t len, whole = write_record(bytes, record);
    int good = 0;

    for (len = 0; len < whole; len++) {
        good += read_part(bytes, len);
    }
    is_int(good, 0, "no part of an encoded record is decoded");
    ok(read_part(bytes, whole), "the whole of it is decoded");
    bytes[whole] = 'x';
    ok(!read_part(bytes, whole + 1),
       "a name without its NUL after the record is refused");
    bytes[whole + 1] = '\0';
    ok(!read_part(bytes, whole + 2),
       "a name without a value after the record is refused");
    bytes[0] = VERSION + 1;
    ok(!read_part(bytes, whole), "another version is refused");
}

static void too_long(void)
{
    unsigned char bytes[APIKEY_CODEC_MAX + 1];
    apikey_record_t *record = make_record();
    char *scopes = apr_pcalloc(pool, APIKEY_CODEC_MAX + 1);
    apr_size_t room;

    bytes[APIKEY_CODEC_MAX] = 'x';
    record->scopes = "";
    room = APIKEY_CODEC_MAX - write_record(bytes, record);
    memset(scopes, 's', room);
    record->scopes = scopes;
    is_int(write_record(bytes, record), APIKEY_CODEC_MAX,
           "a record of the largest size is encoded");
    scopes[room] = 's';
    is_int(write_record(bytes, record), 0,
           "a record one byte larger is not encoded");
    is_int(bytes[APIKEY_CODEC_MAX], 'x',
           "no byte is written after the largest size");
}

typedef struct sealed_t {
    apikey_secrets_t *secrets;
    int secret;
    const char *context;        /* APIKEY_DIGEST_LEN bytes */
    const char *digest;
} sealed_t;

static const unsigned char *seal_of(sealed_t how, const void *bytes,
                                    apr_size_t len)
{
    unsigned char *seal = apr_pcalloc(pool, APIKEY_SEAL_LEN);

    return apikey_codec_seal(seal, how.secrets, how.secret,
                             (const unsigned char *)how.context, how.digest,
                             bytes, len) == APR_SUCCESS
           ? seal : NULL;
}

static int differs(const unsigned char *a, const unsigned char *b)
{
    return a && b && memcmp(a, b, APIKEY_SEAL_LEN) != 0;
}

static void seals(void)
{
    static const unsigned char bytes[APIKEY_CODEC_MAX + 1] = "entry";
    apikey_secrets_t *secrets;
    const char *error;
    const unsigned char *seal;

    apikey_secrets_parse(&secrets, RING, strlen(RING), pool, &error);
    sealed_t how = { secrets, 0, "the hash of SELECT 1, 32 bytes..", digest },
             moved = how, secret = how, context = how, wrong = how;

    moved.digest = other;
    secret.secret = 1;
    context.context = "the hash of SELECT 2, 32 bytes..";
    wrong.digest = "";
    seal = seal_of(how, bytes, 5);
    ok(seal && memcmp(seal, seal_of(how, bytes, 5), APIKEY_SEAL_LEN) == 0,
       "a seal is the same each time");
    ok(differs(seal, seal_of(moved, bytes, 5)),
       "a seal of another key's record differs");
    ok(differs(seal, seal_of(secret, bytes, 5)),
       "a seal by another secret differs");
    ok(differs(seal, seal_of(context, bytes, 5)),
       "a seal for another query differs");
    ok(differs(seal, seal_of(how, "Entry", 5)),
       "a seal of other bytes differs");
    ok(differs(seal, seal_of(how, bytes, 4)), "a seal of fewer bytes differs");
    ok(seal_of(how, bytes, APIKEY_CODEC_MAX) != NULL,
       "a record of the largest size is sealed");
    ok(!seal_of(how, bytes, APIKEY_CODEC_MAX + 1),
       "a record one byte larger is not sealed");
    ok(!seal_of(wrong, bytes, 5), "a record without a digest is not sealed");
}

typedef struct asked_t {
    const char *database;
    const char *query;
    const char *keyspace;
    const char *digest;
} asked_t;

static const char *kept_under(asked_t of)
{
    unsigned char context[APIKEY_DIGEST_LEN], id[APIKEY_CODEC_ID_LEN];
    char *hex = apr_palloc(pool, APIKEY_DIGEST_HEX + 1);

    if (apikey_codec_context(context, of.database, of.query, of.keyspace,
                             pool) != APR_SUCCESS
        || apikey_codec_id(id, context, of.digest) != APR_SUCCESS) {
        return "";
    }
    apikey_digest_hex(hex, id);
    return hex;
}

/* Each of these has another entry in the cache than those before it. */
static void ids(void)
{
    static const asked_t list[] = {
        { "pgsql\nhost=a\n", NULL, "k", digest },
        { "pgsql\nhost=a\n", NULL, "k", other },
        { "pgsql\nhost=b\n", NULL, "k", digest },
        { "mysql\nhost=a\n", NULL, "k", digest },
        { "pgsql\nhost=a\nSET x TO y", NULL, "k", digest },
        { "pgsql\nhost=a\n", "SELECT 1", "k", digest },
        { "pgsql\nhost=a\n", "SELECT 2", "k", digest },
        { "pgsql\nhost=a\n", "SELECT 1", "l", digest },
        { "pgsql\nhost=a\n", "", "SELECT 1k", digest },
        { "pgsql\nhost=a\nSELECT 1", "", "k", digest },
        { "", "pgsql\nhost=a\n", "k", digest },
    };
    int count = sizeof(list) / sizeof(*list), i, j, same = 0;
    asked_t keyspace = list[0];
    const char *id = kept_under(list[0]);

    for (i = 0; i < count; i++) {
        for (j = 0; j < i; j++) {
            same += strcmp(kept_under(list[i]), kept_under(list[j])) == 0;
        }
    }
    is_int(same, 0, "other databases, queries, keyspaces and keys have other "
           "entries");
    /* sha256(sha256("pgsql\nhost=a\n\0") followed by the digest's bytes),
     * as sha256sum computes it: each machine must find the entries of the
     * others. */
    is_str(id, "5b3742ad67bf53175b30648bba5f2d1a"
           "2934eb12922f2bd41f6e99d588ad2f6e",
           "an entry's name is the same on each machine");
    keyspace.keyspace = "l";
    is_str(kept_under(keyspace), id,
           "without a query the keyspace is not in an entry's name");
    ok(!strstr(id, "1ab3f7aa1600fac4"),
       "an entry's name does not show the digest");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    complete();
    round_trip();
    networks();
    layout();
    damaged();
    too_long();
    seals();
    ids();
    return done();
}
