# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Session;

# A database's shell that stays open, like a person's.
#
#   my $session = APIKey::Session->new(end => ';', 'mariadb', ...);
#   my @rows = $session->run('BEGIN');      waits until it has been done
#   $session->send('UPDATE ...');           does not
#   my @rows = $session->wait;              for what was sent
#   $session->close;                        without a COMMIT

use strict;
use warnings;

use Carp qw(croak);
use IPC::Open2 qw(open2);

# mark: a statement whose row says that those before it have been done; it
# holds one %s.
sub new {
    my ($class, %self) = (shift, splice(@_, 0, 2));
    my $self = bless { mark => "SELECT '%s'", count => 0, owner => $$, %self },
        $class;
    $self->{pid} = open2($self->{out}, $self->{in}, @_);
    binmode $self->{$_} for qw(in out);
    return $self;
}

sub send {
    my ($self, $sql) = @_;
    my $in = $self->{in};
    my $mark = $self->{waits} = 'done-' . ++$self->{count};
    local $SIG{PIPE} = 'IGNORE';
    print $in "$sql$self->{end}\n",
              sprintf($self->{mark}, $mark), "$self->{end}\n";
    $in->flush;
}

sub wait {
    my ($self) = @_;
    my @rows;
    while (defined(my $row = readline $self->{out})) {
        chomp $row;
        return wantarray ? @rows : $rows[0] if $row eq $self->{waits};
        push @rows, $row =~ tr/\t/|/r;
    }
    croak 'the session has ended';
}

sub run {
    my ($self, $sql) = @_;
    $self->send($sql);
    return $self->wait;
}

sub close {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    CORE::close $self->{in};
    kill TERM => $pid;
    waitpid $pid, 0;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $!);
    $self->close if $$ == $self->{owner};
}

1;
