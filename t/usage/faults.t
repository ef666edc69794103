# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Uses cannot be counted: requests are served, and the log says why.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::Faults;
use APIKey::Process qw(wait_until);
use APIKey::UsageSite;
use Time::HiRes qw(sleep);

my $site = APIKey::UsageSite->new(backend('sqlite3'), 'own');
$site->init;
my $faults = APIKey::Faults->new($site);
my ($one, $two) = map { $site->made } 1, 2;

sub tells {
    my ($what) = @_;
    return wait_until(60, sub { $site->errors =~ /$what/ });
}

subtest 'without mod_watchdog' => sub {
    $faults->set(no_watchdog => 1);
    $site->run('ApiKeyCache off', 'ApiKeyUsageFlush 1');
    is($site->status($one->{key}), 200, '200 for a key');
    ok(tells(qr/APIKEY0150: .*LoadModule watchdog_module/),
       'APIKEY0150 is logged');
    $site->stop;
    is($site->total, 0, 'no use is counted');
    $faults->set(no_watchdog => 0);
};

# The fourth condition of a child is that of the uses, after those of the
# threads for look-ups.
subtest 'a child without memory' => sub {
    $faults->set(cond_fails => 4);
    $site->run('ApiKeyUsageFlush 1');
    ok(tells(qr/memory: APIKEY0156/), 'APIKEY0156 is logged');
    is($site->status($one->{key}), 200, '200 for a key');
    $faults->set(cond_fails => 0);
    my $before = () = $site->slurp('error_log') =~ /resuming normal/g;
    kill USR1 => $site->{pid};
    ok(wait_until(60, sub {
        (() = $site->slurp('error_log') =~ /resuming normal/g) > $before
    }), 'httpd restarts gracefully');
    ok(wait_until(60, sub {
        $site->status($one->{key}) eq 200 && $site->total > 0 }),
       'uses are counted after the restart');
    $site->stop;
};

subtest 'more keys than a process remembers' => sub {
    my ($before, $none) = map { $site->uses($_->{id}) } $one, $two;
    is($none, 0, 'the second key was not used before');
    $site->run('ApiKeyUsageFlush 3600', $site->{run}{mpm} eq 'prefork'
        ? ('ServerLimit 1', 'StartServers 1', 'MaxRequestWorkers 1') : ());
    is($site->status($one->{key}), 200, '200 for a key whose use is kept');
    my $writer = $site->{backend}->session;
    $writer->run('BEGIN IMMEDIATE');
    $faults->set(more_keys => 50000);
    is($site->status($two->{key}), 200, '200 for a key whose use is not kept')
        for 1 .. 3;
    $writer->run('COMMIT');
    $writer->close;
    ok(tells(qr/APIKEY0154: 3 uses of keys are lost/),
       'APIKEY0154 is logged with the number of uses');
    $faults->set(more_keys => 0);
    $site->stop;
    is($site->uses($one->{id}) - $before, 1,
       'the use that was kept is written');
    is($site->uses($two->{id}), 0,
       'the uses that were not kept are not written');
};

# Another connection holds the database's lock when httpd ends: for less than
# the three seconds that a child waits, or for longer. Returns the number of
# lost uses that is logged.
sub lost_beside_writer {
    my ($seconds) = @_;
    my $before = $site->total;
    $site->run('ApiKeyUsageFlush 3600');
    is($site->status($one->{key}), 200, '200 for a key') for 1 .. 6;
    my $writer = $site->{backend}->session;
    $writer->run('BEGIN IMMEDIATE');
    kill TERM => $site->{pid};
    sleep $seconds;
    $writer->run('COMMIT') if $seconds;
    $site->stop;
    $writer->close;
    my $lost = eval join '+', 0, $site->errors
                   =~ /APIKEY0155: .* taken (\d+) uses/g;
    is($site->total - $before, 6 - $lost,
       'uses that are not logged as lost are written');
    return $lost;
}

subtest 'the end, while another writes' => sub {
    my $lost;
    # A round in which the lock is released too late proves nothing and is
    # repeated.
    for (1 .. 10) {
        last if ($lost = lost_beside_writer(1.5)) == 0;
    }
    is($lost, 0, 'a child waits for a lock that is released in time');
    is(lost_beside_writer(0), 6,
       'uses are lost after a lock that is not released in time, and their '
       . 'number is logged');
};

done_testing;
