# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Where a key may be; foreign credentials are passed on unchanged, keys never
# are.

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
# Not create_key(), because it is logged where it is not accepted.
chomp(my $loud = tell($host, qw(create -q --tenant acme --name loud)));
is(reason_of(ask($host, '/cgi/index.html', $_)), 'missing', 'not accepted: '
   . s/\Q$loud\E/KEY/r)
    for "Cookie: X-API-Key=$loud", "X-Partner-Key: $loud",
        "Proxy-Authorization: Bearer $loud";
is(reason_of(ask($host, '/cgi/index.html', "$_: $key")), 'missing',
   "not accepted: $_") for qw(X_API_Key x.api.key);
is_deeply(arrived($host, '/open', "$_: $key"), {}, 'an application that takes '
          . "$_ for X-API-Key does not get the key")
    for qw(X_API_Key x.api-KEY);
is_deeply(arrived($host, '/open', 'x_api_key: own'), { 'x-api-key' => 'own' },
          'what is no key comes through');

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
          expected('missing', %named), 'each way has its challenge');
is_deeply(refusal(ask($host, '/cgi/index.html', 'X-API-Key: x')),
          expected('missing', %named), 'X-API-Key is none of them');
is(reason_of(ask($host, '/cgi/index.html', "X-Partner-Key: $key",
                 "Api-Token: $key")), 'granted', 'two that agree');
is(reason_of(ask($host, '/cgi/index.html', "X-Partner-Key: $key",
                 'Api-Token: ' . unknown_key($secret))), 'ambiguous',
   'two that differ');
is_deeply(arrived($host, '/api', "Api-Token: $key", 'X-API-Key: mine'),
          { 'x-api-key' => 'mine' }, "the application's own comes through");

($host, $key) = ('auth_src_basic', $key{auth_src_basic});
is(reason_of(ask($host, '/cgi/index.html',
                 'Authorization: ' . basic("$key" . ':'))), 'granted',
   'Basic where it is asked for');
is_deeply(refusal(ask($host, '/cgi/index.html')),
          expected('missing', ways => [
              'Bearer realm="R"', 'ApiKey realm="R", header="X-API-Key"',
              'Basic realm="R"' ]), 'its challenge, too, and last');
is_deeply(refusal(ask($host, '/cgi/index.html',
                      'Authorization: ' . basic('bob:builder'))),
          expected('invalid'), 'a user and a password are no key');

# ---- Narrower, never wider ----

($host, $key) = ('auth_src', $key{auth_src});
for my $where (map { ("/$_/index.html", "/$_/deep/index.html") }
               'bearer', 'auth/narrow') {
    is(reason_of(ask($host, $where, "Authorization: Bearer $key")), 'granted',
       "$where: bearer");
    is_deeply(refusal(ask($host, $where, "X-API-Key: $key")),
              expected('missing', ways => ['Bearer realm="R"']),
              "$where: the header was dropped");
    is(reason_of(ask($host, $where, "Authorization: Bearer $key",
                     'X-API-Key: ' . unknown_key($secret))), 'granted',
       "$where: what was dropped is no contradiction");
}
for my $where (qw(widen widen-header)) {
    my $mark = mark_logs();
    my $r = ask($host, "/auth/$where/index.html", "X-API-Key: $key");
    is($r->{status}, 500, "$where: an .htaccess cannot widen ApiKeyFrom");
    unlike($r->{body}, qr/everybody/, 'nothing is served');
    like(logs_since($mark, 'error'),
         qr/can only drop.*server does not accept.*server's ApiKeyFrom/,
         'the log says why and what to do');
}

# ---- Foreign credentials ----

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
    # As httpd passes it on: trimmed, repeated ones joined.
    my %sent;
    for (@$headers) {
        my ($name, $value) = /^([^:]+):\s*(.*?)\s*$/;
        push @{ $sent{ lc $name } }, $value;
    }
    my %want = map { $_ => join ', ', @{ $sent{$_} } } keys %sent;
    for my $at ('auth_src', 'auth_src_basic') {
        is_deeply(arrived($at, '/open', @$headers), \%want,
                  "$at, open: @$headers comes through unchanged");
    }
    next if grep { /^X-API-Key/ } @$headers;
    my ($name, $value) = %want;
    next if $value =~ /,/ || $value =~ /^Bearer$/i;
    is_deeply(arrived('auth_src', '/api', @$headers,
                      "X-API-Key: $key{auth_src}"), \%want,
              'guarded, beside a key of ours: so it does');
}
is_deeply(arrived($host, '/api', "Authorization: Bearer $key",
                  'X-API-Key: mine'), { 'x-api-key' => 'mine' },
          "an own X-API-Key beside our bearer");
is_deeply(refusal(ask($host, '/api/x', @$_)), expected('invalid'),
          "alone in our area: @$_ is no key of ours")
    for [ "Authorization: Bearer $jwt" ], [ 'X-API-Key: own' ],
        [ "Authorization: Bearer $jwt", 'X-API-Key: own' ];

# mod_auth_basic in a virtual host that accepts keys in Basic.
open my $users, '>', run_info()->{stage} . '/state/auth_src_users' or die $!;
print $users 'bob:{SHA}', encode_base64(sha1('builder'), ''), "\n";
close $users or die $!;
$host = 'auth_src_basic';
like(ask($host, '/basic/index.html', 'Authorization: '
         . basic('bob:builder'))->{body}, qr/everybody/,
     'AuthType Basic works beside ApiKeyFrom basic');
my $r = ask($host, '/basic/index.html', 'Authorization: ' . basic('bob:x'));
is($r->{status}, 401, 'with a wrong password it refuses');
is_deeply([ header_of($r, 'WWW-Authenticate') ], ['Basic realm="B"'],
          'the challenge is its own');
unlike($r->{body}, qr/"code"/, 'so is the body');
is(ask($host, '/basic/index.html', "X-API-Key: $key{$host}")->{status}, 401,
   'a key opens nothing there');
is(ask($host, '/basic/index.html', "X-API-Key: $key{$host}",
       'Authorization: ' . basic('bob:builder'))->{status}, 200,
   'and closes nothing');

# ---- Keys that are never passed on ----

my %never = (
    'a good key' => $key{auth_src_basic},
    'an unknown key' => unknown_key($secret),
    'one with another prefix' => unknown_key($secret, 'zz-top'),
);
while (my ($what, $value) = each %never) {
    is_deeply(arrived($host, '/open', @$_), {},
              "open, $what: " . join(', ', @$_) =~ s/\Q$value\E/KEY/gr)
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
# Recognized by the prefix, or with something before or after it.
my $good = $key{$host};
for my $value (substr($good, 0, -1), "$good\xe2\x80\x8b", "x$good", "${good}x",
               'a' x 600 . $good) {
    my $what = $value =~ s/\Q$good\E/KEY/r =~ s/a{600}/a…/r;
    is_deeply(arrived($host, '/open', $_), {}, "open, $what: "
              . (/^(\S+)/)[0])
        for "X-API-Key: $value", "Authorization: Bearer $value",
            'Authorization: ' . basic("$value:");
}
$host = 'auth_src_prefix';
is_deeply(arrived($host, '/open', 'X-API-Key: acme-live_x'), {},
          'with ApiKeyPrefix: whatever begins so');
my $zz = unknown_key($secret, 'zz-top');
is_deeply(arrived($host, '/open', "X-API-Key: $zz"), {},
          'with ApiKeyPrefix: another prefix, but right check characters');
is_deeply(arrived($host, '/api', "X-API-Key: $zz",
                  "Authorization: Bearer $key{$host}"), {},
          'nor beside a key of ours');
is(reason_of(ask($host, '/api/x', "X-API-Key: $zz")), 'invalid',
   'it opens nothing, either');
my $ours = 'ak_' . 'x' x 49;
is_deeply(arrived($host, '/open', "X-API-Key: $ours"),
          { 'x-api-key' => $ours },
          'another prefix and wrong check characters: foreign');
# Each such word costs one HMAC per secret: at most eight are tried.
for my $begin ('X-API-Key: ', 'Authorization: Token ') {
    my ($name, $value) = $begin =~ /(\S+): (.*)/;
    my @false = map { sprintf 'ak_%02d%s', $_, 'x' x 47 } 1 .. 9;
    is_deeply(arrived($host, '/open', "$begin@false[0 .. 7]"),
              { lc $name => "$value@false[0 .. 7]" },
              "$name: eight of them are foreign");
    is_deeply(arrived($host, '/open', "$begin@false"), {},
              'where there are nine, nobody knows, and none is put back');
}

# A key in a scheme that is not accepted is not passed on, either.
$host = 'auth_src';
for my $value ("Basic " . encode_base64("$key{$host}:", ''),
               "Token token=\"$key{$host}\"", "Token $key{$host}",
               $key{$host}) {
    my $what = $value =~ s/(\w*) ?.*/$1/r;
    $what = 'no scheme' if $what =~ /^ak_/;
    is_deeply(arrived($host, '/open', "Authorization: $value"), {},
              "open, a key behind $what");
    is(reason_of(ask($host, '/api/x', "Authorization: $value")), 'missing',
       "guarded, a key behind $what is not accepted");
}

# ---- The accepted key, in the application ----

for my $at (grep { $_ ne 'auth_src_names' } @hosts) {
    my ($value, $pass) = ($key{$at}, $at eq 'auth_src_pass');
    is_deeply(arrived($at, '/api', "X-API-Key: $value"),
              $pass ? { 'x-api-key' => $value } : {},
              "$at: X-API-Key is " . ($pass ? 'passed on' : 'gone'));
    is_deeply(arrived($at, '/api', "Authorization: Bearer $value"),
              $pass ? { authorization => "Bearer $value" } : {},
              "$at: Bearer is " . ($pass ? 'passed on' : 'gone'));
    my $both = arrived($at, '/api', "X-API-Key: $value",
                       "Authorization: Bearer $value");
    $pass ? ok(scalar(keys %$both), "$at: one of both copies arrives")
          : is_deeply($both, {}, "$at: both copies are gone");
    like(ask($at, '/cgi/env.cgi', "X-API-Key: $value")->{body},
         $pass ? qr/^HTTP_X_API_KEY=\Q$value\E$/m
               : qr/\A(?!.*\Q$value\E).*^APIKEY_TENANT=acme$/ms,
         "$at: the same with a CGI");
}
my $pass = 'auth_src_pass';
is_deeply(arrived($pass, '/api', 'Authorization: ' . basic("$key{$pass}:")),
          { authorization => basic("$key{$pass}:") }, 'Basic is passed on');
is_deeply(arrived($pass, '/open', "X-API-Key: $key{$pass}"), {},
          'in an open place nothing is: nobody accepted it');
is_deeply(arrived($pass, '/api', "X-API-Key: $key{$pass}",
                  "Authorization: Bearer $jwt"),
          { 'x-api-key' => $key{$pass}, authorization => "Bearer $jwt" },
          'a foreign one comes beside it');

key_nowhere_in_logs($_) for values %key, values %never, $zz;

done_testing;
