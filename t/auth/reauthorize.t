# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A Require whose answer depends on the URI is evaluated for each URI that a
# client's request reaches, also where httpd's configuration stays the same.

use APIKey::ConfigTest;
use APIKey::Test;

my $site = APIKey::ConfigTest->new;
my %key = map {
    chomp(my $key = $site->htapikey(qw(create -q --name site --tenant), $_));
    remember_key($key);
    $_ => $key;
} qw(acme globex /lock/first);

chomp(my $folder = `'@{[ $ENV{APXS} || 'apxs' ]}' -q LIBEXECDIR`);

# ---- Documents: each of globex's has its name in it ----
for my $area (qw(orgs expr mix dav list errors call alias)) {
    for my $org (qw(acme globex)) {
        $site->file("docs/$area/$org/own.txt", "$org has this.\n");
        $site->file("docs/$area/$org/include.shtml", join "\n",
            map({ qq(<!--#include virtual="/$area/$_/own.txt" -->) }
                qw(globex acme)), '');
    }
}
$site->file('docs/orgs/acme/go.cgi', <<'EOF', 0755);
#!/bin/sh
printf 'Location: %s\n\n' "$QUERY_STRING"
EOF
$site->file("docs/orgs/$_/folder/page.txt", "A page.\n") for qw(acme globex);
$site->file('docs/constant/own.txt', "A page.\n");
$site->file('docs/constant/include.shtml',
            qq(<!--#include virtual="own.txt" -->\n) x 3);
$site->file('docs/names/both.txt', "acme has this.\n");
$site->file('docs/names/both.html', "globex has this.\n");
$site->file('docs/call/.htaccess',
            qq(Require expr "env('MATCH_ORG') == 'acme'"\n));
$site->file('docs/errors/page/own.txt', "errors has this.\n");
$site->file("docs/lock/$_", "$_ has this.\n") for qw(first second);
$site->file('docs/owner/include.shtml',
            qq(<!--#include virtual="own.txt" -->\n));
$site->file('docs/owner/own.txt', "owner has this.\n");
$site->file('docs/nested/own.txt', "nested has this.\n");
my @user = getpwnam $site->{user};
chown @user[2, 3], "$site->{dir}/db", map { glob "$site->{dir}/docs/dav$_" }
    '', '/*', '/*/*' unless $>;

my ($port, $other_port) = map { APIKey::ConfigTest::free_port() } 1, 2;

# One section for all organisations, so that their configurations are equal.
$site->start(<<"EOF");
\@DATABASE\@
LoadModule dav_module "$folder/mod_dav.so"
LoadModule dav_fs_module "$folder/mod_dav_fs.so"
DavLockDB "\@DIR\@/db/locks"
DirectoryIndex index.html /orgs/globex/own.txt
AddType text/html .shtml .html
AddType text/plain .txt
AddOutputFilter INCLUDES .shtml
AddHandler cgi-script .cgi
ErrorDocument 404 /orgs/globex/own.txt
<Directory "\@DOCS\@">
    Options +Includes +ExecCGI +Indexes +FollowSymLinks +MultiViews
</Directory>
RewriteEngine On
RewriteRule ^/orgs/acme/through\$ /orgs/globex/own.txt [PT]
RewriteRule ^/orgs/acme/home\$ /orgs/acme/own.txt [PT]
<Directory "\@DOCS\@/orgs">
    RewriteEngine On
    RewriteRule ^acme/rewritten\$ /orgs/globex/own.txt
    RewriteRule ^acme/kept\$ /orgs/acme/own.txt
    RewriteCond %{QUERY_STRING} first
    RewriteRule ^acme/own.txt\$ /orgs/acme/own.txt?second
</Directory>
<LocationMatch "^/(?:orgs|dav)/(?<org>[^/]+)(?:/|\$)">
    AuthType ApiKey
    AuthName R
    Require apikey-tenant "%{env:MATCH_ORG}"
</LocationMatch>
<Location "/dav">
    Dav On
</Location>
<Location "/expr">
    AuthType ApiKey
    AuthName R
    Require expr "%{REQUEST_URI} =~ m#^/expr/(.*?)/# && \$1 == %{REMOTE_USER}"
</Location>
<LocationMatch "^/call/(?<org>[^/]+)/">
    AuthType ApiKey
    AuthName R
</LocationMatch>
<Directory "\@DOCS\@/call">
    AllowOverride AuthConfig
</Directory>
<AuthzProviderAlias expr acmes "env('MATCH_ORG') == 'acme'">
</AuthzProviderAlias>
<LocationMatch "^/alias/(?<org>[^/]+)/">
    AuthType ApiKey
    AuthName R
    Require acmes
</LocationMatch>
<LocationMatch "^/mix/(?<org>[^/]+)/">
    AuthType ApiKey
    AuthName R
    Require expr "%{REQUEST_URI} =~ m#^/mix/acme/#"
    Require apikey-tenant "%{env:MATCH_ORG}"
</LocationMatch>
<LocationMatch "^/list/(?<org>\\w*)">
    AuthType ApiKey
    AuthName R
    DirectoryIndex disabled
    IndexOptions FancyIndexing
    Require expr "%{REQUEST_URI} == '/list/'"
    Require apikey-tenant "%{env:MATCH_ORG}"
</LocationMatch>
<LocationMatch "^/names/both(?<kind>.*)">
    AuthType ApiKey
    AuthName R
    Require env ANY
    Require expr "%{REQUEST_URI} =~ /both\$/"
    <RequireAll>
        Require apikey-tenant acme
        Require expr "%{env:MATCH_KIND} == '.txt'"
    </RequireAll>
    <RequireAll>
        Require apikey-tenant globex
        Require expr "%{env:MATCH_KIND} == '.html'"
    </RequireAll>
</LocationMatch>
<LocationMatch "^/errors/(?<org>[^/]+)/">
    AuthType ApiKey
    AuthName R
    ErrorDocument 401 /errors/page/own.txt
    ErrorDocument 403 /errors/page/own.txt
    Require apikey-tenant "%{env:MATCH_ORG}"
</LocationMatch>
<Directory "\@DOCS\@/errors">
    RewriteEngine On
    RewriteRule ^acme/go\$ /errors/globex/own.txt
</Directory>
<Location "/owner">
    AuthType ApiKey
    AuthName R
    SetEnvIf Request_URI shtml IS_PAGE
    Require env IS_PAGE
</Location>
<Directory "\@DOCS\@/owner">
    RewriteEngine On
    RewriteRule ^go.shtml\$ /owner/own.txt
</Directory>
# A Require that looks up another URI, with Require lines of its own.
<Location "/nested">
    AuthType ApiKey
    AuthName R
    Require apikey-env nowhere
    <RequireAll>
        Require expr "-U '/orgs/globex/own.txt'"
        Require apikey-scope x
    </RequireAll>
</Location>
Listen 127.0.0.1:$port
<VirtualHost 127.0.0.1:$port>
    \@DATABASE\@
    ApiKeyTenant "%{REQUEST_URI}"
    <Location "/lock">
        AuthType ApiKey
        AuthName R
        Require valid-user
    </Location>
    <Directory "\@DOCS\@/lock">
        Options FollowSymLinks
        RewriteEngine On
        RewriteCond %{QUERY_STRING} second
        RewriteRule ^first\$ /lock/second
    </Directory>
</VirtualHost>
Listen 127.0.0.1:$other_port
<VirtualHost 127.0.0.1:$other_port>
    \@DATABASE\@
    ApiKeyTenant "%{req:X-Tenant}"
    RequestHeader set X-Tenant acme early
    RequestHeader unset X-Tenant
    <Location "/lock">
        AuthType ApiKey
        AuthName R
        Require valid-user
    </Location>
    <Directory "\@DOCS\@/lock">
        Options FollowSymLinks
        RewriteEngine On
        RewriteRule ^first\$ /lock/second
    </Directory>
</VirtualHost>
<Location "/constant">
    AuthType ApiKey
    AuthName R
    Require apikey-tenant acme globex
</Location>
EOF

sub ask {
    my ($tenant, $method, $path, @headers) = @_;
    push @headers, "X-API-Key: $key{$tenant}" if $tenant;
    return request($site->port, $method, $path, \@headers);
}

# The answer: 200 and whose document, the code of a refusal, or a status.
sub whose {
    my ($r) = @_;
    return "$r->{status} $1" if $r->{body} =~ /"code":"(\w+)"/;
    return join ' ', $r->{status}, $r->{body} =~ /^(\w+) has this/mg;
}

# ---- A client that asks for the URI of another, or for its own ----
for my $area (qw(orgs dav expr)) {
    is(whose(ask('acme', 'GET', "/$area/acme/own.txt")), '200 acme',
       "$area: its own");
    like(whose(ask('acme', 'GET', "/$area/globex/own.txt")),
         qr/^403 (?:tenant|forbidden)$/, "$area: not another's");
}

# ---- Destinations of mod_dav ----
sub text { return $site->slurp("docs/dav/$_[0]") }
my $base = 'http://127.0.0.1:' . $site->port;
for my $method (qw(COPY MOVE)) {
    my $r = ask('acme', $method, '/dav/acme/own.txt',
                "Destination: $base/dav/globex/own.txt", 'Overwrite: T');
    is($r->{status}, 403, "$method to another's file is refused");
    is(text('globex/own.txt'), "globex has this.\n", 'and the file unchanged');
    is(text('acme/own.txt'), "acme has this.\n", 'the source, too');
    $r = ask('acme', $method, '/dav/acme/own.txt',
             "Destination: $base/dav/globex/new.txt");
    is($r->{status}, 403, "$method to a new file of another's is refused");
    ok(!-e "$site->{dir}/docs/dav/globex/new.txt", 'and makes none');
}
is(ask('acme', 'COPY', '/dav/acme/own.txt',
       "Destination: $base/dav/acme/copy.txt")->{status}, 201,
   'COPY within its own');
is(ask('acme', 'MOVE', '/dav/acme/copy.txt',
       "Destination: $base/dav/acme/moved.txt")->{status}, 201,
   'MOVE within its own');
is(text('acme/moved.txt'), "acme has this.\n", 'and the copy is there');
is(ask('acme', 'MOVE', '/dav/globex/own.txt',
       "Destination: $base/dav/acme/taken.txt")->{status}, 403,
   'what is another\'s cannot be moved away');

# ---- Sub-requests that are sent ----
for my $area (qw(orgs expr)) {
    is(whose(ask($_, 'GET', "/$area/$_/include.shtml")), "200 $_",
       "$area: a page of $_ includes what $_ may read, and no more")
        for qw(acme globex);
}
is(whose(ask('acme', 'GET', "/$_/acme/include.shtml")), '200 acme',
   "$_: an expression in an .htaccess, and an alias of one") for qw(call alias);
is(whose(ask('', 'GET', '/mix/acme/include.shtml')), '200 acme',
   'a page that needs no key includes nothing that needs one');
is(whose(ask('globex', 'GET', '/mix/acme/include.shtml')), '200 globex acme',
   'unless the client has it');

# ---- Local redirects ----
is(whose(ask('acme', 'GET', '/orgs/acme/go.cgi?/orgs/globex/own.txt')),
   '403 tenant', 'a CGI\'s redirect to another\'s');
is(whose(ask('acme', 'GET', '/orgs/acme/go.cgi?/orgs/acme/own.txt')),
   '200 acme', 'a CGI\'s redirect to its own');
is(whose(ask('acme', 'GET', '/orgs/acme/go.cgi?/orgs/acme/include.shtml')),
   '200 acme', 'a page behind a redirect includes no more than its own');
is(whose(ask('acme', 'POST', '/orgs/acme/go.cgi?/orgs/globex/own.txt')),
   '403 tenant', 'a CGI\'s redirect after POST');
is(whose(ask('acme', 'GET', '/orgs/acme/rewritten')), '403 tenant',
   'a rewrite in a directory');
is(whose(ask('acme', 'GET', '/orgs/acme/kept')), '200 acme',
   'a rewrite to its own');
is(whose(ask('acme', 'GET', '/orgs/acme/through')), '403 tenant',
   'a rewrite that passes through');
is(whose(ask('acme', 'GET', '/orgs/acme/home')), '200 acme',
   'that, to its own');
is(whose(ask('acme', 'GET', '/orgs/acme/own.txt?first')), '200 acme',
   'a redirect to the same path has what its section has matched');
is(whose(ask('globex', 'GET', '/orgs/acme/own.txt?first')), '403 tenant',
   'and is refused to another');

# ---- Error documents ----
is(whose(ask('acme', 'GET', '/orgs/acme/none')), '404',
   'the ErrorDocument of what was granted is not another\'s');
is(whose(ask('globex', 'GET', '/orgs/globex/none')), '404 globex',
   'but its own');

# The ErrorDocument of a refusal is the administrator's choice. Like httpd's own
# page, it is not authorized.
is(whose(ask('acme', 'GET', '/errors/globex/own.txt')), '403 errors',
   'the ErrorDocument of a refusal, in the same section');
is(whose(ask('', 'GET', '/errors/globex/own.txt')), '401 errors',
   'that of a client without a key');
is(whose(ask('acme', 'GET', '/errors/acme/go')), '403 errors',
   'that of a redirect');
is(whose(ask('acme', 'GET', '/errors/page/own.txt')), '403 errors',
   'where it stands, nobody is let in');

# ---- Another module's Require ----
is(whose(ask('acme', 'GET', '/owner/include.shtml')), '200 owner',
   'Require env is asked of a sub-request, which has its page\'s variables');
is(whose(ask('acme', 'GET', '/owner/go.shtml')), '403 forbidden',
   'and of a redirect, which has its own');
is(whose(ask('acme', 'GET', '/nested/own.txt')), '403 env',
   'what another place requires is no reason here');

# ---- ApiKeyTenant ----
sub lock_of {
    my ($port, $path, $tenant) = @_;
    return whose(get($port, $path, "X-API-Key: $key{$tenant}",
                     'X-Tenant: globex'));
}
is(lock_of($port, '/lock/first', '/lock/first'), '200 first',
   'a lock that is the URI');
is(lock_of($port, '/lock/first?second', '/lock/first'), '403 tenant',
   'is none of the URI that is redirected to');
is(lock_of($port, '/lock/first?second', 'acme'), '403 tenant',
   'nor for another tenant');
is(lock_of($other_port, '/lock/first', 'acme'), '200 second',
   'a lock that is a header is what the server made of it at first');
is(lock_of($other_port, '/lock/first', 'globex'), '403 tenant',
   'and not what the client sent');

# ---- Fast redirects and lists ----
is(whose(ask('acme', 'GET', '/orgs/acme/folder/')), '403 tenant',
   'a DirectoryIndex of another\'s');
is(whose(ask('globex', 'GET', '/orgs/globex/folder/')), '200 globex',
   'a DirectoryIndex of its own');
is(whose(ask($_, 'GET', '/names/both')), "200 $_",
   "negotiation finds what is $_\'s") for qw(acme globex);
for my $tenant (qw(acme globex)) {
    my ($other) = grep { $_ ne $tenant } qw(acme globex);
    my $r = ask($tenant, 'GET', '/list/');
    is($r->{status}, 200, "$tenant: a list");
    like($r->{body}, qr/href="$tenant\//, 'has its own folder');
    unlike($r->{body}, qr/$other/, 'and does not name another\'s');
}

# ---- A constant Require is evaluated once ----
sub asked {
    my ($path) = @_;
    my $before = length $site->slurp('error_log');
    is(ask('acme', 'GET', $path)->{status}, 200, $path);
    return scalar(() = substr($site->slurp('error_log'), $before)
                       =~ /authorization result of <RequireAny>: granted/g);
}
is(asked('/constant/include.shtml'), asked('/constant/own.txt'),
   'where no Require has an expression, no sub-request is asked again');
cmp_ok(asked('/orgs/acme/include.shtml'), '>', asked('/orgs/acme/own.txt'),
       'where one has, each is');

$site->stop;
is($site->leaks(values %key), '', 'no key in the logs');
done_testing;
