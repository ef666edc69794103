# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Many databases in one httpd: how many threads and connections its processes
# have without requests; and blocked databases do not delay the polls of
# others.

use APIKey::Test;
use APIKey::ManySite;
use APIKey::Process qw(wait_until);
use IO::Socket::INET;
use Time::HiRes qw(sleep);

my $DATABASES = 200;
my $SILENT = 8;
# The most of a process. httpd's own threads are among them: ThreadsPerChild,
# as many of mod_http2's, the main one, the listener, the watchdog.
my ($THREADS, $FILES) = (40, 300);
my $THREADS_PER_CHILD = 8;

my $site = APIKey::ManySite->new;
$site->many($DATABASES);
my @hosts = @{ $site->{hosts} };

sub mpm {
    my ($threads) = @_;
    return ('<IfModule !mpm_prefork_module>', "ThreadLimit $threads",
            "ThreadsPerChild $threads", "MaxRequestWorkers $threads",
            '</IfModule>');
}

# The number of connections of all processes.
sub connections {
    my $count = 0;
    $count += $site->files($_->{pid}, qr/\.example\.db\z/) for $site->used;
    return $count;
}

# Old changes are looked for in one database every 18 seconds; its connection
# is closed 15 seconds later.
my $SOME = 5;

sub is_idle {
    return connections() < $SOME && !grep { $_->{threads} > $THREADS
                                     || $_->{files} > $FILES } $site->used;
}

# On a busy machine, opening so many may take longer than a look-up may; then
# it is repeated.
sub all_known {
    my ($what) = @_;
    my @late = grep {
        my $host = $_;
        !wait_until(60, sub { $site->asked($host) == 200 });
    } @hosts;
    is(join(' ', @late), '', $what);
}

subtest "$DATABASES databases" => sub {
    $site->run('ApiKeyCacheTTL 1 1', 'ApiKeyUsageFlush 1',
               mpm($THREADS_PER_CHILD));
    ok(wait_until(60, sub { $site->used }), 'httpd runs');
    all_known("200 for a key of each of $DATABASES databases");
    cmp_ok(connections(), '>', 0, 'the processes have connections after that');
    ok(wait_until(60, \&is_idle),
       'without requests, few connections and threads are left');
    $site->stop;
};

# Eight silent databases: polled one after the other they would hold up all
# polls for twelve seconds.
subtest "$SILENT more, which are silent" => sub {
    $site->{hosts} = [ @hosts = @hosts[0 .. 39] ];
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 99)
        or die "listen: $@\n";
    my @silent = map { "silent$_.example" } 1 .. $SILENT;
    $site->run('ApiKeyCacheTTL 600 1', mpm($THREADS_PER_CHILD), map {
        APIKey::ManySite::host($_, 'ApiKeyDBDriver pgsql', 'ApiKeyDBDParams '
            . '"host=127.0.0.1 port=' . $listen->sockport . " dbname=$_"
            . ' sslmode=disable gssencmode=disable"')
    } @silent);
    all_known('200 for the key of each database that answers');
    my @clients = map {
        connection($site->port)->send("GET / HTTP/1.1\r\nHost: $_\r\n"
                                      . "X-API-Key: $site->{key}\r\n\r\n")
    } @silent;
    is(join(' ', grep { $_ != 503 } map { $_->response->{status} } @clients),
       '', '503 for the key of each database that is silent');
    # The age of a database's last poll falls whenever it is polled.
    my (%age, %polls);
    ok(wait_until(60, sub {
        my $text = get($site->port, '/server-status?auto')->{body};
        while ($text =~ /^ApiKey(\d+)PollAge: (\d+)/mg) {
            $polls{$1}++ if $2 < ($age{$1} // 0);
            $age{$1} = $2;
        }
        return @hosts == grep { $_ >= 6 } values %polls;
    }), 'each database that answers is polled six times');
    is(join(' ', grep { $site->asked($_) != 200 } @hosts), '',
       '200 for the key of each of them after that');
    my $open = () = get($site->port, '/server-status?auto')->{body}
                    =~ /Breaker: open/g;
    cmp_ok($open, '<=', $SILENT, 'the breaker of no other database is open');
    $site->stop;
};

subtest 'one that 256 threads ask' => sub {
    # A process of prefork has one thread, and keeps its connection.
    my $threads = run_info()->{mpm} eq 'prefork' ? 4 : 256;
    $site->{hosts} = [ $hosts[0] ];
    $site->run('ApiKeyCache off', mpm(256));
    my @clients = map { connection($site->port) } 1 .. $threads;
    my $request = "GET / HTTP/1.1\r\nHost: $hosts[0]\r\n"
                . "X-API-Key: $site->{key}\r\n\r\n";
    for (1 .. 5) {
        $_->send($request) for @clients;
        is(join(' ', grep { $_ != 200 } map { $_->response->{status} }
                     @clients), '', "all are answered in round $_");
    }
    for my $process ($site->used) {
        my @open = map { scalar $site->files($process->{pid},
                                             qr/\Q$hosts[0]\E\.db$_\z/) }
                   '', '-wal', '-shm';
        is(join(' ', grep { $_ > 8 } @open), '',
           "at most eight connections to the database's files");
        cmp_ok($open[0], '>', 0,
               'at least one connection to the database is open');
    }
};

$site->stop;
done_testing;
