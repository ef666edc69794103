# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A process of httpd ends, or the clock is set, while a look-up is under way:
# no process crashes or has to be killed, and each request gets a response.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::DatabaseSite;
use APIKey::Faults;
use APIKey::Process qw(descendants wait_until);
use POSIX ();
use Time::HiRes qw(sleep);

sub ended_well {
    my ($site) = @_;
    my $bad = qr/exit signal|Assertion|AH00046/;
    is(join('', grep { /$bad/ } split /^/, $site->errors), '',
       'no process crashed or had to be killed')
        or diag $site->errors;
}

sub site_with {
    my ($backend, $way, %more) = @_;
    my $site = APIKey::DatabaseSite->new($backend, $way);
    $site->{$_} = $more{$_} for keys %more;
    $site->init;
    return ($site, $site->create);
}

# Nothing listens on that port, so that each request goes to the database
# threads.
my @CLOSED = ('ApiKeyDBDriver pgsql',
              'ApiKeyDBDParams "host=127.0.0.1 port=1 connect_timeout=2"',
              'StartServers 6', 'MinSpareServers 1', 'MaxRequestWorkers 6',
              'LogLevel info');

# prefork ends a child in a signal handler, on the thread that serves requests.
subtest 'SIGTERM while the thread of requests holds a lock' => sub {
    my ($site, $key) = site_with(backend('sqlite3'), 'own', mpm => 'prefork');
    my $faults = APIKey::Faults->new($site);
    $site->run(@CLOSED, 'ApiKeyUsageFlush 10');
    is($site->status($key), 503, '503 while the database is away');
    my @before;
    ok(wait_until(60, sub { 6 <= (@before = descendants($site->{pid})) }),
       'six children have started');
    $faults->set(signal_in_lock => 1);
    # httpd starts a new child for each one that ends, and new children answer
    # requests, too: requests are sent until four of the first children have
    # ended.
    ok(wait_until(60, sub {
        my @clients = map { $site->client(0, $key, count => 1) } 1 .. 6;
        $site->collect($_) for @clients;
        return 3 < grep { !kill 0, $_ } @before;
    }), 'children that are told to end do so');
    $faults->set(signal_in_lock => 0);
    is($site->status($key), '503', '503 from the other children');
    $site->stop;
    ended_well($site);
};

subtest 'prefork is stopped under requests, again and again' => sub {
    my ($site, $key) = site_with(backend('sqlite3'), 'own', mpm => 'prefork');
    for my $round (1 .. 3) {
        $site->run(@CLOSED);
        my $end = "$site->{dir}/end";
        my @clients = map { $site->client(0, $key, until => $end) } 1 .. 6;
        sleep 0.3 + $round / 20;
        $site->stop;
        $site->file('end', '');
        $site->collect($_) for @clients;
        unlink $end;
        ended_well($site);
    }
};

# A look-up that hangs, as for a lock, a disk or a machine that stands still.
for my $way (@APIKey::DatabaseSite::WAYS) {
    subtest "a look-up hangs when httpd ends, $way" => sub {
        my ($site, $key) = site_with(backend('odbc_sqlite3'), $way);
        my $faults = APIKey::Faults->new($site);
        $site->run;
        $faults->set(lookup_waits => 1);
        is($site->status($key), 503, '503 for a look-up that hangs');
        $site->stop;
        ended_well($site);
        is(scalar($site->errors =~ /APIKEY0260: /), $way eq 'mod_dbd',
           "APIKEY0260 is logged where mod_dbd's connection is lost");
    };
}

subtest 'the clock is set back while a request waits' => sub {
    my ($site, $key) = site_with(backend('odbc_sqlite3'), 'own');
    my $faults = APIKey::Faults->new($site);
    $site->run;
    $faults->set(lookup_waits => 1);
    my $client = $site->client(0, $key, count => 1);
    sleep 0.5;
    $faults->set(clock => -3600e6);
    ok(wait_until(60, sub {
        my $ready = '';
        vec($ready, fileno $client, 1) = 1;
        return select $ready, undef, undef, 0;
    }), 'a request has its answer while the database still does not answer');
    $faults->set(lookup_waits => 0);
    is(join(' ', map { $_->[0] } $site->collect($client)), 503,
       'the answer is 503');
    ok(wait_until(60, sub { $site->status($key) eq 200 }),
       '200 once the database answers');
    $site->stop;
    ended_well($site);
};

done_testing;
