# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey explain says what httpd, with the same configuration, answers; and
# says so where it cannot know.

use APIKey::Test;
use APIKey::Auth;
use JSON::PP ();

my $host = 'auth_explain';
my $conf = APIKey::Test::run_info()->{stage} . '/conf/httpd.conf';
my ($secret) = secrets();

my %key = (
    acme => create_key($host, scope => 'a:b'),
    globex => create_key($host, tenant => 'globex', env => 'test',
                         scope => [qw(x:y wild:*)]),
    revoked => create_key($host, tenant => 'globex', scope => 'a:b'),
    elsewhere => create_key($host, keyspace => 'elsewhere'),
);
tell($host, 'revoke', $key{revoked}{id});

sub explained {
    my ($which, $path, %with) = @_;
    my $url = 'http://127.0.0.1:' . port($with{host} // $host) . $path;
    my $done = htapikey($host, '--json', 'explain', $key{$which}{id},
                        '--url', $url, '--httpd', $conf,
                        $with{method} ? ('--method', $with{method}) : ());
    my $said = eval { JSON::PP->new->utf8->decode($done->{out}) }
        // die "explain $path: $done->{out} $done->{err}";
    is($done->{exit}, $said->{result} eq 'granted' ? 0 : 1,
       "$which at $path: the exit status");
    return $said;
}

# What httpd says, as explain would.
sub answered {
    my ($which, $path, $method) = @_;
    my $r = ask_as($method // 'GET', $host, $path,
                   "X-API-Key: $key{$which}{key}");
    return $r->{status} < 300 || $r->{status} == 405 ? 'granted'
           : eval { JSON::PP->new->decode($r->{body}) }->{code}
             // $r->{status};
}

my @places = (map { "/l$_/index.html" } qw(valid scope wild prefix prefixed
    tenant env any all none not user nested method merged or replaced));
push @places, '/files/index.html', '/files/auth/refused.html',
    '/files/auth/status.cgi';
for my $path (@places) {
    for my $which (qw(acme globex),
                   $path =~ /scope|files/ ? qw(revoked elsewhere) : ()) {
        my $said = explained($which, $path);
        my $answer = answered($which, $path);
        is($said->{result}, $answer, "$which at $path: as httpd says")
            or diag in_words($which, $path);
        my @decide = grep { $_->{decides} } @{ $said->{require} };
        is(!!@decide, !!($which !~ /revoked|elsewhere/),
           'and some line decides');
        is_deeply([ grep { $_->{met} eq 'unknown' } @{ $said->{require} } ],
                  [], 'nothing is unknown');
    }
}

sub in_words {
    my ($which, $path) = @_;
    return htapikey($host, 'explain', $key{$which}{id}, '--httpd', $conf,
                    '--url', 'http://127.0.0.1:' . port($host) . $path)
           ->{out};
}

for my $method (qw(POST HEAD DELETE)) {
    for my $which (qw(acme globex)) {
        # A file answers 405 where it is let through.
        my $said = explained($which, '/lmethod/index.html', method => $method);
        my $r = ask_as($method, $host, '/lmethod/index.html',
                       "X-API-Key: $key{$which}{key}");
        is($said->{result}, $r->{status} == 403 ? 'tenant' : 'granted',
           "$method by $which: as httpd says");
    }
}

# Which line it is.
sub deciding {
    my ($which, $path) = @_;
    return [ map { "$_->{require}: $_->{met}" }
             grep { $_->{decides} } @{ explained($which, $path)->{require} } ];
}
is_deeply(deciding('acme', '/lall/index.html'),
          ['apikey-tenant globex: not met'], 'a tenant goes before a scope');
is_deeply(deciding('acme', '/lany/index.html'), ['apikey-scope a:b: met'],
          'the one that is met');
is_deeply(deciding('globex', '/lnested/index.html'),
          [ 'apikey-env test: met', 'apikey-scope x:y: met', 'valid-user: met' ],
          'all of those that are needed');
is_deeply(deciding('globex', '/lmerged/index.html'),
          ['apikey-tenant acme: not met'], 'what was merged');

# What cannot be known is said, and is no grant.
for my $case ([ expr => qr/./, 'apikey-tenant' ], [ ip => qr/./, 'ip ' ],
              [ if => qr/<If .* holds/ ], [ macro => qr/ExplainMacro/ ],
              [ rewritten => qr/RewriteRule/ ], [ ahead => qr/\(\?!x\).* matches/ ]) {
    my ($place, $why, $line) = @$case;
    my $said = explained('acme', "/l$place/index.html");
    is($said->{result}, 'unknown', "$place: unknown");
    $line ? like($_->{require}, qr/^\Q$line/, 'which line')
          : like("@{ $said->{not_known} }", $why, 'why')
        for $line ? grep { $_->{met} eq 'unknown' } @{ $said->{require} } : 1;
}
is(explained('revoked', '/lip/index.html')->{result}, 'revoked',
   'a revoked key is, whatever else');
is(explained('acme', '/open/x')->{result}, 'open', 'no area of keys');
my $said = explained('globex', '/x', host => 'auth_explain_lock');
is_deeply([ @{$said}{qw(result enforce)} ], [ 'tenant', 'log' ],
          'ApiKeyTenant, and ApiKeyEnforce Log');
is(explained('acme', '/x', host => 'auth_explain_lock')->{result}, 'granted',
   'and its own tenant');

# For people; by the key; without httpd.
my $text = in_words('acme', '/lscope/index.html');
like($text, qr{^result\s+granted$}m, 'text: the result');
like($text, qr{<Location /lscope>\s+\S+explain\.conf:\d+$}m, 'the section');
like($text, qr{met\s+Require apikey-scope a:b\s+x:y.*:\d+  <- decides$}m,
     'the line');
unlike($text, qr/Location \/lvalid/, 'no other section');
is(scalar(my @all = $text =~ /is built into httpd/g), 1,
   'of modules that are not loaded, the one that matters');
for my $case ([ acme => 0, 'granted' ], [ revoked => 1, 'revoked (401)' ],
              [ elsewhere => 1, 'invalid (401)' ]) {
    my ($which, $exit, $result) = @$case;
    my $done = htapikey($host, 'explain', '-',
                        { stdin => "$key{$which}{key}\n" });
    is_deeply([ $done->{exit}, $done->{out} =~ /^result\s+(.*?)\s*$/m ],
              [ $exit, $result ], "$which, by the key");
    $done = htapikey($host, 'explain', $key{$which}{id});
    is_deeply([ $done->{exit}, $done->{out} =~ /^result\s+(.*?)\s*$/m ],
              [ $exit, $result ], "$which, by its id");
}
my $unknown = unknown_key($secret);
my $done = htapikey($host, 'explain', '-', { stdin => "$unknown\n" });
is_deeply([ $done->{exit}, $done->{out} =~ /^result\s+(\w+)/ ],
          [ 1, 'invalid' ], 'a key that nobody has');
is(htapikey($host, 'explain', '000000000000')->{exit}, 1, 'an id likewise');
for my $wrong ([ '--httpd', $conf ], [ '--url', 'x', '--httpd', $conf ],
               [ '--url', '/x', '--httpd', $conf ],
               [ '--url', 'http://h/a/../b', '--httpd', $conf ],
               [ '--url', '/x', '--httpd', "$conf.none" ]) {
    my $done = htapikey($host, 'explain', $key{acme}{id}, @$wrong);
    is($done->{exit}, 2, "@$wrong: wrong usage") or diag $done->{out};
    isnt($done->{err}, '', 'with a sentence');
}
key_nowhere_in_logs($_) for values %key;

done_testing;
