/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* csv.h: which fields are read from a CSV file, and which files are
 * refused. */

#include <stdlib.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "../../modules/store/csv.h"
#include "tap.h"

static apr_pool_t *pool;

/* An open file with this text, already removed from its folder. */
static apr_file_t *file_of(const char *text, apr_size_t len)
{
    char name[] = "/tmp/apikey-csv-XXXXXX";
    apr_file_t *file = NULL;
    apr_off_t start = 0;

    if (apr_file_mktemp(&file, name, 0, pool) != APR_SUCCESS
        || apr_file_write_full(file, text, len, NULL) != APR_SUCCESS
        || apr_file_seek(file, APR_SET, &start) != APR_SUCCESS
        || apr_file_remove(name, pool) != APR_SUCCESS) {
        printf("Bail out! no file\n");
        exit(1);
    }
    return file;
}

/* All rows: line numbers, fields divided by '|', and the error at the end. */
static const char *read_all(const char *text, apr_size_t len)
{
    apikey_csv_t *csv = apikey_csv_make(file_of(text, len), pool);
    apikey_csv_row_t row;
    const char *all = "", *fault = "";
    apr_status_t status;
    int i;

    while ((status = apikey_csv_read(csv, &row, &fault)) == APR_SUCCESS) {
        all = apr_psprintf(pool, "%s%" APR_INT64_T_FMT ":", all, row.line);
        for (i = 0; i < row.count; i++) {
            all = apr_pstrcat(pool, all, i ? "|" : "", row.field[i], NULL);
        }
        all = apr_pstrcat(pool, all, "; ", NULL);
    }
    return status == APR_EOF ? all
           : apr_psprintf(pool, "%s%" APR_INT64_T_FMT ":! %.16s", all,
                          row.line, fault);
}

#define READS(text, want) \
    is_str(read_all(text, sizeof(text) - 1), want, "%s", #text)

static void test_rows(void)
{
    READS("", "");
    READS("a", "1:a; ");
    READS("a,b\n", "1:a|b; ");
    READS("a,b\r\nc,d\r\n", "1:a|b; 2:c|d; ");
    READS("a,b\nc,d", "1:a|b; 2:c|d; ");
    READS(",\n,,", "1:|; 2:||; ");
    READS("\n\r\n\na\n\n", "4:a; ");
    READS("\xEF\xBB\xBF" "a,b\n", "1:a|b; ");
    READS("\xEF\xBB\xBF\"a\",b\n", "1:a|b; ");
    READS("\xEF\xBB\xBF", "");
    READS("a,\xEF\xBB\xBF\n", "1:a|\xEF\xBB\xBF; ");
    READS("\xC3\xA9, b ;\tc \n", "1:\xC3\xA9| b ;\tc ; ");
}

static void test_quotes(void)
{
    READS("\"a\",\"b,c\"\n", "1:a|b,c; ");
    READS("\"\"\n", "1:; ");
    READS("\"a \"\"b\"\"\",\"\"\"\"\n", "1:a \"b\"|\"; ");
    READS("\"a\nb\r\nc\",d\ne\n", "1:a\nb\r\nc|d; 4:e; ");
    READS("\"a\"", "1:a; ");
    READS("\"a\"\r\nb", "1:a; 2:b; ");
}

static void test_refused(void)
{
    READS("a\nb\"c\n", "1:a; 2:! has a quote insi");
    READS("a\n\"b\"c\n", "1:a; 2:! has something af");
    READS("a\n\n\"b\nc\nd", "1:a; 3:! begins a row who");
    READS("a\rb\n", "1:! has a carriage r");
    READS("\"a\"\rb\n", "1:! has a carriage r");
    READS("a,b\0c\n", "1:! has a NUL byte; ");
    READS("a\0,\0b\0", "1:! has a NUL byte; ");
}

static void test_limits(void)
{
    char *text = apr_palloc(pool, 4 * APIKEY_CSV_ROW);
    apikey_csv_t *csv;
    apikey_csv_row_t row;
    const char *fault = NULL;
    apr_status_t status;
    apr_file_t *file;
    int i;

    memset(text, 'x', 4 * APIKEY_CSV_ROW);
    /* A field as long as allowed with its NUL; then longer ones. */
    csv = apikey_csv_make(file_of(text, APIKEY_CSV_ROW - 1), pool);
    is_int(apikey_csv_read(csv, &row, &fault), APR_SUCCESS,
           "a row of 64 KiB is read");
    is_int(strlen(row.field[0]), APIKEY_CSV_ROW - 1,
           "a field of 64 KiB is read whole");
    for (i = 0; i < 3; i++) {
        csv = apikey_csv_make(file_of(text, APIKEY_CSV_ROW + i), pool);
        is_int(apikey_csv_read(csv, &row, &fault), APR_EINVAL,
               "a row of 64 KiB and %d more bytes is refused", i + 1);
        ok(strstr(fault, "64 KiB") != NULL,
           "the error names the limit: %s", fault);
    }
    text[APIKEY_CSV_ROW - 2] = ',';
    text[APIKEY_CSV_ROW - 1] = ',';
    csv = apikey_csv_make(file_of(text, APIKEY_CSV_ROW), pool);
    is_int(apikey_csv_read(csv, &row, &fault), APR_EINVAL,
           "a row without room for the NUL of its last field is refused");
    memset(text, ',', APIKEY_CSV_FIELDS);
    csv = apikey_csv_make(file_of(text, APIKEY_CSV_FIELDS - 1), pool);
    is_int(apikey_csv_read(csv, &row, &fault), APR_SUCCESS,
           "a row with the most fields allowed is read");
    is_int(row.count, APIKEY_CSV_FIELDS,
           "all fields of a row with the most are read");
    csv = apikey_csv_make(file_of(text, APIKEY_CSV_FIELDS), pool);
    is_int(apikey_csv_read(csv, &row, &fault), APR_EINVAL,
           "a row with one field too many is refused");
    status = apr_file_open(&file, "/", APR_FOPEN_READ, 0, pool);
    csv = status == APR_SUCCESS ? apikey_csv_make(file, pool) : NULL;
    status = csv ? apikey_csv_read(csv, &row, &fault) : APR_EGENERAL;
    ok(APR_TO_OS_ERROR(status) == EISDIR, "a folder is refused");
    is_str(fault, "cannot be read", "the error says that it cannot be read");
}

/* A file longer than the buffer, so that fields lie across the buffer's end at
 * every byte. */
static void test_stream(void)
{
    apr_size_t len = 0, room = 300000;
    char *text = apr_palloc(pool, room);
    apikey_csv_t *csv;
    apikey_csv_row_t row;
    const char *fault = NULL;
    apr_status_t status;
    int n = 0, wrong = 0;

    while (len < room - 64) {
        len += apr_snprintf(text + len, 64, "%d,\"a \"\"%d\"\"\nb\"\r\n", n,
                            n);
        n++;
    }
    csv = apikey_csv_make(file_of(text, len), pool);
    for (n = 0; (status = apikey_csv_read(csv, &row, &fault)) == APR_SUCCESS;
         n++) {
        wrong += row.count != 2 || row.line != 2 * n + 1
                 || strcmp(row.field[0], apr_itoa(pool, n)) != 0
                 || strcmp(row.field[1], apr_psprintf(pool, "a \"%d\"\nb", n))
                    != 0;
    }
    is_int(status, APR_EOF, "a long file is read to its end");
    ok(n > 10000, "a long file has all its rows");
    is_int(wrong, 0, "each row of a long file has its fields and its line");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_rows();
    test_quotes();
    test_refused();
    test_limits();
    test_stream();
    return done();
}
