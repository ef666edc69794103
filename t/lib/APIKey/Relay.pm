# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Relay;

# A process between httpd and a database, as a pooler or a network is: TCP on
# 127.0.0.1 on one side, a socket on the other.
#
#   my $relay = APIKey::Relay->new($path);      of the database's socket
#   my $relay = APIKey::Relay->to($backend, 0.002);       pgsql or mysql, which is
#                           so many seconds away, in each direction
#   $relay->port
#   my @lines = $relay->lines;                  of CONF, in place of fresh()'s
#   $relay->silence;        connections of until now: open, and nothing passes;
#                           those from now on are as before
#   $relay->break;          these are closed
#
# It ends with the object or with the test.

use strict;
use warnings;

use Fcntl qw(F_SETFL O_NONBLOCK);
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

my $PIECE = 65536;

sub new {
    my ($class, $path, $delay) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                         Listen => 128)
        or die "no port: $@\n";
    pipe my $said, my $say or die "pipe: $!\n";
    my $parent = $$;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        close $said;
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP ALRM);
        $SIG{PIPE} = 'IGNORE';
        eval { serve($listener, $path, $delay // 0, $parent, $say) };
        print STDERR "relay: $@" if $@;
        # Without DESTROY and END, which would stop the parent's servers.
        POSIX::_exit(0);
    }
    return bless { pid => $pid, owner => $$, port => $listener->sockport,
                   said => $said }, $class;
}

sub to {
    my ($class, $backend, $delay) = @_;
    my $mysql = $backend->{socket};
    my $self = $class->new($mysql // "$backend->{folder}/.s.PGSQL.5432",
                           $delay);
    my ($driver, $user) = $mysql ? qw(mysql root) : qw(pgsql postgres);
    $self->{lines} = [ "DBDriver $driver", 'DBDParams "host=127.0.0.1 port='
        . "$self->{port} user=$user dbname=$backend->{database}\"" ];
    return $self;
}

sub port { return $_[0]{port} }

sub lines { return @{ $_[0]{lines} } }

sub silence { return $_[0]->tell('USR1') }
sub break { return $_[0]->tell('USR2') }

# Returns when it is done.
sub tell {
    my ($self, $signal) = @_;
    kill $signal => $self->{pid};
    sysread $self->{said}, my $byte, 1 or die "the relay has ended\n";
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner};
    local ($?, $!);
    kill KILL => $self->{pid};
    waitpid $self->{pid}, 0;
}

# A pair of ends; each is { socket, peer, queue of [ due, bytes ] to it }.
sub join_ends {
    my ($ends, $listener, $path) = @_;
    my $near = $listener->accept or return;
    my $far = IO::Socket::UNIX->new(Peer => $path);
    return close $near if !$far;
    setsockopt $near, IPPROTO_TCP, TCP_NODELAY, 1;
    my @pair = map { { socket => $_, queue => [] } } $near, $far;
    @{$_}{qw(peer)} = $_ == $pair[0] ? $pair[1] : $pair[0] for @pair;
    for my $end (@pair) {
        fcntl $end->{socket}, F_SETFL, O_NONBLOCK;
        $ends->{ fileno $end->{socket} } = $end;
    }
}

sub part_ends {
    my ($ends, $end) = @_;
    for my $each ($end, $end->{peer}) {
        delete $ends->{ fileno $each->{socket} };
        close $each->{socket};
    }
    delete $_->{peer} for $end->{peer}, $end;
}

# Reads from one end; undef: it is closed, and its peer is closed after the bytes
# that were queued before.
sub hear {
    my ($end, $due) = @_;
    my $bytes;
    my $got = sysread $end->{socket}, $bytes, $PIECE;
    return if !defined $got && $!{EAGAIN};
    $end->{deaf} = 1 if !$got;
    push @{ $end->{peer}{queue} }, [ $due, $got ? $bytes : undef ];
}

# Writes to one end what is due; 0: the end is closed.
sub say {
    my ($end, $now) = @_;
    my $queue = $end->{queue};
    while (@$queue && $queue->[0][0] <= $now) {
        my $bytes = $queue->[0][1];
        return 0 if !defined $bytes;
        my $sent = syswrite $end->{socket}, $bytes;
        return $!{EAGAIN} ? 1 : 0 if !defined $sent;
        substr $queue->[0][1], 0, $sent, '';
        shift @$queue if !length $queue->[0][1];
    }
    return 1;
}

# One round: what one end sends goes to the other end's queue, and what is due is
# sent on.
sub pass {
    my ($ends, $listener, $path, $delay) = @_;
    my ($readers, $writers, $due) = ('', '', time + 1);
    vec($readers, fileno $listener, 1) = 1;
    my $begun = time;
    for my $end (values %$ends) {
        vec($readers, fileno $end->{socket}, 1) = 1 if !$end->{deaf};
        my $next = $end->{queue}[0] or next;
        # What is due and cannot be sent yet waits until the socket is writable.
        if ($next->[0] <= $begun) {
            vec($writers, fileno $end->{socket}, 1) = 1;
        }
        elsif ($next->[0] < $due) {
            $due = $next->[0];
        }
    }
    my $wait = $due - time;
    my $ready = select $readers, $writers, undef, $wait > 0 ? $wait : 0;
    return if $ready < 0;
    my $now = time;
    my @all = values %$ends;
    for my $end (grep { vec $readers, fileno $_->{socket}, 1 } @all) {
        hear($end, $now + $delay);
    }
    for my $end (@all) {
        part_ends($ends, $end) if $end->{peer} && !say($end, $now);
    }
    join_ends($ends, $listener, $path) if vec $readers, fileno $listener, 1;
}

# Silenced connections stay open, and the system still accepts what is sent.
sub serve {
    my ($listener, $path, $delay, $parent, $say) = @_;
    my ($wanted, $ends, @silent) = ('', {});
    $SIG{USR1} = sub { $wanted = 'silence' };
    $SIG{USR2} = sub { $wanted = 'break' };
    while (getppid == $parent) {
        pass($ends, $listener, $path, $delay);
        next if !$wanted;
        if ($wanted eq 'silence') {
            push @silent, $ends;
            $ends = {};
        }
        for my $gone ($wanted eq 'break' ? splice @silent : ()) {
            part_ends($gone, (values %$gone)[0]) while %$gone;
        }
        $wanted = '';
        syswrite $say, '.';
    }
}

1;
