# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Very many changes at once, and polls that take long: keys are looked up all
# the while, and revoked keys are refused.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::Process qw(wait_until);

my $MANY = 20_000;

# More changes than a poll reads one by one, and then the revocation of a key,
# in one transaction.
my %SERIES = (
    sqlite3 => "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM "
             . "n WHERE i < $MANY) SELECT 'digest', '%s', 2000000000 FROM n",
    pgsql   => "SELECT 'digest', '%s', 2000000000 FROM "
             . "generate_series(1, $MANY)",
    mysql   => "SELECT 'digest', '%s', 2000000000 FROM seq_1_to_$MANY",
);

sub scene {
    my ($name, $way, @lines) = @_;
    my $backend = backend($name);
    my $site = APIKey::CacheSite->new($backend, $way);
    $site->init;
    my ($key, $row, $id) = $site->planned_key;
    $backend->sql($row);
    return ($backend, $site, $key, $id);
}

sub changes {
    my ($name) = @_;
    my ($backend, $site, $key, $id) = scene($name, 'own');
    my $digest = 'b' x 64;
    my $before = $backend->sql('SELECT COUNT(*) FROM apikey_change');
    $site->run('ApiKeyCacheTTL 600 600', 'LogLevel warn');
    is($site->status($key), 200, '200 for a key, which is cached');
    my @watches = map { $site->watch(2, $_) } $key, $site->unknown;
    $backend->sql('BEGIN', 'INSERT INTO apikey_change (kind, value, changed) '
                  . sprintf($SERIES{$name}, $digest),
                  "UPDATE apikey SET revoked = 1 WHERE id = '$id'", 'COMMIT');
    ok(wait_until(60, sub { $site->status($key) eq 401 }),
       '401 for the key whose revocation is the last change');
    is($backend->sql('SELECT COUNT(*) FROM apikey_change') - $before,
       $MANY + 1, 'all changes are in the database');
    ok(wait_until(60, sub { (() = $site->seen($watches[0])) > 40 }),
       'clients have asked more than 40 times');
    $site->unwatch($_) for @watches;
    my @seen = map { $_->[1] } $site->seen($watches[0]);
    is(join(' ', grep { !/^(?:200|401)$/ } @seen), '',
       'each request got 200 or 401');
    unlike($site->errors, qr/APIKEY0106/, 'no look-up failed');
    $site->stop;
}

for my $name (sort keys %SERIES) {
    subtest "$MANY changes at once: $name" => sub { changes($name) };
}

# Each poll takes longer than a look-up may; all requests go to one process.
subtest 'polls that take long' => sub {
    my ($backend, $site, $key, $id) = scene('pgsql', 'own');
    $backend->sql('CREATE TABLE nap (s INTEGER)', 'INSERT INTO nap VALUES (0)',
        'CREATE FUNCTION seen(since BIGINT) RETURNS TABLE (number BIGINT, '
        . 'value TEXT) LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(s) FROM '
        . 'nap; RETURN QUERY SELECT c.number, c.value::text FROM '
        . 'apikey_change c WHERE c.number > since; END $$');
    my @keys = map {
        my ($other, $row) = $site->planned_key;
        $backend->sql($row);
        $other;
    } 1 .. 16;
    $site->run('ApiKeyCacheTTL 600 600', 'LogLevel warn', 'ApiKeyQuery '
        . '"SELECT id, tenant, name, scopes, expires, revoked, disabled FROM '
        . 'apikey WHERE digest = %s"', 'ApiKeyChangesQuery "SELECT number, '
        . 'value FROM seen(CAST(%s AS BIGINT))"', '<IfModule '
        . '!mpm_prefork_module>', 'StartServers 1', 'ServerLimit 1',
        'MaxRequestWorkers 8', 'MaxSpareThreads 8', '</IfModule>');
    ok($site->polled, 'a poll ends');
    is($site->status($key), 200, '200 for a key');
    $backend->sql('UPDATE nap SET s = 5');
    ok(wait_until(60, sub { $site->counters->{PollAge} > 2500 }),
       'no poll ends for 2.5 seconds');
    my @said = map { $site->status($_) } @keys, $site->unknown;
    is("@said", join(' ', (200) x 16, 401),
       '200 for sixteen keys and 401 for an unknown one meanwhile');
    $backend->sql("UPDATE apikey SET revoked = 1 WHERE id = '$id'");
    is($site->status($key), 401, '401 at once for a revoked key');
    ok(wait_until(60, sub { $site->counters->{PollAge} > 6000 }),
       'no poll ends for 6 seconds');
    is(join(' ', map { $site->status($_) } @keys), join(' ', (200) x 16),
       '200 for all keys');
    unlike($site->errors, qr/APIKEY0106/, 'no look-up fails');
    $backend->sql('UPDATE nap SET s = 0');
    ok($site->polled || $site->polled, 'polls end again');
    my $count = $site->counted(sub { $site->status($keys[0]) for 1 .. 5 });
    cmp_ok($count->{Hits}, '>', 0, 'keys are served from the cache again');
    $site->stop;
};

done_testing;
