# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Each row of the table in CONTRACT.md, "Request", by GET, HEAD, POST, OPTIONS,
# PROPFIND and over HTTP/1.0: the answer and the log; and that the answer tells
# the client no tenant, name or id.

use APIKey::Test;
use APIKey::Auth;

my $host = 'auth_table';
my ($secret) = secrets();

my %key = map {
    $_ => create_key($host, tenant => "tenant-of-$_", name => "name of $_",
                     scope => 'partners:read')
} qw(good two expired revoked disabled suspended);
$key{elsewhere} = create_key($host, tenant => 'tenant-of-elsewhere',
                             keyspace => 'elsewhere', expires => 'never',
                             scope => 'partners:read');
sql($host, "UPDATE apikey SET expires = 1000000000
            WHERE id = '$key{expired}{id}'");
tell($host, 'revoke', $key{revoked}{id});
tell($host, 'disable', $key{disabled}{id});
tell($host, 'tenant', 'suspend', 'tenant-of-suspended');
sql('auth_notables', map { "DROP TABLE $_" } sql('auth_notables',
    "SELECT name FROM sqlite_master WHERE name LIKE 'apikey%'
     AND type = 'table'"));
my $unknown = unknown_key($secret);

sub header_with { return "X-API-Key: " . (ref $_[0] ? $_[0]{key} : $_[0]) }

my $good = header_with($key{good});
my %dead = map { $_ => header_with($key{$_}) } keys %key;
my $two_keys = "Authorization: Bearer $key{two}{key}";

# What the access log has of a header: its first word, with a key masked, as a
# hint if it is a single one with right check characters.
sub logged {
    my ($name, @headers) = @_;
    my @values = map { /^\Q$name\E: ?(.*)/ ? $1 : () } @headers or return '-';
    my $value = join ', ', @values;
    return $value =~ /^ak_.*(?:000000$|,)/ ? 'ak_...***'
         : $value =~ /^ak_/ ? hint_of($value) : $value =~ s/ .*//r;
}

# [the request, the section, its headers, the reason, whose key the access log
# names, what else expected() takes].
my @rows = (
    [ 'no key', 'api', [], 'missing', undef, scope => 'partners:read' ],
    [ 'an empty key', 'api', ['X-API-Key:'], 'invalid' ],
    [ 'an empty bearer', 'api', ['Authorization: Bearer'], 'invalid' ],
    [ 'a malformed key', 'api', [ header_with('nonsense') ], 'invalid' ],
    [ 'wrong check characters', 'api',
      [ header_with(substr($unknown, 0, -6) . '000000') ], 'invalid' ],
    [ 'an unknown key', 'api', [ header_with($unknown) ], 'invalid' ],
    [ 'a key of another keyspace', 'api', [ $dead{elsewhere} ], 'invalid' ],
    [ 'an expired key', 'api', [ $dead{expired} ], 'expired', 'expired' ],
    [ 'a revoked key', 'api', [ $dead{revoked} ], 'revoked', 'revoked' ],
    [ 'a disabled key', 'api', [ $dead{disabled} ], 'disabled', 'disabled' ],
    [ 'a suspended tenant', 'api', [ $dead{suspended} ], 'suspended',
      'suspended' ],
    [ 'the header twice', 'api', [ $good, $good ], 'ambiguous' ],
    [ 'two keys in one header', 'api',
      [ "$good, $key{two}{key}" ], 'ambiguous' ],
    [ 'bearer twice', 'api', [ $two_keys, $two_keys ], 'ambiguous' ],
    [ 'two keys in two headers', 'api', [ $good, $two_keys ], 'ambiguous' ],
    [ 'a wrong scope', 'scope', [$good], 'scope', 'good',
      scope => 'partners:write' ],
    [ 'none of two scopes', 'scopes', [$good], 'scope', 'good',
      scope => 'partners:write deals:write' ],
    [ 'a wrong tenant', 'tenant', [$good], 'tenant', 'good' ],
    [ 'a wrong env', 'env', [$good], 'env', 'good' ],
    [ 'a wrong id', 'id', [$good], 'id', 'good' ],
    [ 'another Require', 'other', [$good], 'forbidden', 'good' ],
    # httpd refuses with 403 and asks for no user where no user is granted.
    [ 'Require all denied', 'denied', [$good], 'denied' ],
    [ 'Require all denied without a key', 'denied', [], 'denied' ],
    [ 'a key in the query', "api/index.html?a=b&k=$key{two}{key}", [$good],
      'exposed', undef, vary => [] ],
);

sub path { return $_[0] =~ m{/} ? "/$_[0]" : "/$_[0]/index.html" }

for my $row (@rows) {
    my ($what, $where, $headers, $reason, $whose, %with) = @$row;
    my $r = ask($host, path($where), @$headers);
    is_deeply(refusal($r), expected($reason, %with),
              "$what: GET is refused with $reason");
    my $log = log_of($r);
    is_deeply([ @{$log}{qw(status result id tenant env user key auth)} ],
              [ expected($reason)->{status},
                $reason eq 'denied' ? 'forbidden' : $reason,
                $whose ? ($key{$whose}{id}, "tenant-of-$whose") : ('-', '-'),
                ('-') x 2, map { logged($_, @$headers) }
                           qw(X-API-Key Authorization) ],
              "$what: the access log has $reason and whose key it was")
        or diag(explain($log));
    my $text = join "\n", $r->{body}, map { @$_ } @{ $r->{headers} };
    unlike($text, qr/tenant-of|name of|$key{good}{id}/,
           "$what: the client learns nothing of a tenant, name or id");

    my $head = ask_as('HEAD', $host, path($where), @$headers);
    is_deeply(refusal($head), expected($reason, %with, body => 0),
              "$what: HEAD is refused with $reason");
    is_deeply([ header_of($head, 'Content-Length') ],
              [ length $r->{body} ],
              "$what: Content-Length of HEAD is the one of GET");
    for my $method (qw(POST OPTIONS PROPFIND)) {
        is_deeply(refusal(ask_as($method, $host, path($where), @$headers)),
                  expected($reason, %with),
                  "$what: $method is refused with $reason");
    }
    my $old = connection($host)->send(join "\r\n",
        "GET @{[ path($where) ]} HTTP/1.0", @$headers, '', '')->response;
    is_deeply(refusal($old), expected($reason, %with),
              "$what: HTTP/1.0 is refused with $reason");
}

# The last row of the table: a request that is granted.
for my $method (qw(GET HEAD POST OPTIONS)) {
    my $file = $method eq 'POST' ? 'env.cgi' : 'index.html';
    my $r = ask_as($method, $host, "/api/$file", $good);
    is($r->{status}, 200, "$method with a good key: 200");
    is_deeply([ header_of($r, 'WWW-Authenticate') ], [],
              "$method with a good key: no challenge");
    is_deeply([ header_of($r, 'Cache-Control') ], ['private'],
              "$method with a good key: Cache-Control is private");
    my %vary = map { $_ => 1 } map { split /\s*,\s*/ } header_of($r, 'Vary');
    ok($vary{'X-API-Key'} && $vary{Authorization},
       "$method with a good key: Vary has both headers");
    my $log = log_of($r);
    is_deeply([ @{$log}{qw(status result id tenant env user key auth)} ],
              [ 200, 'granted', $key{good}{id}, ('tenant-of-good') x 3,
                hint_of($key{good}{key}), '-' ],
              "$method with a good key: the access log has its id and tenant");
}
like(ask($host, '/api/index.html', $two_keys)->{body}, qr/everybody/,
     'a good key as bearer gets the page');
like(connection($host)->send("GET /api/index.html HTTP/1.0\r\n$good\r\n\r\n")
     ->response->{body}, qr/everybody/,
     'a good key over HTTP/1.0 gets the page');
my $not_found = ask($host, '/api/not-there.html', $good);
is($not_found->{status}, 404, '404 with a good key where there is no file');
is_deeply([ header_of($not_found, 'Cache-Control') ], ['private'],
          'a 404 with a good key is private');
like(join(',', header_of($not_found, 'Vary')), qr/X-API-Key/,
     'a 404 with a good key has X-API-Key in Vary');
is(log_of(ask($host, '/open/index.html'))->{result}, '-',
   'without AuthType ApiKey the access log has no result');

# The response to TRACE is the request, without the key.
my $trace = ask_as('TRACE', $host, '/api/index.html', $good);
unlike($trace->{body}, qr/\Q$key{good}{key}\E/,
       'TRACE of a guarded page does not echo the key');
$trace = ask_as('TRACE', $host, '/open/index.html', $good);
like($trace->{body}, qr/^Host:/m, 'TRACE of an open page echoes the request');
unlike($trace->{body}, qr/\Q$key{good}{key}\E/,
       'TRACE of an open page does not echo the key');

# A key of another keyspace is answered like an unknown one.
sub bytes_of {
    my ($header) = @_;
    return raw($host, "GET /api/index.html HTTP/1.1\r\nHost: a\r\n$header\r\n"
                      . "Connection: close\r\n\r\n")
           =~ s/^Date: .*\r\n//mr;
}
my %bytes = map { $_ => bytes_of(header_with($_ eq 'unknown' ? $unknown
                                             : $key{elsewhere})) }
            qw(unknown elsewhere);
like($bytes{unknown}, qr/"code":\s*"invalid"/, 'an unknown key is invalid');
is($bytes{elsewhere}, $bytes{unknown},
   'a key of another keyspace is answered like an unknown one');
is(bytes_of(header_with('ak_x')), $bytes{unknown},
   'a malformed key is answered like an unknown one');

# The state of a key of another keyspace is not revealed.
for my $change ('revoked = 1', 'disabled = 1', 'expires = 1') {
    sql($host, "UPDATE apikey SET revoked = 0, disabled = 0, expires = 0
                WHERE id = '$key{elsewhere}{id}'",
        "UPDATE apikey SET $change WHERE id = '$key{elsewhere}{id}'");
    is(bytes_of(header_with($key{elsewhere})), $bytes{unknown},
       "another keyspace's key with $change is answered like an unknown one");
}

# A key that is refused for several reasons is answered with the first of them:
# revoked, disabled, expired, suspended, and then those of Require.
my %order = (
    revoked => 'revoked = 1, disabled = 1, expires = 1',
    disabled => 'revoked = 0, disabled = 1, expires = 1',
    expired => 'revoked = 0, disabled = 0, expires = 1',
    suspended => 'revoked = 0, disabled = 0, expires = 0',
);
for my $reason (sort keys %order) {
    sql($host, "UPDATE apikey SET $order{$reason}
                WHERE id = '$key{suspended}{id}'");
    is_deeply(refusal(ask($host, '/scope/index.html', $dead{suspended})),
              expected($reason), "the reason is $reason with $order{$reason}");
}

# A key expires at the second of `expires`, not a second before.
sql($host, "UPDATE apikey SET expires = CAST(strftime('%s','now') AS INTEGER)
            WHERE id = '$key{two}{id}'");
is(ask($host, '/api/index.html', $two_keys)->{status}, 401,
   '401 for a key at the second of its expires');
sql($host, "UPDATE apikey SET expires = CAST(strftime('%s','now') AS INTEGER)
            + 60 WHERE id = '$key{two}{id}'");
is(ask($host, '/api/index.html', $two_keys)->{status}, 200,
   '200 for a key a minute before its expires');

# The database cannot be asked.
my $mark = mark_logs();
my $r = ask('auth_notables', '/index.html', $good);
is_deeply(refusal($r), expected('unavailable'),
          'without tables, GET is refused with unavailable');
is(log_of($r)->{result}, 'unavailable',
   'without tables, the access log has unavailable');
like(logs_since($mark, 'error'), qr/APIKEY0105: .*htapikey init/,
     'without tables, the error log names htapikey init');
is_deeply(refusal(ask_as('HEAD', 'auth_notables', '/index.html', $good)),
          expected('unavailable', body => 0),
          'without tables, HEAD is refused with unavailable');
is_deeply(refusal(ask('auth_notables', '/index.html')), expected('missing'),
          'without tables, a request without a key is refused with missing');
is_deeply(refusal(ask('auth_notables', '/index.html',
                      header_with(substr($unknown, 0, -1) . '!'))),
          expected('invalid'),
          'without tables, wrong check characters are refused with invalid');

key_nowhere_in_logs($_) for values %key, $unknown;

done_testing;
