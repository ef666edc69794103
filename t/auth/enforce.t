# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# ApiKeyEnforce Log: a request that would be refused, for whatever reason and in
# whatever container of Require, is let through without an identity; the reason
# is logged and exported to the application. What other modules refuse stays
# refused.

use APIKey::Test;
use APIKey::Auth;
use APIKey::Process qw(wait_until);
use Digest::SHA qw(sha1_base64);
use MIME::Base64 qw(encode_base64);

my $host = 'auth_log';
my ($secret) = secrets();
my %key = map { $_ => create_key($host, tenant => $_, scope => 'a:b') }
          qw(acme expired revoked disabled suspended two);
$key{plain} = create_key($host, tenant => 'globex', env => 'test');
sql($host, "UPDATE apikey SET expires = 1000000000
            WHERE id = '$key{expired}{id}'");
tell($host, 'revoke', $key{revoked}{id});
tell($host, 'disable', $key{disabled}{id});
tell($host, 'tenant', 'suspend', 'suspended');
my $unknown = unknown_key($secret);

# Reason => the credentials that are refused for it in every section.
my %refused = (
    missing => [],
    invalid => ["X-API-Key: $unknown"],
    ambiguous => [ "X-API-Key: $key{acme}{key}",
                   "Authorization: Bearer $key{two}{key}" ],
    map { $_ => ["X-API-Key: $key{$_}{key}"] }
        qw(expired revoked disabled suspended),
);
my %whose = map { $_ => $_ } qw(expired revoked disabled suspended);
my $acme = "X-API-Key: $key{acme}{key}";
my $plain = "X-API-Key: $key{plain}{key}";
my @forged = ('X-Apikey-Tenant: evil', 'X_Apikey_Id: evil');

# A request that is let through has no identity.
sub passed {
    my ($path, $headers, $reason, $whose, $what) = @_;
    my $r = ask($host, $path, @$headers, @forged);
    is_deeply([ $r->{status}, header_of($r, 'X-Seen'),
                header_of($r, 'X-User') ],
              [ 200, "$reason (null) (null)", '///' ],
              "$what: let through without an identity");
    my @none = map { header_of($r, $_) } qw(WWW-Authenticate Retry-After);
    is_deeply(\@none, [], "$what: neither challenge nor Retry-After");
    my $log = log_of($r);
    my ($sent) = map { /^X-API-Key: (.*)/ } @$headers;
    my $hint = $sent ? hint_of($sent) : '-';
    is_deeply([ @{$log}{qw(status result id tenant env user key)} ],
              [ 200, $reason, $whose ? ($key{$whose}{id}, $whose eq 'plain'
                ? 'globex' : $whose) : ('-', '-'), '-', '-', $hint ],
              "$what: the access log has the reason and the key");
    my @lines = logs_since($r->{mark}, 'error')
        =~ /APIKEY0172: (.*) let through by ApiKeyEnforce Log.*?, \Q$reason\E:/g;
    is(scalar @lines, 1, "$what: the error log has one line");
    return $r;
}

sub identified {
    my ($path, $what) = @_;
    my $r = ask($host, $path, $acme, @forged);
    is_deeply([ $r->{status}, header_of($r, 'X-Seen'),
                header_of($r, 'X-User') ],
              [ 200, "granted acme $key{acme}{id}", 'acme/ApiKey/acme/' ],
              "$what: granted, with an identity");
    log_of($r);
    unlike(logs_since($r->{mark}, 'error'), qr/APIKEY01(?:01|72)/,
           "$what: the error log has neither refusal nor APIKEY0172");
}

# Section => the reason for which the key of globex is refused there; undef: it
# is granted.
my %lacks = (
    valid => undef, scope => 'scope', tenant => 'tenant', env => 'env',
    any => 'scope', all => 'scope', none => 'forbidden', nested => 'tenant',
    late => undef, optional => undef,
);
for my $place (sort keys %lacks) {
    my $path = "/$place/index.html";
    for my $reason (sort keys %refused) {
        # These two sections grant a request without a key.
        next if $reason eq 'missing' && $place =~ /^(?:late|optional)$/;
        my $r = passed($path, $refused{$reason}, $reason, $whose{$reason},
                       "$place, $reason");
        is_deeply([ sort map { split /, ?/ } header_of($r, 'Vary') ],
                  [qw(Authorization X-API-Key)],
                  "$place, $reason: Vary has all that a key may come in");
        is_deeply([ header_of($r, 'Cache-Control') ], ['private'],
                  "$place, $reason: Cache-Control is private");
    }
    identified($path, $place);
    my $lack = $lacks{$place};
    if ($lack) {
        passed($path, [$plain], $lack, 'plain', "$place, another's key");
    }
    else {
        is((header_of(ask($host, $path, $plain), 'X-Seen'))[0],
           "granted globex $key{plain}{id}", "$place, another's key: granted");
    }
}

passed('/closed/index.html', [$plain], 'forbidden', 'plain',
       'Require apikey-none');

# Refusals of other modules (Require ip, Require expr, Order, Deny) are kept.
my %firm = map { $_ => 403 }
           qw(denied elsewhere compat noip behind expression);
for my $place (sort(keys %firm), 'user') {
    my $path = "/$place/index.html";
    for my $reason (sort keys %refused) {
        my $r = ask($host, $path, @{ $refused{$reason} });
        my $status = $firm{$place} // expected($reason)->{status};
        is($r->{status}, $status, "$place, $reason: refused with $status");
        log_of($r);
        unlike(logs_since($r->{mark}, 'error'), qr/APIKEY0172/,
               "$place, $reason: the error log has no APIKEY0172");
        is_deeply(refusal($r), expected($reason),
                  "$place, $reason: the challenge and body of a refusal")
            if !$firm{$place};
    }
    is(ask($host, $path, $plain)->{status}, 403, "$place, another's key: 403");
    $place eq 'user' ? identified($path, $place)
        : is(ask($host, $path, $acme)->{status}, 403,
             "$place, a good key: 403");
}

# An error of another module is kept, whatever the key.
is(ask($host, '/broken/index.html', @$_)->{status}, 500,
   "500 of another module's provider is kept") for [$acme], values %refused;

# A request with a key in its URL is let through, with the key masked.
for my $headers ([], [$acme]) {
    for my $place (qw(valid scope open)) {
        my $r = passed("/$place/index.html?a=b&k=$key{two}{key}", $headers,
                       'exposed', undef, "$place, a key in the URL");
    }
    passed('/valid/index.html', [ @$headers,
               "Referer: https://a.example/?k=$key{two}{key}" ],
           'exposed', undef, 'a key in Referer');
    my $r = ask($host, "/valid/env.cgi?a=b&k=$key{two}{key}", @$headers);
    my %env = $r->{body} =~ /^(\w+)=(.*)$/mg;
    my $n = "n=$r->{number}";
    is_deeply([ @env{qw(APIKEY_RESULT QUERY_STRING REQUEST_URI REWRITE)} ],
              [ 'exposed', "a=b&k=***&$n", "/valid/env.cgi?a=b&k=***&$n",
                "GET /valid/env.cgi?a=b&k=***&$n HTTP/1.1 /valid/env.cgi"
                . " a=b&k=***&$n" ],
              'a CGI gets the URL with the key masked, and exposed as result');
    is(join(' ', grep { /APIKEY_(?!RESULT)|REMOTE_USER|AUTH_TYPE/ } keys %env),
       '', 'a CGI gets no identity from a key in the URL');
    unlike($r->{body}, qr/\Q$_->{key}/,
           'a CGI gets no key in clear from a key in the URL')
        for values %key;
}

# AuthType Basic authenticates its own users, with a key in the URL or without.
my $stage = APIKey::Test::run_info()->{stage};
open my $users, '>', "$stage/state/auth_log_users" or die $!;
print $users 'jane:{SHA}' . sha1_base64('secret') . "=\n";
close $users or die $!;
my $jane = 'Authorization: Basic ' . encode_base64('jane:secret', '');
for my $query ('', "?k=$key{two}{key}") {
    my $what = 'AuthType Basic, ' . ($query ? 'a key in the URL' : 'no key');
    is(ask($host, "/basic/index.html$query")->{status}, 401,
       "$what: 401 without a user");
    my $r = ask($host, "/basic/env.cgi$query", $jane);
    like($r->{body}, qr/^AUTH_TYPE=Basic\n(?s:.*)^REMOTE_USER=jane\n/m,
         "$what: a CGI gets the user of Basic");
    $query ? like($r->{body}, qr/^APIKEY_RESULT=exposed$/m,
                  "$what: a CGI gets the result exposed")
           : unlike($r->{body}, qr/APIKEY/, "$what: no APIKEY_* variable");
}

# An application gets the tokens that are no keys, and no key.
my $token = 'Authorization: Bearer eyJhbGciOiJub25lIn0.e30.x';
like(ask($host, '/app/x', $token)->{body}, qr/^\Q$token\E\r?$/m,
     'a bearer token that is no key is passed to the application');
unlike(ask($host, '/app/x', "X-API-Key: $unknown")->{body}, qr/X-API-Key/i,
       'a key that would be refused is not passed to the application');
like(ask($host, '/app/x', "X-API-Key: $unknown", @forged)->{body},
     qr/\AGET(?!.*evil)/s, 'forged headers are not passed to the application');

# A request with internal redirects and sub-requests has one line, one result.
passed('/dir/', [], 'missing', undef, 'a directory with an index');
passed('/redirected/scope/', [$plain], 'scope', 'plain', 'a rewritten URL');
my $r = ask($host, '/valid/none', @{ $refused{revoked} });
is($r->{status}, 404, 'a revoked key gets 404 where there is no file');
unlike($r->{body}, qr/revoked/, 'the 404 has no reason of ours in its body');
$r = ask($host, '/valid/status.cgi?401', @{ $refused{revoked} });
is($r->{status}, 401, 'a 401 of the application is passed on');
like($r->{body}, qr/^The application says 401 to nobody, result revoked/,
     'a 401 of the application keeps its body');
$r = ask($host, '/handler/index.html', @{ $refused{suspended} });
is($r->{status}, 403, 'a 403 of mod_rewrite is passed on');
unlike($r->{body}, qr/suspended|API access/,
       'a 403 of mod_rewrite has no reason of ours in its body');
is(log_of($r)->{user}, '-', 'a 403 of mod_rewrite has no user in the log');
is(request($host, 'OPTIONS', '/valid/index.html', [])->{status}, 200,
   'OPTIONS without a key is let through');

# ApiKeyTenant, and a database that cannot be asked.
sub seen_at {
    my ($where, @headers) = @_;
    my $r = get($where, '/x/index.html', @headers);
    return join ' ', $r->{status}, header_of($r, 'X-Seen'),
           header_of($r, 'WWW-Authenticate'), header_of($r, 'Retry-After');
}
is(seen_at('auth_log_lock', $plain), '200 tenant (null) (null)',
   'ApiKeyTenant: a key of another tenant is let through without identity');
is(seen_at('auth_log_lock', $acme), "200 granted acme $key{acme}{id}",
   'ApiKeyTenant: a key of that tenant is granted with its identity');
sql('auth_log_down', map { "DROP TABLE $_" } sql('auth_log_down',
    "SELECT name FROM sqlite_master WHERE name LIKE 'apikey%'
     AND type = 'table'"));
is(seen_at('auth_log_down', $acme), '200 unavailable (null) (null)',
   'without tables, a key is let through as unavailable');

# A use is written for a granted request alone; an exposed key is recorded.
sub usage { return sql($host, "SELECT $_[0] FROM apikey_usage ORDER BY 1") }
ok(wait_until(60, sub { (usage('COUNT(*)'))[0] == 3 }),
   'usage is written for three keys');
is_deeply([ usage('id') ], [ sort map { $_->{id} } @key{qw(acme plain two)} ],
          'usage is that of the two granted keys and of the exposed one');
is_deeply([ usage("use_count > 0, exposed > 0") ],
          [ '0|1', '1|0', '1|0' ],
          'the granted keys have uses, the exposed one has an exposure');

my $log = "$stage/logs/error_log";
open my $in, '<', $log or die "$log: $!\n";
like(join('', <$in>), qr/APIKEY0173: ApiKeyEnforce Log/,
     'httpd logs APIKEY0173 when it starts with ApiKeyEnforce Log');
key_nowhere_in_logs($_) for values %key, $unknown;

done_testing;
