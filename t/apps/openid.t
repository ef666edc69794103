# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The recipes of conf/manual/applications.md that combine keys with other
# logins, Basic and mod_auth_openidc; and each condition in the manual that
# looks for a key.

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

# Every page that has one: its line and the condition.
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
# The same guard for files, with what makes two requests of one.
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

# How a client gets access, as whom, and what the application gets.
sub gets_in {
    my ($r, $who, $tenant, $what) = @_;
    is_deeply([ $r->{status}, header_of($r, 'X-Who') ], [ 200, $who ],
              "$what: let in as $who");
    my ($told) = $r->{body} =~ /^X-Apikey-Tenant: (.*?)\r?$/mi;
    is($told, $tenant, '... which the application is told')
        if $r->{body} =~ /^GET /;
    unlike($r->{body}, qr/\Q$key\E|ak_\.\.\./, '... and no key');
}

my $eve = 'Authorization: Basic ' . encode_base64('eve:secret', '');
my $mallory = 'Authorization: Basic ' . encode_base64('eve:other', '');
my $jwt = 'Authorization: Bearer ' . token(sub => 'anna', aud => 'reports');
# All that ApiKeyFrom accepts by default, in the spellings of clients.
my @WITH = map { "$_$key" } 'X-API-Key: ', 'x-api-key: ',
    map { "Authorization: $_ " } qw(Bearer bearer ApiKey APIKEY apikey);

subtest 'each condition that looks for a key' => sub {
    cmp_ok(scalar @conditions, '>', 1, 'the manual has some');
    for my $number (0 .. $#conditions) {
        my $sees = sub {
            my $r = ask('basic', "/reports/if$number", @_);
            return scalar header_of($r, 'X-If');
        };
        is($sees->($_), 1, "$conditions[$number]: " . s/\Q$key\E/KEY/r)
            for @WITH;
        is($sees->(@$_), 0, '... not ' . ("@$_" =~ s/ .*//r || 'nothing'))
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
                    "$path, a person");
            gets_in(ask($host, $path, $eve, $WITH[0]), 'acme/ApiKey', 'acme',
                    "$path, both");
            for my $headers ([], [$mallory]) {
                my $r = ask($host, $path, @$headers);
                is($r->{status}, 401, "$path, nobody known: refused");
                is_deeply([ header_of($r, 'WWW-Authenticate') ],
                          [ 'Basic realm="Reports"' ], '... asked to log in');
            }
            for my $header ('X-API-Key: of-another',
                            map { s/\Q$key\E/$bad/r } @WITH) {
                my $r = ask($host, $path, $header);
                is($r->{status}, 401, "$path, a bad key: refused");
                like($r->{body}, qr/"code":"invalid"/, '... as one');
            }
        }
    };
}

subtest 'one URL, keys and OpenID Connect' => sub {
    gets_in(ask('openid', '/reports/x', $_), 'acme/ApiKey', 'acme',
            s/\Q$key\E/KEY/r) for @WITH;
    my $r = ask('openid', '/reports/x', 'Accept: text/html');
    is($r->{status}, 302, 'a person is sent to the provider');
    like((header_of($r, 'Location'))[0], qr{^https://login.example/authorize\?.*client_id=reports},
         '... to log in');
    is(ask('openid', '/reports/x', "X-API-Key: $bad")->{status}, 401,
       'a bad key is not');
};

subtest 'JWT and keys' => sub {
    my $wrong = 'Authorization: Bearer ' . token(sub => 'bob', aud => 'x');
    for my $path (qw(/v2/x /v3/x)) {
        my $r = ask('jwt', $path, $jwt);
        gets_in($r, 'anna/oauth20', undef, "$path, a JWT");
        like($r->{body}, qr/^\Q$jwt\E\r?$/m, '... which the application has');
        is(ask('jwt', $path, $jwt =~ s/.\z/\$/r)->{status}, 401,
           "$path, a forged one");
        is(ask('jwt', $path, $wrong)->{status}, 401, "$path, another's");
    }
    for my $path (qw(/v1/x /v3/x)) {
        gets_in(ask('jwt', $path, $_), 'acme/ApiKey', 'acme',
                "$path, " . s/\Q$key\E/KEY/r) for @WITH;
        like(ask('jwt', $path, "Authorization: Bearer $bad")->{body},
             qr/"code":"invalid"/, "$path, a bad key");
        like(ask('jwt', $path)->{body}, qr/"code":"missing"/,
             "$path, nothing");
    }
    is(ask('jwt', '/v1/x', $jwt)->{status}, 401, 'a JWT opens no area of keys');
    is(ask('jwt', '/v2/x', $_)->{status}, 401, 'a key opens none of JWTs')
        for @WITH;
    gets_in(ask('jwt', '/v1/x', $jwt, $WITH[0]), 'acme/ApiKey', 'acme',
            'a JWT beside a key');
};

$site->stop;
is($site->leaks($key), '', 'no key in a log');
done_testing;
