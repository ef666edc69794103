# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Networks and meta of a key: the addresses that it is accepted from, the
# APIKEY_META_* variables that the application gets, and what
# Require apikey-meta compares.

use APIKey::Auth;
use APIKey::Process qw(wait_until);
use APIKey::Test;

my $host = 'auth_details';
my %key = map { $_ => create_key($host, tenant => 'acme') }
          qw(gold free bare inner);
sub of { my ($name) = @_; return "X-API-Key: $key{$name}{key}" }

sub set {
    my ($name, %to) = @_;
    sql($host, join ' ', 'UPDATE apikey SET',
        join(', ', map { "$_ = '$to{$_}'" } keys %to),
        "WHERE id = '$key{$name}{id}'");
}
set('gold', meta => 'plan=gold; seats=25; city=K%3Bln; Note=100%');
set('free', meta => 'plan=free');
sql($host, "UPDATE apikey_tenant SET meta = 'plan=none; zone=eu'");

sub code {
    my ($response) = @_;
    return 200 if $response->{status} == 200;
    my $problem = refusal($response)->{problem};
    return ref $problem ? $problem->{code} : $response->{status};
}

# The APIKEY_* variables that a CGI got: {NAME => value}.
sub exported {
    my ($response) = @_;
    return { $response->{body} =~ /^((?:REDIRECT_)*APIKEY_\w+)=(.*)$/mg };
}

# ---- Networks ----
sub from {
    my ($address, $path, $name) = @_;
    return ask($host, $path // '/valid/index.html', "X-Client: $address",
               of($name // 'inner'));
}
for my $case (
    [ '192.0.2.0/24 2001:db8::/32', [qw(192.0.2.1 192.0.2.255 2001:db8::1
        2001:db8:ffff::1 ::ffff:192.0.2.7)],
      [qw(192.0.3.1 192.0.1.255 10.0.0.1 2001:db9::1 ::192.0.2.1 ::1)] ],
    [ '192.0.2.7', ['192.0.2.7'], [qw(192.0.2.8 192.0.2.6)] ],
    [ '10.0.0.0/8,  ::1', [qw(10.255.0.1 ::1)], [qw(11.0.0.0 ::2)] ],
    [ '0.0.0.0/0', [qw(8.8.8.8)], ['2001:db8::1'] ],
    [ '::/0', ['2001:db8::1'], ['8.8.8.8'] ],
    [ '::ffff:192.0.2.0/120', ['192.0.2.9'], ['192.0.3.9'] ],
    [ '', [qw(8.8.8.8 2001:db8::1)], [] ],
) {
    my ($networks, $in, $out) = @$case;
    set('inner', networks => $networks);
    is(join(' ', map { code(from($_)) } @$in), join(' ', (200) x @$in),
       "networks '$networks': 200 for each address in them");
    is(join(' ', map { code(from($_)) } @$out),
       join(' ', ('network') x @$out),
       "networks '$networks': refused with network from others") if @$out;
}
set('inner', networks => '192.0.2.0/24');
is_deeply(refusal(from('10.0.0.1')), expected('network'),
          'from another network: status, challenge and body of network');
for my $case ([ '/scope/index.html', 'scope' ], [ '/gold/index.html', undef ],
              [ '/byip/index.html', 200 ], [ '/satisfied/index.html', 200 ]) {
    my ($path, $inside) = @$case;
    is(code(from('192.0.2.1', $path)), $inside,
       "$path, from the key's network: $inside") if $inside;
    is(from('10.0.0.1', $path)->{status}, 403,
       "$path, from another network: 403");
}
is(code(from('10.0.0.1', '/scope/index.html')), 'network',
   'from another network and without the scope, the reason is network');
is_deeply(exported(from('10.0.0.1', '/doc/index.html')),
          { APIKEY_RESULT => 'network' },
          'an ErrorDocument of network gets APIKEY_RESULT alone');
my $mark = mark_logs();
from('10.0.0.1');
ok(wait_for_log($mark, 'error', qr/APIKEY0101: key \w+ .* refused, network: /),
   'the error log has the refusal with network');

# A use of the key is counted only if the request was granted.
sub uses {
    return (sql($host, 'SELECT COALESCE(SUM(use_count), 0) FROM apikey_usage '
                . "WHERE id = '$key{bare}{id}'"))[0];
}
set('bare', networks => '192.0.2.0/24');
from('10.0.0.1', undef, 'bare') for 1 .. 5;
from('192.0.2.1', undef, 'bare') for 1 .. 2;
ok(wait_until(60, sub { uses() >= 2 }), 'the two granted uses are written');
sleep 2;        # each child writes its uses once a second
is(uses(), 2, 'no use is counted for the five refused requests');
set('bare', networks => '');

# ---- Values that cannot be parsed ----
my %marked;     # a fault of a row is logged once per minute and column
for my $bad ([ networks => '10.0.0.0/33' ], [ networks => 'example.org' ],
             [ networks => '{10.0.0.0/8}' ], [ networks => '10.0.0.1/8' ],
             [ networks => 'fe80::1%eth0' ], [ networks => ',' ],
             [ networks => '10.0.0.0/8 x' ], [ networks => '010.0.0.1' ],
             [ meta => 'gold' ], [ meta => 'a b=c' ], [ meta => 'a=1; A=2' ],
             [ meta => '=x' ], [ meta => "a=\xff" ]) {
    my ($column, $text) = @$bad;
    my $mark = $marked{$column}++ ? undef : mark_logs();
    set('bare', $column => $text);
    is(code(ask($host, '/valid/index.html', of('bare'))), 'unavailable',
       "the key is refused with unavailable: $column '$text'");
    ok(wait_for_log($mark, 'error',
                    qr/APIKEY0102: the key $key{bare}{id} .*: its $column /),
       "the error log names the key and the column $column") if $mark;
    set('bare', $column => '');
}
is(code(ask($host, '/valid/index.html', of('bare'))), 200,
   '200 when networks and meta can be parsed again');

# ---- The variables of the application ----
my $env = exported(ask($host, '/valid/env.cgi', of('gold')));
is_deeply({ map { /META/ ? ($_ => $env->{$_}) : () } keys %$env },
          { APIKEY_META_PLAN => 'gold', APIKEY_META_SEATS => 25,
            APIKEY_META_CITY => 'K;ln', APIKEY_META_NOTE => '100%',
            APIKEY_META_ZONE => 'eu' },
          'the variables are those of the key, then those of its tenant');
is(exported(ask($host, '/valid/env.cgi', of('bare')))->{APIKEY_META_PLAN},
   'none',
   'the variables of a key without meta are those of its tenant');

# ---- Require apikey-meta ----
sub is_code {
    my ($path, $name, $want, @headers) = @_;
    is(code(ask($host, "/$path/index.html", $name ? of($name) : (), @headers)),
       $want, "$path, " . ($name ? "key $name" : 'without a key')
       . join('', map { ", $_" } @headers) . ": $want");
}
is_code(@$_) for (
    [ 'gold', 'gold', 200 ], [ 'Case', 'gold', 'meta' ],
    [ 'zone', 'gold', 200 ], [ 'zone', 'free', 200 ],
    [ 'alias', 'gold', 200 ], [ 'alias', 'free', 'meta' ],
    [ 'own_plan', 'free', 200, 'X-Want: free' ],
    [ 'own_plan', 'free', 'meta', 'X-Want: gold' ],
    [ 'own_Seats', 'gold', 200, 'X-Want: 25' ],
    [ 'own_other', 'gold', 'meta', 'X-Want: 25' ],
    [ 'own_plan', 'gold', 'meta' ],
    [ 'first', 'gold', 'meta' ], [ 'id', 'gold', 'id' ],
    [ 'not', 'free', 200 ], [ 'not', 'gold', 'forbidden' ],
    [ 'alias', '', 'missing' ],
);

# ---- httpd's own expressions ----
is_code(@$_) for (
    [ 'expr', 'gold', 200 ], [ 'nogold', 'free', 200 ],
    [ 'nogold', 'gold', 'forbidden' ], [ 'nogold', '', 'missing' ],
    [ 'both', 'gold', 200 ], [ 'both', 'free', 'forbidden' ],
    [ 'both', '', 'missing' ], [ 'none', 'free', 200 ],
    [ 'env', 'gold', 200 ], [ 'env', 'free', 'forbidden' ],
    [ 'env', '', 'missing' ], [ 'seated', 'gold', 200 ],
    [ 'seated', 'free', 'forbidden' ], [ 'seated', '', 'missing' ],
    [ 'forged', 'gold', 200 ], [ 'forged', 'free', 'forbidden' ],
    [ 'forged', '', 'missing' ],
    [ 'other', '', 200, 'X-Want: in' ], [ 'other', 'free', 200, 'X-Want: in' ],
    [ 'other', '', 'forbidden' ],
    [ 'plain', '', 200, 'X-Want: gold' ], [ 'plain', '', 403 ],
);
for my $path (qw(expr gold none)) {
    my $name = $path eq 'none' ? 'gold' : 'free';
    my $refused = ask($host, "/$path/index.html", of($name));
    is_deeply(exported($refused),
              { APIKEY_RESULT => $path eq 'gold' ? 'meta' : 'forbidden' },
              "$path, refused: its ErrorDocument gets APIKEY_RESULT alone");
    unlike($refused->{body}, qr/^LEAKED/m,
           "$path, refused: mod_rewrite sees no meta on the way there");
}
is(ask($host, '/said/index.html', of('gold'))->{body}, 'meta: plan .',
   'an expression in an ErrorDocument sees no meta of a refused key');
is(ask($host, '/expr/env.cgi')->{status}, 401,
   'expr, without a key: 401 asks for one');

# ---- From the cache ----
my $kept = 'auth_details_kept';
my $cached = create_key($kept, tenant => 'acme');
sub kept { return ask($kept, '/valid/env.cgi', "X-API-Key: $cached->{key}") }
sql($kept, "UPDATE apikey SET networks = '127.0.0.1', meta = 'plan=gold'");
ok(wait_until(60, sub {
    (exported(kept())->{APIKEY_META_PLAN} // '') eq 'gold' }),
   'a cached key has its meta');
is(join(' ', map { code(kept()) } 1 .. 5), '200 200 200 200 200',
   '200 for a cached key from its network');
sql($kept, "UPDATE apikey_tenant SET meta = 'zone=eu'");
ok(wait_until(60, sub {
    (exported(kept())->{APIKEY_META_ZONE} // '') eq 'eu' }),
   "a change of the tenant's meta reaches a cached key");
sql($kept, "UPDATE apikey SET networks = '192.0.2.1'");
ok(wait_until(60, sub { code(kept()) eq 'network' }),
   'a change of the networks reaches a cached key');
is(join(' ', map { code(kept()) } 1 .. 5), join(' ', ('network') x 5),
   'a cached key is refused with network from another network');

# ---- ApiKeyEnforce Log ----
my $log = 'auth_details_log';
my $logged = create_key($log, tenant => 'acme');
sql($log, "UPDATE apikey SET networks = '192.0.2.1', meta = 'plan=free'");
for my $case ([ 'valid', 'network' ], [ 'expr', 'network' ],
              [ 'none', 'network' ]) {
    my $response = ask($log, "/$case->[0]/env.cgi",
                       "X-API-Key: $logged->{key}");
    is($response->{status}, 200,
       "$case->[0], ApiKeyEnforce Log: 200 from another network");
    is_deeply(exported($response), { APIKEY_RESULT => $case->[1] },
              "$case->[0], ApiKeyEnforce Log: APIKEY_RESULT alone, network");
}
sql($log, "UPDATE apikey SET networks = ''");
is_deeply(exported(ask($log, '/expr/env.cgi', "X-API-Key: $logged->{key}")),
          { APIKEY_RESULT => 'forbidden' },
          'expr, ApiKeyEnforce Log: APIKEY_RESULT alone, forbidden');

done_testing;
