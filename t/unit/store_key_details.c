/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* keys.h: a key's owner, networks and meta data. */

#include "store_fixture.h"

/* Owner, networks and meta are stored with a key, changed, written to the
 * audit, and kept by a rotation. */
static void test_details(void)
{
    const apikey_change_t other = { .owner = "", .networks = "::1",
                                    .meta = "plan=free" };
    const apikey_change_t name = { .name = "other" };
    apikey_rotation_t rotation = { .secrets = fx.secrets };
    apikey_key_row_t key, *shown;
    apikey_fresh_t fresh, plain;

    need(create(&key, &plain, "acme", "", 0) == APR_SUCCESS
         && apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, "ak", fx.secrets,
                            fx.pool) == APR_SUCCESS, "a key");
    shown = show(key.record.id);
    ok(!*shown->owner && !*shown->networks && !*shown->meta,
       "owner, networks and meta are empty where none is given");
    key.owner = "ops";
    key.networks = "192.0.2.0/24";
    key.meta = "plan=gold; seats=25";
    is_int(apikey_keys_create(fx.store, &key, &fresh, &fx.actor, fx.pool,
                              &fx.error), APR_SUCCESS,
           "a key with owner, networks and meta is made");
    shown = show(fresh.id);
    is_str(shown->owner, "ops", "the owner is stored");
    is_str(shown->networks, "192.0.2.0/24", "the networks are stored");
    is_int(shown->record.network_count, 1, "the networks are read");
    is_str(shown->meta, "plan=gold; seats=25", "the meta is stored");
    is_str(apr_table_get(shown->record.meta, "PLAN"), "gold",
           "the meta is read");
    is_int(apikey_keys_set(fx.store, fresh.id, &name, &fx.actor, NULL,
                           fx.pool, &fx.error), APR_SUCCESS,
           "another name is set");
    is_int(apikey_keys_rotate(fx.store, fresh.id, &rotation, &fx.actor,
                              fx.pool, &fx.error), APR_SUCCESS,
           "the key is rotated");
    shown = show(rotation.fresh.id);
    is_str(apr_pstrcat(fx.pool, shown->owner, "|", shown->networks, "|",
                       shown->meta, NULL),
           "ops|192.0.2.0/24|plan=gold; seats=25",
           "owner, networks and meta stay after set and rotate");
    is_int(apikey_keys_set(fx.store, rotation.fresh.id, &other, &fx.actor,
                           NULL, fx.pool, &fx.error), APR_SUCCESS,
           "owner, networks and meta are set");
    is_str(audited(), "tester set acme  {\"owner\":\"ops\",\"networks\":"
           "\"192.0.2.0/24\",\"meta\":\"plan=gold; seats=25\","
           "\"now\":{\"owner\":\"\",\"networks\":\"::1\","
           "\"meta\":\"plan=free\"}}",
           "the audit has what they were and what they are");
    shown = show(rotation.fresh.id);
    is_str(apr_pstrcat(fx.pool, shown->owner, "|", shown->networks, "|",
                       shown->meta, NULL), "|::1|plan=free",
           "the new owner, networks and meta are stored");
}

/* A text that cannot be parsed is neither stored nor copied from a row. */
static void test_bad_details(void)
{
    static const struct { const apikey_change_t change; const char *says; }
    bad[] = {
        { { .owner = "a\nb" }, "the owner: has a control" },
        { { .networks = "10.0.0.1/8" }, "the networks: has a word" },
        { { .meta = "gold" }, "the meta: is not NAME=VALUE" },
    };
    const apikey_change_t name = { .name = "other" };
    const apikey_change_t mend = { .name = "other", .networks = "" };
    apikey_key_row_t key;
    apikey_fresh_t fresh;
    apr_size_t i;

    need(create(&key, &fresh, "acme", "", 0) == APR_SUCCESS, "a key");
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        is_int(apikey_keys_set(fx.store, fresh.id, &bad[i].change,
                               &fx.actor, NULL, fx.pool, &fx.error),
               APIKEY_EREFUSED, "set is refused: %s", bad[i].says);
        ok(says(bad[i].says), "the error says why: %s", said());
    }
    key.networks = "any";
    is_int(apikey_keys_create(fx.store, &key, &fresh, &fx.actor, fx.pool,
                              &fx.error), APIKEY_EREFUSED,
           "a key with networks that cannot be parsed is not made");
    need(raw(apr_psprintf(fx.pool, "UPDATE apikey SET networks = 'any' WHERE "
                          "id = '%s'", key.record.id)) == 0, "by hand");
    is_str(apikey_key_row_state(show(key.record.id), NOW, fx.pool), "faulty",
           "a row with networks that cannot be parsed is shown as faulty");
    is_int(apikey_keys_set(fx.store, key.record.id, &name, &fx.actor, NULL,
                           fx.pool, &fx.error), APIKEY_EREFUSED,
           "a name is not set on a faulty row");
    ok(says("the key's networks is not as it should be"),
       "the error names the faulty column: %s", said());
    is_int(apikey_keys_set(fx.store, key.record.id, &mend, &fx.actor, NULL,
                           fx.pool, &fx.error), APR_SUCCESS,
           "a faulty row is set where the faulty column is replaced");
}

int main(void)
{
    fixture_make();
    test_details();
    test_bad_details();
    fixture_remove();
    return done();
}
