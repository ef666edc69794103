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

/** A user of the system. */
typedef struct doctor_user_t {
    const char *name;           /**< NULL: it is not known */
    uid_t uid;
    gid_t gid;
} doctor_user_t;

typedef struct doctor_t {
    cli_t *cli;
    cli_json_t json;
    int counts[DOCTOR_FAIL + 1];    /**< findings of each level */
    doctor_user_t httpd;            /**< the user that httpd runs as */
    int unread;                     /**< the database is not opened: the user
                                     * that runs doctor may not use it */
    int tables;                     /**< there are tables of this version */
} doctor_t;

/**
 * Writes a finding.
 * @param check what was looked at, in a word or two
 */
void doctor_find(doctor_t *doctor, doctor_level_e level, const char *check,
                 const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Sets the user that httpd runs as: --user, else one of the usual names. */
cli_exit_e doctor_set_user(doctor_t *doctor);

/** Whether httpd's user may write SQLite's file, those that SQLite makes beside
 * it, and their folder. */
void doctor_check_file(doctor_t *doctor);

/** Reports the identity of the open database, and which of the databases in
 * the CONFs that were named have the same one. */
void doctor_check_identity(doctor_t *doctor);

/** Reports rows that a server refuses or that are odd for what is in them, and
 * how many keys can be guessed. */
void doctor_check_rows(doctor_t *doctor);

#endif
