# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Mass hosting: virtual hosts of four customers, one database, and .htaccess
# files with everything that httpd allows.  The key of another customer is never
# accepted, and its tenant is in no page and no log that the wrong customer can
# read.

use FindBin qw($Bin);
use lib "$Bin/lib";
use APIKey::ConfigTest;
use APIKey::Test;
use Seen;

# Each customer, and what determines the tenant of its virtual host: its name, a
# variable, or a header; or a keyspace of its own, without ApiKeyTenant.
my %lock = (
    a => "UseCanonicalName On\n    ApiKeyTenant %{SERVER_NAME}",
    b => "SetEnvIf Host . CUSTOMER=b.example\n    ApiKeyTenant %{ENV:CUSTOMER}",
    c => "RequestHeader set X-Customer c.example early\n"
       . '    ApiKeyTenant "%{req:X-Customer}"',
    d => 'ApiKeyKeyspace d',
);
my @customers = sort keys %lock;
my $site = APIKey::ConfigTest->new;
open my $in, '<', "$Bin/htdocs/environ.cgi" or die "environ.cgi: $!\n";
my $environ = do { local $/; <$in> };
my %key;
for my $name (@customers) {
    $site->file("docs/$name/$_/environ.cgi", $environ, 0755)
        for qw(in out moved);
    $site->file("docs/$name/out/set.shtml",
        '<!--#set var="APIKEY_TENANT" value="evil" -->'
        . '<!--#set var="APIKEY_ID" value="evil" -->A page.');
    $site->file("docs/$name/in/index.html", "A page.\n");
    chomp($key{$name} = $site->htapikey(qw(create -q --tenant),
        "$name.example", '--name', "name-of-$name", '--scope', "scope:$name",
        $name eq 'd' ? qw(--keyspace d) : ()));
    remember_key($key{$name});
}
my %id = map { /^(\S+)\s+(\w)\.example/m ? ($2 => $1) : () }
         split /\n/, $site->htapikey(qw(list --all));
is(join(' ', sort keys %id), "@customers",
   'each of the four customers has a key');
$site->start(<<'EOF_CONF' . join '', map { <<"EOF_HOST" } @customers);
@DATABASE@
<IfModule mod_cgid.c>
    ScriptSock "@DIR@/cgisock"
</IfModule>
AddHandler cgi-script .cgi
AddType text/html .shtml
LogFormat "%>s %u %{APIKEY_TENANT}e %{APIKEY_ID}e %{apikey-tenant}n" said
CustomLog "@DIR@/said_log" said
Header always set X-Told "%{APIKEY_TENANT}e"
<Directory "@DOCS@">
    Options ExecCGI FollowSymLinks Includes
    AddOutputFilter INCLUDES .shtml
    AllowOverride All
</Directory>
<Location "/in/">
    AuthType ApiKey
    AuthName R
    Require valid-user
</Location>
EOF_CONF
<VirtualHost 127.0.0.1:*>
    ServerName $_.example
    DocumentRoot "\@DOCS\@/$_"
    $lock{$_}
</VirtualHost>
EOF_HOST

# What an .htaccess could read of a key, in the syntax of each module.
my $TELL = join ' ', map { "%{$_}" } qw(note:apikey-tenant note:apikey-id
    REMOTE_USER reqenv:APIKEY_TENANT reqenv:APIKEY_ID reqenv:APIKEY_NAME
    reqenv:APIKEY_SCOPES req:X-Apikey-Tenant req:X-Apikey-Id
    reqenv:REDIRECT_APIKEY_TENANT reqenv:REDIRECT_REMOTE_USER
    reqenv:HTTP_X_APIKEY_ID);
my @OPENED = ("AuthType ApiKey", 'Require all granted');
my @TRIES = (
    [ 'nothing' ],
    [ 'a text' => map { qq(ErrorDocument $_ "$TELL") } 401, 403, 404 ],
    [ 'an own page' => map { "ErrorDocument $_ /out/environ.cgi" } 401, 403 ],
    [ 'a page of the same area' =>
      map { "ErrorDocument $_ /in/environ.cgi" } 401, 403 ],
    [ 'a page with a query' => map {
      qq(ErrorDocument $_ "/out/environ.cgi?%{note:apikey-tenant}") } 401, 403 ],
    [ 'Header' => map({ qq(Header $_ X-Seen "expr=$TELL") }
      'always set', 'set', 'always merge', 'onsuccess append'),
      map({ qq(Header always set X-$_ "%{$_}e") } qw(APIKEY_TENANT APIKEY_ID)),
      'Header echo .*' ],
    [ 'RequestHeader' => qq(RequestHeader set X-Seen "expr=$TELL"),
      'ErrorDocument 403 /out/environ.cgi' ],
    [ 'SetEnvIfExpr' => map({
      qq(SetEnvIfExpr "$_ =~ /(.+)/" SEEN=\$1) } split ' ', $TELL),
      'ErrorDocument 403 /out/environ.cgi' ],
    [ 'AuthName' => qq(AuthName "$TELL"), 'ErrorDocument 401 /out/environ.cgi' ],
    [ 'looking ahead' => 'RewriteEngine On', map({
      qq(RewriteCond "%{LA-U:$_}" "(.+)"\nRewriteRule ^ - [E=SEEN$_:%1]) }
      qw(REMOTE_USER ENV:APIKEY_TENANT)), 'ErrorDocument 403 /out/environ.cgi' ],
    [ 'the lock\'s variable' => 'SetEnvIf Request_URI . CUSTOMER=OTHER.example',
      'SetEnv CUSTOMER OTHER.example', 'RewriteEngine On',
      'RewriteRule ^ - [E=CUSTOMER:OTHER.example]' ],
    [ 'the lock\'s header' => 'RequestHeader set X-Customer OTHER.example',
      'RequestHeader set Host OTHER.example' ],
    [ 'the lock\'s header, and a redirect' => 'RewriteEngine On',
      'RequestHeader set X-Customer OTHER.example',
      'RewriteCond %{REQUEST_URI} ^/out/',
      'RewriteRule ^environ.cgi$ /in/environ.cgi [L]' ],
    [ 'its name' => 'SetEnvIf Host . SERVER_NAME=OTHER.example',
      'SetEnv SERVER_NAME OTHER.example' ],
    [ 'AuthType None' => 'AuthType None', 'Require all granted' ],
    [ 'all granted' => @OPENED ],
    [ 'Satisfy' => @OPENED, 'Satisfy Any', 'Allow from all' ],
    [ 'If' => '<If "true">', @OPENED, 'Satisfy Any', '</If>' ],
    [ 'If, at last' => '<If "true">', 'AuthType None', 'Require all granted',
      '</If>' ],
    [ 'AuthMerging' => 'AuthType ApiKey', 'AuthMerging Or',
      'Require all granted' ],
    [ 'another\'s tenant' => 'AuthType ApiKey',
      'Require apikey-tenant OTHER.example', 'Require apikey-id OTHER-ID' ],
    [ 'Limit' => 'AuthType ApiKey', '<LimitExcept DELETE>',
      'Require all granted', '</LimitExcept>' ],
    [ 'an expression' => 'AuthType ApiKey', 'Require expr true' ],
    [ 'AuthType of an expression' =>
      qq(AuthType "%{reqenv:APIKEY_RESULT}ApiKey"), 'Require all granted' ],
    [ 'Basic' => 'AuthType Basic', 'AuthName x', 'AuthBasicProvider file',
      'AuthBasicFake OTHER.example x', 'Require all granted', 'CGIPassAuth On' ],
    [ 'errors' => 'ApiKeyErrorFormat none', 'ApiKeyUser id',
      'ErrorDocument 403 default' ],
    [ 'a body' => 'ApiKeyUser id',
      'ApiKeyErrorBody 403 text/plain "%{reason} %{message} %{status}"' ],
    [ 'elsewhere' => 'RewriteEngine On',
      'RewriteRule ^environ.cgi$ /moved/environ.cgi [PT,E=APIKEY_ID:evil]',
      'FallbackResource /out/environ.cgi', 'DirectoryIndex environ.cgi' ],
    [ 'the log' => map { ("SetEnvIf Request_URI . $_=evil", "SetEnv $_ evil") }
      qw(APIKEY_TENANT APIKEY_ID) ],
);

my %FILES = map { $_ => 1 } '/in/environ.cgi', '/in/missing', '/in/',
    '/out/environ.cgi', '/out/set.shtml';

sub everything {
    my ($r) = @_;
    return join "\n", $r->{status}, map({ "@$_" } @{ $r->{headers} }),
           $r->{body};
}

# The .htaccess of each customer names another one, whose client then sends a
# request.
my @asked;
for my $try (@TRIES) {
    my ($name, @lines) = @$try;
    for my $i (0 .. $#customers) {
        my ($own, $other) = @customers[ $i, ($i + 1) % @customers ];
        my $text = join("\n", @lines, '') =~ s/OTHER-ID/$id{$other}/gr
                   =~ s/OTHER/$other/gr;
        $site->file("docs/$own/$_/.htaccess", $text) for qw(in out);
        my $whose = $text =~ /\Q$other\E\.example|\Q$id{$other}\E/
            ? qr/name-of-$other|scope:$other|X_APIKEY|^APIKEY_TENANT/m
            : qr/name-of-$other|scope:$other|$other\.example|$id{$other}/;
        for my $path (sort keys %FILES) {
            my $what = "$name, $own.example$path";
            my $r = get($site->port, $path, "Host: $own.example",
                        "X-API-Key: $key{$other}");
            push @asked, "$path $r->{status}";
            is($r->{status} == 500 ? everything($r) : '', '',
               "$what: the .htaccess is no error");
            unlike(everything($r), $whose,
                   "$what: the response has nothing of the other customer's "
                   . 'key');
            unlike(everything($r), qr/^APIKEY_RESULT=granted|evil/m,
                   "$what: access is not granted");
        }
        my $r = get($site->port, '/in/environ.cgi', "Host: $own.example",
                    "X-API-Key: $key{$own}");
        my ($tenant) = $r->{body} =~ /^APIKEY_TENANT=(.*)$/m;
        my ($user) = $r->{body} =~ /^(?:REDIRECT_)?REMOTE_USER=(.*)$/m;
        is($tenant // "$own.example", "$own.example",
           "$name: $own.example gets the tenant of its own key or none");
        unlike($r->{body}, qr/^[^=]*APIKEY[^=]*=evil/im,
               "$name: $own.example gets no forged variable");
    }
}
unlink glob "$site->{dir}/docs/*/*/.htaccess";

# An .htaccess may allow less than the server.
for my $case ([ 403, 'scope', 'Require apikey-scope other:scope' ],
              [ 401, 'missing', 'ApiKeyFrom bearer' ],
              [ 403, 'forbidden', 'Require all denied' ]) {
    my ($status, $reason, @lines) = @$case;
    $site->file('docs/a/in/.htaccess', join "\n", '<If "true">', @lines,
                '</If>', '');
    my $r = get($site->port, '/in/index.html', 'Host: a.example',
                "X-API-Key: $key{a}");
    is($r->{status}, $status, "$lines[0]: an .htaccess can refuse a good key");
    like($r->{body}, qr/"code":"$reason"/,
         "$lines[0]: the response has the reason");
}

$site->stop;
my @said = split /\n/, $site->slurp('said_log');
unlike(join("\n", @said), qr/evil/,
       'the log has no value that a customer has set');
my %whose = map { ("$_.example" => 1) } @customers;
is(join("\n", grep { my @f = split; $f[4] ne '-' && $f[2] ne '-'
                     && $f[2] ne $f[4] } @said), '',
   'the variables in the log have the tenant of the key');
cmp_ok(scalar(grep { / - - - [abc]\.example$/ } @said), '>', 100,
       'the log of the administrator has the tenant of a refused key');
is($site->leaks(values %key), '', 'no log has a key');
done_testing;
