/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* core/text.h and core/time_text.h: which texts, names and words are accepted,
 * and how times and durations are read and written. */

#include <stdlib.h>

#include <apr_general.h>

#include "../../modules/core/query_text.h"
#include "../../modules/core/text.h"
#include "../../modules/core/time_text.h"
#include "tap.h"

#define NOW APR_INT64_C(1700000000)     /* 2023-11-14T22:13:20Z */

#define EMPTY "is empty"
#define CONTROL "has a control character"
#define NOT_UTF8 "is not UTF-8"
#define BLANK "begins or ends with a blank"

static const struct {
    const char *promise;
    const char *text;
    const char *fault;
} texts[] = {
    { "a plain name", "Production API", NULL },
    { "quotes, a backslash and %s", "O'Neil \"x\" \\ %s", NULL },
    { "umlauts", "M\xc3\xbcller", NULL },
    { "an emoji", "key \xf0\x9f\x94\x91", NULL },
    { "the last code point", "\xf4\x8f\xbf\xbf", NULL },
    { "the first of three bytes", "\xe0\xa0\x80", NULL },
    { "the last before the surrogates", "\xed\x9f\xbf", NULL },
    { "the first after the surrogates", "\xee\x80\x80", NULL },
    { "a no-break space", "a\xc2\xa0", NULL },
    { "nothing", "", EMPTY },
    { "a blank at the beginning", " a", BLANK },
    { "a blank at the end", "a ", BLANK },
    { "a blank alone", " ", BLANK },
    { "CR LF", "a\r\nX-Evil: 1", CONTROL },
    { "LF", "a\n", CONTROL },
    { "a tab", "a\tb", CONTROL },
    { "byte 1", "\x01", CONTROL },
    { "byte 1F", "a\x1f", CONTROL },
    { "DEL", "a\x7f", CONTROL },
    { "U+0080", "\xc2\x80", CONTROL },
    { "U+0085, a line end", "a\xc2\x85", CONTROL },
    { "U+009F", "\xc2\x9f", CONTROL },
    { "Latin-1", "M\xfcller", NOT_UTF8 },
    { "a lone continuation", "\x80", NOT_UTF8 },
    { "a sequence cut after one of two", "a\xc3", NOT_UTF8 },
    { "a sequence cut after two of three", "a\xe2\x82", NOT_UTF8 },
    { "a sequence cut after three of four", "\xf0\x9f\x94", NOT_UTF8 },
    { "a sequence with ASCII within", "\xe2\x82" "a", NOT_UTF8 },
    { "an overlong NUL", "\xc0\x80", NOT_UTF8 },
    { "an overlong slash", "\xc1\xaf", NOT_UTF8 },
    { "an overlong LF of three bytes", "\xe0\x80\x8a", NOT_UTF8 },
    { "the last overlong of three bytes", "\xe0\x9f\xbf", NOT_UTF8 },
    { "an overlong of four bytes", "\xf0\x8f\xbf\xbf", NOT_UTF8 },
    { "the first surrogate", "\xed\xa0\x80", NOT_UTF8 },
    { "the last surrogate", "\xed\xbf\xbf", NOT_UTF8 },
    { "U+110000", "\xf4\x90\x80\x80", NOT_UTF8 },
    { "a continuation pair", "\xa3\x80", NOT_UTF8 },
    { "FA", "\xfa\x80\x80\x80", NOT_UTF8 },
    { "F5", "\xf5\x80\x80\x80", NOT_UTF8 },
    { "F8, five bytes", "\xf8\x88\x80\x80\x80", NOT_UTF8 },
    { "FF", "\xff\xff\xff\xff", NOT_UTF8 }
};

#define HIDDEN "has a character that is not seen, or looks like a blank"
#define MARK "begins with a mark that belongs to the character before it"

/* The first and the last character of each range that is refused, and its
 * neighbours outside. */
static const struct {
    const char *promise;
    const char *name;
    const char *fault;
} given[] = {
    { "a plain name", "Production API", NULL },
    { "two blanks within", "a  b", NULL },
    { "umlauts, composed", "M\xc3\xbcller", NULL },
    { "umlauts, with a combining mark within", "Mu\xcc\x88ller", NULL },
    { "a Japanese name", "\xe6\x97\xa5\xe6\x9c\xac", NULL },
    { "an emoji", "key \xf0\x9f\x94\x91", NULL },
    { "U+00A1, after the no-break space", "\xc2\xa1", NULL },
    { "U+2010, a hyphen", "a\xe2\x80\x90" "b", NULL },
    { "U+2030, per mille", "\xe2\x80\xb0", NULL },
    { "U+FFFD", "\xef\xbf\xbd", NULL },
    { "nothing", "", EMPTY },
    { "LF", "a\n", CONTROL },
    { "Latin-1", "M\xfcller", NOT_UTF8 },
    { "a no-break space", "a\xc2\xa0" "b", HIDDEN },
    { "a soft hyphen", "a\xc2\xad" "b", HIDDEN },
    { "U+034F, a joiner", "a\xcd\x8f" "b", HIDDEN },
    { "U+061C, Arabic letter mark", "a\xd8\x9c", HIDDEN },
    { "U+115F, a Hangul filler", "\xe1\x85\x9f", HIDDEN },
    { "U+1680, Ogham space", "a\xe1\x9a\x80" "b", HIDDEN },
    { "U+180E", "a\xe1\xa0\x8e", HIDDEN },
    { "U+2000, en quad", "a\xe2\x80\x80" "b", HIDDEN },
    { "U+200B, zero-width space", "a\xe2\x80\x8b", HIDDEN },
    { "U+200C, non-joiner", "a\xe2\x80\x8c" "b", HIDDEN },
    { "U+200F, right-to-left mark", "a\xe2\x80\x8f", HIDDEN },
    { "U+2028, line separator", "a\xe2\x80\xa8" "b", HIDDEN },
    { "U+202E, right-to-left override", "a\xe2\x80\xae" "b", HIDDEN },
    { "U+202F, narrow no-break space", "a\xe2\x80\xaf" "b", HIDDEN },
    { "U+2060, word joiner", "a\xe2\x81\xa0" "b", HIDDEN },
    { "U+2066, an isolate", "a\xe2\x81\xa6" "b", HIDDEN },
    { "U+2800, braille blank", "a\xe2\xa0\x80" "b", HIDDEN },
    { "U+3000, ideographic space", "a\xe3\x80\x80" "b", HIDDEN },
    { "U+3164, Hangul filler", "\xe3\x85\xa4", HIDDEN },
    { "U+FE0F, a variation selector", "a\xef\xb8\x8f", HIDDEN },
    { "U+FEFF", "\xef\xbb\xbf" "a", HIDDEN },
    { "U+FFA0, halfwidth filler", "\xef\xbe\xa0", HIDDEN },
    { "U+FFF9", "a\xef\xbf\xb9", HIDDEN },
    { "U+1D173", "a\xf0\x9d\x85\xb3", HIDDEN },
    { "U+E0041, a tag", "a\xf3\xa0\x81\x81", HIDDEN },
    { "U+E0100, a variation selector", "a\xf3\xa0\x84\x80", HIDDEN },
    { "U+0301 at the beginning", "\xcc\x81" "acme", MARK },
    { "U+20D0 at the beginning", "\xe2\x83\x90" "acme", MARK }
};

static void test_names(apr_pool_t *pool)
{
    char *text = apr_pcalloc(pool, 300);
    apr_size_t i;

    for (i = 0; i < sizeof(given) / sizeof(*given); i++) {
        is_str(apikey_name_fault(given[i].name), given[i].fault,
               "a name of %s %s", given[i].promise,
               given[i].fault ? given[i].fault : "is good");
        if (given[i].fault && (strcmp(given[i].fault, HIDDEN) == 0
                               || strcmp(given[i].fault, MARK) == 0)) {
            is_str(apikey_text_fault(given[i].name), NULL,
                   "a name that is stored already with it is accepted as a "
                   "text");
        }
    }
    memset(text, 'n', 256);
    ok(apikey_name_fault(text) != NULL, "256 characters are refused");
}

static void test_texts(apr_pool_t *pool)
{
    char *text = apr_pcalloc(pool, 1001);
    apr_size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        is_str(apikey_text_fault(texts[i].text), texts[i].fault,
               "a text of %s %s", texts[i].promise,
               texts[i].fault ? texts[i].fault : "is good");
    }
    memset(text, 'n', 1000);
    ok(apikey_text_fault(text) != NULL, "1000 characters are refused");
    text[256] = '\0';
    is_str(apikey_text_fault(text), "is longer than 255 bytes",
           "256 bytes are refused");
    text[255] = '\0';
    is_str(apikey_text_fault(text), NULL, "255 bytes are good");
}

static void test_words(apr_pool_t *pool)
{
    static const char *bad[] = { "", "a b", " a", "a\n", "a:b", "a/b", "a\"",
                                 "caf\xc3\xa9", "%s", "\x7f" };
    char *word = apr_pcalloc(pool, 66);
    apr_size_t i;

    is_str(apikey_word_fault("live"), NULL, "live is a word");
    is_str(apikey_word_fault("v1.2_x-Y"), NULL,
           "letters, digits, '.', '_' and '-' make a word");
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        ok(apikey_word_fault(bad[i]) != NULL, "word %d is refused", (int)i);
    }
    memset(word, 'w', 65);
    ok(apikey_word_fault(word) != NULL, "65 characters are refused");
    word[64] = '\0';
    is_str(apikey_word_fault(word), NULL, "64 characters are a word");
}

static void is_duration(const char *text, apr_int64_t want)
{
    apr_int64_t seconds = -1;

    is_int(apikey_duration_parse(&seconds, text), APR_SUCCESS,
           "'%s' is a duration", text);
    is_int(seconds, want, "'%s' is %" APR_INT64_T_FMT " seconds", text,
           want);
}

static void test_durations(void)
{
    static const char *bad[] = {
        "", "d", "90", "-1d", "+1d", " 1d", "1 d", "1d ", "1dd", "1D", "1M",
        "1.5d", "0x1d", "1e3s", "never", "1\xc2\xa0w", "253402300800s",
        "8036y", "9223372036854775807s", "9223372036854775808s",
        "18446744073709551617s", "99999999999999999999999999999999999s"
    };
    apr_int64_t seconds = 42;
    apr_size_t i;

    is_duration("30s", 30);
    is_duration("5m", 300);
    is_duration("24h", 86400);
    is_duration("90d", 7776000);
    is_duration("2w", 1209600);
    is_duration("1y", 31536000);
    is_duration("0s", 0);
    is_duration("007d", 604800);
    is_duration("253402300799s", APR_INT64_C(253402300799));
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        is_int(apikey_duration_parse(&seconds, bad[i]), APR_EINVAL,
               "'%s' is no duration", bad[i]);
    }
    is_int(seconds, 42,
           "a text that is no duration leaves the number as it was");
}

static void is_expiry(const char *text, apr_int64_t want)
{
    apr_int64_t expires = -1;

    is_int(apikey_expiry_parse(&expires, text, NOW), APR_SUCCESS,
           "'%s' is an expiry", text);
    is_int(expires, want, "'%s' is %" APR_INT64_T_FMT, text, want);
}

static void test_expiries(void)
{
    static const char *bad[] = {
        "", "Never", "90", "2024-02-30", "2023-02-29", "2024-13-01",
        "2024-00-10", "2024-01-00", "2024-01-32", "2024-1-01", "24-01-01",
        "2024-01-01 ", " 2024-01-01", "2024-01-01T", "2024-01-01T00:00:00",
        "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:60Z", "2024-01-01T00:00:00+24:00", "2024/01/01",
        "2024-01-01T00:00:00+1", "2024-01-01T00:00:00+01:60",
        "2024-01-01T00:00:00+01:0", "2024-01-01T00:00:00+01:000",
        "2024-01-01T00:00:00.Z", "2024-01-01T00Z", "2024-01-01T00:00:00 Z",
        "2024-01-01  00:00:00Z", "2024-01-01Z", "Tomorrow", "mo", "-1mo",
        "1.5mo", "3mon", "99999mo", "123456mo", "today", "yesterday",
        "2024-01-01T00:00:00Zx", "1969-12-31", "0000-01-01", "1899-01-01",
        "253402300799s", "+024-01-01", "20240101"
    };
    apr_int64_t expires = 42;
    apr_size_t i;

    is_expiry("never", APIKEY_NEVER);
    is_expiry("90d", NOW + 7776000);
    is_expiry("0s", NOW);
    is_expiry("2024-01-01", APR_INT64_C(1704067200));
    is_expiry("2024-02-29", APR_INT64_C(1709164800));
    is_expiry("2024-02-29T23:59:59Z", APR_INT64_C(1709251199));
    is_expiry("2000-02-29", APR_INT64_C(951782400));
    is_expiry("2038-01-19T03:14:08Z", APR_INT64_C(2147483648));
    is_expiry("9999-12-31T23:59:59Z", APR_INT64_C(253402300799));
    is_expiry("1970-01-01T00:00:01Z", 1);
    is_expiry("2024-01-01T00:00:00z", APR_INT64_C(1704067200));
    is_expiry("2024-01-01 00:00:00Z", APR_INT64_C(1704067200));
    is_expiry("2024-01-01T00:00Z", APR_INT64_C(1704067200));
    is_expiry("2024-01-01T00:00:00.999Z", APR_INT64_C(1704067200));
    is_expiry("2024-01-01T02:00:00+02:00", APR_INT64_C(1704067200));
    is_expiry("2023-12-31T16:30:00-07:30", APR_INT64_C(1704067200));
    is_expiry("2024-01-01T05:45+0545", APR_INT64_C(1704067200));
    is_expiry("2024-01-01T01:00:00+01", APR_INT64_C(1704067200));
    is_expiry("tomorrow", NOW + 86400);
    is_expiry("3mo", APR_INT64_C(1707948800));
    is_expiry("0mo", NOW);
    is_expiry("12mo", APR_INT64_C(1731622400));
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        is_int(apikey_expiry_parse(&expires, bad[i], NOW), APR_EINVAL,
               "'%s' is no expiry", bad[i]);
    }
    is_int(apikey_expiry_parse(&expires, "1970-01-01", NOW), APR_EINVAL,
           "the second that would read as 'never' is no expiry");
    is_int(apikey_expiry_parse(&expires, "0s", 0), APR_EINVAL,
           "an expiry of 0s at second 0 would read as 'never' and is refused");
    is_int(apikey_expiry_parse(&expires, "2100-02-29", NOW), APR_EINVAL,
           "2100 is no leap year");
    is_int(expires, 42, "a text that is no expiry leaves the number as it was");
}

/* Months end on their last day; and times that lie back. */
static void test_months(void)
{
    static const struct { const char *from, *text, *to; int back; } cases[] = {
        { "2023-01-31T10:00:00Z", "1mo", "2023-02-28T10:00:00Z", 0 },
        { "2024-01-31T10:00:00Z", "1mo", "2024-02-29T10:00:00Z", 0 },
        { "2100-01-31T10:00:00Z", "1mo", "2100-02-28T10:00:00Z", 0 },
        { "2023-12-31T10:00:00Z", "2mo", "2024-02-29T10:00:00Z", 0 },
        { "2023-03-31T10:00:00Z", "1mo", "2023-02-28T10:00:00Z", 1 },
        { "2024-01-15T10:00:00Z", "1mo", "2023-12-15T10:00:00Z", 1 },
        { "2024-01-15T10:00:00Z", "today", "2024-01-15T00:00:00Z", 1 },
        { "2024-01-15T10:00:00Z", "yesterday", "2024-01-14T10:00:00Z", 1 },
        { "2024-01-15T10:00:00Z", "7d", "2024-01-08T10:00:00Z", 1 },
        { "2024-01-15T10:00:00Z", "2024-01-02T01:00:00+01:00",
          "2024-01-02T00:00:00Z", 1 }
    };
    apr_int64_t from = 0, to = 0, got = 0;
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        apikey_expiry_parse(&from, cases[i].from, NOW);
        apikey_expiry_parse(&to, cases[i].to, NOW);
        is_int((cases[i].back ? apikey_since_parse : apikey_expiry_parse)
               (&got, cases[i].text, from), APR_SUCCESS, "%s %s %s can be read",
               cases[i].text, cases[i].back ? "before" : "after",
               cases[i].from);
        is_int(got, to, "%s %s %s is %s", cases[i].text,
               cases[i].back ? "before" : "after", cases[i].from, cases[i].to);
    }
    for (i = 0; i < 3; i++) {
        static const char *bad[] = { "soon", "never", "" };

        is_int(apikey_since_parse(&got, bad[i], NOW), APR_EINVAL,
               "'%s' is no time in the past", bad[i]);
    }
}

static void test_format(apr_pool_t *pool)
{
    is_str(apikey_time_format(NOW, pool), "2023-11-14T22:13:20Z",
           "a time is shown in UTC");
    is_str(apikey_time_format(0, pool), "1970-01-01T00:00:00Z",
           "second 0 is shown in UTC");
    is_str(apikey_time_format(APR_INT64_C(253402300799), pool),
           "9999-12-31T23:59:59Z", "the last second of the year 9999 is shown");
    is_str(apikey_time_format(APR_INT64_C(253402300800), pool),
           "253402300800", "a later time is shown as a number");
    is_str(apikey_time_format(APR_INT64_C(9223372036854775807), pool),
           "9223372036854775807", "the largest number is shown as a number");
    is_str(apikey_time_format(-1, pool), "-1",
           "a negative number is shown as a number");
}

static void test_queries(void)
{
    static const struct { const char *sql, *fault; } queries[] = {
        { "SELECT a FROM b WHERE c = %s", NULL },
        { " \n\t(select a from b where c = %s)\n", NULL },
        { "WITH x AS (SELECT 1) SELECT a FROM x WHERE c=%s", NULL },
        { "SELECT '100%%', 'it''s' FROM b WHERE c = %s", NULL },
        { "SELECT \"a'b\" FROM b WHERE c = %s AND d = \"'\"", NULL },
        { "SELECT %s", NULL },
        { "", "is no SELECT" },
        { "SELECTED a FROM b WHERE c = %s", "is no SELECT" },
        { "SELECT_a(%s)", "is no SELECT" },
        { "CALL x(%s)", "is no SELECT" },
        { "SELECT", "has no %s" },
        { "SELECT '%%s'", "has no %s" },
        { "SELECT %s, %s", "has more than one %s" },
        { "SELECT '%s'", "within quotes" },
        { "SELECT \"%s\"", "within quotes" },
        { "SELECT 'a %s b', %s", "within quotes" },
        { "SELECT 'it''s %s'", "within quotes" },
        { "SELECT %d", "no %s: write %%" },
        { "SELECT %lld", "no %s: write %%" },
        { "SELECT 5 % 2, %s", "no %s: write %%" },
        { "SELECT %s %", "no %s: write %%" },
        { "SELECT 'a%' LIKE %s", "no %s: write %%" },
        { "SELECT %s;", "ends with a ';'" },
        { "SELECT %s ; \n", "ends with a ';'" }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
        const char *fault = apikey_query_fault(queries[i].sql);

        ok(queries[i].fault ? fault && strstr(fault, queries[i].fault)
                            : !fault, "\"%s\" %s", queries[i].sql,
           fault ? fault : "is good");
    }
}

static void test_one_line(apr_pool_t *pool)
{
    is_str(apikey_one_line(" ERROR:  no\n\tsuch  table\r\n", pool),
           "ERROR: no such table", "several lines become one");
    is_str(apikey_one_line(" \n", pool), "",
           "white space alone becomes the empty text");
    ok(!apikey_one_line(NULL, pool), "NULL stays NULL");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    test_texts(pool);
    test_names(pool);
    test_words(pool);
    test_durations();
    test_expiries();
    test_months();
    test_format(pool);
    test_queries();
    test_one_line(pool);
    return done();
}
