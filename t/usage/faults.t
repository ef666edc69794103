# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Uses that cannot be counted: requests are served, and the log says so.

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
    is($site->status($one->{key}), 200, 'a key');
    ok(tells(qr/APIKEY0150: .*LoadModule watchdog_module/), 'it is told');
    $site->stop;
    is($site->total, 0, 'nothing is counted');
    $faults->set(no_watchdog => 0);
};

# Its fourth is that of the uses, after those of the threads for look-ups.
subtest 'a child without memory' => sub {
    $faults->set(cond_fails => 4);
    $site->run('ApiKeyUsageFlush 1');
    ok(tells(qr/memory: APIKEY0156/), 'it is told');
    is($site->status($one->{key}), 200, 'a key');
    $faults->set(cond_fails => 0);
    my $before = () = $site->slurp('error_log') =~ /resuming normal/g;
    kill USR1 => $site->{pid};
    ok(wait_until(60, sub {
        (() = $site->slurp('error_log') =~ /resuming normal/g) > $before
    }), 'a restart');
    ok(wait_until(60, sub {
        $site->status($one->{key}) eq 200 && $site->total > 0 }),
       'the next one counts');
    $site->stop;
};

subtest 'more keys than a process remembers' => sub {
    my ($before, $none) = map { $site->uses($_->{id}) } $one, $two;
    is($none, 0, 'a key that was not used');
    $site->run('ApiKeyUsageFlush 3600', $site->{run}{mpm} eq 'prefork'
        ? ('ServerLimit 1', 'StartServers 1', 'MaxRequestWorkers 1') : ());
    is($site->status($one->{key}), 200, 'one that is there');
    my $writer = $site->{backend}->session;
    $writer->run('BEGIN IMMEDIATE');
    $faults->set(more_keys => 50000);
    is($site->status($two->{key}), 200, 'one that finds no place') for 1 .. 3;
    $writer->run('COMMIT');
    $writer->close;
    ok(tells(qr/APIKEY0154: 3 uses of keys are lost/), 'it is told');
    $faults->set(more_keys => 0);
    $site->stop;
    is($site->uses($one->{id}) - $before, 1, 'what had a place is written');
    is($site->uses($two->{id}), 0, 'the rest is not');
};

# A writer has the database when httpd ends: for less than the three seconds
# that a child waits, and for longer.
sub lost_beside_writer {
    my ($seconds) = @_;
    my $before = $site->total;
    $site->run('ApiKeyUsageFlush 3600');
    is($site->status($one->{key}), 200, 'a key') for 1 .. 6;
    my $writer = $site->{backend}->session;
    $writer->run('BEGIN IMMEDIATE');
    kill TERM => $site->{pid};
    sleep $seconds;
    $writer->run('COMMIT') if $seconds;
    $site->stop;
    $writer->close;
    my $lost = eval join '+', 0, $site->errors
                   =~ /APIKEY0155: .* taken (\d+) uses/g;
    is($site->total - $before, 6 - $lost, 'what is not lost is written');
    return $lost;
}

subtest 'the end, while another writes' => sub {
    my $lost;
    # A round in which the writer is late proves nothing, and is done again.
    for (1 .. 10) {
        last if ($lost = lost_beside_writer(1.5)) == 0;
    }
    is($lost, 0, 'a child waits for one that ends in time');
    is(lost_beside_writer(0), 6,
       'and not for ever: what is lost is told to the request');
};

done_testing;
