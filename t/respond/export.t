# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The variables and headers that applications get of a key: all of them with
# exact values if access is granted, none otherwise.

use FindBin qw($Bin);
use lib "$Bin/lib";
use APIKey::Test;
use MIME::Base64 qw(encode_base64);
use Seen;

sub make {
    my (%what) = @_;
    my $made = create_key('respond', %what);
    return { %$made, %what, expires => expires($made->{id}) };
}

# The end of a key as the database has it, so that the test does not depend on
# the clock.
sub expires {
    my ($id) = @_;
    my $state = run_info()->{stage} . '/state';
    chomp(my $at = `sqlite3 $state/respond.db "SELECT expires FROM apikey
                    WHERE id = '$id'"`);
    return $at;
}

my $plain = make(tenant => 'acme', name => 'plain', env => 'live',
                 scope => [ 'a:read', 'b:*' ], expires => '30d');
my $never = make(tenant => 'initech', name => 'never', env => 'test',
                 scope => [], expires => 'never');
# Values that must arrive byte by byte: UTF-8, quotes, a picture, characters
# that shells and JSON quote.
my $strange = make(tenant => q(Müller "&" S'öhne; $(id) %n %{x}e <b>),
                   name => q(a "quoted" \\ name, 🔑 = {1}), env => 'live',
                   scope => ['x:y'], expires => '1d');
my $revoked = make(tenant => 'gone', name => 'revoked', env => 'live',
                   scope => ['a:read'], expires => '30d');
is(htapikey('respond', 'revoke', $revoked->{id})->{exit}, 0,
   'a key is revoked');

# The headers that mod_proxy_http sends to an application.
my $ASKED = qr/ serving URL http/;

sub logged {
    my ($mark, $line, $promise) = @_;
    ok(wait_for_log($mark, 'respond_access', qr/^\Q$line\E$/m), $promise)
        or diag("wanted: $line\n", logs_since($mark, 'respond_access'));
}

sub with { return "X-API-Key: $_[0]{key}" }

cmp_ok($plain->{expires}, '>', time + 29 * 86400,
       'a key with an end has it in the database');
is($never->{expires}, 0, 'a key without an end has 0 in the database');
for ([ plain => $plain ], [ never => $never ], [ strange => $strange ]) {
    my ($name, $key) = @$_;
    is_deeply(said(get('respond', '/guarded/environ.cgi', with($key))),
              told($key), "a CGI gets all variables of the key '$name'");
    is_deeply(said(get('respond', '/guarded/app', with($key))), carried($key),
              "a proxied application gets all headers of the key '$name'");
}
is_deeply(said(get('respond', '/public/environ.cgi', with($plain))),
          told($plain),
          'a CGI gets the variables of a key where no key is required');
is_deeply(said(get('respond', '/userid/environ.cgi', with($plain))),
          told($plain, REMOTE_USER => $plain->{id}),
          'with ApiKeyUser id the user is the id of the key');

# A variable without a value is not set.
for my $path (qw(/open/environ.cgi /open/app)) {
    is_deeply(said(get('respond', $path)), [],
              "$path gets nothing from a request without a key");
    is_deeply(said(get('respond', $path, with($plain))), [],
              "$path gets nothing of a key");
    is_deeply(said(get('respond', $path, with($revoked))), [],
              "$path gets nothing of a revoked key");
    is_deeply(said(get('respond', $path,
                       "Authorization: Bearer $plain->{key}")), [],
              "$path gets nothing of a key in Authorization");
}
is_deeply(said(get('respond', '/public/environ.cgi')),
          ['APIKEY_RESULT=missing'],
          'a CGI gets the result missing where no key is required');
is_deeply(said(get('respond', '/public/app')), [],
          'a proxied application gets nothing where no key is required');

# Outside of areas, the application gets foreign credentials.
my @foreign = ('X-API-Key: somebody-elses', 'Authorization: Bearer a.b.c');
is_deeply(said(get('respond', '/open/app', @foreign)), [ sort @foreign ],
          'an open proxied application gets foreign credentials');
is_deeply(said(get('respond', '/open/environ.cgi', @foreign)),
          [ 'HTTP_AUTHORIZATION=Bearer a.b.c',
            'HTTP_X_API_KEY=somebody-elses' ],
          'an open CGI gets foreign credentials');

# ---- Variables, as httpd's own expressions read them ----

my $r = get('respond', '/guarded/said.shtml', with($strange));
is($r->{body}, join('', "environment\n",
    map { "$_\n" } "APIKEY_TENANT=$strange->{tenant}",
    'APIKEY_SCOPES=x:y', 'APIKEY_RESULT=granted',
    "REMOTE_USER=$strange->{tenant}"),
   'SSI reads the variables in a guarded place');
$r = get('respond', '/open/said.shtml', with($strange));
is($r->{body}, join('', "environment\n", map { "$_=(none)\n" }
    qw(APIKEY_TENANT APIKEY_SCOPES APIKEY_RESULT REMOTE_USER)),
    'SSI reads none of the variables in an open place');

$r = get('respond', '/guarded/environ.cgi', with($plain));
is_deeply([ map { header_of($r, $_) } qw(X-Result X-Tenant X-Expr) ],
          [ 'granted', 'acme', $plain->{id} ],
          'mod_headers and expressions read the variables');
is_deeply(said(get('respond', '/early/environ.cgi', with($plain))),
          told($plain),
          'a CGI gets the same variables where other fixups read them');
$r = get('respond', '/early/environ.cgi', with($plain));
like($r->{body}, qr/^HTTP_X_EARLY=acme$/m, 'RequestHeader reads a variable');
like($r->{body}, qr/^ROUTED=a:read b:\*$/m,
     'RewriteCond in the configuration of a directory reads a variable');

for (
    [ missing => 401, '/guarded/app' ],
    [ invalid => 401, '/guarded/app', 'X-API-Key: ak_nonsense' ],
    [ revoked => 401, '/guarded/app', with($revoked) ],
    [ scope   => 403, '/scoped/app', with($plain) ],
) {
    my ($reason, $status, $path, @headers) = @$_;
    my $mark = mark_logs();
    $r = get('respond', $path, @headers);
    is($r->{status}, $status, "$reason: the request is refused with $status");
    is_deeply([ header_of($r, 'X-Result') ], [$reason],
              "$reason: APIKEY_RESULT is the reason");
    unlike($r->{body}, qr/acme|gone|$plain->{id}/,
           "$reason: the response has neither tenant nor id");
    my $key = $reason eq 'scope' ? $plain : $reason eq 'revoked' ? $revoked
            : { tenant => '-', id => '-' };
    my $hint = $key->{key} ? hint_of($key->{key})
             : @headers ? 'ak_...***' : '-';
    logged($mark, "$path $status - result=$reason tenant=- id=- scopes=- "
        . "note=$key->{tenant} noted=$key->{id} key=$hint auth=-",
        "$reason: the notes in the log have tenant and id");
    unlike(logs_since($mark, 'error'), $ASKED,
           "$reason: no application gets the request");
}
my $mark = mark_logs();
get('respond', '/guarded/app', with($plain));
logged($mark, '/guarded/app 200 acme result=granted tenant=acme '
    . "id=$plain->{id} scopes=a:read b:* note=acme noted=$plain->{id} "
    . 'key=' . hint_of($plain->{key}) . ' auth=-',
    'LogFormat reads the variables and the notes');
like(logs_since($mark, 'error'), $ASKED,
     'the application gets the granted request');

# ---- ApiKeyHeaders ----

my %without = map { ("HTTP_X_APIKEY_$_" => undef) } qw(ID TENANT SCOPES ENV);
is_deeply(said(get('respond_off', '/guarded/environ.cgi', with($plain))),
          told($plain, %without),
          'with ApiKeyHeaders Off a CGI gets the variables only');
is_deeply(said(get('respond_off', '/guarded/app', with($plain))), [],
          'with ApiKeyHeaders Off a proxied application gets nothing');
$r = get('respond_own', '/guarded/app', with($plain));
is_deeply(said($r), carried($plain, 'Acme-Caller-'),
          'a prefix of ApiKeyHeaders replaces X-Apikey-');

# ---- ApiKeyPassKey, and ApiKeyFrom of sections ----

sub basic { return 'Basic ' . encode_base64("$_[0]{key}:", '') }
for (
    [ 'X-API-Key', $plain->{key}, 'HTTP_X_API_KEY' ],
    [ 'X-Other-Key', $plain->{key}, 'HTTP_X_OTHER_KEY' ],
    [ 'Authorization', "Bearer $plain->{key}", 'HTTP_AUTHORIZATION' ],
    [ 'Authorization', "bearer   $plain->{key}", 'HTTP_AUTHORIZATION' ],
    [ 'Authorization', basic($plain), 'HTTP_AUTHORIZATION' ],
) {
    my ($header, $value, $variable) = @$_;
    my $what = "$header: " . ($value =~ /^(\w+) / ? $1 : 'KEY');
    # The client may write the name of the header in any case: the application
    # gets the name of the configuration.
    for my $host (qw(respond_pass respond_places)) {
        my $pass = $host eq 'respond_pass';
        my @lines = split /\r\n/,
            head(get($host, '/guarded/app', "$header: $value"));
        is_deeply([ grep { /\Q$plain->{key}\E|^Authorization|-Key:/i } @lines ],
                  $pass ? ["$header: $value"] : [],
                  "$what: what a proxied application of $host gets");
        @lines = split /\n/,
            get($host, '/guarded/environ.cgi', "$header: $value")->{body};
        is_deeply([ grep { /\Q$plain->{key}\E|AUTHORIZATION|_KEY=/ } @lines ],
                  $pass ? ["$variable=$value"] : [],
                  "$what: what a CGI of $host gets");
        is_deeply(said(get($host, '/open/app', "$header: $value")), [],
                  "$what: an open application of $host gets nothing");
    }
}
my @both = (with($plain), "Authorization: Bearer $plain->{key}");
is_deeply([ grep { /\Q$plain->{key}\E/ } split /\r\n/,
            head(get('respond_places', '/guarded/app', @both)) ], [],
          'no copy of an accepted key reaches the application');
like(head(get('respond_pass', '/guarded/app', @both)), qr/\Q$plain->{key}\E/,
     'with ApiKeyPassKey the application gets the key');
for my $header ("X-API-Key: $plain->{key}",
                "Authorization: Bearer $plain->{key}") {
    $r = get('respond_pass', '/guarded/go.cgi?/open/environ.cgi', $header);
    like($r->{body}, qr/^APIKEY_TENANT=acme$/m,
         'the application after a redirect gets the tenant');
    unlike($r->{body}, qr/^REDIRECT_\w+=.*\Q$plain->{key}\E/m,
           'no variable of the redirect has the key');
}
is(get('respond_pass', '/scoped/app', with($plain))->{status}, 403,
   'a refused request with a key does not reach the application');

# ---- The rest of the request stays the same, byte by byte ----

my @rest = ('Host: api.example:8080', 'uSeR-aGeNt:   odd  spaces	and a tab ',
    'X-Api-Keyring: not a key', 'X-Apikey: no prefix of ours', 'Accept: a',
    'Cookie: X-Apikey-Tenant=1; k="v"', 'Accept: b, c;q=0.5', 'X_Under: 1',
    "X-Latin: caf\xe9 \xc3\xa9", 'X-Empty:', 'Xapikey-Tenant: x',
    'Content-Type: text/plain', 'Expect-CT: a', 'Cache-Control: no-cache');
for my $method (qw(GET POST PUT OPTIONS DELETE)) {
    my $body = $method =~ /^P/ ? "a=1&b=\0\xff\r\n\r\nend" : undef;
    my $without = request('respond', $method, '/open/app', \@rest, $body);
    my $with = request('respond', $method, '/guarded/app',
        [ @rest[0 .. 3], with($plain), 'X-Apikey-Tenant: forged',
          @rest[4 .. $#rest], 'X_APIKEY_ID: forged' ], $body);
    (my $left = $with->{body}) =~ s/^X-Apikey-(?!:)[^\r]*\r\n//mg;
    is($left, $without->{body},
       "$method: only our headers differ from a request without a key");
    isnt($with->{body}, $left, "$method: the request has our headers");
}

key_nowhere_in_logs($_) for $plain, $never, $strange, $revoked;
done_testing;
