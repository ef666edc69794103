# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# httpd removes old rows of apikey_change without any htapikey.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::Process qw(wait_until);

my $day = 86400;

# 1500 changes of each day, so long ago, and an entry of the audit.
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

# With each kind of database, and without a cache, too.
sub removes {
    my ($name, $way, @lines) = @_;
    my ($backend, $site, $key, $id) = scene($name, $way);
    old_rows($backend, 100, 80);
    my ($last) = $backend->sql('SELECT MIN(number) FROM apikey_change WHERE '
                               . 'changed > ' . (time - 90 * $day));
    $site->run(@lines);
    is($site->status($key), 200, 'a key');
    gone($backend, 90, 'what is older than 90 days goes');
    is(older($backend, 79), 1500, 'what is younger stays');
    is($backend->sql('SELECT COUNT(*) FROM apikey_audit WHERE happened < '
                     . (time - 79 * $day)), 2, 'and the audit, which is for '
       . 'htapikey');
    ok(wait_until(60, sub {
        $backend->sql('SELECT pruned FROM apikey_identity') >= $last - 2 }),
       'how far is noted');
    $backend->sql("UPDATE apikey SET revoked = 1 WHERE id = '$id'");
    ok(wait_until(60, sub { $site->status($key) eq 401 }),
       'a revocation is seen, as ever');
    unlike($site->errors, qr/APIKEY028\d/, 'without a complaint');
    $site->stop;
}

for my $case ([ 'sqlite3', 'own' ], [ 'mysql', 'own', 'ApiKeyCache off' ],
              [ 'pgsql', 'mod_dbd' ]) {
    subtest "@$case" => sub { removes(@$case) };
}

# Three databases, which are looked at one after another: when the old rows of
# the others are gone, those beside an ApiKeyQuery would be as well.
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
       'a key by ApiKeyQuery');
    gone($backend, 30, 'with ApiKeyRetention 30 all go');
    gone($longer, 60, 'with 60 the older ones');
    is(older($longer, 49), 1500, 'and no others');
    is(older($strange, 49), 3000, 'beside an ApiKeyQuery none');
    $site->stop;
};

# One process does it: a second one would find nothing in its place.
subtest 'one process at a time' => sub {
    my ($backend, $site) = scene('pgsql', 'own');
    old_rows($backend, (100) x 4);
    $backend->sql('CREATE TABLE steps (rows INTEGER)',
        'CREATE FUNCTION step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN '
        . 'INSERT INTO steps SELECT count(*) FROM gone; RETURN NULL; END $$',
        'CREATE TRIGGER step AFTER DELETE ON apikey_change REFERENCING OLD '
        . 'TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION step()');
    $site->run;
    gone($backend, 90, 'old rows go');
    is($backend->sql('SELECT sum(rows) FROM steps'), 6001,
       'all, with a younger one that stands before them');
    is($backend->sql('SELECT count(*) FROM steps WHERE rows = 0 OR rows > '
                     . '1000'), 0, 'in steps that none has done before');
    $site->stop;
};

# httpd's user lacks a right.
subtest 'a database that httpd only reads' => sub {
    my ($backend, $site, $key, $id) = scene('pgsql', 'own');
    old_rows($backend, 100);
    $backend->sql('CREATE ROLE reader LOGIN',
                  'GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader');
    s/user=postgres/user=reader/ for @{ $site->{lines} };
    $site->run('ApiKeyUsageFlush off');
    ok(wait_until(90, sub { $site->errors =~ /APIKEY0280/ }), 'the log says');
    like($site->errors, qr/APIKEY0280: .*permission denied for table apikey_/,
         'why nothing is removed');
    my $count = $site->counted(sub {
        is($site->status($key), 200, 'keys are looked up') for 1 .. 4;
        is($site->status($site->unknown), 401, 'known or unknown');
    });
    is($count->{Errors}, 0, 'without an error');
    $backend->sql("UPDATE apikey SET revoked = 1 WHERE id = '$id'");
    ok(wait_until(60, sub { $site->status($key) eq 401 }), 'nor a late one');
    is(scalar(() = $site->errors =~ /APIKEY028\d/g), 1, 'it is said once');
    is(older($backend, 90), 1500, 'all is there');
    $site->stop;
};

done_testing;
