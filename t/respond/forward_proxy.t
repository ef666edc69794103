# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A forward proxy (ProxyRequests) uses the fields of HTTP for proxies; origin
# servers, which belong to others, get nothing of a key.

use FindBin qw($Bin);
use lib "$Bin/lib";
use APIKey::ConfigTest;
use APIKey::Test;
use MIME::Base64 qw(encode_base64);
use Seen;

my $site = APIKey::ConfigTest->new;
my $origin = '127.0.0.1:' . port('app');
my %key = (revoked => $site->create);
$site->htapikey('revoke', $site->htapikey('list') =~ /^(\w{12})\s+acme/m);
$key{$_} = $site->create(qw(--scope a:b)) for qw(good other);
my $jwt = 'Authorization: Bearer eyJhbGciOiJub25lIn0.e30.c2ln';
my ($folder) = map { m{"(.*)/mod_\w+\.so"} } do {
    open my $in, '<', run_info()->{stage} . '/conf/modules.list' or die $!;
    grep { /mod_\w+\.so/ } <$in>;
};

# Servers with other settings, each on its own port.
my %PORT = map { $_ => APIKey::ConfigTest::free_port() } qw(pass open logs);
sub host {
    my ($name, @says) = @_;
    return join "\n", "Listen 127.0.0.1:$PORT{$name}",
        "<VirtualHost 127.0.0.1:$PORT{$name}>", 'ProxyRequests On', @says,
        '</VirtualHost>', '';
}
my @GUARD = ('<Proxy "*">', 'AuthType ApiKey', 'AuthName "R"',
             'Require valid-user', '</Proxy>');
$site->file('docs/env.cgi', "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n"
            . "\\r\\n'\nenv\n", 0755);
$site->start(join "\n",
    qq(LoadModule proxy_connect_module "$folder/mod_proxy_connect.so"),
    <<"EOF_CONF",
\@DATABASE\@
ProxyRequests On
AllowCONNECT @{[ port('app') ]}
ProxyPass "/reverse" "http://$origin/"
<IfModule mod_cgid.c>
    ScriptSock "\@DIR\@/cgisock"
</IfModule>
AddHandler cgi-script .cgi
<Directory "\@DOCS\@">
    Options ExecCGI
</Directory>
LogFormat "%>s %{APIKEY_RESULT}e %{APIKEY_TENANT}e %u" told
CustomLog "\@DIR\@/told_log" told
<Location "/reverse">
    AuthType ApiKey
    AuthName "R"
    Require valid-user
</Location>
@{[ join "\n", @GUARD ]}
<Proxy "http://$origin/scope*">
    Require apikey-scope x:y
</Proxy>
<Proxy "http://$origin/asked*">
    RequestHeader set X-Caller "%{APIKEY_TENANT}e"
</Proxy>
<Proxy "http://$origin/body*">
    ApiKeyErrorBody 401 text/plain "%{status} %{reason}"
</Proxy>
<Proxy "http://$origin/text*">
    ErrorDocument 407 "The administrator's word."
</Proxy>
<Proxy "http://$origin/document*">
    ErrorDocument 401 /env.cgi
</Proxy>
<Proxy "http://$origin/none*">
    ApiKeyErrorFormat none
</Proxy>
EOF_CONF
    host('pass', 'ApiKeyPassKey On', 'ApiKeyFrom header bearer basic',
         'ApiKeyHeaders Acme-Caller-', @GUARD),
    host('open', '<Proxy "*">', 'AuthType None', 'Require all granted',
         '</Proxy>'),
    host('logs', 'ApiKeyEnforce Log', @GUARD));
$PORT{main} = $site->port;

sub ask {
    my ($host, $path, @headers) = @_;
    return request($PORT{$host}, 'GET', "http://$origin/$path",
                   [ "Host: $origin", @headers ]);
}

sub bearer { return "Proxy-Authorization: Bearer $_[0]" }
sub basic { return 'Proxy-Authorization: Basic ' . encode_base64($_[0], '') }

# The origin server gets these headers of keys and of proxies, and no others.
my $KEYS = join '|', map { quotemeta } values %key;
sub knows {
    my ($r, $true, $what) = @_;
    is($r->{status}, 200,
       "$what: access is granted") or return diag($r->{body});
    my $head = head($r);
    is_deeply([ $head =~ /^((?:proxy-|authorization|.*api-?key|.*caller).*)\r$/mig ],
              $true, "$what: the origin gets these headers and no others");
    unlike($r->{body}, qr/$KEYS|acme/i,
           "$what: the origin gets neither key nor tenant");
}

# ---- Granted: the origin server gets nothing of the key ----

for (bearer($key{good}), "X-API-Key: $key{good}") {
    my ($in) = /^([\w-]+)/;
    knows(ask('main', 'x', $_), [], "a key in $in");
    knows(ask('main', 'x', $_, $jwt), [$jwt],
          "a key in $in, beside the origin's own credential");
    knows(ask('main', 'x', $_, 'X-Apikey-Tenant: evil'), [],
          "a key in $in, and a forged tenant");
    knows(ask('pass', 'x', $_), [], "ApiKeyPassKey, a key in $in");
    knows(ask('open', 'x', $_), [], "nothing is guarded, a key in $in");
    knows(ask('logs', 'x', $_), [], "ApiKeyEnforce Log, a key in $in");
}
knows(ask('pass', 'x', basic("$key{good}:")), [],
      'a key as the user of Proxy-Authorization: Basic');
knows(ask('open', 'x', $_), [],
      'nothing is guarded, a key in ' . (/^(\S+ \w+)/)[0])
    for "Authorization: Bearer $key{good}", basic("$key{good}:");
knows(ask('main', 'x', bearer($key{good}), "Authorization: Bearer $key{good}"),
      [], 'a key for the proxy and the same key in Authorization');
like(head(ask('main', 'asked/x', bearer($key{good}))), qr/^X-Caller: acme\r$/m,
     'the origin gets a header that RequestHeader sets');
my $r = get($site->port, '/reverse/x', "X-API-Key: $key{good}");
like(head($r), qr/^X-Apikey-Tenant: acme\r$/m,
     'an application of a reverse proxy gets X-Apikey-Tenant');

# ---- Refused: 407 ----

my @WAYS = ('Bearer realm="R"', 'ApiKey realm="R", header="X-API-Key"');
my $ERROR = 'Bearer realm="R", error=';
sub refused {
    my ($r, $status, $reason, $challenges, $what) = @_;
    is($r->{status}, $status, "$what: $status");
    is_deeply([ header_of($r, 'Proxy-Authenticate') ], $challenges,
              "$what: Proxy-Authenticate has the challenge");
    is_deeply([ header_of($r, 'WWW-Authenticate') ], [],
              "$what: WWW-Authenticate has none");
    is_deeply([ header_of($r, 'Cache-Control') ], ['no-store'],
              "$what: the response is not to be stored");
    my $title = { 407 => 'Proxy Authentication Required', 403 => 'Forbidden',
                  400 => 'Bad Request' }->{$status};
    my $begin = qq({"type":"about:blank","title":"$title","status":$status,);
    like($r->{body}, qr/^\Q$begin\E.*,"code":"$reason"\}\n$/,
         "$what: the body has status and reason");
}
my $bad = $key{good} =~ s/(.)$/$1 eq 'a' ? 'b' : 'a'/er;
my @REFUSED = (
    [ 407, missing => \@WAYS, 'x' ],
    [ 407, missing => \@WAYS, 'x', $jwt ],
    [ 407, missing => \@WAYS, 'x', "Authorization: Bearer $key{good}" ],
    [ 407, missing => \@WAYS, 'x', basic("$key{good}:") ],
    [ 407, invalid => [qq($ERROR"invalid_token")], 'x', bearer($bad) ],
    [ 407, invalid => [qq($ERROR"invalid_token")], 'x', bearer('own') ],
    [ 407, revoked => [ qq($ERROR"invalid_token", error_description=)
                        . '"The API key has been revoked."' ],
      'x', "X-API-Key: $key{revoked}" ],
    [ 403, scope => [qq($ERROR"insufficient_scope", scope="x:y")], 'scope',
      bearer($key{good}) ],
    [ 400, ambiguous => [qq($ERROR"invalid_request")], 'x',
      bearer($key{good}), "X-API-Key: $key{other}" ],
);
for (@REFUSED) {
    my ($status, $reason, $challenges, $path, @headers) = @$_;
    my $r = ask('main', $path, @headers);
    my ($in) = map { /^([\w-]+)/ } @headers, 'nothing';
    refused($r, $status, $reason, $challenges, "$reason, $in");
    unlike($r->{body}, qr/HTTP\/1.1/,
           "$reason, $in: the origin does not get the request");
}
is(request($PORT{main}, 'HEAD', "http://$origin/x", ["Host: $origin"])
   ->{status}, 407, 'HEAD is answered with 407, too');
is(get($site->port, '/reverse/x')->{status}, 401,
   '401 where the same server is a reverse proxy');
is_deeply([ header_of(get($site->port, '/reverse/x'), 'WWW-Authenticate') ],
          \@WAYS, 'WWW-Authenticate has the challenge of a reverse proxy');
is(get($site->port, '/reverse/x', bearer($key{good}))->{status}, 401,
   'a key in Proxy-Authorization is none for a reverse proxy');

# ApiKeyErrorBody and ErrorDocument for a 407.
$r = ask('main', 'body');
is($r->{body}, '407 missing', 'ApiKeyErrorBody 401 is used for 407, too');
is(ask('main', 'text')->{body}, "The administrator's word.",
   'ErrorDocument 407 has precedence');
$r = ask('main', 'document', bearer($bad));
is($r->{status}, 407, '407 with ErrorDocument 401, as httpd does it');
is_deeply([ header_of($r, 'Proxy-Authenticate') ],
          [qq($ERROR"invalid_token")],
          'ErrorDocument: Proxy-Authenticate has the challenge');
like($r->{body}, qr/^APIKEY_RESULT=invalid$/m,
     'ErrorDocument: the page gets the reason');
unlike($r->{body}, qr/$KEYS|\Q$bad\E/, 'ErrorDocument: the page gets no key');
like(ask('main', 'none')->{body}, qr/<title>407 Proxy/,
     'ApiKeyErrorFormat none gives the page of httpd');

# ---- CONNECT ----

sub tunnel {
    my (@headers) = @_;
    my $c = connection($site->port)->send(join "\r\n",
        "CONNECT $origin HTTP/1.1", "Host: $origin", @headers, '', '');
    # The response that opens a tunnel has no body.
    return ($c, $c->response('HEAD'));
}
for (@REFUSED[0 .. 4, 6, 8]) {
    my ($status, $reason, $challenges, undef, @headers) = @$_;
    my ($c, $r) = tunnel(@headers);
    $r->{body} = $c->body($r);
    refused($r, $status, $reason, $challenges, "CONNECT, $reason");
}
for my $header (bearer($key{good}), "X-API-Key: $key{good}") {
    my ($c, $r) = tunnel($header, 'X-Apikey-Tenant: evil');
    is($r->{status}, 200,
       '200 for CONNECT with a key in ' . ($header =~ /^([\w-]+)/)[0]);
    $c->send("GET /inside HTTP/1.1\r\nHost: $origin\r\nX-Own: 1\r\n\r\n");
    is($c->response->{body},
       "GET /inside HTTP/1.1\r\nHost: $origin\r\nX-Own: 1\r\n\r\n",
       'the origin gets what the client sends in the tunnel, and nothing else');
}

# ---- A database without its table ----
system('sqlite3', $site->{db}, 'DROP TABLE apikey') == 0 or die 'sqlite3';
$r = ask('main', 'x', bearer($key{good}));
is($r->{status}, 503, '503 when the database fails');
is_deeply([ header_of($r, 'Retry-After'), header_of($r, 'Proxy-Authenticate') ],
          [5], '503 has Retry-After and no challenge');

$site->stop;
like($site->slurp('told_log'), qr/^200 granted acme acme$/m,
     'the log of a granted request has its tenant');
is($site->leaks(@key{qw(good other revoked)}), '', 'no log has a key');
done_testing;
