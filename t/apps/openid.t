# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The configurations of conf/manual/applications.md that combine keys with other
# ways to log in, Basic and mod_auth_openidc; and each condition in the manual
# that looks for a key.

use APIKey::Blocks qw(section);
use APIKey::ConfigTest;
use APIKey::Guard qw(files slurp);
use APIKey::Test;
use Digest::SHA qw(hmac_sha256_base64 sha1);
use JSON::PP ();
use MIME::Base64 qw(encode_base64);

my $MANUAL = 'conf/manual/applications.md';
my ($basic, $else) = section($MANUAL, 'One URL for people and programs');
my ($jwt_area) = section($MANUAL, 'A JWT area beside keys');
my $openid = $basic =~ s{ *<Else>\n.*?</Else>\n}{$else}sr;

# Each such condition in the manual, with its page and line.
my %condition;
for my $page (files(qr{^(?:README\.md|conf/.*\.(?:md|conf))$})) {
    my $number = 0;
    for my $line (split /\n/, slurp($page)) {
        $number++;
        $condition{"$page:$number"} = $1
            if $line =~ /^[ #]*<(?:Else)?If ("[^"]*%\{HTTP:[^"]*\bak_[^"]*")>/;
    }
}
my @conditions = sort keys %condition;
my $conditions = join '', map { <<"EOF_IF" } 0 .. $#conditions;
    <Location "/reports/if$_">
        <If $condition{ $conditions[$_] }>
            Header always set X-If "looks for a key"
        </If>
    </Location>
EOF_IF

my $site = APIKey::ConfigTest->new(above => do {
    chomp(my $folder = `@{[ $ENV{APXS} || 'apxs' ]} -q LIBEXECDIR`);
    qq(LoadModule auth_openidc_module "$folder/mod_auth_openidc.so"\n);
});
my $key = $site->create(qw(--expires never));
my $bad = $key =~ s/(.)\z/$1 eq 'a' ? 'b' : 'a'/er;
my $shared = 'secret' x 6;
$site->file('users', 'eve:{SHA}' . encode_base64(sha1('secret'), ''));
$site->file('docs/reports/index.html', "A page.\n");
my $app = '127.0.0.1:' . port('app');
my %says = (basic => $basic, openid => $openid, jwt => $jwt_area);
# The same guard for files, with an .htaccess that makes two requests of one.
$says{files} = $basic =~ s/^ *ProxyPass.*\n//mr;
my $hosts = join '', map { <<"EOF_HOST" } sort keys %says;
<VirtualHost *>
    ServerName $_.example
    @{[ $says{$_} =~ s/127\.0\.0\.1:9000/$app/gr
        =~ s{/etc/apache2/users}{\@DIR\@/users}gr ]}
</VirtualHost>
EOF_HOST
$site->start(<<"EOF_CONF");
\@DATABASE\@
LogLevel notice
OIDCOAuthVerifySharedKeys plain#$shared
OIDCOAuthRemoteUserClaim sub
OIDCCryptoPassphrase sesame
OIDCProviderIssuer https://login.example
OIDCProviderAuthorizationEndpoint https://login.example/authorize
OIDCProviderTokenEndpoint https://login.example/token
OIDCClientID reports
OIDCRedirectURI /reports/callback
DirectoryIndex index.html
<Directory "\@DOCS\@">
    AllowOverride FileInfo
    Options FollowSymLinks
</Directory>
Header always set X-Who "expr=%{REMOTE_USER}/%{AUTH_TYPE}"
$conditions
$hosts
EOF_CONF
$site->file('docs/reports/.htaccess', "RewriteEngine On\n"
    . "RewriteRule ^moved\$ /reports/index.html\n");

# A JWT (RFC 7515), HS256.
sub token {
    my (%claims) = @_;
    my $text = join '.', map { s/=+\z//r =~ tr{+/}{-_}r }
        map { encode_base64($_, '') } '{"alg":"HS256","typ":"JWT"}',
        JSON::PP->new->canonical->encode({ exp => time + 3600, %claims });
    return "$text." . hmac_sha256_base64($text, $shared) =~ tr{+/}{-_}r;
}

sub ask {
    my ($host, $path, @headers) = @_;
    return get($site->port, $path, "Host: $host.example", @headers);
}

# Access is granted to this user, and the application gets this tenant or none.
sub gets_in {
    my ($r, $who, $tenant, $what) = @_;
    is_deeply([ $r->{status}, header_of($r, 'X-Who') ], [ 200, $who ],
              "$what: access is granted to $who");
    my ($told) = $r->{body} =~ /^X-Apikey-Tenant: (.*?)\r?$/mi;
    is($told, $tenant,
       "$what: the application gets the tenant of the key or none")
        if $r->{body} =~ /^GET /;
    unlike($r->{body}, qr/\Q$key\E|ak_\.\.\./,
           "$what: the application gets neither key nor hint");
}

my $eve = 'Authorization: Basic ' . encode_base64('eve:secret', '');
my $mallory = 'Authorization: Basic ' . encode_base64('eve:other', '');
my $jwt = 'Authorization: Bearer ' . token(sub => 'anna', aud => 'reports');
# All that ApiKeyFrom accepts by default, in several spellings.
my @WITH = map { "$_$key" } 'X-API-Key: ', 'x-api-key: ',
    map { "Authorization: $_ " } qw(Bearer bearer ApiKey APIKEY apikey);

subtest 'each condition of the manual finds a key' => sub {
    cmp_ok(scalar @conditions, '>', 1,
           'the manual has conditions that look for a key');
    for my $number (0 .. $#conditions) {
        my $sees = sub {
            my $r = ask('basic', "/reports/if$number", @_);
            return scalar header_of($r, 'X-If');
        };
        is($sees->($_), 1,
           "$conditions[$number] is true for " . s/\Q$key\E/KEY/r)
            for @WITH;
        is($sees->(@$_), 0,
           "$conditions[$number] is false "
           . 'for ' . ("@$_" =~ s/ .*//r || 'nothing'))
            for [], [$eve], [$jwt];
    }
};

for my $host (qw(basic files)) {
    subtest "one URL, keys and Basic: $host" => sub {
        for my $path ('/reports/', '/reports/index.html',
                      $host eq 'files' ? '/reports/moved' : ()) {
            gets_in(ask($host, $path, $_), 'acme/ApiKey', 'acme',
                    "$path, " . s/\Q$key\E/KEY/r) for @WITH;
            gets_in(ask($host, $path, $eve), 'eve/Basic', undef,
                    "$path, a user of Basic");
            gets_in(ask($host, $path, $eve, $WITH[0]), 'acme/ApiKey', 'acme',
                    "$path, a key beside a user of Basic");
            for my $headers ([], [$mallory]) {
                my $r = ask($host, $path, @$headers);
                is($r->{status}, 401, "$path: 401 without a known user");
                is_deeply([ header_of($r, 'WWW-Authenticate') ],
                          [ 'Basic realm="Reports"' ],
                          "$path: the challenge is that of Basic");
            }
            for my $header ('X-API-Key: of-another',
                            map { s/\Q$key\E/$bad/r } @WITH) {
                my $r = ask($host, $path, $header);
                is($r->{status}, 401, "$path: 401 with a bad key");
                like($r->{body}, qr/"code":"invalid"/,
                     "$path: the reason is invalid with a bad key");
            }
        }
    };
}

subtest 'one URL, keys and OpenID Connect' => sub {
    gets_in(ask('openid', '/reports/x', $_), 'acme/ApiKey', 'acme',
            s/\Q$key\E/KEY/r) for @WITH;
    my $r = ask('openid', '/reports/x', 'Accept: text/html');
    is($r->{status}, 302,
       'a request without a key is redirected to the provider');
    like((header_of($r, 'Location'))[0], qr{^https://login.example/authorize\?.*client_id=reports},
         'the URL of the redirect is that of the provider');
    is(ask('openid', '/reports/x', "X-API-Key: $bad")->{status}, 401,
       'a request with a bad key gets 401');
};

subtest 'JWT and keys' => sub {
    my $wrong = 'Authorization: Bearer ' . token(sub => 'bob', aud => 'x');
    for my $path (qw(/v2/x /v3/x)) {
        my $r = ask('jwt', $path, $jwt);
        gets_in($r, 'anna/oauth20', undef, "$path, a JWT");
        like($r->{body}, qr/^\Q$jwt\E\r?$/m,
             "$path: the application gets the JWT");
        is(ask('jwt', $path, $jwt =~ s/.\z/\$/r)->{status}, 401,
           "$path: 401 with a forged JWT");
        is(ask('jwt', $path, $wrong)->{status}, 401,
           "$path: 401 with the JWT for another audience");
    }
    for my $path (qw(/v1/x /v3/x)) {
        gets_in(ask('jwt', $path, $_), 'acme/ApiKey', 'acme',
                "$path, " . s/\Q$key\E/KEY/r) for @WITH;
        like(ask('jwt', $path, "Authorization: Bearer $bad")->{body},
             qr/"code":"invalid"/,
             "$path: the reason is invalid with a bad key");
        like(ask('jwt', $path)->{body}, qr/"code":"missing"/,
             "$path: the reason is missing without a key");
    }
    is(ask('jwt', '/v1/x', $jwt)->{status}, 401,
       'a JWT does not open an area of keys');
    is(ask('jwt', '/v2/x', $_)->{status}, 401,
       'a key does not open an area of JWTs')
        for @WITH;
    gets_in(ask('jwt', '/v1/x', $jwt, $WITH[0]), 'acme/ApiKey', 'acme',
            'a JWT beside a key');
};

$site->stop;
is($site->leaks($key), '', 'no log has a key');
done_testing;
