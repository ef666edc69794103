# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::UsageSite;

# A DatabaseSite for tests of apikey_usage.
#
#   my $site = APIKey::UsageSite->new($backend, 'own');
#   $site->init;
#   my $key = $site->made(@arguments);          {key}, {id}
#   $site->run(APIKey::UsageSite::four(), 'ApiKeyUsageFlush 3600');
#   my ($good, $bad) = $site->requests(8, sub { my ($client, $n) = @_; … });
#   $site->total, $site->uses($id), $site->counts
#
# Many keys, each of which is used over each of some connections:
#   my @keys = $site->many(2000);              the keys themselves, imported
#   $site->far(APIKey::Relay->to($backend, 0.002));      httpd's way there
#   my ($good, $bad) = $site->burst(8, @keys);

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP ();
use POSIX ();

use parent 'APIKey::DatabaseSite';
use APIKey::Auth ();
use APIKey::Keys qw(remember_key);

my $AT_ONCE = 50;               # requests that wait for their answers

# The lines for four processes, all of which are there from the first request
# on.
sub four {
    my $prefork = APIKey::Test::run_info()->{mpm} eq 'prefork';
    return ('ServerLimit 4', 'StartServers 4', 'LogLevel warn', $prefork
        ? ('MinSpareServers 1', 'MaxSpareServers 4', 'MaxRequestWorkers 4')
        : ('ThreadsPerChild 8', 'MinSpareThreads 1', 'MaxSpareThreads 32',
           'MaxRequestWorkers 32'));
}

sub run {
    my ($self, @lines) = @_;
    return $self->SUPER::run('ApiKeyCache shmcb', 'ApiKeyUsageFlush 10',
                             @lines);
}

sub made {
    my ($self, @arguments) = @_;
    my $made = JSON::PP->new->decode($self->htapikey(
        qw(--json create --tenant acme --name site), @arguments));
    remember_key($made->{key});
    return $made;
}

sub sql { my $self = shift; return $self->{backend}->sql(@_) }

# The counts of all keys that were ever used, by id.
sub counts {
    my ($self) = @_;
    return { map { split /\|/ }
             $self->sql('SELECT id, use_count FROM apikey_usage') };
}

sub uses { return $_[0]->counts->{ $_[1] } // 0 }

sub total {
    return $_[0]->sql('SELECT COALESCE(SUM(use_count), 0) FROM apikey_usage');
}

# Requests with the keys that next->(client, n) gives until it gives none, by
# clients beside each other: how many were answered 200, and what else there
# was.
sub requests {
    my ($self, $clients, $next) = @_;
    return $self->side_by_side($clients, sub {
        my ($client) = @_;
        return $self->one_client(sub { $next->($client, @_) });
    });
}

sub side_by_side {
    my ($self, $clients, $one) = @_;
    my @pipes;
    for my $client (0 .. $clients - 1) {
        my $pid = open(my $in, '-|') // die "fork: $!\n";
        if (!$pid) {
            syswrite STDOUT, join ' ', $one->($client);
            # Without DESTROY and END, which would stop the parent's servers.
            POSIX::_exit(0);
        }
        push @pipes, $in;
    }
    my ($good, $bad) = (0, '');
    for my $in (@pipes) {
        my ($some, @else) = split / /, readline $in;
        $good += $some;
        $bad = join ' ', grep { length } $bad, @else;
        close $in or die "a client ended early\n";
    }
    return ($good, $bad);
}

sub many {
    my ($self, $count) = @_;
    my ($secret) = APIKey::Auth::secrets("$self->{dir}/secret");
    my @keys = map { APIKey::Auth::signed_key($secret, sprintf 'ak_%043d', $_) }
               1 .. $count;
    my $file = $self->file('keys.csv', join '', "key,tenant,name\n",
                           map { "$_,acme,site\n" } @keys);
    $self->htapikey('import', $file);
    unlink $file;
    return @keys;
}

# httpd alone goes through the relay, not htapikey and the test.
sub far {
    my ($self, $relay) = @_;
    $self->{relay} = $relay;
    $self->{lines} = [ $relay->lines ];
}

# One connection with pipelined requests; they are HEAD, so responses have no
# body.  httpd may close it between two requests: those without a response were
# not read then.
sub one_burst {
    my ($self, @keys) = @_;
    my ($good, $bytes, $socket, @bad) = (0, '');
    while (my @some = splice @keys, 0, $AT_ONCE) {
        $socket //= IO::Socket::INET->new(PeerAddr => '127.0.0.1:'
                                                      . $self->port)
            or return ($good, @bad, 'none');
        syswrite $socket, join '', map { "HEAD /api/ HTTP/1.1\r\nHost: a\r\n"
                                         . "X-API-Key: $_\r\n\r\n" } @some;
        while (@some && sysread $socket, $bytes, 65536, length $bytes) {
            while ((my $end = index $bytes, "\r\n\r\n") >= 0) {
                my $status = substr $bytes, 9, 3;
                $status eq '200' ? $good++ : push @bad, $status;
                substr $bytes, 0, $end + 4, '';
                shift @some;
            }
        }
        undef $socket if @some;
        unshift @keys, @some;
    }
    return ($good, @bad);
}

# As requests().
sub burst {
    my ($self, $connections, @keys) = @_;
    return $self->side_by_side($connections, sub { $self->one_burst(@keys) });
}

sub one_client {
    my ($self, $next) = @_;
    my ($good, $n, @bad) = (0, 0);
    while (defined(my $key = $next->($n++))) {
        # httpd may close a kept-alive connection just when it is used.
        my $status = $self->status($key);
        $status eq '200' ? $good++
                         : push @bad, $status =~ /^\d+$/ ? $status : 'none';
    }
    return ($good, @bad);
}

1;
