# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Process;

# The tests' processes: finds and ends them, by pid and parent only, never by
# name, because another httpd may run on this machine.

use strict;
use warnings;

use Exporter qw(import);
use POSIX ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(descendants kill_descendants end_process may_enter
    resident succeeds wait_until);

# The pids below a process, parents before children.
sub descendants {
    my ($root) = @_;
    my %children;
    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $in, '<', $stat or next;
        my $line = <$in> // next;
        my ($pid, $parent) = $line =~ /^(\d+) \(.*\) \S (\d+)/s or next;
        push @{ $children{$parent} }, $pid;
    }
    my @found;
    my @todo = ($root);
    while (@todo) {
        my @below = @{ delete $children{ shift @todo } || [] };
        push @found, @below;
        push @todo,  @below;
    }
    return @found;
}

# The memory that the processes below one have resident, in KiB.
sub resident {
    my ($root) = @_;
    my $sum = 0;
    for my $pid (descendants($root)) {
        open my $in, '<', "/proc/$pid/status" or next;
        $sum += $_ for map { /^VmRSS:\s+(\d+)/ } readline $in;
    }
    return $sum;
}

# Sends TERM to all, then KILL to those that still run.
sub kill_descendants {
    my ($root) = @_;
    my @pids = descendants($root) or return;
    kill TERM => @pids;
    holds_within(10, sub {
        1 while waitpid(-1, POSIX::WNOHANG()) > 0;
        return !grep { kill 0, $_ } @pids;
    }) or do {
        kill KILL => grep { kill 0, $_ } @pids;
        1 while waitpid(-1, POSIX::WNOHANG()) > 0;
    };
}

# A line for a process and for each below it, with the stacks of their threads if
# there is a gdb.
sub doing {
    my ($root) = @_;
    my $text = '';
    for my $pid ($root, descendants($root)) {
        my ($comm, $state, $where) = map {
            open my $in, '<', "/proc/$pid/$_->[0]";
            local $/;
            ($in ? readline($in) // '' : '') =~ $_->[1] ? $1 : '?';
        } [ comm => qr/(.+)/ ], [ status => qr/^State:\s+(.*)/m ],
          [ wchan => qr/(.+)/ ];
        my $gdb = "timeout 20 gdb -p $pid -batch -ex 'thread apply all bt 12'";
        $text .= join '', "$pid $comm: $state, in $where\n",
            grep { /^[#T]/ } `$gdb 2>&1`;
    }
    return $text;
}

# Ends a child and waits for it; returns its wait status, or undef if it had to
# be killed, and prints then what it was doing. httpd loses a signal that comes
# while it restarts (unset_signals() in os/unix/unixd.c), so it is sent again.
sub end_process {
    my ($pid, $seconds) = @_;
    my ($status, $again) = (undef, 0);
    holds_within($seconds, sub {
        if (time >= $again) {
            kill TERM => $pid;
            $again = time + 1;
        }
        return 0 if waitpid($pid, POSIX::WNOHANG()) == 0;
        $status = $?;
        return 1;
    }) and return $status;
    warn "$pid does not end within $seconds s:\n", doing($pid) if $seconds;
    kill KILL => $pid, descendants($pid);
    waitpid $pid, 0;
    return undef;
}

# Whether a user may read and enter a folder.  If the tests do not run as root,
# the user is their own.
sub may_enter {
    my ($folder, $user) = @_;
    return 1 if $>;
    my ($uid, $gid) = (getpwnam $user)[2, 3];
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        ($(, $)) = ($gid, "$gid $gid");
        ($<, $>) = ($uid, $uid);
        POSIX::_exit(-r $folder && chdir($folder) ? 0 : 1);
    }
    waitpid $pid, 0;
    return $? == 0;
}

# Perl ignores an INT while system() waits; Ctrl-C is to end the test, too.
sub succeeds {
    my $status = system @_;
    kill INT => $$ if ($status & 127) == POSIX::SIGINT();
    return $status == 0;
}

# What a test waits for comes in a moment, on a busy machine within a minute:
# no wait ends before a minute, even if the test names fewer seconds.
my $PATIENCE = 60;

# True as soon as a condition holds; false if it does not within a time, of a
# minute at least.
sub wait_until {
    my ($seconds, $condition) = @_;
    return holds_within($seconds < $PATIENCE ? $PATIENCE : $seconds,
                        $condition);
}

sub holds_within {
    my ($seconds, $condition) = @_;
    my $end = time + $seconds;
    until ($condition->()) {
        return 0 if time > $end;
        sleep 0.02;
    }
    return 1;
}

1;
