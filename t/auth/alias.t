# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# <AuthzProviderAlias>: a Require that names an alias answers like the Require
# that the alias stands for, in every container and in whatever order httpd
# loads its modules. t/auth/model.t has more containers.

use APIKey::Auth qw(expected refusal);
use APIKey::ConfigTest;
use APIKey::Test;

my @KEYS = (
    [ acme => '--env', 'live', '--scope', 'a:read' ],
    [ globex => '--env', 'test', '--scope', '*' ],
    [ bare => '--env', 'live' ],
);
my @ALIASES = (
    'apikey-scope write "a:write b:write"',
    'apikey-tenant acme "acme"', 'apikey-env live "live"',
    'apikey-tenant org "%{env:MATCH_ORG}"', 'ip here "127.0.0.1"',
    'ip again "10.1.2.3"', 'apikey-scope again "a:read"',
    'apikey-scope anew "a:read"', 'ip anew "127.0.0.1"',
    # The first Require names the alias that is defined last.
    'apikey-scope read "a:read"',
);

sub all  { return join "\n", '<RequireAll>', @_, '</RequireAll>' }
sub any  { return join "\n", '<RequireAny>', @_, '</RequireAny>' }
sub none { return join "\n", '<RequireNone>', @_, '</RequireNone>' }
my $user = 'Require valid-user';

# The lines of a section, then the expected answers: to a key of acme, of
# globex, of bare, and without a key.
my @CASES = (
    [ 'Require read', 200, 200, 'scope', 'missing' ],
    [ 'Require write', 'scope', 200, 'scope', 'missing' ],
    [ 'Require acme', 200, 'tenant', 'tenant', 'missing' ],
    [ 'Require live', 200, 'env', 200, 'missing' ],
    [ 'Require org', 200, 'tenant', 'tenant', 'missing' ],
    [ all($user, 'Require not acme'), 'forbidden', 200, 200, 'missing' ],
    [ all($user, none('Require acme', 'Require live')),
      'forbidden', 200, 'forbidden', 'missing' ],
    [ all(map { "Require $_" } qw(write acme live)),
      'scope', 'tenant', 'tenant', 'missing' ],
    [ any(map { "Require $_" } qw(write acme)), 200, 200, 'tenant',
      'missing' ],
    # The same alias in two containers, negated in one of them.
    [ all($user, 'Require not live', any('Require live', 'Require write')),
      'forbidden', 200, 'forbidden', 'missing' ],
    [ all('Require read', any('Require write', all('Require acme',
                                                   'Require live'))),
      200, 200, 'tenant', 'missing' ],
    [ all('Require here', 'Require apikey-scope a:read', 'Require live'),
      200, 'env', 'scope', 'missing' ],
    [ 'Require again', 200, 200, 'scope', 'missing' ],
    [ 'Require anew', (200) x 4 ],
);

my ($site, %key);
sub ask {
    my ($who, $path) = @_;
    return get($site->port, $path, $key{$who} ? "X-API-Key: $key{$who}" : ());
}

sub outcome {
    my ($r) = @_;
    return $r->{body} =~ /"code":"(\w+)"/ ? $1 : $r->{status};
}

sub wanted {
    my ($challenge) = header_of(ask(@_), 'WWW-Authenticate');
    return ($challenge // '') =~ /, scope="(.*)"$/ ? $1 : undef;
}

my $aliases = join '', map { "<AuthzProviderAlias $_>\n"
                             . "</AuthzProviderAlias>\n" } @ALIASES;

# ahead => 1: mod_apikey is loaded before mod_authz_core.
for my $ahead (0, 1) {
    my $order = $ahead ? 'loaded first' : 'loaded last';
    $site = APIKey::ConfigTest->new(ahead => $ahead);
    %key = map {
        my ($tenant, @more) = @$_;
        chomp(my $key = $site->htapikey(qw(create -q --name site --tenant),
                                        $tenant, @more));
        remember_key($key);
        $tenant => $key;
    } @KEYS;
    $site->file("docs/case$_/acme/index.html", "A page.\n") for 0 .. $#CASES;
    for my $folder (qw(htaccess htaccess/only)) {
        $site->file("docs/$folder/index.html", "A page.\n");
        $site->file("docs/$folder/.htaccess", $folder eq 'htaccess'
            ? "Require write\n" : "Require unused\n");
    }
    $site->start(join "\n", '@DATABASE@', $aliases,
        '<Directory "@DOCS@/htaccess">', 'AllowOverride AuthConfig',
        'AuthType ApiKey', 'AuthName R', '</Directory>',
        map({ (qq(<LocationMatch "^/case$_/(?<org>[^/]+)">),
               'AuthType ApiKey', 'AuthName R', $CASES[$_][0],
               '</LocationMatch>') } 0 .. $#CASES),
        '<AuthzProviderAlias apikey-env unused "test">',
        '</AuthzProviderAlias>');
    for my $n (0 .. $#CASES) {
        my ($lines, @want) = @{ $CASES[$n] };
        my @got = map { outcome(ask($_, "/case$n/acme/")) }
                  qw(acme globex bare none);
        is_deeply(\@got, \@want, "$order: the four answers with "
                  . join '; ', split /\n/, $lines);
    }
    is(wanted('acme', '/case1/acme/'), 'a:write b:write',
       "$order: the challenge of a 403 names the scopes of the alias");
    is(wanted('bare', '/case9/acme/'), undef,
       "$order: the challenge names no scope if a scope would not help");
    is_deeply(refusal(ask('acme', '/case1/acme/')),
              expected('scope', scope => 'a:write b:write'),
              "$order: the whole 403 is the one of a Require without alias");
    is_deeply([ map { outcome(ask($_, '/htaccess/')) } qw(acme globex) ],
              [ 'scope', 200 ],
              "$order: an .htaccess requires an alias of the configuration");
    is_deeply([ map { outcome(ask($_, '/htaccess/only/')) } qw(acme globex) ],
              [ 'env', 200 ],
              "$order: an alias that only an .htaccess names is evaluated");
    $site->stop;
    is($site->leaks(values %key), '', "$order: the logs contain no key");
}

# ---- What httpd -t says ----
my $area = "<Location />\nAuthType ApiKey\nAuthName R\nRequire %s\n"
         . "</Location>\n";
my $said = $site->check("\@DATABASE\@\n$aliases" . sprintf $area, 'nothing');
like($said->{text}, qr/Unknown Authz provider: nothing/,
     'httpd -t refuses a Require that names neither alias nor provider');
$said = $site->check("\@DATABASE\@\n<AuthzProviderAlias apikey-scope bad "
                     . "'a\"b'>\n</AuthzProviderAlias>\n");
like($said->{text}, qr/apikey-scope: 'a"b'/,
     'httpd -t refuses an argument in an alias that Require would refuse');
ok(!$said->{ok}, 'httpd -t fails because of the bad argument of an alias');
$said = $site->check("<Location />\nRequire all granted\n</Location>",
                     without => [qw(authz_core authz_host authz_user
                                    authz_owner authz_dbm access_compat)]);
like($said->{text}, qr/Require is mod_authz_core's/,
     'without mod_authz_core, the message says which module has Require');

done_testing;
