# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The table of CONTRACT.md over HTTP/2: status, challenge, headers and body of
# each refusal are those of HTTP/1.1. mod_http2 does not run on prefork; there
# the same client uses HTTP/1.1.

use APIKey::Test;
use APIKey::Auth;

my $host = 'auth_h2';
my $prefork = run_info()->{mpm} eq 'prefork';
my @version = $prefork ? '--http1.1' : '--http2-prior-knowledge';
my ($secret) = secrets();
my %key = map { $_ => create_key($host, tenant => "of-$_", scope => 'a:b') }
          qw(good two revoked);
$key{scope} = create_key($host, tenant => 'of-scope', scope => 'c:d');
tell($host, 'revoke', $key{revoked}{id});

# The response in the form of APIKey::HTTP. One request per connection: curl
# 7.88 with prior knowledge of HTTP/2 cannot send another.
sub curl {
    my ($path, @arguments) = @_;
    my $url = 'http://127.0.0.1:' . port($host) . $path;
    open my $from, '-|', 'curl', '-sSi', @version, @arguments, $url
        or die "curl: $!\n";
    binmode $from;
    my $text = do { local $/; <$from> } // '';
    close $from or die "curl ended with $?: $text\n";
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($first, @fields) = split /\r\n/, $head;
    my ($version, $status) = $first =~ m{^(HTTP/\S+) (\d{3})};
    return { version => $version, status => $status, body => $body // '',
             headers => [ map { [ /^([^:]+):\s*(.*)$/ ] } @fields ] };
}

my $good = "X-API-Key: $key{good}{key}";
my @rows = (
    [ 'missing' ],
    [ 'invalid', 'X-API-Key: abc' ],
    [ 'invalid', 'X-API-Key;' ],
    [ 'invalid', 'X-API-Key: ' . unknown_key($secret) ],
    [ 'invalid', 'X-API-Key: ' . 'a' x 8000 ],
    [ 'invalid', 'Authorization: Bearer x.y.z' ],
    [ 'revoked', "X-API-Key: $key{revoked}{key}" ],
    [ 'scope', "Authorization: Bearer $key{scope}{key}" ],
    [ 'ambiguous', $good, $good ],
    [ 'ambiguous', $good, "Authorization: Bearer $key{two}{key}" ],
);
for my $row (@rows) {
    my ($reason, @headers) = @$row;
    my @with = map { ('-H', $_) } @headers;
    my %more = $reason =~ /^(?:missing|scope)$/ ? (scope => 'a:b') : ();
    my $r = curl('/index.html', @with);
    is($r->{version}, $prefork ? 'HTTP/1.1' : 'HTTP/2',
       "$reason: the client uses the protocol of this test");
    is_deeply(refusal($r), expected($reason, %more),
              "$reason: GET is refused as over HTTP/1.1");
    my $head = curl('/index.html', '-I', @with);
    is_deeply(refusal($head), expected($reason, %more, body => 0),
              "$reason: HEAD is refused as over HTTP/1.1");
    # Not POST: curl 7.88 often reports a stream error if a server answers
    # without reading the body, as httpd does for a 404.
    my $other = curl('/index.html', '-X', 'OPTIONS', @with);
    is_deeply(refusal($other), expected($reason, %more),
              "$reason: OPTIONS is refused as over HTTP/1.1");
}

my $r = curl("/index.html?key=$key{two}{key}", '-H', $good);
is_deeply(refusal($r), expected('exposed', vary => []),
          'a key in the query is refused as over HTTP/1.1');
$r = curl('/index.html', '-H', $good);
is(join(',', header_of($r, 'Cache-Control')), 'private',
   'the response to a good key is private');

key_nowhere_in_logs($_) for values %key;

done_testing;
