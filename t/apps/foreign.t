# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Credentials of other applications, sent to an httpd with mod_apikey and to one
# without: outside of areas each request has the same response, byte by byte,
# and each application gets the same request.

use APIKey::Apps;
use APIKey::Test;
use Digest::SHA qw(hmac_sha256_base64 sha1);
use JSON::PP ();
use MIME::Base64 qw(encode_base64);

chomp(my $folder = `@{[ $ENV{APXS} || 'apxs' ]} -q LIBEXECDIR`);
my $shared = 'secret' x 6;
my $http2 = run_info()->{mpm} ne 'prefork';
my $app = 'http://127.0.0.1:' . port('app');
# A JWT (RFC 7515), HS256.
sub signed {
    my (%claims) = @_;
    my $text = join '.', map { s/=+\z//r =~ tr{+/}{-_}r }
        map { encode_base64($_, '') } '{"alg":"HS256","typ":"JWT"}',
        JSON::PP->new->canonical->encode({ exp => time + 3600, %claims });
    return "$text." . hmac_sha256_base64($text, $shared) =~ tr{+/}{-_}r;
}
sub basic { return 'Basic ' . encode_base64($_[0], '') }

my $site = APIKey::Apps->with_php(above => join '', map {
    qq(LoadModule ${_}_module "$folder/mod_$_.so"\n)
} qw(security2 proxy_fcgi auth_digest auth_openidc));
my $key = $site->create(qw(--expires never));
$site->file('users', 'bob:{SHA}' . encode_base64(sha1('builder'), ''));
# bob:both:builder
$site->file('digests', "bob:both:dfc1d4c1b0c6dd4fe1dac67d1bbd8b25\n");
$site->file('docs/show.cgi', <<'EOF_CGI', 0755);
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
env | grep -v '^\(UNIQUE_ID\|REMOTE_PORT\)='
EOF_CGI
$site->file('docs/show.php', <<'EOF_PHP');
<?php
header('Content-Type: text/plain');
foreach ($_SERVER as $name => $value) {
    if (!preg_match('/^(UNIQUE_ID|REMOTE_PORT|REQUEST_TIME.*|argv)$/', $name)) {
        echo "$name=$value\n";
    }
}
EOF_PHP
$site->file('docs/page.shtml', "A page.\n<!--#include virtual=\"show.cgi\" -->");

my $fpm = $site->debian_fpm;
like($fpm, qr/SetEnvIfNoCase \^Authorization\$/,
     'the configuration of Debian sets HTTP_AUTHORIZATION');

my $host = <<'EOF_HOST' =~ s/\@APP\@/$app/gr;
    @FPM@
    SetEnvIf X-API-Key "(.+)" SEEN_KEY=$1
    SetEnvIf Authorization "(.+)" SEEN_AUTH=$1
    SetEnvIf Cookie "token=(.+)" SEEN_COOKIE=$1
    RewriteEngine On
    RewriteCond "%{HTTP:X-API-Key}|%{HTTP:Authorization}|%{HTTP:Cookie}" "(.*)"
    RewriteRule ^ - [E=REWRITE:%1]
    RewriteCond %{HTTP:Authorization} "^Bearer eyJ" [OR]
    RewriteCond %{HTTP:X-API-Key} .
    RewriteRule "^(/\w+)/rewrite/" "$1/show.cgi?rewritten" [PT]
    AliasMatch "^/\w+/(?:\w+/)?(show\.(?:cgi|php)|page\.shtml)$" "@DOCS@/$1"
    ProxyPassMatch "^/\w+/(?:\w+/)?(app.*)$" "@APP@/$1"
    TraceEnable On
    Header always set X-Echo "expr=%{HTTP:X-API-Key}|%{HTTP:Authorization}"
    <LocationMatch "^/\w+/if/">
        <If "-n %{HTTP:X-API-Key} || %{HTTP:Authorization} =~ /^Bearer/">
            Header always set X-If yes
        </If>
        <Else>
            Require all denied
        </Else>
    </LocationMatch>
    <LocationMatch "^/\w+/env/">
        Require env SEEN_AUTH
    </LocationMatch>
    <LocationMatch "^/\w+/expr/">
        Require expr "%{HTTP:X-API-Key} == 'own' || -n %{HTTP:Cookie}"
    </LocationMatch>
    <LocationMatch "^/\w+/basic/">
        AuthType Basic
        AuthName both
        AuthUserFile "@DIR@/users"
        Require valid-user
    </LocationMatch>
    <LocationMatch "^/\w+/digest/">
        AuthType Digest
        AuthName both
        AuthUserFile "@DIR@/digests"
        Require valid-user
    </LocationMatch>
    <LocationMatch "^/\w+/oauth/">
        AuthType oauth20
        Require claim sub:anna
    </LocationMatch>
    <IfModule mod_apikey.c>
        <Location "/api/">
            AuthType ApiKey
            AuthName R
            Require valid-user
        </Location>
    </IfModule>
EOF_HOST
$host =~ s/\@FPM\@/$fpm/;
my $other = $host =~ s{<IfModule mod_apikey.c>.*?</IfModule>}{}sr;
my $conf = <<"EOF_CONF";
<IfModule mod_cgid.c>
    ScriptSock "\@DIR\@/cgisock"
</IfModule>
AddHandler cgi-script .cgi
AddType text/html .shtml
AddOutputFilter INCLUDES .shtml
<IfModule mod_http2.c>
    Protocols h2c http/1.1
    LogLevel http2:warn
</IfModule>
<Directory "\@DOCS\@">
    Options ExecCGI FollowSymLinks Includes
</Directory>
OIDCOAuthVerifySharedKeys plain#$shared
OIDCOAuthRemoteUserClaim sub
SecRuleEngine On
SecRule REQUEST_URI "\@rx ^/\\w+/deny/" "id:1,phase:1,deny,status:406,chain"
SecRule &REQUEST_HEADERS:X-API-Key "\@gt 0"
SecRule REQUEST_URI "\@rx ^/\\w+/need/" "id:2,phase:1,deny,status:406,chain"
SecRule &REQUEST_HEADERS:X-API-Key "\@eq 0"
SecRule REQUEST_URI "\@rx ^/\\w+/deny/" "id:3,phase:1,deny,status:406,chain"
SecRule REQUEST_HEADERS:Authorization "\@rx ^Digest"
<VirtualHost 127.0.0.1:*>
ServerName our.example
<IfModule mod_apikey.c>
\@DATABASE\@
</IfModule>
$host
</VirtualHost>
<VirtualHost 127.0.0.1:*>
ServerName other.example
$other
</VirtualHost>
EOF_CONF

my $jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.' . 'ab_c-D1' x 40;
my %SENT = (
    nothing => [],
    basic => [ 'Authorization: ' . basic('bob:builder') ],
    jwt => [ "aUTHORIZATION: Bearer $jwt" ],
    # A JWT that mod_auth_openidc accepts.
    signed => [ 'Authorization: Bearer ' . signed(sub => 'anna') ],
    key => ['x-api-KEY: own'],
    digest => [ 'Authorization: Digest username="bob", realm="both", nonce="n",'
                . ' uri="/", response="' . 'ab' x 16 . '"' ],
    cookie => ["Cookie: a=b; token=$jwt"],
    several => [ "X-API-Key: sk_live_51HxAbCd", 'X-Own: 1',
                 "authorization:   BEARER  $jwt", 'Cookie: token=x' ],
    twice => [ 'X-API-Key: one', 'Accept: a', 'X-Api-Key: two' ],
    odd => [ 'X-API-Key:', 'Authorization: Basic dXNlcjpwYXNz"' ],
);
my @PATHS = qw(show.cgi show.php app page.shtml rewrite/x if/show.cgi
               env/show.cgi env/app expr/show.php deny/show.cgi deny/app
               need/show.cgi need/show.php basic/show.cgi digest/show.cgi oauth/show.cgi
               oauth/app);

# The response without what differs each time: the date, the port, a nonce, and
# whether httpd knew the length when it began to send.
sub ask {
    my ($method, $host, $path, @headers) = @_;
    my $r = connection($site->port)->send(join "\r\n",
        "$method $path HTTP/1.1", 'Accept: x', @headers, "Host: $host",
        'X-After: y', 'Connection: close', '', '')->response;
    my $port = $site->port;
    my $text = join "\n", "$r->{version} $r->{status} $r->{reason}",
        map({ "$_->[0]: $_->[1]" } grep {
            $_->[0] !~ /^(?:Date|Content-Length|Transfer-Encoding)$/
        } @{ $r->{headers} }), '', $r->{body};
    return $text =~ s/\b$port\b/PORT/gr =~ s/nonce="[^"]+"/nonce/gr;
}

# An HTTP/1.1 request that asks for HTTP/2: its response comes in frames of
# HTTP/2, unless the server ignores this.
sub switch {
    my ($host, $path, @headers) = @_;
    my $c = connection($site->port)->send(join "\r\n", "GET $path HTTP/1.1",
        "Host: $host", @headers, 'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__', '',
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . "\0" x 3 . "\4" . "\0" x 5);
    my $line = $c->line;
    # Reads frames until the application has sent its response.
    until ($c->{got} =~ /^X-API-Key: .*\r?\n/mi
           && $c->{got} =~ /^Authorization: .*\r?\n/mi) {
        $c->fill or last;
    }
    return join "\n", $line,
        $c->{got} =~ /^((?:X-API-Key|Authorization): .*?)\r?$/mgi;
}

sub all {
    my %said;
    for my $host (qw(our.example other.example)) {
        for my $what (sort keys %SENT) {
            for my $path ((map { "/open/$_" } @PATHS),
                          (map { "/api/$_" } @PATHS)) {
                $said{"$host$path, $what"} =
                    ask('GET', $host, $path, @{ $SENT{$what} });
            }
            $said{"TRACE $host, $what"} =
                ask('TRACE', $host, '/open/show.cgi', @{ $SENT{$what} });
        }
        $said{"h2c $host"} = switch($host, '/open/app', @{ $SENT{several} })
            if $http2;
    }
    return \%said;
}

my @said = map {
    $site->{bare} = $_;
    $site->start($conf);
    my $said = all();
    # Requests with a key for which mod_security has rules.
    if (!$_) {
        for my $path (qw(/open/need/app /api/need/app)) {
            like(ask('GET', 'our.example', $path, "X-API-Key: $key"),
                 qr{^HTTP/1\.1 200 },
                 "$path: a rule that requires a key finds one");
        }
        like(ask('GET', 'our.example', '/open/deny/app', "X-API-Key: $key"),
             qr{^HTTP/1\.1 406 }, 'a rule that denies keys finds one');
        is(switch('our.example', '/open/app', "X-API-Key: $key"),
           'HTTP/1.1 200 OK',
           'a request with a key does not switch to HTTP/2') if $http2;
    }
    APIKey::ConfigTest::stop($site);
    $said;
} 1, 0;
my ($without, $with) = @said;

my ($asked, $changed) = (0, 0);
for my $what (sort keys %$without) {
    if ($what =~ m{our\.example/api/}) {
        my ($status) = $with->{$what} =~ m{^HTTP/1\.1 (\d+)};
        # mod_security decides before mod_apikey.  <If> and <Else> are merged
        # after all sections, so that the Require there is the one in effect.
        my ($before) = $without->{$what} =~ m{^HTTP/1\.1 (40[36])};
        my $reason = $what =~ /twice$/ ? 400 : 401;
        $reason = $before
            if $before && ($before == 406 || $what =~ m{/if/});
        is($status, $reason, "$what: the status of the area");
        next;
    }
    $asked++;
    $changed += !is($with->{$what}, $without->{$what},
                    "$what: the same response as without mod_apikey");
}
cmp_ok($asked, '>=', 200, 'at least 200 requests were compared');
is($changed, 0,
   "none of $asked requests outside of ApiKey areas is answered differently");

# Without mod_apikey each of these directives and applications gets the
# credential, so they would show a change.
my %want = (
    'our.example/open/show.cgi, several' => qr/^SEEN_KEY=sk_live_51HxAbCd$/m,
    'our.example/open/show.php, jwt' => qr/^HTTP_AUTHORIZATION=Bearer eyJ/m,
    'our.example/open/rewrite/x, jwt' => qr/^QUERY_STRING=rewritten/m,
    'our.example/open/rewrite/x, basic' => qr{^HTTP/1\.1 404 },
    'our.example/open/if/show.cgi, jwt' => qr/^X-If: yes/m,
    'our.example/open/if/show.cgi, basic' => qr{^HTTP/1\.1 403 },
    'our.example/open/env/app, digest' => qr{^HTTP/1\.1 200 },
    'our.example/open/env/app, key' => qr{^HTTP/1\.1 403 },
    'our.example/open/expr/show.php, key' => qr{^HTTP/1\.1 200 },
    'our.example/open/deny/app, key' => qr{^HTTP/1\.1 406 },
    'our.example/open/deny/app, digest' => qr{^HTTP/1\.1 406 },
    'our.example/open/deny/app, jwt' => qr{^HTTP/1\.1 200 },
    'our.example/open/need/show.cgi, jwt' => qr{^HTTP/1\.1 406 },
    'our.example/open/need/show.php, key' => qr{^HTTP/1\.1 200 },
    'our.example/open/basic/show.cgi, basic' => qr/^REMOTE_USER=bob$/m,
    'our.example/open/oauth/show.cgi, signed' => qr/^REMOTE_USER=anna$/m,
    'other.example/open/oauth/app, signed' => qr/^Authorization: Bearer eyJ/m,
    'our.example/open/oauth/app, jwt' => qr{^HTTP/1\.1 401 },
    'our.example/open/app, several' =>
        qr/^X-API-Key: sk_live.*^X-Own: 1\r\nauthorization: BEARER/ms,
    'TRACE our.example, key' => qr/^x-api-KEY: own/m,
    $http2 ? ('h2c our.example' => qr/^HTTP\/1\.1 101 .*^Authorization: /ms)
           : (),
);
like($without->{$_}, $want{$_}, "without mod_apikey: $_") for sort keys %want;
$site->stop;
is($site->leaks($key), '', 'no log has the key');

done_testing;
