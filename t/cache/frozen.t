# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A redis or memcached that does not answer: it costs look-ups, no answer and
# no thread of httpd's.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::Keeper;
use APIKey::Process qw(wait_until);
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(time);

# More than httpd has threads.
my $CLIENTS = 8 * $APIKey::CacheSite::CHILDREN + 8;

sub all_are {
    my ($status, $what, @answers) = @_;
    is(join(' ', grep { $_ ne $status } @answers), '', $what);
}

# While it is frozen: keys that each process has to ask it for, many at once,
# and beside them pages for which no key is needed.
sub serves {
    my ($site, @keys) = @_;
    my @keyed = map { $site->client(0, $keys[$_ % @keys], count => 2) }
                1 .. $CLIENTS;
    my @open = map { $site->status('', '/') } 1 .. 20;
    all_are(200, 'pages without a key are served', @open);
    all_are(200, 'and all keys, from the database',
            map { map { $_->[0] } $site->collect($_) } @keyed);
}

# How often each process has said it.
sub said {
    my ($site, $number) = @_;
    my %said;
    $said{$_}++ for $site->errors =~ /\[pid (\d+).*$number/g;
    return \%said;
}

sub site_with {
    my ($spec) = @_;
    my $site = APIKey::CacheSite->new(backend('sqlite3'), 'own');
    $site->init;
    my @keys = map { $site->create } 1 .. 12;
    $site->run("ApiKeyCache $spec", 'ApiKeyCacheTTL 600 600');
    $site->polled;
    return ($site, @keys);
}

# httpd starts without it, and needs no restart when it is there.
sub starts_without {
    my ($keeper, $without, $back) = @_;
    $without->();
    my ($site, @keys) = site_with($keeper->spec);
    serves($site, @keys);
    $back->();
    ok(wait_until(60, sub {
        my $key = $site->create;
        $site->polled;
        my $count = $site->counted(sub { $site->status($key) for 1 .. 4 });
        return $count->{Hits} > 1;
    }), 'it is used as soon as it is there');
    $site->stop;
}

for my $kind (qw(redis memcache)) {
    subtest "$kind is frozen" => sub {
        my $keeper = APIKey::Keeper->new($kind);
        my ($site, @keys) = site_with($keeper->spec);
        is($site->status($keys[0]), 200, 'a key');
        $keeper->signal('STOP');
        serves($site, @keys);
        serves($site, @keys);
        is(join(' ', grep { $_ != 1 } values %{ said($site, 'APIKEY0141') }),
           '', 'each process says so once');
        is_deeply(said($site, 'APIKEY0330'), {}, 'not that it works again');
        $keeper->signal('CONT');
        my $late = $site->create;
        $site->polled;
        ok(wait_until(30, sub {
            my $count = $site->counted(sub { $site->status($late) for 1 .. 4 });
            return $count->{Hits} == 4;
        }), 'then it keeps keys again');
        cmp_ok(scalar keys %{ said($site, 'APIKEY0330') }, '>', 0,
               'which is said, too');
        kill USR1 => $site->{pid};
        all_are(200, 'a graceful restart',
                map { $site->status($_) } @keys, @keys);
        $keeper->signal('STOP');
        my @clients = map { $site->client(0, $site->create, count => 1) }
                      1 .. 4;
        $site->stop;
        unlike($site->errors, qr/exit signal|did not exit/,
               'httpd ends in order while it is frozen');
        close $_ for @clients;
        $keeper->signal('CONT');
    };
    subtest "$kind is not there when httpd starts" => sub {
        my $keeper = APIKey::Keeper->new($kind);
        starts_without($keeper, sub { $keeper->stop }, sub { $keeper->start });
    };
    subtest "$kind is frozen when httpd starts" => sub {
        my $keeper = APIKey::Keeper->new($kind);
        starts_without($keeper, map { my $name = $_;
                                      sub { $keeper->signal($name) } }
                                qw(STOP CONT));
    };
}

# It says that four gigabytes follow, and nothing follows.
sub hostile {
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64)
        or die "listen: $@\n";
    my $pid = fork // die "fork: $!\n";
    return ($pid, $listen->sockport) if $pid;
    $SIG{TERM} = 'DEFAULT';
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
            syswrite $socket, $line =~ /^get (\S+)/
                ? "VALUE $1 0 4294967295\r\n" : "VERSION 1.6.0\r\n";
        }
    }
    POSIX::_exit(0);
}

subtest 'a memcached that never ends its answer' => sub {
    my ($pid, $port) = hostile();
    my ($site, @keys) = site_with("memcache:127.0.0.1:$port");
    serves($site, @keys);
    unlike($site->errors, qr/exit signal/, 'no process ends');
    kill TERM => $pid;
    waitpid $pid, 0;
    $site->stop;
};

done_testing;
