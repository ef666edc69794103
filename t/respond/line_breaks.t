# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A line break in the name or the value of a request header makes a back end
# read what follows as another header.  The last fixup removes such a header,
# whichever module has set it, and logs it.

use FindBin qw($Bin);
use lib "$Bin/lib";
use APIKey::ConfigTest;
use APIKey::Test;
use H2;
use Seen;

my $site = APIKey::ConfigTest->new;
my $backend = '127.0.0.1:' . port('app');
my %made = (tenant => 'acme', name => 'site', env => 'live', scope => ['a:b']);
my $key = $site->create(qw(--scope a:b --expires never));
($made{id}) = $site->htapikey('list') =~ /^(\w{12})\s+acme/m;
my $with = "X-API-Key: $key";

# A value that has another header in it, escaped for httpd's functions and as it
# is; the client sends the first one in its query.
my $CRLF = 'a%0d%0aX-Apikey-Tenant:%20%65vil';
my %CODED = (crlf => $CRLF, lf => $CRLF =~ s/%0d//r, cr => $CRLF =~ s/%0a//r,
             twice => $CRLF . '%0d%0aX-Apikey-Id:%20%65vil',
             ending => "$CRLF%0d%0a%0d%0aGET%20/%65vil",
             last => 'a%0d%0a', first => "%0d%0aX-Apikey-Tenant:%20%65vil");

# Directives of an .htaccess or of the server; @ is one of the values above.
my %SAYS = (
    set    => 'RequestHeader set X-Foo "expr=%{unescape:@}"',
    add    => 'RequestHeader add X-Foo "expr=%{unescape:@}"',
    append => 'RequestHeader append X-Sent "expr=%{unescape:@}"',
    merge  => 'RequestHeader merge X-Sent "expr=%{unescape:@}"',
    # The first of these also removes the header of the client, so that later
    # ones move up.
    merged => qq(RequestHeader add X-Sent "expr=%{unescape:@}"\n)
            . 'RequestHeader add X-Foo "expr=%{unescape:@}"',
    empty  => 'RequestHeader setifempty X-Foo "expr=%{unescape:@}"',
    edit   => 'RequestHeader edit X-Sent $ "expr=%{unescape:@}"',
    'edit*' => 'RequestHeader edit* X-Sent e "expr=%{unescape:@}"',
    host   => 'RequestHeader set Host "expr=%{unescape:@}"',
    agent  => 'RequestHeader set User-Agent "expr=%{unescape:@}"',
    connection => 'RequestHeader set Connection "expr=%{unescape:@}"',
    auth   => 'RequestHeader set Authorization "expr=%{unescape:@}"',
    ours   => 'RequestHeader set X-API-Key "expr=%{unescape:@}"',
    name   => qq(RequestHeader set "X-Foo\rX-Apikey-Tenant" evil),
    fold   => 'RequestHeader set " X-Apikey-Tenant" evil',
    tab    => qq(RequestHeader set "\tX-Apikey-Tenant" evil),
    blank  => 'RequestHeader set "Evil X-Apikey-Tenant" evil',
    nothing => 'RequestHeader set "" evil',
);
my %WAY = (p => "RewriteEngine On\nRewriteRule ^app http://$backend/app [P]",
           handler => qq(SetHandler "proxy:http://$backend/"));
my (@cases, %folder);
for my $says (sort keys %SAYS) {
    # Each directive with the value crlf, and set with every value.
    for my $coded (sort keys %CODED) {
        next if $coded ne 'crlf' && $says ne 'set';
        for my $way (sort keys %WAY) {
            my $name = "$says-$coded-$way" =~ s/\*/s/r;
            $folder{$name} = join "\n",
                $SAYS{$says} =~ s/\@/$CODED{$coded}/gr, $WAY{$way}, '';
            push @cases, $name;
        }
    }
}
$site->file("docs/$_/.htaccess", $folder{$_}) for @cases;
$site->file('docs/hook.lua', <<'EOF_LUA');
require "apache2"
function fixups(r)
    r.headers_in["X-Foo: a\r\nX-Apikey-Tenant"] = "evil"
    r.headers_in["X-Kept"] = "kept"
    return apache2.DECLINED
end
EOF_LUA
my ($lua) = map { m{"(.*)/mod_\w+\.so"} } do {
    open my $in, '<', run_info()->{stage} . '/conf/modules.list' or die $!;
    grep { /mod_\w+\.so/ } <$in>;
};
my @EARLY = map { 'RequestHeader set X-Foo "expr=%{unescape:' . $_ . '}" early' }
            $CRLF;
my $PLACES = <<"EOF_PLACES";
    ProxyPassMatch "^/\\w+(/app)\$" "http://$backend\$1"
    Alias "/customer/" "\@DOCS\@/"
    AliasMatch "^/(?:guarded|open)/customer/(.*)" "\@DOCS\@/\$1"
    <Location "/guarded/">
        AuthType ApiKey
        Require valid-user
    </Location>
    <Location "/lua/">
        LuaHookFixups "\@DOCS\@/hook.lua" fixups
    </Location>
    # The request line is no header: httpd answers 403 by itself.
    <Location "/line/">
        SetHandler "expr=proxy:http://$backend/%{unescape:x%20HTTP/1.1%0d%0aX-Apikey-Tenant:%20%65vil%0d%0aX:}"
    </Location>
    RewriteEngine On
    RewriteRule "^/rewritten/(.*)" "http://$backend/\$1" [P,NE]
    RewriteRule "^/asked/(.*)" "http://$backend/?q=\$1" [P,NE]
EOF_PLACES
$site->start(<<"EOF_CONF");
LoadModule lua_module "$lua/mod_lua.so"
\@DATABASE\@
<IfModule mod_http2.c>
    LogLevel http2:info
    Protocols h2c http/1.1
</IfModule>
# In the first host, because httpd reads headers before it knows the host.
HttpProtocolOptions Unsafe
MergeTrailers On
LogFormat "%m %{X-Also}i %{X-F(oo)}i" merged
CustomLog "\@DIR\@/merged_log" merged
ProxyPreserveHost On
LogLevel core:trace3 http:trace3
<Directory "\@DOCS\@">
    AllowOverride FileInfo
    Options FollowSymLinks
</Directory>
<VirtualHost 127.0.0.1:*>
    ServerName plain
$PLACES
    # Values that are unescaped here, so that the application need not do it.
    <LocationMatch "^/\\w+/app">
        RequestHeader set X-Query "expr=%{unescape:%{QUERY_STRING}}"
    </LocationMatch>
</VirtualHost>
<VirtualHost 127.0.0.1:*>
    ServerName early
    @EARLY
$PLACES
</VirtualHost>
EOF_CONF

# The request that the application got has these headers of the key and no line
# that is no header.
my $TOKEN = qr/[!#\$%&'*+.^_`|~0-9A-Za-z-]+/;
sub clean {
    my ($r, $true, $what) = @_;
    my ($head) = $r->{body} =~ /\A([A-Z]+ \S+ HTTP.*?\r\n)\r\n/s;
    ok(defined $head, "$what: the application gets the request")
        or return diag("$r->{status} $r->{body}");
    my ($line, @fields) = split /\r\n/, $head;
    is(join("\n", grep { !/^$TOKEN:[^\r\n\0]*$/ } @fields), '',
       "$what: each line of the head is a header");
    is_deeply([ sort grep { /apikey-/i } @fields ], $true,
              "$what: the headers of the key are the true ones");
    unlike($r->{body}, qr/evil/i,
           "$what: the forged value is nowhere in the request");
    like($head, qr/^X-Sent: here\r$/m,
         "$what: the application gets the header of the client")
        if $head !~ /X-Query/ && $what !~ /append|merge|edit/;
}

sub logs_of {
    return join '', grep { /APIKEY0210/ } split /^/, $site->slurp('error_log');
}

# ---- An .htaccess ----
my @sent = ('X-Sent: here', $with);
for my $name (@cases) {
    my ($area, $true) = $name =~ /p$/ ? ('guarded', carried(\%made))
                                      : ('open', []);
    my $r = get($site->port, "/$area/customer/$name/app", 'Host: plain', @sent);
    clean($r, $true, $name);
}

# ---- Directives of the server that copy values of the client ----
for my $area (qw(guarded open)) {
    my $true = $area eq 'open' ? [] : carried(\%made);
    for my $coded (sort keys %CODED) {
        my $r = get($site->port, "/$area/app?$CODED{$coded}", 'Host: plain',
                    @sent);
        clean($r, $true, "$area: the query, $coded");
        unlike($r->{body}, qr/^X-Query/m,
               "$area: a value with a line break makes no header, $coded");
    }
    like(get($site->port, "/$area/app?a%20b", 'Host: plain', @sent)->{body},
         qr/^X-Query: a b\r$/m,
         "$area: a value without a line break makes a header");
    clean(get($site->port, "/$area/app", 'Host: early', @sent), $true,
          "$area: a header that was set early");
    next if run_info()->{mpm} eq 'prefork';
    my $body = H2->new($site->port)->ask(
        [ ':method' => 'GET', ':scheme' => 'http', ':authority' => 'plain',
          ':path' => "/$area/app?$CRLF", 'x-api-key' => $key,
          'x-sent' => 'here' ]) // '';
    clean({ status => 'h2', body => $body }, $true,
          "$area: HTTP/2, a value of the query");
}

# ---- A fixup of another module ----
my $r = get($site->port, '/lua/app', 'Host: plain', @sent);
clean($r, [], 'mod_lua');
like($r->{body}, qr/^X-Kept: kept\r$/m,
     'a header without a line break reaches the application');

# ---- A client, where httpd accepts malformed names ----
for (["X-Foo: a\rX-Apikey-Tenant: evil", 400], [ 'X Foo: evil', 400 ],
     ["X-F\xa0oo: evil", 200], [ 'X-F(oo): evil', 200 ]) {
    my ($line, $status) = @$_;
    my $what = $line =~ s/([^ -~])/sprintf '%%%02x', ord $1/ger;
    for my $area (qw(guarded open)) {
        $r = get($site->port, "/$area/app", 'Host: plain', @sent, $line);
        is($r->{status}, $status, "$area: $what: httpd answers $status");
        clean($r, $area eq 'open' ? [] : carried(\%made), "$area: $what")
            if $status == 200;
    }
}
my $chunked = join "\r\n", 'POST /index.html HTTP/1.1', 'Host: plain',
    'Transfer-Encoding: chunked', 'Connection: close', '',
    '3', 'abc', '0', 'X-F(oo): evil', 'X-Also: here', '', '';
connection($site->port)->send($chunked)->response;

# ---- The request line ----
for my $path ('/line/x', "/rewritten/x%20HTTP/1.1%0d%0aX-Apikey-Tenant:%20evil",
              "/asked/x%20HTTP/1.1%0d%0aX-Apikey-Tenant:%20evil") {
    $r = get($site->port, $path, 'Host: plain', @sent);
    cmp_ok($r->{status}, '>=', 400,
           "$path: the application does not get the request");
    unlike($r->{body}, qr/evil/,
           "$path: the response does not have the forged value");
}

# ---- The log ----
my $log = logs_of();
my %said;
$said{ $1 // 'none' }++
    while $log =~ /APIKEY0210: (?:the request header '([^']+)'|a request) /g;
is(join(' ', sort keys %said), 'Authorization Connection Host User-Agent '
   . 'X-API-Key X-Foo X-Query X-Sent none',
   'the log names each header that was removed');
is(join(' ', grep { $said{$_} > 3 } sort keys %said), '',
   'the log names a header once per virtual host, for any number of requests');
unlike($log, qr/evil|Apikey-Tenant/i,
       'the log has neither the value nor the forged header');
is(scalar(my @all = get($site->port, '/open/app', 'Host: plain', @sent)
          ->{body} =~ /^X-Sent: here\r$/mg), 1,
   'a request without line breaks reaches the application');
is(logs_of(), $log, 'a request without line breaks is not logged');

$site->stop;
like($site->slurp('merged_log'), qr/^POST here -$/m,
     'a name that is no token is not merged from a trailer');
is($site->leaks($key), '', 'no log has the key');
done_testing;
