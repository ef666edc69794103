/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include "secrets.h"

#include <string.h>

#include <apr_file_io.h>
#include <apr_siphash.h>
#include <apr_strings.h>
#include <apr_time.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "atomics.h"
#include "base64.h"
#include "file_access.h"

#define SEEN_KEYS 1024              /* slots, 8 KiB */
#define BLOCK_LEN 64                /* SHA-256's block, bytes (RFC 2104) */
#define FILE_MAX (64 * 1024)        /* far more than 16 lines need */

/* Characters of the longest secret, and a few more to find a longer one. */
#define BASE64_MAX (APIKEY_SECRET_MAX / 3 * 4 + 8)

/* HMAC contexts of a secret, which itself is not kept: each has absorbed one of
 * HMAC's two padded keys.  They are only copied, which any thread may do. */
typedef struct secret_t {
    char id[APIKEY_SECRET_ID_MAX + 1];
    EVP_MD_CTX *inner;
    EVP_MD_CTX *outer;
} secret_t;

/* A cache of keys with right check characters: a SipHash of each, in the slot
 * that it selects; a later key replaces it. */
typedef struct seen_keys_t {
    unsigned char secret[APR_SIPHASH_KSIZE];
    apikey_word_t word[SEEN_KEYS];
} seen_keys_t;

struct apikey_secrets_t {
    int count;
    secret_t secret[APIKEY_SECRETS_MAX];
    seen_keys_t *seen;              /* NULL: no random bytes; none is cached */
};

static apr_status_t secrets_destroy(void *data)
{
    apikey_secrets_t *secrets = data;
    int i;

    /* OpenSSL wipes a digest's state when it frees it. */
    for (i = 0; i < APIKEY_SECRETS_MAX; i++) {
        EVP_MD_CTX_free(secrets->secret[i].inner);
        EVP_MD_CTX_free(secrets->secret[i].outer);
    }
    apikey_wipe(secrets, sizeof(*secrets));
    return APR_SUCCESS;
}

static EVP_MD_CTX *absorb_pad(const unsigned char key[BLOCK_LEN],
                              unsigned char pad)
{
    unsigned char block[BLOCK_LEN];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int i;

    for (i = 0; i < BLOCK_LEN; i++) {
        block[i] = key[i] ^ pad;
    }
    if (context && (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1
                    || EVP_DigestUpdate(context, block, BLOCK_LEN) != 1)) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    apikey_wipe(block, sizeof(block));
    return context;
}

static apr_status_t secret_prepare(secret_t *secret,
                                   const unsigned char *bytes, apr_size_t len)
{
    unsigned char key[BLOCK_LEN] = { 0 };
    apr_status_t status = APR_SUCCESS;

    if (len <= BLOCK_LEN) {
        memcpy(key, bytes, len);
    }
    else {
        status = apikey_digest_sha256(key, bytes, len);
    }
    if (status == APR_SUCCESS) {
        secret->inner = absorb_pad(key, 0x36);
        secret->outer = absorb_pad(key, 0x5c);
        status = secret->inner && secret->outer ? APR_SUCCESS : APR_EGENERAL;
    }
    apikey_wipe(key, sizeof(key));
    return status;
}

static int is_valid_id(const char *id, apr_size_t len)
{
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz_.-";
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (!id[i] || !strchr(allowed, id[i])) {
            return 0;
        }
    }
    return len > 0 && len <= APIKEY_SECRET_ID_MAX;
}

static int is_repeated_id(const apikey_secrets_t *secrets, const char *id)
{
    int i;

    for (i = 0; i < secrets->count; i++) {
        if (strcmp(secrets->secret[i].id, id) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Adds "ID BASE64"; NULL, or what is wrong and what to do. */
static const char *add_secret(apikey_secrets_t *secrets, const char *id,
                              apr_size_t id_len, const char *base64,
                              apr_size_t base64_len)
{
    unsigned char bytes[APIKEY_BASE64_ROOM(BASE64_MAX)];
    secret_t *secret;
    apr_status_t status = APR_EINVAL;
    apr_size_t len = 0;

    if (!is_valid_id(id, id_len) || base64_len == 0) {
        return "is not \"ID BASE64\", where ID is 1 to 32 characters of "
               "[0-9A-Za-z_.-]; make a line with 'htapikey secret'";
    }
    if (secrets->count == APIKEY_SECRETS_MAX) {
        return "is one secret more than the 16 that a file may have; remove "
               "those that no key needs ('htapikey doctor' counts)";
    }
    secret = &secrets->secret[secrets->count];
    memcpy(secret->id, id, id_len);
    secret->id[id_len] = '\0';
    if (is_repeated_id(secrets, secret->id)) {
        return "repeats the id of a line before it; give every secret its "
               "own id and never change the id of one in use";
    }
    if (base64_len <= BASE64_MAX) {
        status = apikey_base64_decode(bytes, &len, base64, base64_len);
    }
    if (status != APR_SUCCESS || len < APIKEY_SECRET_MIN
        || len > APIKEY_SECRET_MAX) {
        apikey_wipe(bytes, sizeof(bytes));
        return "does not hold 32 to 128 bytes in base64 after its id; "
               "restore the line, or make one with 'htapikey secret'";
    }
    status = secret_prepare(secret, bytes, len);
    apikey_wipe(bytes, sizeof(bytes));
    if (status != APR_SUCCESS) {
        return "cannot be used: OpenSSL refused to compute SHA-256; see that "
               "its configuration allows it";
    }
    secrets->count++;
    return NULL;
}

static const char *parse_secret_line(apikey_secrets_t *secrets,
                                     const char *line, apr_size_t len)
{
    const char *end = line + len, *id, *base64;

    while (end > line && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    while (line < end && (*line == ' ' || *line == '\t')) {
        line++;
    }
    if (line == end || *line == '#') {
        return NULL;
    }
    for (id = line; line < end && *line != ' ' && *line != '\t'; line++);
    for (base64 = line; base64 < end && (*base64 == ' ' || *base64 == '\t');
         base64++);
    return add_secret(secrets, id, line - id, base64, end - base64);
}

static seen_keys_t *seen_keys_create(apr_pool_t *pool)
{
    seen_keys_t *seen = apr_pcalloc(pool, sizeof(*seen));

    return RAND_bytes(seen->secret, sizeof(seen->secret)) == 1 ? seen
                                                                 : NULL;
}

apr_status_t apikey_secrets_parse(apikey_secrets_t **out, const char *text,
                                  apr_size_t len, apr_pool_t *pool,
                                  const char **error)
{
    apikey_secrets_t *secrets = apr_pcalloc(pool, sizeof(*secrets));
    const char *end = text + len;
    int line = 0;

    *out = NULL;
    apr_pool_cleanup_register(pool, secrets, secrets_destroy,
                              apr_pool_cleanup_null);
    while (text < end) {
        const char *next = memchr(text, '\n', end - text);
        const char *stop = next ? next : end;
        const char *fault;

        line++;
        if (stop > text && stop[-1] == '\r') {
            stop--;
        }
        fault = parse_secret_line(secrets, text, stop - text);
        if (fault) {
            apr_pool_cleanup_run(pool, secrets, secrets_destroy);
            *error = apr_psprintf(pool, "line %d %s", line, fault);
            return APR_EINVAL;
        }
        text = next ? next + 1 : end;
    }
    if (secrets->count == 0) {
        apr_pool_cleanup_run(pool, secrets, secrets_destroy);
        *error = "there is no secret in it; add a line with 'htapikey "
                 "secret'";
        return APR_EINVAL;
    }
    secrets->seen = seen_keys_create(pool);
    *out = secrets;
    return APR_SUCCESS;
}

/* Why the opened file is refused; NULL: it is not. */
static const char *secret_file_fault(const apr_finfo_t *info)
{
    if (info->filetype != APR_REG) {
        return "it is not a regular file; name the file with the secrets";
    }
    if (info->protection & (APR_FPROT_WREAD | APR_FPROT_WWRITE
                            | APR_FPROT_WEXECUTE)) {
        return "others than its owner and group have access to it; take it "
               "from them with 'chmod o=', and replace the secrets if "
               "anybody may have read them";
    }
    if (info->protection & APR_FPROT_GWRITE) {
        return "its group may write it; take that away with 'chmod g-w'";
    }
    if (info->size > FILE_MAX) {
        return "it is larger than 64 KiB; name the file with the secrets";
    }
    return NULL;
}

apr_status_t apikey_secrets_load(apikey_secrets_t **secrets, const char *path,
                                 apr_pool_t *pool, const char **error)
{
    const apr_int32_t wanted = APR_FINFO_TYPE | APR_FINFO_PROT
                               | APR_FINFO_SIZE;
    const char *fault =
        apikey_file_access_fault(path, APIKEY_OWNED_BY_ANY, pool);
    char reason[128];
    apr_file_t *file = NULL;
    apr_finfo_t info;
    apr_size_t len = 0;
    apr_status_t status;
    char *text = NULL;

    *secrets = NULL;
    /* Non-blocking: a FIFO would wait for a writer. */
    status = fault ? APR_EINVAL
               : apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY
                               | APR_FOPEN_NONBLOCK, APR_FPROT_OS_DEFAULT,
                               pool);
    if (status == APR_SUCCESS) {
        status = apr_file_info_get(&info, wanted, file);
    }
    if (status == APR_SUCCESS && (fault = secret_file_fault(&info)) == NULL) {
        text = apr_palloc(pool, (apr_size_t)info.size + 1);
        status = apr_file_read_full(file, text, (apr_size_t)info.size, &len);
        status = APR_STATUS_IS_EOF(status) ? APR_SUCCESS : status;
    }
    if (file) {
        apr_file_close(file);
    }
    if (status != APR_SUCCESS && !fault) {
        fault = apr_psprintf(pool, "it cannot be read: %s; make it with "
                             "'htapikey secret' and let only the "
                             "server's administrator read it",
                             apr_strerror(status, reason, sizeof(reason)));
    }
    else if (fault) {
        status = APR_EINVAL;
    }
    else {
        status = apikey_secrets_parse(secrets, text, len, pool, &fault);
    }
    if (text) {
        apikey_wipe(text, (apr_size_t)info.size + 1);
    }
    if (status != APR_SUCCESS) {
        *error = apr_psprintf(pool, "The secret file %s is refused: %s.",
                              path, fault);
    }
    return status;
}

int apikey_secrets_count(const apikey_secrets_t *secrets)
{
    return secrets->count;
}

const char *apikey_secrets_id(const apikey_secrets_t *secrets, int i)
{
    return secrets->secret[i].id;
}

apr_status_t apikey_secrets_sign(unsigned char digest[APIKEY_DIGEST_LEN],
                                 const apikey_secrets_t *secrets, int i,
                                 const void *data, apr_size_t len)
{
    const secret_t *secret = &secrets->secret[i];
    EVP_MD_CTX *scratch = EVP_MD_CTX_new();
    int good = scratch
        && EVP_MD_CTX_copy_ex(scratch, secret->inner) == 1
        && EVP_DigestUpdate(scratch, data, len) == 1
        && EVP_DigestFinal_ex(scratch, digest, NULL) == 1
        && EVP_MD_CTX_copy_ex(scratch, secret->outer) == 1
        && EVP_DigestUpdate(scratch, digest, APIKEY_DIGEST_LEN) == 1
        && EVP_DigestFinal_ex(scratch, digest, NULL) == 1;

    EVP_MD_CTX_free(scratch);
    return good ? APR_SUCCESS : APR_EGENERAL;
}

static apr_uint64_t seen_word(const seen_keys_t *seen, const char *key,
                              apr_size_t len)
{
    return apr_siphash24(key, len, seen->secret);
}

int apikey_secrets_have_seen(const apikey_secrets_t *secrets, const char *key,
                             apr_size_t len)
{
    apr_uint64_t word;

    if (!secrets->seen) {
        return 0;
    }
    word = seen_word(secrets->seen, key, len);
    return word
           && apikey_word_get(&secrets->seen->word[word % SEEN_KEYS]) == word;
}

void apikey_secrets_remember(const apikey_secrets_t *secrets, const char *key,
                             apr_size_t len)
{
    if (secrets->seen) {
        apr_uint64_t word = seen_word(secrets->seen, key, len);

        apikey_word_set(&secrets->seen->word[word % SEEN_KEYS], word);
    }
}

apr_status_t apikey_secrets_new_line(char **line, apr_pool_t *pool)
{
    unsigned char bytes[APIKEY_SECRET_MIN], tail[4];
    char base64[(APIKEY_SECRET_MIN + 2) / 3 * 4 + 1];
    apr_time_exp_t today;

    if (RAND_priv_bytes(bytes, sizeof(bytes)) != 1
        || RAND_bytes(tail, sizeof(tail)) != 1) {
        return APR_EGENERAL;
    }
    apr_time_exp_gmt(&today, apr_time_now());
    EVP_EncodeBlock((unsigned char *)base64, bytes, sizeof(bytes));
    *line = apr_psprintf(pool, "%04d%02d%02d-%02x%02x%02x%02x %s",
                         today.tm_year + 1900, today.tm_mon + 1,
                         today.tm_mday, tail[0], tail[1], tail[2], tail[3],
                         base64);
    apikey_wipe(bytes, sizeof(bytes));
    apikey_wipe(base64, sizeof(base64));
    return APR_SUCCESS;
}
