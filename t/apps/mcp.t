# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Keys for a server of the Model Context Protocol, as in conf/manual/mcp.md: the
# requests of the specification, and those of a client of its TypeScript SDK,
# which build/test has installed.

use APIKey::Blocks qw(blocks);
use APIKey::ConfigTest;
use APIKey::Guard qw(slurp);
use APIKey::Process qw(end_process wait_until);
use APIKey::Test;
use IO::Socket::INET;
use JSON::PP ();

my $PAGE = 'conf/manual/mcp.md';
# All builds use one SDK: check-asan has a folder of its own below the usual
# one.
my ($SDK) = grep { -d } map { "$_/mcp/node_modules/\@modelcontextprotocol/sdk" }
    $ENV{APIKEY_BUILD}, "$ENV{APIKEY_BUILD}/..", "$ENV{APIKEY_SOURCE}/_build";
die "There is no client: build/test installs it.\n" unless $SDK;
my $site = APIKey::ConfigTest->new;
my ($port, $other, $any) = map { APIKey::ConfigTest::free_port() } 1 .. 3;
my $server = fork // die "fork: $!\n";
if (!$server) {
    exec $^X, "$ENV{APIKEY_SOURCE}/t/lib/mcp.pl", $port or POSIX::_exit(127);
}
END { end_process($server, 10) if $server && $$ == $site->{owner} }
wait_until(60, sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") })
    or die "mcp.pl did not start.\n";

# The two places of the manual, the second of which has other names here, with
# the challenge; and the first one with further sources of keys.
my ($plain, $challenge, $tools) = map { $_->{text} =~ s/:9000/:$port/gr }
    blocks($PAGE, slurp($PAGE), { ApiKeyChallenge => 1 });
like($tools, qr/Require apikey-scope "mcp:/,
     'the page has the scopes of tools');
$site->file('docs/index.html', "A page.\n");
my $hosts = join '', map { my ($at, $place) = @$_; <<"EOF_HOST" }
Listen 127.0.0.1:$at
<VirtualHost 127.0.0.1:$at>
    ApiKeyFrom scheme:ApiKey header bearer
    @{[ $place =~ s/^/    /mgr ]}
    @{[ $challenge =~ s{https://mcp\.example}{http://127.0.0.1:$at}r ]}
</VirtualHost>
EOF_HOST
    [ $other, $plain ], [ $any, $plain =~ s/^ *ApiKeyFrom bearer\n//mr ];
$site->start("\@DATABASE\@\n$hosts<VirtualHost *>\n$tools</VirtualHost>\n");
my %key = (plain => [ '--scope', 'mcp' ], reader => [ qw(--scope mcp: --scope),
           'mcp:search' ], agent => [ '--scope', 'mcp:*' ], none => []);
$key{$_} = $site->create(@{ $key{$_} }) for keys %key;

# ---- The requests of the specification ----
my $json = JSON::PP->new->utf8->canonical;
my $id = 0;
sub post {
    my ($at, $key, $method, $name, @headers) = @_;
    my $params = $method eq 'initialize'
        ? { protocolVersion => '2026-07-28', capabilities => {},
            clientInfo => { name => 'test', version => '1' } }
        : $name ? { name => $name, arguments => {} } : {};
    my $r = request($at, 'POST', '/mcp', [
        'Content-Type: application/json', "Mcp-Method: $method",
        'Accept: application/json, text/event-stream',
        $key ? "Authorization: Bearer $key" : (),
        @headers ? @headers : $name ? "Mcp-Name: $name" : () ],
        $json->encode({ jsonrpc => '2.0', id => ++$id, method => $method,
                        params => $params }));
    return ($r, eval { $json->decode($r->{body}) } // {});
}
sub status { return (post(@_))[0]{status} }

my ($r, $said) = post($other, $key{plain}, 'tools/call', 'search');
is($said->{result}{content}[0]{text}, 'search for acme',
   'the server gets a request with a key, and the tenant');
is(status($other, $key{none}, 'tools/list'), 403,
   '403 for a key without the scope');
for my $host ($other, $any) {
    ($r) = post($host, undef, 'initialize');
    my ($first, @more) = header_of($r, 'WWW-Authenticate');
    is($first, 'Bearer realm="MCP", scope="mcp", '
       . "resource_metadata=\"http://127.0.0.1:$host"
       . '/.well-known/oauth-protected-resource"',
       'the first challenge has the scope and the metadata');
    is(scalar @more, $host == $any ? 1 : 0,
       'the number of further challenges is that of the other sources');
}
is(get($_, '/.well-known/oauth-protected-resource/mcp')->{status}, 404,
   '404 beside the guarded place, not 401') for $other, $site->port;

my $at = $site->port;
for my $method (qw(initialize tools/list)) {
    is(status($at, $key{$_}, $method), 200, "$_: 200 for $method")
        for qw(reader agent);
    is(status($at, $key{plain}, $method), 403,
       "403 for $method with a key of another scope");
}
is(status($at, $key{reader}, 'tools/call', 'search'), 200,
   '200 for the tool of the scope');
is(status($at, $key{agent}, 'tools/call', 'remove'), 200,
   '200 for any tool with a wildcard scope');
($r) = post($at, $key{reader}, 'tools/call', 'remove');
is($r->{status}, 403, '403 for another tool than that of the scope');
is((header_of($r, 'WWW-Authenticate'))[0], 'Bearer realm="MCP", '
   . 'error="insufficient_scope", scope="mcp:remove"',
   'the challenge has the scope of that tool');
($r) = post($at, undef, 'tools/call', 'remove');
is((header_of($r, 'WWW-Authenticate'))[0], 'Bearer realm="MCP"',
   'the challenge has no scope before a key is sent');
# mod_apikey reads the headers only: the MCP server compares them with the body.
for (['another name', 'Mcp-Name: search'], ['no name', 'X-Other: x']) {
    my ($what, @headers) = @$_;
    ($r, $said) = post($at, $key{reader}, 'tools/call', 'remove', @headers);
    is("$r->{status} $said->{error}{code}", '400 -32020',
       "$what in the headers: the MCP server refuses the call");
}

# ---- A client of the SDK ----
sub clients {
    my @clients = map { my ($at, $key, $provider) = @$_;
        { url => "http://127.0.0.1:$at/mcp", key => $key,
          provider => $provider } } @_;
    open my $out, '-|', 'node', "$ENV{APIKEY_SOURCE}/t/lib/mcp_client.mjs",
        $SDK, $json->encode(\@clients) or die "node: $!\n";
    my $text = do { local $/; <$out> } // '';
    close $out or die "node: $text\n";
    return @{ $json->decode($text) };
}
my ($reader, $with_provider, $wrong, $without, @told) = clients(
    [ $at, $key{reader} ], [ $other, $key{plain}, 'provider' ],
    [ $other, 'wrong' ], [ $at, undef, 'provider' ],
    map { [ $_, undef, 'provider' ] } $other, $any);
is_deeply($reader->{tools}, [qw(search remove)], 'the client lists the tools');
is($reader->{calls}{search}, 'search for acme',
   'the client calls the tool of the scope');
is($reader->{calls}{remove}{code}, 403, 'the client is refused the other tool');
is($with_provider->{calls}{remove}, 'remove for acme',
   'a client with an authProvider uses the key of its headers');
is(scalar(grep { $_->[1] ne '/mcp' } @{ $with_provider->{asked} }), 0,
   'a client with an authProvider and a key asks for nothing else');
is($wrong->{connected}{code}, 401, 'a client with a wrong key is refused');
my @known = grep { $_->[1] =~ m{^/\.well-known/} } @{ $without->{asked} };
cmp_ok(scalar @known, '>', 1,
       'a client without a key looks for a server of tokens');
is(scalar(grep { $_->[0] != 404 } @known), 0,
   'a client that looks for a server of tokens gets 404 and never 401');
is($_->{asked}[1][1], '/.well-known/oauth-protected-resource',
   'the client asks first for the metadata of the challenge') for @told;

is($site->leaks(values %key), '', 'no log has a key');
$site->stop;

done_testing;
