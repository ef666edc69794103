# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::FaultTest;

# A database server that stops, starts again, or does not answer, while httpd
# runs.  Meanwhile no key is granted, each request gets a response, and requests
# without a key are not affected; httpd is not restarted.
#
#   APIKey::FaultTest->new($backend, 'own')->run;       see DatabaseSite
#
# The backend's `stop` is the signal that stops its server.

use strict;
use warnings;

use IO::Select;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

use APIKey::DatabaseSite;
use APIKey::Process qw(wait_until);

# How long a look-up waits for its answer.
my $DEADLINE = 1.5;
# The interval of probes while the breaker is open.
my $PROBE = 0.6;

sub new {
    my ($class, $backend, $way) = @_;
    my $site = APIKey::DatabaseSite->new($backend, $way);
    $site->init;
    return bless { site => $site, backend => $backend, way => $way,
                   key => $site->create,
                   stop => $backend->trait('stop') // 'TERM' }, $class;
}

sub run {
    my ($self) = @_;
    my ($site, $way) = @{$self}{qw(site way)};
    subtest "faults: " . $self->{backend}->trait('name') . ", $way" => sub {
        $self->few_connections;
        $site->run;
        $self->stopped;
        $self->killed;
        $self->idle;
        $self->frozen;
        # mod_dbd waits for the server when httpd ends; the manual says so.
        $self->ended_while_frozen if $way eq 'own';
        $site->stop;
        $self->started_while_down;
        $self->started_while_frozen;
    };
}

# All responses are of this status.  A client without a response gives up in
# the end, and reports that.
sub all_are {
    my ($self, $status, $what, @answers) = @_;
    my @wrong = grep { $_->[0] ne $status } @answers;
    ok(@answers && !@wrong, $what)
        or diag(scalar @wrong, ' of ', scalar @answers, ": ",
                join ', ', map { "$_->[0] in $_->[1] s" }
                           @wrong > 9 ? @wrong[0 .. 9] : @wrong);
}

sub refused {
    my ($self, $what, @answers) = @_;
    $self->all_are(503, $what, @answers);
    is_deeply([ grep { $_->[2] ne '5' } @answers ], [],
              'all of them with Retry-After');
}

sub served {
    my ($self, $what) = @_;
    my ($site, $key) = @{$self}{qw(site key)};
    $self->all_are(200, $what, $site->load(8, 0, $key, count => 5));
    is($site->status($site->unknown), 401, 'an unknown key is refused');
}

# Each child of httpd may have to notice by itself.
sub recovers {
    my ($self) = @_;
    my ($site, $key) = @{$self}{qw(site key)};
    ok(wait_until(60, sub { $site->status($key) eq 200 }), 'it is back');
    sleep $PROBE;
    $self->served('and answers all');
}

sub few_connections {
    my ($self) = @_;
    my ($site, $key) = @{$self}{qw(site key)};
    $site->run($self->{way} eq 'own' ? ()
               : ('DBDMin 1', 'DBDKeep 1', 'DBDMax 2'));
    $self->all_are(200, 'sixteen clients and few connections',
                   $site->load(16, 0, $key, count => 10));
    my $most = $self->{way} eq 'own' ? 8 : 2;
    my $used = $self->{backend}->kill_connections;
    cmp_ok($used, '<=', $most, "at most $most were made")
        if $site->{run}{mpm} ne 'prefork';
    cmp_ok($used, '>', 0, 'and they were made');
    $site->stop;
}

sub stopped {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    $self->served('all is well');
    $backend->signal($self->{stop});
    $self->refused('the server is stopped', $site->load(8, 1.5, $key));
    is($site->status(''), 401, 'no key is needed to say so');
    $self->back;
    $backend->signal($self->{stop});
    $backend->start;
    $self->served('a restart that nobody noticed');
}

# As soon as the server accepts connections, no request is refused, although
# requests failed until then: neither with a new key, nor with one that was used
# before.
sub back {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    my $end = "$site->{dir}/end";
    my @clients = map { $site->client(0, $key, until => $end) } 1 .. 4;
    # Each child has had a failure.
    my $asked = IO::Select->new(@clients);
    wait_until(60, sub { $asked->can_read(0) == @clients })
        or die "the clients have no answers\n";
    $backend->start;
    $self->served('the first requests when it is back');
    $site->file('end', '');
    my @seen = map { join ' ', map { $_->[0] } $site->collect($_) } @clients;
    unlink $end;
    is_deeply([ grep { !/^503 (?:503 )*200(?: 200)*$/ } @seen ], [],
              'who has been served once is served from then on');
}

# Connections that die while they are idle, several times.
sub killed {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    for my $round (1 .. 3) {
        cmp_ok($backend->kill_connections, '>', 0, 'connections are killed');
        $self->all_are(200, 'no request fails for it',
                       $site->load(8, 0, $key, count => 5));
    }
}

# Idle connections that the server closes.
sub idle {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    $backend->idle_limit(1);
    $backend->kill_connections;
    for my $round (1, 2) {
        $self->all_are(200, 'no request fails', $site->load(8, 0, $key,
                                                            count => 5));
        ok(wait_until(60, sub { !$backend->connections }),
           'the server closes idle connections');
    }
    $self->served('and is asked again');
    $backend->idle_limit(0);
    $backend->kill_connections;
}

sub frozen {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    $backend->signal('STOP');
    my @keyed = map { $site->client(4, $key) } 1 .. 16;
    my @others = map { $site->client(4, '', path => '/') } 1 .. 2;
    my @answers = map { $site->collect($_) } @keyed;
    $self->refused('the server is frozen', @answers);
    $self->all_are(200, 'who needs no key is served meanwhile',
                   map { $site->collect($_) } @others);
    # No look-up ends before its 1.5 seconds are over: a request with a faster
    # response has made none.  Each child of prefork has a breaker of its own.
    ok(wait_until(60, sub {
        return scalar grep { $_->[1] < $DEADLINE }
               @answers, $site->load(8, 0, $key, count => 2);
    }), 'they no longer wait in the end') if $site->{run}{mpm} ne 'prefork';
    $backend->signal('CONT');
    $self->recovers;
}

sub ended_while_frozen {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    $backend->signal('STOP');
    my @clients = map { $site->client(0, $key) } 1 .. 8;
    sleep 0.5;
    ok(eval { $site->stop; 1 }, 'httpd ends while the server is frozen')
        or diag $@;
    $site->collect($_) for @clients;
    $backend->signal('CONT');
    $self->ended_well;
}

sub ended_well {
    my ($self) = @_;
    my @bad = grep { /exit signal|sending a SIGKILL|Assertion/ }
              split /^/, $self->{site}->errors;
    is(join('', @bad), '', 'in order');
}

sub started_while_down {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    $backend->signal($self->{stop});
    $site->run;
    $self->refused('httpd starts without the server',
                   $site->load(4, 1, $key));
    is($site->status('', '/'), 200, 'who needs no key is served');
    $backend->start;
    $self->served('the first requests when it is there');
    $site->stop;
    $self->ended_well;
}

sub started_while_frozen {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    $backend->signal('STOP');
    # It connects when httpd starts, but for this.
    $site->run($self->{way} eq 'own' ? () : 'DBDMin 0');
    $self->refused('httpd starts while the server is frozen',
                   $site->load(8, 2, $key));
    is($site->status('', '/'), 200, 'who needs no key is served');
    $backend->signal('CONT');
    $self->recovers;
    $site->stop;
    $self->ended_well;
}

1;
