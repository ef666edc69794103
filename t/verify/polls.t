# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Which process polls, and what is cached while none can: children that serve a
# few connections only, a second database that is frozen, changes that cannot be
# read, rows that cannot be used.

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

# The age of the last poll of each database, milliseconds; -1: none.
sub ages {
    my $page = get($site->port, '/server-status?auto')->{body};
    return sort { $a <=> $b } $page =~ /PollAge: (-?\d+)$/mg;
}

sub begin {
    scene(@_);
    ok(wait_until(60, sub { (ages())[0] >= 0 }), 'the first poll');
}

# What five requests say, and what they cost: hits, look-ups, stale.
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
    ok(wait_until(60, sub { five() =~ /: 0 5/ }), 'changes cannot be read');
    ok(wait_until(60, sub {
        $site->errors =~ /APIKEY0145: .*no such table: seen/ }), 'it is told');
    ok(wait_until(60, sub { five() =~ /: 0 5/ }), 'and still so');
    is(scalar(() = $site->errors =~ /APIKEY0145: (?!\d+ more )/g), 1,
       'once, by however many processes');
}

sub changes_begin {
    $backend->sql($VIEW);
    ok(wait_until(60, sub { five() =~ /: 5 0/ }), 'they are read again');
    ok(wait_until(60, sub { $site->errors =~ /APIKEY0146/ }), 'it is told');
    is(scalar(() = $site->errors =~ /APIKEY0146/g), 1, 'once');
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
            is($site->status($key), 200, 'a request') for 1 .. 12;
        });
        last if $count->{Lookups} <= 2;
    }
    cmp_ok(time - $began, '>', 1.5, 'children came and went');
    cmp_ok($count->{Lookups}, '<=', 2, 'the cache was true all the time');
    set('revoked = 1');
    ok(wait_until(60, sub { $site->status($key) eq 401 }), 'a revocation');
    is($site->status($key), 401, 'is seen for good') for 1 .. 3;
}

# While changes cannot be read, the database is asked; a row that it has not
# is one thing, a row that nobody can be given another.
sub unreadable {
    begin($QUERY, $CHANGES, 'ApiKeyCacheTTL 600 600',
          'ApiKeyRevocationPoll 200');
    five();
    is(five(), '200: 5 0 0', 'a key is known');
    changes_end();
    is(five(), '200: 0 5 0', 'each request asks the database') or diag($site->errors);
    set('revoked = 1');
    is(five(), '401: 0 5 0', 'which says at once what is revoked');
    $backend->sql('DROP TRIGGER apikey_text_update');
    set("revoked = 0, tenant = 'a' || char(10)");
    is(five(), '503: 0 5 0', 'a tenant that no header can carry: not even '
       . 'what was known before is given');
    like($site->errors, qr/APIKEY0102/, 'it is told');
    set("tenant = 'acme'");
    changes_begin();
    set("tenant = 'a' || char(10)");
    ok($site->polled, 'it is seen');
    is(five(), '503: 0 5 0', 'such a row is never kept');
    set("tenant = 'acme'");
    is($site->status($key), 200, 'corrected, it is good at once');
}

# The file is moved away: all errors come at once.
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
        is($both->(), '200 200', 'the database is there, a key is known');
    };
    # A round in which the test itself was too slow is repeated.
    my $said;
    $away->();
    for (1 .. 20) {
        $back->();
        $away->();
        $sleep->(1.4);
        last if ($said = $both->()) eq '200 200';
    }
    is($said, '200 200', 'what held when the database was last seen, '
       . 'or is not older than ApiKeyStaleLimit');
    $sleep->(1.8);
    is($both->(), '503 503', 'but not beyond');
    for (1 .. 20) {
        $back->();
        $sleep->(1.5);
        my $seen = (ages())[0] < 600 ? 'seen' : 'not seen';
        $away->();
        last if ($said = "$seen " . $both->()) eq 'seen 503 200';
    }
    is($said, 'seen 503 200', 'it was looked at: what did not hold any more '
       . 'then, does not now');
    rename "$file.away", $file or die $!;
    like($site->errors, qr/APIKEY0143/, 'that TTLs alone bound one of them, '
         . 'httpd has said when it started');
}

# Of one child's two databases, one takes no reader.
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
    # Where one waited for the other, it would be seen each 1.5 seconds at best.
    # What a machine that stands still makes of its ages proves nothing: at some
    # time it is seen as ever for longer than that.
    my ($last, $from) = (time);
    ok(wait_until(60, sub {
        my ($one, $two) = ages();
        undef $from if $one > 1200 || time - $last > 0.25;
        $last = time;
        $from //= $two;
        return $two - $from > 1600;
    }), 'one is not seen for a while, the other is, as ever');
    $writer->run('ROLLBACK');
    $writer->close;
}

for my $case ([ 'children that live for two connections', \&short_lives ],
              [ 'a database beside that is frozen', \&neighbour ],
              [ 'changes that cannot be read', \&unreadable ],
              [ 'how long what is known holds', \&limits ]) {
    subtest $case->[0] => sub {
        $case->[1]->();
        $site->stop;
    };
}

done_testing;
