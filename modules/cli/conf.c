/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/*
 * CONF is read as httpd reads its configuration, but line by line and without
 * sections, includes or variables.  It must be a file of directives that httpd
 * includes.
 */

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "../core/text.h"
#include "../core/file_access.h"
#include "conf.h"

#define CONF_MAX (1024 * 1024)  /* bytes of the largest file that is read */
#define DIGESTS_MAX (3 + APIKEY_PARTS_MAX)
#define ARGUMENTS_MAX (APIKEY_PREFIXES_MAX + 1) /* that are read: one more than
                                                 * any directive takes */

/* The arguments of one directive, of which there is at least one. */
typedef struct arguments_t {
    const char *at[ARGUMENTS_MAX];
    int count;
} arguments_t;

/* Sets what a directive says: NULL, or what is wrong with it. */
typedef const char *(*setter_t)(cli_conf_t *conf, const arguments_t *args,
                                apr_pool_t *pool);

static const char *set_secret_file(cli_conf_t *conf, const arguments_t *args,
                                   apr_pool_t *pool)
{
    (void)pool;
    if (*args->at[0] != '/') {
        return "wants a path that begins with '/': httpd would look for "
               "another one below its ServerRoot, which is not known here";
    }
    conf->secret_file = args->at[0];
    return NULL;
}

static const char *set_keyspace(cli_conf_t *conf, const arguments_t *args,
                                apr_pool_t *pool)
{
    const char *fault = apikey_word_fault(args->at[0]);

    conf->keyspace = args->at[0];
    return fault ? apr_psprintf(pool, "has an argument that %s", fault)
                 : NULL;
}

static const char *set_prefixes(cli_conf_t *conf, const arguments_t *args,
                                apr_pool_t *pool)
{
    const char *fault;
    int i;

    conf->prefixes = apikey_prefixes_parse(args->count, args->at, pool,
                                           &fault);
    conf->prefix = conf->prefix_words = args->at[0];
    for (i = 1; i < args->count; i++) {
        conf->prefix_words = apr_pstrcat(pool, conf->prefix_words, " ",
                                         args->at[i], NULL);
    }
    return fault;
}

static const char *set_formats(cli_conf_t *conf, const arguments_t *args,
                               apr_pool_t *pool)
{
    int i;

    (void)pool;
    conf->formats = 0;
    conf->first_format = apikey_format_from_name(args->at[0]);
    for (i = 0; i < args->count; i++) {
        apikey_format_e format = apikey_format_from_name(args->at[i]);

        if (format == APIKEY_FORMAT_NONE) {
            return "wants one or more of base62, hex64 and opaque";
        }
        conf->formats |= format;
    }
    return NULL;
}

static const char *set_digests(cli_conf_t *conf, const arguments_t *args,
                               apr_pool_t *pool)
{
    int i;

    memset(&conf->digests, 0, sizeof(conf->digests));
    for (i = 0; i < args->count; i++) {
        const char *fault = apikey_digest_kinds_add(&conf->digests,
                                                    args->at[i], pool);

        if (fault) {
            return apr_psprintf(pool, "has '%s', which %s", args->at[i],
                                fault);
        }
    }
    return NULL;
}

static const char *set_lifetime(cli_conf_t *conf, const arguments_t *args,
                                apr_pool_t *pool)
{
    (void)pool;
    return apikey_lifetime_parse(&conf->lifetime, args->count, args->at);
}

static const char *set_retention(cli_conf_t *conf, const arguments_t *args,
                                 apr_pool_t *pool)
{
    (void)pool;
    return apikey_retention_parse(&conf->retention, args->at[0]);
}

/* A directive without a setter is one word, stored as it is in the const
 * char * of cli_conf_t at that offset. */
#define AT(field) APR_OFFSETOF(cli_conf_t, field)
static const struct directive_t {
    const char *name;
    int max;                    /* arguments */
    setter_t set;
    apr_size_t at;
} directives[] = {
    { "DBDriver", 1, NULL, AT(driver) },
    { "DBDParams", 1, NULL, AT(params) },
    { "ApiKeyDBDriver", 1, NULL, AT(own_driver) },
    { "ApiKeyDBDParams", 1, NULL, AT(own_params) },
    { "ApiKeySecretFile", 1, set_secret_file, 0 },
    { "ApiKeyKeyspace", 1, set_keyspace, 0 },
    { "ApiKeyPrefix", APIKEY_PREFIXES_MAX, set_prefixes, 0 },
    { "ApiKeyFormat", 3, set_formats, 0 },
    { "ApiKeyDigest", DIGESTS_MAX, set_digests, 0 },
    { "ApiKeyLifetime", 3, set_lifetime, 0 },
    { "ApiKeyRetention", 1, set_retention, 0 },
    { "ApiKeyQuery", 1, NULL, AT(query) },
    { "ApiKeyChangesQuery", 1, NULL, AT(changes) }
};
#undef AT

/* Directives of this module that only httpd needs. */
static const char *const only_httpd[] = {
    "ApiKeyCache", "ApiKeyCacheTTL", "ApiKeyChallenge", "ApiKeyEnforce",
    "ApiKeyErrorBody", "ApiKeyErrorFormat", "ApiKeyFrom", "ApiKeyHeaders",
    "ApiKeyPassKey", "ApiKeyRevocationPoll", "ApiKeyStaleLimit",
    "ApiKeyTenant", "ApiKeyUsageFlush", "ApiKeyUser", NULL
};

/* A directive that is not read here is ignored.  A name that begins with
 * ApiKey and is no directive of this module is a mistake, which httpd would
 * refuse, too. */
static const char *check_other(const char *name, apr_pool_t *pool)
{
    return strncasecmp(name, "ApiKey", 6) != 0
           || apikey_text_listed(only_httpd, name)
           ? NULL : apr_psprintf(pool, "there is no directive \"%s\"; check "
                                 "how it is spelled", name);
}

/* Cuts off the next logical line: a backslash before the end of a line joins
 * it with the next one.
 * @param lines how many lines of the file it was */
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

/* Cuts off the next word by httpd's rules.  Within quotes a backslash escapes
 * that quote or a backslash, outside of them a backslash; before any other
 * character it is itself. */
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

/* The directive that is read by that name; NULL: none. */
static const struct directive_t *find_directive(const char *name)
{
    apr_size_t i;

    for (i = 0; i < sizeof(directives) / sizeof(*directives); i++) {
        if (strcasecmp(name, directives[i].name) == 0) {
            return &directives[i];
        }
    }
    return NULL;
}

static const char *set_directive(cli_conf_t *conf, char *line,
                                 apr_pool_t *pool)
{
    const struct directive_t *directive;
    arguments_t args = { .count = 0 };
    const char *name;
    const char *fault = NULL;

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
    directive = find_directive(name);
    if (!directive) {
        return check_other(name, pool);
    }
    while (!is_blank(line) && args.count < ARGUMENTS_MAX) {
        args.at[args.count++] = apr_pstrdup(pool, next_word(&line));
    }
    if (args.count < 1 || args.count > directive->max) {
        return apr_psprintf(pool, "%s wants %s", directive->name,
                            directive->max == 1 ? "one argument"
                            : apr_psprintf(pool, "one to %d arguments",
                                           directive->max));
    }
    if (directive->set) {
        fault = directive->set(conf, &args, pool);
    }
    else {
        *(const char **)((char *)conf + directive->at) = args.at[0];
    }
    return fault ? apr_psprintf(pool, "%s %s", directive->name, fault) : NULL;
}

/* As cli_conf_read(), from memory.
 * @param text is changed */
static apr_status_t parse_conf(cli_conf_t *conf, const char *path, char *text,
                               apr_pool_t *pool, const char **error)
{
    int number = 1;
    int lines;

    memset(conf, 0, sizeof(*conf));
    conf->keyspace = "default";
    conf->formats = conf->first_format = APIKEY_FORMAT_BASE62;
    conf->digests.digests = APIKEY_DIGEST_HMAC;
    conf->lifetime.usual = APIKEY_LIFETIME_USUAL;
    conf->retention = APIKEY_RETENTION_USUAL;
    for (; *text; number += lines) {
        char *line = next_line(&text, &lines);
        const char *fault = line[strspn(line, " \t\f\v\r")] == '#'
                            || is_blank(line) ? NULL
                            : set_directive(conf, line, pool);

        if (fault) {
            *error = apr_psprintf(pool, "%s:%d: %s", path, number, fault);
            return APR_EINVAL;
        }
    }
    return APR_SUCCESS;
}

/* Reads all of a file, by an own pool: it may be a pipe, whose length is not
 * known before its end. */
static apr_status_t read_conf_file(char **content, const char *path,
                                   apr_pool_t *pool, const char **error)
{
    apr_size_t len = 0;
    apr_pool_t *sub;
    apr_file_t *file;
    char buffer[128];
    apr_status_t status;
    char *text;

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
    status = read_conf_file(&text, path, pool, error);
    return status == APR_SUCCESS ? parse_conf(conf, path, text, pool, error)
                                 : status;
}
