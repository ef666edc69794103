# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Keys in a table of one's own, on each of the six databases, through mod_dbd
# and through connections of the module's own: the manual's example to the
# letter, and other queries that a table's owner could have written. The
# database has none of mod_apikey's tables.

use APIKey::Test;
use APIKey::Backends qw(on_each_database);
use APIKey::DatabaseSite;
use APIKey::OwnTable;

# A virtual host for each query, all of them with one database.
my $FROM = 'FROM api_client WHERE key_sha256 = %s';
my %OTHER = (
    date   => "SELECT number AS id, customer AS tenant,"
            . " '2026-01-01' AS expires $FROM",
    millis => 'SELECT number AS id, customer AS tenant,'
            . " 1767225600000 AS expires $FROM",
    yes    => "SELECT number AS id, customer AS tenant, 'yes' AS revoked"
            . " $FROM",
    twice  => 'SELECT number AS id, customer AS tenant FROM api_client,'
            . ' (SELECT 1 AS x UNION ALL SELECT 2) y WHERE key_sha256 = %s',
    true   => "SELECT number AS id, customer AS tenant, 't' AS suspended"
            . " $FROM",
    false  => "SELECT 'f' AS suspended, 'false' AS DISABLED, plan AS tenant,"
            . " number AS Id $FROM",
    ours   => "SELECT number AS id, 'ours' AS keyspace, customer AS tenant"
            . " $FROM",
    others => "SELECT number AS id, 'default' AS keyspace,"
            . " customer AS tenant $FROM",
    hex    => 'SELECT key_sha256 AS hash, number AS id, plan AS b_1,'
            . " customer AS tenant $FROM",
    empty  => "SELECT number AS id, NULL AS tenant $FROM",
    plain  => 'SELECT number AS id, customer AS tenant, label AS b_1,'
            . " upper(key_sha256) AS hash, plan $FROM",
    told   => "SELECT label AS id, customer AS tenant $FROM",
);

# What an application would be given.
my $SEEN = <<'EOF';
<LocationMatch "^/(api|scoped)/">
    Header set X-Seen "%{APIKEY_ID}e %{APIKEY_NAME}e [%{APIKEY_SCOPES}e] \
%{APIKEY_KEYSPACE}e %{APIKEY_EXPIRES}e %{APIKEY_META_PLAN}e \
%{APIKEY_META_HASH}e %{APIKEY_META_B_1}e"
</LocationMatch>
EOF

sub others {
    return join '', "<VirtualHost *>\nServerName main\n</VirtualHost>\n",
        map { my $more = /^(?:ours|others)$/ ? 'ApiKeyKeyspace ours' : '';
              "<VirtualHost *>\nServerName $_.example\n$more\n"
              . "ApiKeyQuery \"$OTHER{$_}\"\n</VirtualHost>\n" }
        sort keys %OTHER;
}

# The status, the reason, the tenant, and what an application would be given.
sub seen {
    my ($site, $key, $host, $path) = @_;
    my $got = get($site->port, $path // '/api/', "X-API-Key: $key",
                  'Host: ' . ($host ? "$host.example" : 'main'));
    my ($code) = $got->{body} =~ /"code":\s*"(\w+)"/;
    return join ' ', $got->{status}, $code // (),
                $got->{status} ne 200 ? ()
                : map { header_of($got, $_) } qw(X-Tenant X-Seen);
}

sub status { return seen(@_) =~ s/ .*//r }

sub worked_example {
    my ($site, $table) = @_;
    my $key = $table->add(label => "Z\xc3\xbcrich", rights => 'a:b c:*',
                          plan => 'gold', valid_until => '2100-01-01');
    is(seen($site, $key), "200 acme 1 Z\xc3\xbcrich [a:b c:*] default "
       . '4102444800 gold (null) (null)', '200, and all columns are exported');
    is(status($site, $key, '', '/scoped/'), 200,
       '200 where a scope of the key is required');
    my $bare = $table->add;
    is(seen($site, $bare), '200 acme 2  [] default (null) (null) (null) '
       . '(null)', '200, and NULL is exported as empty or not at all');
    is(seen($site, $bare, '', '/scoped/'), '403 scope',
       '403 for a key without scopes where one is required');
    is(seen($site, "x$key"), '401 invalid', '401 for another key');
    is(seen($site, $table->add(valid_until => '2026-01-01 00:00:00')),
       '401 expired', '401 for a key that has expired');
    is(seen($site, $table->add(active => 'FALSE')), '401 disabled',
       '401 for a key that is not active');
    my $end = $table->add;
    is(status($site, $end), 200, '200 for a key before it is revoked');
    $site->{backend}->sql("UPDATE api_client SET revoked_at ="
                          . " '2026-01-01 12:00:00' WHERE number = 5");
    is(seen($site, $end), '401 revoked', '401 once it is revoked');
    return $key;
}

sub queries {
    my ($site, $key) = @_;
    my %want = (
        date   => [ '503 unavailable', qr/APIKEY0102: the key 1 .*its expires is no n/ ],
        millis => [ '503 unavailable', qr/APIKEY0102: .*its expires lies after the/ ],
        yes    => [ '503 unavailable', qr/APIKEY0102: .*its revoked is no number/ ],
        twice  => [ '503 unavailable', qr/more than one row/ ],
        empty  => [ '503 unavailable', qr/APIKEY0102: .*its tenant is empty/ ],
        true   => [ '403 suspended' ], others => [ '401 invalid' ],
        false  => [ '200 gold 1 ' ], ours => [ '200 acme 1 ' ],
        hex    => [ qr/^200 acme 1 .* \(null\) gold$/ ],
    );
    for my $host (sort keys %want) {
        my ($status, $message) = @{ $want{$host} };
        # More requests than errors that would open the breaker.
        my @got = map { seen($site, $key, $host) } 1 .. 5;
        my $pattern = ref $status ? $status : qr/^\Q$status\E/;
        is(scalar(grep { $_ =~ $pattern } @got), 5, "$host: $status")
            or diag(join "\n", @got);
        like($site->errors, $message, "$host: the log names the fault")
            if $message;
    }
}

# A table that has the keys themselves in a column.
sub plain_keys {
    my ($site, $key) = @_;
    $site->{backend}->sql("UPDATE api_client SET label = '$key' WHERE "
                          . 'number = 1');
    is(seen($site, $key, 'plain'), '200 acme 1  [] default (null) gold (null)'
       . ' (null)', '200, and neither key nor digest is exported');
    like($site->errors, qr/APIKEY0230: .*: b_1, hash; leave/i,
         'the log names the columns that were not exported');
    is(seen($site, $key, 'told'), '503 unavailable',
       '503 for a query whose id is the key');
    like($site->errors, qr/APIKEY0102: .*its id is a key, or has one in it/,
         'the log names the id as the fault');
}

# A query's statement never answers for another query.
sub apart {
    my ($site, $key) = @_;
    my @hosts = map { ('', 'false') } 1 .. 20;
    is(join(' ', map { seen($site, $key, $_) =~ s/^(\S+ \S+) .*/$1/r }
                 @hosts),
       join(' ', ('200 acme 200 gold') x 20),
       'each host has the result of its own query');
}

sub all_of {
    my ($backend, $way) = @_;
    my $site = APIKey::DatabaseSite->new($backend, $way);
    my $table = APIKey::OwnTable->new($backend);
    $site->open_file if $backend->{file};
    $site->run($table->lines, $SEEN, others());
    my $key = worked_example($site, $table);
    queries($site, $key);
    apart($site, $key);
    plain_keys($site, $key);
    $site->stop;
    unlike($site->errors, qr/exit signal|APIKEY0106|APIKEY012[12]/,
           'no look-up failed and no process crashed');
    is($site->leaks($key), '', 'no key is in the logs');
}

on_each_database(\&all_of);

done_testing;
