# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Which requests are answered from the cache, and which are not.

use APIKey::Test;
use APIKey::Auth qw(secrets signed_key unknown_key);
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use Time::HiRes qw(sleep time);

my $backend = backend('sqlite3');
my $site = APIKey::CacheSite->new($backend, 'own');
$site->init;
my $docs = run_info()->{stage} . '/htdocs';
$site->run('ApiKeyCache "shmcb:@DIR@/cache(30000)"',
    'ApiKeyFormat base62 hex64', 'ApiKeyCacheTTL 600 600',
    'MaxKeepAliveRequests 0', <<"EOF_CONF");
ScriptAlias /cgi/ "$docs/"
AddHandler cgi-script .cgi
<IfModule mod_cgid.c>
    ScriptSock cgisock
</IfModule>
<Directory "$docs">
    Options ExecCGI
    Require all granted
</Directory>
ProxyPass /app/ http://127.0.0.1:${\ port('app')}/
<LocationMatch "^/(cgi|app)/">
    AuthType ApiKey
    Require valid-user
</LocationMatch>
EOF_CONF
ok($site->polled, 'the first poll ends');

# A request's own port and id are different each time.
sub body {
    my ($key, $path) = @_;
    my $got = get($site->port, $path, "X-API-Key: $key");
    return "$got->{status}\n"
        . $got->{body} =~ s/^(REMOTE_PORT|UNIQUE_ID)=.*\n//mgr;
}

subtest 'a hit exports what a miss does' => sub {
    for my $path ('/cgi/env.cgi', '/app/x') {
        my $key = $site->create(qw(--scope a:b --scope c:* --env test
                                   --expires never));
        $site->polled;
        my (@body, @count);
        for (0 .. 2) {
            push @count, $site->counted(sub { push @body,
                                              body($key, $path) });
        }
        like($body[0], qr/^200\n.*(?:APIKEY_SCOPES=|X-Apikey-Scopes: )a:b/s,
             "$path: a miss exports the scopes");
        is($body[$_], $body[0], "$path: hit $_ is the same to the byte")
            for 1, 2;
        is_deeply([ map { "$_->{Lookups} $_->{Hits} $_->{Misses}" } @count ],
                  [ '1 0 1', '0 1 0', '0 1 0' ],
                  "$path: a miss and two hits are counted");
    }
};

subtest 'forged keys' => sub {
    my $good = $site->create;
    my $count = $site->counted(sub {
        is($site->status(substr($good, 0, -1) . $_), 401,
           '401 for a forged key')
            for grep { $_ ne substr $good, -1 } 'x' .. 'z', 0 .. 2;
    });
    cmp_ok(delete $count->{RefusedUnseen}, '>=', 5,
           'forged keys are refused without a look-up');
    is(join(' ', map { $count->{$_} } qw(Hits Misses NegativeHits Lookups)),
       '0 0 0 0', 'forged keys need neither cache nor database');
};

subtest 'keys that are not there' => sub {
    my $key = unknown_key((secrets("$site->{dir}/secret"))[0]);
    my @count = map { $site->counted(sub { $site->status($key) }) } 1, 2;
    is_deeply([ map { "$_->{Lookups} $_->{NegativeHits}" } @count ],
              [ '1 0', '0 1' ], 'an unknown key is looked up once');
    my ($planned, $row) = $site->planned_key;
    is($site->status($planned), 401, '401 for a key that is not made yet');
    $backend->sql($row);
    $site->polled;
    is($site->status($planned), 200,
       '200 for the key once it is made and the change was read');
};

subtest 'a flood of wrong keys' => sub {
    my $good = $site->create;
    $site->polled;
    is($site->status($good), 200, '200 for a key, which is cached');
    my $client = connection($site->port);
    my $refused = 0;
    my $flood = $site->counted(sub {
        for (1 .. 1500) {
            my $wrong = 'ak_' . join '', map { sprintf '%08x', rand 2**32 }
                                         1 .. 8;
            $client->send("GET /api/ HTTP/1.1\r\nHost: x\r\n"
                          . "X-API-Key: $wrong\r\n\r\n");
            $refused += $client->response->{status} == 401;
        }
    });
    is($refused, 1500, '401 for each of 1500 wrong keys');
    cmp_ok($flood->{Lookups}, '>', 1000,
           'more than 1000 of them were looked up');
    my $count = $site->counted(sub {
        is($site->status($good), 200, '200 for the key after that') });
    is("$count->{Hits} $count->{Lookups}", '1 0', 'the key was still cached');
};

# If the key expires before it was used twice, the round is repeated with a key
# that lives longer.
subtest 'expiry' => sub {
    my ($key, $ends, $seen, $count);
    for my $life (4, 8, 16, 32) {
        ($key, my $row) = $site->planned_key(expires => $ends = int(time)
                                                               + $life);
        $backend->sql($row);
        $site->polled;
        my @seen = $site->status($key);
        $count = $site->counted(sub { push @seen, $site->status($key) });
        last if ($seen = "@seen $count->{Hits}") eq '200 200 1';
    }
    is($seen, '200 200 1',
       '200 for a key that expires soon, looked up and then from the cache');
    sleep 0.1 while time < $ends + 0.5;
    $count = $site->counted(sub { is($site->status($key), 401,
                                     '401 once it has expired') });
    is("$count->{Hits} $count->{Lookups}", '1 0',
       'the 401 came from the cache');
};

$site->stop;
done_testing;
