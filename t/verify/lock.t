# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The cache's lock: each child can use it, whenever it was forked, and a child
# that cannot asks the database.

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

# How many children have logged it.
sub complaints { return scalar(() = $site->errors =~ /APIKEY0144/g) }

# Requests that must all be answered well; what they cost.
sub served {
    my ($status, $what) = @_;
    my @answers;
    my $count = $site->counted(sub {
        @answers = map { $_->[0] } $site->load(4, 0, $key, count => 10);
    });
    is(join(' ', grep { $_ ne $status } @answers), '', $what);
    return $count;
}

# Children that remember nothing themselves; what a request costs them.
sub new_children {
    my %old = map { $_ => 1 } $site->children;
    kill KILL => keys %old;
    ok(wait_until(60, sub { !grep { $old{$_} } $site->children }), 'children');
    ok(wait_until(60, sub { eval { $site->polled } }), 'that begin');
    return $site->counted(sub { is($site->status($key), 200, 'and know it') });
}

# Two restarts before a child of the first one has started: when it starts, httpd
# has destroyed its configuration.
subtest 'children that begin after their generation has ended' => sub {
    $site->run('ApiKeyCacheTTL 600 600');
    ok($site->polled, 'the first poll');
    served(200, 'a key');
    $faults->set(child_waits => 500e3);
    my $watch = $site->watch(8, $key);
    ok(restart(), 'a graceful restart') for 1, 2;
    sleep 1;
    $faults->set(child_waits => 0);
    is_deeply([ $site->unwatch($watch) ], [], 'all requests are answered');
    is(join(' ', grep { $_ ne 200 } map { $_->[1] } $site->seen($watch)), '',
       'and none is refused');
    is(complaints(), 0, 'each child has its lock');
};

subtest 'a lock that fails' => sub {
    ok($site->polled, 'all is well');
    is(served(200, 'a key')->{Errors}, 0, 'no errors');
    my $client = connection($site->port);
    my $ask = sub {
        return $client->send("GET /api/ HTTP/1.1\r\nHost: a\r\n"
                             . "X-API-Key: $key\r\n\r\n")->response->{status};
    };
    is($ask->(), 200, 'a process remembers a key') for 1, 2;
    $faults->set(lock_fails => 1);
    my $count = $site->counted(sub { is($ask->(), 200, 'and') for 1 .. 5 });
    is("$count->{Hits} $count->{Lookups}", '5 0', 'such a hit takes no lock');
    is(complaints(), 0, 'nobody has noticed that');
    $faults->set(lock_fails => 0);
    is(new_children()->{Lookups}, 0, 'are told by the cache');
    $faults->set(lock_fails => 1);
    $count = new_children();
    is("$count->{Lookups} $count->{Errors}", '1 0', 'are told by the database');
    $site->{backend}->sql("UPDATE apikey SET revoked = 1 WHERE id = '$id'");
    $site->polled;
    served(401, 'a revocation is seen');
    my $told = complaints();
    cmp_ok($told, '>', 0, 'it is told');
    cmp_ok($told, '<=', scalar $site->children, 'once by each child');
    $faults->set(lock_fails => 0);
    $site->{backend}->sql("UPDATE apikey SET revoked = 0 WHERE id = '$id'");
    ok(restart(), 'a restart');
    ok(wait_until(60, sub { served(200, 'heals')->{Hits} > 30 }), 'it');
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

# A process that is stopped while it holds the lock: the others ask the database.
subtest 'a lock that is held' => sub {
    my $from = length $site->slurp('children_log');
    $site->run('ApiKeyCacheTTL 600 600');
    ok($site->polled, 'the first poll');
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
    }), 'a child is stopped while it has the lock');
    my @answers = map { $site->client(0, $_, count => 4) } @keys;
    my @open = map { $site->client(0, '', path => '/', count => 8) } 1 .. 4;
    is(join(' ', grep { $_ ne 200 } map { $_->[0] }
                 map { $site->collect($_) } @answers, @open), '',
       'keys and pages are served');
    is(said('APIKEY0141'), 1, 'it is told, by one child');
    is(said('APIKEY0312'), 0, 'not that it is over');
    $faults->set(lock_stops => 0);
    kill CONT => $holder;
    ok(wait_until(60, sub {
        $site->load(8, 0, $site->create, count => 2);
        return said('APIKEY0312') == 1;
    }), 'it is told when it is over');
    is(complaints(), 0, 'the lock is as good as before');
    $site->stop;
};

subtest 'a child that may not have it' => sub {
    mkdir "$site->{dir}/locks";
    $site->run('ApiKeyCacheTTL 600 600',
               'Mutex "flock:@DIR@/locks" apikey-cache');
    ok($site->polled, 'the first poll');
    ok(wait_until(60, sub { served(200, 'a key')->{Hits} > 30 }), 'is known');
    is(complaints(), 0, 'all is well');
    is(unlink(glob "$site->{dir}/locks/*"), 1, 'the lock\'s file goes');
    is(new_children()->{Lookups}, 1, 'they ask the database');
    cmp_ok(complaints(), '>', 0, 'and say so');
};

$site->stop;
done_testing;
