# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# ApiKeyFrom: where a key is accepted. A credential that is no key is passed on
# to the application unchanged; a key is not, unless ApiKeyPassKey is On.

use APIKey::Test;
use APIKey::Auth;
use Digest::SHA qw(sha1);
use MIME::Base64 qw(encode_base64);

my ($secret) = secrets();
my @hosts = map { "auth_src$_" } '', qw(_names _basic _prefix _pass);
my %key = map { $_ => create_key($_, name => $_)->{key} } @hosts;
my $jwt = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl';

sub basic { return 'Basic ' . encode_base64($_[0], '') }

# The request as the application got it, which is its response.
sub arrived {
    my ($host, $path, @headers) = @_;
    my $r = ask($host, "$path/x", @headers);
    return "status $r->{status}" if $r->{status} != 200;
    my %got = map { /^([^:]+): (.*)$/ ? (lc $1 =~ tr/_./-/r => $2) : () }
              split /\r\n/, $r->{body};
    return { map { exists $got{$_} ? ($_ => $got{$_}) : () }
             qw(authorization x-api-key x-partner-key api-token) };
}

sub reason_of {
    my ($r) = @_;
    return $r->{status} == 200 ? 'granted'
                               : (refusal($r)->{problem} // {})->{code};
}

# ---- Accepted sources, and the challenges that name them ----

my ($host, $key) = ('auth_src', $key{auth_src});
is(reason_of(ask($host, '/cgi/index.html', $_)), 'granted', "granted: $_")
    for map { s/KEY/$key/r } 'X-API-Key: KEY', 'x-api-key: KEY',
        'X-Api-KEy: KEY', 'Authorization: Bearer KEY',
        'authorization: bearer KEY', 'AUTHORIZATION: BEARER KEY',
        'Authorization: ApiKey KEY', 'Authorization: apikey token="KEY"';
# Not create_key(): this key is logged where keys are not accepted.
chomp(my $loud = tell($host, qw(create -q --tenant acme --name loud)));
is(reason_of(ask($host, '/cgi/index.html', $_)), 'missing',
   'missing: no key is accepted in ' . s/\Q$loud\E/KEY/r)
    for "Cookie: X-API-Key=$loud", "X-Partner-Key: $loud",
        "Proxy-Authorization: Bearer $loud";
is(reason_of(ask($host, '/cgi/index.html', "$_: $key")), 'missing',
   "missing: no key is accepted in $_") for qw(X_API_Key x.api.key);
is_deeply(arrived($host, '/open', "$_: $key"), {}, 'an application that takes '
          . "$_ for X-API-Key does not get the key")
    for qw(X_API_Key x.api-KEY);
is_deeply(arrived($host, '/open', 'x_api_key: own'), { 'x-api-key' => 'own' },
          'a value of x_api_key that is no key is passed on');

($host, $key) = ('auth_src_names', $key{auth_src_names});
is(reason_of(ask($host, '/cgi/index.html', $_)), 'granted', "granted: $_")
    for map { s/KEY/$key/r } 'X-Partner-Key: KEY', 'x-PARTNER-key: KEY',
        'Api-Token: KEY', 'Authorization: Bearer KEY';
my %named = (
    ways => [ 'Bearer realm="R"', 'ApiKey realm="R", header="X-Partner-Key"',
              'ApiKey realm="R", header="api-token"' ],
    vary => [qw(Authorization X-Partner-Key api-token)],
);
is_deeply(refusal(ask($host, '/cgi/index.html')),
          expected('missing', %named),
          'a 401 has a challenge for each way of ApiKeyFrom');
is_deeply(refusal(ask($host, '/cgi/index.html', 'X-API-Key: x')),
          expected('missing', %named),
          'missing: no key is accepted in X-API-Key if ApiKeyFrom has others');
is(reason_of(ask($host, '/cgi/index.html', "X-Partner-Key: $key",
                 "Api-Token: $key")), 'granted',
   'granted: the same key in two headers of ApiKeyFrom');
is(reason_of(ask($host, '/cgi/index.html', "X-Partner-Key: $key",
                 'Api-Token: ' . unknown_key($secret))), 'ambiguous',
   'ambiguous: two keys in two headers of ApiKeyFrom');
is_deeply(arrived($host, '/api', "Api-Token: $key", 'X-API-Key: mine'),
          { 'x-api-key' => 'mine' },
          'X-API-Key is passed on if ApiKeyFrom has other headers');

($host, $key) = ('auth_src_basic', $key{auth_src_basic});
is(reason_of(ask($host, '/cgi/index.html',
                 'Authorization: ' . basic("$key" . ':'))), 'granted',
   'granted: a key in Basic with ApiKeyFrom basic');
is_deeply(refusal(ask($host, '/cgi/index.html')),
          expected('missing', ways => [
              'Bearer realm="R"', 'ApiKey realm="R", header="X-API-Key"',
              'Basic realm="R"' ]),
          'with ApiKeyFrom basic, the last challenge is Basic');
is_deeply(refusal(ask($host, '/cgi/index.html',
                      'Authorization: ' . basic('bob:builder'))),
          expected('invalid'), 'invalid: a user and a password in Basic');

# ---- A section or .htaccess may remove ways of ApiKeyFrom, not add any ----

($host, $key) = ('auth_src', $key{auth_src});
for my $where (map { ("/$_/index.html", "/$_/deep/index.html") }
               'bearer', 'auth/narrow') {
    is(reason_of(ask($host, $where, "Authorization: Bearer $key")), 'granted',
       "$where: granted for a key as bearer");
    is_deeply(refusal(ask($host, $where, "X-API-Key: $key")),
              expected('missing', ways => ['Bearer realm="R"']),
              "$where: missing for a key in the header that was removed");
    is(reason_of(ask($host, $where, "Authorization: Bearer $key",
                     'X-API-Key: ' . unknown_key($secret))), 'granted',
       "$where: granted beside another key in the header that was removed");
}
for my $where (qw(widen widen-header)) {
    my $mark = mark_logs();
    my $r = ask($host, "/auth/$where/index.html", "X-API-Key: $key");
    is($r->{status}, 500, "$where: 500 for an .htaccess that adds a way");
    unlike($r->{body}, qr/everybody/, "$where: the page is not served");
    like(logs_since($mark, 'error'),
         qr/can only drop.*server does not accept.*server's ApiKeyFrom/,
         "$where: the log says why, and to change the server's ApiKeyFrom");
}

# ---- Credentials that are no keys ----

for my $headers ([ "Authorization: Bearer $jwt" ],
                 [ "authorization: BEARER   $jwt " ],
                 [ 'X-API-Key: the application\'s own' ],
                 [ 'X-API-Key: one', 'X-API-Key: two' ],
                 [ 'X-API-Key: sk_live_51Hx', "Authorization: Bearer $jwt" ],
                 [ 'X-API-Key: ', 'Authorization: Bearer' ],
                 [ 'X-API-Key: ' . 'f' x 64 ],
                 [ 'Authorization: Negotiate YII=' ],
                 [ 'Authorization: ' . basic('bob:builder') ],
                 [ 'Authorization: Digest username="a, b", realm="Bearer x"' ],
                 [ "X-API-Key: caf\xc3\xa9 \"quoted\" \\ %41" ]) {
    # httpd passes a header on trimmed, and repeated ones joined by ", ".
    my %sent;
    for (@$headers) {
        my ($name, $value) = /^([^:]+):\s*(.*?)\s*$/;
        push @{ $sent{ lc $name } }, $value;
    }
    my %want = map { $_ => join ', ', @{ $sent{$_} } } keys %sent;
    for my $at ('auth_src', 'auth_src_basic') {
        is_deeply(arrived($at, '/open', @$headers), \%want,
                  "$at, open: @$headers is passed on unchanged");
    }
    next if grep { /^X-API-Key/ } @$headers;
    my ($name, $value) = %want;
    next if $value =~ /,/ || $value =~ /^Bearer$/i;
    is_deeply(arrived('auth_src', '/api', @$headers,
                      "X-API-Key: $key{auth_src}"), \%want,
              "guarded: @$headers is passed on beside a good key");
}
is_deeply(arrived($host, '/api', "Authorization: Bearer $key",
                  'X-API-Key: mine'), { 'x-api-key' => 'mine' },
          'guarded: X-API-Key that is no key is passed on beside a bearer key');
is_deeply(refusal(ask($host, '/api/x', @$_)), expected('invalid'),
          "guarded: invalid for @$_ without a key")
    for [ "Authorization: Bearer $jwt" ], [ 'X-API-Key: own' ],
        [ "Authorization: Bearer $jwt", 'X-API-Key: own' ];

# mod_auth_basic in a virtual host that accepts keys in Basic.
open my $users, '>', run_info()->{stage} . '/state/auth_src_users' or die $!;
print $users 'bob:{SHA}', encode_base64(sha1('builder'), ''), "\n";
close $users or die $!;
$host = 'auth_src_basic';
like(ask($host, '/basic/index.html', 'Authorization: '
         . basic('bob:builder'))->{body}, qr/everybody/,
     'AuthType Basic: a right password gets the page with ApiKeyFrom basic');
my $r = ask($host, '/basic/index.html', 'Authorization: ' . basic('bob:x'));
is($r->{status}, 401, 'AuthType Basic: 401 for a wrong password');
is_deeply([ header_of($r, 'WWW-Authenticate') ], ['Basic realm="B"'],
          'AuthType Basic: the challenge of a 401 is its own');
unlike($r->{body}, qr/"code"/,
       "AuthType Basic: the body of a 401 is httpd's page");
is(ask($host, '/basic/index.html', "X-API-Key: $key{$host}")->{status}, 401,
   'AuthType Basic: 401 for a good key without a password');
is(ask($host, '/basic/index.html', "X-API-Key: $key{$host}",
       'Authorization: ' . basic('bob:builder'))->{status}, 200,
   'AuthType Basic: 200 for a right password beside a good key');

# ---- Keys are not passed on, whether good, unknown or of another server ----

my %never = (
    'a good key' => $key{auth_src_basic},
    'an unknown key' => unknown_key($secret),
    'a key with another prefix' => unknown_key($secret, 'zz-top'),
);
while (my ($what, $value) = each %never) {
    is_deeply(arrived($host, '/open', @$_), {},
              "open: no header with $what is passed on: "
              . join(', ', @$_) =~ s/\Q$value\E/KEY/gr)
        for [ "X-API-Key: $value" ], [ "Authorization: Bearer $value" ],
            [ "X-API-Key: $value", "Authorization: Bearer $value" ],
            [ "X-API-Key: own, $value" ], [ "X-API-Key: $value own" ],
            [ "X-API-Key: \"$value\"" ], [ "X-API-Key: key=$value;x" ],
            [ "X-API-Key: $value", 'X-API-Key: own' ],
            [ "Authorization: Bearer $value $jwt" ],
            [ "Authorization: Bearer $jwt, Bearer $value" ],
            [ 'Authorization: ' . basic($value) ],
            [ 'Authorization: ' . basic("${value}:") ],
            [ 'Authorization: ' . basic("${value}:password") ],
            [ 'Authorization: ' . basic(":$value") ],
            [ 'Authorization: ' . basic("user:$value") ];
}
# Words that are not passed on because of their prefix, or because a good key is
# a part of them.
my $good = $key{$host};
for my $value (substr($good, 0, -1), "$good\xe2\x80\x8b", "x$good", "${good}x",
               'a' x 600 . $good) {
    my $what = $value =~ s/\Q$good\E/KEY/r =~ s/a{600}/a…/r;
    is_deeply(arrived($host, '/open', $_), {},
              "open: $what is not passed on in " . (/^(\S+)/)[0])
        for "X-API-Key: $value", "Authorization: Bearer $value",
            'Authorization: ' . basic("$value:");
}
$host = 'auth_src_prefix';
is_deeply(arrived($host, '/open', 'X-API-Key: acme-live_x'), {},
          'with ApiKeyPrefix, a word with that prefix is not passed on');
my $zz = unknown_key($secret, 'zz-top');
is_deeply(arrived($host, '/open', "X-API-Key: $zz"), {},
          'with ApiKeyPrefix, a key with another prefix is not passed on');
is_deeply(arrived($host, '/api', "X-API-Key: $zz",
                  "Authorization: Bearer $key{$host}"), {},
          'with ApiKeyPrefix, a key with another prefix is not passed on '
          . 'beside a good key');
is(reason_of(ask($host, '/api/x', "X-API-Key: $zz")), 'invalid',
   'with ApiKeyPrefix, a key with another prefix is invalid');
my $ours = 'ak_' . 'x' x 49;
is_deeply(arrived($host, '/open', "X-API-Key: $ours"),
          { 'x-api-key' => $ours },
          'with ApiKeyPrefix, a word with another prefix and wrong check '
          . 'characters is passed on');
# Such a word is tried with one HMAC per secret; at most eight of a header are.
for my $begin ('X-API-Key: ', 'Authorization: Token ') {
    my ($name, $value) = $begin =~ /(\S+): (.*)/;
    my @false = map { sprintf 'ak_%02d%s', $_, 'x' x 47 } 1 .. 9;
    is_deeply(arrived($host, '/open', "$begin@false[0 .. 7]"),
              { lc $name => "$value@false[0 .. 7]" },
              "$name: eight words that are no keys are passed on");
    is_deeply(arrived($host, '/open', "$begin@false"), {},
              "$name: nine are not, because the ninth was not tried");
}

# A key in a scheme that is not accepted is not passed on.
$host = 'auth_src';
for my $value ("Basic " . encode_base64("$key{$host}:", ''),
               "Token token=\"$key{$host}\"", "Token $key{$host}",
               $key{$host}) {
    my $what = $value =~ s/(\w*) ?.*/$1/r;
    $what = 'no scheme' if $what =~ /^ak_/;
    is_deeply(arrived($host, '/open', "Authorization: $value"), {},
              "open: a key in Authorization with $what is not passed on");
    is(reason_of(ask($host, '/api/x', "Authorization: $value")), 'missing',
       "guarded: missing for a key in Authorization with $what");
}

# ---- Whether the application gets an accepted key: ApiKeyPassKey ----

for my $at (grep { $_ ne 'auth_src_names' } @hosts) {
    my ($value, $pass) = ($key{$at}, $at eq 'auth_src_pass');
    is_deeply(arrived($at, '/api', "X-API-Key: $value"),
              $pass ? { 'x-api-key' => $value } : {},
              "$at: a key in X-API-Key is " . ($pass ? '' : 'not ')
              . 'passed on');
    is_deeply(arrived($at, '/api', "Authorization: Bearer $value"),
              $pass ? { authorization => "Bearer $value" } : {},
              "$at: a key as bearer is " . ($pass ? '' : 'not ')
              . 'passed on');
    my $both = arrived($at, '/api', "X-API-Key: $value",
                       "Authorization: Bearer $value");
    $pass ? ok(scalar(keys %$both),
               "$at: of the same key in two headers, one is passed on")
          : is_deeply($both, {},
                      "$at: of the same key in two headers, none is passed on");
    like(ask($at, '/cgi/env.cgi', "X-API-Key: $value")->{body},
         $pass ? qr/^HTTP_X_API_KEY=\Q$value\E$/m
               : qr/\A(?!.*\Q$value\E).*^APIKEY_TENANT=acme$/ms,
         "$at: a CGI gets " . ($pass ? 'the key' : 'no key'));
}
my $pass = 'auth_src_pass';
is_deeply(arrived($pass, '/api', 'Authorization: ' . basic("$key{$pass}:")),
          { authorization => basic("$key{$pass}:") },
          'ApiKeyPassKey: a key in Basic is passed on');
is_deeply(arrived($pass, '/open', "X-API-Key: $key{$pass}"), {},
          'ApiKeyPassKey: a key is not passed on where none is accepted');
is_deeply(arrived($pass, '/api', "X-API-Key: $key{$pass}",
                  "Authorization: Bearer $jwt"),
          { 'x-api-key' => $key{$pass}, authorization => "Bearer $jwt" },
          'ApiKeyPassKey: the key and a bearer that is no key are passed on');

key_nowhere_in_logs($_) for values %key, values %never, $zz;

done_testing;
