# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# 2000 random requests to 200 random sections: each answer is the one that a
# small model of the manual, written below, computes. APIKEY_TEST_SEED is the
# seed of the random numbers.

use APIKey::Auth qw(secrets unknown_key);
use APIKey::ConfigTest;
use APIKey::Test;
use MIME::Base64 qw(encode_base64);

my $AREAS = 200;
my $REQUESTS = 2000;
my $seed = $ENV{APIKEY_TEST_SEED} // 5;
srand $seed;
note("APIKEY_TEST_SEED=$seed");

sub one_of { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }

# ---- Keys, and the reason for which each is refused everywhere ----
my $site = APIKey::ConfigTest->new;
my %KEYS = (
    acme    => [ 'acme', 'live', 'a:read b:*' ],
    globex  => [ 'globex', 'test', '*' ],
    initech => [ 'initech', 'live', '' ],
    map({ $_ => [ 'acme', 'live', '*' ] } qw(revoked expired disabled other)),
    suspended => [ 'late', 'live', '*' ],
);
my (%key, %id, %reason);
for my $name (sort keys %KEYS) {
    my ($tenant, $env, $scopes) = @{ $KEYS{$name} };
    chomp($key{$name} = $site->htapikey(qw(create -q --name), $name,
        '--tenant', $tenant, '--env', $env,
        map({ ('--scope', $_) } split ' ', $scopes),
        $name eq 'other' ? qw(--keyspace other) : ()));
    remember_key($key{$name});
    ($id{$name}) = $site->htapikey(qw(list --all)) =~ /^(\w{12}) .*\b$name\b/m;
    $reason{ $key{$name} } = $name if $name =~ /ed$/;
}
$reason{ $key{other} } = 'invalid';
$site->htapikey('revoke', $id{revoked});
$site->htapikey('disable', $id{disabled});
$site->htapikey(qw(tenant suspend late));
system('sqlite3', $site->{db}, "UPDATE apikey SET expires = 1000000000 "
                             . "WHERE id = '$id{expired}'") == 0
    or die "sqlite3 failed\n";
$key{unknown} = unknown_key((secrets("$site->{dir}/secret"))[0]);
$key{wrong} = $key{acme} =~ s/(.)$/$1 eq 'x' ? 'y' : 'x'/er;
$key{odd} = 'odd';
$reason{ $key{$_} } = 'invalid' for qw(unknown wrong odd);
my %owner = map { $key{$_} => $_ } qw(acme globex initech);

# ---- Areas: sections with a tree of Require ----
my @METHODS = qw(GET HEAD POST OPTIONS DELETE PUT);
my %ARGUMENT = (
    'apikey-scope' => [ 'a:read', 'b:write', 'c:any', 'b:one c:any' ],
    'apikey-tenant' => [ 'acme', 'globex', 'acme initech', '%{tolower:ACME}' ],
    'apikey-env' => [ 'live', 'test', 'live test' ],
    'apikey-id' => [ @id{qw(acme globex)}, "$id{globex} $id{initech}" ],
    'valid-user' => [''], user => [ 'acme', 'globex initech' ],
    all => [ 'granted', 'denied' ], ip => [ '127.0.0.1', '10.0.0.0/8' ],
    method => [ 'GET HEAD', 'POST PUT DELETE', 'OPTIONS' ],
);
my @KINDS = (map({ ($_) x 3 } grep { /^apikey/ } sort keys %ARGUMENT),
             grep { !/^apikey/ } sort keys %ARGUMENT);

# Each apikey line has an alias that may be written in its place.
my %alias;
for my $kind (grep { /^apikey/ } sort keys %ARGUMENT) {
    $alias{"$kind $_"} = 'alias' . keys %alias for @{ $ARGUMENT{$kind} };
}

sub leaf {
    my $kind = one_of(@KINDS);
    return { kind => $kind, argument => one_of(@{ $ARGUMENT{$kind} }),
             alias => $kind =~ /^apikey/ && chance(0.3) };
}

# httpd allows a negated line and RequireNone, which cannot grant, only in a
# RequireAll beside something that can.
sub tree {
    my ($depth, $type) = @_;
    my @children = map { $depth && chance(0.4) ? tree($depth - 1) : leaf() }
                   0 .. int rand 3;
    $type //= one_of('All', 'Any');
    if ($type eq 'All') {
        push @children, { %{ leaf() }, not => 1 } if chance(0.2);
        push @children, tree(0, 'None') if chance(0.15);
        @children = reverse @children if chance(0.3);
    }
    return { type => $type, children => \@children };
}

sub written {
    my ($node) = @_;
    my $line = join ' ', grep { length } @$node{qw(kind argument)};
    my @lines = $node->{kind}
        ? 'Require ' . ($node->{not} ? 'not ' : '')
          . ($node->{alias} ? $alias{$line} : $line)
        : ("<Require$node->{type}>", map({ written($_) }
           @{ $node->{children} }), "</Require$node->{type}>");
    @lines = ("<Limit $node->{limit}>", @lines, '</Limit>') if $node->{limit};
    return @lines;
}

my @areas = map {
    my $tree = chance(0.2) ? { type => 'Any', children => [ leaf() ] }
                           : tree(2);
    $tree->{bare} = $tree->{type} eq 'Any' && chance(0.5);
    $tree->{limit} = one_of('GET POST', 'OPTIONS', 'DELETE PUT')
        if !$tree->{bare} && chance(0.1);
    { tree => $tree, from => one_of(('header bearer') x 4, 'header', 'bearer') }
} 1 .. $AREAS;

# ---- The model ----
# Whether a line is met; undef if that depends on a user who is not known.
sub holds {
    my ($line, $request) = @_;
    my ($kind, $argument) = @$line{qw(kind argument)};
    my @words = split ' ', $argument;
    return $argument eq 'granted' if $kind eq 'all';
    return $argument eq '127.0.0.1' if $kind eq 'ip';
    return scalar grep { $_ eq $request->{method} } @words
        if $kind eq 'method';
    my $who = $request->{who} // return undef;
    my ($tenant, $env, $scopes) = @{ $KEYS{$who} };
    return 1 if $kind eq 'valid-user';
    @words = map { $_ eq '%{tolower:ACME}' ? 'acme' : $_ } @words;
    return scalar grep { $_ eq $tenant } @words
        if $kind =~ /^(?:user|apikey-tenant)$/;
    return scalar grep { $_ eq $env } @words if $kind eq 'apikey-env';
    return scalar grep { $_ eq $id{$who} } @words if $kind eq 'apikey-id';
    return scalar grep {
        my $wanted = $_;
        grep { $_ eq $wanted || /^(.*)\*$/ && index($wanted, $1) == 0 }
            split ' ', $scopes
    } @words;
}

# The result of a line or container as in httpd's manual: granted, denied or
# neutral; "ask" if it depends on a user who is not known.
sub result {
    my ($node, $request, $outer) = @_;
    return $outer eq 'All' ? 'granted' : 'neutral'
        if $node->{limit} && !grep { $_ eq $request->{method}
            || $_ eq 'GET' && $request->{method} eq 'HEAD' }
            split ' ', $node->{limit};
    my $result = 'neutral';
    if ($node->{kind}) {
        my $holds = holds($node, $request);
        $result = !defined $holds ? 'ask' : $holds ? 'granted' : 'denied';
    }
    else {
        my $all = $node->{type} eq 'All';
        my %seen = map { result($_, $request, $node->{type}) => 1 }
                   @{ $node->{children} };
        my @order = $all ? qw(denied ask granted) : qw(granted ask denied);
        ($result) = ((grep { $seen{$_} } @order), 'neutral');
    }
    return $result if !$node->{not} && ($node->{type} // '') ne 'None';
    return $result eq 'granted' ? 'denied' : 'neutral';
}

# The apikey lines that can be a reason: those that are not negated.
sub ours {
    my ($node) = @_;
    return () if $node->{not} || ($node->{type} // '') eq 'None';
    return $node->{kind} =~ /^apikey/ ? $node : () if $node->{kind};
    return map { ours($_) } @{ $node->{children} };
}

# Whether a container is met by its apikey lines alone; undef: it has none.
sub met {
    my ($node, $request) = @_;
    return undef if !ours($node);
    return !!holds($node, $request) if $node->{kind};
    my @met = grep { defined } map { met($_, $request) } @{ $node->{children} };
    return $node->{type} eq 'All' ? !grep({ !$_ } @met) : !!grep { $_ } @met;
}

# The apikey lines that failed, except those of a RequireAny that is met.
sub failed {
    my ($node, $request) = @_;
    return () if !ours($node);
    return holds($node, $request) ? () : $node if $node->{kind};
    return () if $node->{type} eq 'Any' && met($node, $request);
    return map { failed($_, $request) } @{ $node->{children} };
}

sub lines_of {
    my ($node) = @_;
    return $node->{kind} ? $node : map { lines_of($_) } @{ $node->{children} };
}

# The reason of a refusal: the first of tenant, env, id, scope that failed. If
# the tree has a line of another kind, httpd may stop at it, and the reason
# depends on the order of lines: any that failed is right, "tenant|scope".
sub why {
    my ($area, $request) = @_;
    my $others = grep { $_->{kind} =~ /^(?:all|ip|method)$/ }
                 lines_of($area->{tree});
    my %failed = map { ($_->{kind} => 1) }
        $others ? grep { !holds($_, $request) } ours($area->{tree})
                : failed($area->{tree}, $request);
    my @reasons = grep { $failed{"apikey-$_"} } qw(tenant env id scope);
    return join '|', @reasons, 'forbidden' if $others;
    return $reasons[0] // 'forbidden';
}

# The name of the key that is sent, and the reason if it is refused everywhere.
sub credential {
    my ($area, $request) = @_;
    my (%ours, $any);
    for my $sent (@{ $request->{sent} }) {
        my ($place, $key, $twice) = @$sent;
        next if $place eq 'basic' || $area->{from} !~ /$place/;
        return (undef, 'ambiguous') if $twice;
        $any = 1;
        $ours{$key} = 1 if $key =~ /^ak_/;
    }
    return (undef, 'missing') if !$any;
    return (undef, 'ambiguous') if keys %ours > 1;
    my ($key) = keys %ours;
    return (undef, 'invalid') if !defined $key;
    return ($owner{$key}, $reason{$key});
}

sub answer {
    my ($area, $request) = @_;
    return 'exposed' if $request->{query};
    my ($who, $fault) = credential($area, $request);
    my $first = result($area->{tree}, { %$request, who => undef }, 'All');
    return 'forbidden' if $first eq 'denied' || $first eq 'neutral';
    return 'granted' if $first eq 'granted' && ($fault // '') eq 'missing';
    return 'exposed' if $request->{referer};
    return $fault if $fault;
    $request = { %$request, who => $who };
    return 'granted' if result($area->{tree}, $request, 'All') eq 'granted';
    return why($area, $request);
}

# ---- Requests ----
my %STATUS = (
    (map { $_ => 401 } qw(missing invalid expired revoked disabled)),
    (map { $_ => 403 } qw(suspended tenant env id scope forbidden)),
    ambiguous => 400, exposed => 400,
);
my @GOOD = qw(acme globex initech);

sub a_request {
    my @sent;
    my $some = sub { $key{ chance(0.7) ? one_of(@GOOD)
                                       : one_of(sort keys %key) } };
    my $key = $some->();
    my $dice = rand;
    push @sent, [ 'header', $key, $dice < 0.03 ] if $dice < 0.5;
    push @sent, [ 'bearer', $key ] if $dice >= 0.45 && $dice < 0.8;
    push @sent, [ 'header', $some->() ], [ 'bearer', $some->() ]
        if $dice >= 0.8 && $dice < 0.87;
    push @sent, [ 'basic', 'x' ]
        if $dice >= 0.87 && $dice < 0.9;
    push @sent, [ 'bearer', 'a.b.c' ] if $dice > 0.4 && $dice < 0.42;
    return { method => one_of('GET', @METHODS), sent => \@sent,
             query => chance(0.02), referer => chance(0.02) };
}

sub sent {
    my ($request, $area) = @_;
    my @headers = map {
        my ($place, $key, $twice) = @$_;
        my $blank = one_of('', ' ', "\t ");
        my $name = one_of(qw(X-API-Key x-api-key X-Api-KEY));
        $place eq 'header' ? ("$name:$blank$key$blank") x ($twice ? 2 : 1)
            : $place eq 'basic' ? 'Authorization: Basic '
                                  . encode_base64('user:secret', '')
            : one_of('Authorization: Bearer ', 'authorization:bearer  ',
                     'AUTHORIZATION: BEARER ') . $key
    } @{ $request->{sent} };
    push @headers, "Referer: https://a.example/?key=$key{acme}"
        if $request->{referer};
    my $path = "/area$area/" . one_of('', 'index.html', 'none')
             . ($request->{query} ? "?x=1&key=$key{acme}"
                                  : one_of('', '?', '?a=b&c'));
    return join "\r\n", "$request->{method} $path HTTP/1.1", 'Host: a',
           @headers, '', '';
}

$site->file("docs/area$_/index.html", "A page.\n") for 0 .. $#areas;
sub alias_section {
    my ($kind, $argument) = split / /, $_[0], 2;
    return qq(<AuthzProviderAlias $kind $alias{$_[0]} "$argument">\n)
         . "</AuthzProviderAlias>\n";
}

$site->start(<<'EOF_CONF' . join '', map({ alias_section($_) } sort keys %alias),
@DATABASE@
LogLevel emerg
KeepAlive On
MaxKeepAliveRequests 0
EOF_CONF
    map { <<"EOF_AREA" } 0 .. $#areas);
<Location "/area$_/">
    AuthType ApiKey
    ApiKeyFrom $areas[$_]{from}
@{[ join "\n", $areas[$_]{tree}{bare}
    ? map { written($_) } @{ $areas[$_]{tree}{children} }
    : written($areas[$_]{tree}) ]}
</Location>
EOF_AREA

my %times;
my $connection = connection($site->port);
for my $n (1 .. $REQUESTS) {
    my $area = int rand @areas;
    my $request = a_request();
    my $bytes = sent($request, $area);
    my $want = answer($areas[$area], $request);
    $connection->send($bytes);
    my $r = $connection->response($request->{method});
    my $got = $r->{status} =~ /^(?:200|404|405)$/ ? 'granted'
            : $r->{body} =~ /"code":"(\w+)"/ ? $1
            : $request->{method} ne 'HEAD' ? $r->{status}
            : (grep { $r->{status} == ($STATUS{$_} // 0) }
               split /\|/, $want)[0] // $r->{status};
    my ($reason) = grep { $got eq $_ } split /\|/, $want;
    $times{ $reason // '' }++;
    my $ok = defined $reason
        && $r->{status} == ($STATUS{$reason} // $r->{status});
    ok($ok, "request $n to area $area is answered as in the model: $want");
    diag("wanted $want, got $r->{status} $got:\n$bytes",
         "ApiKeyFrom $areas[$area]{from}\n",
         join "\n", written($areas[$area]{tree})) if !$ok;
    $connection = connection($site->port)
        if grep { lc eq 'close' } header_of($r, 'Connection');
}
$site->stop;
is(join(' ', grep { !$times{$_} } 'granted', sort keys %STATUS), '',
   'each possible answer was given at least once');
cmp_ok($times{granted}, '>', $REQUESTS / 10,
       'more than a tenth of the requests were granted');
is($site->leaks(values %key), '', 'the logs contain no key');
done_testing;
