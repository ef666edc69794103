# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::CacheServer;

# A redis or memcached on 127.0.0.1, which ends with the test.
#
#   my $redis = APIKey::CacheServer->new('redis');      or 'memcache'
#   $redis->spec                                   redis:127.0.0.1:PORT
#   $redis->stop; $redis->start;
#   my @keys = $redis->keys;                       redis alone
#   my $value = $redis->get($key); $redis->set($key, $value);
#   $redis->signal('STOP');

use strict;
use warnings;

use File::Temp ();
use IO::Socket::INET;
use POSIX ();

use APIKey::ConfigTest;
use APIKey::Process qw(end_process wait_until);

my %COMMAND = (
    redis    => [ qw(redis-server --bind 127.0.0.1 --save), '',
                  qw(--appendonly no --port) ],
    memcache => [ qw(memcached -l 127.0.0.1 -U 0 -m 16), '-p' ],
);

sub new {
    my ($class, $kind) = @_;
    my $self = bless { kind => $kind, owner => $$,
                       temp => File::Temp->newdir('akke-XXXXXX', TMPDIR => 1),
                       port => APIKey::ConfigTest::free_port() }, $class;
    chmod 0777, $self->{temp}->dirname;
    $self->start;
    return $self;
}

sub spec { return "$_[0]{kind}:127.0.0.1:$_[0]{port}" }

sub start {
    my ($self) = @_;
    my @user = $> ? () : map { "--re${_}id=" . (getpwnam 'nobody')[
                               $_ eq 'u' ? 2 : 3] } 'u', 'g';
    push @user, '--clear-groups' if @user;
    $self->{pid} = fork // die "fork: $!\n";
    if (!$self->{pid}) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $self->{temp}->dirname . '/log';
        open STDERR, '>&', \*STDOUT;
        chdir $self->{temp}->dirname;
        exec 'setpriv', qw(--pdeathsig TERM), @user,
            @{ $COMMAND{ $self->{kind} } }, $self->{port}
            or POSIX::_exit(127);
    }
    wait_until(60, sub {
        die "$self->{kind} ended.\n"
            if waitpid($self->{pid}, POSIX::WNOHANG()) > 0;
        IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}");
    }) or die "$self->{kind} does not answer.\n";
}

sub signal {
    my ($self, $name) = @_;
    kill $name => $self->{pid};
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill CONT => $pid;
    end_process($pid, 10);
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $@, $!);
    $self->stop if $self->{owner} == $$;
}

# One command of redis; arguments and answer may hold any byte.
sub tell {
    my ($self, @words) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}")
        or die "redis: $@\n";
    binmode $socket;
    print $socket '*' . @words . "\r\n",
        map { '$' . length($_) . "\r\n$_\r\n" } @words;
    $socket->flush;
    return answer($socket);
}

sub answer {
    my ($socket) = @_;
    my $line = readline($socket) // die "redis has closed.\n";
    $line =~ s/\r\n\z//;
    return $1 if $line =~ /^[+:](.*)/;
    die "redis: $1\n" if $line =~ /^-(.*)/;
    return undef if $line =~ /^[\$*]-1/;
    return [ map { answer($socket) } 1 .. $1 ] if $line =~ /^\*(\d+)/;
    my ($length) = $line =~ /^\$(\d+)/;
    read $socket, my $value, $length + 2;
    return substr $value, 0, $length;
}

sub keys { return sort @{ $_[0]->tell(KEYS => '*') } }
sub get { return $_[0]->tell(GET => $_[1]) }
sub set { return $_[0]->tell(SET => $_[1], $_[2]) }

1;
