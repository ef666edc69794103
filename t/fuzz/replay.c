/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Runs one fuzz target over every file of the folders named on the command
 * line: the corpus as a regression test, with any compiler. */

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include "../unit/tap.h"
#include "fuzz.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static apr_array_header_t *files_of(const char *folder, apr_pool_t *pool)
{
    apr_array_header_t *names = apr_array_make(pool, 32, sizeof(char *));
    apr_finfo_t info;
    apr_dir_t *dir;

    if (apr_dir_open(&dir, folder, pool) != APR_SUCCESS) {
        return names;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        if (info.name[0] != '.') {
            APR_ARRAY_PUSH(names, char *) = apr_pstrdup(pool, info.name);
        }
    }
    apr_dir_close(dir);
    qsort(names->elts, names->nelts, sizeof(char *), by_name);
    return names;
}

static int replay(const char *path, apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_file_t *file;
    apr_size_t len;
    char *text;

    if (apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY,
                      APR_FPROT_OS_DEFAULT, pool) != APR_SUCCESS
        || apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        return 0;
    }
    len = (apr_size_t)info.size;
    text = apr_palloc(pool, len + 1);
    if (len && apr_file_read_full(file, text, len, NULL) != APR_SUCCESS) {
        return 0;
    }
    apr_file_close(file);
    return LLVMFuzzerTestOneInput((const uint8_t *)text, len) == 0;
}

int main(int argc, char **argv)
{
    apr_pool_t *pool = fuzz_pool();
    int i, j;

    ok(LLVMFuzzerTestOneInput(NULL, 0) == 0, "an input of no bytes");
    for (i = 1; i < argc; i++) {
        apr_array_header_t *names = files_of(argv[i], pool);

        ok(names->nelts > 0, "there are files in %s", argv[i]);
        for (j = 0; j < names->nelts; j++) {
            const char *name = APR_ARRAY_IDX(names, j, const char *);

            ok(replay(apr_pstrcat(pool, argv[i], "/", name, NULL), pool),
               "%s", name);
        }
    }
    return done();
}
