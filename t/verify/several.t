# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Two httpd servers with one database and one cache: each uses the records that
# the other has cached, both refuse revoked keys, and entries that others write
# into the cache are ignored.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::CacheServer;
use APIKey::Process qw(wait_until);
use File::Temp ();
use Time::HiRes qw(sleep time);

my $WITHIN = 1.0 + ($ENV{APIKEY_TEST_VALGRIND}
    || ($ENV{APIKEY_TEST_SANITIZER} // 'no') ne 'no' ? 5 : 0);
# Two servers on one database, with the same secret.
sub pair {
    my ($backend, $cache_server, @lines) = @_;
    my @sites = APIKey::CacheSite->new($backend, 'own');
    $sites[0]->init;
    my $twin = bless { %{ $sites[0] } }, 'APIKey::CacheSite';
    $twin->{dir} = File::Temp::tempdir("$twin->{run}{stage}/own/site.XXXXXX",
                                       CLEANUP => 0);
    chmod 0755, $twin->{dir};
    $twin->file("docs/$_/index.html", "A page.\n") for qw(api scoped .);
    $twin->file('secret', $sites[0]->slurp('secret'), 0600);
    $twin->file('cli.conf', $twin->database_lines);
    push @sites, $twin;
    for my $site (@sites) {
        $site->run('ApiKeyCache ' . $cache_server->spec,
                   'ApiKeyCacheTTL 600 600', @lines);
        $site->polled;
    }
    return @sites;
}

sub serves_both {
    my ($one, $other) = @_;
    my $key = $one->create;
    $_->polled for $one, $other;
    my $count = $one->counted(sub {
        is($one->status($key), 200, '200 from the first server') });
    is($count->{Lookups}, 1, 'the first server looks the key up once');
    $count = $other->counted(sub {
        is($other->status($key), 200, '200 from the second server')
            for 1 .. 3;
    });
    is("$count->{Hits} $count->{Lookups}", '3 0',
       'the second server finds it in the cache');
    return $key;
}

sub revoked_on_both {
    my ($backend, @sites) = @_;
    my ($key, $row, $id) = $sites[0]->planned_key;
    $backend->sql($row);
    $_->polled for @sites;
    for my $to (1, 0, 1) {
        is($_->status($key), $to ? 200 : 401,
           $to ? '200 before the revocation'
               : '401 before the key is given back') for @sites, @sites;
        $backend->sql("UPDATE apikey SET revoked = $to WHERE id = '$id'");
        sleep $WITHIN;
        my @answers = map { $_->[0] }
                      map { $_->load(4, 0, $key, count => 4) } @sites;
        is(join(' ', grep { $_ ne ($to ? 401 : 200) } @answers), '',
           $to ? '401 from both after the revocation'
               : '200 from both after the key is given back');
    }
}

# Overwrites an entry of one server; then asks the other server, whose local
# cache does not have it.
sub forged {
    my ($redis, $one, $other) = @_;
    # On a busy machine redis may be too slow for httpd once; then it is
    # repeated.
    my $kept = sub {
        my ($key, $at);
        ok(wait_until(60, sub {
            $key = $one->create;
            $_->polled for $one, $other;
            my %before = map { $_ => 1 } $redis->keys;
            return 0 if $one->status($key) ne 200;
            ($at) = grep { !$before{$_} } $redis->keys;
            return defined $at;
        }), 'a key is cached') or die "redis has nothing\n";
        return ($key, $at, $redis->get($at));
    };
    my (undef, undef, $of_another) = $kept->();
    my %written = (
        'another key\'s entry' => sub { $of_another },
        'a changed tenant' => sub { $_[0] =~ s/acme/axme/r },
        'one without its end' => sub { substr $_[0], 0, -1 },
        'nothing' => sub { '' },
        'noise' => sub { join '', map { chr rand 256 } 1 .. 300 },
        'a seal alone' => sub { substr $_[0], -32 },
    );
    for my $what (sort keys %written) {
        my ($key, $at, $entry) = $kept->();
        my $written = $written{$what}->($entry);
        $redis->set($at, $written);
        my $count = $other->counted(sub {
            my $answer = $other->answer($key);
            is("$answer->[0] $answer->[3]", '200 acme',
               "200 although the entry is $what");
        });
        is("$count->{Hits} $count->{Lookups}", '0 1',
           "the entry is ignored and the key looked up ($what)");
        isnt($redis->get($at), $written, "the entry is replaced ($what)");
    }
    is(scalar(() = $other->errors =~ /APIKEY0142/g), 1,
       'APIKEY0142 is logged once');
}

sub goes_on {
    my ($cache_server, $one, $other, $key) = @_;
    $cache_server->stop;
    my @answers = map { $_->[0] } $one->load(4, 0, $key, count => 5);
    is(join(' ', grep { $_ ne 200 } @answers), '',
       '200 for all requests after the cache has stopped');
    my $new = $one->create;
    $one->polled;
    is($one->status($new), 200, '200 for a new key without the cache');
    is($one->status($one->create), 200,
       '200 for another new key without the cache') for 1 .. 10;
    is(scalar(() = $one->errors =~ /APIKEY0141/g), 1,
       'one process logs APIKEY0141, once');
    unlike($one->errors, qr/APIKEY0312/,
           'no process logs that the cache works again');
    $cache_server->start;
    sleep 1.5;
    @answers = map { $_->[0] } $one->load(4, 0, $key, count => 5);
    is(join(' ', grep { $_ ne 200 } @answers), '',
       '200 for all requests after the cache has started');
    ok(wait_until(60, sub {
        $one->status($one->create);
        return $one->errors =~ /APIKEY0312/;
    }), 'APIKEY0312 is logged after that');
}

my $backend = backend('pgsql');
for my $kind (qw(redis memcache)) {
    subtest $kind => sub {
        my $cache_server = APIKey::CacheServer->new($kind);
        my ($one, $other) = pair($backend, $cache_server);
        my $key = serves_both($one, $other);
        revoked_on_both($backend, $one, $other);
        forged($cache_server, $one, $other) if $kind eq 'redis';
        goes_on($cache_server, $one, $other, $key);
        $_->stop for $one, $other;
    };
}

subtest 'a new secret, on one of them first' => sub {
    my $redis = APIKey::CacheServer->new('redis');
    my ($one, $other) = pair($backend, $redis);
    my $new = `'$ENV{HTAPIKEY}' secret` =~ s/^\S+/new/r;
    $one->stop;
    $one->file('secret', $new . $other->slurp('secret'), 0600);
    $one->run('ApiKeyCache ' . $redis->spec, 'ApiKeyCacheTTL 600 600');
    $one->polled;
    my $key = $other->create;
    $_->polled for $one, $other;
    is($other->status($key), 200, '200 for a key cached under the old secret');
    my $count = $one->counted(sub { is($one->status($key), 200,
                                       '200 for it from the server with '
                                       . 'both secrets') });
    is("$count->{Hits} $count->{Lookups}", '1 0',
       'the server with both secrets finds it in the cache');
    $_->stop for $one, $other;
};

done_testing;
