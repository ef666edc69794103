# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A key in the query string is refused, masked in every log, and never passed
# on.

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

# The queries, and how they are logged.
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
                  "?$shown is refused" . (@$headers ? ' beside a key' : ''));
        my $log = log_of($r);
        is_deeply([ @{$log}{qw(status result id tenant)} ],
                  [ 400, 'exposed', '-', '-' ], 'logged as exposed');
        next unless defined $masked;
        like(logs_since($r->{mark}, 'access'),
             qr{ "GET /api/index\.html\?\Q$masked\E&n=\Q$r->{number}\E HTTP},
             'masked, and nothing else');
    }
}

# In every place, by every method; the application is not called.
for my $path (qw(/api/index.html /open/index.html /open/env.cgi /app/x
                 /not/there /rewritten/x /)) {
    is_deeply(refusal(ask($host, "$path?key=$key")),
              expected('exposed', vary => []), "$path: refused everywhere");
}
for my $method (qw(HEAD POST PUT OPTIONS DELETE PROPFIND)) {
    my $r = ask_as($method, $host, "/api/index.html?key=$key");
    is_deeply(refusal($r), expected('exposed', vary => [],
                                    body => $method ne 'HEAD'),
              "$method: refused");
    like(logs_since($r->{mark}, 'access') || '', qr/"$method \S+\?key=\*\*\*&n/,
         'its line is masked, too') if log_of($r);
}
like(raw($host, "GET http://a/open/index.html?key=$key HTTP/1.1\r\nHost: a\r\n"
         . "Connection: close\r\n\r\n"), qr/^HTTP\/1\.1 400 .*"exposed"/s,
     'an absolute URI');
like(raw($host, "GET /open/index.html?key=$key HTTP/1.0\r\n\r\n"),
     qr/^HTTP\/1\.1 400 .*"exposed"/s, 'HTTP/1.0');

# The same key in the header stays good.
is(ask($host, '/api/index.html?key=abc', @good)->{status}, 200,
   'another word in the query');

# These are no keys of this server; not made by create_key(), because they may
# be logged.
chomp(my $loud = tell($host, qw(create -q --tenant loud --name loud)));
for my $query ('key=' . substr($loud, 0, -6) . '000000',
               'key=' . substr($loud, 0, -1), "key=${loud}0",
               'key=ak_' . 'a' x 64, 'token=eyJhbGciOiJub25lIn0.e30.x', '',
               'key=ak_', '%', '%4', 'key=%6', '===&&&;;;', '_' x 4000,
               join '&', map { "k$_=ak_" . 'z' x 49 } 1 .. 20) {
    my $shown = substr $query, 0, 40;
    my $r = ask($host, "/api/index.html?$query", @good);
    is($r->{status}, 200, "?$shown is not a key");
}

# At most eight candidates are tried: a query cannot cost a thousand HMACs.
sub false_ones {
    return join '', map { sprintf 'k=ak_%02d%s&', $_, 'z' x 47 } 1 .. $_[0];
}
is(ask($host, '/open/index.html?' . false_ones(8) . "k=$loud")->{status}, 200,
   'a key behind eight false ones is not looked for');
is(ask($host, '/open/index.html?' . false_ones(7) . "k=$key")->{status}, 400,
   'one behind seven is found');
is(ask($host, "/open/index.html?k=$key&" . false_ones(20))->{status}, 400,
   'one ahead of twenty, too');

# hex64 has no check characters: such a key is known by its prefix, if any.
my $hex = create_key('auth_exposed_hex')->{key};
for my $query ("key=$hex", "a=b&key=" . encoded($hex, 1) . '&c') {
    my $r = ask('auth_exposed_hex', "/index.html?$query", "X-API-Key: $hex");
    is($r->{status}, 400, 'hex64 with a prefix');
    is($r->{body}, "The administrator's word.", 'an ErrorDocument wins');
    is_deeply([ header_of($r, 'Cache-Control') ], ['no-store'], 'no-store');
    is(log_of($r)->{result}, 'exposed', 'logged as exposed');
}
is(ask('auth_exposed_hex', '/index.html?key=acme_' . 'A' x 64,
       "X-API-Key: $hex")->{status}, 200, 'upper case is none');
is(ask('auth_exposed_hex', '/index.html?key=acmes_' . '0' x 64,
       "X-API-Key: $hex")->{status}, 200, 'another prefix is none');

# Each exposure becomes a look-up of the batch that records it.
my @nine = map { create_key('auth_exposed_hex') } 1 .. 9;
is(ask('auth_exposed_hex', '/index.html?'
       . join '&', map { "k=$_->{key}" } @nine)->{status}, 400, 'nine keys');
my $noted = 'SELECT COUNT(*) FROM apikey_usage WHERE exposed > 0 AND id IN ('
    . join(', ', map { "'$_->{id}'" } @nine) . ')';
ok(wait_until(60, sub { (sql('auth_exposed_hex', $noted))[0] > 0 }),
   'they are recorded');
is((sql('auth_exposed_hex', $noted))[0], 8, 'no more than eight of them');

my $any = create_key('auth_exposed_any')->{key};
is(ask('auth_exposed_any', '/index.html?sum=sha256_' . '0' x 64,
       "X-API-Key: $any")->{status}, 200,
   'without ApiKeyPrefix, 64 hex digits are nobody\'s');
my $r = ask('auth_exposed_any', "/index.html?key=$unknown",
            "X-API-Key: $any");
is($r->{status}, 400, 'right check characters are, everywhere');
is($r->{body}, 'exposed: An API key must not stand in a URL. '
               . 'Please replace this key.', "the server's ApiKeyErrorBody");

key_nowhere_in_logs($_) for $made, $other, $unknown, $hex, $any, @nine;

done_testing;
