/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* import.h: an import stores all keys or none, and records one change. */

#include "../../modules/store/import.h"
#include "store_fixture.h"

typedef struct source_t {
    int count, given;
    int bad_at;                 /* spoil() changes this key; from 1 */
    const char *scopes;
    void (*spoil)(apikey_key_row_t *key);
    apr_status_t end;           /* the status after the last key */
    int look_at;                /* look() is called before this key */
    void (*look)(void);
    int watched;                /* watch() is called before each key */
} source_t;

static apikey_import_t job;

/* What other connections have seen of the steps of an import. */
static struct {
    int version, rows, most, steps;
} seen;

static void watch(void)
{
    int rows, version = atoi(raw_text("PRAGMA data_version"));

    if (version == seen.version) {
        return;
    }
    rows = atoi(raw_text("SELECT COUNT(*) FROM apikey"));
    seen.version = version;
    seen.steps++;
    if (rows - seen.rows > seen.most) {
        seen.most = rows - seen.rows;
    }
    seen.rows = rows;
}

static apr_status_t next(void *baton, apikey_key_row_t *key,
                         apr_pool_t *pool, const char **error)
{
    source_t *source = baton;

    if (source->watched) {
        watch();
        /* A pause before each row, so that fewer rows are read while the
         * import pauses after a step than a step stores: a row is read between
         * two steps, and watch() sees each step. */
        apr_sleep(50);
    }
    if (source->given == source->count) {
        *error = "the source broke off";
        return source->end;
    }
    job.place = ++source->given;
    if (source->look_at == source->given) {
        source->look();
    }
    key->record.digest = apr_psprintf(pool, "%064x", source->given);
    key->record.id = apr_psprintf(pool, "id%d", source->given);
    key->record.secret_id = "k1";
    key->record.tenant = apr_psprintf(pool, "tenant %d", source->given % 700);
    key->record.name = "n";
    key->record.env = "live";
    key->record.keyspace = "default";
    key->record.scopes = source->scopes;
    key->record.format = "opaque";
    key->record.hint = "...abcd";
    key->record.creator = "tester";
    key->record.created = NOW;
    key->prefix = "";
    key->root = key->record.id;
    key->rotated_from = "";
    if (source->given == source->bad_at) {
        source->spoil(key);
    }
    return APR_SUCCESS;
}

static apr_status_t import(source_t *source)
{
    job.next = next;
    job.baton = source;
    fx.error = NULL;
    return apikey_import(fx.store, &job, &fx.actor, fx.pool, &fx.error);
}

#define STATE "SELECT (SELECT COUNT(*) FROM apikey) || ' ' || (SELECT "     \
    "COUNT(*) FROM apikey_tenant) || ' ' || (SELECT COUNT(*) FROM "         \
    "apikey_change) || ' ' || (SELECT COUNT(*) FROM apikey_audit WHERE "    \
    "action <> 'init')"

static void test_import(void)
{
    source_t source = { .count = 3000, .scopes = "a:b", .end = APR_EOF };
    apr_status_t status;

    is_int(import(&source), APR_SUCCESS, "an import of 3000 keys: %s", said());
    is_int(job.count, 3000, "the import counts all keys");
    is_str(raw_text(STATE), "3000 700 1 1",
           "an import makes the tenants, one change and one audit entry");
    is_str(raw_text("SELECT kind || value || number FROM apikey_change"),
           "all1", "the import's change is of all keys");
    is_str(raw_text("SELECT changed BETWEEN strftime('%s','now') - 60 AND "
                    "strftime('%s','now') FROM apikey_change"), "1",
           "the import's change has its time");
    is_str(raw_text("SELECT who || ' ' || action || ' ' || reason FROM "
                    "apikey_audit WHERE action = 'import'"),
           "tester import 3000 keys", "the audit entry has the number of keys");
    ok(lookup(apr_psprintf(fx.pool, "%064x", 7), &status) != NULL,
       "an imported key is found");
    is_str(raw_text("SELECT bulk FROM apikey_identity"), "0",
           "triggers record changes again after an import");
    is_int(raw("UPDATE apikey SET name = 'x' WHERE id = 'id7'"), 0,
           "an imported key is changed by hand");
    is_str(raw_text("SELECT value FROM apikey_change WHERE number = 2"),
           apr_psprintf(fx.pool, "%064x", 7), "the change by hand is recorded");
    need(raw("DELETE FROM apikey") == 0 && raw("DELETE FROM apikey_tenant")
         == 0 && raw("DELETE FROM apikey_change") == 0, "empty again");
}

static void spoil_id(apikey_key_row_t *key)
{
    key->record.id = "id1";
}

static void spoil_digest(apikey_key_row_t *key)
{
    key->record.digest = DIGEST_A;
}

static void spoil_other_id(apikey_key_row_t *key)
{
    key->record.id = "taken";
}

static void spoil_form(apikey_key_row_t *key)
{
    key->record.digest = "ABC";
}

static void spoil_word(apikey_key_row_t *key)
{
    key->record.id = "a b";
}

static void spoil_tenant(apikey_key_row_t *key)
{
    key->record.tenant = "a\nb";
}

static void spoil_hint(apikey_key_row_t *key)
{
    key->record.hint = "a hint that is much longer than the sixty-four "
                       "characters that a hint may have";
}

static void spoil_prefix(apikey_key_row_t *key)
{
    key->prefix = "-";
}

static void spoil_creator(apikey_key_row_t *key)
{
    key->record.creator = " ";
}

static void spoil_scope(apikey_key_row_t *key)
{
    key->record.scopes = "c:d";
}

static void spoil_root(apikey_key_row_t *key)
{
    key->root = "a b";
}

static void spoil_source(apikey_key_row_t *key)
{
    key->root = "first";
    key->rotated_from = "a b";
}

static void spoil_line(apikey_key_row_t *key)
{
    key->rotated_from = "first";
}

static void spoil_self(apikey_key_row_t *key)
{
    key->root = "first";
    key->rotated_from = key->record.id;
}

static void test_refused(void)
{
    static const struct {
        void (*spoil)(apikey_key_row_t *key);
        const char *says;
    } bad[] = {
        { spoil_id, "(id1) stands on an earlier line" },
        { spoil_digest, "in the database already, with the id taken" },
        { spoil_other_id, "the id taken is in the database already" },
        { spoil_form, "the digest is neither 64 nor 128 hex characters" },
        { spoil_word, "the id " }, { spoil_tenant, "the tenant " },
        { spoil_hint, "the hint " }, { spoil_prefix, "the prefix " },
        { spoil_creator, "the creator " }, { spoil_root, "the root " },
        { spoil_source, "rotated_from has " },
        { spoil_line, "rotated_from is another key's id" },
        { spoil_self, "rotated_from is another key's id" },
        { spoil_scope, "\"c:d\" is not in the catalogue" }
    };
    const char *before;
    apr_size_t i;

    need(raw_key(DIGEST_A, "taken", "acme") == 0
         && raw("INSERT INTO apikey_scope (name) VALUES ('a:b')") == 0
         && raw("INSERT INTO apikey_scope (name) VALUES ('a:c')") == 0,
         "one key, and a catalogue");
    before = raw_text(STATE);
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        source_t source = { .count = 900, .bad_at = 850, .scopes = "a:b",
                            .spoil = bad[i].spoil, .end = APR_EOF };

        is_int(import(&source), APIKEY_EREFUSED, "%s", bad[i].says);
        ok(says(bad[i].says), "the error says why: %s", said());
        is_int(job.place, 850, "the error is at that key: %s", bad[i].says);
        ok(job.at_key && job.count == 0, "the error is of a key: %s",
           bad[i].says);
        is_str(raw_text(STATE), before, "nothing is kept: %s", bad[i].says);
    }
}

static void test_broken(void)
{
    source_t source = { .count = 50, .scopes = "a:b a:c",
                        .end = APR_EGENERAL };
    const char *before = raw_text(STATE);

    is_int(import(&source), APR_EGENERAL,
           "an import whose source fails returns the source's error");
    ok(says("broke off") && !job.at_key,
       "the source's own words are the error");
    is_int(source.given, 50, "no key is read twice from a source that fails");
    is_str(raw_text(STATE), before, "nothing is kept where the source fails");
    /* The database fails in the middle of the import, and then at its end. */
    need(raw("CREATE TRIGGER t BEFORE INSERT ON apikey WHEN NEW.id = 'id30' "
             "BEGIN SELECT RAISE(ABORT, 'no more'); END") == 0, "trigger");
    source.given = 0;
    source.end = APR_EOF;
    is_int(import(&source), APIKEY_EDATABASE,
           "a database that refuses a row fails the import");
    ok(says("no more"), "the database's own words are the error: %s", said());
    is_int(source.given, 50, "no key is read twice where the database fails");
    is_str(raw_text(STATE), before,
           "nothing is kept where the database refuses a row");
    need(raw("DROP TRIGGER t") == 0
         && raw("CREATE TRIGGER t BEFORE INSERT ON apikey_audit BEGIN "
                "SELECT RAISE(ABORT, 'no audit'); END") == 0, "trigger");
    source.given = 0;
    is_int(import(&source), APIKEY_EDATABASE,
           "an audit entry that cannot be written fails the import");
    ok(says("no audit") && !job.at_key,
       "the error is the database's and of no key: %s", said());
    is_str(raw_text(STATE), before, "no key is kept without an audit entry");
    need(raw("DROP TRIGGER t") == 0, "trigger");
    source.given = 0;
    is_int(import(&source), APR_SUCCESS,
           "the import works once the trigger is gone: %s", said());
    is_int(job.count, 50, "the import stores all its keys");
}

/* What another connection sees in the middle of an import. */
static void look_around(void)
{
    apr_status_t status;

    is_str(raw_text("SELECT COUNT(*) > 0 FROM apikey WHERE id LIKE 'id%'"),
           "1", "in the middle of an import some keys are stored");
    is_str(raw_text("SELECT COUNT(*) FROM apikey_known"), "1",
           "in the middle of an import its keys are not in apikey_known");
    ok(lookup(apr_psprintf(fx.pool, "%064x", 7), &status) == NULL
       && status == APR_NOTFOUND,
       "in the middle of an import its keys are not found");
    is_int(raw("UPDATE apikey SET revoked = 1 WHERE id = 'other'"), 0,
           "another writer's change is accepted in the middle of an import");
    is_str(raw_text("SELECT kind || ' ' || value FROM apikey_change"),
           "digest " DIGEST_B,
           "another writer's change is recorded in the middle of an import");
    is_str(raw_text("SELECT COUNT(*) FROM apikey_tenant"), "0",
           "no tenant is made before all keys are stored");
}

static void start_again(void)
{
    need(raw("DELETE FROM apikey") == 0 && raw("DELETE FROM apikey_tenant")
         == 0 && raw("DELETE FROM apikey_change") == 0
         && raw("DELETE FROM apikey_scope") == 0
         && raw_key(DIGEST_B, "other", "acme") == 0
         && raw("DELETE FROM apikey_tenant") == 0
         && raw("DELETE FROM apikey_change") == 0, "one key of another");
}

static void test_steps(void)
{
    source_t source = { .count = 3000, .scopes = "a:b", .end = APR_EOF,
                        .look_at = 2900, .look = look_around };
    apr_status_t status;

    start_again();
    is_int(import(&source), APR_SUCCESS, "an import in steps: %s", said());
    is_str(raw_text("SELECT COUNT(*) FROM apikey_known"), "3001",
           "all keys are in apikey_known after the import");
    ok(lookup(apr_psprintf(fx.pool, "%064x", 7), &status) != NULL,
       "a key is found after the import");
    is_str(raw_text("SELECT COUNT(*) FROM apikey_change WHERE kind = 'all'"),
           "1", "an import in steps records one change");
}

/* However many rows are read at once, a step stores a limited number, and
 * other writers have their turn after each step. */
static void test_step_sizes(void)
{
    source_t source = { .count = 30000, .scopes = "a:b", .end = APR_EOF,
                        .watched = 1 };

    start_again();
    memset(&seen, 0, sizeof(seen));
    is_int(import(&source), APR_SUCCESS, "an import of 30 000 keys: %s",
           said());
    ok(seen.rows > 0, "%d rows are stored before the last is read", seen.rows);
    ok(seen.most <= 8000, "no step stores more than 8000 rows: %d", seen.most);
    ok(seen.steps > 2, "there are several steps: %d", seen.steps);
    is_str(raw_text("SELECT COUNT(*) FROM apikey_known"), "30001",
           "all keys of the longer import are in apikey_known");
}

/* An import that was killed leaves rows. The next import removes them, though
 * it is refused itself, and keeps other rows. */
static void test_left(void)
{
    source_t source = { .count = 3000, .scopes = "a:b", .end = APR_EOF };
    apr_status_t status;

    start_again();
    is_int(import(&source), APR_SUCCESS, "an import of 3000 keys ends");
    need(raw("UPDATE apikey_identity SET imported = imported - 1") == 0
         && raw("DELETE FROM apikey_change") == 0, "that did not come to its "
         "end");
    ok(lookup(apr_psprintf(fx.pool, "%064x", 7), &status) == NULL,
       "a key of an import that did not end is not found");
    is_int(raw("INSERT INTO apikey (digest, id, tenant, name) VALUES ('"
               DIGEST_A "', 'mine', 'T', 'n')"), 0,
           "another key is made meanwhile");
    need(raw("DELETE FROM apikey_change") == 0, "no change");
    source = (source_t){ .count = 10, .scopes = "a:b", .bad_at = 5,
                         .spoil = spoil_word, .end = APR_EOF };
    is_int(import(&source), APIKEY_EREFUSED, "the next import is refused");
    is_str(raw_text("SELECT group_concat(id, ' ') FROM apikey"), "mine other",
           "the refused import has removed the other's rows and no others");
    is_str(raw_text("SELECT COUNT(*) FROM apikey_change"), "0",
           "removing rows that were never known records no change");
    source = (source_t){ .count = 3000, .scopes = "a:b", .end = APR_EOF };
    is_int(import(&source), APR_SUCCESS,
           "the same import works again: %s", said());
    is_str(raw_text("SELECT COUNT(*) FROM apikey_known"), "3002",
           "the repeated import stores all its keys");
}

/* The flag that switches the triggers off is set and taken back by hand, or
 * its row is removed: changes are recorded all the same. */
static void test_flag(void)
{
    need(raw("DELETE FROM apikey_change") == 0
         && raw("UPDATE apikey_identity SET bulk = 1") == 0
         && raw("UPDATE apikey SET disabled = 1") == 0, "by hand");
    is_str(raw_text("SELECT kind FROM apikey_change"), "",
           "no change is recorded while the flag is set");
    need(raw("UPDATE apikey_identity SET bulk = 0") == 0
         && raw("UPDATE apikey_identity SET bulk = 0") == 0, "back");
    is_str(raw_text("SELECT kind FROM apikey_change"), "all",
           "taking the flag back records one change of all");
    need(raw("DELETE FROM apikey_change") == 0
         && raw("DELETE FROM apikey_identity") == 0
         && raw("UPDATE apikey SET disabled = 2 WHERE id = 'other'") == 0,
         "without the row");
    is_str(raw_text("SELECT kind FROM apikey_change"), "digest",
           "without the flag's row each change is recorded");
}

int main(void)
{
    fixture_make();
    test_import();
    test_refused();
    test_broken();
    test_steps();
    test_step_sizes();
    test_left();
    test_flag();
    fixture_remove();
    return done();
}
