# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Look-ups are held in the database while others wait and keys change: in
# PostgreSQL a select can be stopped after it has read its row.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::Process qw(wait_until);
use Time::HiRes qw(sleep time);

my $CHANGES = 'ApiKeyChangesQuery "SELECT number, value FROM apikey_change '
    . 'WHERE number > CAST(%s AS BIGINT)"';
my $backend = backend('pgsql');
my $site = APIKey::CacheSite->new($backend, 'own');
$site->init;
my $holder = $backend->session;

# While a session has the lock 7, a look-up waits for it after it has read its
# row. On a second port cached records are used for a second only.
my $brief = APIKey::ConfigTest::free_port();
$site->run('ApiKeyCache shmcb', 'ApiKeyCacheTTL 600 600',
    "Listen 127.0.0.1:$brief", "<VirtualHost 127.0.0.1:$brief>",
    'ApiKeyCacheTTL 1 1', '</VirtualHost>',
    'ApiKeyRevocationPoll 100', $CHANGES,
    'ApiKeyQuery "SELECT k.id, k.tenant, k.name, k.scopes, k.expires, '
    . 'k.revoked, k.disabled, (SELECT COUNT(*) FROM (SELECT '
    . 'pg_advisory_xact_lock_shared(7)) l WHERE k.id IS NOT NULL) AS held '
    . 'FROM apikey k WHERE k.digest = %s"');
my ($key, $row, $id) = $site->planned_key(expires => int(time) + 9999);
$backend->sql($row);
ok($site->polled, 'the first poll ends');

# Starts `$clients` look-ups that are held; returns what releases them and
# collects their statuses.
sub held {
    my ($clients) = @_;
    $holder->run('SELECT pg_advisory_lock(7)');
    my @clients = map { $site->client(0, $key) } 1 .. $clients;
    wait_until(60, sub { $backend->waiting > 0 }) or die 'nobody waits';
    return sub {
        $holder->run('SELECT pg_advisory_unlock(7)');
        map { $_->[0] } map { $site->collect($_) } @clients;
    };
}

# The status of a request that asked before a revocation and is answered after
# the revocation was read.
sub overtaken {
    $backend->sql("UPDATE apikey SET revoked = 0 WHERE id = '$id'");
    $site->polled;
    my $last = $site->counters->{LastNumber};
    my $release = held(1);
    $backend->sql("UPDATE apikey SET revoked = 1 WHERE id = '$id'");
    ok(wait_until(60, sub { $site->counters->{LastNumber} > $last }),
       'the revocation has been read');
    return join ' ', $release->();
}

# All this within the 1.5 seconds that a look-up has: one that was given up
# proves nothing, and is repeated.
subtest 'a look-up that begins before and ends after a revocation' => sub {
    for my $round (1 .. 3) {
        my $answer;
        for (1 .. 20) {
            last if ($answer = overtaken()) ne '503';
        }
        is($answer, 200,
           '200 for the request that asked before the revocation');
        my $count = $site->counted(sub {
            is($site->status($key), 401, '401 for the next request');
        });
        is($count->{Lookups}, 1,
           'the record read before the revocation was not used');
        is($site->status($key), 401, '401 again after that');
    }
};

# A round in which the machine stands still, so that the look-up's 1.5 seconds
# or the second port's second are over, proves nothing and is repeated.
subtest 'a look-up that takes longer than ApiKeyCacheTTL' => sub {
    my @round;
    my $lookups = sub {
        my ($port) = @_;
        return $site->counted(sub { get($port, '/api/', "X-API-Key: $key") })
               ->{Lookups};
    };
    for (1 .. 20) {
        $backend->sql("UPDATE apikey SET revoked = 0, expires = expires + 1 "
                      . "WHERE id = '$id'");
        $site->polled;
        my $began = time;
        my $release = held(1);
        sleep 0.01 while time < $began + 1.1;
        @round = ($release->(), map { $lookups->($_) } $site->port, $brief,
                                                       $brief);
        last if "@round" eq '200 0 1 0';
    }
    is("@round", '200 0 1 0', 'a record is cached, its age counts from the '
       . 'start of the look-up, and that of the next look-up is less');
};

# A request waits for another's look-up for 0.4 seconds; a round in which this
# test took longer proves nothing and is repeated.
subtest 'many ask for one key at once' => sub {
    my ($took, @answers, $count);
    for (1 .. 60) {
        $backend->sql("UPDATE apikey SET revoked = 0, expires = expires + 1 "
                      . "WHERE id = '$id'");
        $site->polled;
        $holder->run('SELECT pg_advisory_lock(7)');
        $count = $site->counted(sub {
            my $began = time;
            my @clients = map { $site->client(0, $key) } 1 .. 10;
            sleep 0.1;
            $holder->run('SELECT pg_advisory_unlock(7)');
            $took = time - $began;
            @answers = map { $_->[0] } map { $site->collect($_) } @clients;
        });
        last if $took < 0.35 && $count->{Misses} > 5;
    }
    is("@answers", join(' ', (200) x 10), '200 for all ten');
    is($count->{Lookups}, 1, 'the database is asked once');
    cmp_ok($count->{Misses}, '>', 5,
           'more than five of them did not find it in the cache');
};

subtest 'the process that asks is killed' => sub {
    $backend->sql("UPDATE apikey SET disabled = 0 WHERE id = '$id'");
    $site->polled;
    my $release = held(1);
    my ($busy) = $backend->sql("SELECT count(*) FROM pg_stat_activity WHERE "
        . "wait_event_type = 'Lock'");
    is($busy, 1, 'one look-up is held');
    kill KILL => $site->children;
    eval { $release->() };
    ok(wait_until(60, sub { $site->status($key) eq 200 }),
       '200 once another process asks');
};

$holder->close;
$site->stop;
done_testing;
