# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The ways in which real clients send a key, and the values of ApiKeyFrom for
# them.

use APIKey::Test;
use APIKey::Auth;
use MIME::Base64 qw(encode_base64);

my ($secret) = secrets();
my ($all, $usual, $opaque, $pass) = map { "auth_sent$_" }
    '', qw(_usual _opaque _pass);
my %key = map { $_ => create_key($_, name => $_)->{key} }
          $all, $usual, $opaque, $pass;
my %other = map { $_ => create_key($_, name => 'other')->{key} } $all, $opaque;

sub basic { return 'Authorization: Basic ' . encode_base64($_[0], '') }

sub reason_of {
    my ($r) = @_;
    return $r->{status} == 200 ? 'granted'
                               : (refusal($r)->{problem} // {})->{code};
}

# [client, its header, whether a server without ApiKeyFrom accepts it; if not,
# the answer is the one without a key].
my @WAYS = (
    [ 'AWS, httpie: X-API-Key', 'X-API-Key: KEY', 1 ],
    [ 'Anthropic: x-api-key', 'x-api-key: KEY', 1 ],
    [ 'Azure: api-key', 'api-key: KEY', 0 ],
    [ 'Swagger: api_key', 'api_key: KEY', 0 ],
    [ 'Kong, Supabase: apikey', 'apikey: KEY', 0 ],
    [ 'GitLab: PRIVATE-TOKEN', 'PRIVATE-TOKEN: KEY', 0 ],
    [ 'OpenAI, MCP: Bearer', 'Authorization: Bearer KEY', 1 ],
    [ 'bearer in small letters', 'authorization: bearer KEY', 1 ],
    [ 'Elasticsearch: ApiKey', 'Authorization: ApiKey KEY', 1 ],
    [ 'djangorestframework-api-key: Api-Key', 'Authorization: Api-Key KEY',
      0 ],
    [ 'DRF: Token', 'Authorization: Token KEY', 0 ],
    [ 'GitHub: token', 'Authorization: token KEY', 0 ],
    [ 'PagerDuty: Token token=', 'Authorization: Token token=KEY', 0 ],
    [ 'Rails: Token token=""', 'Authorization: Token token="KEY"', 0 ],
    [ 'Opsgenie: GenieKey', 'Authorization: GenieKey KEY', 0 ],
    [ 'Linear: Authorization alone', 'Authorization: KEY', 0 ],
    [ 'Stripe, curl -u KEY:', sub { basic("$_[0]:") }, 0 ],
    [ 'Mailgun, curl -u api:KEY', sub { basic("api:$_[0]") }, 0 ],
    [ 'Freshdesk, curl -u KEY:X', sub { basic("$_[0]:X") }, 0 ],
    [ 'Jira, curl -u MAIL:KEY', sub { basic("anna\@example.org:$_[0]") }, 0 ],
    [ 'Azure DevOps, curl -u :KEY', sub { basic(":$_[0]") }, 0 ],
    [ 'git, curl -u KEY without a colon', sub { basic($_[0]) }, 0 ],
);
# Not create_key(): this key is logged where keys are not accepted.
chomp(my $loud = tell($usual, qw(create -q --tenant acme --name loud)));
my %taken;
for my $way (@WAYS) {
    my ($what, $form, $usually) = @$way;
    my $line = sub {
        my ($key) = @_;
        return ref $form ? $form->($key) : $form =~ s/KEY/$key/r;
    };
    $taken{all} += is(reason_of(ask($all, '/index.html', $line->($key{$all}))),
                      'granted', "$what: granted with its ApiKeyFrom");
    $taken{usual} += is(reason_of(ask($usual, '/index.html',
                                      $line->($usually ? $key{$usual}
                                                       : $loud))),
                        $usually ? 'granted' : 'missing',
                        "$what: " . ($usually ? 'granted' : 'missing')
                        . ' without ApiKeyFrom');
    is(reason_of(ask($all, '/index.html', $line->(unknown_key($secret)))),
       'invalid', "$what: invalid for an unknown key");
}
is(scalar(grep { $_->[2] } @WAYS), 5,
   'five of the ways are accepted without ApiKeyFrom');
is_deeply(\%taken, { all => 22, usual => 22 },
          'all 22 ways have the expected answers');

# No ApiKeyFrom accepts these ways: such keys get into logs and caches, or a
# browser sends them by itself.
my %NEVER = (
    'Google: ?key=' => [ 'exposed', "/index.html?key=$loud" ],
    'Slack: ?token=' => [ 'exposed', "/index.html?x=y&token=$loud" ],
    'a cookie' => [ 'missing', '/index.html', "Cookie: api_key=$loud" ],
);
for my $what (sort keys %NEVER) {
    my ($reason, @asks) = @{ $NEVER{$what} };
    is(reason_of(ask($_, @asks)), $reason, "$what, $_: $reason")
        for $usual, $all;
}
is((refusal(request($_, 'POST', '/index.html',
                    ['Content-Type: application/x-www-form-urlencoded'],
                    "token=$loud"))->{problem} // {})->{code}, 'missing',
   "a form, $_: missing") for $usual, $all;

# ---- curl makes the header from its options or from the URL ----
for my $case ([ 'user', '-u', '%s:' ], [ 'password', '-u', 'api:%s' ],
              [ 'bearer', '--oauth2-bearer', '%s' ],
              [ 'URL', 'http://%s@' ]) {
    my ($what, @arguments) = @$case;
    my $at = '127.0.0.1:' . port($all) . '/index.html';
    my $url = $arguments[0] =~ /^http/ ? shift(@arguments) . $at
                                       : "http://$at";
    open my $curl, '-|', 'curl', '-s', '-o', '/dev/null', '-w',
        '%{http_code}', map { s/%s/$key{$all}/r } @arguments, $url
        or die "curl: $!\n";
    is(scalar <$curl>, 200, "curl with the key as $what: 200");
    close $curl;
}

# ---- The user or the password of Basic may be the key ----
my $bad = $key{$all} =~ s/(.)$/$1 eq 'a' ? 'b' : 'a'/er;
my @HALVES = (
    [ $all, "$key{$all}:$key{$all}", 'granted', 'the same key twice' ],
    [ $all, "$key{$all}:$other{$all}", 'ambiguous', 'two good keys' ],
    [ $all, "$bad:$key{$all}", 'granted',
      'wrong check characters, and a good key as password' ],
    [ $all, "$key{$all}:$bad", 'granted',
      'a good key as user, and wrong check characters' ],
    [ $all, "$bad:$bad", 'invalid', 'wrong check characters twice' ],
    [ $all, 'bob:builder', 'invalid', 'a user and a password' ],
    [ $all, ':', 'invalid', 'a colon' ],
);
for (@HALVES) {
    my ($host, $text, $reason, $what) = @$_;
    is(reason_of(ask($host, '/index.html', basic($text))), $reason,
       "Basic with $what: $reason");
}
my $imported = 'An-imported.key~of-somebody-else';
htapikey($opaque, 'import', '-', { stdin =>
    "key,tenant,name\n$imported,acme,imported\n" })->{exit} == 0
    or die "The key was not imported.\n";
remember_key($imported);
for (["$imported:", 'granted'], ["$imported:x", 'granted'],
     ["api:$imported", 'granted'], [":$imported", 'granted'],
     ["$key{$opaque}:x", 'granted'], ["api:$key{$opaque}", 'granted'],
     ["$imported:$key{$opaque}", 'granted'],
     ["$other{$opaque}:$key{$opaque}", 'ambiguous'],
     ['api:nobody-has-this-key', 'invalid'], ['api:', 'invalid']) {
    my ($text, $reason) = @$_;
    is(reason_of(ask($opaque, '/index.html', basic($text))), $reason,
       "Basic, opaque keys: $reason for "
       . ($text =~ s/\Q$imported\E/IMPORTED/r =~ s/ak_\w+/KEY/gr));
}

# ---- Headers with no key, or with more than one ----
my ($one, $two) = ($key{$all}, $other{$all});
for ([ 'two schemes', 'ambiguous', "Authorization: Token $one",
       "Authorization: Bearer $two" ],
     [ 'Token token= and a nonce', 'ambiguous',
       "Authorization: Token token=\"$one\", nonce=\"x\"" ],
     [ 'two keys without a scheme', 'ambiguous', "Authorization: $one",
       "Authorization: $two" ],
     [ 'two headers that differ', 'ambiguous', "api_key: $one",
       "api-key: $two" ],
     [ 'two headers that agree', 'granted', "api_key: $one",
       "api-key: $one" ],
     [ 'an open quote', 'invalid', "Authorization: Token token=\"$one" ],
     [ 'Token with another parameter', 'invalid',
       "Authorization: Token key=$one" ],
     [ 'a key and a word without a scheme', 'missing',
       "Authorization: $one x" ],
     [ 'a scheme that ApiKeyFrom does not name', 'missing',
       "Authorization: Secret $one" ],
     [ 'a header that ApiKeyFrom does not name', 'missing',
       "api.key: $one" ]) {
    my ($what, $reason, @headers) = @$_;
    is(reason_of(ask($all, '/index.html', @headers)), $reason,
       "$reason for $what");
}

# ---- The challenges: in one order, whatever the order of ApiKeyFrom ----
is_deeply(refusal(ask($all, '/index.html'))->{challenge},
          [ 'Bearer realm="R"',
            map({ qq(ApiKey realm="R", header="$_") } qw(Authorization
                X-API-Key api_key api-key apikey PRIVATE-TOKEN)),
            map({ qq($_ realm="R") } qw(Token GenieKey Api-Key Basic)) ],
          'the challenges are Bearer, ApiKey, the other schemes, Basic');
is_deeply(refusal(ask($usual, '/index.html')), expected('missing'),
          'without ApiKeyFrom, ApiKey is one challenge for scheme and header');
is_deeply(refusal(ask($pass, '/index.html'))->{challenge},
          [ 'ApiKey realm="R", header="Authorization"',
            'ApiKey realm="R", header="api_key"', 'Token realm="R"',
            'Basic realm="R"' ],
          'the challenges have no Bearer if ApiKeyFrom does not name it');

# ---- ApiKeyPassKey: the key is passed on in the header in which it came ----
for my $line (map { s/KEY/$key{$pass}/r } 'Authorization: KEY', 'api_key: KEY',
              'Authorization: Token token="KEY"', 'Authorization: token KEY') {
    my $got = ask($pass, '/x', $line);
    like($got->{body}, qr/^\Q$line\E\r?$/m,
         'ApiKeyPassKey: passed on unchanged: ' . $line =~ s/ak_\w+/KEY/r);
}
for my $text ("$key{$pass}:", "api:$key{$pass}") {
    my $line = basic($text);
    like(ask($pass, '/x', $line)->{body}, qr/^\Q$line\E\r?$/m,
         'ApiKeyPassKey: passed on unchanged: Basic with '
         . $text =~ s/ak_\w+/KEY/r);
}

key_nowhere_in_logs($_) for values %key, values %other, $imported;

done_testing;
