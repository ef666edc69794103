# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Require in all combinations: the answers of .htaccess files to the keys of
# three tenants, to a revoked key, and without a key. Each case is a folder.

use APIKey::Test;
use APIKey::Auth;
use File::Path qw(make_path);

my $host = 'auth_require';
my %made = (
    acme => create_key($host, tenant => 'acme', env => 'live',
                       scope => [qw(partners:read deals:*)]),
    globex => create_key($host, tenant => 'Globex Inc', env => 'test',
                         scope => '*'),
    bare => create_key($host, tenant => 'bare', env => 'live'),
    revoked => create_key($host, tenant => 'acme',
                          scope => [qw(partners:read deals:*)]),
);
tell($host, 'revoke', $made{revoked}{id});
my %header = map { $_ => ["X-API-Key: $made{$_}{key}"] } keys %made;
$header{none} = [];
my ($id, $other_id) = map { $made{$_}{id} } qw(acme globex);

my $root = run_info()->{stage} . '/htdocs/auth-require';
my $folders = 0;

# Makes a folder with these lines as its .htaccess; returns its path. Lines "--
# below --" divide them among nested folders, the outer first.
sub place {
    my ($lines) = @_;
    my $name = 'case' . ++$folders;
    for my $part (split /^-- below --\n/m, $lines) {
        $name .= '/below' if -d "$root/$name";
        make_path("$root/$name");
        for my $file ([ '.htaccess', "$part\n" ],
                      [ 'index.html', "served\n" ]) {
            open my $out, '>', "$root/$name/$file->[0]" or die "$name: $!\n";
            print $out $file->[1];
            close $out or die "$name: $!\n";
        }
    }
    return "/auth-require/$name/index.html";
}

sub outcome {
    my ($r) = @_;
    return 200 if $r->{status} == 200 && $r->{body} eq "served\n";
    my $problem = refusal($r)->{problem};
    return ref $problem ? $problem->{code} : "status $r->{status}";
}

# The lines, then the expected answers to keys of acme, of globex, of bare. The
# answer without a key is "missing", to a revoked key "revoked", unless a case
# says otherwise.
sub try_case {
    my ($lines, $acme, $globex, $bare, %more) = @_;
    my $path = place($lines);
    my %want = (acme => $acme, globex => $globex, bare => $bare,
                none => 'missing', revoked => 'revoked', %more);
    my %got = map { $_ => outcome(ask($host, $path, @{ $header{$_} })) }
              keys %want;
    is_deeply(\%got, \%want, 'the answer to each key with '
              . join '; ', split /\n\s*/, $lines);
}

sub all  { return join "\n", '<RequireAll>', @_, '</RequireAll>' }
sub any  { return join "\n", '<RequireAny>', @_, '</RequireAny>' }
sub none { return join "\n", '<RequireNone>', @_, '</RequireNone>' }

my $user = 'Require valid-user';

# ---- One line ----
try_case($user, 200, 200, 200);
try_case(@$_) for map { [ "Require apikey-scope $_->[0]", @$_[1 .. 3] ] } (
    [ 'partners:read', 200, 200, 'scope' ],
    [ 'partners:write', 'scope', 200, 'scope' ],
    [ 'partners:write partners:read', 200, 200, 'scope' ],
    [ '"partners:read"', 200, 200, 'scope' ],
    [ 'a b c d', 'scope', 200, 'scope' ],
    [ 'Partners:read', 'scope', 200, 'scope' ],
    [ 'partners:rea', 'scope', 200, 'scope' ],
    [ 'partners:reads', 'scope', 200, 'scope' ],
    [ 'partners', 'scope', 200, 'scope' ],
    [ 'partners:*', 'scope', 200, 'scope' ],
    [ 'deals:write', 200, 200, 'scope' ],
    [ 'deals:a:b', 200, 200, 'scope' ],
    [ 'deals:', 200, 200, 'scope' ],
    [ 'deals:*', 200, 200, 'scope' ],
    [ 'deals', 'scope', 200, 'scope' ],
    [ 'dealsx:read', 'scope', 200, 'scope' ],
    [ 'xdeals:read', 'scope', 200, 'scope' ],
    [ '*', 'scope', 200, 'scope' ],
    [ '%s', 'scope', 200, 'scope' ],
);
try_case(@$_) for (
    [ 'Require apikey-tenant acme', 200, 'tenant', 'tenant' ],
    [ 'Require apikey-tenant ACME', 'tenant', 'tenant', 'tenant' ],
    [ 'Require apikey-tenant acm', 'tenant', 'tenant', 'tenant' ],
    [ 'Require apikey-tenant "Globex Inc"', 'tenant', 200, 'tenant' ],
    [ 'Require apikey-tenant Globex Inc', 'tenant', 'tenant', 'tenant' ],
    [ 'Require apikey-tenant acme "Globex Inc"', 200, 200, 'tenant' ],
    [ 'Require apikey-tenant *', 'tenant', 'tenant', 'tenant' ],
    [ 'Require apikey-env live', 200, 'env', 200 ],
    [ 'Require apikey-env test', 'env', 200, 'env' ],
    [ 'Require apikey-env Live', 'env', 'env', 'env' ],
    [ 'Require apikey-env live test', 200, 200, 200 ],
    [ "Require apikey-id $id", 200, 'id', 'id' ],
    [ "Require apikey-id $other_id $id", 200, 200, 'id' ],
    [ 'Require apikey-id ' . lc "x$id", 'id', 'id', 'id' ],
    [ 'Require user acme', 200, 'forbidden', 'forbidden' ],
    [ 'Require user "Globex Inc" bare', 'forbidden', 200, 200 ],
    [ "ApiKeyUser id\nRequire user $id", 200, 'forbidden', 'forbidden' ],
    [ "ApiKeyUser tenant\nRequire user $id", ('forbidden') x 3 ],
    [ 'Require expr "%{REMOTE_USER} == \'acme\'"', (200, 'forbidden',
                                                     'forbidden') ],
);

# ---- Require apikey-none ----
my $no_key = 'Require apikey-none';
try_case(@$_) for (
    [ $no_key, ('forbidden') x 3 ],
    [ "$no_key\nRequire apikey-scope deals:x", 200, 200, 'scope' ],
    [ all('Require apikey-env test', $no_key), 'env', 'forbidden', 'env' ],
    [ all($no_key, 'Require apikey-env test'), 'env', 'forbidden', 'env' ],
    [ all($user, none($no_key)), 200, 200, 200 ],
    [ "<LimitExcept POST>\n$no_key\n</LimitExcept>", ('forbidden') x 3 ],
);

# ---- Arguments that are expressions ----
try_case(@$_) for (
    [ 'Require apikey-scope "partners:%{tolower:READ}"', 200, 200, 'scope' ],
    [ 'Require apikey-scope "%{tolower:PARTNERS}:write" deals:x', 200, 200,
      'scope' ],
    [ 'Require apikey-tenant "%{tolower:ACME}"', 200, 'tenant', 'tenant' ],
    [ 'Require apikey-tenant "%{REMOTE_USER}"', 200, 200, 200 ],
    [ 'Require apikey-env "%{req:X-Not-Sent}"', 'env', 'env', 'env' ],
    [ 'Require apikey-scope "%{req:X-Not-Sent}"', 'scope', 'scope', 'scope' ],
    [ 'Require apikey-scope "x%{tolower: }y"', 'scope', 'scope', 'scope' ],
    [ 'Require apikey-scope "%{req:X-Not-Sent}" deals:x', 200, 200, 'scope' ],
    [ 'Require apikey-id "%{tolower:X}" ' . $id, 200, 'id', 'id' ],
);

my $plain = create_key($host, tenant => 'plain');
sql($host, "UPDATE apikey SET env = '' WHERE id = '$plain->{id}'");
is(outcome(ask($host, place('Require apikey-env "%{req:X-Not-Sent}"'),
               "X-API-Key: $plain->{key}")), 'env',
   'an empty argument of apikey-env does not match a key without env');

# ---- RequireAll, RequireAny, RequireNone ----
my %fails = (tenant => 'Require apikey-tenant nobody',
             env => 'Require apikey-env nowhere',
             id => 'Require apikey-id none', scope => 'Require apikey-scope x');
my @acme = ('Require apikey-tenant acme', 'Require apikey-scope deals:x');
try_case(@$_) for (
    [ all(@acme), 200, 'tenant', 'tenant' ],
    [ all(reverse @acme), 200, 'tenant', 'tenant' ],
    [ any(@acme), 200, 200, 'tenant' ],
    [ join("\n", @acme), 200, 200, 'tenant' ],
    [ any(reverse @acme), 200, 200, 'tenant' ],
    [ all($user, 'Require apikey-scope partners:read',
          'Require apikey-scope partners:write'), 'scope', 200, 'scope' ],
    [ all($user, 'Require not apikey-tenant acme'), 'forbidden', 200, 200 ],
    [ all('Require not apikey-tenant acme', $user), 'forbidden', 200, 200 ],
    [ all($user, none('Require apikey-tenant acme',
                      'Require apikey-env test')),
      'forbidden', 'forbidden', 200 ],
    [ all($user, none('Require apikey-scope partners:read')), 'forbidden',
      'forbidden', 200 ],
    [ all($user, 'Require not apikey-tenant acme', $fails{scope}),
      'scope', 200, 'scope' ],
    [ all($user, $fails{scope}, 'Require not apikey-tenant acme'),
      'scope', 200, 'scope' ],
    [ all($user, none($fails{tenant}), $fails{scope}), 'scope', 200,
      'scope' ],
    # bare is refused for its tenant: the line is negated twice.
    [ all($user, none(all('Require not apikey-tenant acme',
                          'Require apikey-env live'))), 200, 200, 'tenant' ],
    [ all($user, any($fails{scope}, $fails{env})), 'env', 200, 'env' ],
    [ any(all($user, $fails{env}), all($user, $fails{tenant})),
      ('tenant') x 3 ],
    [ any($fails{tenant}, all('Require apikey-env live',
                              'Require apikey-scope deals:x')),
      200, 'tenant', 'tenant' ],
    [ all(any('Require apikey-env test', 'Require apikey-scope deals:x'),
          any('Require apikey-tenant acme', $fails{id})), 200, 'tenant',
      'tenant' ],
    [ all($user, 'Require user acme', $fails{scope}), 'scope', 'forbidden',
      'scope' ],
    [ all('Require user acme', $fails{scope}), 'scope', 'forbidden',
      'scope' ],
    [ all($fails{scope}, 'Require user acme'), 'scope', 'forbidden',
      'scope' ],
    [ all('Require apikey-env live', 'Require user acme'), 200, 'env',
      'forbidden' ],
    [ all('Require user nobody', 'Require valid-user'), ('forbidden') x 3 ],
    [ all('Require method GET', 'Require apikey-scope deals:x'), 200, 200,
      'scope' ],
);

# ---- AuthMerging: lines of a folder and of a folder below it ----
sub below { return join "\n-- below --\n", @_ }
my $and = "AuthMerging And\n";
my $or = "AuthMerging Or\n";
try_case(@$_) for (
    [ below($fails{tenant}, 'Require apikey-scope deals:x'), 200, 200,
      'scope' ],
    [ below('Require apikey-env live', "$and$fails{scope}"), 'scope', 'env',
      'scope' ],
    [ below($fails{scope}, "${and}Require apikey-env live"), 'scope', 'env',
      'scope' ],
    [ below('Require apikey-env live', "$or$fails{scope}"), 200, 200, 200 ],
    [ below($fails{env}, "$or$fails{scope}"), 'env', 200, 'env' ],
    [ below("Require apikey-env live\nRequire apikey-id $other_id",
            "${and}Require apikey-tenant acme"), 200, 'tenant', 'tenant' ],
    [ below($user, "$and$fails{tenant}", "$and$fails{env}"),
      ('tenant') x 3 ],
    [ below(all($user, none('Require apikey-env test')),
            "$and$fails{scope}"), 'scope', 'forbidden', 'scope' ],
);

# ---- The reason is the first of tenant, env, id, scope that failed ----
# All orders of its arguments.
sub orders {
    my (@of) = @_;
    return [] if !@of;
    return map {
        my $at = $_;
        map { [ $of[$at], @$_ ] } orders(@of[ grep { $_ != $at } 0 .. $#of ])
    } 0 .. $#of;
}
my @weight = qw(tenant env id scope);
for my $first (0 .. 2) {
    my @which = @weight[ $first .. 3 ];
    for my $order (orders(@which)) {
        my @lines = map { $fails{$_} } @$order;
        for my $lines (all(@lines), any(@lines), join("\n", @lines),
                       all($user, any(@lines)), any(map { all($_) } @lines)) {
            is(outcome(ask($host, place($lines), @{ $header{bare} })),
               $which[0], "the reason is $which[0] with "
               . join '; ', split /\n/, $lines);
        }
    }
}

# ---- Where httpd needs no user ----
my %open = (none => 200, revoked => 'revoked');
my %shut = (none => 'forbidden', revoked => 'forbidden');
my $here = 'Require ip 127.0.0.1';
my $elsewhere = 'Require ip 10.1.2.3';
try_case(@$_) for (
    [ 'Require all granted', (200) x 3, %open ],
    [ $here, (200) x 3, %open ],
    [ "Require all granted\nRequire apikey-scope x", (200) x 3, %open ],
    [ any($here, 'Require apikey-scope x'), (200) x 3, %open ],
    [ any('Require apikey-tenant nobody', $here), (200) x 3, %open ],
    [ any($elsewhere, 'Require apikey-scope deals:x'), 200, 200, 'scope' ],
    [ all($here, 'Require apikey-scope deals:x'), 200, 200, 'scope' ],
    [ all('Require apikey-scope deals:x', $here), 200, 200, 'scope' ],
    [ all('Require apikey-scope deals:x', $elsewhere), ('forbidden') x 3,
      %shut ],
    [ all($user, 'Require method POST'), ('forbidden') x 3, %shut ],
    # For httpd, a negated line is neutral as long as the user is unknown.
    [ all('Require all granted', 'Require not apikey-tenant acme'),
      'forbidden', 200, 200, %open ],
    [ 'Require all denied', ('forbidden') x 3, %shut ],
    [ $elsewhere, ('forbidden') x 3, %shut ],
    [ all('Require all denied', $user), ('forbidden') x 3, %shut ],
);

# ---- A refusal that does not depend on keys has a body without keys ----
sub without_a_key {
    my ($lines, $reason, @who) = @_;
    my $path = place($lines);
    is_deeply(refusal(ask($host, $path, @{ $header{$_} })),
              expected($reason), "$_ is refused with $reason by "
              . join '; ', split /\n/, $lines)
        for @who;
}
without_a_key($_, 'denied', qw(none acme revoked)) for $elsewhere,
    'Require all denied', "Order allow,deny\nDeny from all\n$user",
    all($user, 'Require method POST'), all($elsewhere, $fails{scope});
without_a_key($_, 'forbidden', 'acme') for 'Require user nobody',
    all($user, 'Require not apikey-tenant acme');

# ---- The reason is that of the request, not that of a sub-request ----
my ($for_tenant, $for_scope) = map { place($fails{$_}) } qw(tenant scope);
is(outcome(ask($host, $for_scope, @{ $header{bare} },
               "X-Look-Up: $for_tenant")), 'scope',
   'the reason is scope though a URI with a wrong tenant was looked up');

# ---- AuthzSendForbiddenOnFailure does not change a 403 ----
for my $flag (qw(On Off)) {
    my $set = "AuthzSendForbiddenOnFailure $flag\n";
    try_case("$set$fails{scope}", 'scope', 200, 'scope');
    try_case($set . all($user, $fails{tenant}), ('tenant') x 3);
    try_case($set . any($fails{env}, $fails{id}), ('env') x 3);
    try_case($set . all($user, none('Require apikey-env live')), 'forbidden',
             200, 'forbidden');
    try_case("${set}Require user nobody", ('forbidden') x 3);
}

# ---- The challenge names the scopes of the line that failed ----
sub wanted {
    my ($lines) = @_;
    my ($challenge) = header_of(ask($host, place($lines), @{ $header{bare} }),
                                'WWW-Authenticate');
    return ($challenge // '') =~ /, scope="(.*)"$/ ? $1 : undef;
}
is(wanted('Require apikey-scope a:b'), 'a:b',
   'the challenge has the one scope of the line');
is(wanted('Require apikey-scope a b "c"'), 'a b c',
   'the challenge has the three scopes of the line');
is(wanted('Require apikey-scope "x:%{tolower:ABC}"'), 'x:abc',
   'the challenge has the value of the expression');
is(wanted(all('Require apikey-scope a', 'Require apikey-scope b')), 'a',
   'the challenge has the scope of the first line that failed');
is(wanted(all($user, 'Require not apikey-scope z',
              'Require apikey-scope b')), 'b',
   'the challenge has no scope of a negated line');
is(wanted('Require apikey-scope "%{req:X-Not-Sent}"'), undef,
   'the challenge has no scope where the expression is empty');
is(wanted(all($fails{tenant}, 'Require apikey-scope a')), undef,
   'the challenge has no scope where the tenant is wrong');

key_nowhere_in_logs($_) for values %made, $plain;

done_testing;
