/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* A board, and polls that tell it something.  For a program that has included
 * cache/board.c. */
#ifndef APIKEY_BOARD_FIXTURE_H
#define APIKEY_BOARD_FIXTURE_H

#include <stdlib.h>

#include <apr_general.h>

#include "tap.h"

#define PATIENCE apr_time_from_sec(2)

/* Not every test needs every one. */
#define HELPER static __attribute__((unused))

static apr_pool_t *pool;

HELPER const char key_a[] = "aaaaaaaaaaaaaaaa1111111111111111"
                            "11111111111111111111111111111111";
HELPER const char key_b[] = "bbbbbbbbbbbbbbbb1111111111111111"
                            "11111111111111111111111111111111";

HELPER const char key_c[] = "ccccccccaaaaaaaa1111111111111111"
                            "11111111111111111111111111111111";

HELPER apikey_board_t *make(void)
{
    apikey_board_t *board;

    if (apikey_board_make(&board, pool) != APR_SUCCESS) {
        printf("Bail out! no shared memory\n");
        exit(1);
    }
    apikey_board_child(board);
    return board;
}

/* A poll that finds a database of this identity and number. */
HELPER void find(apikey_board_t *board, apr_uint64_t identity,
                 apr_uint64_t number)
{
    apikey_poll_t poll;

    apikey_poll_begin(board, &poll);
    apikey_poll_replaced(board, &poll, identity, 1, number, number);
}

/* A poll that finds one change. */
HELPER void change(apikey_board_t *board, apr_uint64_t number,
                   const char *digest, const char *tenant)
{
    apikey_poll_t poll;

    apikey_poll_begin(board, &poll);
    apikey_poll_note(board, &poll, number, digest, tenant);
    apikey_poll_done(board, &poll, number, number);
}

HELPER apikey_stamp_t stamp(apikey_board_t *board)
{
    apikey_stamp_t stamp = { 0, 0 };

    apikey_board_stamp(board, &stamp);
    return stamp;
}

HELPER int holds(apikey_board_t *board, apikey_stamp_t stamp,
                 const char *digest, const char *tenant)
{
    return apikey_board_holds(board, &stamp, digest, tenant);
}

#endif
