/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "../core/text.h"
#include "../core/file_access.h"
#include "conf.h"

#define CONF_MAX (1024 * 1024)  /* bytes of a file that is still read */
#define DIGESTS_MAX (3 + APIKEY_PARTS_MAX)
#define WORDS_MAX (APIKEY_PREFIXES_MAX + 1)     /* arguments that are read: one
                                                 * more than any may have */

/* What a directive's function answers: NULL, or what is wrong with it. */
typedef const char *(*setter_t)(cli_conf_t *conf, int argc,
                                const char *const *argv, apr_pool_t *pool);

static const char *set_driver(cli_conf_t *conf, int argc,
                              const char *const *argv, apr_pool_t *pool)
{
    (void)argc;
    (void)pool;
    conf->driver = argv[0];
    return NULL;
}

static const char *set_params(cli_conf_t *conf, int argc,
                              const char *const *argv, apr_pool_t *pool)
{
    (void)argc;
    (void)pool;
    conf->params = argv[0];
    return NULL;
}

static const char *set_own_driver(cli_conf_t *conf, int argc,
                                  const char *const *argv, apr_pool_t *pool)
{
    (void)argc;
    (void)pool;
    conf->own_driver = argv[0];
    return NULL;
}

static const char *set_own_params(cli_conf_t *conf, int argc,
                                  const char *const *argv, apr_pool_t *pool)
{
    (void)argc;
    (void)pool;
    conf->own_params = argv[0];
    return NULL;
}

static const char *set_secret_file(cli_conf_t *conf, int argc,
                                   const char *const *argv, apr_pool_t *pool)
{
    (void)argc;
    (void)pool;
    if (*argv[0] != '/') {
        return "wants a path that begins with '/': httpd would look for "
               "another one below its ServerRoot, which is not known here";
    }
    conf->secret_file = argv[0];
    return NULL;
}

static const char *set_keyspace(cli_conf_t *conf, int argc,
                                const char *const *argv, apr_pool_t *pool)
{
    const char *fault = apikey_word_fault(argv[0]);

    (void)argc;
    conf->keyspace = argv[0];
    return fault ? apr_psprintf(pool, "has an argument that %s", fault)
                 : NULL;
}

static const char *set_prefix(cli_conf_t *conf, int argc,
                              const char *const *argv, apr_pool_t *pool)
{
    const char *fault;
    int i;

    conf->prefixes = apikey_prefixes_parse(argc, argv, pool, &fault);
    conf->prefix = conf->prefix_words = argv[0];
    for (i = 1; i < argc; i++) {
        conf->prefix_words =
            apr_pstrcat(pool, conf->prefix_words, " ", argv[i], NULL);
    }
    return fault;
}

static const char *set_format(cli_conf_t *conf, int argc,
                              const char *const *argv, apr_pool_t *pool)
{
    int i;

    (void)pool;
    conf->formats = 0;
    conf->first_format = apikey_format_from_name(argv[0]);
    for (i = 0; i < argc; i++) {
        apikey_format_e format = apikey_format_from_name(argv[i]);

        if (format == APIKEY_FORMAT_NONE) {
            return "wants one or more of base62, hex64 and opaque";
        }
        conf->formats |= format;
    }
    return NULL;
}

static const char *set_digest(cli_conf_t *conf, int argc,
                              const char *const *argv, apr_pool_t *pool)
{
    int i;

    memset(&conf->digests, 0, sizeof(conf->digests));
    for (i = 0; i < argc; i++) {
        const char *fault =
            apikey_digest_kinds_add(&conf->digests, argv[i], pool);

        if (fault) {
            return apr_psprintf(pool, "has '%s', which %s", argv[i], fault);
        }
    }
    return NULL;
}

static const char *set_lifetime(cli_conf_t *conf, int argc,
                                const char *const *argv, apr_pool_t *pool)
{
    (void)pool;
    return apikey_lifetime_parse(&conf->lifetime, argc, argv);
}

static const char *set_retention(cli_conf_t *conf, int argc,
                                 const char *const *argv, apr_pool_t *pool)
{
    (void)argc;
    (void)pool;
    return apikey_retention_parse(&conf->retention, argv[0]);
}

/* Whether they are any good, doctor says. */
static const char *set_query(cli_conf_t *conf, int argc,
                             const char *const *argv, apr_pool_t *pool)
{
    (void)argc;
    (void)pool;
    conf->query = argv[0];
    return NULL;
}

static const char *set_changes(cli_conf_t *conf, int argc,
                               const char *const *argv, apr_pool_t *pool)
{
    (void)argc;
    (void)pool;
    conf->changes = argv[0];
    return NULL;
}

static const struct { const char *name; int max; setter_t set; } directives[]
    = {
    { "DBDriver", 1, set_driver },
    { "DBDParams", 1, set_params },
    { "ApiKeyDBDriver", 1, set_own_driver },
    { "ApiKeyDBDParams", 1, set_own_params },
    { "ApiKeySecretFile", 1, set_secret_file },
    { "ApiKeyKeyspace", 1, set_keyspace },
    { "ApiKeyPrefix", APIKEY_PREFIXES_MAX, set_prefix },
    { "ApiKeyFormat", 3, set_format },
    { "ApiKeyDigest", DIGESTS_MAX, set_digest },
    { "ApiKeyLifetime", 3, set_lifetime },
    { "ApiKeyRetention", 1, set_retention },
    { "ApiKeyQuery", 1, set_query },
    { "ApiKeyChangesQuery", 1, set_changes }
};

/* What only httpd reads. */
static const char *const only_httpd[] = {
    "ApiKeyCache", "ApiKeyCacheTTL", "ApiKeyChallenge", "ApiKeyEnforce",
    "ApiKeyErrorBody", "ApiKeyErrorFormat", "ApiKeyFrom", "ApiKeyHeaders",
    "ApiKeyPassKey", "ApiKeyRevocationPoll", "ApiKeyStaleLimit",
    "ApiKeyTenant", "ApiKeyUsageFlush", "ApiKeyUser"
};

/* A directive that is not read here: another module's is ignored; one that
 * this module has not is a mistake, which httpd would refuse, too. */
static const char *other(const char *name, apr_pool_t *pool)
{
    apr_size_t i;

    for (i = 0; i < sizeof(only_httpd) / sizeof(*only_httpd); i++) {
        if (strcasecmp(name, only_httpd[i]) == 0) {
            return NULL;
        }
    }
    return strncasecmp(name, "ApiKey", 6) != 0
           ? NULL : apr_psprintf(pool, "there is no directive \"%s\"; check "
                                 "how it is spelled", name);
}

/* Cuts the next logical line off: a backslash before the line's end joins it
 * with the one that follows.  lines: how many they were. */
static char *next_line(char **rest, int *lines)
{
    char *line = *rest;
    char *from = line;
    char *to = line;

    for (*lines = 0; *from; ) {
        int cr = from[0] == '\r' && from[1] == '\n';

        if (*from != '\n' && !cr) {
            *to++ = *from++;
            continue;
        }
        from += 1 + cr;
        ++*lines;
        if (to == line || to[-1] != '\\') {
            break;
        }
        to--;
    }
    *rest = from;
    *to = '\0';
    return line;
}

/* Cuts the next word off.  In quotes a backslash keeps a quote or a backslash,
 * outside of them a backslash; everywhere else it is itself. */
static char *next_word(char **rest)
{
    char *from = *rest + strspn(*rest, " \t\f\v\r");
    char quote = *from == '"' || *from == '\'' ? *from++ : '\0';
    char *word = from;
    char *to = from;

    while (*from && (quote ? *from != quote : !apr_isspace(*from))) {
        if (from[0] == '\\' && from[1]
            && (from[1] == '\\' || (quote && from[1] == quote))) {
            from++;
        }
        *to++ = *from++;
    }
    if (*from) {
        from++;
    }
    *rest = from;
    *to = '\0';
    return word;
}

static int is_blank(const char *text)
{
    return text[strspn(text, " \t\f\v\r")] == '\0';
}

static const char *directive(cli_conf_t *conf, char *line, apr_pool_t *pool)
{
    const char *argv[WORDS_MAX];
    const char *name;
    const char *fault;
    int argc = 0;
    apr_size_t i;

    if (strstr(line, "${")) {
        return "${…} is defined elsewhere and cannot be known here; write "
               "the value itself in this file";
    }
    line += strspn(line, " \t\f\v\r");
    if (*line == '<') {
        return "a section (<…>) may hold for some requests only, which "
               "cannot be known here; keep this file to plain directives";
    }
    name = next_word(&line);
    if (strncasecmp(name, "Include", 7) == 0) {
        return "this file is read alone, without what it includes; keep the "
               "directives that htapikey needs in one file";
    }
    for (i = 0; i < sizeof(directives) / sizeof(*directives); i++) {
        if (strcasecmp(name, directives[i].name) == 0) {
            break;
        }
    }
    if (i == sizeof(directives) / sizeof(*directives)) {
        return other(name, pool);
    }
    while (!is_blank(line) && argc < WORDS_MAX) {
        argv[argc++] = apr_pstrdup(pool, next_word(&line));
    }
    if (argc < 1 || argc > directives[i].max) {
        return apr_psprintf(pool, "%s wants %s", directives[i].name,
                            directives[i].max == 1 ? "one argument"
                            : apr_psprintf(pool, "one to %d arguments",
                                           directives[i].max));
    }
    fault = directives[i].set(conf, argc, argv, pool);
    return fault ? apr_psprintf(pool, "%s %s", directives[i].name, fault)
                 : NULL;
}

/* As cli_conf_read(), from memory; text is changed. */
static apr_status_t parse(cli_conf_t *conf, const char *path, char *text,
                          apr_pool_t *pool, const char **error)
{
    int number = 1;
    int lines;

    memset(conf, 0, sizeof(*conf));
    conf->path = path;
    conf->keyspace = "default";
    conf->formats = conf->first_format = APIKEY_FORMAT_BASE62;
    conf->digests.digests = APIKEY_DIGEST_HMAC;
    conf->lifetime.usual = APIKEY_LIFETIME_USUAL;
    conf->retention = APIKEY_RETENTION_USUAL;
    for (; *text; number += lines) {
        char *line = next_line(&text, &lines);
        const char *fault = line[strspn(line, " \t\f\v\r")] == '#'
                            || is_blank(line) ? NULL
                            : directive(conf, line, pool);

        if (fault) {
            *error = apr_psprintf(pool, "%s:%d: %s", path, number, fault);
            return APR_EINVAL;
        }
    }
    return APR_SUCCESS;
}

/* At most 1 MiB of text. */
static apr_status_t read_text(char **content, const char *path,
                              apr_pool_t *pool, const char **error)
{
    apr_size_t len = 0;
    apr_pool_t *sub;
    apr_file_t *file;
    char buffer[128];
    apr_status_t status;
    char *text;

    /* It may be a pipe, whose length nobody knows. */
    apr_pool_create(&sub, pool);
    text = apr_palloc(sub, CONF_MAX + 1);
    status = apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT,
                           sub);
    if (status == APR_SUCCESS) {
        status = apr_file_read_full(file, text, CONF_MAX + 1, &len);
    }
    if (status != APR_SUCCESS && !APR_STATUS_IS_EOF(status)) {
        *error = apr_psprintf(pool, "the configuration %s cannot be read: %s",
                              path, apr_strerror(status, buffer,
                                                 sizeof(buffer)));
    }
    else if (len > CONF_MAX || memchr(text, '\0', len)) {
        *error = apr_psprintf(pool, "the configuration %s is no text file of "
                              "at most 1 MiB", path);
        status = APR_EINVAL;
    }
    else {
        *content = apr_pstrmemdup(pool, text, len);
        status = APR_SUCCESS;
    }
    apr_pool_destroy(sub);
    return status;
}

apr_status_t cli_conf_read(cli_conf_t *conf, const char *path,
                           apr_pool_t *pool, const char **error)
{
    const char *fault =
        apikey_file_access_fault(path, APIKEY_OWNED_BY_US, pool);
    char *text;
    apr_status_t status;

    if (fault) {
        *error = apr_psprintf(pool, "the configuration %s is not read: %s",
                              path, fault);
        return APR_EINVAL;
    }
    status = read_text(&text, path, pool, error);

    return status == APR_SUCCESS ? parse(conf, path, text, pool, error)
                                 : status;
}
