# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A key in the query string or in the Referer is masked for applications and in
# logs, and is recorded in the audit (action exposed).

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

# A request with a key in its Referer is granted in an open section and refused
# where a key is needed.
sub referred {
    my ($url, $masked) = @_;
    my @headers = ("X-API-Key: $good->{key}", "Referer: $url");
    my $mark = mark_logs();
    my $r = get($host, '/open/env.cgi?x=1', @headers);
    is($r->{status}, 200, "an open page with Referer $masked: 200");
    my %env = $r->{body} =~ /^(\w+)=(.*)$/mg;
    is_deeply([ @env{qw(HTTP_REFERER REFERRED REWRITE_REFERRED)} ],
              [ ($masked) x 3 ],
              "CGI, mod_setenvif and mod_rewrite get Referer $masked");
    is((header_of($r, 'X-View'))[0], "GET /open/env.cgi?x=1 HTTP/1.1 "
       . "/open/env.cgi x=1 $masked", "an expression gets Referer $masked");
    ok(logged($mark, qr{i=\Q$masked\E e=/open/env\.cgi R=\Q$masked\E$}m),
       "the access log of an open page has Referer $masked");
    like(get($host, '/app/x', @headers)->{body},
         qr/^Referer: \Q$masked\E\r?$/mi,
         "an application behind mod_proxy gets Referer $masked");
    refused_there($masked, @headers);
    return $mark;
}

# The same request where a key is needed. The ErrorDocument is a CGI that prints
# its variables.
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
              "a guarded page with Referer $masked: "
              . ($exposed ? '400, exposed' : '200, granted'));
    ok(logged($mark, qr{i=\Q$masked\E e=\S+ R=\Q$masked\E$}m),
       "the access log of a guarded page has Referer $masked");
}

my $mark = referred("https://example.org/p?a=b&key=$referer->{key}&c=d",
                    'https://example.org/p?a=b&key=***&c=d');
ok(wait_for_log($mark, 'error', qr/APIKEY0170: .*masked/),
   'the error log has APIKEY0170 for a key in a Referer');
referred("https://example.org/$both->{key}/x?c=d", '***?c=d');
referred('https://example.org/p?next=%2Fq%3Fkey%3D' . $both->{key},
         'https://example.org/p?next=***');
referred("https://a.example/?k=$both->{key}\r\nReferer: $both->{key}",
         'https://a.example/?k=*** ***');
is(get($host, '/api/env.cgi', "Referer: https://h/?k=$referer->{key}")
   ->{status}, 400, '400 where a key is needed and only the Referer has one');
referred('https://example.org/p?a=b', 'https://example.org/p?a=b');

# A key in the query: what an ErrorDocument and the logs get of it.
for my $path ('/api/index.html', '/open/none', '/app/x') {
    my $mark = mark_logs();
    my $r = get($host, "$path?a=b&k=$query->{key}");
    is($r->{status}, 400, "$path: 400 for a key in the query");
    my %env = $r->{body} =~ /^(\w+)=(.*)$/mg;
    is($env{REDIRECT_QUERY_STRING}, 'a=b&k=***',
       "$path: the ErrorDocument gets a masked REDIRECT_QUERY_STRING");
    is($env{REQUEST_URI}, "$path?a=b&k=***",
       "$path: the ErrorDocument gets a masked REQUEST_URI");
    is($env{REDIRECT_APIKEY_RESULT} // $env{APIKEY_RESULT}, 'exposed',
       "$path: the ErrorDocument gets the result exposed");
    unlike($r->{body}, qr/\Q$query->{key}/,
           "$path: the ErrorDocument gets the key in no variable");
    like((header_of($r, 'X-View'))[0],
         qr{^GET \Q$path\E\?a=b&k=\*\*\* HTTP/1\.1 },
         "$path: an expression gets a masked request line");
    my $line = "r=GET $path?a=b&k=*** HTTP/1.1 q=?a=b&k=*** U=$path ";
    ok(logged($mark, qr{^\Q$line}m),
       "$path: the access log has a masked request line");
}
get($host, "/api/index.html?k=$both->{key}&k=$unknown");

# httpd refuses this request before the module's hooks run.
raw($host, "GET /?k=$early->{key} HTTP/1.1\r\nReferer: $early->{key}\r\n"
           . "No colon\r\n\r\n");

# mod_status shows the last request of each worker. The worker of the first
# request may handle the one for the page as well, so both are repeated.
my $page;
ok(wait_until(60, sub {
    get($host, "/open/none?status=$query->{key}");
    $page = get($host, '/server-status')->{body};
    return $page =~ m{>GET /open/none\?status=\*\*\* HTTP/1\.1<};
}), 'mod_status shows a request line with the key masked');
unlike($page, qr/\Q$_->{key}/, "mod_status does not show the key $_->{id}")
    for $query, $referer, $both, $early;

# An exposed key is recorded with the next batch.
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
       "the exposed key of $made->{tenant} is recorded");
}
# A key is in the audit once, however many batches it was in.
is_deeply([ entries($query) ], ['mod_apikey: in a query string'],
          'the audit has one entry for a key that was often in a query');
is_deeply([ entries($referer) ], ['mod_apikey: in a Referer'],
          'the audit has one entry for a key that was in a Referer');
is(scalar(my @all = entries($both)), 1,
   'the audit has one entry for a key that was in a query and in a Referer');
like(tell($host, 'show', $query->{id}), qr/^exposed\s+20\d\d-/m,
     'htapikey show has the time of the exposure');
like(tell($host, 'audit'), qr/exposed\s+\Q$query->{id}\E/,
     'htapikey audit has the exposure');
is(shown($good), undef, 'a key that was only in its header is not exposed');
is_deeply([ sql($host, 'SELECT COUNT(*) FROM apikey_usage WHERE exposed > 0') ],
          [4], 'four keys are exposed; an unknown one has no row');
is(get($host, '/api/index.html', "X-API-Key: $query->{key}")->{status}, 200,
   '200 for an exposed key in its header, until its owner replaces it');

key_nowhere_in_logs($_) for $query, $referer, $both, $early, $unknown;

done_testing;
