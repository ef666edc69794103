# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Several processes write at once, processes are killed, and another process
# holds the lock of the database.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;
use APIKey::Session;

my $cli = APIKey::CLI->new;

sub in_child {
    my ($work) = @_;
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;
    my $good = eval { $work->() };
    POSIX::_exit($good ? 0 : 1);
}

# Two processes create keys, each for its own tenant; a third rotates a key and
# its successors.
my @children = map {
    my $tenant = "t$_";
    in_child(sub {
        for my $i (1 .. 25) {
            my $done = $cli->run('create', '--tenant', $tenant, '--name', $i,
                                 '-q');
            return 0 if $done->{exit} || $done->{out} !~ /^ak_\w{49}$/;
        }
        return 1;
    });
} 1 .. 2;
my $first = $cli->create(tenant => 'rotor');
push @children, in_child(sub {
    my $id = $first->{id};
    for (1 .. 10) {
        $id = $cli->json('rotate', $id)->{id};
    }
    return 1;
});
for my $pid (@children) {
    waitpid $pid, 0;
    is($?, 0, 'a process that writes among others succeeds');
}
is($cli->sql("SELECT COUNT(*) FROM apikey WHERE tenant = '$_'"), 25,
   "all keys of the tenant $_ are stored") for 't1', 't2';
is($cli->sql("SELECT COUNT(*) FROM apikey WHERE tenant = 'rotor'"), 11,
   'all keys of the rotations are stored');
is($cli->sql("SELECT COUNT(*) FROM apikey_audit WHERE action = 'create'"),
   $cli->sql('SELECT COUNT(*) FROM apikey'),
   'the audit has an entry for each key');
is($cli->sql("SELECT COUNT(*) FROM apikey WHERE digest NOT IN (SELECT value "
             . 'FROM apikey_change)'), 0, 'a change is recorded for each key');
is($cli->sql('SELECT COUNT(*) FROM apikey_tenant'), 3,
   'the database has each tenant once');

# Processes are killed at any time: a key is stored completely or not at all.
for my $round (1 .. 30) {
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec { APIKey::CLI::program() } 'htapikey', '-f', $cli->{conf},
            'create', '--tenant', "killed$round", '--name', 'n';
    }
    sleep 0.001 * $round;
    kill KILL => $pid;
    waitpid $pid, 0;
}
is($cli->sql('PRAGMA integrity_check'), 'ok',
   'the database has no fault after processes were killed');
my $half = "SELECT COUNT(*) FROM apikey k WHERE tenant LIKE 'killed%' AND ";
is($cli->sql($half . 'NOT EXISTS (SELECT 1 FROM apikey_audit a WHERE a.id = '
             . 'k.id)'), 0, 'no key is stored without its audit');
is($cli->sql($half . 'NOT EXISTS (SELECT 1 FROM apikey_tenant t WHERE '
             . 't.tenant = k.tenant)'), 0,
   'no key is stored without its tenant');
is($cli->sql("SELECT COUNT(*) FROM apikey_tenant t WHERE tenant LIKE "
             . "'killed%' AND NOT EXISTS (SELECT 1 FROM apikey k WHERE "
             . 'k.tenant = t.tenant)'), 0,
   'no tenant is stored without its key');
my $there = $cli->sql("SELECT COUNT(*) FROM apikey WHERE tenant LIKE "
                      . "'killed%'");
note "$there of 30 were done before they were killed";
is($cli->run(qw(create --tenant after --name n))->{exit}, 0,
   'create succeeds after processes were killed');

# Another process holds the lock until this test releases it.
alarm 300;
my $other = APIKey::Session->new(end => ';', 'sqlite3', $cli->{db});
$other->run('BEGIN IMMEDIATE');
is($cli->run('list')->{exit}, 0,
   'list succeeds while another process holds the lock');
is($cli->verify($first->{key}), 'granted',
   'verify succeeds while another process holds the lock');
my $done = $cli->run('revoke', $first->{id});
is($done->{exit}, 3,
   'exit status 3 of revoke while another process holds the lock');
like($done->{err}, qr/lock.*try again/,
     'the message says that the database is locked, and to try again');
like($done->{err}, qr/process \d+ \(sqlite3\)/,
     'the message has the process that holds the lock');
is($cli->show($first->{id})->{state}, 'active',
   'the key is still active after the failed revoke');

# A writer waits for some five seconds.  A round in which the machine is too
# slow for that proves nothing and is repeated.
my ($waits, $status);
for my $round (1 .. 10) {
    my $writer = in_child(sub {
        return !$cli->run(qw(create --tenant waits --name n -q))->{exit};
    });
    sleep 1.5;
    $waits = waitpid($writer, POSIX::WNOHANG()) == 0;
    $other->run('ROLLBACK');
    waitpid $writer, 0 if $waits;
    $status = $?;
    last if $waits && !$status;
    $other->run('BEGIN IMMEDIATE');
}
ok($waits, 'create waits while another process holds the lock');
is($status, 0, 'create succeeds when the lock is released');
$other->close;
is($cli->run('revoke', $first->{id})->{exit}, 0,
   'revoke succeeds when the lock is released');

done_testing;
