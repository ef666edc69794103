# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::StoreChanges;

# The half of APIKey::StoreTest that is about changes: each gets a number, in
# order, and a command that is broken off is done whole or not at all.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp ();
use List::Util qw(sum);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use APIKey::CLI;
use APIKey::Process qw(wait_until);

our @EXPORT_OK = qw(digest insert);

sub digest { return sprintf '%064x', $_[0] }

sub insert {
    my ($id, $tenant, $digest) = @_;
    return 'INSERT INTO apikey (digest, id, tenant, name) VALUES (\''
        . digest($digest) . "', '$id', '$tenant', 'n')";
}

# The numbers of rows in the tables that a change of a key touches.
sub counts {
    my ($self) = @_;
    return join ' ', map { "$_ " . $self->count($_) }
        qw(apikey apikey_tenant apikey_change apikey_audit);
}

# Starts htapikey and does not wait for it; finish() waits and returns what
# run() returns.
sub begin {
    my ($self, @arguments) = @_;
    my $cli = $self->cli;
    my $file = File::Temp->new(DIR => $cli->{folder});
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', "$file";
        exec APIKey::CLI::program(), '-f', $cli->{conf}, @arguments
            or POSIX::_exit(127);
    }
    return { pid => $pid, file => $file, began => time };
}

# Waits for the program; kills it after two minutes.
sub finish {
    my ($self, $job) = @_;
    my $status;
    wait_until(120, sub {
        my $ended = waitpid($job->{pid}, POSIX::WNOHANG()) == $job->{pid};
        $status = $? if $ended;
        return $ended;
    }) or do {
        kill KILL => $job->{pid};
        waitpid $job->{pid}, 0;
        $status = $?;
    };
    my $file = $job->{file};
    local $/;
    return { exit => $status >> 8, signal => $status & 127,
             err => readline($file) // '',
             seconds => time - $job->{began} };
}

sub wait_for_waiting {
    my ($self) = @_;
    wait_until(60, sub { $self->{backend}->waiting > 0 })
        or die "nobody waits for a lock\n";
}

# ---- Changes ----

sub changes {
    my ($self, $since) = @_;
    return map { s/\|/ /r } $self->sql('SELECT kind, value FROM apikey_change'
        . " WHERE number > $since ORDER BY number");
}

sub last_change {
    my ($self) = @_;
    return $self->sql('SELECT COALESCE(MAX(number), 0) FROM apikey_change');
}

# Each of these is run as SQL on the same two rows.
my @COUNTED = (
    [ "UPDATE apikey SET name = 'm' WHERE id = 'one'", 'digest %a' ],
    [ "UPDATE apikey SET name = name WHERE id = 'one'", 'digest %a' ],
    [ "UPDATE apikey SET digest = '%c' WHERE id = 'one'", 'digest %a',
      'digest %c' ],
    [ "UPDATE apikey SET revoked = 1", 'digest %a', 'digest %b' ],
    [ "UPDATE apikey SET revoked = 1 WHERE id = 'none'" ],
    [ "DELETE FROM apikey WHERE id = 'one'", 'digest %a' ],
    [ 'DELETE FROM apikey', 'digest %a', 'digest %b' ],
    [ "INSERT INTO apikey (digest, id, tenant, name) VALUES ('%c', 'x', 'T',"
      . " 'n')", 'digest %c' ],
    [ "INSERT INTO apikey_tenant (tenant) VALUES ('U')", 'tenant U' ],
    [ "UPDATE apikey_tenant SET suspended = 1 WHERE tenant = 'T'",
      'tenant T' ],
    [ "UPDATE apikey_tenant SET tenant = 'U'", 'tenant T', 'tenant U' ],
    [ 'DELETE FROM apikey_tenant', 'tenant T' ],
    [ "INSERT INTO apikey_usage (id) VALUES ('one')" ],
    [ "UPDATE apikey_identity SET epoch = epoch + 1" ],
);

sub counted {
    my ($self) = @_;
    my %digest = map { $_ => digest(hex) } qw(a b c);
    my $fill = sub { $_[0] =~ s/%([abc])/$digest{$1}/gr };
    $self->fresh;
    for my $case (@COUNTED, @{ $self->trait('counted') }) {
        my ($sql, @want) = map { $fill->($_) } @$case;
        $self->sql('DELETE FROM apikey', 'DELETE FROM apikey_tenant',
                   'DELETE FROM apikey_usage', insert('one', 'T', 10),
                   insert('two', 'T', 11),
                   "INSERT INTO apikey_tenant (tenant) VALUES ('T')");
        my $last = $self->last_change;
        $self->sql($sql);
        is_deeply([ sort $self->changes($last) ], [ sort @want ], $sql);
    }
    $self->sql(insert('key', 'T', 13));
    my $last = $self->last_change;
    $self->sql('BEGIN', "UPDATE apikey SET revoked = 2 WHERE id = 'key'",
               'ROLLBACK');
    is_deeply([ $self->changes($last) ], [],
              'a change that is rolled back is not recorded');
    is($self->cli->run('revoke', 'key')->{exit}, 0, 'revoke works');
    is_deeply([ $self->changes($last) ], [ 'digest ' . digest(13) ],
              'revoke makes one change');
}

sub blocked {
    my ($self) = @_;
    my $cli = $self->cli;
    my $name = $self->trait('blocked');
    $self->fresh;
    my ($one, $two, $three) = map { $cli->create->{id} } 1 .. 3;
    my $session = $self->{backend}->session;
    $session->run("BEGIN; UPDATE apikey SET name = 'm' WHERE id = '$one'");
    my @jobs = map { $self->begin('revoke', $_) } $one, $two;
    my ($same, $other) = map { $self->finish($_) } @jobs;
    is($same->{exit}, 3,
       'status 3 for revoke of a key that another transaction has changed');
    like($same->{err}, $name, 'revoke: the error names the connection');
    cmp_ok($same->{seconds}, '>', 3, 'revoke waits some seconds before that');
    is($other->{exit}, $self->trait('idle_blocks') ? 3 : 0,
       'the status of revoke of another key meanwhile');
    like($other->{err}, $self->trait('idle_blocks') ? $name : qr/^$/,
         'the error of revoke of another key');
    $session->run('ROLLBACK');
    is($cli->run('revoke', $_)->{exit}, 0,
       'revoke works once the transaction has ended')
        for $one, $two;
    $session->run("BEGIN; UPDATE apikey SET revoked = 1 WHERE id = '$three'");
    my $job = $self->begin('set', $three, '--name', 'x');
    sleep 1;
    $session->run('COMMIT');
    my $done = $self->finish($job);
    is($done->{exit}, 1,
       'status 1 for set of a key that was revoked while it waited');
    like($done->{err}, qr/revoked/, 'the error says that the key is revoked');
    $session->close;
}

# A row is deleted by another transaction while a command changes it: the
# command must not report success.
sub deleted {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    my $session = $self->{backend}->session;
    my $delete = sub {
        my ($sql, @command) = @_;
        $session->run("BEGIN; $sql");
        my $job = $self->begin(@command);
        $self->trait('hold_audit') ? $self->wait_for_waiting : sleep 0.5;
        $session->run('COMMIT');
        return $self->finish($job);
    };
    for my $command (['revoke'], ['disable'], ['rotate'], [qw(set --name x)]) {
        my $id = $cli->create->{id};
        my ($name, @more) = @$command;
        my $keys = $self->count('apikey');
        my $done = $delete->("DELETE FROM apikey WHERE id = '$id'", $name, $id,
                             @more);
        is($done->{exit}, 1,
           "status 1 for $name of a key that is being deleted");
        like($done->{err}, qr/no key/,
             "$name: the error says that there is no key");
        is($self->count('apikey'), $keys - 1, "$name: no key is left or made");
        is($self->sql("SELECT COUNT(*) FROM apikey_audit WHERE id = '$id'"), 1,
           "$name: no audit entry is made");
    }
    my $key = $cli->create;
    my $done = $delete->("DELETE FROM apikey_tenant WHERE tenant = 'acme'",
                         qw(tenant suspend acme));
    is($done->{exit}, 0, 'a tenant whose row is being deleted is suspended');
    is($cli->verify($key->{key}), 'suspended',
       'the key of that tenant is suspended');
    $cli->run(qw(scope add a:b old));
    $done = $delete->('DELETE FROM apikey_scope', qw(scope add a:b new));
    is($done->{exit}, 0, 'a scope that is being deleted is added');
    is(join(',', $self->sql('SELECT description FROM apikey_scope')), 'new',
       'the scope that was added is in the catalogue');
    $session->close;
}

# Many commands at the same time are all done, and none undoes another's work.
sub crowd {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    my $all = sub {
        my @done = map { $self->finish($_) } map { $self->begin(@$_) } @_;
        my @failed = grep { $_->{exit} } @done;
        diag "$_->{exit} $_->{err}" for @failed;
        return scalar @failed;
    };
    is($all->(map { [ qw(create --tenant), 't' . $_ % 3, '--name', "n$_" ] }
              1 .. 24), 0, '24 creates at once for 3 new tenants all work');
    is(join(' ', $self->count('apikey'), $self->count('apikey_tenant')),
       '24 3', 'all keys and tenants of them are there');
}

# Of several rotations of a key at the same time one works, and the others name
# the key that it made.
sub at_once {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    my $id = $cli->create->{id};
    my $session = $self->{backend}->session;
    $session->run("BEGIN; UPDATE apikey SET name = 'm' WHERE id = '$id'");
    my @jobs = map { $self->begin('rotate', $id) } 1 .. 3;
    if ($self->trait('hold_audit')) {
        wait_until(60, sub { $self->{backend}->waiting == 3 })
            or die "they do not wait\n";
    }
    else {
        sleep 0.5;
    }
    $session->run('COMMIT');
    $session->close;
    my @done = map { $self->finish($_) } @jobs;
    is(join(' ', sort map { $_->{exit} } @done), '0 1 1',
       'one of three rotations at once works');
    my @made = $self->sql("SELECT id FROM apikey WHERE rotated_from = '$id'");
    is(scalar @made, 1, 'three rotations at once make one key');
    like($_->{err}, qr/key $id has .* already: $made[0], which is active,/,
         'the other rotations name that key') for grep { $_->{exit} } @done;
    is($self->count('apikey'), 2, 'the other rotations make no key');
    is($self->sql("SELECT COUNT(*) FROM apikey_audit WHERE action = 'rotate'"),
       1, 'the audit has one rotation');
}

# A reader that asks for the changes after the last known number misses none:
# no number becomes visible after a greater one has been read.
sub order {
    my ($self) = @_;
    $self->fresh;
    my @writers = 1 .. 4;
    $self->sql("INSERT INTO apikey_tenant (tenant) VALUES ('T')",
               map { insert("w$_", 'T', $_) } @writers);
    my $before = $self->last_change;
    my ($slow, $reader) = map { $self->{backend}->session } 1, 2;
    my ($last, $slowly, %seen) = ($before, 0);
    my $read = sub {
        for my $number ($reader->run('SELECT number FROM apikey_change WHERE'
                                     . " number > $last ORDER BY number")) {
            $seen{$number}++;
            $last = $number;
        }
    };
    pipe(my $until, my $stop) or die "pipe: $!\n";
    my @jobs = map { $self->write_on($_, $until, $stop) } @writers;
    for my $turn (0 .. 59) {
        # Now and then a transaction that has its number early and commits
        # late.
        if ($turn % 20 == 0) {
            $slow->send("BEGIN; UPDATE apikey_tenant SET reason = '$turn'");
        }
        elsif ($turn % 20 == 10) {
            $slow->wait;
            $slow->run('COMMIT');
            $slowly++;
        }
        $read->();
        sleep 0.01;
    }
    close $stop;
    my @written = map { readline($_) // '' } @jobs;
    $read->();
    $_->close for $slow, $reader;
    my @all = $self->sql('SELECT number FROM apikey_change WHERE number > '
                         . "$before ORDER BY number");
    is(scalar(grep { $_ > 0 } @written), @writers, 'each writer has written');
    is(scalar @all, $slowly + sum(@written), 'each change has a number');
    is_deeply([ grep { !$seen{$_} } @all ], [],
              'the reader has read each change');
    is_deeply([ grep { $_ > 1 } values %seen ], [],
              'the reader has read each change once');
}

# A writer whose transactions take some time, each a different one, until the
# pipe is closed; returns a handle to read the number of its transactions from.
sub write_on {
    my ($self, $which, $until, $stop) = @_;
    my $pid = open(my $count, '-|') // die "fork: $!\n";
    return $count if $pid;
    close $stop;
    my $session = $self->{backend}->session;
    my ($turn, $open) = (0, '');
    vec($open, fileno $until, 1) = 1;
    while (!select my $closed = $open, undef, undef, 0) {
        $turn++;
        $session->run('BEGIN');
        $session->run("UPDATE apikey SET name = 'n$turn' WHERE id = "
                      . "'w$which'");
        sleep 0.001 * ($turn * $which % 7);
        $session->run('COMMIT');
    }
    $session->close;
    syswrite STDOUT, "$turn\n";
    POSIX::_exit(0);
}

# ---- Faults ----

# Runs a command until it has written keys but not the audit, and does
# something to it then.
sub in_the_middle {
    my ($self, $fault, @arguments) = @_;
    my $session = $self->{backend}->session;
    $session->run($self->trait('hold_audit'));
    my $job = $self->begin(@arguments);
    $self->wait_for_waiting;
    $fault->($job, $session);
    $session->run($self->trait('release_audit'));
    $session->close;
    return $self->finish($job);
}

sub half_done {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    my $id = $cli->create->{id};
    my $before = $self->counts;
    my $row = join '', $self->sql('SELECT * FROM apikey');
    for my $command ([qw(create --tenant new --name n)], ['rotate', $id],
                     ['revoke', $id], ['set', $id, '--name', 'x'],
                     [qw(tenant suspend acme)]) {
        my $done = $self->in_the_middle(
            sub { kill KILL => $_[0]{pid} }, @$command);
        is($done->{signal}, 9,
           "$command->[0] is killed before it writes the audit");
        wait_until(60, sub { $self->{backend}->waiting == 0 });
        is($self->counts, $before, "$command->[0]: no row is left of it");
        is(join('', $self->sql('SELECT * FROM apikey')), $row,
           "$command->[0]: the key is not changed");
    }
    is($cli->run('rotate', $id)->{exit}, 0, 'rotate works after all that');
}

# A command is killed at any time: each key is whole.
sub cut_off {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    my $id = $cli->create(tenant => 't0')->{id};
    my $newest = "SELECT id FROM apikey WHERE tenant = 't0' AND id NOT IN"
        . ' (SELECT rotated_from FROM apikey)';
    my $killed = 0;
    for my $turn (1 .. 24) {
        my $job = $self->begin($turn % 2 ? ('create', '--tenant', "t$turn",
                                            '--name', 'n')
                                         : ('rotate', $self->sql($newest)));
        sleep $turn * 0.001;
        kill KILL => $job->{pid};
        $killed++ if $self->finish($job)->{signal};
        is(join(' ', map { $self->sql("SELECT COUNT($_") }
                "*) FROM apikey_audit WHERE action = 'create'",
                '*) FROM apikey k JOIN apikey_audit a ON a.id = k.id AND '
                . "a.action = 'create' JOIN apikey_tenant t ON t.tenant = "
                . 'k.tenant',
                'DISTINCT k.digest) FROM apikey k JOIN apikey_change c ON '
                . "c.value = k.digest AND c.kind = 'digest'"),
           join(' ', ($self->count('apikey')) x 3),
           "killed after $turn ms: each key has its tenant, change and audit "
           . "entry");
    }
    cmp_ok($killed, '>', 0, 'at least one command was killed before its end');
    is($self->sql("SELECT COUNT(*) FROM apikey WHERE tenant = 't0' AND id <> "
                  . "'$id' AND (root <> '$id' OR rotated_from = '')"), 0,
       'each rotated key is whole and of its line');
    is($cli->run('rotate', $self->sql($newest))->{exit}, 0,
       'rotate works after all that');
}

# The connection is killed under a command, which is then done once or not at
# all.
sub broken {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    my $id = $cli->create->{id};
    for my $command ([qw(create --tenant acme --name n)], ['rotate', $id]) {
        my $before = $self->count('apikey');
        my $killed = 0;
        my $done = $self->in_the_middle(sub {
            $killed = $self->{backend}->kill_connections($_[1]);
        }, @$command);
        # Another one may be that of the last query of this test, which is
        # about to end.
        cmp_ok($killed, '>=', 1, "$command->[0]: its connection is killed");
        my $made = $self->count('apikey') - $before;
        is($done->{exit}, $made ? 0 : 3,
           "$command->[0]: the status says whether it was done");
        is($made, $done->{exit} ? 0 : 1,
           "$command->[0]: it was done once or not at all");
        is($self->sql('SELECT COUNT(*) FROM apikey k WHERE NOT EXISTS (SELECT'
            . " * FROM apikey_audit a WHERE a.id = k.id AND a.action ="
            . " 'create')"), 0, "$command->[0]: each key has its audit entry");
    }
}

1;
