# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Several ApiKeyQuery on one database with one cache: each virtual host gets the
# result of its own query, whichever asked first.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::Process qw(wait_until);

my $columns = 'name, scopes, expires, revoked, disabled';
my %query = (
    plain => '',
    upper => "ApiKeyQuery \"SELECT id, UPPER(tenant) AS tenant, $columns "
             . 'FROM apikey WHERE digest = %s"',
    # Without a column keyspace, the key is of the virtual host's keyspace.
    (map { $_ => "ApiKeyKeyspace $_\nApiKeyQuery \"SELECT id, tenant, "
               . "$columns FROM apikey WHERE digest = %s\"" } qw(left right)),
);
my %tenant = (plain => 'acme', upper => 'ACME', left => 'acme',
              right => 'acme');
my @hosts = sort keys %query;

my $site = APIKey::CacheSite->new(backend('sqlite3'), 'own');
$site->init;
my $key = $site->create;
$site->run('ApiKeyCacheTTL 600 600', map {
    ('<VirtualHost *>', "ServerName $_", $query{$_}, '</VirtualHost>')
} @hosts);
sub status { return get($site->port, '/server-status?auto')->{body} }
# Each database must have been polled: before that, nothing is cached.
ok(wait_until(60, sub { status() !~ /PollAge: -/ }),
   'each database has been polled');

for my $round ('looked up', 'kept') {
    for my $host (@hosts) {
        my $got = connection($site->port)->send("GET /api/ HTTP/1.1\r\n"
            . "Host: $host\r\nX-API-Key: $key\r\n\r\n")->response;
        is($got->{status} . ' ' . ((header_of($got, 'X-Tenant'))[0] // ''),
           "200 $tenant{$host}", "$host, $round");
    }
}
my $hits = 0;
$hits += $_ for status() =~ /^ApiKey\dHits: (\d+)/mg;
is($hits, scalar @hosts, 'the second round is served from the cache');

done_testing;
