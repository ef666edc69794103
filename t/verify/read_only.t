# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A database that httpd cannot write to: look-ups, cache and revocations work,
# uses are not written, and one line in the log says so.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::Process qw(wait_until);

my $TABLES = 'apikey, apikey_tenant, apikey_change, apikey_identity, '
           . 'apikey_usage, apikey_audit';

sub grants {
    my ($backend, $what) = @_;
    return map { "GRANT $what ON $backend->{database}.$_ TO reader\@localhost" }
           split /, /, $TABLES;
}

# A title, the database, the SQL that limits httpd's user there, and what is to
# be logged.
my @cases = (
    [ 'PostgreSQL, a role with SELECT alone', 'pgsql', sub {
        'CREATE ROLE reader LOGIN', "GRANT SELECT ON $TABLES TO reader"
    }, qr/permission denied for/ ],
    [ 'PostgreSQL through ODBC', 'odbc_pgsql', sub {
        "ALTER DATABASE $_[0]{database} SET default_transaction_read_only = on"
    }, qr/in a read-only transaction/ ],
    [ 'MariaDB, a user with SELECT alone', 'mysql', sub {
        'CREATE USER reader@localhost', grants($_[0], 'SELECT')
    }, qr/command denied to user/ ],
    [ 'MariaDB that is read_only', 'mysql', sub {
        'CREATE USER reader@localhost',
        grants($_[0], 'SELECT, INSERT, UPDATE, DELETE'),
        'SET GLOBAL read_only = 1'
    }, qr/--read-only/ ],
);

my ($backend, $site, $key, $row, $id);

sub logged {
    my ($number) = @_;
    return scalar(() = $site->errors =~ /\Q$number\E/g);
}

sub scene {
    my ($name, $give, $says) = @_;
    $backend = backend($name);
    $site = APIKey::CacheSite->new($backend, 'own');
    $site->init;
    ($key, $row, $id) = $site->planned_key;
    $backend->sql($row, $give->($backend));
    s/user=(?:postgres|root)/user=reader/ for @{ $site->{lines} };
    $site->run('ApiKeyCacheTTL 600 600', 'ApiKeyRevocationPoll 200',
               'ApiKeyUsageFlush 1', 'LogLevel warn apikey:info');
    ok($site->polled, 'changes are read');
    is($site->status($key), 200, '200 for a key') for 1 .. 3;
    my $count = $site->counted(sub { $site->status($key) for 1 .. 5 });
    is("$count->{Hits} $count->{Lookups}", '5 0', 'the key is cached');
    ok(wait_until(60, sub { logged('APIKEY0296') }),
       'APIKEY0296 is logged: uses cannot be written');
    like($site->errors, qr/APIKEY0296: .*$says/,
         "the line has the database's reason");
}

# The processes end while they have uses that are not written.
sub ends {
    $site->status($key) for 1 .. 20;
    $site->stop;
    cmp_ok(logged('APIKEY0296'), '<=', $site->least,
           'each process logs APIKEY0296 once');
    is($backend->sql('SELECT COUNT(*) FROM apikey_usage'), 0,
       'no use is written');
    is(logged('APIKEY015') + logged('APIKEY0145') + logged('APIKEY0106'), 0,
       'nothing else is logged') or diag $site->errors;
}

# Another history, in which the key is revoked, with the same last number.
sub restored {
    $backend->sql('BEGIN', "UPDATE apikey SET revoked = 1 WHERE id = '$id'",
                  'COMMIT', 'DELETE FROM apikey_change WHERE number < '
                  . '(SELECT MAX(number) FROM apikey_change)',
                  'UPDATE apikey_change SET number = number - 1, kind = '
                  . "'tenant', value = 'x'");
    ok(wait_until(60, sub { $site->status($key) eq 401 }),
       '401 for a key that is revoked in another history');
    ok(wait_until(60, sub { logged('APIKEY0293') }), 'APIKEY0293 is logged')
        or diag $site->errors;
    is(logged('APIKEY0294'), 1,
       'APIKEY0294 is logged once: no epoch can be written');
    is($site->status($key), 401, '401 for the revoked key again');
    my $count = $site->counted(sub { $site->status($key) for 1 .. 5 });
    is($count->{Hits}, 5, 'the key is served from the cache after that');
}

for my $case (@cases) {
    my ($title, @scene) = @$case;
    subtest $title => sub {
        scene(@scene);
        restored() if $title =~ /SELECT/;
        ends();
        undef $site;
        undef $backend;
    };
}

done_testing;
