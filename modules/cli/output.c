/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stdarg.h>
#include <stdio.h>

#include <apr_strings.h>

#include "../core/digest.h"
#include "../core/text.h"
#include "../core/time_text.h"
#include "../store/json.h"
#include "output.h"

static char out_buffer[8192];
static FILE *out;               /* where cli_out() writes */

void cli_out_begin(void)
{
    setvbuf(stdout, out_buffer, _IOFBF, sizeof(out_buffer));
    out = stdout;
}

void cli_out_to(FILE *file)
{
    out = file;
}

int cli_out_end(void)
{
    int failed = fflush(stdout) != 0 || ferror(stdout);

    apikey_wipe(out_buffer, sizeof(out_buffer));
    return failed;
}

void cli_out(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);
}

void cli_say(apr_pool_t *pool, const char *format, ...)
{
    va_list args;
    const char *text;

    va_start(args, format);
    text = apr_pvsprintf(pool, format, args);
    va_end(args);
    fprintf(stderr, "htapikey: %s\n", cli_clean(cli_masked(text, pool), pool));
}

const char *cli_clean(const char *text, apr_pool_t *pool)
{
    char *clean = apr_palloc(pool, strlen(text) * 4 + 1);
    char *to = clean;
    apr_size_t len;
    int code;

    for (; *text; text += len) {
        len = apikey_utf8_read(text, &code);
        if (code >= 0 && !apikey_is_hidden(code)) {
            memcpy(to, text, len);
            to += len;
        }
        else {
            apr_size_t i;

            for (i = 0; i < len; i++) {
                to += apr_snprintf(to, 5, "\\x%02X",
                                    (unsigned char)text[i]);
            }
        }
    }
    *to = '\0';
    return clean;
}

const char *cli_time(apr_int64_t epoch, const char *none, apr_pool_t *pool)
{
    return epoch ? apikey_time_format(epoch, pool) : none;
}

void cli_field(const char *name, const char *value, apr_pool_t *pool)
{
    cli_out("%-10s  %s\n", name, cli_clean(value, pool));
}

static void member(cli_json_t *json, const char *name)
{
    cli_out("%s", json->more ? "," : "");
    if (name) {
        cli_out("%s:", apikey_json_string(name, json->pool));
    }
    json->more = 1;
}

void cli_json_open(cli_json_t *json, const char *name, char bracket)
{
    member(json, name);
    cli_out("%c", bracket);
    json->more = 0;
    json->depth++;
}

void cli_json_close(cli_json_t *json, char bracket)
{
    json->depth--;
    cli_out("%c%s", bracket, json->depth ? "" : "\n");
    json->more = 1;
}

void cli_json_raw(cli_json_t *json, const char *name, const char *value)
{
    member(json, name);
    cli_out("%s", value);
}

void cli_json_text(cli_json_t *json, const char *name, const char *value)
{
    cli_json_raw(json, name, apikey_json_string(value, json->pool));
}

void cli_json_number(cli_json_t *json, const char *name, apr_int64_t value)
{
    member(json, name);
    cli_out("%" APR_INT64_T_FMT, value);
}

void cli_json_flag(cli_json_t *json, const char *name, int value)
{
    cli_json_raw(json, name, value ? "true" : "false");
}

void cli_json_time(cli_json_t *json, const char *name, apr_int64_t epoch)
{
    cli_json_raw(json, name, epoch
                 ? apikey_json_string(apikey_time_format(epoch, json->pool),
                                      json->pool) : "null");
}

void cli_json_words(cli_json_t *json, const char *name, const char *words)
{
    char *rest = apr_pstrdup(json->pool, words);
    char *state = NULL;
    char *word;

    cli_json_open(json, name, '[');
    for (word = apr_strtok(rest, " ", &state); word;
         word = apr_strtok(NULL, " ", &state)) {
        cli_json_text(json, NULL, word);
    }
    cli_json_close(json, ']');
}
