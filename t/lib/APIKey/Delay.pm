# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Delay;

# A database server that is some milliseconds away: a port of 127.0.0.1 whose
# connections lead to the server's socket, and what passes is handed on after a
# while, in each direction.
#
#   my $relay = APIKey::Delay->new($backend, 0.002);      pgsql or mysql
#   my @lines = $relay->lines;             lines of CONF, in place of fresh()'s
#
# It is a process of its own, which ends with the object, and with its parent.

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
    my ($class, $backend, $delay) = @_;
    my $postgres = !$backend->{socket};
    my $socket = $postgres ? "$backend->{folder}/.s.PGSQL.5432"
                           : $backend->{socket};
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                         Listen => 128)
        or die "no port: $!\n";
    my $self = bless { owner => $$, port => $listener->sockport,
                       postgres => $postgres,
                       database => $backend->{database} }, $class;
    my $parent = $$;
    $self->{pid} = fork // die "fork: $!\n";
    if (!$self->{pid}) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP ALRM);
        eval { hand_on($listener, $socket, $delay, $parent) };
        print STDERR "delay: $@" if $@;
        # Neither DESTROY nor END: what runs is our parent's.
        POSIX::_exit(0);
    }
    return $self;
}

sub lines {
    my ($self) = @_;
    my $where = "host=127.0.0.1 port=$self->{port}";
    return $self->{postgres}
        ? ('DBDriver pgsql', "DBDParams \"$where user=postgres"
                             . " dbname=$self->{database}\"")
        : ('DBDriver mysql', "DBDParams \"$where user=root"
                             . " dbname=$self->{database}\"");
}

# A pair of ends; each is { socket, peer, queue of [ due, bytes ] to it }.
sub join_ends {
    my ($ends, $listener, $socket) = @_;
    my $near = $listener->accept or return;
    my $far = IO::Socket::UNIX->new(Peer => $socket);
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

# What an end has to say; undef: it has gone, and its peer hears that after
# what was said before.
sub hear {
    my ($end, $due) = @_;
    my $bytes;
    my $got = sysread $end->{socket}, $bytes, $PIECE;
    return if !defined $got && $!{EAGAIN};
    $end->{deaf} = 1 if !$got;
    push @{ $end->{peer}{queue} }, [ $due, $got ? $bytes : undef ];
}

# 0: it is over.
sub say {
    my ($end, $now) = @_;
    my $queue = $end->{queue};
    while (@$queue && $queue->[0][0] <= $now) {
        my $bytes = $queue->[0][1];
        return 0 if !defined $bytes;
        local $SIG{PIPE} = 'IGNORE';
        my $sent = syswrite $end->{socket}, $bytes;
        return $!{EAGAIN} ? 1 : 0 if !defined $sent;
        substr $queue->[0][1], 0, $sent, '';
        shift @$queue if !length $queue->[0][1];
    }
    return 1;
}

sub hand_on {
    my ($listener, $socket, $delay, $parent) = @_;
    my %ends;
    while (getppid == $parent) {
        my ($readers, $due) = ('', time + 1);
        vec($readers, fileno $listener, 1) = 1;
        for my $end (values %ends) {
            vec($readers, fileno $end->{socket}, 1) = 1 if !$end->{deaf};
            $due = $end->{queue}[0][0]
                if @{ $end->{queue} } && $end->{queue}[0][0] < $due;
        }
        my $wait = $due - time;
        select $readers, undef, undef, $wait > 0 ? $wait : 0.0002;
        my $now = time;
        my @all = values %ends;
        for my $end (grep { vec $readers, fileno $_->{socket}, 1 } @all) {
            hear($end, $now + $delay);
        }
        for my $end (@all) {
            part_ends(\%ends, $end) if $end->{peer} && !say($end, $now);
        }
        join_ends(\%ends, $listener, $socket)
            if vec $readers, fileno $listener, 1;
    }
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner};
    local ($?, $!);
    kill TERM => $self->{pid};
    waitpid $self->{pid}, 0;
}

1;
