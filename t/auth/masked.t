# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A key in the query string or in the Referer is hidden from applications and
# logs, and is recorded.

use APIKey::Test;
use APIKey::Auth;
use APIKey::Process qw(wait_until);

my $host = 'auth_masked';
my ($secret) = secrets();
my $unknown = unknown_key($secret);
my ($query, $referer, $both, $good, $early) =
    map { create_key($host, tenant => $_) } qw(query referer both good early);

sub logged {
    my ($mark, $pattern) = @_;
    return wait_for_log($mark, 'masked', $pattern);
}

# A key in the Referer refuses a request only where a key is needed.
sub referred {
    my ($url, $masked) = @_;
    my @headers = ("X-API-Key: $good->{key}", "Referer: $url");
    my $mark = mark_logs();
    my $r = get($host, '/open/env.cgi?x=1', @headers);
    is($r->{status}, 200, 'a Referer with a key: an open page is let through');
    my %env = $r->{body} =~ /^(\w+)=(.*)$/mg;
    is_deeply([ @env{qw(HTTP_REFERER REFERRED REWRITE_REFERRED)} ],
              [ ($masked) x 3 ],
              'CGI, mod_setenvif and mod_rewrite see it masked');
    is((header_of($r, 'X-View'))[0], "GET /open/env.cgi?x=1 HTTP/1.1 "
       . "/open/env.cgi x=1 $masked", 'an expression likewise');
    ok(logged($mark, qr{i=\Q$masked\E e=/open/env\.cgi R=\Q$masked\E$}m),
       'the access log likewise');
    like(get($host, '/app/x', @headers)->{body},
         qr/^Referer: \Q$masked\E\r?$/mi, 'the application likewise');
    refused_there($masked, @headers);
    return $mark;
}

# The ErrorDocument shows what it got.
sub refused_there {
    my ($masked, @headers) = @_;
    my $exposed = $masked =~ /\*/;
    my $mark = mark_logs();
    my $r = get($host, '/api/env.cgi?x=1', @headers);
    my %env = $r->{body} =~ /^(\w+)=(.*)$/mg;
    is_deeply([ $r->{status}, @env{qw(APIKEY_RESULT APIKEY_TENANT
                                      HTTP_REFERER REFERRED)} ],
              [ $exposed ? (400, 'exposed', undef)
                         : (200, 'granted', $good->{tenant}),
                $masked, $masked ],
              'a guarded one is refused if it is a key');
    ok(logged($mark, qr{i=\Q$masked\E e=\S+ R=\Q$masked\E$}m),
       'the access log likewise');
}

my $mark = referred("https://example.org/p?a=b&key=$referer->{key}&c=d",
                    'https://example.org/p?a=b&key=***&c=d');
ok(wait_for_log($mark, 'error', qr/APIKEY0170: .*masked/), 'the log says so');
referred("https://example.org/$both->{key}/x?c=d", '***?c=d');
referred('https://example.org/p?next=%2Fq%3Fkey%3D' . $both->{key},
         'https://example.org/p?next=***');
referred("https://a.example/?k=$both->{key}\r\nReferer: $both->{key}",
         'https://a.example/?k=*** ***');
is(get($host, '/api/env.cgi', "Referer: https://h/?k=$referer->{key}")
   ->{status}, 400, 'no key is taken from there');
referred('https://example.org/p?a=b', 'https://example.org/p?a=b');

# A key in the query: what an ErrorDocument and the logs get of it.
for my $path ('/api/index.html', '/open/none', '/app/x') {
    my $mark = mark_logs();
    my $r = get($host, "$path?a=b&k=$query->{key}");
    is($r->{status}, 400, "$path is refused");
    my %env = $r->{body} =~ /^(\w+)=(.*)$/mg;
    is($env{REDIRECT_QUERY_STRING}, 'a=b&k=***', 'its ErrorDocument');
    is($env{REQUEST_URI}, "$path?a=b&k=***", 'sees it masked');
    is($env{REDIRECT_APIKEY_RESULT} // $env{APIKEY_RESULT}, 'exposed', 'why');
    unlike($r->{body}, qr/\Q$query->{key}/, 'all of it');
    like((header_of($r, 'X-View'))[0],
         qr{^GET \Q$path\E\?a=b&k=\*\*\* HTTP/1\.1 }, 'an expression likewise');
    my $line = "r=GET $path?a=b&k=*** HTTP/1.1 q=?a=b&k=*** U=$path ";
    ok(logged($mark, qr{^\Q$line}m), 'the access log likewise');
}
get($host, "/api/index.html?k=$both->{key}&k=$unknown");

# httpd refuses this one before any module sees it.
raw($host, "GET /?k=$early->{key} HTTP/1.1\r\nReferer: $early->{key}\r\n"
           . "No colon\r\n\r\n");

# mod_status shows the last request of each worker; other workers are busy, too.
my $page;
ok(wait_until(60, sub {
    get($host, "/open/none?status=$query->{key}");
    $page = get($host, '/server-status')->{body};
    return $page =~ m{>GET /open/none\?status=\*\*\* HTTP/1\.1<};
}), 'mod_status shows it masked');
unlike($page, qr/\Q$_->{key}/, "and no key of $_->{id}")
    for $query, $referer, $both, $early;

# It is recorded with the next batch.
sub entries {
    my ($made) = @_;
    my $out = tell($host, '--json', 'audit', '--key', $made->{id});
    return map { $_->{action} eq 'exposed' ? "$_->{who}: $_->{reason}" : () }
           @{ JSON::PP->new->decode($out) };
}
sub shown {
    my ($made) = @_;
    return JSON::PP->new->decode(tell($host, '--json', 'show', $made->{id}))
           ->{exposed};
}
for my $made ($query, $referer, $both, $early) {
    ok(wait_until(60, sub { shown($made) && entries($made) }),
       'an exposed key is recorded');
}
# The batches vary, but each key is in the audit once.
is_deeply([ entries($query) ], ['mod_apikey: in a query string'],
          'many times in a query, one entry');
is_deeply([ entries($referer) ], ['mod_apikey: in a Referer'],
          'in a Referer');
is(scalar(my @all = entries($both)), 1, 'in both');
like(tell($host, 'show', $query->{id}), qr/^exposed\s+20\d\d-/m, 'show');
like(tell($host, 'audit'), qr/exposed\s+\Q$query->{id}\E/, 'audit');
is(shown($good), undef, 'a key in its header is not exposed');
is_deeply([ sql($host, 'SELECT COUNT(*) FROM apikey_usage WHERE exposed > 0') ],
          [4], 'nor is one that nobody has');
is(get($host, '/api/index.html', "X-API-Key: $query->{key}")->{status}, 200,
   'it is still good: to replace it is its owner\'s business');

key_nowhere_in_logs($_) for $query, $referer, $both, $early, $unknown;

done_testing;
