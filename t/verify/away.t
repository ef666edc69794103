# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The database is down; children are killed; httpd is restarted under load.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::Process qw(wait_until);
use Time::HiRes qw(sleep time);

my $STALE = 4;
my $DEADLINE = 1.5;             # of a look-up
my $backend = backend('pgsql');
my $site = APIKey::CacheSite->new($backend, 'own');
$site->init;
my ($key, $unknown) = map { $site->create } 1, 2;
$site->run('ApiKeyCache shmcb', 'ApiKeyCacheTTL 60 60',
           "ApiKeyStaleLimit $STALE");
ok($site->polled, 'the first poll');

# The database stops; when, and what is known says a while later.
sub goes_away {
    is($site->status($key), 200, 'a key is known') for 1, 2;
    $backend->signal('INT');
    my $gone = time;
    is($site->status($unknown), 503, 'one that is not cannot be checked');
    sleep 1.5;
    my $status;
    my $count = $site->counted(sub { $status = $site->status($key) });
    return ($gone, $status, $count);
}

subtest 'the database goes away' => sub {
    my ($gone, $status, $count);
    # A round in which the test itself was too slow is repeated.
    for (1 .. 10) {
        ($gone, $status, $count) = goes_away();
        last if $status eq 200;
        $backend->start;
        $site->polled;
    }
    is($status, 200, 'what is known holds');
    is($count->{StaleServed}, 1, 'which is counted');
    cmp_ok($count->{Errors}, '>=', 1, 'behind an error');
    sleep 0.1 while time < $gone + $STALE + 0.2;
    is($site->status($key), 503, 'but not beyond the limit');
    is($site->status($key), 503, 'not at all');
    $backend->start;
    is($site->status($key), 200, 'it is back');
    is($site->status($unknown), 200, 'no error was kept');
    ok($site->polled, 'changes are read again');
    $count = $site->counted(sub { $site->status($key) });
    is("$count->{Hits} $count->{StaleServed}", '1 0', 'and the cache is used');
};

# A look-up waits for 1.5 seconds, and who waits for another's for 0.4 more: two
# such waits take 3 seconds, and a machine that stands still makes any answer
# late.  In one round of many all of them come before that, having waited once.
subtest 'many ask for one key, and the database is silent' => sub {
    my ($shortest, $longest);
    for (1 .. 20) {
        my $silent = $site->create;
        ok($site->polled, 'all is well');
        $backend->signal('STOP');
        my @answers = $site->load(8, 0, $silent, count => 1);
        $backend->signal('CONT');
        is(join(' ', grep { $_->[0] ne 503 } @answers), '', 'all are refused');
        ($shortest, $longest) = (sort { $a <=> $b } map { $_->[1] } @answers)
                                [0, -1];
        ok(wait_until(60, sub { $site->status($silent) eq 200 }),
           'it is back');
        sleep 1;
        $site->polled;
        last if $shortest > $DEADLINE - 0.1 && $longest < 2 * $DEADLINE - 0.1;
    }
    ok($shortest > $DEADLINE - 0.1 && $longest < 2 * $DEADLINE - 0.1,
       'who waits for another does not wait twice')
        or diag "the shortest $shortest s, the longest $longest s";
};

subtest 'revoked while nobody could see it' => sub {
    is($site->status($key), 200, 'a key is known') for 1, 2;
    kill STOP => my @children = $site->children;
    $site->htapikey('revoke', id_of($key));
    sleep 2;
    kill CONT => @children;
    my @answers = map { $_->[0] } $site->load(8, 0, $key, count => 3);
    is(join(' ', grep { $_ ne 401 } @answers), '',
       'processes that slept refuse it at once');
};

sub id_of {
    my ($key) = @_;
    my $hint = substr $key, -4;
    return $backend->sql("SELECT id FROM apikey WHERE hint LIKE '%$hint'");
}

subtest 'a child is killed, again and again' => sub {
    my ($victim, $row, $id) = $site->planned_key;
    $backend->sql($row);
    $site->polled;
    my $watch = $site->watch(8, $victim);
    for my $round (1 .. 4) {
        my @children = $site->children;
        kill KILL => $children[ rand @children ];
        my $to = $round % 2;
        $backend->sql("UPDATE apikey SET revoked = $to WHERE id = '$id'");
        my $from = time;
        sleep 1.1;
        my @late = grep { $_->[2] > $from + 1 && $_->[2] < $from + 1.1
                          && $_->[1] != ($to ? 401 : 200) }
                   $site->seen($watch);
        is(scalar @late, 0, $to ? 'revoked in time' : 'and back in time');
    }
    ok(wait_until(60, sub { (() = $site->seen($watch)) > 100 }),
       'they were asked');
    $site->unwatch($watch);
};

subtest 'graceful restarts under load' => sub {
    my $good = $site->create;
    $site->polled;
    my $watch = $site->watch(6, $good);
    my $resumed = sub {
        return scalar(() = $site->slurp('error_log')
                             =~ /resuming normal operations/g);
    };
    my $done = 0;
    for (1 .. 20) {
        my $before = $resumed->();
        kill USR1 => $site->{pid};
        $done += wait_until(60, sub { $resumed->() > $before });
        sleep 0.15;
    }
    is($done, 20, 'twenty restarts');
    ok(wait_until(60, sub { (() = $site->seen($watch)) > 100 }), 'under load');
    my @failed = $site->unwatch($watch);
    is_deeply(\@failed, [], 'no request is without an answer');
    my %seen;
    $seen{ $_->[1] }++ for $site->seen($watch);
    is_deeply([ sort keys %seen ], [200], 'and none is refused');
};

$site->stop;
is($site->errors =~ /^(.*(?:exit signal Seg|Assertion|APIKEY0109).*)$/m, '',
   'in order');
done_testing;
