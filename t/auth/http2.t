# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The table of CONTRACT.md over HTTP/2: each refusal is the same as over
# HTTP/1.1. prefork has no HTTP/2; there the same client uses HTTP/1.1.

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

# One request per connection (curl 7.88 with prior knowledge of HTTP/2 can do no
# more); the response has the form of APIKey::HTTP.
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
    is($r->{version}, $prefork ? 'HTTP/1.1' : 'HTTP/2', 'the protocol');
    is_deeply(refusal($r), expected($reason, %more), $reason);
    my $head = curl('/index.html', '-I', @with);
    is_deeply(refusal($head), expected($reason, %more, body => 0),
              "$reason, HEAD");
    # No POST: if the body is not read, curl 7.88 reports a stream error half of
    # the time, also with httpd's own 404.
    my $other = curl('/index.html', '-X', 'OPTIONS', @with);
    is_deeply(refusal($other), expected($reason, %more), "$reason, OPTIONS");
}

my $r = curl("/index.html?key=$key{two}{key}", '-H', $good);
is_deeply(refusal($r), expected('exposed', vary => []), 'a key in the query');
$r = curl('/index.html', '-H', $good);
is(join(',', header_of($r, 'Cache-Control')), 'private', 'granted: private');

key_nowhere_in_logs($_) for values %key;

done_testing;
