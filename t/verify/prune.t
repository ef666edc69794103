# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# httpd removes old rows of apikey_change by itself, without htapikey.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::Process qw(wait_until);

my $day = 86400;

# 1500 changes and an audit entry for each age, in days.
sub old_rows {
    my ($backend, @days) = @_;
    my $digest = 'a' x 64;
    my ($ten, $more) = map { join ' UNION ALL ', ('SELECT 1 AS a') x $_ }
                       10, 15;
    for my $at (map { time - $_ * $day } @days) {
        $backend->sql('INSERT INTO apikey_change (kind, value, changed) '
                      . "SELECT 'digest', '$digest', $at FROM ($ten) x "
                      . "CROSS JOIN ($ten) y CROSS JOIN ($more) z",
                      'INSERT INTO apikey_audit (happened, who, action) '
                      . "VALUES ($at, 'me', 'x')");
    }
}

sub older {
    my ($backend, $days) = @_;
    my $before = time - $days * $day;
    return scalar $backend->sql('SELECT COUNT(*) FROM apikey_change '
                                . "WHERE changed < $before");
}

sub gone {
    my ($backend, $days, $what) = @_;
    ok(wait_until(90, sub { !older($backend, $days) }), $what)
        or diag older($backend, $days);
}

sub scene {
    my ($name, $way) = @_;
    my $backend = backend($name);
    my $site = APIKey::CacheSite->new($backend, $way);
    $site->init;
    my ($key, $row, $id) = $site->planned_key;
    $backend->sql($row, "UPDATE apikey_identity SET kept_since = 1000");
    return ($backend, $site, $key, $id);
}

# With each kind of database, once without a cache.
sub removes {
    my ($name, $way, @lines) = @_;
    my ($backend, $site, $key, $id) = scene($name, $way);
    old_rows($backend, 100, 80);
    my ($last) = $backend->sql('SELECT MIN(number) FROM apikey_change WHERE '
                               . 'changed > ' . (time - 90 * $day));
    $site->run(@lines);
    is($site->status($key), 200, '200 for a key');
    gone($backend, 90, 'changes older than 90 days are removed');
    is(older($backend, 79), 1500, 'younger changes stay');
    is($backend->sql('SELECT COUNT(*) FROM apikey_audit WHERE happened < '
                     . (time - 79 * $day)), 2,
       'old audit entries stay, since htapikey alone removes them');
    ok(wait_until(60, sub {
        $backend->sql('SELECT pruned FROM apikey_identity') >= $last - 2 }),
       'the number of the last removed change is stored');
    $backend->sql("UPDATE apikey SET revoked = 1 WHERE id = '$id'");
    ok(wait_until(60, sub { $site->status($key) eq 401 }),
       '401 after a revocation');
    unlike($site->errors, qr/APIKEY028\d/, 'no error is logged');
    $site->stop;
}

for my $case ([ 'sqlite3', 'own' ], [ 'mysql', 'own', 'ApiKeyCache off' ],
              [ 'pgsql', 'mod_dbd' ]) {
    subtest "@$case" => sub { removes(@$case) };
}

# Three databases, which are looked at one after the other: when the old rows
# of the first two are gone, those of the one with an ApiKeyQuery would be
# gone, too.
subtest 'what is not to be removed' => sub {
    my ($backend, $site) = scene('sqlite3', 'own');
    my ($longer, $beside) = scene('sqlite3', 'own');
    my ($strange, $third, $key) = scene('sqlite3', 'own');
    old_rows($_, 100, 50) for $backend, $longer, $strange;
    my @ports = map { APIKey::ConfigTest::free_port() } 1, 2;
    my $host = sub {
        my ($port, $of, @lines) = @_;
        return ("Listen 127.0.0.1:$port", "<VirtualHost 127.0.0.1:$port>",
                $of->database_lines =~ s/^DBD/ApiKeyDBD/mgr, @lines,
                '</VirtualHost>');
    };
    $site->run('ApiKeyRetention 30',
        $host->($ports[0], $third, 'ApiKeyRetention 1',
                'ApiKeyQuery "SELECT id, tenant FROM apikey WHERE digest = '
                . '%s"'),
        $host->($ports[1], $beside, 'ApiKeyRetention 60'));
    is(get($ports[0], '/api/', "X-API-Key: $key")->{status}, 200,
       '200 for a key by ApiKeyQuery');
    gone($backend, 30,
         'with ApiKeyRetention 30 changes older than 30 days are removed');
    gone($longer, 60,
         'with ApiKeyRetention 60 changes older than 60 days are removed');
    is(older($longer, 49), 1500,
       'with ApiKeyRetention 60 younger changes stay');
    is(older($strange, 49), 3000, 'with an ApiKeyQuery no changes are removed');
    $site->stop;
};

# One process does it: a second one would find no rows left in a step.
subtest 'one process at a time' => sub {
    my ($backend, $site) = scene('pgsql', 'own');
    old_rows($backend, (100) x 4);
    $backend->sql('CREATE TABLE steps (rows INTEGER)',
        'CREATE FUNCTION step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN '
        . 'INSERT INTO steps SELECT count(*) FROM gone; RETURN NULL; END $$',
        'CREATE TRIGGER step AFTER DELETE ON apikey_change REFERENCING OLD '
        . 'TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION step()');
    $site->run;
    gone($backend, 90, 'old changes are removed');
    is($backend->sql('SELECT sum(rows) FROM steps'), 6001,
       'all old changes are removed, and a younger one between them');
    is($backend->sql('SELECT count(*) FROM steps WHERE rows = 0 OR rows > '
                     . '1000'), 0,
       'no step is empty, none removes more than 1000 rows');
    $site->stop;
};

# httpd's database user may not delete.
subtest 'a database that httpd only reads' => sub {
    my ($backend, $site, $key, $id) = scene('pgsql', 'own');
    old_rows($backend, 100);
    $backend->sql('CREATE ROLE reader LOGIN',
                  'GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader');
    s/user=postgres/user=reader/ for @{ $site->{lines} };
    $site->run('ApiKeyUsageFlush off');
    ok(wait_until(90, sub { $site->errors =~ /APIKEY0280/ }),
       'APIKEY0280 is logged');
    like($site->errors, qr/APIKEY0280: .*permission denied for table apikey_/,
         "the line has the database's reason");
    my $count = $site->counted(sub {
        is($site->status($key), 200, '200 for a key') for 1 .. 4;
        is($site->status($site->unknown), 401, '401 for an unknown key');
    });
    is($count->{Errors}, 0, 'no look-up fails');
    $backend->sql("UPDATE apikey SET revoked = 1 WHERE id = '$id'");
    ok(wait_until(60, sub { $site->status($key) eq 401 }),
       '401 after a revocation');
    is(scalar(() = $site->errors =~ /APIKEY028\d/g), 1,
       'the line is logged once');
    is(older($backend, 90), 1500, 'all old changes are still there');
    $site->stop;
};

done_testing;
