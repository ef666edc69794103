# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Relay;

# A process between httpd and a database, as a pooler is: TCP on 127.0.0.1 on
# one side, a socket on the other.
#
#   my $relay = APIKey::Relay->new($path);      of the database's socket
#   $relay->port
#   $relay->silence;        connections of until now: open, and nothing passes;
#                           those from now on are as before
#   $relay->break;          these are closed

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();

my ($select, %peer, @silent);

sub new {
    my ($class, $path) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64)
        or die "listen: $@\n";
    pipe my $said, my $say or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        close $said;
        serve($listen, $path, $say);
        POSIX::_exit(0);
    }
    return bless { pid => $pid, owner => $$, port => $listen->sockport,
                   said => $said }, $class;
}

sub port { return $_[0]{port} }

sub silence { return $_[0]->tell('USR1') }
sub break { return $_[0]->tell('USR2') }

# It has been done when this returns.
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

sub drop {
    my ($socket) = @_;
    my $other = delete $peer{$socket} // return;
    delete $peer{$other};
    $select->remove($socket, $other);
    close $_ for $socket, $other;
}

sub serve {
    my ($listen, $path, $say) = @_;
    my $parent = getppid;
    my $wanted = '';
    $SIG{USR1} = sub { $wanted = 'silence' };
    $SIG{USR2} = sub { $wanted = 'break' };
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
    $SIG{PIPE} = 'IGNORE';
    $select = IO::Select->new($listen);
    while (getppid == $parent) {
        my @ready = $select->can_read(0.1);
        if ($wanted) {
            $wanted eq 'silence' ? be_silent($listen) : (@silent = ());
            $wanted = '';
            syswrite $say, '.';
            next;
        }
        $_ == $listen ? join_up($listen, $path) : pass($_) for @ready;
    }
}

# The sockets stay open, and the system goes on to accept what is sent.
sub be_silent {
    my ($listen) = @_;
    push @silent, grep { $_ != $listen } $select->handles;
    $select = IO::Select->new($listen);
    %peer = ();
}

sub join_up {
    my ($listen, $path) = @_;
    my $client = $listen->accept or return;
    my $server = IO::Socket::UNIX->new(Peer => $path) or return;
    @peer{$client, $server} = ($server, $client);
    $select->add($client, $server);
}

sub pass {
    my ($from) = @_;
    my $to = $peer{$from} // return;
    sysread $from, my $bytes, 65536 or return drop($from);
    while (length $bytes) {
        my $sent = syswrite $to, $bytes or return drop($from);
        substr $bytes, 0, $sent, '';
    }
}

1;
