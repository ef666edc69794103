# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# LogLevel apikey:debug logs one line per request in a section with AuthType
# ApiKey (APIKEY0200): the id of the key, its tenant, what was decided, and the
# Require that decided.

use APIKey::Auth qw(secrets unknown_key);
use APIKey::ConfigTest;
use APIKey::Test;

my $site = APIKey::ConfigTest->new;
my (%key, %id);
sub key {
    my ($name, $tenant, @more) = @_;
    chomp($key{$name} = $site->htapikey(qw(create -q --tenant), $tenant,
                                        '--name', $name, @more));
    remember_key($key{$name});
    ($id{$name}) = $site->htapikey(qw(list --all)) =~ /^(\w{12}) .*\b$name\b/m;
}
key('good', 'acme', qw(--env live --scope a:read));
key('revoked', 'acme');
key('disabled', 'acme');
key('expired', 'acme');
key('suspended', 'late');
key('other', 'acme', qw(--keyspace other));
key('globex', 'globex', qw(--env live --scope a:read));
$site->htapikey('revoke', $id{revoked});
$site->htapikey('disable', $id{disabled});
$site->htapikey(qw(tenant suspend late));
system('sqlite3', $site->{db}, "UPDATE apikey SET expires = 1000000000 "
                             . "WHERE id = '$id{expired}'") == 0
    or die "sqlite3 failed\n";
$key{unknown} = unknown_key((secrets("$site->{dir}/secret"))[0]);

# Name of a section => its Require lines.
my %AREA = (
    scope => 'Require apikey-scope a:read',
    write => 'Require apikey-scope a:write b:write',
    tenant => 'Require apikey-tenant globex',
    env => 'Require apikey-env test', id => 'Require apikey-id none',
    closed => 'Require apikey-none',
    user => 'Require valid-user', nobody => 'Require user nobody',
    not => "<RequireAll>\nRequire valid-user\nRequire not apikey-env live\n"
         . '</RequireAll>',
    any => "Require apikey-scope z\nRequire apikey-tenant acme",
    all => "<RequireAll>\nRequire apikey-scope a:read\n"
         . "Require apikey-tenant globex\n</RequireAll>",
    alias => 'Require reads', open => 'Require all granted',
    away => "ErrorDocument 403 /user/ok.cgi\nRequire apikey-env test",
    fails => 'Require apikey-tenant "%{file:@DIR@/none}"',
);

sub conf {
    my ($level, $enforce) = @_;
    return join "\n", '@DATABASE@', "LogLevel warn $level",
        "ApiKeyEnforce $enforce",
        '<AuthzProviderAlias apikey-scope reads "a:read">',
        '</AuthzProviderAlias>',
        'Listen @LOCKED@', '<VirtualHost 127.0.0.1:@LOCKED@>',
        'ApiKeyTenant globex', '</VirtualHost>',
        '<LocationMatch "^/org/(?<org>\w+)">', 'AuthType ApiKey',
        'AuthName R', 'DirectoryIndex /org/globex/page.html',
        'ErrorDocument 403 /user/index.html',
        'Require apikey-tenant "%{env:MATCH_ORG}"', '</LocationMatch>',
        '<Directory "@DOCS@/org">', 'RewriteEngine On',
        'RewriteRule moved$ /org/globex/page.html',
        'RewriteRule kept$ /org/acme/page.html',
        'Options FollowSymLinks', '</Directory>',
        '<Directory "@DOCS@/user">', 'AddHandler cgi-script .cgi',
        'Options ExecCGI', '</Directory>',
        map { ("<LocationMatch ^/$_(?:/|\$)>", 'AuthType ApiKey',
               'AuthName R', $AREA{$_}, '</LocationMatch>') } sort keys %AREA;
}

my $locked = APIKey::ConfigTest::free_port();
sub start {
    my (@how) = @_;
    unlink "$site->{dir}/error_log";
    $site->start(conf(@how) =~ s/\@LOCKED\@/127.0.0.1:$locked/r
                             =~ s/\@LOCKED\@/$locked/gr);
}

# The log lines of one request, each from the message on. httpd logs a request
# before it answers the next one of the connection, or before it closes it.
sub said {
    my ($path, $name, %with) = @_;
    my $before = length $site->slurp('error_log');
    my $connection = connection($with{port} // $site->port);
    my $r = $connection->send(join "\r\n", "GET $path HTTP/1.1", 'Host: a',
        $name ? "X-API-Key: $key{$name}" : (), @{ $with{headers} // [] },
        '', '')->response;
    if (grep { lc eq 'close' } header_of($r, 'Connection')) {
        1 while $connection->fill;
    }
    else {
        $connection->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")->response;
    }
    my @said = substr($site->slurp('error_log'), $before)
               =~ /APIKEY0200: (.*)$/mg;
    return $with{status} && $r->{status} != $with{status}
        ? "status $r->{status}" : join ' AND ', @said;
}

my $good = "key $id{good} of tenant 'acme'";

$site->file("docs/$_/index.html", "A page.\n") for keys %AREA;
$site->file("docs/org/$_/page.html", "A page.\n") for qw(acme globex);
$site->file('docs/user/ok.cgi', <<'EOF', 0755);
#!/bin/sh
printf 'Status: 200\nContent-Type: text/plain\n\n'
EOF
start('apikey:debug', 'On');

# ---- Granted ----
my $at = qr/\(\Q$site->{dir}\E\/httpd\.conf:\d+\)/;
for ([ scope => 'apikey-scope a:read' ], [ any => 'apikey-tenant acme' ],
     [ alias => 'reads' ]) {
    my ($area, $line) = @$_;
    like(said("/$area/", 'good'),
         qr/^$good granted by Require $line $at; status 200$/,
         "$area: granted by the Require that matched");
}
like(said('/scope/none', 'good'), qr/^$good granted by .*; status 404$/,
     'granted with status 404 where there is no such file');
for my $area (qw(user open)) {
    is(said("/$area/", 'good'), "$good granted by no Require apikey-...; "
                                . 'status 200',
       "$area: granted by no Require apikey-...");
}
is(said('/open/', ''), 'request decided without asking for a key; status 200',
   'open: without a key, decided without asking for one');

# ---- Refused by a Require ----
for ([ write => 'scope', 'apikey-scope a:write b:write' ],
     [ tenant => 'tenant', 'apikey-tenant globex' ],
     [ env => 'env', 'apikey-env test' ], [ id => 'id', 'apikey-id none' ],
     [ all => 'tenant', 'apikey-tenant globex' ],
     [ closed => 'forbidden', 'apikey-none' ],
     [ not => 'forbidden', 'not apikey-env live' ]) {
    my ($area, $reason, $line) = @$_;
    like(said("/$area/", 'good'),
         qr/^$good refused, $reason, by Require $line $at; status 403$/,
         "$area: refused by the Require that did not match");
}
is(said('/nobody/', 'good'), "$good refused, forbidden, by no Require "
                             . 'apikey-...; status 403',
   'nobody: refused by no Require apikey-...');
like(said('/fails/', 'good'),
     qr/^$good refused, unavailable, by Require apikey-tenant .* $at; status 500$/,
     'fails: refused, unavailable, by the Require that cannot be evaluated');
is(said('/scope/', 'good', port => $locked),
   "$good refused, tenant, by ApiKeyTenant; status 403",
   'a key of another tenant: refused by ApiKeyTenant');

# ---- One line per request, internal redirects included ----
my $org = qr/Require apikey-tenant "%\{env:MATCH_ORG\}"/;
like(said('/org/acme/moved', 'good'),
     qr/^$good refused, tenant, by $org $at; status 403$/,
     'an internal redirect that is refused has one line, refused');
like(said('/org/acme/kept', 'good'),
     qr/^$good granted by $org $at; status 200$/,
     'an internal redirect that is granted has one line, granted');
like(said('/org/acme/', 'good'),
     qr/^$good refused, tenant, by $org $at; status 403$/,
     'a DirectoryIndex that is refused has one line, refused');

like(said('/away/', 'good'),
     qr/^$good refused, env, by Require apikey-env test $at; status 200$/,
     'a refusal whose ErrorDocument answers 200 is logged as refused');

# ---- Refused before a Require is evaluated ----
is(said('/scope/', $_), "key $id{$_} of tenant '"
    . ($_ eq 'suspended' ? 'late' : 'acme') . "' refused, $_; status "
    . ($_ eq 'suspended' ? 403 : 401), "key $_: the reason, id and tenant")
    for qw(expired revoked disabled suspended);
is(said('/scope/', $_), 'request refused, invalid; status 401',
   "key $_: refused, invalid, without id and tenant") for qw(unknown other);
is(said('/scope/', ''), 'request refused, missing; status 401',
   'without a key: refused, missing');
is(said('/scope/', '', headers => [ "X-API-Key: $key{good}",
                                    "Authorization: Bearer $key{globex}" ]),
   'request refused, ambiguous; status 400', 'two keys: refused, ambiguous');
is(said("/scope/?k=$key{good}", ''), 'request refused, exposed; status 400',
   'a key in the query: refused, exposed');

# ---- Requests outside of sections with AuthType ApiKey ----
is(said('/', 'good'), '', 'without AuthType ApiKey there is no line');
$site->stop;

# ---- ApiKeyEnforce Log ----
start('apikey:debug', 'Log');
my $line = qr/refused, env, by Require apikey-env test $at/;
like(said('/env/', 'good'),
     qr/^$good $line; status 200, let through by ApiKeyEnforce Log$/,
     'ApiKeyEnforce Log: the line of the refusal says that it was let through');
$site->stop;

# ---- Another level ----
start('apikey:info', 'On');
is(said('/env/', 'good', status => 403), '',
   'with LogLevel apikey:info there is no line');
$site->stop;
is($site->leaks(values %key), '', 'the logs contain no key');
done_testing;
