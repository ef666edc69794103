# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A credential that is no key is refused by mod_apikey with its reason, and by
# httpd with 400 where httpd cannot parse the request; never granted, never 500.
# After each refusal a good key works, on the same connection unless httpd has
# closed it.

use APIKey::Test;
use APIKey::Auth;
use MIME::Base64 qw(encode_base64);

my ($secret) = secrets();
my %good = map { $_ => create_key($_, name => 'good')->{key} }
           qw(auth_bad auth_bad_any);
my $foreign_secret = 'another secret of thirty-two byte';

# Host => its connection, which is kept open from request to request.
my %open;

sub send_headers {
    my ($host, @headers) = @_;
    $open{$host} ||= connection($host);
    my $got = eval {
        $open{$host}->send(join "\r\n", 'GET /index.html HTTP/1.1', 'Host: a',
                           @headers, '', '')->response;
    };
    delete $open{$host}
        if !$got || grep { lc eq 'close' } header_of($got, 'Connection');
    return $got;
}

# The reason in the error body, such as "invalid"; "httpd" for httpd's own 400;
# else the status.
sub reason_of {
    my ($r) = @_;
    return 'no answer' unless $r;
    my $problem = refusal($r)->{problem} // '';
    return ref $problem ? $problem->{code}
         : $r->{status} == 400 ? 'httpd' : $r->{status};
}

sub try_one {
    my ($host, $what, $reason, @headers) = @_;
    my $r = send_headers($host, @headers);
    is(reason_of($r), $reason, "$host: $reason for: $what");
    # The connection is kept, except that httpd closes it after a 400.
    my $lives = $open{$host};
    my $closes = $r && $r->{status} == 400;
    my $next = send_headers($host, "X-API-Key: $good{$host}");
    ok($next && $next->{status} == 200
       && ($closes xor $lives && $open{$host} == $lives),
       "$host: 200 for a good key after: $what");
}

sub flipped {
    my ($key, $at) = @_;
    my $old = substr $key, $at, 1;
    substr $key, $at, 1, $old eq 'x' ? 'y' : 'x';
    return $key;
}

# Values for any header, all of them invalid: [what, value].
sub values_for {
    my ($key) = @_;
    my $unknown = unknown_key($secret);
    # The text of a key without its prefix. Not that of $key: credentials that
    # do not look like our keys are logged, and $key must not be in the logs.
    my $word = join '', ('A' .. 'Z', 0 .. 9, 'a' .. 'm');
    my @values = (
        [ 'a word', 'abc' ],
        [ 'the prefix alone', 'ak' ], [ 'the prefix and _', 'ak_' ],
        [ 'an underscore', '_' ],
        [ '8 KiB', 'a' x 8192 ], [ '8 KiB of underscores', '_' x 8192 ],
        [ 'a key and 8 KiB', $key . 'a' x 8192 ],
        [ '8 KiB and a key', 'a' x 8192 . $key ],
        [ 'a key of 2049 bytes', 'a' x 1999 . "_$word" ],
        [ 'a prefix of 33 characters', 'a' x 33 . "_$word" ],
        [ 'UTF-8', 'ключ' ], [ 'an emoji', "\xf0\x9f\x94\x91" ],
        [ 'not UTF-8', "\xff\xfe\xc0\x80" ],
        [ 'a key and a zero-width space', "$key\xe2\x80\x8b" ],
        [ 'a no-break space and a key', "\xc2\xa0$key" ],
        [ 'a key with a fullwidth k', "a\xef\xbd\x8b_$word" ],
        [ 'a quoted key', qq("$key") ], [ "a key in ''", "'$key'" ],
        [ 'a key and a blank and more', "$key x" ],
        [ 'a blank in a key', substr($key, 0, 20) . ' ' . substr $key, 20 ],
        [ 'a key, percent-encoded', "ak%5F$word" ],
        [ 'a key and %00', "$key%00" ],
        [ 'a key without its last character', substr $key, 0, -1 ],
        [ 'a key without its first character', substr $key, 1 ],
        [ 'a key without a character in the middle',
          substr($key, 0, 20) . substr $key, 21 ],
        [ 'a key and one more character', "${key}0" ],
        [ 'a character before a key', "0$key" ],
        [ 'a key with one more character in the middle',
          substr($key, 0, 20) . 'a' . substr $key, 20 ],
        [ 'the key twice', "$key$key" ],
        [ 'a key with another prefix', 'xx_' . substr $key, 3 ],
        [ 'a key without prefix', $word ],
        [ 'a key without underscore', "akx$word" ],
        [ 'a key in lower case', lc $key ], [ 'a key in upper case', uc $key ],
        [ "another secret's key", unknown_key($foreign_secret) ],
        [ 'an unknown key', $unknown ],
        [ 'a semicolon and a key', ";$key" ],
        [ 'a digest of 64 hex characters', key_digest($secret, $key) ],
        [ 'a digest with a prefix', 'ak_' . key_digest($secret, $key) ],
    );
    push @values, map { [ "check character $_ flipped",
                          flipped($key, length($key) - 6 + $_) ] } 0 .. 5;
    push @values, map { [ "character $_ flipped", flipped($key, $_) ] }
                  0, 1, 3, 10, 44, 45;
    push @values, map { [ "a key with $_", substr($key, 0, 10) . $_
                                           . substr $key, 10 ],
                        [ "$_ alone", $_ ], [ "a key and $_", "$key$_" ] }
        '%s', '%n%n%n%n', "'", '"', "''", "'OR'1'='1", "';DROP--", '\\', '`',
        '$(id)', '${x}', '<b>', '{{1}}', '%{REMOTE_USER}', "\xc3\x28", '=',
        '../..', '*', '?', ':';
    return @values;
}

for my $host (sort keys %good) {
    my $key = $good{$host};
    for (values_for($key)) {
        my ($what, $value) = @$_;
        try_one($host, $what, 'invalid', "X-API-Key: $value");
        try_one($host, "$what, as bearer", 'invalid',
                "Authorization: Bearer $value");
    }
    # httpd cannot parse a header with a control character, and logs the header;
    # the key in it must not be in the logs.
    for my $byte (0, 1, 8, 11, 12, 27, 31, 127) {
        my $char = chr $byte;
        try_one($host, "byte $byte in a key", 'httpd',
                "X-API-Key: " . substr($key, 0, 9) . $char . substr $key, 9);
        try_one($host, "a key and byte $byte", 'httpd',
                "X-API-Key: $key$char");
        try_one($host, "a key, then byte $byte elsewhere", 'httpd',
                "X-API-Key: $key", "X-Other: $char");
        try_one($host, "a key and byte $byte, as bearer", 'httpd',
                "Authorization: Bearer $key$char");
    }
    try_one($host, @$_) for (
        [ 'no credential', 'missing' ],
        [ 'an empty header', 'invalid', 'X-API-Key:' ],
        [ 'a header of blanks and tabs', 'invalid', "X-API-Key: \t  \t" ],
        [ 'two empty headers', 'ambiguous', 'X-API-Key:', 'X-API-Key:' ],
        [ 'a comma', 'ambiguous', 'X-API-Key: ,' ],
        [ '8 KiB of commas', 'ambiguous', 'X-API-Key: ' . ',' x 8192 ],
        [ 'a header longer than LimitRequestFieldSize', 'httpd',
          'X-API-Key: ' . 'a' x 17000 ],
        [ 'a key folded into two lines', 'invalid',
          'X-API-Key: ' . substr($key, 0, 9), ' ' . substr $key, 9 ],
        [ 'a blank before the colon', 'httpd', "X-API-Key : $key" ],
        [ 'a header line without colon', 'httpd', "X-API-Key $key" ],
        [ 'the key twice, in two headers', 'ambiguous',
          ("X-API-Key: $key") x 2 ],
        [ 'a good and an empty header', 'ambiguous', "X-API-Key: $key",
          'X-API-Key:' ],
        [ 'a bad and a good header', 'ambiguous', 'X-API-Key: x',
          "X-API-Key: $key" ],
        [ 'two bearers', 'ambiguous',
          ("Authorization: Bearer $key") x 2 ],
        [ 'a Digest with a comma, and a bearer', 'ambiguous',
          'Authorization: Digest username="a", realm="b"',
          "Authorization: Bearer $key" ],
        [ 'a Basic and a bearer', 'ambiguous',
          'Authorization: Basic dXNlcjpwdw==', "Authorization: Bearer $key" ],
        [ 'a bearer and a Basic', 'ambiguous', "Authorization: Bearer $key",
          'Authorization: Basic dXNlcjpwdw==' ],
        [ 'Bearer alone', 'invalid', 'Authorization: Bearer' ],
        [ 'bEARER and blanks', 'invalid', "Authorization: bEARER \t  " ],
        [ 'Bearer twice', 'invalid', "Authorization: Bearer Bearer $key" ],
        [ 'Bearer with a colon', 'missing', "Authorization: Bearer: x" ],
        [ 'Bearer run together', 'missing', 'Authorization: Bearerx' ],
        [ 'an empty Authorization', 'missing', 'Authorization:' ],
        [ 'another scheme', 'missing', 'Authorization: Negotiate YII=' ],
        [ 'another name', 'missing', 'X_API_Key: x', 'XAPIKey: y',
          'X-API-Key2: z', 'X-API-Ke: a' ],
        [ 'a cookie', 'missing', 'Cookie: X-API-Key=x; key=y' ],
    );

    # Blanks and tabs around a value do not belong to it (RFC 9110, 5.5).
    for my $header ("X-API-Key:$key", "X-API-Key: \t  $key \t ",
                    "Authorization:   Bearer $key",
                    "Authorization: Bearer  \t   $key  \t",
                    "Authorization: bEaReR\t$key", "x-api-KEY: $key") {
        is(reason_of(send_headers($host, $header)), 200,
           "$host: granted: " . $header =~ s/\Q$key\E/KEY/r =~ s/\t/\\t/gr);
    }
    # Two ways may carry the same key.
    is(reason_of(send_headers($host, "X-API-Key: $key",
                              "Authorization: Bearer $key")), 200,
       "$host: 200 for the same key in X-API-Key and as bearer");
    try_one($host, 'a good key in the header, another as bearer', 'ambiguous',
            "X-API-Key: $key", 'Authorization: Bearer ' . unknown_key($secret));
    try_one($host, 'a good key as bearer, another in the header', 'ambiguous',
            'X-API-Key: ' . unknown_key($secret),
            "Authorization: Bearer $key");
}

# With ApiKeyFormat opaque any printable word may be a key: a key and another
# word are two keys.
try_one('auth_bad', 'a key beside a word that is no key', 200,
        "X-API-Key: $good{auth_bad}", 'Authorization: Bearer eyJ.e30.sig');
try_one('auth_bad_any', 'a key beside an opaque word', 'ambiguous',
        "X-API-Key: $good{auth_bad_any}", 'Authorization: Bearer eyJ.e30.sig');

# Basic, where it is accepted.
sub basic {
    return 'Authorization: Basic ' . encode_base64($_[0], '');
}

my ($any, $key) = ('auth_bad_any', $good{auth_bad_any});
is(reason_of(send_headers($any, basic("${key}:"))), 200,
   '200 for a key as the user of Basic, with an empty password');
is(reason_of(send_headers($any, basic($key))), 200,
   '200 for a key as the user of Basic, without a colon');
is(reason_of(send_headers($any, basic($_))), 200,
   '200 for Basic with ' . s/ak_\w+/KEY/r)
    for ":$key", "user:$key", "${key}:password";
try_one($any, "Basic: $_->[0]", 'invalid', $_->[1]) for (
    [ 'the scheme alone', 'Authorization: Basic' ],
    [ 'the scheme and blanks', "Authorization: Basic  \t" ],
    [ 'a word that is not base64', 'Authorization: Basic !!!!' ],
    [ 'a key that is not encoded', "Authorization: Basic $key" ],
    [ 'one character', 'Authorization: Basic Y' ],
    [ 'base64 without padding', basic("${key}:::") =~ s/=+$//r ],
    [ 'base64 with a blank in it', basic("${key}:") =~ s/(.{30})/$1 /r ],
    [ 'an empty user', basic('') ], [ 'a colon', basic(':') ],
    [ 'a key and a blank', basic("$key :") ],
    [ 'NUL', basic("\0") ], [ 'a key and NUL', basic("$key\0:") ],
    [ 'NUL and a key', basic("\0$key:") ],
    [ 'a key and a line end', basic("$key\r\n:") ],
    [ '8 KiB', basic('a' x 6144) ], [ 'UTF-8', basic("\xf0\x9f\x94\x91:") ],
    [ '%s', basic('%s%n:%s') ], [ "'", basic("'OR'1'='1:") ],
);
try_one($any, 'Basic twice', 'ambiguous', (basic("${key}:")) x 2);
try_one($any, 'a good key in Basic, another in the header', 'ambiguous',
        basic("${key}:"), 'X-API-Key: ' . unknown_key($secret));
is(reason_of(send_headers($any, basic("${key}:"), "X-API-Key: $key")), 200,
   '200 for the same key in Basic and in the header');

# A key in a part of the request where none is looked for.
my $plain = 'auth_bad';
$key = $good{$plain};
is(reason_of(send_headers($plain, basic('abc:'))), 'missing',
   'missing for a key in Basic, which is not accepted by default');
my $r = connection($plain)->send(join "\r\n", 'POST /index.html HTTP/1.1',
    'Host: a', 'Transfer-Encoding: chunked', 'Trailer: X-API-Key', '', '1',
    'x', '0', "X-API-Key: $key", '', '')->response;
is(reason_of($r), 'missing', 'missing for a key in a trailer');
$r = request($plain, 'POST', '/index.html',
             ['Content-Type: application/x-www-form-urlencoded'],
             "X-API-Key=$key&key=$key");
is(reason_of($r), 'missing', 'missing for a key in a body');

# Requests that httpd cannot parse, with a key in them.
for my $line ("GET /index.html?k=$key HTTP/1.1\r\nHost: a\r\nBad\x01: x\r\n",
              "GET /index.html?k=$key HTTP/1.1\r\n",
              "GET /index.html?k=$key HTTP/9.9\r\nHost: a\r\n",
              "GET /index.html?k=$key\r\n",
              "GET  /index.html?k=$key HTTP/1.1\r\nHost: a\r\n",
              "GET /\x01?k=$key HTTP/1.1\r\nHost: a\r\n",
              "GET /index.html HTTP/1.1\r\nHost: a\r\nHost: b\r\n"
              . "X-API-Key: $key\r\nContent-Length: x\r\n",
              "X-API-Key: $key\r\n") {
    my $answer = raw($plain, "$line\r\n");
    # A request line without a version is HTTP/0.9: the response has no headers.
    like($answer, qr/^HTTP\S+ 4|<!DOCTYPE|^\{"type"/,
         '4xx for a request that cannot be parsed');
    unlike($answer, qr/for everybody|\Q$key\E/,
           'the 4xx has neither the page nor the key in it');
}
is(reason_of(send_headers($plain, "X-API-Key: $key")), 200,
   '200 for a good key after requests that cannot be parsed');

key_nowhere_in_logs($_) for values %good;

done_testing;
