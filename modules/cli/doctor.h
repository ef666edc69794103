/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/**
 * @file doctor.h
 * @brief What the checks of `htapikey doctor` share.
 */
#ifndef APIKEY_CLI_DOCTOR_H
#define APIKEY_CLI_DOCTOR_H

#include <sys/types.h>

#include "cli.h"

typedef enum { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL } doctor_level_e;

/** A user of the system; NULL: not known. */
typedef struct doctor_user_t {
    const char *name;
    uid_t uid;
    gid_t gid;
} doctor_user_t;

typedef struct doctor_t {
    cli_t *cli;
    cli_json_t json;
    int counts[DOCTOR_FAIL + 1];    /**< findings of each level */
    doctor_user_t httpd;            /**< whom httpd runs as, as far as known */
    int unread;                     /**< this user may not use the database,
                                     * which need be no fault of it */
    int tables;                     /**< they are there, of this version */
} doctor_t;

/**
 * Writes a finding.
 * @param check what was looked at, in a word or two
 */
void doctor_find(doctor_t *doctor, doctor_level_e level, const char *check,
                 const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Whom httpd runs as: --user, else one of the usual names. */
cli_exit_e doctor_find_user(doctor_t *doctor);

/** Whether httpd's user may write SQLite's file and what lies beside it. */
void doctor_file(doctor_t *doctor);

/** Tells the identity of the open database, and which of it and of those in
 * the CONFs that are further words have the same. */
void doctor_identity(doctor_t *doctor);

/** Names rows that are refused, or odd, for what somebody typed into them, and
 * counts keys that can be guessed. */
void doctor_rows(doctor_t *doctor);

#endif
