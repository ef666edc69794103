# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::FaultTest;

# A database server stops, starts again, or does not answer, while httpd runs.
# Meanwhile no key is granted, each request gets a response, requests without a
# key are not affected, and httpd is not restarted.
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

# The time that a look-up waits for its answer.
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

# Checks that all responses have this status. A client without a response ends
# after some time and reports that.
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
              "$what: Retry-After is 5");
}

sub served {
    my ($self, $what) = @_;
    my ($site, $key) = @{$self}{qw(site key)};
    $self->all_are(200, $what, $site->load(8, 0, $key, count => 5));
    is($site->status($site->unknown), 401, "$what: 401 for an unknown key");
}

# Each child of httpd may have to find out by itself.
sub recovers {
    my ($self) = @_;
    my ($site, $key) = @{$self}{qw(site key)};
    ok(wait_until(60, sub { $site->status($key) eq 200 }),
       '200 for a key once the server is back');
    sleep $PROBE;
    $self->served('200 for all requests once the server is back');
}

sub few_connections {
    my ($self) = @_;
    my ($site, $key) = @{$self}{qw(site key)};
    $site->run($self->{way} eq 'own' ? ()
               : ('DBDMin 1', 'DBDKeep 1', 'DBDMax 2'));
    $self->all_are(200, '200 for sixteen clients over few connections',
                   $site->load(16, 0, $key, count => 10));
    my $most = $self->{way} eq 'own' ? 8 : 2;
    my $used = $self->{backend}->kill_connections;
    cmp_ok($used, '<=', $most, "at most $most connections were made")
        if $site->{run}{mpm} ne 'prefork';
    cmp_ok($used, '>', 0, 'connections were made');
    $site->stop;
}

sub stopped {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    $self->served('200 for all requests with the server');
    $backend->signal($self->{stop});
    $self->refused('503 for all requests without the server',
                   $site->load(8, 1.5, $key));
    is($site->status(''), 401, '401 for a request without a key');
    $self->back;
    $backend->signal($self->{stop});
    $backend->start;
    $self->served('200 for all requests after a restart without requests');
}

# As soon as the server accepts connections, no request is refused although
# requests failed until then, whether its key was used before or not.
sub back {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    my $end = "$site->{dir}/end";
    my @clients = map { $site->client(0, $key, until => $end) } 1 .. 4;
    # Each child has had a look-up that failed.
    my $asked = IO::Select->new(@clients);
    wait_until(60, sub { $asked->can_read(0) == @clients })
        or die "the clients have no answers\n";
    $backend->start;
    $self->served('200 for the first requests once the server is back');
    $site->file('end', '');
    my @seen = map { join ' ', map { $_->[0] } $site->collect($_) } @clients;
    unlink $end;
    is_deeply([ grep { !/^503 (?:503 )*200(?: 200)*$/ } @seen ], [],
              'a client that got 200 once gets it from then on');
}

# Connections are killed while they are idle, several times.
sub killed {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    for my $round (1 .. 3) {
        cmp_ok($backend->kill_connections, '>', 0,
               "round $round: connections are killed");
        $self->all_are(200, "round $round: 200 for all requests after that",
                       $site->load(8, 0, $key, count => 5));
    }
}

# The server closes idle connections.
sub idle {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    $backend->idle_limit(1);
    $backend->kill_connections;
    for my $round (1, 2) {
        $self->all_are(200, "round $round: 200 for all requests",
                       $site->load(8, 0, $key, count => 5));
        ok(wait_until(60, sub { !$backend->connections }),
           "round $round: the server closes idle connections");
    }
    $self->served('200 for all requests after that');
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
    $self->refused('503 for all requests while the server is frozen', @answers);
    $self->all_are(200, '200 for pages that need no key meanwhile',
                   map { $site->collect($_) } @others);
    # A look-up takes 1.5 seconds at least: a request with a faster response
    # has made none. Each child of prefork has a breaker of its own.
    ok(wait_until(60, sub {
        return scalar grep { $_->[1] < $DEADLINE }
               @answers, $site->load(8, 0, $key, count => 2);
    }), 'requests get 503 at once after some time')
        if $site->{run}{mpm} ne 'prefork';
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
    is(join('', @bad), '', 'no process crashed or had to be killed');
}

sub started_while_down {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    $backend->signal($self->{stop});
    $site->run;
    $self->refused('503 for all requests when httpd starts without the server',
                   $site->load(4, 1, $key));
    is($site->status('', '/'), 200, '200 for a page that needs no key');
    $backend->start;
    $self->served('200 for the first requests once the server is there');
    $site->stop;
    $self->ended_well;
}

sub started_while_frozen {
    my ($self) = @_;
    my ($site, $backend, $key) = @{$self}{qw(site backend key)};
    $backend->signal('STOP');
    # Without DBDMin 0, mod_dbd connects when httpd starts.
    $site->run($self->{way} eq 'own' ? () : 'DBDMin 0');
    $self->refused('503 for all requests when httpd starts while it is frozen',
                   $site->load(8, 2, $key));
    is($site->status('', '/'), 200, '200 for a page that needs no key');
    $backend->signal('CONT');
    $self->recovers;
    $site->stop;
    $self->ended_well;
}

1;
