/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* keys.h, tenants.h, scopes.h: changes of keys, tenants and scopes, and their
 * audit entries. */

#include "store_fixture.h"

static void test_create(void)
{
    apikey_key_row_t key, *shown;
    apikey_fresh_t fresh;

    is_int(create(&key, &fresh, "acme", "a:b c", NOW + 90 * DAY),
           APR_SUCCESS, "a key is made");
    is_str(audited(), apr_psprintf(fx.pool, "tester create acme  {\"now\":{"
           "\"name\":\"a test\",\"env\":\"live\",\"keyspace\":"
           "\"default\",\"scopes\":\"a:b c\",\"expires\":%" APR_INT64_T_FMT
           "}}", NOW + 90 * DAY), "the audit has the new key");
    shown = show(fresh.id);
    is_str(shown->record.tenant, "acme", "the tenant is stored");
    is_str(shown->record.scopes, "a:b c", "the scopes are stored");
    is_str(shown->record.creator, "tester", "the creator is stored");
    is_str(shown->record.hint, fresh.hint, "the hint is stored");
    is_str(shown->record.secret_id, "k1", "the secret's id is stored");
    is_str(shown->prefix, "ak", "the prefix is stored");
    is_str(shown->record.digest, "", "its digest is not shown");
    is_int(shown->record.created, NOW, "the time of creation is stored");
    is_int(shown->record.expires, NOW + 90 * DAY, "the expiry is stored");
    is_str(raw_text("SELECT tenant FROM apikey_tenant"), "acme",
           "the key's tenant is made with it");
    is_int(create(&key, &fresh, "acme", "", 0), APR_SUCCESS,
           "a second key of the tenant is made");
    is_str(raw_text("SELECT COUNT(*) FROM apikey_tenant"), "1",
           "the tenant's row is made once");
    is_str(raw_text("SELECT COUNT(*) FROM apikey_change WHERE kind = "
                    "'tenant'"), "1", "the tenant's change is recorded once");
}

static void test_refused(void)
{
    static const struct { const char *tenant, *name, *env, *scopes; } bad[] = {
        { "", "n", "live", "" },
        { "a\r\nX-Apikey-Tenant: b", "n", "live", "" },
        { " acme", "n", "live", "" },
        { "acme", "", "live", "" },
        { "acme", "n\x01", "live", "" },
        { "acme", "\xff\xfe", "live", "" },
        { "acme", "n", "li ve", "" },
        { "acme", "n", "live", "a\"b" },
        { "acme", "n", "live", "a*" },
        { "acme", "n", "live", "\xc3\xa4" }
    };
    apikey_key_row_t key;
    apikey_fresh_t fresh;
    const char *before = raw_text("SELECT COUNT(*) FROM apikey_audit");
    char *large = apr_palloc(fx.pool, 4100);
    apr_size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        memset(&key, 0, sizeof(key));
        apikey_key_make(&fresh, APIKEY_FORMAT_BASE62, "ak", fx.secrets,
                        fx.pool);
        key.record.tenant = bad[i].tenant;
        key.record.name = bad[i].name;
        key.record.env = bad[i].env;
        key.record.scopes = bad[i].scopes;
        key.record.keyspace = "default";
        key.record.format = "base62";
        key.prefix = "ak";
        fx.error = NULL;
        is_int(apikey_keys_create(fx.store, &key, &fresh, &fx.actor,
                                  fx.pool, &fx.error), APIKEY_EREFUSED,
               "refused: bad value %d", (int)i);
        ok(fx.error && strlen(fx.error) > 10,
           "the error for bad value %d says why: %s", (int)i, said());
    }
    for (i = 0; i < 4098; i++) {
        large[i] = i % 2 ? ' ' : 'a';
    }
    large[4097] = '\0';
    is_int(create(&key, &fresh, "acme", large, 0), APIKEY_EREFUSED,
           "refused: more scopes than a header carries");
    is_str(raw_text("SELECT COUNT(*) FROM apikey_audit"), before,
           "refused keys leave no audit entry");
}

static void test_change(void)
{
    const apr_int64_t expires = NOW + 5 * DAY;
    const apikey_change_t all = { .name = "new", .env = "test", .scopes = "x:y",
                                  .expires = &expires };
    const apikey_change_t bad = { .name = "new\n" };
    const apikey_change_t same = { .name = "new", .scopes = "x:y" };
    apikey_key_row_t key, *shown;
    apikey_fresh_t fresh;
    const char *before;

    need(create(&key, &fresh, "acme", "a", NOW + DAY) == APR_SUCCESS,
         "create");
    is_int(apikey_keys_set(fx.store, fresh.id, &all, &fx.actor, NULL,
                           fx.pool, &fx.error), APR_SUCCESS,
           "name, env, scopes and expiry are set");
    shown = show(fresh.id);
    is_str(shown->record.name, "new", "the new name is stored");
    is_str(shown->record.env, "test", "the new env is stored");
    is_str(shown->record.scopes, "x:y", "the new scopes are stored");
    is_int(shown->record.expires, expires, "the new expiry is stored");
    is_str(audited(), apr_psprintf(fx.pool, "tester set acme  {\"name\":"
           "\"a test\",\"env\":\"live\",\"scopes\":\"a\",\"expires\":%"
           APR_INT64_T_FMT ",\"now\":{\"name\":\"new\",\"env\":\"test\","
           "\"scopes\":\"x:y\",\"expires\":%" APR_INT64_T_FMT "}}",
           NOW + DAY, expires), "the audit has what it was and what it is");
    before = raw_text("SELECT MAX(number) FROM apikey_audit");
    is_int(apikey_keys_set(fx.store, fresh.id, &same, &fx.actor, NULL,
                           fx.pool, &fx.error),
           APR_SUCCESS, "setting what is there already is accepted");
    is_int(apikey_keys_set(fx.store, fresh.id, &bad, &fx.actor, NULL,
                           fx.pool, &fx.error),
           APIKEY_EREFUSED, "setting a name with LF is refused");
    is_str(raw_text("SELECT MAX(number) FROM apikey_audit"), before,
           "neither of these makes an audit entry");
}

static void test_states(void)
{
    const apikey_change_t change = { .name = "new" };
    apikey_key_row_t key;
    apikey_fresh_t fresh;

    need(create(&key, &fresh, "acme", "a", NOW + DAY) == APR_SUCCESS,
         "create");
    is_int(apikey_keys_disable(fx.store, fresh.id, 1, &fx.actor, NULL,
                               fx.pool, &fx.error), APR_SUCCESS,
           "the key is disabled");
    is_int(show(fresh.id)->record.disabled, NOW,
           "the time of disabling is stored");
    is_int(apikey_keys_disable(fx.store, fresh.id, 0, &fx.actor, NULL,
                               fx.pool, &fx.error), APR_SUCCESS,
           "the key is enabled");
    is_int(show(fresh.id)->record.disabled, 0,
           "the enabled key has no time of disabling");
    is_str(audited(), "tester enable acme  ", "the audit has the enabling");
    is_int(apikey_keys_revoke(fx.store, fresh.id, "lost", &fx.actor,
                              fx.pool, &fx.error), APR_SUCCESS,
           "the key is revoked");
    is_str(audited(), "tester revoke acme lost ",
           "the audit has the revocation and its reason");
    fx.actor.now++;
    is_int(apikey_keys_revoke(fx.store, fresh.id, "again", &fx.actor,
                              fx.pool, &fx.error), APR_SUCCESS,
           "a second revocation is accepted");
    fx.actor.now--;
    is_int(show(fresh.id)->record.revoked, NOW,
           "the second revocation does not change the time");
    is_str(show(fresh.id)->reason, "lost",
           "the second revocation does not change the reason");
    is_int(apikey_keys_disable(fx.store, fresh.id, 0, &fx.actor, NULL,
                               fx.pool, &fx.error), APIKEY_EREFUSED,
           "a revoked key cannot be enabled");
    is_int(apikey_keys_set(fx.store, fresh.id, &change, &fx.actor, NULL,
                           fx.pool, &fx.error), APIKEY_EREFUSED,
           "a revoked key cannot be set");
}

static void test_not_found(void)
{
    const apikey_change_t change = { .name = "new" };
    apikey_rotation_t rotation = { .secrets = fx.secrets };
    apikey_key_row_t *key;

    is_int(apikey_keys_show(fx.store, "nobody", NULL, &key, fx.pool,
                            &fx.error), APR_NOTFOUND,
           "show: an unknown key is not found");
    ok(says("nobody"), "the error names the unknown key: %s", said());
    is_int(apikey_keys_set(fx.store, "nobody", &change, &fx.actor, NULL,
                           fx.pool, &fx.error), APR_NOTFOUND,
           "set: an unknown key is not found");
    is_int(apikey_keys_revoke(fx.store, "nobody", "", &fx.actor, fx.pool,
                              &fx.error), APR_NOTFOUND,
           "revoke: an unknown key is not found");
    is_int(apikey_keys_disable(fx.store, "nobody", 1, &fx.actor, NULL,
                               fx.pool, &fx.error), APR_NOTFOUND,
           "disable: an unknown key is not found");
    is_int(apikey_keys_rotate(fx.store, "nobody", &rotation, &fx.actor,
                              fx.pool, &fx.error), APR_NOTFOUND,
           "rotate: an unknown key is not found");
    is_int(apikey_tenant_suspend(fx.store, "nobody", 1, "", &fx.actor, NULL,
                                 fx.pool, &fx.error), APR_NOTFOUND,
           "suspend: an unknown tenant is not found");
    is_int(apikey_scope_remove(fx.store, "nobody", &fx.actor, fx.pool,
                               &fx.error), APR_NOTFOUND,
           "remove: an unknown scope is not found");
}

/* One rotation: the time that the old key had left, the overlap and the
 * longest life allowed; and the time from then at which the old key and the
 * new one end. */
static void rotate_once(const char *promise, apr_int64_t left,
                        apr_int64_t overlap, apr_int64_t longest,
                        apr_int64_t old_end, apr_int64_t new_end)
{
    apikey_rotation_t rotation = { .secrets = fx.secrets, .overlap = overlap,
                                   .longest = longest };
    const apikey_actor_t later = { "rotator", NOW + 10 * DAY, NULL };
    apikey_key_row_t key, *shown;
    apikey_fresh_t fresh;

    need(create(&key, &fresh, "acme", "a:b *", left ? later.now + left : 0)
         == APR_SUCCESS, "create");
    is_int(apikey_keys_rotate(fx.store, fresh.id, &rotation, &later,
                              fx.pool, &fx.error), APR_SUCCESS,
           "%s: rotated", promise);
    is_int(rotation.old_expires - later.now, old_end,
           "%s: the returned end of the old key", promise);
    is_int(show(fresh.id)->record.expires - later.now, old_end,
           "%s: the stored end of the old key", promise);
    shown = show(rotation.fresh.id);
    is_int(shown->record.expires ? shown->record.expires - later.now : 0,
           new_end, "%s: the end of the new key", promise);
    is_str(shown->record.scopes, "a:b *", "%s: the scopes stay", promise);
    is_str(shown->record.name, "a test", "%s: the name stays", promise);
    is_str(shown->record.creator, "rotator",
           "%s: the creator is the one who rotated", promise);
    ok(strcmp(shown->record.id, fresh.id) != 0, "%s: the id is another one",
       promise);
    ok(strncmp(rotation.fresh.key, "ak_", 3) == 0
           && strcmp(rotation.fresh.key, fresh.key) != 0,
       "%s: the key is another one of the prefix", promise);
}

static void test_rotate(void)
{
    rotate_once("much is left", 30 * DAY, DAY, 0, DAY, 40 * DAY);
    rotate_once("less than the overlap is left", DAY / 2, DAY, 0, DAY / 2,
                10 * DAY + DAY / 2);
    rotate_once("it never ended", 0, DAY, 0, DAY, 0);
    rotate_once("keys must end now", 0, DAY, 7 * DAY, DAY, 7 * DAY);
    rotate_once("keys must end sooner now", 30 * DAY, DAY, 7 * DAY, DAY,
                7 * DAY);
    rotate_once("no overlap", 30 * DAY, 0, 0, 0, 40 * DAY);
}

static apr_status_t rotate(const char *id, apikey_rotation_t *rotation)
{
    return apikey_keys_rotate(fx.store, id, rotation, &fx.actor, fx.pool,
                              &fx.error);
}

/* A key is rotated once. It can be rotated again only when its successor is
 * revoked, not when that is active, disabled or expired. */
static void test_rotate_again(apr_int64_t given)
{
    static const struct { const char *set, *state; } states[] = {
        { "disabled = 0", "active" },
        { "disabled = 1", "disabled" },
        { "disabled = 0, expires = 1", "expired" }
    };
    apikey_rotation_t rotation = { .secrets = fx.secrets, .overlap = DAY };
    apikey_key_row_t key;
    apikey_fresh_t fresh;
    const char *second;
    apr_size_t i;

    need(create(&key, &fresh, "acme", "", given ? NOW + given : 0)
         == APR_SUCCESS, "create");
    need(rotate(fresh.id, &rotation) == APR_SUCCESS, "once");
    second = apr_pstrdup(fx.pool, rotation.fresh.id);
    for (i = 0; i < sizeof(states) / sizeof(*states); i++) {
        need(raw(apr_psprintf(fx.pool, "UPDATE apikey SET %s "
                              "WHERE id = '%s'", states[i].set, second)) == 0,
             states[i].set);
        is_int(rotate(fresh.id, &rotation), APIKEY_EREFUSED,
               "refused while the successor is %s", states[i].state);
        ok(says(fresh.id) && says(apr_psprintf(fx.pool, "%s, which is %s,",
                                               second, states[i].state)),
           "the error names the successor and its state: %s", said());
        ok(!rotation.fresh.key, "no key is returned while the successor is %s",
           states[i].state);
    }
    need(apikey_keys_revoke(fx.store, second, "", &fx.actor, fx.pool,
                            &fx.error) == APR_SUCCESS, "revoked");
    /* The overlap has shortened the old key's life; the new key gets the life
     * that the old one was given. */
    is_int(rotate(fresh.id, &rotation), APR_SUCCESS,
           "the key is rotated again once its successor is revoked");
    is_int(rotation.key.record.expires, given ? NOW + given : 0,
           "the second new key lives as long as the old one was to");
    is_int(show(fresh.id)->record.expires, NOW + DAY,
           "the old key's end stays");
}

/* All keys of a line of rotations have the id of the first one as their
 * root. */
static void test_rotate_line(void)
{
    apikey_rotation_t rotation = { .secrets = fx.secrets, .overlap = DAY };
    apikey_key_row_t key;
    apikey_fresh_t fresh;
    const char *from;
    int i;

    need(create(&key, &fresh, "acme", "", 0) == APR_SUCCESS, "create");
    is_str(show(fresh.id)->root, fresh.id, "a new key is the root of its line");
    is_str(show(fresh.id)->rotated_from, "", "a new key is rotated from none");
    is_str(raw_text(apr_psprintf(fx.pool, "SELECT root FROM apikey WHERE id = "
                                 "'%s'", fresh.id)), fresh.id,
           "the new key's row has the root");
    for (from = fresh.id, i = 0; i < 3; i++) {
        is_int(rotate(from, &rotation), APR_SUCCESS, "rotation %d", i + 1);
        is_str(rotation.key.root, fresh.id, "rotation %d: the root stays",
               i + 1);
        is_str(show(rotation.fresh.id)->root, fresh.id,
               "rotation %d: the row has the root", i + 1);
        is_str(rotation.key.rotated_from, from,
               "rotation %d: rotated from the key before", i + 1);
        is_str(show(rotation.fresh.id)->rotated_from, from,
               "rotation %d: the row has the key before", i + 1);
        is_str(
            raw_text(apr_psprintf(fx.pool,
                                  "SELECT reason FROM apikey_audit "
                                  "WHERE id = '%s'",
                                  rotation.fresh.id)),
            apr_psprintf(fx.pool, "in place of %s (root %s)", from, fresh.id),
            "rotation %d: the audit has both", i + 1);
        from = apr_pstrdup(fx.pool, rotation.fresh.id);
    }
    is_str(show(fresh.id)->root, fresh.id, "the first key's root stays");
    need(raw("INSERT INTO apikey (digest, id, tenant, name) VALUES ('"
             DIGEST_B "', 'hand', 'acme', 'n')") == 0, "a row by hand");
    is_str(show("hand")->root, "hand", "a row made by hand is its own root");
    need(rotate("hand", &rotation) == APR_SUCCESS, "rotated");
    is_str(show(rotation.fresh.id)->root, "hand",
           "a rotation of a row made by hand has that as its root");
    need(raw("UPDATE apikey SET rotated_from = 'hand' WHERE id = 'hand'") == 0
         && apikey_keys_revoke(fx.store, rotation.fresh.id, "", &fx.actor,
                               fx.pool, &fx.error) == APR_SUCCESS,
         "a row that names itself");
    is_int(rotate("hand", &rotation), APR_SUCCESS,
           "a row that is rotated from itself can be rotated");
    need(raw("DELETE FROM apikey WHERE digest = '" DIGEST_B "'") == 0, "away");
}

static void test_rotate_shape(void)
{
    apikey_rotation_t rotation = { .secrets = fx.secrets, .overlap = DAY };

    need(raw("INSERT INTO apikey (digest, id, keyspace, tenant, name, env, "
             "format, prefix, created) VALUES ('" DIGEST_A "', 'hex', 'ks', "
             "'acme', 'n', 'test', 'hex64', 'introzy', 1)") == 0, "hex64");
    is_int(apikey_keys_rotate(fx.store, "hex", &rotation, &fx.actor,
                              fx.pool, &fx.error), APR_SUCCESS,
           "a hex64 key is rotated");
    ok(strncmp(rotation.fresh.key, "introzy_", 8) == 0
       && strlen(rotation.fresh.key) == 72,
       "a hex64 key's successor has its prefix and length");
    is_str(show(rotation.fresh.id)->record.keyspace, "ks",
           "a hex64 key's successor has its keyspace");
    is_str(show(rotation.fresh.id)->record.env, "test",
           "a hex64 key's successor has its env");
    is_str(show(rotation.fresh.id)->prefix, "introzy",
           "a hex64 key's successor has its prefix stored");
    is_str(show(rotation.fresh.id)->record.format, "hex64",
           "a hex64 key's successor has its format stored");
}

static void test_rotate_refused(void)
{
    static const struct { const char *promise, *set; } dead[] = {
        { "revoked", "revoked = 1, disabled = 0" },
        { "disabled", "revoked = 0, disabled = 1" },
        { "expired", "disabled = 0, expires = 1" },
        { "imported", "expires = 0, format = 'opaque'" }
    };
    apikey_rotation_t rotation = { .secrets = fx.secrets, .overlap = DAY };
    const char *before;
    apr_size_t i;

    need(raw("UPDATE apikey SET disabled = 1 WHERE id = 'hex'") == 0, "dead");
    is_int(rotate("hex", &rotation), APIKEY_EREFUSED,
           "a disabled key with a successor is refused");
    ok(says("rotated already"), "the error names the successor: %s", said());
    need(raw("DELETE FROM apikey WHERE rotated_from = 'hex'") == 0, "away");
    before = raw_text("SELECT COUNT(*) FROM apikey");
    for (i = 0; i < sizeof(dead) / sizeof(*dead); i++) {
        need(raw(apr_psprintf(fx.pool, "UPDATE apikey SET %s WHERE id = "
                              "'hex'", dead[i].set)) == 0, dead[i].set);
        is_int(apikey_keys_rotate(fx.store, "hex", &rotation, &fx.actor,
                                  fx.pool, &fx.error), APIKEY_EREFUSED,
               "%s: not rotated", dead[i].promise);
        ok(says(dead[i].promise), "the error says why: %s", said());
    }
    is_str(raw_text("SELECT COUNT(*) FROM apikey"), before,
           "refused rotations make no key");
}

static apr_status_t count_keys(void *baton, const apikey_key_row_t *key)
{
    static apr_int64_t last;

    last = *(int *)baton ? last : 0;
    if (key->record.created < last) {
        return APR_EGENERAL;
    }
    last = key->record.created;
    ++*(int *)baton;
    return APR_SUCCESS;
}

static apr_status_t stop_at_three(void *baton, const apikey_key_row_t *key)
{
    (void)key;
    return ++*(int *)baton == 3 ? APR_EINTR : APR_SUCCESS;
}

static int listed(const char *tenant, const char *keyspace)
{
    const apikey_filter_t filter = { .tenant = tenant, .keyspace = keyspace };
    int count = 0;

    is_int(apikey_keys_list(fx.store, &filter, count_keys, &count, fx.pool,
                            &fx.error), APR_SUCCESS,
           "the keys of tenant %s, keyspace %s can be listed",
           tenant ? tenant : "any", keyspace ? keyspace : "any");
    return count;
}

static void test_list(void)
{
    const apikey_filter_t all = { 0 };
    int count = 0;

    need(raw("DELETE FROM apikey") == 0
         && raw("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                "FROM n WHERE i < 1000) INSERT INTO apikey (digest, id, "
                "tenant, name, keyspace, created) SELECT substr('" DIGEST_A
                "', 1, 60) || printf('%04d', i), 'id' || i, 't' || (i % 3), "
                "'n', 'k' || (i % 2), i / 500 FROM n") == 0, "1000 keys");
    is_int(listed(NULL, NULL), 1000, "all keys are listed in order, each once");
    is_int(listed("t0", NULL), 333, "the keys of a tenant are listed");
    is_int(listed(NULL, "k1"), 500, "the keys of a keyspace are listed");
    is_int(listed("t1", "k1"), 167,
           "the keys of a tenant in a keyspace are listed");
    is_int(listed("T1", NULL), 0, "a tenant in another case has no keys");
    is_int(listed("' OR ''='", NULL), 0, "a tenant's name is not run as SQL");
    is_int(apikey_keys_list(fx.store, &all, stop_at_three, &count,
                            fx.pool, &fx.error), APR_EINTR,
           "a list that its reader ends returns the reader's status");
    is_int(count, 3, "a list ends at the row at which its reader ended it");
}

static const char *tenants = "";

static apr_status_t note_tenant(void *baton, const apikey_tenant_t *tenant)
{
    (void)baton;
    tenants = apr_psprintf(fx.pool, "%s %s:%d:%s:%d", tenants,
                           tenant->tenant, (int)tenant->keys, tenant->reason,
                           tenant->suspended != 0);
    return APR_SUCCESS;
}

static void test_tenants(void)
{
    need(raw("DELETE FROM apikey WHERE id NOT IN ('id1', 'id2', 'id4')") == 0
         && raw("DELETE FROM apikey_tenant") == 0, "three keys");
    is_int(apikey_tenant_suspend(fx.store, "t1", 1, "unpaid", &fx.actor, NULL,
                                 fx.pool, &fx.error), APR_SUCCESS,
           "a tenant known by its keys alone is suspended");
    is_str(audited(), "tester suspend t1 unpaid ",
           "the audit has the suspension and its reason");
    is_int(apikey_tenant_list(fx.store, note_tenant, NULL, fx.pool,
                              &fx.error), APR_SUCCESS,
           "the tenants can be listed");
    is_str(tenants, " t1:2:unpaid:1 t2:1::0",
           "the tenants have their keys, reasons and states");
    is_int(show("id1")->record.suspended, NOW,
           "a key of a suspended tenant shows the time");
    is_str(show("id1")->tenant_reason, "unpaid",
           "a key of a suspended tenant shows the reason");
    is_int(apikey_tenant_suspend(fx.store, "t1", 0, "", &fx.actor, NULL,
                                 fx.pool, &fx.error), APR_SUCCESS,
           "the tenant is resumed");
    is_int(show("id1")->record.suspended, 0,
           "a key of a resumed tenant is not suspended");
    is_str(audited(), "tester resume t1  ", "the audit has the resumption");
    is_int(apikey_tenant_suspend(fx.store, "t1", 0, "", &fx.actor, NULL,
                                 fx.pool, &fx.error), APR_SUCCESS,
           "resuming a tenant a second time is accepted");
    is_int(apikey_tenant_suspend(fx.store, "t1", 1, "a\nb", &fx.actor, NULL,
                                 fx.pool, &fx.error), APIKEY_EREFUSED,
           "a reason with a line end is refused");
}

static void test_scopes(void)
{
    const apikey_change_t other = { .scopes = "a:read a:write" };
    apikey_key_row_t key;
    apikey_fresh_t fresh;

    is_int(apikey_scope_add(fx.store, "a:read", "Read", &fx.actor, NULL,
                            fx.pool, &fx.error), APR_SUCCESS,
           "a scope is added");
    is_int(apikey_scope_add(fx.store, "a:read", "Read all", &fx.actor, NULL,
                            fx.pool, &fx.error), APR_SUCCESS,
           "a scope is described anew");
    is_str(raw_text("SELECT name || ' ' || description FROM apikey_scope"),
           "a:read Read all", "the scope has its new description");
    is_str(audited(), "tester scope-add  a:read {\"description\":\"Read\","
           "\"now\":{\"description\":\"Read all\"}}",
           "the audit has what it was and what it is");
    is_int(apikey_scope_add(fx.store, "a b", "", &fx.actor, NULL, fx.pool,
                            &fx.error), APIKEY_EREFUSED,
           "a scope with a blank is refused");
    is_int(create(&key, &fresh, "acme", "a:read", 0), APR_SUCCESS,
           "a key with a scope of the catalogue is made");
    is_int(create(&key, &fresh, "acme", "a:* *", 0), APR_SUCCESS,
           "a key with wildcards that cover a scope of the catalogue is made");
    is_int(create(&key, &fresh, "fresh", "a:read a:write", 0),
           APIKEY_EREFUSED,
           "a key with a scope that is not in the catalogue is refused");
    is_int(apikey_keys_set(fx.store, "id1", &other, &fx.actor, NULL,
                           fx.pool, &fx.error),
           APIKEY_EREFUSED,
           "a key is not given a scope that is not in the catalogue");
    ok(says("a:write") && says("a:read"),
       "the error names the scope and those of the catalogue: %s", said());
    is_str(raw_text("SELECT COUNT(*) FROM apikey_tenant WHERE tenant = "
                    "'fresh'"), "0", "the refused key has made no tenant");
    is_int(create(&key, &fresh, "acme", "b:*", 0), APIKEY_EREFUSED,
           "a wildcard that covers no scope of the catalogue is refused");
    is_int(create(&key, &fresh, "acme", "", 0), APR_SUCCESS,
           "a key without scopes is made");
    is_int(apikey_scope_remove(fx.store, "a:read", &fx.actor, fx.pool,
                               &fx.error), APR_SUCCESS, "the scope is removed");
    is_int(create(&key, &fresh, "acme", "b", 0), APR_SUCCESS,
           "without a catalogue a key with any scope is made");
}

/* A collation that ignores case finds the row of "Case" for "case", which is
 * another key's id. */
static void test_collation(void)
{
    apikey_key_row_t *key;

    need(raw("ALTER TABLE apikey RENAME TO keep") == 0
         && raw("CREATE VIEW apikey AS SELECT id COLLATE NOCASE AS id, "
                "digest, keyspace, tenant, name, env, scopes, secret_id, "
                "format, prefix, hint, creator, created, expires, revoked, "
                "disabled, lifetime, bits, reason, root, rotated_from, owner, "
                "networks, meta FROM keep") == 0
         && raw("INSERT INTO keep (digest, id, tenant, name) VALUES ('"
                DIGEST_B "', 'Case', 'acme', 'n')") == 0, "no case");
    is_str(raw_text("SELECT id FROM apikey WHERE id = 'case'"), "Case",
           "the database finds the id in another case");
    is_int(apikey_keys_show(fx.store, "case", NULL, &key, fx.pool,
                            &fx.error), APR_NOTFOUND,
           "the store does not find the id in another case");
    is_int(apikey_keys_show(fx.store, "Case", NULL, &key, fx.pool,
                            &fx.error), APR_SUCCESS,
           "the store finds the id in its case");
}

int main(void)
{
    fixture_make();
    test_create();
    test_refused();
    test_change();
    test_states();
    test_not_found();
    test_rotate();
    test_rotate_again(30 * DAY);
    test_rotate_again(0);
    test_rotate_line();
    test_rotate_shape();
    test_rotate_refused();
    test_list();
    test_tenants();
    test_scopes();
    test_collation();
    fixture_remove();
    return done();
}
