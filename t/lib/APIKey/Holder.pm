# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Holder;

# A slow application behind a proxy: it holds requests without a response until
# the test releases them.  It runs in the test's own process.
#
#   my $application = APIKey::Holder->new;     listens on $application->port
#   $application->hold(64)         waits until that many are held; how many are
#   $application->held             how many are held now: whose clients have
#                                  neither an answer nor gone
#   $application->release          all of them are answered

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

my $PATIENCE = 120;

sub new {
    my ($class) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                         Listen => 256)
        or die "Holder: $@\n";
    return bless { listener => $listener, held => [], heads => {},
                   select => IO::Select->new($listener) }, $class;
}

sub port { return $_[0]{listener}->sockport }

sub hold {
    my ($self, $count) = @_;
    my $end = time + $PATIENCE;
    while (@{ $self->{held} } < $count) {
        my $left = $end - time;
        my @ready = $left > 0 ? $self->{select}->can_read($left) : ();
        last if !@ready;
        $self->hear($_) for @ready;
    }
    return scalar @{ $self->{held} };
}

# A client that has disconnected is one with something to read: the end.
sub held {
    my ($self) = @_;
    my $held = IO::Select->new(@{ $self->{held} });
    return ($held->count // 0) - $held->can_read(0);
}

sub hear {
    my ($self, $socket) = @_;
    if ($socket == $self->{listener}) {
        $self->{select}->add(scalar $socket->accept);
        return;
    }
    my $head = \$self->{heads}{$socket};
    my $got = sysread $socket, $$head, 65536, length($$head // '');
    return if $got && $$head !~ /\r\n\r\n\z/;
    $self->{select}->remove($socket);
    delete $self->{heads}{$socket};
    push @{ $self->{held} }, $socket if $got;
}

sub release {
    my ($self) = @_;
    for my $socket (splice @{ $self->{held} }) {
        print $socket "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
            . "Connection: close\r\n\r\nDone\n";
        close $socket;
    }
}

1;
