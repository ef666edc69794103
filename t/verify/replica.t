# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Keys are read from a replica that lags, or through a pool that leads to the
# primary or to the replica: a key that was known to be revoked is not granted
# again, and the cache is kept.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::Process qw(wait_until);
use APIKey::Standby;
use Time::HiRes qw(sleep time);

my $primary = backend('pgsql');
my $site = APIKey::CacheSite->new($primary, 'own');
$site->init;
my %key;
for my $name (qw(lost unseen kept other late later)) {
    my ($key, $row, $id) = $site->planned_key;
    $key{$name} = { key => $key, row => $row, id => $id };
}
$primary->sql(map { $key{$_}{row} } qw(lost unseen kept other));
my $replica = APIKey::Standby->new($primary);
my $pool = APIKey::Standby::pool($primary);
s/\Q$primary->{folder}\E/$pool->{folder}/ for @{ $site->{lines} };

sub status { return $site->status($key{ $_[0] }{key}) }

sub revoke {
    my ($name) = @_;
    $primary->sql("UPDATE apikey SET revoked = 1 WHERE id = '$key{$name}{id}'");
}

sub epoch { return $primary->sql('SELECT epoch FROM apikey_identity') }

# From now on each new connection leads there.
sub lead_to {
    my ($server) = @_;
    $pool->leads_to($server);
    $_->kill_connections for $primary, $replica;
}

# The statuses that requests with a key get within so many seconds, each once.
sub answers {
    my ($name, $seconds) = @_;
    my $end = time + $seconds;
    my %seen;
    do {
        $seen{ status($name) }++;
        sleep 0.02;
    } while (time < $end);
    return join ' ', sort keys %seen;
}

# How often a message was logged in full. Lines that say how many more there
# were do not count: on a busy machine a minute may pass.
sub logged {
    my ($number) = @_;
    return scalar(() = $site->errors =~ /\Q$number\E: (?!\d+ more )/g);
}

# Logged once, and once more for each time that it was over: on a busy machine
# a poll of the primary may end after one of the replica.
sub logged_once {
    my ($number, $what) = @_;
    my $count = logged($number);
    ok($count >= 1 && $count <= 1 + logged('APIKEY0291'), $what)
        or diag "$number $count times, APIKEY0291 ", logged('APIKEY0291');
}

sub start {
    my (@lines) = @_;
    $site->run('ApiKeyCache shmcb', 'ApiKeyCacheTTL 600 600',
               'ApiKeyRevocationPoll 200', 'LogLevel warn apikey:info',
               @lines);
    ok($site->polled, 'the first poll ends');
}

# The pool's primary is away; its replica lags.
sub failover {
    start('ApiKeyUsageFlush 1');
    is(status($_), 200, '200 for a key') for (qw(lost unseen kept)) x 2;
    $replica->catch_up;
    $replica->pause;
    my $epoch = epoch();
    revoke($_) for qw(lost unseen);
    $primary->sql($key{$_}{row}) for qw(late later);
    $site->polled;
    is(status('lost'), 401, '401 for a key revoked on the primary');
    is(status('late'), 200, '200 for a key made on the primary');
    lead_to($replica);
    is(answers('unseen', 6.5), 503,
       '503 on the replica for a key that was changed on the primary since');
    is(answers('lost', 0.3), 401,
       '401 on the replica for a key whose revocation was seen');
    is(answers('kept', 0.3), 200,
       '200 on the replica for a key that was not changed');
    is(answers('later', 0.2), 503,
       '503 on the replica for a key that it does not have yet');
    is(answers('late', 0.2), 200,
       '200 on the replica for a key that is cached');
    is(epoch(), $epoch, 'no epoch is written to the primary');
    logged_once('APIKEY0290',
                'APIKEY0290, that the replica lags, is logged once');
    logged_once('APIKEY0292',
                'APIKEY0292, that it is treated as one, is logged once');
    like($site->errors, qr/APIKEY0292: .*in a read-only transaction/,
         "the line has the database's reason");
    is(logged('APIKEY0293'), 0,
       'no cached record is void while the replica lags');
    $replica->resume;
    $replica->catch_up;
    ok(wait_until(60, sub { status('unseen') eq 401 }),
       '401 once the replica has the revocation');
    ok(wait_until(60, sub { status('later') eq 200 }),
       '200 for the new key once the replica has it');
    ok(wait_until(60, sub { logged('APIKEY0291') }),
       'APIKEY0291 is logged once the replica has caught up');
    is(logged('APIKEY0293'), 0, 'no cached record is void after that');
}

# A read-only replica alone.
sub replica_alone {
    start('ApiKeyUsageFlush 1');
    is(status('kept'), 200, '200 for a key') for 1 .. 3;
    my $count = $site->counted(sub { status('kept') for 1 .. 10 });
    is("$count->{Hits} $count->{Lookups}", '10 0', 'the key is cached');
    is(status('other'), 200, '200 for another key');
    revoke('other');
    $replica->catch_up;
    ok(wait_until(60, sub { status('other') eq 401 }),
       '401 as soon as the replica has the revocation');
    $site->polled;
    status('kept') for 1 .. 20;
    ok(wait_until(60, sub { logged('APIKEY0296') }),
       'APIKEY0296 is logged: uses cannot be written');
    my $told = logged('APIKEY0296');
    for (1 .. 3) {
        status('kept') for 1 .. 20;
        sleep 1.1;
    }
    cmp_ok(logged('APIKEY0296'), '<=', $site->least,
           'APIKEY0296 is logged once a process');
    is(logged('APIKEY0290') + logged('APIKEY0292') + logged('APIKEY0293')
       + logged('APIKEY0151') + logged('APIKEY0145'), 0,
       'nothing else is logged');
}

# New connections lead to the replica and to the primary in turn.
sub in_turn {
    start('ApiKeyUsageFlush off');
    is(status('kept'), 200, '200 for a key') for 1, 2;
    $replica->catch_up;
    $replica->pause;
    revoke('kept');
    ok(wait_until(60, sub { status('kept') eq 401 }),
       '401 after its revocation');
    my $epoch = epoch();
    my %seen;
    for my $round (1 .. 24) {
        $pool->leads_to($round % 2 ? $replica : $primary);
        ($round % 4 > 1 ? $primary : $replica)->kill_connections;
        $seen{ answers('kept', 0.1) }++;
    }
    unlike(join(' ', keys %seen), qr/200/,
           'the revoked key is not granted by either');
    is(epoch(), $epoch, 'no epoch is written');
    is(logged('APIKEY0293'), 0, 'no cached record is void');
    cmp_ok(logged('APIKEY0290'), '<=', 5,
           'that the replica lags is not logged with each poll');
    $replica->resume;
}

subtest 'failover to a replica that lags' => \&failover;
$site->stop;
subtest 'a replica alone' => \&replica_alone;
$site->stop;
lead_to($primary);
$primary->sql("UPDATE apikey SET revoked = 0 WHERE id = '$key{kept}{id}'");
subtest 'a pool that leads to both in turn' => \&in_turn;
$site->stop;
done_testing;
