# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Masked headers: every module of httpd that reads request headers gets the hint
# of the key, before the application and after it, in each request that httpd
# makes of the client's.  No application gets the hint or a copy of it.

use FindBin qw($Bin);
use lib "$Bin/lib";
use APIKey::ConfigTest;
use APIKey::Test;
use Digest::SHA qw(sha1);
use MIME::Base64 qw(encode_base64);
use Seen;

my $site = APIKey::ConfigTest->new;
my $app = 'http://127.0.0.1:' . port('app');
my $key = $site->create(qw(--expires never));
my $hint = hint_of($key);
sub basic { return 'Basic ' . encode_base64($_[0], '') }

open my $in, '<', "$Bin/htdocs/environ.cgi" or die "environ.cgi: $!\n";
$site->file('docs/environ.cgi', do { local $/; <$in> }, 0755);
$site->file('docs/go.cgi', <<'EOF_CGI', 0755);
#!/bin/sh
printf 'Location: %s\r\n\r\n' "$QUERY_STRING"
EOF_CGI
$site->file('docs/any.shtml', '<!--#include virtual="$QUERY_STRING" -->');
$site->file('docs/two.shtml', '<!--#include virtual="/less/sub.shtml" -->'
            . '<!--#include virtual="/both/environ.cgi" -->');
# The URL of the first sub-request is also that of the second one's sub-request.
$site->file('docs/next.shtml', '<!--#include virtual="/both/environ.cgi" -->'
            . '<!--#include virtual="/less/sub.shtml" -->');
$site->file('docs/sub.shtml', '<!--#include virtual="/both/environ.cgi" -->');
$site->file('docs/own.shtml', "environment\n<!--#printenv -->\n");
$site->file('docs/index.cgi', "#!/bin/sh\nexec ./environ.cgi\n", 0755);
$site->file('docs/users', 'bob:{SHA}' . encode_base64(sha1('builder'), ''));
$site->start(<<'EOF_CONF' =~ s/\@APP\@/$app/gr);
@DATABASE@
<IfModule mod_cgid.c>
    ScriptSock "@DIR@/cgisock"
</IfModule>
AddHandler cgi-script .cgi
AddOutputFilter INCLUDES .shtml
AddType text/html .shtml
DirectoryIndex index.cgi
ForensicLog "@DIR@/forensic_log"
LogFormat "%U k=%{X-API-Key}i a=%{Authorization}i first=%<{X-API-Key}i" shown
CustomLog "@DIR@/shown_log" shown

# Modules that read headers before the fixups.
SetEnvIf X-API-Key "^ak_\.\.\." BY_SETENVIF=yes
SetEnvIf Authorization " ak_\.\.\." BY_SETENVIF=yes
RewriteEngine On
RewriteCond "%{HTTP:X-API-Key}%{HTTP:Authorization}" "(?:^| )ak_\.\.\."
RewriteRule ^ - [E=BY_REWRITE:yes]
# Modules that make copies of headers.
SetEnvIfNoCase ^Authorization$ "(.+)" HTTP_AUTHORIZATION=$1
SetEnvIf X-API-Key "(.+)" COPY=$1
RewriteRule ^ - [E=LONG:x-%{HTTP:X-API-Key}-%{HTTP:Authorization}]
RewriteCond %{LA-U:ENV:BY_SETENVIF} (.+)
RewriteRule ^/open/ - [E=AHEAD:%1]
RequestHeader set X-Copy "expr=%{HTTP:X-API-Key}%{HTTP:Authorization}"
RequestHeader append X-List "expr=%{HTTP:X-API-Key}"
RequestHeader append X-List "last"

<Directory "@DOCS@">
    Options ExecCGI FollowSymLinks Includes
</Directory>
AliasMatch "^/\w+/([\w-]+\.(?:cgi|shtml))$" "@DOCS@/$1"
AliasMatch "^/\w+/$" "@DOCS@/"
ProxyPassMatch "^/\w+(/app)$" "@APP@$1"
<If "-n %{HTTP:X-API-Key} || %{HTTP:Authorization} =~ / ak_/">
    SetEnv BY_IF yes
</If>
<Location "/guarded/">
    AuthType ApiKey
    Require valid-user
</Location>
<Location "/both/">
    <If "-n %{HTTP:X-API-Key} || %{HTTP:Authorization} =~ /^Bearer ak_/">
        AuthType ApiKey
    </If>
    <Else>
        AuthType Basic
        AuthName users
        AuthUserFile "@DOCS@/users"
    </Else>
    Require valid-user
</Location>
<Location "/less/">
    RequestHeader unset X-API-Key
    ErrorDocument 404 /both/environ.cgi
</Location>
EOF_CONF

sub ask { return get($site->port, @_) }

# ---- The headers as each reader gets them ----

my $mistyped = $key =~ s/(.)$/$1 eq 'x' ? 'y' : 'x'/er;
my @SEEN = (
    [ [ "X-API-Key: $key" ], "k=$hint a=-" ],
    [ [ "x-aPI-key: $key" ], "k=$hint a=-" ],
    [ [ "Authorization: Bearer $key" ], "k=- a=Bearer $hint" ],
    [ [ "authorization:  bEARER   $key " ], "k=- a=bEARER $hint" ],
    [ [ "X-API-Key: $key", "Authorization: Bearer $key" ],
      "k=$hint a=Bearer $hint" ],
    [ [ "Authorization: Token $key" ], "k=- a=Token $hint" ],
    [ [ 'Authorization: ' . basic("$key:") ], "k=- a=Basic $hint" ],
    [ [ 'Authorization: ' . basic("bob:$key") ], "k=- a=Basic $hint" ],
    # Values that are almost a key.
    [ [ "X-API-Key: $mistyped" ], 'k=ak_...*** a=-' ],
    [ [ 'X-API-Key: ' . substr $key, 0, 30 ], 'k=ak_...*** a=-' ],
    [ [ "X-API-Key: ${key}x" ], 'k=ak_...*** a=-' ],
    [ [ "Authorization: Bearer $mistyped" ], 'k=- a=Bearer ak_...***' ],
    [ [ "Authorization: Token ${key}x" ], 'k=- a=Token ak_...***' ],
    [ [ 'Authorization: ' . basic("${mistyped}:") ], 'k=- a=Basic ak_...***' ],
    [ [ 'Authorization: ' . basic("bob:$mistyped") ],
      'k=- a=Basic ak_...***' ],
    [ [ "X-API-Key: ak_x" ], 'k=ak_...*** a=-' ],
);
for (@SEEN) {
    my ($headers, $logged) = @$_;
    my $what = "@$headers" =~ s/\Q$key\E/KEY/gr;
    for my $path (qw(/open/environ.cgi /open/app /open/own.shtml /open/
                     /open/any.shtml?/open/environ.cgi
                     /open/go.cgi?/open/environ.cgi)) {
        my $body = ask($path, @$headers)->{body};
        unlike($body, qr/ak_|\Q$hint\E/,
               "$path, $what: the application gets neither key nor hint");
        unlike($body, qr/^(?:HTTP_)?(?:AUTHORIZATION|COPY|X_(?:COPY|API_KEY))/m,
               "$path, $what: the application gets no variable made of them");
        unlike($body, qr/^(?:X-Copy|Authorization|X-API-Key):/mi,
               "$path, $what: the application gets no header made of them");
        $path =~ /app/
            ? like($body, qr/^X-List: (?:, )?last\r$/m,
               "$what: the other items of a list reach the application")
            : is(scalar(() = $body =~ /^BY_(?:SETENVIF|REWRITE|IF)=yes$/mg), 3,
                 "$what: SetEnvIf, RewriteCond and <If> read "
                 . 'the hint') || diag $body;
        like($body, qr/^AHEAD=yes$/m,
             "$what: RewriteCond reads the hint in a look-ahead")
            if $path eq '/open/environ.cgi';
    }
}
# Foreign credentials are read by the same modules and by the application.
my $r = ask('/open/environ.cgi', 'X-API-Key: own', 'Authorization: Bearer a.b');
like($r->{body}, qr/^$_$/m,
     "modules and the application get a foreign credential: $_")
    for 'HTTP_X_API_KEY=own', 'HTTP_AUTHORIZATION=Bearer a\.b', 'COPY=own',
        'BY_IF=yes', 'HTTP_X_COPY=ownBearer a\.b';
# A client that sends a hint does not remove what other modules have set.
like(ask('/open/app', "X-API-Key: $key", "X-Seen-By: $hint, 192.0.2.1")
     ->{body}, qr/^X-Seen-By: 192\.0\.2\.1\r$/m,
     'only the hint is removed from a list of the client');

# ---- One URL for programs with keys and people with passwords ----

my $bob = 'Authorization: ' . basic('bob:builder');
for my $path (qw(/both/environ.cgi /both/ /both/own.shtml
                 /both/any.shtml?/both/environ.cgi
                 /both/go.cgi?/both/environ.cgi
                 /open/any.shtml?/both/environ.cgi
                 /open/go.cgi?/both/environ.cgi /guarded/two.shtml
                 /guarded/next.shtml)) {
    my $want = $path =~ /two|next/ ? 2 : 1;
    for ("X-API-Key: $key", "Authorization: Bearer $key") {
        # In /less/, X-API-Key is removed, and it does not come back.
        my $is = $path =~ /two|next/ && /X-API/ ? 1 : $want;
        my $r = ask($path, $_);
        is(scalar(() = $r->{body} =~ /^REMOTE_USER=acme$/mg), $is,
           "$path: the user is the tenant, by a key in " . (/^(\S+)/)[0])
            or diag $r->{body};
    }
    next if $path =~ /two|next/;
    $r = ask($path, $bob);
    is(scalar(() = $r->{body} =~ /^REMOTE_USER=bob$/mg), 1,
       "$path: the user is bob, by Basic");
    $r = ask($path);
    unlike($r->{body}, qr/^REMOTE_USER/m,
           "$path: there is no user without credentials");
    is_deeply([ header_of($r, 'WWW-Authenticate') ],
              $path =~ m{^/both} && $path !~ /\?/ ? ['Basic realm="users"']
              : [ header_of($r, 'WWW-Authenticate') ],
              "$path: the challenge is that of Basic");
}

# ---- The log, at the end of the requests ----

is(ask("/less/$_", "X-API-Key: $key")->{status}, $_ eq 'none' ? 404 : 200,
   "the status of /less/$_, where the header was removed")
    for qw(environ.cgi none go.cgi?/open/environ.cgi);
$site->stop;
my $log = $site->slurp('shown_log');
for (@SEEN) {
    my $first = $_->[1] =~ s/k=(\S+) .*/$1/r;
    for my $path (qw(/open/environ.cgi /open/app /open/go.cgi)) {
        like($log, qr/^\Q$path $_->[1] first=$first\E$/m,
             "the log has the hint: $path with $_->[1]");
    }
}
like($log, qr{^/less/\Q$_\E k=- a=- first=-$}m,
     "the log has no header that was removed: /less/$_")
    for qw(environ.cgi none go.cgi);
like($site->slurp('forensic_log'), qr/\|X-API-Key:\Q$hint\E/,
     'mod_log_forensic writes the hint');
unlike($site->slurp('forensic_log'), qr/\Q$key\E/,
       'mod_log_forensic does not write the key');
is($site->leaks($key, $mistyped), '', 'no log has the key');
done_testing;
