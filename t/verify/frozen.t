# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A redis or memcached that does not answer: each request still gets its
# response, by a look-up, and no thread of httpd is blocked.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::CacheServer;
use APIKey::Process qw(wait_until);
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(time);

# More clients than httpd has threads.
my $CLIENTS = 8 * $APIKey::CacheSite::CHILDREN + 8;

sub all_are {
    my ($status, $what, @answers) = @_;
    is(join(' ', grep { $_ ne $status } @answers), '', $what);
}

# While the cache is frozen: keys that each process has to ask it for, many at
# once, and between them pages that need no key.
sub serves {
    my ($site, @keys) = @_;
    my @keyed = map { $site->client(0, $keys[$_ % @keys], count => 2) }
                1 .. $CLIENTS;
    my @open = map { $site->status('', '/') } 1 .. 20;
    all_are(200, '200 for pages without a key', @open);
    all_are(200, '200 for all keys, from the database',
            map { map { $_->[0] } $site->collect($_) } @keyed);
}

# How often each process has logged it: process => count.
sub said {
    my ($site, $number) = @_;
    my %said;
    $said{$_}++ for $site->errors =~ /\[pid (\d+).*$number/g;
    return \%said;
}

sub site_with {
    my ($spec, $count) = @_;
    my $site = APIKey::CacheSite->new(backend('sqlite3'), 'own');
    $site->init;
    my @keys = map { $site->create } 1 .. $count // 12;
    $site->run("ApiKeyCache $spec", 'ApiKeyCacheTTL 600 600');
    $site->polled;
    return ($site, @keys);
}

# httpd starts without the cache, and uses it without a restart once it
# answers.
sub starts_without {
    my ($cache_server, $without, $back) = @_;
    $without->();
    my ($site, @keys) = site_with($cache_server->spec);
    serves($site, @keys);
    $back->();
    ok(wait_until(60, sub {
        my $key = $site->create;
        $site->polled;
        my $count = $site->counted(sub { $site->status($key) for 1 .. 4 });
        return $count->{Hits} > 1;
    }), 'the cache is used as soon as it answers');
    $site->stop;
}

for my $kind (qw(redis memcache)) {
    subtest "$kind is frozen" => sub {
        my $cache_server = APIKey::CacheServer->new($kind);
        my ($site, @keys) = site_with($cache_server->spec);
        is($site->status($keys[0]), 200,
           '200 for a key before the cache is frozen');
        $cache_server->signal('STOP');
        serves($site, @keys);
        serves($site, @keys);
        is_deeply([ values %{ said($site, 'APIKEY0141') } ], [ 1 ],
                  'one process logs APIKEY0141 once');
        is_deeply(said($site, 'APIKEY0312'), {},
                  'no process logs that the cache works again');
        $cache_server->signal('CONT');
        # A key that a process has in its local cache needs no shared one: each
        # time another key.
        ok(wait_until(60, sub {
            my $late = $site->create;
            $site->polled;
            my $count = $site->counted(sub { $site->status($late) for 1 .. 4 });
            return %{ said($site, 'APIKEY0312') } && $count->{Hits} > 1;
        }), 'the cache is used again, and APIKEY0312 is logged');
        kill USR1 => $site->{pid};
        all_are(200, '200 for all keys after a graceful restart',
                map { $site->status($_) } @keys, @keys);
        $cache_server->signal('STOP');
        my @clients = map { $site->client(0, $site->create, count => 1) }
                      1 .. 4;
        $site->stop;
        unlike($site->errors, qr/exit signal|sending a SIGKILL/,
               'httpd ends in order while the cache is frozen');
        close $_ for @clients;
        $cache_server->signal('CONT');
    };
    subtest "$kind is not there when httpd starts" => sub {
        my $cache_server = APIKey::CacheServer->new($kind);
        starts_without($cache_server, sub { $cache_server->stop },
                       sub { $cache_server->start });
    };
    subtest "$kind is frozen when httpd starts" => sub {
        my $cache_server = APIKey::CacheServer->new($kind);
        starts_without($cache_server, map { my $name = $_;
                                      sub { $cache_server->signal($name) } }
                                qw(STOP CONT));
    };
}

# A server with one response to each get, and another one to everything else.
sub hostile {
    my ($answer, $rest) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64)
        or die "listen: $@\n";
    my $pid = fork // die "fork: $!\n";
    return ($pid, $listen->sockport) if $pid;
    $SIG{TERM} = 'DEFAULT';
    $SIG{PIPE} = 'IGNORE';
    my $parent = getppid;
    my $select = IO::Select->new($listen);
    while (getppid == $parent) {
        for my $socket ($select->can_read(1)) {
            if ($socket == $listen) {
                $select->add(scalar $listen->accept);
                next;
            }
            sysread($socket, my $line, 4096)
                or $select->remove($socket), close($socket), next;
            my ($name) = $line =~ /^get (\S+)/;
            $name //= '' if $line =~ /^GET\r$/m;
            syswrite $socket, defined $name ? $answer =~ s/NAME/$name/r
                                            : $rest;
        }
    }
    POSIX::_exit(0);
}

my @HOSTILE = (
    [ 'a memcached that never ends its answer', 'memcache',
      "VALUE NAME 0 4294967295\r\n", "STORED\r\n", 12 ],
    [ 'a memcached whose entries are too large', 'memcache',
      "VALUE NAME 0 70000\r\n" . 'x' x 70000 . "\r\nEND\r\n", "STORED\r\n" ],
    [ 'a memcached that answers nonsense', 'memcache', "\0nonsense\r\n",
      "nonsense\r\n" ],
    [ 'a redis that never ends its answer', 'redis', "\$4294967295\r\n",
      "+OK\r\n" ],
    [ 'a redis whose entries are too large', 'redis',
      "\$70000\r\n" . 'x' x 70000 . "\r\n", "+OK\r\n" ],
    [ 'a redis that answers nonsense', 'redis', "\0nonsense\r\n",
      "nonsense\r\n" ],
);
for (@HOSTILE) {
    my ($title, $kind, $answer, $rest, $load) = @$_;
    subtest $title => sub {
        my ($pid, $port) = hostile($answer, $rest);
        my ($site, @keys) = site_with("$kind:127.0.0.1:$port", $load // 4);
        serves($site, @keys) if $load;
        all_are(200, '200 for all keys',
                map { $site->status($_) } @keys, @keys);
        is($site->status($site->unknown), 401, '401 for an unknown key');
        unlike($site->errors, qr/exit signal/, 'no process ends');
        unlike($site->errors, qr/APIKEY0141/,
               'no error of the cache is logged for entries that are too large')
            if $title =~ /too large/;
        kill TERM => $pid;
        waitpid $pid, 0;
        $site->stop;
    };
}

subtest 'a name that nothing is known of' => sub {
    my ($site, @keys) = site_with('redis:cache.invalid:6379');
    serves($site, @keys);
    like($site->errors, qr/APIKEY0141/, 'APIKEY0141 is logged');
    $site->stop;
};

done_testing;
