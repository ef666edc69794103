# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# mod_cache never stores the response to a key, and every response of an area
# has Vary and Cache-Control for other caches.

use APIKey::Test;
use APIKey::Auth;

# ---- mod_cache, with each of its handlers ----
my @made;
for my $host (qw(auth_cache_quick auth_cache_late)) {
    my %key = map { $_ => create_key($host, tenant => $_) } qw(acme globex);
    push @made, values %key;
    my %header = (
        acme => "X-API-Key: $key{acme}{key}",
        globex => "Authorization: Bearer $key{globex}{key}",
    );
    my @again = ([ acme => $header{acme} ], [ globex => $header{globex} ],
                 [ acme => $header{acme} ], ['nobody'],
                 [ globex => $header{globex} ], ['nobody']);
    for my $where (qw(guarded optional)) {
        for my $query ('', '?cache=public,max-age:600',
                       '?cache=s-maxage:600', '?200&cache=max-age:600') {
            my %seen;
            for (@again) {
                my ($who, @headers) = @$_;
                my $r = get($host, "/$where/status.cgi$query", @headers);
                if ($who eq 'nobody' && $where eq 'guarded') {
                    is($r->{status}, 401, "$host $query: without a key 401");
                    next;
                }
                like($r->{body}, qr/ to $who, /,
                     "$host, /$where$query: $who gets an own answer");
                ok(!$seen{ $r->{body} }++, 'made for this request')
                    if $who ne 'nobody';
            }
        }
        # A file, too: a cache hit would skip the check of the key.
        for (1 .. 2) {
            is(get($host, "/$where/index.html", $header{acme})->{status}, 200,
               "$host, /$where: a file with a key");
        }
        is(get($host, "/$where/index.html", 'X-API-Key: x')->{status}, 401,
           'a bad key does not get it from the cache');
        is(get($host, "/$where/index.html")->{status},
           $where eq 'guarded' ? 401 : 200, 'nor nobody, where he must not');
    }
    # The same cache works where no key is needed.
    my @open = map { get($host, '/open/status.cgi?cache=max-age:600') } 1 .. 3;
    is($open[2]{body}, $open[1]{body}, "$host: an open answer is cached");
    like(join(' ', header_of($open[2], 'X-Cache')), qr/^HIT/, 'a hit');
    my $r = get($host, '/open/status.cgi?cache=max-age:600', $header{acme});
    like($r->{body}, qr/ to nobody, /, 'with a key it is no other');
}

# ---- Vary and Cache-Control ----
my $host = 'auth_headers';
my $key = create_key($host);
push @made, $key;
my @key = ("X-Two: $key->{key}");

sub cache_of { return join ', ', header_of($_[0], 'Cache-Control') }
sub vary_of {
    return join ' ', sort map { lc } map { split /\s*,\s*/ }
                     header_of($_[0], 'Vary');
}

my $all = 'authorization x-one x-two';
for my $case ([ '/api/index.html', 'private' ],
              [ '/api/status.cgi', 'private' ],
              [ '/api/not-there', 'private' ],
              [ '/api/status.cgi?404', 'private' ],
              [ '/app/x', 'private' ],
              [ '/auth', 'private' ],
              [ '/api/status.cgi?cache=public,max-age:5', 'public,max-age=5' ],
              [ '/api/status.cgi?500&cache=no-cache', 'no-cache' ],
              [ '/always/index.html', 'no-cache' ],
              [ '/always/not-there', 'no-cache' ],
              [ '/expires/index.html', 'max-age=60' ],
              [ '/set/index.html', 'public, max-age=5',
                'authorization cookie x-one x-two' ]) {
    my ($path, $cache, $vary) = @$case;
    for my $method (qw(GET HEAD)) {
        my $r = ask_as($method, $host, $path, @key);
        is(vary_of($r), $vary // $all, "$method $path: Vary");
        is(cache_of($r), $cache, "$method $path: Cache-Control");
    }
}
my $first = ask($host, '/api/index.html', @key);
my ($tag) = header_of($first, 'ETag');
my $r = ask($host, '/api/index.html', @key, "If-None-Match: $tag");
is($r->{status}, 304, 'not modified');
is(vary_of($r), $all, '304: Vary');
is(cache_of($r), 'private', '304: Cache-Control');
$r = ask($host, '/api/index.html', @key, 'Range: bytes=0-3');
is($r->{status}, 206, 'a range');
is(cache_of($r), 'private', '206: Cache-Control');
$r = ask_as('OPTIONS', $host, '/api/index.html', @key);
is(vary_of($r), $all, 'OPTIONS: Vary');

# Outside of the area, mod_apikey adds nothing.
for my $path (qw(/open/index.html /open/not-there)) {
    $r = ask($host, $path, @key);
    is(vary_of($r) . cache_of($r), '', "$path: neither");
}

# A refusal has no-store, whatever others set.
for my $where (qw(api set expires)) {
    $r = ask($host, "/$where/index.html");
    is(vary_of($r), $all, "401 in /$where: Vary");
    is(cache_of($r), 'no-store', "401 in /$where: no-store");
}

key_nowhere_in_logs($_) for @made;

done_testing;
