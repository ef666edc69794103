# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A slow application and a pool of two connections: a connection is in use
# during the look-up, not during the request. While another module keeps
# connections in use, requests with a key get 503 and all others are served.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::DatabaseSite;
use APIKey::Holder;
use Digest::SHA qw(sha1_base64);
use MIME::Base64 qw(encode_base64);

my $CLIENTS = 64;
my @POOL = ('DBDMin 1', 'DBDKeep 1', 'DBDMax 2');

# A thread for each client, and some for the requests beside them.
sub lines_for {
    my ($application) = @_;
    my $all = $CLIENTS + 16;
    return (<<"EOF_CONF");
<IfModule !mpm_prefork_module>
    ServerLimit 1
    ThreadLimit $all
    ThreadsPerChild $all
    MaxRequestWorkers $all
</IfModule>
<IfModule mpm_prefork_module>
    ServerLimit $all
    StartServers $all
    MaxSpareServers $all
    MaxRequestWorkers $all
</IfModule>
ProxyPass /held/ http://127.0.0.1:${\ $application->port}/ disablereuse=on
<Location /held/key/>
    AuthType ApiKey
    Require valid-user
</Location>
EOF_CONF
}

sub site_of {
    my ($backend, $way) = @_;
    my $site = APIKey::DatabaseSite->new($backend, $way);
    $site->init;
    return ($site, $site->create);
}

sub ask {
    my ($site, $path, @headers) = @_;
    return connection($site->port)->send(join "\r\n", "GET $path HTTP/1.1",
        'Host: a', @headers, 'Connection: close', '', '');
}

sub statuses {
    my (@connections) = @_;
    return join ' ', sort map { $_->response->{status} } @connections;
}

sub slow_application {
    my ($backend, $way) = @_;
    my $application = APIKey::Holder->new;
    my ($site, $key) = site_of($backend, $way);
    $site->run($way eq 'own' ? () : @POOL, lines_for($application));
    for my $round (1, 2) {
        my @clients = map { ask($site, '/held/key/', "X-API-Key: $key") }
                      1 .. $CLIENTS;
        is($application->hold($CLIENTS), $CLIENTS,
           'all requests wait in the application');
        is($site->status($key), 200, '200 for one more key meanwhile');
        is($site->status($site->unknown), 401,
           '401 for an unknown key meanwhile');
        $application->release;
        is(statuses(@clients), join(' ', (200) x $CLIENTS),
           '200 for all once the application answers');
    }
    unlike($site->errors, qr/APIKEY010[56]|exit signal/,
           'no look-up failed and no process crashed');
    $site->stop;
}

# mod_authn_dbd keeps its connection until the request ends.
sub pinned {
    my ($backend) = @_;
    my $application = APIKey::Holder->new;
    my ($site, $key) = site_of($backend, 'mod_dbd');
    $backend->sql('CREATE TABLE basic (name VARCHAR(10), hash VARCHAR(40))',
                  "INSERT INTO basic VALUES ('u', '{SHA}"
                  . sha1_base64('p') . "=')");
    $site->run(@POOL, lines_for($application), <<'EOF_CONF');
<Location /held/basic/>
    AuthType Basic
    AuthName a
    AuthBasicProvider dbd
    AuthDBDUserPWQuery "SELECT hash FROM basic WHERE name = %s"
    Require valid-user
</Location>
EOF_CONF
    my @clients = map { ask($site, '/held/basic/', 'Authorization: Basic '
                            . encode_base64('u:p', '')) } 1, 2;
    is($application->hold(2), 2,
       "two requests of another module hold the pool's connections");
    my $freely = $site->{run}{mpm} eq 'prefork' || !$backend->can('signal');
    my @answers = $site->load(8, 0, $key);
    is(join(' ', map { $_->[0] } @answers),
       join(' ', ($freely ? 200 : 503) x 8),
       $freely ? '200 for keys over connections of their own'
               : '503 for keys that need the pool');
    is($site->status('', '/'), 200, '200 for a page that needs no key');
    is($application->held, 2, 'the two requests still hold the connections');
    $application->release;
    is(statuses(@clients), '200 200', '200 for the two requests');
    is(join(' ', map { $_->[0] } $site->load(8, 0, $key)),
       join(' ', (200) x 8), '200 for keys once the connections are free');
    unlike($site->errors, qr/exit signal/, 'no process crashed');
    $site->stop;
}

for my $name (qw(sqlite3 pgsql)) {
    my $backend = backend($name);
    for my $way (@APIKey::DatabaseSite::WAYS) {
        subtest "$name, $way: a slow application"
            => sub { slow_application($backend, $way) };
    }
    subtest "$name: another module holds the pool"
        => sub { pinned($backend) };
}

done_testing;
