# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Every forgery, on every way to an application, without a key, with a good one
# and with a bad one: the application gets what it gets without the forgery.

use FindBin qw($Bin);
use lib "$Bin/lib";
use APIKey::Auth qw(secrets unknown_key);
use APIKey::ConfigTest;
use APIKey::Test;
use H2;
use Seen;

my $site = APIKey::ConfigTest->new;
my $app = 'http://127.0.0.1:' . port('app');
# Writes the environment as the kernel has it, like environ.cgi, but faster.
my $environ = <<'EOF_CGI';
#!/bin/sh
while read -r line; do :; done
printf 'Content-Type: text/plain\r\n\r\nenvironment\n'
tr '\0' '\n' </proc/$$/environ
EOF_CGI
my %file = (
    'environ.cgi' => $environ, 'list/environ.cgi' => $environ,
    'go.cgi' => qq(#!/bin/sh\nprintf "Location: \$QUERY_STRING\\r\\n\\r\\n"\n),
    'any.shtml' => "<!--#include virtual=\"\$QUERY_STRING\" -->\n",
    'own.shtml' => "environment\n<!--#printenv -->\n",
    'shell.shtml' => "environment\n<!--#exec cmd=\"env\" -->\n",
    'text.txt' => "environment\n",
    'filter.sh' => "#!/bin/sh\ncat\nexec env\n",
);
$site->file("docs/$_", $file{$_}, /\.(?:cgi|sh)$/ ? 0755 : 0644)
    for keys %file;
my %made = (tenant => 'acme', name => 'site', env => 'live', scope => ['a:b'],
            expires => 0);
my $key = $site->create(qw(--scope a:b --expires never));
($made{id}) = $site->htapikey('list') =~ /^(\w{12})\s+acme/m;

my @NAMES = qw(APIKEY_TENANT APIKEY-ID apikey.name REDIRECT_APIKEY_TENANT
    HTTP_X_APIKEY_TENANT HTTP-X-Apikey-Id AJP_APIKEY_TENANT APIKEY_PASSED);
my @HEADERS = qw(X-Apikey-Tenant X_Apikey_Id x-apikey-any);
# Everything that the configuration of the server and an .htaccess can set.
my @forging = (
    map({ ("SetEnv $_ evil", "SetEnvIf Request_URI . $_=evil",
           qq(SetEnvIfExpr "true" $_=evil), "RewriteRule ^ - [E=$_:evil]") }
        @NAMES),
    map({ ("RequestHeader set $_ evil", "RequestHeader add $_ evil",
           "RequestHeader edit $_ .* evil", "RequestHeader edit* $_ . evil",
           "RequestHeader merge $_ evil", "RequestHeader setifempty $_ evil") }
        @HEADERS),
    'PassEnv APIKEY_PASSED', 'BrowserMatch ^ APIKEY_TENANT=evil',
    'RequestHeader append Connection X-Apikey-Tenant', 'Header echo .',
    '<If "true">', 'SetEnv APIKEY_TENANT evil',
    'RequestHeader set X-Apikey-Tenant evil', '</If>',
);
my $forging = join "\n", 'RewriteEngine On', @forging;
my $early = join "\n", map { "RequestHeader set $_ evil early" } @HEADERS;
$site->file('docs/.forging', "$forging\n");

my $areas = <<'EOF_AREAS';
    AliasMatch "^/\w+/list/(.*)$" "@DOCS@/list/$1"
    AliasMatch "^/\w+/([\w-]+\.\w+|environ)(/.*)?$" "@DOCS@/$1$2"
    ProxyPassMatch "^/\w+(/app)$" "@APP@$1"
    <LocationMatch "^/(?:guarded|refused)/">
        AuthType ApiKey
        Require valid-user
    </LocationMatch>
    <Location "/public/">
        AuthType ApiKey
        Require all granted
    </Location>
    <Location "/denied/">
        Require all denied
    </Location>
    <LocationMatch "^/(?:refused|missing|denied)/">
        ErrorDocument 401 /open/environ.cgi
        ErrorDocument 403 /open/environ.cgi
        ErrorDocument 404 /open/environ.cgi
    </LocationMatch>
    <LocationMatch "\.txt$">
        SetOutputFilter said
    </LocationMatch>
    RewriteEngine On
    RewriteRule "^/rewritten(/.*)" "/guarded$1" [PT,E=APIKEY_TENANT:evil]
EOF_AREAS
$areas =~ s/\@APP\@/$app/;
local $ENV{APIKEY_PASSED} = 'evil';
$site->start(<<"EOF_CONF");
\@DATABASE\@
<IfModule mod_cgid.c>
    ScriptSock "\@DIR\@/cgisock"
</IfModule>
AddHandler cgi-script .cgi
AddType text/html .shtml
ExtFilterDefine said mode=output cmd="\@DOCS\@/filter.sh"
LimitRequestFields 3000
LogLevel core:trace3
MergeTrailers On
ProxyAddHeaders Off
ApiKeyFrom header bearer
<IfModule mod_http2.c>
    LogLevel http2:info
    Protocols h2c http/1.1
</IfModule>
<Directory "\@DOCS\@">
    Options ExecCGI FollowSymLinks Includes MultiViews
    MultiviewsMatch Handlers
    DirectoryIndex environ.cgi
    AddOutputFilter INCLUDES .shtml
    CGIPassAuth On
</Directory>
<VirtualHost 127.0.0.1:*>
    ServerName plain
    SetEnvIf X-Apikey-Tenant "(.+)" CLIENT_SAID=\$1
$areas
</VirtualHost>
<VirtualHost 127.0.0.1:*>
    ServerName forging
    HttpProtocolOptions Unsafe
$early
$areas
    <Directory "\@DOCS\@">
        $forging
    </Directory>
    <Location "/">
        $forging
    </Location>
</VirtualHost>
<VirtualHost 127.0.0.1:*>
    ServerName htaccess
    AccessFileName .forging
$areas
    <Directory "\@DOCS\@">
        AllowOverride AuthConfig FileInfo
    </Directory>
</VirtualHost>
EOF_CONF

# ---- The ways, and the true values that arrive on each of them ----
my @WAYS = (
    map({ ("GET /$_/environ.cgi", "GET /$_/app", "GET /$_/own.shtml") }
        qw(guarded open public)),
    'OPTIONS /open/app', 'OPTIONS /public/environ.cgi',
    'GET /missing/none.html', 'GET /denied/environ.cgi',
    'GET /refused/environ.cgi', 'GET /rewritten/environ.cgi',
    'GET /rewritten/app', 'GET /open/go.cgi?/guarded/environ.cgi',
    'GET /open/go.cgi?/open/app', 'GET /open/any.shtml?/guarded/environ.cgi',
    'GET /guarded/any.shtml?/open/app', 'GET /open/shell.shtml',
    'GET /guarded/shell.shtml', 'GET /open/text.txt', 'GET /guarded/text.txt',
    'GET /guarded/list/', 'GET /open/environ',
    'GET /open/environ.cgi/guarded/app',
);
my %SENT = (none => [], good => ["X-API-Key: $key"],
            bad => ['X-API-Key: '
    . unknown_key((secrets("$site->{dir}/secret"))[0])]);
my @FILL = map { "X-Fill-$_: x" } 1 .. 1000;
my @SPELLINGS = (
    'X-Apikey-Tenant: evil', 'x-apikey-TENANT: evil', 'X_Apikey_Tenant: evil',
    'X-Apikey_Id: evil', 'X.Apikey.Tenant: evil', 'X-Apikey-: evil',
    'X~Apikey~Scopes: evil', 'X-Apikey-Tenant:', "X-Apikey-Id: evil \t ",
);
my @FORGERIES = (
    [ 'spelled' => @SPELLINGS ],
    [ 'blanks' => "X-Apikey-Tenant : evil", "X Apikey Tenant: evil",
      "X\tApikey\tId: evil", "X-Apikey-Id\t : evil" ],
    [ 'high bytes' => "X\xa0Apikey-Tenant: evil", "X\xc2\xadApikey-Id: evil" ],
    [ 'folded' => "X-Apikey-Tenant:\r\n evil", "X_Apikey_Id: \r\n\tevil\r\n e" ],
    [ 'a bare LF' => "X-Some: thing\nX-Apikey-Tenant: evil" ],
    [ 'a bare CR' => "X-Some: thing\rX-Apikey-Tenant: evil" ],
    [ 'after 100 headers' => @FILL[0 .. 99], @SPELLINGS ],
    [ 'after 1000 headers' => @FILL, @SPELLINGS ],
    [ 'Connection' => 'Connection: X-Apikey-Tenant, x_apikey_id,;close',
      'Connection: X-Apikey-Scopes', 'Connection: X-Apikey-Env', @SPELLINGS ],
);
my @TRAILERS = (@SPELLINGS, "X-API-Key: $key", "Authorization: Bearer $key",
                'Connection: X-Apikey-Tenant', 'X-Also: here',
                # The last trailers are checked like the first.
                "X-API-Key: $key", 'X-Apikey-Tenant: evil');

sub bytes_of {
    my ($host, $way, $key, @forged) = @_;
    my ($method, $path) = split ' ', $way;
    return join "\r\n", "$method $path HTTP/1.1", "Host: $host",
        @{ $SENT{$key} }, @forged, 'Connection: close', '', '';
}

# The same request with a body and forged trailers.
sub trailing {
    my ($host, $way, $key, @forged) = @_;
    my @head = ('Transfer-Encoding: chunked', 'TE: trailers',
                'Connection: TE');
    return bytes_of($host, $way =~ s/^GET/POST/r, $key, @head)
         . join "\r\n", '3', 'abc', '0', @forged, '', '';
}

sub told_by {
    my ($r) = @_;
    return said({ %$r, body => $r->{body} =~ s/^\s+//r });
}

my %true;
for my $way (@WAYS) {
    for my $name (sort keys %SENT) {
        my $r = connection($site->port)->send(bytes_of('plain', $way, $name))
                ->response;
        my $true = $true{"$way $name"} = told_by($r);
        next if $name eq 'good';
        is((ref $true ? join(' ', grep { !/^(?:REDIRECT_)*APIKEY_RESULT=/ }
                                  @$true) : ''), '',
           "$way, $name: the application gets no tenant") or diag($r->{body});
    }
}
for my $path (qw(/guarded/environ.cgi /guarded/list/ /rewritten/environ.cgi
                 /guarded/text.txt /public/environ.cgi)) {
    is_deeply($true{"GET $path good"}, told(\%made),
              "$path: the application gets the values of the key");
}
is_deeply($true{"GET /$_/app good"}, carried(\%made),
          "/$_/app: the application gets the headers of the key")
    for qw(guarded rewritten public);
is_deeply($true{"GET /open/$_ good"}, [],
          "/open/$_: the application gets nothing of the key")
    for qw(environ.cgi app own.shtml shell.shtml text.txt);

# Requests that httpd answers with 400 do not reach an application.
sub same_as_true {
    my ($what, $way, $name, $r) = @_;
    my ($said, $true) = (told_by($r), $true{"$way $name"});
    is_deeply(ref $said ? $said : [],
              ref $true && (ref $said || $r->{status} ne '400') ? $true : [],
              $what) or diag($r->{body});
    unlike($r->{body}, qr/evil|\Q$key\E/,
           "$what: the response has no forged value and no key");
}

my %SHIFT = (plain => 0, forging => 1, htaccess => 0);
for my $host (sort keys %SHIFT) {
    # The forgeries of the configuration alone, and then with those of the
    # client.
    my @each = ($host eq 'plain' ? () : ['of the server'],
                $host eq 'htaccess' ? $FORGERIES[0] : @FORGERIES);
    for my $i (0 .. $#each) {
        my ($forgery, @lines) = @{ $each[$i] };
        for my $j (0 .. $#WAYS) {
            # The first forgeries with all keys; the others on each way with one
            # of two keys, and in the next server with the other one.
            my @keys = $i < 1 ? sort keys %SENT
                     : ('good', 'none')[ ($i + $j + $SHIFT{$host}) % 2 ];
            for my $name (@keys) {
                my $r = connection($site->port)
                    ->send(bytes_of($host, $WAYS[$j], $name, @lines))
                    ->response;
                same_as_true("$host, $forgery: $WAYS[$j], $name", $WAYS[$j],
                             $name, $r);
            }
        }
    }
}

# ---- Trailers, with MergeTrailers: each GET as a POST ----
for my $way (grep { /^GET/ } @WAYS) {
    for my $name (qw(good none)) {
        my ($true, $r) = map { connection($site->port)->send($_)->response }
            trailing('plain', $way, $name, 'X-Also: here'),
            trailing('plain', $way, $name, @TRAILERS);
        is_deeply(told_by($r), told_by($true),
                  "trailers: $way, $name: the application gets the true values")
            or diag($r->{body});
        unlike($r->{body}, qr/evil|\Q$key\E/,
               "trailers: $way, $name: the response has none of the forged "
               . 'ones');
        like($r->{body}, qr/X_ALSO=here/,
             "trailers: $way, $name: SSI gets the others, which httpd merges")
            if $way =~ /own.shtml/ && $r->{status} == 200;
    }
}

# ---- HTTP/2 ----
my $http2 = run_info()->{mpm} ne 'prefork';
sub over_http2 {
    my ($way, $name, @more) = @_;
    my ($method, $path) = split ' ', $way;
    my $body = H2->new($site->port)->ask(
        [ ':method' => $method, ':scheme' => 'http', ':path' => $path,
          ':authority' => 'plain',
          map({ my ($n, $v) = split /: */, $_, 2; ($n =~ /[A-Z]_/ ? $n : lc $n,
                $v) } @{ $SENT{$name} }, @{ $more[0] || [] }) ],
        $more[1] ? ('abc', $more[1]) : ());
    return { status => defined $body ? 'h2' : 400, body => $body // '' };
}
my @lower = map { lc } grep { !/:$|\t/ } @SPELLINGS;
for my $way ($http2 ? @WAYS : ()) {
    for my $name (qw(good none)) {
        my $r = over_http2($way, $name, \@lower);
        ok($r->{status} eq 'h2',
           "HTTP/2: $way, $name: the request is answered");
        same_as_true("HTTP/2: $way, $name", $way, $name, $r);
        # mod_http2 reads trailers in one way with a length and in another
        # without.
        for my $length ('', 'content-length: 3') {
            $r = over_http2($way =~ s/^GET/POST/r, $name, [ $length || () ],
                [ 'x-apikey-tenant' => 'evil', 'x_apikey_id' => 'evil',
                  'x-also' => 'here', 'x-api-key' => $key ]);
            same_as_true("HTTP/2, trailers: $way, $name, $length", $way, $name,
                         $r) if $way =~ /environ.cgi$|app$|own/;
            unlike($r->{body}, qr/evil|\Q$key\E/,
                   "HTTP/2, trailers: $way, $name, $length: no forged value "
                   . 'arrives');
        }
    }
}
for my $bad ([ 'X-Apikey-TENANT' => 'evil' ],
             [ 'connection' => 'x-apikey-tenant' ],
             [ 'x apikey tenant' => 'evil' ], [ 'x-apikey-id' => "e\r\nx: y" ]) {
    next if !$http2;
    my $body = H2->new($site->port)->ask(
        [ ':method' => 'GET', ':scheme' => 'http', ':authority' => 'plain',
          ':path' => '/guarded/app', 'x-api-key' => $key, @$bad ]);
    same_as_true("HTTP/2, $bad->[0]", 'GET /guarded/app', 'good',
                 { status => defined $body ? 'h2' : 400,
                   body => $body // '' });
}

# When a connection is switched to HTTP/2, the first stream would have no key,
# since it is made of the masked headers.
my @upgrade = ('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c',
               'HTTP2-Settings: AAMAAABkAAQAAP__');
sub upgraded {
    my ($way, $name) = @_;
    my $bytes = bytes_of('plain', $way, $name, @upgrade)
                =~ s/Connection: close\r\n//r;
    return connection($site->port)->send($bytes);
}
if ($http2) {
    is(upgraded('GET /open/app', 'none')->line,
       'HTTP/1.1 101 Switching Protocols',
       'a request without a key may switch to HTTP/2');
    for my $way ('GET /guarded/app', 'GET /guarded/environ.cgi') {
        my $r = upgraded($way, 'good')->response;
        is($r->{status}, 200,
           "$way: a request with a key is answered without a switch");
        same_as_true("$way: the request that does not switch", $way, 'good', $r);
    }
}

$site->stop;
is($site->leaks($key), '', 'no log has a key');
done_testing;
