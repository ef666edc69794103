# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A Require whose answer depends on the URI is evaluated for each URI that a
# client's request reaches by redirects and sub-requests, even if the sections
# of the new URI are those of the old one, where httpd alone would not evaluate
# it again.

use APIKey::ConfigTest;
use APIKey::Test;

my $site = APIKey::ConfigTest->new;
my %key = map {
    chomp(my $key = $site->htapikey(qw(create -q --name site --tenant), $_));
    remember_key($key);
    $_ => $key;
} qw(acme globex /lock/first);

chomp(my $folder = `'@{[ $ENV{APXS} || 'apxs' ]}' -q LIBEXECDIR`);

# ---- Documents: each says whose it is, "acme has this." ----
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

# Organisations share a section, so that their URIs have equal configurations.
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
# A Require whose expression looks up another URI, which has its own Require.
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

# The status and whose documents the answer has ("200 acme"), or the status and
# the code of a refusal ("403 tenant").
sub whose {
    my ($r) = @_;
    return "$r->{status} $1" if $r->{body} =~ /"code":"(\w+)"/;
    return join ' ', $r->{status}, $r->{body} =~ /^(\w+) has this/mg;
}

# ---- The client asks for a URI of its own tenant, and of another ----
for my $area (qw(orgs dav expr)) {
    is(whose(ask('acme', 'GET', "/$area/acme/own.txt")), '200 acme',
       "$area: 200 for the document of the key's tenant");
    like(whose(ask('acme', 'GET', "/$area/globex/own.txt")),
         qr/^403 (?:tenant|forbidden)$/,
         "$area: 403 for the document of another tenant");
}

# ---- Destinations of mod_dav ----
sub text { return $site->slurp("docs/dav/$_[0]") }
my $base = 'http://127.0.0.1:' . $site->port;
for my $method (qw(COPY MOVE)) {
    my $r = ask('acme', $method, '/dav/acme/own.txt',
                "Destination: $base/dav/globex/own.txt", 'Overwrite: T');
    is($r->{status}, 403, "$method to a file of another tenant: 403");
    is(text('globex/own.txt'), "globex has this.\n",
       "$method that is refused leaves the destination unchanged");
    is(text('acme/own.txt'), "acme has this.\n",
       "$method that is refused leaves the source unchanged");
    $r = ask('acme', $method, '/dav/acme/own.txt',
             "Destination: $base/dav/globex/new.txt");
    is($r->{status}, 403, "$method to a new file of another tenant: 403");
    ok(!-e "$site->{dir}/docs/dav/globex/new.txt",
       "$method that is refused makes no file");
}
is(ask('acme', 'COPY', '/dav/acme/own.txt',
       "Destination: $base/dav/acme/copy.txt")->{status}, 201,
   "COPY within the folder of the key's tenant: 201");
is(ask('acme', 'MOVE', '/dav/acme/copy.txt',
       "Destination: $base/dav/acme/moved.txt")->{status}, 201,
   "MOVE within the folder of the key's tenant: 201");
is(text('acme/moved.txt'), "acme has this.\n",
   'the file is where COPY and MOVE have put it');
is(ask('acme', 'MOVE', '/dav/globex/own.txt',
       "Destination: $base/dav/acme/taken.txt")->{status}, 403,
   'MOVE of a file of another tenant: 403');

# ---- Sub-requests whose answer is sent: mod_include ----
for my $area (qw(orgs expr)) {
    is(whose(ask($_, 'GET', "/$area/$_/include.shtml")), "200 $_",
       "$area: a page of $_ includes the document of $_ alone")
        for qw(acme globex);
}
is(whose(ask('acme', 'GET', "/$_/acme/include.shtml")), '200 acme',
   "$_: a page includes what the "
   . ($_ eq 'call' ? "expression of its .htaccess" : 'alias') . ' grants')
    for qw(call alias);
is(whose(ask('', 'GET', '/mix/acme/include.shtml')), '200 acme',
   'without a key, a page includes no document that needs one');
is(whose(ask('globex', 'GET', '/mix/acme/include.shtml')), '200 globex acme',
   'with a key, a page includes the document that needs that key');

# ---- Local redirects ----
is(whose(ask('acme', 'GET', '/orgs/acme/go.cgi?/orgs/globex/own.txt')),
   '403 tenant', "a CGI's redirect to another tenant's document: 403");
is(whose(ask('acme', 'GET', '/orgs/acme/go.cgi?/orgs/acme/own.txt')),
   '200 acme', "a CGI's redirect to the own tenant's document: 200");
is(whose(ask('acme', 'GET', '/orgs/acme/go.cgi?/orgs/acme/include.shtml')),
   '200 acme',
   "a page after a CGI's redirect includes the own tenant's document alone");
is(whose(ask('acme', 'POST', '/orgs/acme/go.cgi?/orgs/globex/own.txt')),
   '403 tenant',
   "a CGI's redirect after POST to another tenant's document: 403");
is(whose(ask('acme', 'GET', '/orgs/acme/rewritten')), '403 tenant',
   "a rewrite in a directory to another tenant's document: 403");
is(whose(ask('acme', 'GET', '/orgs/acme/kept')), '200 acme',
   "a rewrite in a directory to the own tenant's document: 200");
is(whose(ask('acme', 'GET', '/orgs/acme/through')), '403 tenant',
   "a rewrite of the server to another tenant's document: 403");
is(whose(ask('acme', 'GET', '/orgs/acme/home')), '200 acme',
   "a rewrite of the server to the own tenant's document: 200");
is(whose(ask('acme', 'GET', '/orgs/acme/own.txt?first')), '200 acme',
   'a redirect to the same path has the MATCH_ORG of its section: 200');
is(whose(ask('globex', 'GET', '/orgs/acme/own.txt?first')), '403 tenant',
   "a redirect to the same path of another tenant: 403");

# ---- Error documents ----
is(whose(ask('acme', 'GET', '/orgs/acme/none')), '404',
   "a 404 does not send an ErrorDocument of another tenant");
is(whose(ask('globex', 'GET', '/orgs/globex/none')), '404 globex',
   "a 404 sends an ErrorDocument of the own tenant");

# The ErrorDocument of a refusal is sent without authorization, like httpd's own
# page: the administrator has chosen it.
is(whose(ask('acme', 'GET', '/errors/globex/own.txt')), '403 errors',
   'a 403 sends its ErrorDocument of the same section');
is(whose(ask('', 'GET', '/errors/globex/own.txt')), '401 errors',
   'a 401 without a key sends its ErrorDocument of the same section');
is(whose(ask('acme', 'GET', '/errors/acme/go')), '403 errors',
   'a 403 after a redirect sends its ErrorDocument of the same section');
is(whose(ask('acme', 'GET', '/errors/page/own.txt')), '403 errors',
   "403 for the ErrorDocument's own URI");

# ---- Another module's Require ----
is(whose(ask('acme', 'GET', '/owner/include.shtml')), '200 owner',
   "Require env of a sub-request sees the page's variables: included");
is(whose(ask('acme', 'GET', '/owner/go.shtml')), '403 forbidden',
   'Require env of a redirect sees the variables of the new URI: 403');
is(whose(ask('acme', 'GET', '/nested/own.txt')), '403 env',
   'the reason is that of this URI, not that of one looked up by -U');

# ---- ApiKeyTenant ----
sub lock_of {
    my ($port, $path, $tenant) = @_;
    return whose(get($port, $path, "X-API-Key: $key{$tenant}",
                     'X-Tenant: globex'));
}
is(lock_of($port, '/lock/first', '/lock/first'), '200 first',
   'ApiKeyTenant of the URI: 200 for the tenant of that URI');
is(lock_of($port, '/lock/first?second', '/lock/first'), '403 tenant',
   'ApiKeyTenant of the URI: 403 after a redirect to another URI');
is(lock_of($port, '/lock/first?second', 'acme'), '403 tenant',
   'ApiKeyTenant of the URI: 403 for another tenant and a redirect');
is(lock_of($other_port, '/lock/first', 'acme'), '200 second',
   'ApiKeyTenant of a header: 200 for the value that the server set early');
is(lock_of($other_port, '/lock/first', 'globex'), '403 tenant',
   'ApiKeyTenant of a header: 403 for the value that the client sent');

# ---- DirectoryIndex, negotiation, lists of a folder ----
is(whose(ask('acme', 'GET', '/orgs/acme/folder/')), '403 tenant',
   "a DirectoryIndex of another tenant: 403");
is(whose(ask('globex', 'GET', '/orgs/globex/folder/')), '200 globex',
   "a DirectoryIndex of the own tenant: 200");
is(whose(ask($_, 'GET', '/names/both')), "200 $_",
   "negotiation chooses the document that $_ may read") for qw(acme globex);
for my $tenant (qw(acme globex)) {
    my ($other) = grep { $_ ne $tenant } qw(acme globex);
    my $r = ask($tenant, 'GET', '/list/');
    is($r->{status}, 200, "$tenant: 200 for the list of a folder");
    like($r->{body}, qr/href="$tenant\//,
         "$tenant: the list has the folder of $tenant");
    unlike($r->{body}, qr/$other/,
           "$tenant: the list does not name the folder of $other");
}

# ---- A constant Require is evaluated once per request of a client ----
# How often mod_authz_core logged that it evaluated the Require of a section.
sub asked {
    my ($path) = @_;
    my $before = length $site->slurp('error_log');
    is(ask('acme', 'GET', $path)->{status}, 200, "$path: 200");
    return scalar(() = substr($site->slurp('error_log'), $before)
                       =~ /authorization result of <RequireAny>: granted/g);
}
is(asked('/constant/include.shtml'), asked('/constant/own.txt'),
   'a Require without expressions is evaluated for no sub-request');
cmp_ok(asked('/orgs/acme/include.shtml'), '>', asked('/orgs/acme/own.txt'),
       'a Require with an expression is evaluated for sub-requests');

$site->stop;
is($site->leaks(values %key), '', 'the logs contain no key');
done_testing;
