/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file doctor.h
 * @brief What the checks of `htapikey doctor` share.
 */
#ifndef APIKEY_CLI_DOCTOR_H
#define APIKEY_CLI_DOCTOR_H

#include "cli.h"

typedef enum { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL } doctor_level_e;

typedef struct doctor_t {
    cli_t *cli;
    cli_json_t json;
    int counts[DOCTOR_FAIL + 1];    /**< findings of each level */
    int tables;                     /**< they are there, of this version */
} doctor_t;

/**
 * Writes a finding.
 * @param check what was looked at, in a word or two
 */
void doctor_find(doctor_t *doctor, doctor_level_e level, const char *check,
                 const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Tells the identity of the open database, and which of it and of those in
 * the CONFs that are further words have the same. */
void doctor_identity(doctor_t *doctor);

#endif
