/* Licensed under the Apache License, Version 2.0; see LICENSE. */

#include <stdarg.h>

#include <apr_strings.h>

#include "doctor.h"

void doctor_find(doctor_t *doctor, doctor_level_e level, const char *check,
                 const char *format, ...)
{
    static const char *const names[] = { "ok", "warn", "fail" };
    cli_json_t *json = &doctor->json;
    va_list args;
    const char *text;

    va_start(args, format);
    text = apr_pvsprintf(doctor->cli->pool, format, args);
    va_end(args);
    doctor->counts[level]++;
    if (doctor->cli->json) {
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "level", names[level]);
        cli_json_text(json, "check", check);
        cli_json_text(json, "finding", text);
        cli_json_close(json, '}');
    }
    else {
        cli_out("%-4s  %-10s  %s\n", names[level], check,
                cli_clean(text, doctor->cli->pool));
    }
}
