# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A key in the path, in the user of a URI or elsewhere in a request line is
# masked in every log and recorded. A request with a key in its path is answered
# as without one; a key elsewhere in the line gets 400.

use APIKey::Test;
use APIKey::Auth;
use APIKey::Process qw(wait_until);

my $host = 'auth_paths';
my $unsafe = 'auth_paths_unsafe';
my $good = create_key($host, tenant => 'good');
my @good = ("X-API-Key: $good->{key}");

sub encoded { return join '', map { sprintf '%%%02x', ord } split //, $_[0] }

sub logged {
    my ($mark, $pattern) = @_;
    return wait_for_log($mark, 'paths', $pattern);
}

# A word at the end of a query or path, by which a test finds its log line.
my $count = 0;
sub mark { return sprintf 'end%d.%d', $$, ++$count }

# The keys that must be recorded, [host, id, reason, title]. They are compared
# when all requests have been made: a batch is written each second.
my @recorded;
sub recorded {
    my ($at, $made, $where, $promise) = @_;
    push @recorded, [ $at, $made->{id}, $where, $promise ];
}

sub check_recorded {
    my %reason;
    my $all = sub {
        for my $at (map { $_->[0] } @recorded) {
            $reason{"$at $_->[0]"} = $_->[1] for map { [ split /\|/ ] }
                sql($at, 'SELECT id, reason FROM apikey_audit WHERE action ='
                         . " 'exposed' AND who = 'mod_apikey'");
        }
        return !grep { !$reason{"$_->[0] $_->[1]"} } @recorded;
    };
    wait_until(60, $all);
    like($reason{"$_->[0] $_->[1]"} // '', qr/^$_->[2]$/,
         "the exposed key is recorded: $_->[3]")
        for @recorded;
}

# ---- A key in the path: the application answers the request ----
# [path with KEY for the key, status, path and then URI in the log (default: the
# same as the path)].
my @paths = (
    [ '/open/KEY', 404, '/open/***' ],
    [ '/open/KEY/x.html', 404, '/open/***/x.html' ],
    [ '/KEY', 404, '/***' ],
    [ '//KEY', 404, '//***', '/***' ],
    [ '/open/./KEY', 404, '/open/./***', '/open/***' ],
    [ '/open/x;k=KEY;y', 404, '/open/x;k=***;y' ],
    [ '/open/KEY@x:y', 404, '/open/***@x:y' ],
    [ '/open/env.cgi/KEY/y', 200, '/open/env.cgi/***/y' ],
    [ '/app/KEY', 200, '/app/***' ],
    [ '/raw/KEY', 200, '/raw/***' ],
    [ '/api/KEY', 401, '/api/***' ],
    [ '/moved/KEY', 302, '/moved/***' ],
    [ '/hooks/KEY', 200, '/hooks/***', '/open/env.cgi' ],
    [ '/gone/KEY', 410, '/gone/***' ],
);
for my $at (@paths) {
    my ($path, $status, $line, $uri) = @$at;
    $uri //= $line;
    for my $how (0 .. 2) {
        my $made = $how ? $good : create_key($host, tenant => 'path');
        my $key = $how == 2 ? encoded(encoded($made->{key}))
                : $how ? encoded($made->{key}) : $made->{key};
        my $mark = mark_logs();
        my $end = mark();
        my $r = get($host, ($path =~ s/KEY/$key/r) . "?$end",
                    $path =~ /api/ ? () : @good);
        my $name = "$path, encoded $how times";
        is($r->{status}, $status, "$name: status $status, as without a key");
        is((header_of($r, 'X-View'))[0], "GET $line?$end HTTP/1.1",
           "$name: an expression gets a masked request line");
        my $first = "first: r=GET $line?$end HTTP/1.1 m=GET U=$uri ";
        ok(logged($mark, qr{^\Q$first\E}m),
           "$name: the access log has a masked line and URI")
            or diag(logs_since($mark, 'paths'));
        my $plain = $how == 2 ? encoded($made->{key}) : $made->{key};
        unlike(logs_since($mark, 'paths'), qr/\Q$plain/i,
               "$name: the access log has the key in no field");
        # The path that an application gets is not masked.
        my ($true) = $r->{body} =~ /^PATH_INFO=(.*)$/m;
        $true //= ($r->{body} =~ m{^GET (\S+)})[0] // '';
        $true =~ s/%([0-9a-f]{2})/chr hex $1/gie for 1 .. $how;
        ok(index($true, $made->{key}) > -1,
           "$name: the application gets the path with the key")
            if $path =~ m{^/(?:open/env|app|raw)};
        is(($r->{body} =~ /^REQUEST_URI=(.*)$/m)[0], "$line?$end",
           "$name: a CGI gets a masked REQUEST_URI")
            if $path =~ m{^/open/env};
        if ($path =~ /moved/) {
            like((header_of($r, 'Location'))[0], qr/$made->{key}|%/,
                 "$name: Location of a redirect has the key");
        }
        recorded($host, $made, 'in a path', $name) if !$how;
    }
}
is(get($host, "/api/$good->{key}", @good)->{status}, 404,
   'a good key in its header is accepted beside one in the path');
for my $method (qw(HEAD POST PUT OPTIONS TRACE)) {
    my $made = create_key($host, tenant => 'method');
    my $mark = mark_logs();
    my $end = mark();
    my $r = request($host, $method, "/open/env.cgi/$made->{key}?$end");
    isnt($r->{status}, 400, "$method: a key in the path is not refused");
    unlike($r->{body}, qr/^TRACE.*\Q$made->{key}/m,
           "$method: no echo of TRACE has the key in its path");
    ok(logged($mark, qr{r=$method /open/env\.cgi/\*\*\*\?$end }),
       "$method: the access log has the path with the key masked");
}
ok(wait_for_log({}, 'error', qr/APIKEY0223: .*should be replaced/),
   'the error log has APIKEY0223, which says to replace the key');
my $shown = create_key($host, tenant => 'shown');
ok(wait_until(60, sub {
    get($host, "/open/$shown->{key}");
    return get($host, '/server-status')->{body} =~ m{GET /open/\*\*\* HTTP};
}), 'mod_status shows a path with the key masked');

# At most eight candidates of a request are tried: those of the query first.
sub false_ones {
    return join '', map { sprintf '/ak_%02d%s', $_, 'z' x 47 } 1 .. $_[0];
}
chomp(my $loud = tell($host, qw(create -q --tenant loud --name loud)));
my $many = mark_logs();
get($host, '/open' . false_ones(7) . "/$loud?seven");
ok(logged($many, qr{z/\*\*\*\?seven }),
   'a key in the path after seven false ones is masked');
is(get($host, '/open' . false_ones(8) . "/$shown->{id}?k=$shown->{key}")
   ->{status}, 400, '400 for a key in the query after eight in the path');

# ---- A key elsewhere in the line: mod_apikey or httpd itself refuses it ----
# [line with KEY for the key, line in the log, 'path' if the key is in a path].
my @lines = (
    [ 'GET http://KEY@h/open/x HTTP/1.1', 'GET http://***@h/open/x HTTP/1.1' ],
    [ 'GET http://u:KEY@h/open/x?q HTTP/1.1',
      'GET http://u:XXXXXXXX@h/open/x?q HTTP/1.1' ],
    [ 'GET http://KEY:p@h/open/x HTTP/1.1',
      'GET http://***:XXXXXXXX@h/open/x HTTP/1.1' ],
    [ 'GET http://ENCODED@h/ HTTP/1.1', 'GET http://***@h/ HTTP/1.1' ],
    [ 'GET http://KEY/open HTTP/1.1', 'GET http://***/open HTTP/1.1' ],
    [ 'KEY /open/index.html HTTP/1.1', '*** /open/index.html HTTP/1.1' ],
    [ 'GET /open/x?k=KEY', 'GET /open/x?k=***' ],
    [ 'GET /open/KEY', 'GET /open/***', 'path' ],
    [ 'GET /open/x?k=KEY HTTP/1.1 x', 'GET /open/x?k=*** HTTP/1.1' ],
    [ 'GET /open/x#KEY HTTP/1.1', 'GET /open/x#*** HTTP/1.1', 'path' ],
    [ 'GET /open/x KEY', 'GET /open/x ***' ],
    [ 'GET /open/KEY HTTP/9.x', 'GET /open/*** HTTP/9.x', 'path' ],
    [ 'GET KEY HTTP/1.1', 'GET *** HTTP/1.1' ],
    [ 'CONNECT KEY@h:443 HTTP/1.1', 'CONNECT ***@h:443 HTTP/1.1' ],
    [ 'CONNECT KEY:443 HTTP/1.1', 'CONNECT ***:443 HTTP/1.1' ],
    [ 'GET  /open/x?k=KEY HTTP/1.1', 'GET /open/x?k=*** HTTP/1.1' ],
    [ 'KEY', '***' ],
    [ "G\x01ET /open/KEY HTTP/1.1", 'G\x01ET /open/*** HTTP/1.1', 'path' ],
);
for my $at ($host, $unsafe) {
    for my $row (@lines) {
        my ($line, $masked, $path) = @$row;
        my $made = create_key($at, tenant => 'line');
        my $mark = mark_logs();
        my $sent = $line =~ s/KEY/$made->{key}/r
                         =~ s/ENCODED/encoded($made->{key})/er;
        my $answer = raw($at, "$sent\r\nHost: h\r\nConnection: close\r\n\r\n");
        my ($status) = $answer =~ m{^HTTP/1\.\d (\d+)};
        $status //= 0;
        cmp_ok($status, '>=', 400, "$at: $line: refused") if !$path && $status;
        ok(logged($mark, qr/^first: r=\Q$masked\E m=/m),
           "$at: $line: the access log has the line masked")
            or diag(logs_since($mark, 'paths'));
        unlike(logs_since($mark, 'paths'), qr/\Q$made->{key}/,
               "$at: $line: the access log has the key in no field");
        recorded($at, $made, $path ? 'in a path'
                 : 'in a (?:query string|request line)', "$at: $line");
    }
}
for my $line ("GET http://KEY\@h/open/x HTTP/1.1", 'KEY / HTTP/1.1',
              'GET http://u:KEY@h/open/index.html HTTP/1.1') {
    my $made = create_key($unsafe, tenant => 'ours');
    like(raw($unsafe, ($line =~ s/KEY/$made->{key}/r)
             . "\r\nHost: h\r\nConnection: close\r\n\r\n"),
         qr/^HTTP\/1\.1 400 .*"code":\s*"exposed"/s,
         "$line: refused as exposed");
    recorded($unsafe, $made, 'in a request line', $line);
}

# A request line longer than LimitRequestLine is cut, maybe within the key.
for my $before (8100, 8192 - 4 - 30) {
    my $made = create_key($host, tenant => 'long');
    my $mark = mark_logs();
    like(raw($host, 'GET /' . 'x' x $before . "/$made->{key}/y"
             . 'z' x 9000 . " HTTP/1.1\r\nHost: h\r\n\r\n"), qr/ 414 /,
         "414 for a line that is too long, with a key at $before");
    ok(logged($mark, qr{^r=GET /x+/(?:\*{3}/)?\*{3} .* s=414$}m),
       "a key at $before is masked in the line that was cut");
    my $begin = substr $made->{key}, 0, 20;
    unlike(logs_since($mark, 'paths'), qr/$begin/,
           "the access log has no part of a key at $before");
}

# ---- HTTP/2 ----
my @version = run_info()->{mpm} eq 'prefork' ? '--http1.1'
                                             : '--http2-prior-knowledge';
my $h2 = create_key($host, tenant => 'h2');
my $h2_mark = mark_logs();
my $url = 'http://127.0.0.1:' . port($host) . "/open/$h2->{key}?h2";
my $said = `curl -sS -o /dev/null -w '%{http_code}' @version '$url'`;
is($said, 404, 'HTTP/2: 404 for a key in the path, as without a key');
ok(logged($h2_mark, qr{r=GET /open/\*\*\*\?h2 HTTP/}),
   'HTTP/2: the access log has the path with the key masked');
recorded($host, $h2, 'in a path', 'HTTP/2');

# ---- Imported keys are recognized by their prefix ----
my @imported = (
    [ auth_paths_opaque => 'sk_live_51HqLyjWDarjtT1zdp7dcXY2' ],
    [ auth_paths_opaque => 'sk_live_a.b~c-d_e' ],
    [ auth_paths_opaque => 'sk_live_12345678' ],
    [ auth_paths_hex => 'sk_live_' . join '', map { sprintf '%02x', $_ * 7 }
                                     1 .. 32 ],
);
my ($secret) = secrets();
my $number = 0;
for my $one (@imported) {
    my ($at, $key) = @$one;
    my $id = sprintf 'imported%04d', ++$number;
    sql($at, row_of(Digest::SHA::hmac_sha256_hex($key, $secret), id => $id));
    remember_key($key);
    my $made = { key => $key, id => $id };
    my $header = "X-API-Key: $key";
    is(get($at, '/api/env.cgi', $header)->{status}, 200,
       "200 for the imported key $key");
    my $mark = mark_logs();
    is(get($at, "/api/env.cgi?k=$key", $header)->{status}, 400,
       "400 for $key in a query");
    ok(logged($mark, qr{r=GET /api/env\.cgi\?k=\*\*\* HTTP}),
       "$key in a query is masked in the access log");
    recorded($at, $made, 'in a .*', $key);
    $mark = mark_logs();
    is(get($at, "/api/env.cgi/@{[ encoded($key) ]}", $header)->{status}, 200,
       "200 for $key in a path");
    ok(logged($mark, qr{r=GET /api/env\.cgi/\*\*\* HTTP}),
       "$key in a path is masked in the access log");
    is(get($at, '/api/env.cgi', $header, "Referer: http://h/?k=$key")
       ->{status}, 400, "400 for $key in a Referer where a key is needed");
    $mark = mark_logs();
    like(raw($at, "GET http://$key\@h/x HTTP/1.1\r\nHost: h\r\n\r\n"),
         qr/^HTTP\/1\.1 400 /, "400 for $key as the user of a URI");
    ok(logged($mark, qr{r=GET http://\*\*\*\@h/x HTTP}),
       "$key as the user of a URI is masked in the access log");
}
for my $word ('sk_live_', 'sk_live_1234567', 'sk_test_12345678901',
              'xsk_live_87654321') {
    my $mark = mark_logs();
    is(get('auth_paths_opaque', "/open/env.cgi?k=$word")->{status}, 200,
       "200 for $word in a query, which is no key");
    ok(logged($mark, qr{r=GET /open/env\.cgi\?k=$word HTTP}),
       "$word, which is no key, is logged as it is");
}
my $foreign = mark_logs();
is(get($host, '/open/env.cgi?k=sk_live_51HqLyjWDarjtT1zdp7dcXY')->{status},
   200, '200 for sk_live_... in a query where ApiKeyPrefix is not sk_live');

check_recorded();

done_testing;
