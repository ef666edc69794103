# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A message that many requests would log is logged once by all processes
# together, and its end once; faults are limited each by itself.
# t/unit/core_log_limit.c tests the lines after a minute.

use APIKey::Test;
use APIKey::Auth qw(key_digest secrets);
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::ConfigTest;
use APIKey::Faults;
use APIKey::Process qw(wait_until);

my $MANY = 50;

# How often a message is in a log, without the lines after a minute.
sub full {
    my ($log, $number) = @_;
    return scalar grep { !/since the last of these/ }
                  $log =~ /(APIKEY$number: .*)/g;
}

# ---- An outage ----
subtest 'a database that is away' => sub {
    my $backend = backend('pgsql');
    my $site = APIKey::CacheSite->new($backend, 'own');
    $site->init;
    my $key = $site->create;
    $site->run('ApiKeyCache off', 'ApiKeyUsageFlush off');
    is($site->status($key), 200, '200 for a key');
    for my $round (1, 2) {
        my $served = length $site->slurp('children_log');
        $backend->signal($backend->trait('stop'));
        my @answers = map { $_->[0] } $site->load(10, 0, $key, count => $MANY);
        is(join(' ', grep { $_ ne 503 } @answers), '', '503 for all requests');
        my %children = map { $_ => 1 } substr($site->slurp('children_log'),
                                              $served) =~ /^(\d+) 503/mg;
        cmp_ok(scalar keys %children, '>', 1,
               'several processes have answered');
        is(full($site->errors, '0106'), $round,
           "$round lines of APIKEY0106 after outage $round")
            or diag($site->errors);
        unlike($site->errors, qr/APIKEY0310.*APIKEY0106.*APIKEY0310/s,
               'the end of the outage is not logged during it')
            if $round == 1;
        is(full($site->errors, '0310'), $round - 1,
           "the end of outage $round is not logged yet");
        $backend->start;
        my $vain = @answers;
        ok(wait_until(60, sub {
            my $status = $site->status($key);
            $vain++ if $status eq 503;
            return $status eq 200;
        }), '200 once the database is back');
        is($site->status($key), 200, '200 for a key after that') for 1 .. 10;
        is(full($site->errors, '0310'), $round,
           "the end of outage $round is logged once");
        my ($told) = (reverse $site->errors =~ /APIKEY0310: .* and (\d+) req/g);
        is($told, $vain, 'the line has the number of requests that got 503');
    }
    $site->stop;
    is($site->leaks($key), '', 'no key is in the log');
};

# ---- Batches ----
subtest 'uses that cannot be written' => sub {
    my $backend = backend('sqlite3');
    my $site = APIKey::CacheSite->new($backend, 'own');
    $site->init;
    my $key = $site->create;
    $site->run('ApiKeyUsageFlush 1', 'LogLevel warn');
    my $uses = sub {
        return $backend->sql('SELECT COALESCE(SUM(use_count), 0) FROM '
                             . 'apikey_usage');
    };
    my $some = sub {
        my @answers = map { $_->[0] } $site->load(10, 0, $key, count => 10);
        is(join(' ', grep { $_ ne 200 } @answers), '', '200 for all requests');
    };
    $some->();
    ok(wait_until(60, sub { $uses->() == 100 }), 'the uses are written');
    $backend->sql('ALTER TABLE apikey_usage RENAME TO elsewhere');
    $some->() for 1 .. 3;
    ok(wait_until(60, sub { $site->errors =~ /APIKEY0151/ }),
       'APIKEY0151 is logged');
    # Each process tries again.
    sleep 2;
    $backend->sql('ALTER TABLE elsewhere RENAME TO apikey_usage');
    ok(wait_until(60, sub { $uses->() == 400 }),
       'all uses are written once the table is back');
    ok(wait_until(60, sub { $site->errors =~ /APIKEY0152/ }),
       'APIKEY0152 is logged');
    $site->stop;
    is(full($site->errors, $_), 1, "APIKEY$_ is logged once") for qw(0151 0152);
};

# ---- All the others ----
my $site = APIKey::ConfigTest->new;
my $fails = '%{tolower:' x 25 . '%{SERVER_NAME}' . '}' x 25;
my %HOST = (
    main   => '',
    tenant => qq(UseCanonicalName On\nApiKeyTenant "$fails"),
    twice  => 'ApiKeyQuery "SELECT id, tenant FROM apikey, (SELECT 1 AS x '
            . 'UNION ALL SELECT 2) y WHERE digest = %s"',
    hash   => 'ApiKeyQuery "SELECT id, tenant, digest AS hash FROM apikey '
            . 'WHERE digest = %s"',
);
my %HTACCESS = (
    type    => "AuthType ApiKeys\nRequire valid-user",
    missing => "Require apikey-scopes a:b",
    broken  => qq(Require valid-user\n)
             . 'RequestHeader set X-Foo "expr=%{unescape:a%0ab}"',
    more    => qq(Require valid-user\n)
             . 'RequestHeader set X-Bar "expr=%{unescape:a%0ab}"',
);
$site->file("docs/$_/.htaccess", "AuthName R\n$HTACCESS{$_}\n"),
    $site->file("docs/$_/index.html", "A page.\n") for sort keys %HTACCESS;

sub conf {
    return join "\n", '<LocationMatch "^/(?!type)">', 'AuthType ApiKey',
        'AuthName R', 'Require valid-user', '</LocationMatch>',
        '<Location /one>', qq(Require apikey-tenant "$fails"), '</Location>',
        '<Location /two>', qq(Require apikey-tenant "$fails"), '</Location>',
        (map { ("<VirtualHost *>", "ServerName $_.example", '@DATABASE@',
                $HOST{$_}, '<Directory "@DOCS@">', 'AllowOverride All',
                '</Directory>', '</VirtualHost>') } sort keys %HOST),
        '<VirtualHost *>', 'ServerName none.example', '</VirtualHost>';
}

# A key with a row that cannot be exported: its tenant is empty.
sub faulty {
    my $key = $site->create(qw(--scope a:b));
    my $digest = key_digest((secrets("$site->{dir}/secret"))[0], $key);
    system('sqlite3', $site->{db}, "UPDATE apikey SET tenant = '' WHERE "
           . "digest = '$digest'") == 0 or die "sqlite3\n";
    return $key;
}

my $good = $site->create(qw(--scope a:b));
my @faulty = (faulty(), faulty());
# The message, the status, how often it is logged; and what is asked in turns.
my @CASES = (
    [ '0102', 503, 2, [ 'main', '/', $faulty[0] ],
      [ 'main', '/', $faulty[1] ] ],
    [ '0103', 503, 1, [ 'none', '/', 'no-key-of-ours' ] ],
    [ '0107', 403, 1, [ 'tenant', '/', $good ] ],
    [ '0108', 500, 2, [ 'main', '/one', $good ], [ 'main', '/two', $good ] ],
    [ '0120', 503, 1, [ 'twice', '/', $good ] ],
    [ '0191', 500, 1, [ 'main', '/type/', $good ] ],
    [ '0192', 500, 1, [ 'main', '/missing/', $good ] ],
    [ '0210', 200, 2, [ 'main', '/broken/', $good ],
      [ 'main', '/more/', $good ] ],
    [ '0230', 200, 1, [ 'hash', '/', $good ] ],
);
$site->start(conf());
for my $case (@CASES) {
    my ($number, $status, $lines, @asked) = @$case;
    my @got = map { my ($host, $path, $key) = @$_;
                    get($site->port, $path, "Host: $host.example",
                        "X-API-Key: $key")->{status} } (@asked) x $MANY;
    is(join(' ', grep { $_ ne $status } @got), '', "APIKEY$number: $status");
    is(full($site->slurp('error_log'), $number), $lines,
       @got . " requests, $lines of that message") or diag(
        grep { !/:(?:trace\d|debug)\]/ } split /^/, $site->slurp('error_log'));
}
$site->stop;
is($site->leaks($good, @faulty), '', 'no key is in the log');

# ---- Without shared memory, and without a digest ----
my $faults = APIKey::Faults->new($site);
$faults->set(no_shm => 1);
my $from = length $site->slurp('error_log');
my $told = sub { full(substr($site->slurp('error_log'), $from), $_[0]) };
$site->start(conf());
$faults->set(no_digest => 1);
is(join(' ', map { get($site->port, '/', 'Host: main.example',
                       "X-API-Key: $good")->{status} } 1 .. $MANY),
   join(' ', (503) x $MANY),
   '503 for all requests where no digest can be computed');
# With prefork each process answers some of the requests, or none.
my $most = run_info()->{mpm} eq 'prefork' ? 8 : 1;
ok($told->('0104') >= 1 && $told->('0104') <= $most,
   'without shared memory each process logs it once')
    or diag($told->('0104'));
$site->stop;
$faults->set(no_shm => 0);
$faults->set(no_digest => 0);
$from = length $site->slurp('error_log');
$site->start(conf());
$faults->set(no_digest => 1);
get($site->port, '/', 'Host: main.example', "X-API-Key: $good") for 1 .. $MANY;
is($told->('0104'), 1, 'with shared memory all processes together log it once');
$site->stop;
$faults->set(no_digest => 0);

# ---- LogLevel ----
# A message below the LogLevel is not counted by the limit.
$site->start(join "\n", 'LogLevel trace1', conf(), '<Location /quiet>',
             'LogLevel crit', '</Location>');
my $before = length $site->slurp('error_log');
for my $path ('/quiet', '/') {
    is(get($site->port, $path, 'Host: main.example',
           "X-API-Key: $faulty[0]")->{status}, 503, "$path: 503");
    is(full(substr($site->slurp('error_log'), $before), '0102'),
       $path eq '/' ? 1 : 0,
       $path eq '/' ? 'APIKEY0102 is logged where LogLevel allows it'
                    : 'APIKEY0102 is not logged below LogLevel');
}
$site->stop;

done_testing;
