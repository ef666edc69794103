# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::UsageSite;

# A DatabaseSite whose uses of keys are looked at.
#
#   my $site = APIKey::UsageSite->new($backend, 'own');
#   $site->init;
#   my $key = $site->made(@arguments);          {key}, {id}
#   $site->run(APIKey::UsageSite::four(), 'ApiKeyUsageFlush 3600');
#   my ($good, $bad) = $site->requests(8, sub { my ($client, $n) = @_; … });
#   $site->total, $site->uses($id), $site->counts

use strict;
use warnings;

use JSON::PP ();
use POSIX ();

use parent 'APIKey::DatabaseSite';
use APIKey::Keys qw(remember_key);

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

# {id}: count, of all keys that were ever used.
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
    my @pipes;
    for my $client (0 .. $clients - 1) {
        my $pid = open(my $in, '-|') // die "fork: $!\n";
        if (!$pid) {
            syswrite STDOUT, join ' ', $self->one_client(
                sub { $next->($client, @_) });
            # Neither DESTROY nor END: what runs is our parent's.
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

sub one_client {
    my ($self, $next) = @_;
    my ($good, $n, @bad) = (0, 0);
    while (defined(my $key = $next->($n++))) {
        # httpd may close a connection that is kept alive just when it is used.
        my $status = $self->status($key);
        $status eq '200' ? $good++
                         : push @bad, $status =~ /^\d+$/ ? $status : 'none';
    }
    return ($good, @bad);
}

1;
