# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Other modules change APIKEY_* variables in fixups.  The last fixup finds each
# change and sets the variables again.

use FindBin qw($Bin);
use lib "$Bin/lib";
use APIKey::ConfigTest;
use APIKey::Test;
use Seen;

my @told = map { "APIKEY_$_" }
           qw(RESULT ID TENANT NAME SCOPES ENV KEYSPACE EXPIRES);
my %hand = (
    plain    => '',
    changed  => 'RewriteRule ^ - [E=APIKEY_TENANT:evil]',
    first    => 'RewriteRule ^ - [E=APIKEY_RESULT:evil]',
    last     => 'RewriteRule ^ - [E=APIKEY_EXPIRES:evil]',
    unset    => 'RewriteRule ^ - [E=!APIKEY_SCOPES]',
    unlast   => 'RewriteRule ^ - [E=!APIKEY_EXPIRES]',
    none     => 'RewriteRule ^ - [' . join(',', map { "E=!$_" } @told) . ']',
    twice    => 'SetEnv APIKEY_TENANT evil',
    another  => 'RewriteRule ^ - [E=APIKEY_EXTRA:evil]',
    later    => 'SetEnv APIKEY_EXTRA evil',
    cgi      => 'RewriteRule ^ - [E=HTTP_X_Apikey_Tenant:evil]',
    before   => 'RewriteRule ^ - [E=REDIRECT_APIKEY_ID:evil]',
    innocent => 'SetEnv EXTRA good',
    early    => 'SetEnvIf Request_URI . apikey.tenant=evil',
    header   => 'RequestHeader set X-Apikey-Tenant evil',
    cache    => 'RewriteRule ^ - [E=!no-cache]',
);
my $site = APIKey::ConfigTest->new;
open my $in, '<', "$Bin/htdocs/environ.cgi" or die "environ.cgi: $!\n";
$site->file('docs/environ.cgi', do { local $/; <$in> }, 0755);
$site->file('docs/set.shtml',
            '<!--#set var="APIKEY_TENANT" value="evil" -->A page.');
my $key = $site->create(qw(--scope a:b --scope c:d));
$site->start(<<'EOF_CONF' . join '', map { <<"EOF_AREA" } sort keys %hand);
@DATABASE@
<IfModule mod_cgid.c>
    ScriptSock "@DIR@/cgisock"
</IfModule>
AddHandler cgi-script .cgi
LogFormat "%U %{no-cache}e %{APIKEY_RESULT}e %{APIKEY_TENANT}e \
%{apikey.tenant}e" cache
CustomLog "@DIR@/cache_log" cache
<Directory "@DOCS@">
    Options ExecCGI FollowSymLinks Includes
    AddOutputFilter INCLUDES .shtml
</Directory>
EOF_CONF
Alias "/$_/" "\@DOCS\@/"
<Location "/$_/">
    AuthType ApiKey
    Require apikey-scope c:d
    RewriteEngine On
    $hand{$_}
</Location>
EOF_AREA

my %seen = map {
    $_ => get($site->port, "/$_/environ.cgi", "X-API-Key: $key")
} sort keys %hand;
my $truth = said($seen{plain});
my %has = map { /^(\w+)=/ ? ($1 => 1) : () } @$truth;
is(join(' ', grep { !$has{$_} } @told), '',
   'a CGI gets all variables of the key');
for my $name (sort keys %hand) {
    is_deeply(said($seen{$name}), $truth,
              "$name: a CGI gets each variable once, with the true value")
        or diag($seen{$name}{body});
    unlike($seen{$name}{body}, qr/evil/, "$name: a CGI gets no forged value");
}
like($seen{innocent}{body}, qr/^EXTRA=good$/m,
     'a variable of another name keeps the value of SetEnv');
# A refused request does not get to the last fixup; its line in the log is
# correct, too.
get($site->port, "/$_/environ.cgi") for sort keys %hand;
is(get($site->port, '/plain/set.shtml', "X-API-Key: $key")->{body}, 'A page.',
   'a page may set a variable for itself after all fixups');
$site->stop;
# Each line is written after its client has the response, so in any order.
is(join('', sort split /^/, $site->slurp('cache_log')),
   join('', sort(map({ ("/$_/environ.cgi 1 granted acme -\n",
                        "/$_/environ.cgi 1 missing - -\n") } keys %hand),
                 "/plain/set.shtml 1 granted acme -\n")),
   'the log has no-cache and the true values for each request');
done_testing;
