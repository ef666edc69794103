# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# LogLevel apikey:debug: one line per request has the id of the key, its tenant,
# what was decided, and the Require that decided.

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

# Lines of an area, each with the name of its decision.
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

# The log lines of one request, without what precedes the message. A request is
# logged when the next one on its connection is answered or the connection ends.
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
         "$area: granted, by which line");
}
like(said('/scope/none', 'good'), qr/^$good granted by .*; status 404$/,
     'granted, and not there');
for my $area (qw(user open)) {
    is(said("/$area/", 'good'), "$good granted by no Require apikey-...; "
                                . 'status 200',
       "$area: granted, by no line of ours");
}
is(said('/open/', ''), 'request decided without asking for a key; status 200',
   'no key, and none asked for');

# ---- Refused by a line ----
for ([ write => 'scope', 'apikey-scope a:write b:write' ],
     [ tenant => 'tenant', 'apikey-tenant globex' ],
     [ env => 'env', 'apikey-env test' ], [ id => 'id', 'apikey-id none' ],
     [ all => 'tenant', 'apikey-tenant globex' ],
     [ closed => 'forbidden', 'apikey-none' ],
     [ not => 'forbidden', 'not apikey-env live' ]) {
    my ($area, $reason, $line) = @$_;
    like(said("/$area/", 'good'),
         qr/^$good refused, $reason, by Require $line $at; status 403$/,
         "$area: refused, by which line");
}
is(said('/nobody/', 'good'), "$good refused, forbidden, by no Require "
                             . 'apikey-...; status 403',
   'refused by a line that is not ours');
like(said('/fails/', 'good'),
     qr/^$good refused, unavailable, by Require apikey-tenant .* $at; status 500$/,
     'a line that cannot be evaluated');
is(said('/scope/', 'good', port => $locked),
   "$good refused, tenant, by ApiKeyTenant; status 403", 'ApiKeyTenant');

# ---- One request, whatever it becomes ----
my $org = qr/Require apikey-tenant "%\{env:MATCH_ORG\}"/;
like(said('/org/acme/moved', 'good'),
     qr/^$good refused, tenant, by $org $at; status 403$/,
     'a redirect that is refused');
like(said('/org/acme/kept', 'good'),
     qr/^$good granted by $org $at; status 200$/, 'one that is granted');
like(said('/org/acme/', 'good'),
     qr/^$good refused, tenant, by $org $at; status 403$/,
     'a DirectoryIndex that is refused');

like(said('/away/', 'good'),
     qr/^$good refused, env, by Require apikey-env test $at; status 200$/,
     'an ErrorDocument that says 200');

# ---- Refused before any line ----
is(said('/scope/', $_), "key $id{$_} of tenant '"
    . ($_ eq 'suspended' ? 'late' : 'acme') . "' refused, $_; status "
    . ($_ eq 'suspended' ? 403 : 401), "$_, and whose")
    for qw(expired revoked disabled suspended);
is(said('/scope/', $_), 'request refused, invalid; status 401',
   "$_: nothing tells whose") for qw(unknown other);
is(said('/scope/', ''), 'request refused, missing; status 401', 'no key');
is(said('/scope/', '', headers => [ "X-API-Key: $key{good}",
                                    "Authorization: Bearer $key{globex}" ]),
   'request refused, ambiguous; status 400', 'two keys');
is(said("/scope/?k=$key{good}", ''), 'request refused, exposed; status 400',
   'a key in the query');

# ---- Requests outside of areas ----
is(said('/', 'good'), '', 'outside of an area there is no line');
$site->stop;

# ---- ApiKeyEnforce Log ----
start('apikey:debug', 'Log');
my $line = qr/refused, env, by Require apikey-env test $at/;
like(said('/env/', 'good'),
     qr/^$good $line; status 200, let through by ApiKeyEnforce Log$/,
     'Log: what would be refused, and by which line');
$site->stop;

# ---- Another level ----
start('apikey:info', 'On');
is(said('/env/', 'good', status => 403), '', 'at info there is no such line');
$site->stop;
is($site->leaks(values %key), '', 'no key in the logs');
done_testing;
