# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Authorization: sections that need no key, methods, Satisfy, AuthMerging,
# ApiKeyTenant, and the value of REMOTE_USER.

use APIKey::Test;
use APIKey::Auth;

my $host = 'auth_authz';
my %made = (
    reader => create_key($host, tenant => 'acme', scope => 'deals:read'),
    writer => create_key($host, tenant => 'globex', env => 'test',
                         scope => [qw(deals:read deals:write)]),
    disabled => create_key($host, tenant => 'acme', scope => 'deals:*'),
);
tell($host, 'disable', $made{disabled}{id});
my %header = (
    none => [], unknown => [ 'X-API-Key: ' . unknown_key(secrets()) ],
    foreign => ['Authorization: Bearer x.y.z'], empty => ['X-API-Key:'],
    map { $_ => ["X-API-Key: $made{$_}{key}"] } keys %made,
);

sub outcome {
    my ($r) = @_;
    return 200 if $r->{status} == 200;
    my $problem = refusal($r)->{problem};
    return ref $problem ? $problem->{code} : "status $r->{status}";
}

sub answers {
    my ($method, $path, %want) = @_;
    my %got = map {
        $_ => outcome(ask_as($method, $host, $path, @{ $header{$_} }))
    } keys %want;
    is_deeply(\%got, \%want, "$method $path: the answer to each kind of key");
}

# ---- A key where none is needed: it is verified, and a bad one gets 401 ----
for my $where (qw(granted byip satisfyany)) {
    answers('GET', "/$where/index.html", none => 200, reader => 200,
            writer => 200, disabled => 'disabled', unknown => 'invalid',
            foreign => 'invalid', empty => 'invalid');
    my $r = ask($host, "/$where/env.cgi", @{ $header{reader} });
    like($r->{body}, qr/^APIKEY_TENANT=acme$/m,
         "$where: a CGI gets APIKEY_TENANT from an optional key");
    like($r->{body}, qr/^REMOTE_USER=acme$/m,
         "$where: a CGI gets REMOTE_USER from an optional key");
    my $log = log_of($r);
    is_deeply([ @{$log}{qw(result id tenant user)} ],
              [ 'granted', $made{reader}{id}, 'acme', 'acme' ],
              "$where: the access log has the optional key's id and tenant");
    $r = ask($host, "/$where/env.cgi");
    unlike($r->{body}, qr/^(?:APIKEY_(?!RESULT)|REMOTE_USER)/m,
           "$where: without a key, a CGI gets no APIKEY_* or REMOTE_USER");
    is_deeply([ header_of($r, 'Cache-Control') ], ['private'],
              "$where: without a key, the response is private as well");
}

# In a section with another AuthType no key is verified, so a bad one gets 200.
for my $where (qw(noauth plain)) {
    answers('GET', "/$where/index.html", map { $_ => 200 } keys %header);
    my $r = ask($host, "/$where/env.cgi", @{ $header{reader} });
    unlike($r->{body}, qr/^(?:APIKEY_|REMOTE_USER|HTTP_X_APIKEY)/m,
           "$where: a good key sets no variable and no request header");
    unlike($r->{body}, qr/\Q$made{reader}{key}\E/,
           "$where: a CGI does not see the key");
    is_deeply([ header_of($r, 'Vary'), header_of($r, 'Cache-Control') ], [],
              "$where: the response has neither Vary nor Cache-Control");
    is(log_of($r)->{result}, '-', "$where: the access log has no result");
}

# ---- Methods ----
my %all = (none => 'missing', disabled => 'disabled');
for my $where (qw(limited except method)) {
    answers('GET', "/$where/env.cgi", %all, reader => 200, writer => 200);
    answers('POST', "/$where/env.cgi", %all, reader => 'scope',
            writer => 200);
}
answers('DELETE', '/limited/env.cgi', %all, reader => 'scope', writer => 200);
answers('DELETE', '/except/env.cgi', %all, reader => 'scope', writer => 200);
answers('DELETE', '/method/env.cgi', reader => 'forbidden',
        writer => 'forbidden', none => 'forbidden');
answers('OPTIONS', '/method/index.html', %all, reader => 200);
answers('HEAD', '/method/index.html', reader => 200, writer => 200);
answers('GET', '/onlypost/index.html', none => 200, reader => 200,
        disabled => 'disabled');
answers('POST', '/onlypost/env.cgi', %all, reader => 'scope', writer => 200);
answers('PUT', '/limited/env.cgi', %all, reader => 200);

# ---- Satisfy, Order, AuthMerging ----
answers('GET', '/satisfyelse/index.html', %all, reader => 200,
        unknown => 'invalid');
answers('GET', '/satisfyall/index.html', %all, reader => 200,
        unknown => 'invalid');
answers('GET', '/denied/index.html', none => 'forbidden',
        reader => 'forbidden', disabled => 'forbidden');
answers('GET', '/merged/env.cgi', %all, reader => 200, writer => 'env');

# ---- REMOTE_USER ----
my $r = ask($host, '/byid/env.cgi', @{ $header{reader} });
like($r->{body}, qr/^REMOTE_USER=$made{reader}{id}$/m,
     'with ApiKeyUser id, REMOTE_USER is the id of the key');
like($r->{body}, qr/^AUTH_TYPE=ApiKey$/m,
     'with ApiKeyUser id, AUTH_TYPE is ApiKey');
like($r->{body}, qr/^APIKEY_TENANT=acme$/m,
     'with ApiKeyUser id, APIKEY_TENANT is still the tenant');
is(log_of($r)->{user}, $made{reader}{id},
   'with ApiKeyUser id, the user in the access log is the id');
$r = ask($host, '/limited/env.cgi', @{ $header{reader} });
like($r->{body}, qr/^REMOTE_USER=acme$/m,
     'by default, REMOTE_USER is the tenant');
like($r->{body}, qr/^AUTH_TYPE=ApiKey$/m, 'by default, AUTH_TYPE is ApiKey');
is(log_of(ask($host, '/merged/env.cgi', @{ $header{writer} }))->{user}, '-',
   'a refused request has no user in the access log');

# ---- ApiKeyTenant ----
sub lock_answers {
    my ($at, $path, $want, @headers) = @_;
    is_deeply(refusal(ask($at, $path, @headers)), expected($want),
              "$at: $path is refused with $want");
}
my %lock = map {
    my $at = $_;
    $at => { map { $_ => create_key($at, tenant => $_, name => 'lock') }
             'Acme Corp', 'acme.example', 'acme', 'globex' }
} qw(auth_lock auth_lock_name auth_lock_expr);
sub lock_key { return "X-API-Key: $lock{ $_[0] }{ $_[1] }{key}" }

my $page = '/auth/lock/index.html';
is(ask('auth_lock', $page, lock_key('auth_lock', 'Acme Corp'))->{status}, 200,
   'ApiKeyTenant: 200 for a key of that tenant');
lock_answers('auth_lock', $page, 'tenant', lock_key('auth_lock', $_))
    for qw(acme globex acme.example);
is(log_of(ask('auth_lock', $page, lock_key('auth_lock', 'globex')))->{tenant},
   'globex', 'ApiKeyTenant: the access log names the tenant that was refused');
# The .htaccess says "Require all granted".
is(ask('auth_lock', $page)->{status}, 200,
   'ApiKeyTenant: a request without a key is granted if .htaccess grants it');

is(ask('auth_lock', '/late/index.html', lock_key('auth_lock', 'Acme Corp'))
   ->{status}, 200,
   'ApiKeyTenant: 200 for a key of that tenant where keys are optional');
lock_answers('auth_lock', '/late/index.html', 'tenant',
             lock_key('auth_lock', 'globex'));

my $named = 'auth_lock_name';
is(ask($named, '/index.html', lock_key($named, 'acme.example'))->{status},
   200, 'ApiKeyTenant %{SERVER_NAME}: 200 for the tenant of that name');
lock_answers($named, '/index.html', 'tenant', lock_key($named, 'globex'),
             $_) for 'Host: globex', 'Host: globex:80', 'X-Host: globex';
lock_answers($named, '/index.html', 'tenant',
             lock_key($named, 'globex'), 'Host: acme.example');
is(ask($named, '/index.html', lock_key($named, 'acme.example'),
       'Host: globex')->{status}, 200,
   'ApiKeyTenant %{SERVER_NAME}: the Host header does not change the tenant');
like(raw($named, "GET http://globex/index.html HTTP/1.1\r\nHost: globex\r\n"
         . lock_key($named, 'globex') . "\r\nConnection: close\r\n\r\n"),
     qr/^HTTP\/1.1 403 /,
     'ApiKeyTenant %{SERVER_NAME}: 403 whatever host the request line has');

my $expr = 'auth_lock_expr';
is(ask($expr, '/index.html', lock_key($expr, 'acme'), 'X-Tenant: ACME')
   ->{status}, 200, 'ApiKeyTenant with an expression: 200 for its value');
lock_answers($expr, '/index.html', 'tenant', lock_key($expr, 'acme'),
             'X-Tenant: globex');
lock_answers($expr, '/index.html', 'tenant', lock_key($expr, 'acme'), @$_)
    for [], ['X-Tenant:'];
lock_answers($expr, '/index.html', 'missing', 'X-Tenant: acme');
lock_answers($expr, '/index.html', 'invalid', 'X-Tenant: acme',
             'X-API-Key: x');

key_nowhere_in_logs($_)
    for values %made, map { values %$_ } values %lock;

done_testing;
