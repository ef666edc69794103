# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Whatever clients send and .htaccess files of customers set: an application
# gets the true variables and headers of a key, or none.

use FindBin qw($Bin);
use lib "$Bin/lib";
use APIKey::Test;
use Seen;

my $key = { tenant => 'acme', name => 'a test', env => 'live',
            scope => ['a:read'], expires => 'never' };
$key = { %{ create_key('respond', %$key) }, %$key, expires => 0 };
my $with = "X-API-Key: $key->{key}";

my @SPELLINGS = (
    'X-Apikey-Tenant: evil', 'x-apikey-TENANT: evil', 'X_Apikey_Tenant: evil',
    'X-Apikey_Id: evil', 'x_APIKEY-Scopes: evil', 'X.Apikey.Tenant: evil',
    'X-Apikey-: evil', 'X_Apikey_Other: evil', 'X~Apikey~Tenant: evil',
    'X-Apikey-Tenant:', 'X-Apikey-Tenant: evil, eviler',
);
my @MANY = map { my $n = $_; ("X-Apikey-Tenant: evil$n", "X_Apikey-N$n: evil") }
           1 .. 100;

# ---- Headers of the client, on every path ----

my @PATHS = (
    # method, path, key, true values
    [ GET     => '/guarded/environ.cgi', 1, told($key) ],
    [ GET     => '/guarded/app', 1, carried($key) ],
    [ GET     => '/open/environ.cgi', 0, [] ],
    [ GET     => '/open/app', 0, [] ],
    [ GET     => '/open/app', 1, [] ],
    [ GET     => '/public/environ.cgi', 0, ['APIKEY_RESULT=missing'] ],
    [ GET     => '/public/app', 0, [] ],
    [ OPTIONS => '/open/app', 0, [] ],
    [ OPTIONS => '/options/app', 0, [] ],
    [ OPTIONS => '/options/environ.cgi', 0, ['APIKEY_RESULT=missing'] ],
    [ GET     => '/errors/no-such-file', 0, [] ],
    [ GET     => '/errors/denied', 0, [] ],
    [ POST    => '/open/go.cgi?/open/environ.cgi', 0, [] ],
    [ POST    => '/open/go.cgi?/open/app', 0, [] ],
    [ GET     => '/open/include.shtml', 0, [] ],
);
for my $forged ([ each => @SPELLINGS ], [ 'two hundred' => @MANY ],
                [ 'with Connection' => @SPELLINGS,
                  'Connection: X-Apikey-Tenant, x_apikey_id' ]) {
    my ($name, @headers) = @$forged;
    for (@PATHS) {
        my ($method, $path, $has, $true) = @$_;
        my $r = request('respond', $method, $path,
            [ $has ? $with : (), @headers ], $method eq 'POST' ? '' : undef);
        my $what = "$name: $method $path" . ($has ? ' with a key' : '');
        is_deeply(said($r), $true, $what) or diag($r->{body});
        unlike($r->{body}, qr/evil/,
               "$what: the forged value is nowhere in the request");
    }
}
for my $path (qw(/open/app /open/environ.cgi)) {
    is_deeply(said(get('respond_bare', $path, @SPELLINGS, @MANY[0 .. 29])), [],
              "a server that does not use keys removes forged headers: $path");
}
is_deeply(said(get('respond_off', '/guarded/app', $with, @SPELLINGS)), [],
          'with ApiKeyHeaders Off a proxied application gets no forged header');
my @own = ('Acme-Caller-Tenant: evil', 'ACME_caller-ID: evil',
           'acme_caller_any: evil');
is_deeply(said(get('respond_own', '/guarded/app', $with, @own, @SPELLINGS)),
          carried($key, 'Acme-Caller-'),
          'with a prefix of ApiKeyHeaders the application gets true headers');
is_deeply(said(get('respond_own', '/open/app', @own, @SPELLINGS)), [],
          'with a prefix of ApiKeyHeaders an open application gets no header');
is_deeply(said(get('respond_own', '/open/environ.cgi', @own, @SPELLINGS)), [],
          'with a prefix of ApiKeyHeaders an open CGI gets no header');

# ---- Connection ----

# The headers that control the connection.
sub how {
    my ($response) = @_;
    return [ grep { /^(?:Connection|Upgrade|X-Hop):/i }
             split /\r\n/, head($response) ];
}

my $plain = how(get('respond', '/guarded/app', $with));
for my $forged (
    ['X-Apikey-Tenant'], ['x-apikey-tenant, X-Apikey-Id,X-Apikey-Scopes'],
    [ 'X-Apikey-Tenant', 'X-Apikey-Env', 'x-apikey-id' ],
    [" ,;, \tX-APIKEY-TENANT\t ,x_apikey_id;"], ['X-Apikey-Tenant X-Apikey-Id'],
    ['close,X-Apikey-Tenant'], ['X-Apikey-Tenant;keep-alive'],
    ['"X-Apikey-Tenant"'], ['X-API-Key, Authorization, X-Apikey-Tenant'],
    ['X-Apikey-Tenant,' x 200], [('X-Apikey-Tenant') x 100],
) {
    my @fields = map { "Connection: $_" } @$forged;
    my $what = substr $forged->[0], 0, 40;
    my $r = get('respond', '/guarded/app', $with, @fields);
    is_deeply(said($r), carried($key),
              "Connection: $what: the application gets the tenant")
        or diag($r->{body});
    is_deeply(how($r), $plain,
              "Connection: $what: the connection is as it is without forged "
              . 'tokens');
    is_deeply(said(get('respond', '/guarded/environ.cgi', @fields, $with)),
              told($key), "Connection: $what: a CGI gets the tenant");
}
is_deeply(said(get('respond_own', '/guarded/app', $with,
               'Connection: acme-caller-tenant')),
          carried($key, 'Acme-Caller-'),
          'tokens in Connection do not remove headers of another prefix');

# The other tokens of Connection have their meaning for httpd and for a proxy.
my $r = get('respond', '/guarded/app', $with, 'X-Hop: 1', 'X-Stay: 1',
            'Connection: X-Apikey-Tenant, X-Hop');
is_deeply(how($r), $plain,
          'a proxy removes another header that Connection names');
is_deeply(said($r), carried($key),
          'a proxy does not remove our headers that Connection names');
like(head($r), qr/^X-Stay: 1\r$/m,
     'a proxy does not remove a header that Connection does not name');
for my $path (qw(/open/socket /guarded/socket)) {
    my @upgrade = ($with, 'Upgrade: websocket');
    my $true = how(get('respond', $path, @upgrade, 'Connection: Upgrade'));
    is_deeply([ sort @$true ], [ 'Connection: Upgrade', 'Upgrade: websocket' ],
              "$path: an upgrade is passed on");
    is_deeply(how(get('respond', $path, @upgrade,
                      'Connection: X-Apikey-Tenant, Upgrade,x-apikey-id')),
              $true, "$path: an upgrade beside forged tokens is passed on");
}
for (
    [ 'HTTP/1.1', undef, 'alive' ],
    [ 'HTTP/1.1', 'X-Apikey-Tenant', 'alive' ],
    [ 'HTTP/1.1', 'X-Apikey-Tenant, close', 'closed' ],
    [ 'HTTP/1.1', 'close ,x_apikey_id', 'closed' ],
    [ 'HTTP/1.0', 'X-Apikey-Tenant', 'closed' ],
    [ 'HTTP/1.0', 'X-Apikey-Tenant, Keep-Alive', 'alive' ],
    [ 'HTTP/1.0', 'keep-alive;X-Apikey-Tenant', 'alive' ],
) {
    my ($version, $value, $want) = @$_;
    my $request = join "\r\n", "GET /guarded/app $version", 'Host: a',
        $with, defined $value ? "Connection: $value" : (), '', '';
    my $connection = connection('respond');
    my ($again, @answers);
    for my $n (1, 2) {
        $connection->send($request);
        my $answer = eval { $connection->response } or last;
        push @answers, $answer;
    }
    is_deeply(said($answers[0]), carried($key),
              "$version, Connection: " . ($value // 'none') . ': the tenant arrives');
    is(@answers == 2 ? 'alive' : 'closed', $want,
       "$version, Connection: " . ($value // 'none') . ": it is $want");
}

# ---- Trailers, which MergeTrailers adds to the headers ----

for my $path (qw(/open/environ.cgi /open/app /open/go.cgi?/open/environ.cgi
                 /guarded/environ.cgi /guarded/app)) {
    my $chunked = join "\r\n", "POST $path HTTP/1.1", 'Host: a', 'TE: trailers',
        'Trailer: X-Apikey-Tenant', 'Transfer-Encoding: chunked',
        'Connection: close, TE', $path =~ /guarded/ ? $with : (), '',
        '3', 'abc', '0', @SPELLINGS[0 .. 4], 'X-Also: here',
        # RFC 9110, 6.5.1, allows neither in a trailer.
        'Authorization: Digest evil', 'Connection: x-evil', '', '';
    # One of the two servers accepts a key in Authorization, the other does not.
    for my $host ('respond', $path =~ /go.cgi/ ? 'respond_header' : ()) {
        my $answer = connection($host)->send($chunked)->response;
        is_deeply(said($answer), $path !~ /guarded/ ? [] : $path =~ /app/
                  ? carried($key) : told($key),
                  "$host: $path gets the true values beside trailers");
        unlike($answer->{body}, qr/evil/,
               "$host: $path gets no forged trailer");
    }
}

# An SSI page reads the headers after the body has been read.
my $own = join "\r\n", 'POST /open/printenv.shtml HTTP/1.1', 'Host: a',
    'Transfer-Encoding: chunked', 'Connection: close', '', '3', 'abc', '0',
    'Acme-Caller-ID: evil', 'X-Also: here', '', '';
for my $answer (connection('respond_header')->send($own)->response) {
    unlike($answer->{body}, qr/evil/,
           'SSI gets no forged trailer with a prefix of ApiKeyHeaders');
    like($answer->{body}, qr/X_ALSO=here/, 'SSI gets other trailers');
}

# ---- The .htaccess of a customer ----

sub customer_says {
    in_stage('customer/.htaccess', join "\n", @_, '');
}

my $app = 'http://127.0.0.1:' . port('app');
my @VARIABLES = qw(APIKEY_TENANT APIKEY-ID apikey_scopes APIKEY.NAME
    APIKEY_RESULT APIKEY_META_PLAN APIKEY_ REDIRECT_APIKEY_TENANT
    REDIRECT_REDIRECT_APIKEY_ID Redirect-Apikey-Env HTTP_X_APIKEY_TENANT
    http_x_apikey_tenant HTTP-X-Apikey-Id HTTP_X_APIKEY_ANY
    REDIRECT_HTTP_X_APIKEY_TENANT);
my @HEADERS = qw(X-Apikey-Tenant X_Apikey_Id x-apikey-any);
my @forging = (
    map({ "SetEnv $_ evil" } @VARIABLES),
    map({ qq(SetEnvIf Request_URI . "$_=evil") } @VARIABLES),
    map({ qq(SetEnvIfExpr "true" "$_=evil") } @VARIABLES),
    map({ "RequestHeader set $_ evil" } @HEADERS),
    map({ "RequestHeader append $_ evil" } @HEADERS),
    map({ "RequestHeader edit $_ .* evil" } @HEADERS),
    'BrowserMatch . APIKEY_TENANT=evil',
    '<If "true">', 'SetEnv APIKEY_TENANT evil',
    'RequestHeader add X-Apikey-Tenant evil', '</If>',
    'RewriteEngine On',
    map({ "RewriteRule ^ - [E=$_:evil]" } @VARIABLES),
    "RewriteRule ^app\$ $app/app [P]",
    'RewriteRule ^there$ environ.cgi [E=APIKEY_TENANT:evil]',
    'ErrorDocument 404 /open/environ.cgi',
    'DirectoryIndex environ.cgi',
    'Action evil-type /open/environ.cgi', 'AddHandler evil-type .evil',
);
in_stage('customer/x.evil', 'handled by an Action');
for (
    [ 'everything at once' => @forging ],
    [ 'unset' => 'UnsetEnv APIKEY_TENANT', 'RequestHeader unset X-Apikey-Id',
      'RequestHeader set X-Apikey-Env ""', 'RewriteEngine On',
      'RewriteRule ^ - [E=!APIKEY_ID]',
      grep { /P\]|there|^E|^D|^A/ } @forging ],
    [ 'Connection' => 'RequestHeader append Connection X-Apikey-Tenant',
      grep { /P\]|there|^E|^D|^A|RewriteE/ } @forging ],
    [ 'Connection added' => 'RequestHeader add Connection keep-alive',
      'RequestHeader add Connection X-Apikey-Tenant',
      grep { /P\]|there|^E|^D|^A|RewriteE/ } @forging ],
    [ 'Connection set' => 'RequestHeader set Connection X-Apikey-Tenant',
      grep { /P\]|there|^E|^D|^A|RewriteE/ } @forging ],
) {
    my ($name, @lines) = @$_;
    customer_says(@lines);
    for my $file (qw(environ.cgi app), '', qw(there x.evil set.shtml exec.shtml
                     environ missing)) {
        my $what = "$name: " . ($file || 'DirectoryIndex');
        my $granted = get('respond_customer', "/guarded/$file", $with);
        (my $text = $granted->{body}) =~ s/^\s+//;
        my $said = said({ %$granted, body => $text });
        # A redirect to the open URL keeps the user and its AUTH_TYPE.
        my $true = $file eq 'app' ? carried($key) : told($key);
        is_deeply($said, $true, "$what: the true values with a key")
            or diag($granted->{body});
        unlike($text, qr/evil/i, "$what: no forged value with a key")
            unless $file eq 'x.evil';
        my $open = get('respond_customer', "/open/$file");
        ($text = $open->{body}) =~ s/^\s+//;
        is_deeply(said({ %$open, body => $text }), [],
                  "$what: no value in an open place") or diag($open->{body});
    }
}
unlink run_info()->{stage} . '/htdocs/respond/customer/.htaccess';

key_nowhere_in_logs($key);
done_testing;
