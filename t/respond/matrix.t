# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The names of the variables and headers that each kind of application gets, in
# each kind of place, whatever way a request takes inside httpd.  export.t tests
# the values.

use FindBin qw($Bin);
use lib "$Bin/lib";
use APIKey::Test;
use Seen;

my $key = create_key('respond', tenant => 'acme', scope => ['a:read'],
                     expires => '30d')->{key};

my %NAMES = (
    'environ.cgi' => [ sort qw(AUTH_TYPE REMOTE_USER APIKEY_RESULT APIKEY_ID
        APIKEY_TENANT APIKEY_NAME APIKEY_SCOPES APIKEY_ENV APIKEY_KEYSPACE
        APIKEY_EXPIRES HTTP_X_APIKEY_TENANT HTTP_X_APIKEY_ID
        HTTP_X_APIKEY_SCOPES HTTP_X_APIKEY_ENV) ],
    'app' => [ sort qw(X-Apikey-Tenant X-Apikey-Id X-Apikey-Scopes
        X-Apikey-Env) ],
);

# Place, status, and headers of the client; 200: access is granted, or the place
# is open.
my @PLACES = (
    [ 'granted',     'guarded', 200, "X-API-Key: $key" ],
    [ 'granted',     'guarded', 200, "Authorization: Bearer $key" ],
    [ 'granted',     'guarded', 200, "X-API-Key: $key",
                                     "Authorization: Bearer $key" ],
    [ 'granted',     'readers', 200, "X-API-Key: $key" ],
    [ 'no key',      'guarded', 401 ],
    [ 'a wrong key', 'guarded', 401, 'X-API-Key: ak_wrong' ],
    [ 'two keys',    'guarded', 400, "X-API-Key: $key", "X-API-Key: $key" ],
    [ 'no scope',    'scoped',  403, "X-API-Key: $key" ],
    [ 'open',        'open',    200 ],
    [ 'open, beside a key', 'open', 200, "X-API-Key: $key" ],
    [ 'open, beside a bearer', 'open', 200, "Authorization: bearer $key" ],
    [ 'open, beside two keys', 'open', 200, "X-API-Key: $key, $key" ],
);

# How the request comes to /AREA/FILE inside httpd.
my @FORGED = ('X-Apikey-Tenant: evil', 'x_apikey_other: evil',
              'Connection: X-Apikey-Id, X-Apikey-Env');
my @EVENTS = (
    # name, path, method, further headers, for CGI only
    [ 'plain',     '/AREA/FILE', 'GET' ],
    [ 'POST',      '/AREA/FILE', 'POST' ],
    [ 'OPTIONS',   '/AREA/FILE', 'OPTIONS' ],
    [ 'a query',   '/AREA/FILE?APIKEY_TENANT=evil&x-apikey-id=1', 'GET' ],
    [ 'forged',    '/AREA/FILE', 'GET', \@FORGED ],
    [ 'forged POST', '/AREA/FILE', 'POST', \@FORGED ],
    [ 'rewritten', '/rewrite/AREA/FILE', 'GET' ],
    [ 'rewritten, forged', '/rewrite/AREA/FILE', 'GET', \@FORGED ],
    [ 'redirected', '/open/go.cgi?/AREA/FILE', 'GET', \@FORGED ],
    [ 'redirected thrice', '/open/go.cgi?' x 3 . '/AREA/FILE', 'GET' ],
    [ 'redirected POST', '/open/go.cgi?/AREA/FILE', 'POST' ],
    [ 'included',  '/open/any.shtml?/AREA/FILE', 'GET', \@FORGED ],
    [ 'included twice', '/open/any.shtml?/open/any.shtml?/AREA/FILE', 'GET' ],
    [ 'redirected, then included',
      '/open/go.cgi?/open/any.shtml?/AREA/FILE', 'GET' ],
    [ 'MultiViews', '/AREA/environ', 'GET', \@FORGED, 'CGI' ],
    [ 'a type map', '/AREA/choice.var', 'GET', \@FORGED, 'CGI' ],
    [ 'path info', '/AREA/FILE/APIKEY_TENANT/evil', 'GET', [], 'CGI' ],
);

# Inside of a page, a refusal is one line of it.  OPTIONS reaches a CGI, too.
for my $event (@EVENTS) {
    my ($name, $pattern, $method, $headers, $cgi) = @$event;
    for my $file ($cgi ? 'environ.cgi' : sort keys %NAMES) {
        for my $place (@PLACES) {
            my ($where, $area, $status, @headers) = @$place;
            my $path = $pattern =~ s/AREA/$area/r =~ s/FILE/$file/r;
            my $r = request('respond_redirects', $method, $path,
                [ @headers, @{ $headers || [] } ],
                $method eq 'POST' ? 'a=b' : undef);
            my $what = "$name, $where: $file";
            my $included = $name =~ /included/;
            is($r->{status}, $included ? 200 : $status,
               "$what: the status of the response");
            (my $text = $r->{body}) =~ s/^\s+|\s+\z//g if $included;
            my $said = said({ %$r, body => $text // $r->{body} });
            if ($status != 200) {
                ok(!ref $said, "$what: no application gets the request");
                unlike($r->{body}, qr/acme|APIKEY_T/i,
                       "$what: the response does not name the tenant");
                next;
            }
            $said = [ map { /^([^=:]+)/ } grep { !/^REDIRECT_/ } @$said ]
                if ref $said;
            is_deeply($said, $where eq 'granted' ? $NAMES{$file} : [],
                      "$what: the application gets these names")
                or diag($r->{body});
            unlike($r->{body}, qr/^(?!QUERY|REQUEST|PATH_|REDIRECT|GET|SCRIPT)
                \S+evil/mx, "$what: the application gets no forged value")
                if $name =~ /forged/;
        }
    }
}
key_nowhere_in_logs($key);
done_testing;
