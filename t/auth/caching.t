# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# mod_cache stores no response to a request with a key, and every response of a
# section with AuthType ApiKey has Vary and Cache-Control for other caches.

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
    my @requests = ([ acme => $header{acme} ], [ globex => $header{globex} ],
                    [ acme => $header{acme} ], ['nobody'],
                    [ globex => $header{globex} ], ['nobody']);
    for my $where (qw(guarded optional)) {
        for my $query ('', '?cache=public,max-age:600',
                       '?cache=s-maxage:600', '?200&cache=max-age:600') {
            my %seen;
            for (@requests) {
                my ($who, @headers) = @$_;
                my $r = get($host, "/$where/status.cgi$query", @headers);
                if ($who eq 'nobody' && $where eq 'guarded') {
                    is($r->{status}, 401,
                       "$host, /$where$query: 401 without a key");
                    next;
                }
                like($r->{body}, qr/ to $who, /,
                     "$host, /$where$query: the answer is for $who");
                ok(!$seen{ $r->{body} }++,
                   "$host, /$where$query: the answer to $who is a new one")
                    if $who ne 'nobody';
            }
        }
        # A file is not cached either: a hit would skip the check of the key.
        for (1 .. 2) {
            is(get($host, "/$where/index.html", $header{acme})->{status}, 200,
               "$host, /$where: 200 for a file with a key");
        }
        is(get($host, "/$where/index.html", 'X-API-Key: x')->{status}, 401,
           "$host, /$where: 401 for the same file with a bad key");
        is(get($host, "/$where/index.html")->{status},
           $where eq 'guarded' ? 401 : 200,
           "$host, /$where: a file without a key, "
           . ($where eq 'guarded' ? '401' : '200'));
    }
    # In a section without AuthType ApiKey, mod_cache stores and answers.
    my @open = map { get($host, '/open/status.cgi?cache=max-age:600') } 1 .. 3;
    is($open[2]{body}, $open[1]{body},
       "$host: the third answer of an open section is the second");
    like(join(' ', header_of($open[2], 'X-Cache')), qr/^HIT/,
         "$host: the third answer of an open section is a hit");
    my $r = get($host, '/open/status.cgi?cache=max-age:600', $header{acme});
    like($r->{body}, qr/ to nobody, /,
         "$host: a key in an open section gets the same answer");
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
        is(vary_of($r), $vary // $all,
           "$method $path: Vary has all that a key may come in");
        is(cache_of($r), $cache, "$method $path: Cache-Control is $cache");
    }
}
my $first = ask($host, '/api/index.html', @key);
my ($tag) = header_of($first, 'ETag');
my $r = ask($host, '/api/index.html', @key, "If-None-Match: $tag");
is($r->{status}, 304, '304 for If-None-Match with the same ETag');
is(vary_of($r), $all, 'a 304 has Vary');
is(cache_of($r), 'private', 'a 304 is private');
$r = ask($host, '/api/index.html', @key, 'Range: bytes=0-3');
is($r->{status}, 206, '206 for a range');
is(cache_of($r), 'private', 'a 206 is private');
$r = ask_as('OPTIONS', $host, '/api/index.html', @key);
is(vary_of($r), $all, 'the response to OPTIONS has Vary');

# In a section without AuthType ApiKey, mod_apikey adds no header.
for my $path (qw(/open/index.html /open/not-there)) {
    $r = ask($host, $path, @key);
    is(vary_of($r) . cache_of($r), '',
       "$path: neither Vary nor Cache-Control is added");
}

# A refusal has no-store, even if mod_headers or mod_expires sets another value.
for my $where (qw(api set expires)) {
    $r = ask($host, "/$where/index.html");
    is(vary_of($r), $all, "401 in /$where: Vary is that of a 200");
    is(cache_of($r), 'no-store', "401 in /$where: Cache-Control is no-store");
}

key_nowhere_in_logs($_) for @made;

done_testing;
