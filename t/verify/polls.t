# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Which process polls, and what is cached while none can: children that serve a
# few connections each, a second database that is frozen, changes that cannot
# be read, rows that cannot be used.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::Process qw(wait_until);
use Time::HiRes qw(sleep time);

my $QUERY = 'ApiKeyQuery "SELECT id, tenant, name, scopes, expires, revoked, '
    . 'disabled FROM apikey WHERE digest = %s"';
my $CHANGES = 'ApiKeyChangesQuery "SELECT number, value FROM seen '
    . 'WHERE number > CAST(%s AS INTEGER)"';
my $VIEW = 'CREATE VIEW seen AS SELECT * FROM apikey_change';

my ($site, $backend, $key, $row, $id);

sub scene {
    my (@lines) = @_;
    $backend = backend('sqlite3');
    $site = APIKey::CacheSite->new($backend, 'own');
    $site->init;
    ($key, $row, $id) = $site->planned_key;
    $backend->sql($row, $VIEW);
    $site->run('LogLevel warn apikey:info', @lines);
}

# The age of each database's last poll in milliseconds; -1: there was none.
sub ages {
    my $page = get($site->port, '/server-status?auto')->{body};
    return sort { $a <=> $b } $page =~ /PollAge: (-?\d+)$/mg;
}

sub begin {
    scene(@_);
    ok(wait_until(60, sub { (ages())[0] >= 0 }), 'the first poll ends');
}

# The statuses of five requests, and their hits, look-ups and stale records.
sub five {
    my @said;
    my $count = $site->counted(sub {
        push @said, $site->status($key) for 1 .. 5;
    });
    my %seen = map { $_ => 1 } @said;
    return join(' ', sort keys %seen) . ': '
        . join ' ', map { $count->{$_} } qw(Hits Lookups StaleServed);
}

sub set {
    my ($what) = @_;
    $backend->sql("UPDATE apikey SET $what WHERE id = '$id'");
}

sub changes_end {
    $backend->sql('DROP VIEW seen');
    ok(wait_until(60, sub { five() =~ /: 0 5/ }),
       'keys are looked up while changes cannot be read');
    ok(wait_until(60, sub {
        $site->errors =~ /APIKEY0145: .*no such table: seen/ }),
       'APIKEY0145 is logged');
    ok(wait_until(60, sub { five() =~ /: 0 5/ }),
       'keys are still looked up after that');
    is(scalar(() = $site->errors =~ /APIKEY0145: (?!\d+ more )/g), 1,
       'all processes together log APIKEY0145 once');
}

sub changes_begin {
    $backend->sql($VIEW);
    ok(wait_until(60, sub { five() =~ /: 5 0/ }),
       'keys are cached once changes can be read');
    ok(wait_until(60, sub { $site->errors =~ /APIKEY0146/ }),
       'APIKEY0146 is logged');
    is(scalar(() = $site->errors =~ /APIKEY0146/g), 1,
       'APIKEY0146 is logged once');
}

# Each child ends before its watchdog has run.
sub short_lives {
    scene('MaxConnectionsPerChild 2', 'ApiKeyCacheTTL 600 600',
          '<IfModule mpm_prefork_module>', 'StartServers 4', 'ServerLimit 4',
          'MaxRequestWorkers 4', 'MaxSpareServers 4', '</IfModule>');
    $site->status($key);
    # Without polls, each of the twelve requests is a look-up.  A round in which
    # the machine let a poll be late proves nothing, and is repeated.
    my ($began, $count);
    for (1 .. 20) {
        $began = time;
        $count = $site->counted(sub {
            is($site->status($key), 200, '200 for a key') for 1 .. 12;
        });
        last if $count->{Lookups} <= 2;
    }
    cmp_ok(time - $began, '>', 1.5, 'children have ended meanwhile');
    cmp_ok($count->{Lookups}, '<=', 2,
           'nearly all requests were served from the cache');
    set('revoked = 1');
    ok(wait_until(60, sub { $site->status($key) eq 401 }),
       '401 after a revocation');
    is($site->status($key), 401, '401 again after that') for 1 .. 3;
}

# While changes cannot be read, each request asks the database: an unknown key
# gets 401, and a key with a row that cannot be used gets 503.
sub unreadable {
    begin($QUERY, $CHANGES, 'ApiKeyCacheTTL 600 600',
          'ApiKeyRevocationPoll 200');
    five();
    is(five(), '200: 5 0 0', 'a key is served from the cache');
    changes_end();
    is(five(), '200: 0 5 0',
       'each request is a look-up while changes cannot be read')
        or diag($site->errors);
    set('revoked = 1');
    is(five(), '401: 0 5 0', '401 at once after a revocation');
    $backend->sql('DROP TRIGGER apikey_text_update');
    set("revoked = 0, tenant = 'a' || char(10)");
    is(five(), '503: 0 5 0', '503 for a tenant that cannot be exported, '
       . 'although a record of the key was cached');
    like($site->errors, qr/APIKEY0102/, 'APIKEY0102 is logged');
    set("tenant = 'acme'");
    changes_begin();
    set("tenant = 'a' || char(10)");
    ok($site->polled, 'the change is read');
    is(five(), '503: 0 5 0',
       '503 for a row that cannot be used, which is not cached');
    set("tenant = 'acme'");
    is($site->status($key), 200, '200 at once for the corrected row');
}

# The file is moved away, so that each look-up fails at once.
sub limits {
    my $port = APIKey::ConfigTest::free_port();
    begin('ApiKeyCacheTTL 1 1', 'ApiKeyRevocationPoll 200',
          'ApiKeyStaleLimit 3', "Listen 127.0.0.1:$port",
          "<VirtualHost 127.0.0.1:$port>", $QUERY, '</VirtualHost>');
    my $file = $backend->{file};
    my $both = sub {
        return $site->status($key) . ' '
            . get($port, '/api/', "X-API-Key: $key")->{status};
    };
    my $sleep = sub { my $end = time + $_[0]; sleep 0.01 while time < $end };
    my $away = sub { rename $file, "$file.away" or die $! };
    my $back = sub {
        rename "$file.away", $file or die $!;
        is($both->(), '200 200',
           '200 through both servers, which have a key cached');
    };
    # A round in which this test was too slow is repeated.
    my $said;
    $away->();
    for (1 .. 20) {
        $back->();
        $away->();
        $sleep->(1.4);
        last if ($said = $both->()) eq '200 200';
    }
    is($said, '200 200', '200 through both servers for a record that was '
       . 'current at the last poll or is not older than ApiKeyStaleLimit');
    $sleep->(1.8);
    is($both->(), '503 503', '503 through both servers after ApiKeyStaleLimit');
    for (1 .. 20) {
        $back->();
        $sleep->(1.5);
        my $seen = (ages())[0] < 600 ? 'seen' : 'not seen';
        $away->();
        last if ($said = "$seen " . $both->()) eq 'seen 503 200';
    }
    is($said, 'seen 503 200', '503 through the server whose record had '
       . 'expired at the last poll, 200 through the other');
    rename "$file.away", $file or die $!;
    like($site->errors, qr/APIKEY0143/, 'APIKEY0143 is logged for the server '
         . 'whose records TTLs alone bound');
}

# Two databases of one child, of which one cannot be read.
sub neighbour {
    my $other = APIKey::CacheSite->new(backend('sqlite3'), 'own');
    $other->init;
    $other->{backend}->sql('PRAGMA journal_mode = DELETE');
    $other->open_file;
    my $port = APIKey::ConfigTest::free_port();
    begin('<IfModule !mpm_prefork_module>', 'StartServers 1', 'ServerLimit 1',
          'MaxRequestWorkers 8', 'MaxSpareThreads 8', '</IfModule>',
          "Listen 127.0.0.1:$port", "<VirtualHost 127.0.0.1:$port>",
          $other->database_lines =~ s/^DBD/ApiKeyDBD/mgr, '</VirtualHost>');
    my $writer = $other->{backend}->session;
    $writer->run('BEGIN EXCLUSIVE');
    # If one poll waited for the other, it would end every 1.5 seconds at best.
    # Ages seen while the machine stands still prove nothing: there must be a
    # longer time in which the other database is polled as always.
    my ($last, $from) = (time);
    ok(wait_until(60, sub {
        my ($one, $two) = ages();
        undef $from if $one > 1200 || time - $last > 0.25;
        $last = time;
        $from //= $two;
        return $two - $from > 1600;
    }), 'one database is not polled for a while, the other is as always');
    $writer->run('ROLLBACK');
    $writer->close;
}

for my $case ([ 'children that live for two connections', \&short_lives ],
              [ 'a second database that is frozen', \&neighbour ],
              [ 'changes that cannot be read', \&unreadable ],
              [ 'how long records are used', \&limits ]) {
    subtest $case->[0] => sub {
        $case->[1]->();
        $site->stop;
    };
}

done_testing;
