/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/secrets.h: reading the file of secrets, signing with them, and wiping
 * them. */

#include <stdlib.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../../modules/core/secrets.h"
#include "tap.h"

/* Bytes 0 to 31, which is CONTRACT's secret; and 32 times 'x'. */
#define SECRET1 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define SECRET2 "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="
#define LINE1 "k1 " SECRET1
#define LINE2 "k2 " SECRET2

static apr_pool_t *pool;

static apikey_secrets_t *parse(const char *text, const char **error)
{
    apikey_secrets_t *secrets = NULL;

    *error = NULL;
    apikey_secrets_parse(&secrets, text, strlen(text), pool, error);
    return secrets;
}

static void test_good(void)
{
    static const struct { const char *promise, *text; int count; } good[] = {
        { "one line", LINE1 "\n", 1 },
        { "no line end at the end", LINE1, 1 },
        { "two lines", LINE1 "\n" LINE2 "\n", 2 },
        { "CR LF", LINE1 "\r\n" LINE2 "\r\n", 2 },
        { "CR LF, the last missing", LINE1 "\r\n" LINE2, 2 },
        { "a CR alone at the end", LINE1 "\n" LINE2 "\r", 2 },
        { "comments and empty lines",
          "# secrets\n\n \t\n\r\n" LINE1 "\n  # old\n" LINE2 "\n#", 2 },
        { "tabs and many blanks", " \tk1 \t " SECRET1 " \t\n", 1 },
        { "ids that differ in case", "K1 " SECRET1 "\nk1 " SECRET2, 2 },
        { "every character of an id", "0.Z_a-z " SECRET1, 1 },
        { "an id of 32 characters",
          "12345678901234567890123456789012 " SECRET1, 1 }
    };
    const char *error;
    apr_size_t i;

    for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
        apikey_secrets_t *secrets = parse(good[i].text, &error);

        is_int(secrets ? apikey_secrets_count(secrets) : 0, good[i].count,
               "%s: the number of secrets", good[i].promise);
        is_str(error, NULL, "%s: no error", good[i].promise);
    }
}

static void test_order(void)
{
    const char *error;
    apikey_secrets_t *secrets = parse(LINE2 "\n" LINE1 "\n", &error);

    is_str(apikey_secrets_id(secrets, 0), "k2",
           "the first line's secret is the first");
    is_str(apikey_secrets_id(secrets, 1), "k1",
           "the second line's secret is the second");
}

static void is_refused(const char *promise, const char *text, apr_size_t len,
                       const char *where)
{
    apikey_secrets_t *secrets = (apikey_secrets_t *)"not set";
    const char *error = NULL;
    apr_status_t status = apikey_secrets_parse(&secrets, text, len, pool,
                                               &error);

    ok(status != APR_SUCCESS && secrets == NULL, "%s: refused", promise);
    ok(error && strstr(error, where) == error, "%s: the error says '%s'",
       promise, where);
    ok(error && !strstr(error, "AAEC") && !strstr(error, "eHh4"),
       "%s: the error shows nothing of a secret", promise);
}

static void test_bad(void)
{
    static const struct { const char *promise, *text, *where; } bad[] = {
        { "nothing", "", "there is no secret" },
        { "comments alone", "# " LINE1 "\n\n", "there is no secret" },
        { "an id alone", "k1\n", "line 1 is not \"ID BASE64\"" },
        { "an id and blanks", "k1 \t \n", "line 1 is not \"ID BASE64\"" },
        { "a secret alone", SECRET1, "line 1 is not" },
        { "a second line", LINE1 "\n#\nk2\n", "line 3 is not" },
        { "a colon in the id", "k:1 " SECRET1, "line 1 is not" },
        { "a quote in the id", "\"k1\" " SECRET1, "line 1 is not" },
        { "UTF-8 in the id", "k\xc3\xa9 " SECRET1, "line 1 is not" },
        { "a byte order mark", "\xef\xbb\xbf" LINE1, "line 1 is not" },
        { "an id of 33 characters",
          "123456789012345678901234567890123 " SECRET1, "line 1 is not" },
        { "a repeated id", LINE1 "\nk1 " SECRET2, "line 2 repeats the id" },
        { "31 bytes", "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
          "line 1 does not hold 32 to 128 bytes" },
        { "no padding", "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
          "line 1 does not hold" },
        { "a character cut", "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh=",
          "line 1 does not hold" },
        { "a changed last character",
          "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
          "line 1 does not hold" },
        { "base64url", "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd-_8=",
          "line 1 does not hold" },
        { "words after the secret", LINE1 " old", "line 1 does not hold" },
        { "a comment after the secret", LINE1 " # old",
          "line 1 does not hold" },
        { "CR as line end", LINE1 "\r" LINE2, "line 1 does not hold" },
        { "a mask for format characters", "k1 %s%n", "line 1 does not hold" }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        is_refused(bad[i].promise, bad[i].text, strlen(bad[i].text),
                   bad[i].where);
    }
    is_refused("a NUL in the id", "k\0 " SECRET1, sizeof("k\0 " SECRET1) - 1,
               "line 1 is not");
    is_refused("a NUL after the secret", LINE1 "\0", sizeof(LINE1),
               "line 1 does not hold");
}

/** A line with a secret of @a len bytes, all of them @a fill. */
static const char *line_of(const char *id, int len, int fill)
{
    unsigned char bytes[256], base64[400];

    memset(bytes, fill, sizeof(bytes));
    EVP_EncodeBlock(base64, bytes, len);
    return apr_psprintf(pool, "%s %s\n", id, base64);
}

static void test_bounds(void)
{
    const char *error, *text = "";
    apikey_secrets_t *secrets;
    int i;

    ok(parse(line_of("k", 128, 'a'), &error) != NULL,
       "128 bytes are accepted");
    ok(!parse(line_of("k", 129, 'a'), &error), "129 bytes are refused");
    ok(!parse(line_of("k", 200, 'a'), &error), "200 bytes are refused");
    for (i = 0; i < APIKEY_SECRETS_MAX; i++) {
        text = apr_pstrcat(pool, text,
                           line_of(apr_psprintf(pool, "k%d", i), 32, i),
                           NULL);
    }
    secrets = parse(text, &error);
    is_int(secrets ? apikey_secrets_count(secrets) : 0, APIKEY_SECRETS_MAX,
           "16 secrets are accepted");
    text = apr_pstrcat(pool, text, LINE1, NULL);
    ok(!parse(text, &error) && error && strstr(error, "line 17"),
       "the 17th secret is refused, with its line");
}

/** OpenSSL's own HMAC gives what is expected. */
static void test_sign(void)
{
    unsigned char secret[128], want[APIKEY_DIGEST_LEN];
    unsigned char got[APIKEY_DIGEST_LEN], data[200];
    const char *error;
    int len, size, wrong = 0;

    memset(data, 'd', sizeof(data));
    for (len = APIKEY_SECRET_MIN; len <= APIKEY_SECRET_MAX; len++) {
        apikey_secrets_t *secrets = parse(line_of("k", len, len), &error);

        memset(secret, len, sizeof(secret));
        for (size = 0; size <= (int)sizeof(data); size += 7) {
            HMAC(EVP_sha256(), secret, len, data, size, want, NULL);
            memset(got, 0, sizeof(got));
            wrong += !secrets
                  || apikey_secrets_sign(got, secrets, 0, data, size)
                         != APR_SUCCESS
                  || memcmp(got, want, sizeof(got)) != 0;
        }
    }
    is_int(wrong, 0, "secrets of 32 to 128 bytes sign as RFC 2104 has it");
}

static void test_vector(void)
{
    const char *body = "ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg";
    unsigned char digest[APIKEY_DIGEST_LEN];
    char hex[APIKEY_DIGEST_HEX + 1];
    const char *error;
    apikey_secrets_t *secrets = parse(LINE2 "\n" LINE1, &error);

    is_int(apikey_secrets_sign(digest, secrets, 1, body, strlen(body)),
           APR_SUCCESS, "CONTRACT's example is signed");
    apikey_digest_hex(hex, digest);
    is_str(hex, "1ab3f7aa1600fac4273c98287cca7592"
                "3cabc7f2fd82e8687cea546a78344ab6",
           "CONTRACT's example has the digest given there");
    apikey_secrets_sign(digest, secrets, 0, body, strlen(body));
    apikey_digest_hex(hex, digest);
    ok(strncmp(hex, "1ab3f7aa", 8) != 0, "another secret gives another digest");
}

typedef struct signer_t {
    const apikey_secrets_t *secrets;
    int wrong;
} signer_t;

static void *APR_THREAD_FUNC sign_often(apr_thread_t *thread, void *data)
{
    unsigned char digest[APIKEY_DIGEST_LEN], first[APIKEY_DIGEST_LEN];
    signer_t *signer = data;
    int i;

    (void)thread;
    apikey_secrets_sign(first, signer->secrets, 0, "data", 4);
    for (i = 0; i < 2000; i++) {
        apikey_secrets_sign(digest, signer->secrets, i % 2, "data", 4);
        signer->wrong += (memcmp(digest, first, sizeof(first)) == 0)
                         != (i % 2 == 0);
    }
    return NULL;
}

static void test_threads(void)
{
    apr_thread_t *thread[4];
    signer_t signer[4];
    apr_status_t status;
    const char *error;
    apikey_secrets_t *secrets = parse(LINE1 "\n" LINE2, &error);
    int i, wrong = 0;

    for (i = 0; i < 4; i++) {
        signer[i].secrets = secrets;
        signer[i].wrong = 0;
        apr_thread_create(&thread[i], NULL, sign_often, &signer[i], pool);
    }
    for (i = 0; i < 4; i++) {
        apr_thread_join(&status, thread[i]);
        wrong += signer[i].wrong;
    }
    is_int(wrong, 0,
           "four threads sign with the same secrets at the same time");
}

static void test_make_line(void)
{
    char *line = NULL, *again = NULL;
    const char *error;
    apikey_secrets_t *secrets;

    is_int(apikey_secrets_new_line(&line, pool), APR_SUCCESS,
           "a line with a new secret is made");
    is_int(apikey_secrets_new_line(&again, pool), APR_SUCCESS,
           "a second line is made");
    secrets = parse(apr_pstrcat(pool, line, "\n", again, NULL), &error);
    is_int(secrets ? apikey_secrets_count(secrets) : 0, 2,
           "both lines are read: their ids differ");
    ok(strcmp(strchr(line, ' '), strchr(again, ' ')) != 0,
       "the secrets of the two lines differ");
    is_int(strlen(strchr(line, ' ') + 1), 44, "a new secret has 32 bytes");
}

static char *write_file(const char *name, const char *text, int perms)
{
    const char *dir;
    apr_file_t *file;
    apr_size_t len = strlen(text);
    char *path;

    apr_temp_dir_get(&dir, pool);
    path = apr_psprintf(pool, "%s/apikey-secrets-%" APR_PID_T_FMT "-%s", dir,
                        getpid(), name);
    apr_file_open(&file, path, APR_FOPEN_WRITE | APR_FOPEN_CREATE
                  | APR_FOPEN_TRUNCATE, APR_FPROT_UREAD | APR_FPROT_UWRITE,
                  pool);
    apr_file_write_full(file, text, len, NULL);
    apr_file_close(file);
    apr_file_perms_set(path, perms);
    return path;
}

static void test_permissions(void)
{
    static const struct { int perms, good; } cases[] = {
        { 0x400, 1 }, { 0x600, 1 }, { 0x640, 1 }, { 0x440, 1 },
        { 0x644, 0 }, { 0x604, 0 }, { 0x602, 0 }, { 0x601, 0 },
        { 0x620, 0 }, { 0x660, 0 }, { 0x666, 0 }, { 0x777, 0 }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *path = write_file("perms", LINE1 "\n", cases[i].perms);
        apikey_secrets_t *secrets = NULL;
        const char *error = NULL;
        apr_status_t status = apikey_secrets_load(&secrets, path, pool, &error);

        is_int(status == APR_SUCCESS && secrets, cases[i].good,
               "a file of mode %03x is %s", cases[i].perms,
               cases[i].good ? "read" : "refused");
        ok(cases[i].good ? !error
           : error && strstr(error, path) && strstr(error, "chmod"),
           "mode %03x: %s", cases[i].perms, cases[i].good
           ? "no error" : "the error names the file and says chmod");
        apr_file_remove(path, pool);
    }
}

static void is_not_loaded(const char *path, const char *why)
{
    apikey_secrets_t *secrets = NULL;
    const char *error = NULL;
    apr_status_t status = apikey_secrets_load(&secrets, path, pool, &error);

    ok(status != APR_SUCCESS && !secrets && error, "refused: %s", why);
    ok(error && strstr(error, path) && strstr(error, why),
       "the error names the file and says: %s", why);
    ok(error && !strstr(error, "AAEC"),
       "the error shows nothing of a secret: %s", why);
}

static void test_files(void)
{
    char *path = write_file("file", LINE1 "\r\n" LINE2, 0x600);
    char *link = apr_pstrcat(pool, path, "-other", NULL);
    char *large = apr_pcalloc(pool, 64 * 1024 + 2);
    apikey_secrets_t *secrets = NULL;
    const char *error = NULL;

    is_int(apikey_secrets_load(&secrets, path, pool, &error), APR_SUCCESS,
           "a file with two secrets is read");
    is_int(secrets ? apikey_secrets_count(secrets) : 0, 2,
           "the file has both its secrets");
    apr_file_remove(path, pool);
    is_not_loaded(path, "cannot be read: No such file");
    apr_dir_make(link, APR_FPROT_UREAD | APR_FPROT_UEXECUTE, pool);
    is_not_loaded(link, "not a regular file");
    apr_dir_remove(link, pool);
    /* Opening a FIFO without a writer must not wait. */
    apr_file_namedpipe_create(link, APR_FPROT_UREAD | APR_FPROT_UWRITE,
                              pool);
    is_not_loaded(link, "not a regular file");
    apr_file_remove(link, pool);
    write_file("file", "", 0x600);
    is_not_loaded(path, "there is no secret");
    write_file("file", "# one\n" LINE1 " x\n", 0x600);
    is_not_loaded(path, "line 2 does not hold");
    memset(large, '#', 64 * 1024 + 1);
    memcpy(large, LINE1 "\n", sizeof(LINE1));
    write_file("file", large, 0x600);
    is_not_loaded(path, "larger than 64 KiB");
    large[64 * 1024] = '\0';
    write_file("file", large, 0x600);
    is_int(apikey_secrets_load(&secrets, path, pool, &error), APR_SUCCESS,
           "a file of 64 KiB is read");
    apr_file_remove(path, pool);
}

static int holds(const char *memory, apr_size_t len, const char *text)
{
    apr_size_t i, size = strlen(text);

    for (i = 0; i + size <= len; i++) {
        if (memcmp(memory + i, text, size) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What apikey_secrets_load() leaves in the memory of its pool: the pool's
 * first node is filled and cleared before, so that each byte of it is known. */
static void test_wipe(void)
{
    char *path = write_file("wipe", "wipe-id " SECRET2 "\n", 0x600);
    const apr_size_t len = 4000;
    apikey_secrets_t *secrets;
    const char *error;
    apr_pool_t *own;
    char *memory;

    apr_pool_create(&own, pool);
    memory = apr_palloc(own, len);
    memset(memory, '-', len);
    apr_pool_clear(own);
    is_int(apikey_secrets_load(&secrets, path, own, &error), APR_SUCCESS,
           "secrets are loaded into known memory");
    ok(holds(memory, len, "wipe-id"), "the memory holds the secret's id");
    ok(!holds(memory, len, "eHh4") && !holds(memory, len, "xxxx"),
       "the memory holds nothing of the secret or of the file's text");
    apr_pool_clear(own);
    ok(!holds(memory, len, "wipe-id"), "clearing the pool wipes the secrets");
    apr_pool_destroy(own);
    apr_file_remove(path, pool);
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    test_good();
    test_order();
    test_bad();
    test_bounds();
    test_sign();
    test_vector();
    test_threads();
    test_make_line();
    test_permissions();
    test_files();
    test_wipe();
    return done();
}
