# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The mutex of the shared cache: each child can use it, whenever it was forked,
# and a child that cannot asks the database.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::Faults;
use APIKey::Process qw(wait_until);
use Time::HiRes qw(sleep time);

my $site = APIKey::CacheSite->new(backend('sqlite3'), 'own');
$site->init;
my $faults = APIKey::Faults->new($site);
my ($key, $row, $id) = $site->planned_key;
$site->{backend}->sql($row);

sub resumed {
    return scalar(() = $site->slurp('error_log')
                         =~ /resuming normal operations/g);
}

sub restart {
    my $before = resumed();
    kill USR1 => $site->{pid};
    return wait_until(60, sub { resumed() > $before });
}

# The number of lines APIKEY0144, of which each child logs one at most.
sub complaints { return scalar(() = $site->errors =~ /APIKEY0144/g) }

# Asks 40 times; each answer must be this one. Returns the counters'
# difference.
sub served {
    my ($status, $what) = @_;
    my @answers;
    my $count = $site->counted(sub {
        @answers = map { $_->[0] } $site->load(4, 0, $key, count => 10);
    });
    is(join(' ', grep { $_ ne $status } @answers), '', $what);
    return $count;
}

# Replaces all children by new ones, whose local cache is empty; returns what
# one request costs.
sub new_children {
    my %old = map { $_ => 1 } $site->children;
    kill KILL => keys %old;
    ok(wait_until(60, sub { !grep { $old{$_} } $site->children }),
       'all children have ended');
    ok(wait_until(60, sub { eval { $site->polled } }), 'new children poll');
    return $site->counted(sub { is($site->status($key), 200,
                                   '200 from a new child') });
}

# Two graceful restarts before a child of the first one has started: when it
# starts, httpd has already destroyed its configuration.
subtest 'children that begin after their generation has ended' => sub {
    $site->run('ApiKeyCacheTTL 600 600');
    ok($site->polled, 'the first poll ends');
    served(200, '200 for a key');
    $faults->set(child_waits => 500e3);
    my $watch = $site->watch(8, $key);
    ok(restart(), 'httpd restarts gracefully') for 1, 2;
    sleep 1;
    $faults->set(child_waits => 0);
    is_deeply([ $site->unwatch($watch) ], [], 'each request has an answer');
    is(join(' ', grep { $_ ne 200 } map { $_->[1] } $site->seen($watch)), '',
       'each request is granted');
    is(complaints(), 0, 'each child can use the mutex');
};

subtest 'a lock that fails' => sub {
    ok($site->polled, 'a poll ends before the mutex fails');
    is(served(200, '200 for a key')->{Errors}, 0, 'no errors before the mutex fails');
    my $client = connection($site->port);
    my $ask = sub {
        return $client->send("GET /api/ HTTP/1.1\r\nHost: a\r\n"
                             . "X-API-Key: $key\r\n\r\n")->response->{status};
    };
    is($ask->(), 200, '200 for a key, which a process caches') for 1, 2;
    $faults->set(lock_fails => 1);
    my $count = $site->counted(sub {
        is($ask->(), 200, '200 from the local cache') for 1 .. 5;
    });
    is("$count->{Hits} $count->{Lookups}", '5 0',
       'five hits in the local cache, no look-up');
    is(complaints(), 0, 'no child has logged an error of the mutex');
    $faults->set(lock_fails => 0);
    is(new_children()->{Lookups}, 0,
       'a new child finds the key in the shared cache');
    $faults->set(lock_fails => 1);
    $count = new_children();
    is("$count->{Lookups} $count->{Errors}", '1 0',
       'a new child looks the key up where the mutex fails');
    $site->{backend}->sql("UPDATE apikey SET revoked = 1 WHERE id = '$id'");
    $site->polled;
    served(401, '401 after a revocation');
    my $told = complaints();
    cmp_ok($told, '>', 0, "the mutex's error is logged");
    cmp_ok($told, '<=', scalar $site->children,
           'each child logs the error once at most');
    $faults->set(lock_fails => 0);
    $site->{backend}->sql("UPDATE apikey SET revoked = 0 WHERE id = '$id'");
    ok(restart(), 'httpd restarts gracefully');
    ok(wait_until(60, sub { served(200, '200 after the restart')->{Hits} > 30 }),
       'after a restart the shared cache is used again');
    $site->stop;
};

sub said {
    my ($number) = @_;
    return scalar(() = $site->errors =~ /$number/g);
}

sub is_stopped {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/stat" or return 0;
    return readline($in) =~ /\) [tT] /;
}

# A process is stopped while it holds the mutex: the others ask the database.
subtest 'a lock that is held' => sub {
    my $from = length $site->slurp('children_log');
    $site->run('ApiKeyCacheTTL 600 600');
    ok($site->polled, 'the first poll ends');
    my @keys = map { $site->create } 1 .. 8;
    my ($holder) = substr($site->slurp('children_log'), $from) =~ /^(\d+)/;
    my @askers;
    $faults->set(lock_stops => $holder);
    ok(wait_until(60, sub {
        push @askers, connection($site->port);
        $askers[-1]->send("GET /api/ HTTP/1.1\r\nHost: a\r\n"
                          . "X-API-Key: $keys[@askers % 4]\r\n\r\n");
        sleep 0.05;
        return is_stopped($holder);
    }), 'a child is stopped while it holds the mutex');
    my @answers = map { $site->client(0, $_, count => 4) } @keys;
    my @open = map { $site->client(0, '', path => '/', count => 8) } 1 .. 4;
    is(join(' ', grep { $_ ne 200 } map { $_->[0] }
                 map { $site->collect($_) } @answers, @open), '',
       '200 for keys and pages while the mutex is held');
    is(said('APIKEY0141'), 1, 'one child logs APIKEY0141');
    is(said('APIKEY0312'), 0, 'no child logs that the cache works again');
    $faults->set(lock_stops => 0);
    kill CONT => $holder;
    ok(wait_until(60, sub {
        $site->load(8, 0, $site->create, count => 2);
        return said('APIKEY0312') == 1;
    }), 'APIKEY0312 is logged once the mutex is free');
    is(complaints(), 0, 'no child has logged APIKEY0144');
    $site->stop;
};

subtest 'a child that may not have it' => sub {
    mkdir "$site->{dir}/locks";
    $site->run('ApiKeyCacheTTL 600 600',
               'Mutex "flock:@DIR@/locks" apikey-cache');
    ok($site->polled, 'the first poll ends');
    ok(wait_until(60, sub { served(200, '200 for a key')->{Hits} > 30 }),
       'a key is served from the cache');
    is(complaints(), 0, 'no child has logged APIKEY0144');
    is(unlink(glob "$site->{dir}/locks/*"), 1, "the mutex's file is removed");
    is(new_children()->{Lookups}, 1,
       'new children look the key up in the database');
    cmp_ok(complaints(), '>', 0, 'new children log APIKEY0144');
};

$site->stop;
done_testing;
