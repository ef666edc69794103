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

# Each connection, from now on.
sub lead_to {
    my ($server) = @_;
    $pool->leads_to($server);
    $_->kill_connections for $primary, $replica;
}

# What `seconds` of requests with a key are answered with, each once.
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

# How often a message was logged in full: a busy machine may take longer than
# the minute after which a line says how many more there were.
sub logged {
    my ($number) = @_;
    return scalar(() = $site->errors =~ /\Q$number\E: (?!\d+ more )/g);
}

# Once, and once more for each time that it was over: a poll of the primary that
# a busy machine ends late is later than one of the replica.
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
    ok($site->polled, 'httpd runs');
}

# The pool's primary is gone; its replica has not all of it.
sub failover {
    start('ApiKeyUsageFlush 1');
    is(status($_), 200, 'a key') for (qw(lost unseen kept)) x 2;
    $replica->catch_up;
    $replica->pause;
    my $epoch = epoch();
    revoke($_) for qw(lost unseen);
    $primary->sql($key{$_}{row}) for qw(late later);
    $site->polled;
    is(status('lost'), 401, 'is revoked');
    is(status('late'), 200, 'another is made');
    lead_to($replica);
    is(answers('unseen', 6.5), 503, 'a replica that knows nothing of it does '
       . 'not make a key good that is known to be changed');
    is(answers('lost', 0.3), 401, 'nor one that is known to be revoked');
    is(answers('kept', 0.3), 200, 'a key that was not changed is good');
    is(answers('later', 0.2), 503, 'one that is not there yet is not refused');
    is(answers('late', 0.2), 200, 'and is good where it was asked for before');
    is(epoch(), $epoch, 'no epoch is written to the primary');
    logged_once('APIKEY0290', 'that the replica lags is logged once');
    logged_once('APIKEY0292', 'that it counts as one, too');
    like($site->errors, qr/APIKEY0292: .*in a read-only transaction/,
         'in its own words');
    is(logged('APIKEY0293'), 0, 'nothing was void');
    $replica->resume;
    $replica->catch_up;
    ok(wait_until(60, sub { status('unseen') eq 401 }), 'it catches up');
    ok(wait_until(60, sub { status('later') eq 200 }), 'with all it had not');
    ok(wait_until(60, sub { logged('APIKEY0291') }), 'which is told');
    is(logged('APIKEY0293'), 0, 'nothing was void');
}

# Only a replica, which is read-only.
sub replica_alone {
    start('ApiKeyUsageFlush 1');
    is(status('kept'), 200, 'a key') for 1 .. 3;
    my $count = $site->counted(sub { status('kept') for 1 .. 10 });
    is("$count->{Hits} $count->{Lookups}", '10 0', 'is kept');
    is(status('other'), 200, 'another');
    revoke('other');
    $replica->catch_up;
    ok(wait_until(60, sub { status('other') eq 401 }),
       'is revoked as soon as the replica has it');
    $site->polled;
    status('kept') for 1 .. 20;
    ok(wait_until(60, sub { logged('APIKEY0296') }),
       'that uses are counted nowhere is told');
    my $told = logged('APIKEY0296');
    for (1 .. 3) {
        status('kept') for 1 .. 20;
        sleep 1.1;
    }
    cmp_ok(logged('APIKEY0296'), '<=', $site->least, 'once a process');
    is(logged('APIKEY0290') + logged('APIKEY0292') + logged('APIKEY0293')
       + logged('APIKEY0151') + logged('APIKEY0145'), 0, 'and nothing else');
}

# As new connections come, each leads to the one or the other.
sub in_turn {
    start('ApiKeyUsageFlush off');
    is(status('kept'), 200, 'a key') for 1, 2;
    $replica->catch_up;
    $replica->pause;
    revoke('kept');
    ok(wait_until(60, sub { status('kept') eq 401 }), 'is revoked');
    my $epoch = epoch();
    my %seen;
    for my $round (1 .. 24) {
        $pool->leads_to($round % 2 ? $replica : $primary);
        ($round % 4 > 1 ? $primary : $replica)->kill_connections;
        $seen{ answers('kept', 0.1) }++;
    }
    unlike(join(' ', keys %seen), qr/200/, 'and is not accepted again');
    is(epoch(), $epoch, 'no epoch is written');
    is(logged('APIKEY0293'), 0, 'nothing was void');
    cmp_ok(logged('APIKEY0290'), '<=', 5, 'and it is not told with each poll');
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
