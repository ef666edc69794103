# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Each configuration that a reader may copy out of README.md, conf/manual,
# conf/apikey.conf and conf/examples starts and opens nothing.  For every edge
# of what it guards (APIKey::Edges), a request without a key, and one with a key
# that is not allowed there, gets nothing that an application might take for
# what is guarded.

use APIKey::Blocks qw(blocks directive_names);
use APIKey::Guard qw(files slurp);
use APIKey::OwnTable qw(page);
use APIKey::RecipeSite;
use APIKey::Test;

my $PAGES = qr{^(?:README\.md|conf/manual/.*\.md|conf/apikey\.conf
                 |conf/examples/.*\.(?:conf|md))$}x;
# Directives that a server may have beside a recipe, and the edges that these
# concern.
my %VARIANTS = ('' => undef, 'MergeSlashes Off' => qr{//},
                'AllowEncodedSlashes On' => qr/%2f/i,
                'AllowEncodedSlashes NoDecode' => qr/%2f/i);

# The first area of the manual, for blocks that do not guard an area themselves.
my $GUARD = <<'EOF_GUARD';
<Location "/api">
    AuthType ApiKey
    AuthName "Partner API"
    Require valid-user
    ProxyPass "http://127.0.0.1:9000/api"
</Location>
EOF_GUARD
my $NARROW = <<'EOF_NARROW';
<Location "/api/admin">
    AuthMerging And
    Require apikey-scope admin
</Location>
EOF_NARROW
# An area without its Require.
my %AREA = (
    before => qq(<Location "/api">\nAuthType ApiKey\nAuthName "Partner API"\n),
    after => qq(ProxyPass "http://127.0.0.1:9000/api"\n</Location>\n));
my $AWAY = qq(ApiKeyDBDriver pgsql\n)
         . qq(ApiKeyDBDParams "host=127.0.0.1 port=1 connect_timeout=1"\n);
my $BOTH = [qw(acme globex)];
my %TENANTS = ('* /api' => [], '* /api/orgs/acme' => ['acme'],
               '* /api/orgs/globex' => ['globex']);
my %SECTIONS = (
    narrow  => { '* /api' => $BOTH, '* /api/admin' => ['globex'] },
    methods => { 'GET /api/partners' => ['acme'],
                 'POST /api/partners' => ['globex'] },
    introw  => { '* /' => [], 'GET /api/v1/partners' => ['acme'],
                 'GET /api/v1/commissions/payouts' => ['globex'],
                 'POST /api/v1/affiliate/conversions' => ['globex'] },
    introzy => { '* /' => [], '* /api' => $BOTH, '* /mcp' => $BOTH,
                 '* /api/organizations/acme' => ['acme'],
                 '* /api/organizations/globex' => ['globex'] },
    partnero => { '* /' => [], 'GET /v1' => ['acme'],
                  'POST /v1' => ['globex'] },
    walletcrew => { '* /' => [], 'GET /passes' => ['acme'],
                    'POST /loyalty' => ['globex'] },
);
my %SCOPES = (
    introw => { acme => ['partners:read'],
                globex => [qw(commissions:read affiliate:write)] },
    introzy => { acme => [], globex => [] },
    partnero => { acme => ['read'], globex => ['write'] },
    walletcrew => { acme => ['passes:read'], globex => ['loyalty:write'] },
);

# ---- Each block's frame ----
# A page and what a block looks like; what stands before and after the block in
# the virtual host; and what is guarded.  A block without a section and without
# a rule of its own is a setting, beside a guarded area.

my @RULES = (
    # As it is shipped, apikey.conf changes nothing.
    [ qr/apikey\.conf/, qr/^# mod_apikey: every directive/m,
      { after => $GUARD, guards => { '* /api' => $BOTH } } ],
    [ qr/directives|apikey\.conf/,
      qr/\A<Location "\/api">[^<]*valid-user[^<]*<\/Location>[^<]*\z/,
      { guards => { '* /api' => $BOTH } } ],
    [ qr/directives/, qr/^<Location "\/api\/admin">/,
      { before => $GUARD, guards => $SECTIONS{narrow} } ],
    [ qr/directives/, qr/^<Location "\/api\/partners">/m,
      { guards => $SECTIONS{methods} } ],
    [ qr/directives|apikey\.conf/, qr/"\^\/api\/orgs/,
      { guards => \%TENANTS } ],
    [ qr/directives/, qr/\A<LocationMatch "\^\/api\\b/,
      { before => "$GUARD$NARROW", guards => $SECTIONS{narrow} } ],
    [ qr/directives/, qr/^<Location "\/api\/mcp">/,
      { before => $GUARD, guards => { '* /api' => $BOTH } } ],
    [ qr/directives/, qr/^<Macro Customer/, { host => 1,
      hosts => 1, answers => qr/A page of acme/, guards => { '* /page' => ['acme'] } } ],
    [ qr/directives/, qr/^<Directory "\/srv\/customers">/,
      { before => qq(DocumentRoot "/srv/customers"\n),
        answers => qr/A page of acme/, guards => { '* /page' => $BOTH } } ],
    [ qr/README\.md/, qr/^<Location "\/api">/m,
      { guards => { '* /api' => ['acme'] } } ],
    [ qr/guard-an-api/, qr/^<Location "\/api">/m,
      { guards => { '* /api' => ['acme'] } } ],
    [ qr/answers-401/, qr/^<Location "\/api">/m,
      { guards => { '* /api' => ['globex'] } } ],
    [ qr/on-postgresql|rotate-a-secret/, qr/^<Location "\/api">/m,
      { guards => { '* /api' => $BOTH } } ],
    # The keys of this test begin with ak_, so none is accepted.
    [ qr/directives/, qr/^ApiKeyPrefix/,
      { after => $GUARD, guards => { '* /api' => [] } } ],
    # Lines of which a server would have one only.
    [ qr/directives/, qr/^ApiKeyCache .*^ApiKeyCache/ms,
      { alternatives => {}, after => $GUARD,
        guards => { '* /api' => $BOTH } } ],
    [ qr/apikey\.conf/, qr/\A(?:Require apikey-\N+\n)+\z/,
      { %AREA, alternatives => { scope => ['acme'], tenant => ['acme'],
                                 env => $BOTH, id => [], meta => ['acme'],
                                 none => [] } } ],
    [ qr/directives/, qr/\ARequire expr .*PLAN\} == 'gold'/,
      { %AREA, guards => { '* /api' => ['acme'] } } ],
    # Databases that do not answer: access is granted to no request.
    [ qr/./, qr/^ApiKeyDBDriver .*^ApiKeyDBDParams/ms,
      { after => $GUARD, guards => { '* /api' => [] } } ],
    [ qr/./, qr/^ApiKeyDBDriver/,
      { after => ($AWAY =~ s/.*\n//r) . $GUARD,
        guards => { '* /api' => [] } } ],
    [ qr/./, qr/^ApiKeyDBDParams/,
      { before => ($AWAY =~ s/\n.*/\n/sr), after => $GUARD,
        guards => { '* /api' => [] } } ],
    [ qr/own-table/, qr/strftime/,
      { before => qq(DBDParams "/var/lib/apikey/own.db"\n), after => $GUARD,
        guards => { '* /api' => [] } } ],
    [ qr/own-table/, qr/TIMESTAMPDIFF/,
      { before => qq(ApiKeyDBDriver mysql\n)
                . qq(ApiKeyDBDParams "host=127.0.0.1,port=1"\n),
        after => $GUARD, guards => { '* /api' => [] } } ],
    [ qr/./, qr/^ApiKeyQuery/m,
      { before => $AWAY, after => $GUARD, guards => { '* /api' => [] } } ],
    [ qr/./, qr/^ApiKeyChangesQuery/,
      { before => $AWAY . qq(ApiKeyQuery "SELECT client AS id, customer AS )
                . qq(tenant FROM api_client WHERE key_hmac = %s"\n),
        after => $GUARD, guards => { '* /api' => [] } } ],
    # The proxy 10.0.0.1 only is trusted; t/auth/authz.t sends requests from
    # such an address.
    [ qr/directives/, qr/^SetEnvIfExpr .*^ApiKeyTenant/ms,
      { after => $GUARD, guards => { '* /api' => [] } } ],
    [ qr/many-customers/, qr/^ApiKeyTenant/m, { elsewhere => 1 } ],
    [ qr/./, qr/^ApiKeyTenant/m,
      { after => $GUARD, server => 'acme',
        guards => { '* /api' => ['acme'] } } ],
    # Whole files.
    [ qr/keys\.conf/, qr/^DBDriver/m,
      { after => $GUARD, guards => { '* /api' => [] } } ],
    (map { my $name = $_;
           [ qr/$name\.conf/, qr/<VirtualHost/, { host => 1, example => $name,
             guards => $SECTIONS{$name} } ] } sort keys %SCOPES),
    [ qr/examples\/README/, qr/^Define INTROW_BIND/m,
      { host => 1, example => 'introw', guards => $SECTIONS{introw} } ],
    # These are in t/manual/tasks.t; applications.md has the first of them, too.
    [ qr/moving-in/, qr/^<Location "\/api">/m, { elsewhere => 1 } ],
    [ qr/many-customers/, qr/^AuthType ApiKey/, { elsewhere => 1 } ],
    [ qr/on-postgresql/, qr/^DBDriver/, { elsewhere => 1 } ],
    # These are in t/apps/mcp.t, t/manual/server.t, t/respond/forward_proxy.t
    # and t/manual/claims.t.
    [ qr/mcp\.md/, qr/^<Location "\/mcp">/, { elsewhere => 1 } ],
    [ qr/site\.conf/, qr/^ServerRoot/m, { elsewhere => 1 } ],
    [ qr/directives/, qr/^<Proxy "/, { elsewhere => 1 } ],
    [ qr/directives/, qr/^AuthType None/, { elsewhere => 1 } ],
    # This one is in t/respond/masked_headers.t.
    [ qr/directives/, qr/has_key/, { elsewhere => 1 } ],
    # These are in t/apps/wordpress.t, t/apps/openid.t and
    # t/apps/applications.t.
    [ qr/applications/, qr/^<FilesMatch .*\n *SetHandler/, { elsewhere => 1 } ],
    [ qr/applications/, qr/^<(?:Directory |Location |Else>)/, { elsewhere => 1 } ],
);

sub rule_of {
    my ($block, @rules) = @_;
    my ($rule) = grep { $block->{file} =~ $_->[0] && $block->{text} =~ $_->[1] }
                 @rules;
    return $rule if $rule;
    # A setting needs no rule; a section without one is not covered.
    return $block->{text} =~ /^\s*</m ? undef
         : [ undef, undef, { after => $GUARD,
                             guards => { '* /api' => $BOTH } } ];
}

my $stage = run_info()->{stage};
my $list = "$stage/state/blocks.$$.conf";
{
    open my $out, '>', $list or die "$list: $!\n";
    print $out slurp_from("$stage/conf/modules.list"),
        qq(LoadModule apikey_module "@{[ run_info()->{module} ]}"\n),
        qq(ServerName 127.0.0.1\nErrorLog "$stage/logs/check_log"\n),
        qq(DefaultRuntimeDir "$stage/state"\n);
    close $out or die "$list: $!\n";
}
my $DIRECTIVES = directive_names(run_info()->{httpd}, $list);
unlink $list;

sub slurp_from {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$in>;
}

# ---- Each configuration has a frame ----

my @blocks = map { blocks($_, slurp($_), $DIRECTIVES) } files($PAGES);
cmp_ok(scalar @blocks, '>', 50, 'the pages have more than 50 configurations');
my %used;
my @uncovered;
for my $block (@blocks) {
    my $rule = rule_of($block, @RULES);
    push @uncovered, "$block->{file}:$block->{line}" unless $rule;
    $block->{rule} = $rule->[2] if $rule;
    $used{$rule} = 1 if $rule;
}
is(join(' ', @uncovered), '', 'each configuration has a frame in this test');
is(join(' ', map { "$_->[0] $_->[1]" } grep { !$used{$_} } @RULES), '',
   'each frame has a configuration');
is(scalar(grep { !rule_of($_, @RULES) }
          blocks('conf/manual/new.md', <<'EOF_NEW', $DIRECTIVES)), 2,
Text:

    <Location "/new">
        Require all granted
    </Location>

```
SetEnvIf A b c
<Files x>
</Files>
```

    GROUP BY x

### APIKEY0999

    ApiKeyTenant 'x': a message
EOF_NEW
   'new sections without a frame are found');

# ---- They start ----

my $site = APIKey::RecipeSite->new;

sub prepare {
    my ($dir) = $site->{dir};
    $site->file("srv/$_/page/x", 'A page of ' . s/\.example//r . ".\n")
        for qw(acme.example globex.example);
    $site->file('srv/customers/page/x', "A page of acme.\n");
    my ($pair) = slurp('README.md') =~ /^((?:    \N+\n)*    ApiKeySecretFile.*\n)/m;
    $site->file('etc/apikey.conf', $site->here($pair =~ s/^ +//mgr));
    $site->file('etc/apikey.secret', $site->slurp('secret'), 0600);
    my %header = (introw => 'x-api-key: ', walletcrew => 'X-API-KEY: ');
    for my $name (sort keys %SCOPES) {
        my $conf = $site->file("etc/apikey/$name.keys.conf",
            $site->here(slurp("conf/examples/$name.keys.conf")));
        $site->file("etc/apikey/$name.secret", `'$ENV{HTAPIKEY}' secret`,
                    0600);
        system($ENV{HTAPIKEY}, '-f', $conf, 'init') == 0 or die "init\n";
        $site->{example_keys}{$name} = $site->keys_of($conf,
            $header{$name} // 'Authorization: Bearer ', %{ $SCOPES{$name} });
    }
    my (undef, @statements) = page('SQLite');
    system('sqlite3', "$dir/db/own.db", map { "$_;" } @statements) == 0
        or die "sqlite3: own.db\n";
    my @user = getpwnam run_info()->{user};
    chown @user[2, 3], "$dir/db", glob "$dir/db/*" unless $>;
    $site->{own_keys} = $site->keys_of("$dir/cli.conf", 'X-API-Key: ',
        acme => [qw(partners:read plan=gold)],
        globex => [qw(partners:write admin)]);
    $site->{host_keys} = $site->keys_of("$dir/cli.conf", 'X-API-Key: ',
        'acme.example' => [], 'globex.example' => []);
}

# A block in its frame: once, or once for each of its alternatives.
sub recipes_of {
    my ($block) = @_;
    my $rule = $block->{rule};
    my $name = "$block->{file}:$block->{line}";
    return () if $rule->{elsewhere};
    my %base = (%$rule, name => $name, keys => $rule->{example}
                ? $site->{example_keys}{ $rule->{example} }
                : $site->{ $rule->{hosts} ? 'host_keys' : 'own_keys' });
    my @texts = $block->{text};
    @texts = map { "$_\n" } split /\n/, $block->{text}
        if $rule->{alternatives};
    return map {
        my ($kind) = /^Require apikey-(\w+)/;
        +{ %base, text => join('', $rule->{before} // '', $_,
                              $rule->{after} // ''),
          guards => defined $kind
              ? { '* /api' => $rule->{alternatives}{$kind} }
              : $rule->{guards} }
    } @texts;
}

# The names of an example get a number, because several examples are on this
# server.
sub placed {
    my ($recipe, $variant) = @_;
    if (my $name = $recipe->{example}) {
        my $own = uc($name) . '@NUMBER@';
        my $text = $recipe->{text} =~ s/^\s*Define \w+_CERT .*\n//mr
            =~ s/\b\U$name\E(?=_)/$own/gr =~ s/\*:443/\@AT\@/r
            =~ s/^Listen .*\n//mr =~ s/127\.0\.0\.1:8080/\@AT\@/r;
        if ($text =~ s{^Include /etc/apikey/\w+\.conf$}{Include "\@DIR\@/etc/apikey/\@NUMBER\@.conf"}m) {
            my $number = @{ $site->{places} };
            $site->file("etc/apikey/$number.conf", slurp("conf/examples/$name.conf")
                =~ s/\b\U$name\E(?=_)/uc($name) . $number/ger);
        }
        $recipe = { %$recipe, text => $text };
    }
    elsif ($recipe->{host}) {
        $recipe = { %$recipe, text => $recipe->{text} =~ s/\*:80/\@AT\@/gr
                    =~ s/Customer(?= )/Customer\@NUMBER\@/gr };
    }
    return $site->place($recipe, $variant);
}

prepare();
my @places;
for my $block (@blocks) {
    # A section is tried with all variants; a setting with a guarded area beside
    # it, at some edges.
    my $setting = $block->{rule}{after} || $block->{file} =~ /README/;
    for my $recipe (recipes_of($block)) {
        push @places, map { +{ %{ placed($recipe, $_) },
                               like => $VARIANTS{$_} } }
                      $setting ? '' : sort keys %VARIANTS;
        $places[-1]{like} = qr{^/+api[^/]?/x/?$} if $block->{rule}{after};
        $places[-1]{like} = qr/%2f/ if $block->{file} eq 'conf/examples/README.md';
    }
}
my $old = { name => 'the recipe as it was', keys => $site->{own_keys},
    guards => \%TENANTS, text => <<'EOF_OLD' };
ProxyPass "/" "http://127.0.0.1:9000/"
<LocationMatch "^/api/orgs/(?<org>[^/]+)/">
    AuthType ApiKey
    AuthName "Partner API"
    Require apikey-tenant "%{env:MATCH_ORG}"
</LocationMatch>
EOF_OLD
my $open = placed($old, '');
$site->run;
pass('httpd starts with all of these configurations');

# ---- They open nothing ----

$site->ask_edges($_, $_->{like}) for @places, $open;
note("$site->{asked} requests");
my $reached = $site->reached;
for my $place (@places) {
    my @open = $site->open_edges($place, $reached);
    is(scalar @open, 0, "$place->{what} opens nothing")
        or diag(join "\n", @open[0 .. ($#open > 20 ? 20 : $#open)]);
    is(join("\n", $site->closed($place)), '',
       "$place->{what} grants access to keys that are allowed");
}
my @found = $site->open_edges($open, $reached);
cmp_ok(scalar(grep { m{^none: GET /api/orgs/acme is answered 200} } @found),
       '==', 1, 'a configuration that opens something is found');

$site->stop;
done_testing;
