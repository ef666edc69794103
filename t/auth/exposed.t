# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A request with a key in its query string gets 400 (exposed); the key is masked
# in every log and not passed to an application.

use APIKey::Test;
use APIKey::Auth;
use APIKey::Process qw(wait_until);

my $host = 'auth_exposed';
my ($secret) = secrets();
my $made = create_key($host);
my $other = create_key($host, tenant => 'globex', prefix => 'x-y_z');
my ($key, $second) = ($made->{key}, $other->{key});
my $unknown = unknown_key($secret);
my @good = ("X-API-Key: $key");

sub encoded {
    my ($text, $all) = @_;
    return join '', map { $all || /\W|_/ ? sprintf '%%%02X', ord : $_ }
                    split //, $text;
}

# [query, the same as the access log has it]; undef: the log is not compared.
my @queries = (
    [ "key=$key", 'key=***' ],
    [ "X-API-Key=$key&a=b", 'X-API-Key=***&a=b' ],
    [ "a=b&key=$key", 'a=b&key=***' ],
    [ "a=b&key=$key&c=d", 'a=b&key=***&c=d' ],
    [ "a=b;key=$key;c=d", 'a=b;key=***;c=d' ],
    [ $key, '***' ],
    [ "access_token=Bearer+$key", 'access_token=***' ],
    [ "access_token=Bearer%20$key", 'access_token=***' ],
    [ "json=%7B%22key%22%3A%22$key%22%7D", 'json=***' ],
    [ 'key=' . encoded($key), 'key=***' ],
    [ 'key=' . encoded($key, 1), 'key=***' ],
    [ 'key=' . lc(encoded($key, 1)) =~ s/%([0-9a-f]{2})/%\L$1/gr, 'key=***' ],
    [ 'url=' . encoded(encoded("http://h/?key=$key", 1), 1), 'url=***' ],
    [ "key=$key&key=$second", 'key=***&key=***' ],
    [ "a=$second&b=1&c=$key", 'a=***&b=1&c=***' ],
    [ "key=$unknown", 'key=***' ],
    [ "key=$second", 'key=***' ],
    [ "key=$key&" . 'x=' . 'y' x 4000, 'key=***&x=' . 'y' x 4000 ],
    [ 'x=' . 'y' x 4000 . "&key=$key", 'x=' . 'y' x 4000 . '&key=***' ],
    [ "key=$key?x", undef ], [ "key=$key=", undef ], [ "=$key", undef ],
    [ "%ZZ%=$key", undef ], [ "%00=$key", undef ],
);
for my $query (@queries) {
    my ($text, $masked) = @$query;
    my $shown = substr $text =~ s/\Q$key\E/KEY/gr =~ s/\Q$second\E/KEY2/gr,
                0, 60;
    for my $headers ([], \@good) {
        my $r = ask($host, "/api/index.html?$text", @$headers);
        is_deeply(refusal($r), expected('exposed', vary => []),
                  "?$shown is refused as exposed"
                  . (@$headers ? ' with a good key in a header' : ''));
        my $log = log_of($r);
        is_deeply([ @{$log}{qw(status result id tenant)} ],
                  [ 400, 'exposed', '-', '-' ],
                  "?$shown is logged as exposed, without id and tenant");
        next unless defined $masked;
        like(logs_since($r->{mark}, 'access'),
             qr{ "GET /api/index\.html\?\Q$masked\E&n=\Q$r->{number}\E HTTP},
             "?$shown: the access log has the query with the key masked");
    }
}

# It is refused in every section and with every method, before any handler.
for my $path (qw(/api/index.html /open/index.html /open/env.cgi /app/x
                 /not/there /rewritten/x /)) {
    is_deeply(refusal(ask($host, "$path?key=$key")),
              expected('exposed', vary => []),
              "$path: a key in the query is refused as exposed");
}
for my $method (qw(HEAD POST PUT OPTIONS DELETE PROPFIND)) {
    my $r = ask_as($method, $host, "/api/index.html?key=$key");
    is_deeply(refusal($r), expected('exposed', vary => [],
                                    body => $method ne 'HEAD'),
              "$method: a key in the query is refused as exposed");
    like(logs_since($r->{mark}, 'access') || '', qr/"$method \S+\?key=\*\*\*&n/,
         "$method: the access log has the key masked") if log_of($r);
}
like(raw($host, "GET http://a/open/index.html?key=$key HTTP/1.1\r\nHost: a\r\n"
         . "Connection: close\r\n\r\n"), qr/^HTTP\/1\.1 400 .*"exposed"/s,
     'an absolute URI with a key in its query is refused as exposed');
like(raw($host, "GET /open/index.html?key=$key HTTP/1.0\r\n\r\n"),
     qr/^HTTP\/1\.1 400 .*"exposed"/s,
     'a key in the query of HTTP/1.0 is refused as exposed');

# A key that was exposed is still accepted in its header.
is(ask($host, '/api/index.html?key=abc', @good)->{status}, 200,
   '200 for a good key in its header with another word in the query');

# Words that are not keys of this server. $loud is not made by create_key(),
# which would look for it in the logs; such words are logged.
chomp(my $loud = tell($host, qw(create -q --tenant loud --name loud)));
for my $query ('key=' . substr($loud, 0, -6) . '000000',
               'key=' . substr($loud, 0, -1), "key=${loud}0",
               'key=ak_' . 'a' x 64, 'token=eyJhbGciOiJub25lIn0.e30.x', '',
               'key=ak_', '%', '%4', 'key=%6', '===&&&;;;', '_' x 4000,
               join '&', map { "k$_=ak_" . 'z' x 49 } 1 .. 20) {
    my $shown = substr $query, 0, 40;
    my $r = ask($host, "/api/index.html?$query", @good);
    is($r->{status}, 200, "200: ?$shown has no key of this server");
}

# At most eight candidates of a query are tried, an HMAC each.
sub false_ones {
    return join '', map { sprintf 'k=ak_%02d%s&', $_, 'z' x 47 } 1 .. $_[0];
}
is(ask($host, '/open/index.html?' . false_ones(8) . "k=$loud")->{status}, 200,
   'a key after eight false ones is not found');
is(ask($host, '/open/index.html?' . false_ones(7) . "k=$key")->{status}, 400,
   'a key after seven false ones is found');
is(ask($host, "/open/index.html?k=$key&" . false_ones(20))->{status}, 400,
   'a key before twenty false ones is found');

# hex64 has no check characters: such a key is recognized by ApiKeyPrefix.
my $hex = create_key('auth_exposed_hex')->{key};
for my $query ("key=$hex", "a=b&key=" . encoded($hex, 1) . '&c') {
    my $r = ask('auth_exposed_hex', "/index.html?$query", "X-API-Key: $hex");
    is($r->{status}, 400, '400 for a hex64 key with ApiKeyPrefix in a query');
    is($r->{body}, "The administrator's word.",
       'the body of a 400 is the ErrorDocument');
    is_deeply([ header_of($r, 'Cache-Control') ], ['no-store'],
              'a 400 with an ErrorDocument has no-store');
    is(log_of($r)->{result}, 'exposed', 'a hex64 key is logged as exposed');
}
is(ask('auth_exposed_hex', '/index.html?key=acme_' . 'A' x 64,
       "X-API-Key: $hex")->{status}, 200,
   '200: hex digits in upper case are no hex64 key');
is(ask('auth_exposed_hex', '/index.html?key=acmes_' . '0' x 64,
       "X-API-Key: $hex")->{status}, 200,
   '200: another prefix than ApiKeyPrefix makes no hex64 key');

# Each exposed key is looked up in the batch that records it; at most eight of a
# request are recorded.
my @nine = map { create_key('auth_exposed_hex') } 1 .. 9;
is(ask('auth_exposed_hex', '/index.html?'
       . join '&', map { "k=$_->{key}" } @nine)->{status}, 400,
   '400 for nine keys in a query');
my $noted = 'SELECT COUNT(*) FROM apikey_usage WHERE exposed > 0 AND id IN ('
    . join(', ', map { "'$_->{id}'" } @nine) . ')';
ok(wait_until(60, sub { (sql('auth_exposed_hex', $noted))[0] > 0 }),
   'the exposed keys of a query are recorded');
is((sql('auth_exposed_hex', $noted))[0], 8,
   'eight of nine keys in a query are recorded');

my $any = create_key('auth_exposed_any')->{key};
is(ask('auth_exposed_any', '/index.html?sum=sha256_' . '0' x 64,
       "X-API-Key: $any")->{status}, 200,
   '200: without ApiKeyPrefix, 64 hex digits after a word are no key');
my $r = ask('auth_exposed_any', "/index.html?key=$unknown",
            "X-API-Key: $any");
is($r->{status}, 400,
   '400 for right check characters, whatever ApiKeyFormat says');
is($r->{body}, 'exposed: An API key must not stand in a URL. '
               . 'Please replace this key.',
   'the body of a 400 is ApiKeyErrorBody with reason and message');

key_nowhere_in_logs($_) for $made, $other, $unknown, $hex, $any, @nine;

done_testing;
