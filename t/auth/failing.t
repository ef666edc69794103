# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A Require apikey-... whose expression cannot be evaluated gives 500, negated
# or not, and ApiKeyEnforce Log lets it through. An expression with an empty
# value matches no key.

use APIKey::ConfigTest;
use APIKey::Test;

my $site = APIKey::ConfigTest->new;
my $key = $site->create(qw(--scope a:read));

my $fails = 'Require apikey-tenant "%{file:@DIR@/none}"';
my $deep = 'Require apikey-tenant "' . '%{tolower:' x 25 . 'ACME'
         . '}' x 25 . '"';
my $empty = 'Require apikey-tenant "%{env:NOPE}"';
my ($good, $bad) = map { "Require apikey-scope $_" } qw(a:read a:write);
my $user = 'Require valid-user';
sub all  { return join "\n", '<RequireAll>', @_, '</RequireAll>' }
sub any  { return join "\n", '<RequireAny>', @_, '</RequireAny>' }
sub none { return join "\n", '<RequireNone>', @_, '</RequireNone>' }
sub negated { return $_[0] =~ s/Require/Require not/r }

# The lines of a section, the status of a good key, and its status with
# ApiKeyEnforce Log.
my @CASES = (
    [ $fails, 500, 200 ],
    [ $deep, 500, 200 ],
    [ 'Require broken', 500, 200 ],
    [ all($user, negated($fails)), 500, 200 ],
    [ all($user, none($fails)), 500, 200 ],
    [ all($user, none($good, $fails)), 403, 200 ],
    [ all($user, none(all($fails, $good))), 500, 200 ],
    [ all($good, $fails), 500, 200 ],
    # httpd stops at the first line that does not match; mod_apikey evaluates
    # the others for the reason of its refusal.
    [ all($bad, $fails), 500, 200 ],
    [ any($bad, $fails), 500, 200 ],
    [ any($fails, $bad), 500, 200 ],
    # Lines after the one that grants are not evaluated.
    [ any($good, $fails), 200, 200 ],
    [ any($fails, $good), 500, 200 ],
    [ 'Require apikey-tenant acme "%{file:@DIR@/none}"', 200, 200 ],
    [ 'Require apikey-tenant "%{file:@DIR@/none}" acme', 500, 200 ],
    [ "<Limit POST>\n$fails\n</Limit>\n<Limit GET>\n$good\n</Limit>", 200,
      200 ],
    [ 'Require expr "%{file:@DIR@/none} == \'x\'"', 500, 500 ],
    [ $empty, 403, 200 ],
    [ all($user, negated($empty)), 200, 200 ],
    [ all($user, none($empty)), 200, 200 ],
    [ 'Require apikey-tenant "%{file:@DIR@/found}"', 200, 200 ],
);

$site->file('found', 'acme');
$site->file("docs/case$_/index.html", "A page.\n") for 0 .. $#CASES;
$site->file("docs/case0/page.shtml", qq(<!--#include virtual="../case1/" -->));
$site->file('docs/error.cgi', <<'EOF', 0755);
#!/bin/sh
printf 'Content-Type: text/plain\n\n'
env
EOF

sub conf {
    my ($enforce) = @_;
    return join "\n", '@DATABASE@', "ApiKeyEnforce $enforce",
        'LogFormat "%>s result=%{APIKEY_RESULT}e tenant=%{APIKEY_TENANT}e" m',
        'CustomLog "@DIR@/result_log" m', 'ErrorDocument 500 /error.cgi',
        'AddHandler cgi-script .cgi',
        '<Directory "@DOCS@">', 'Options +ExecCGI', '</Directory>',
        '<AuthzProviderAlias apikey-env broken "%{file:@DIR@/none}">',
        '</AuthzProviderAlias>',
        map { ("<Location /case$_/>", 'AuthType ApiKey', 'AuthName R',
               $CASES[$_][0], '</Location>') } 0 .. $#CASES;
}

sub title { return join '; ', split /\n\s*/, $_[0] =~ s/(%\{tolower:)+/$1/r }

# ---- ApiKeyEnforce On ----
$site->start(conf('On'));
for my $n (0 .. $#CASES) {
    my $before = length $site->slurp('error_log');
    my $r = get($site->port, "/case$n/", "X-API-Key: $key");
    my $what = title($CASES[$n][0]);
    is($r->{status}, $CASES[$n][1], "$CASES[$n][1] with: $what");
    my $said = substr $site->slurp('error_log'), $before;
    my $ours = $CASES[$n][0] !~ /expr/ && $CASES[$n][1] == 500;
    is(scalar(() = $said =~ /APIKEY0108/g), $ours ? 1 : 0,
       $ours ? "one APIKEY0108 is logged with: $what"
             : "no APIKEY0108 is logged with: $what");
    like($said, qr/APIKEY0108: .* in 'Require [^\n]*' \(\S+:\d+\), [^\n]*500: /,
         "APIKEY0108 has the line and the error with: $what") if $ours;
    unlike($r->{body}, qr/^(?:APIKEY_(?!RESULT)|REMOTE_USER|REDIRECT_REMOTE)/m,
           "the ErrorDocument of 500 gets no identity with: $what")
        if $r->{status} == 500;
}
my $r = get($site->port, '/case0/');
is($r->{status}, 401,
   '401 without a key, though the expression cannot be evaluated');
$site->stop;
is_deeply([ $site->slurp('result_log') =~ /^(500 .*)$/mg ],
          # mod_authz_core's Require expr fails before a key is verified.
          [ map { '500 result=' . ($_->[0] =~ / expr / ? '-' : 'unavailable')
                  . ' tenant=-' } grep { $_->[1] == 500 } @CASES ],
          'the access log has unavailable for each 500, and no tenant');

# ---- ApiKeyEnforce Log ----
$site->start(conf('Log'));
for my $n (0 .. $#CASES) {
    my $r = get($site->port, "/case$n/", "X-API-Key: $key");
    is($r->{status}, $CASES[$n][2], "ApiKeyEnforce Log: $CASES[$n][2] with: "
       . title($CASES[$n][0]));
}
$site->stop;
like($site->slurp('error_log'), qr/APIKEY0172: key \w+ .*, unavailable: /,
     'ApiKeyEnforce Log: the refusal is logged with unavailable');
like($site->slurp('error_log'), qr/APIKEY0108: /,
     'ApiKeyEnforce Log: the error of the expression is logged');
is($site->leaks($key), '', 'the logs contain no key');
done_testing;
