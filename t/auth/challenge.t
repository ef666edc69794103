# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The challenge of a client without a key: the scopes that the Require in effect
# needs, if they are constant, and the parameters of ApiKeyChallenge.

use APIKey::Test;
use APIKey::Auth;

my $host = 'auth_challenge';
my ($secret) = secrets();
my $key = create_key($host);
my $old = create_key($host, scope => ['a:read']);
tell($host, 'revoke', $old->{id});
my $META = ', resource_metadata="https://a.example/meta"';

sub challenges {
    my ($method, $path, @headers) = @_;
    return [ header_of(ask_as($method, $host, $path, @headers),
                       'WWW-Authenticate') ];
}
sub first { return challenges(@_)->[0] }
sub bearer {
    my ($more) = @_;
    return qq(Bearer realm="R"$more$META);
}

# ---- The scope ----
my %SCOPE = (
    '/'              => undef,
    '/one'           => 'a:read',
    '/any'           => 'a:read a:write b:read',
    '/all'           => 'a:read b:read',
    '/none'          => undef,
    '/not'           => undef,
    '/method'        => 'a:read',
    '/expression'    => undef,
    '/tenant'        => undef,
    '/nested'        => 'a:read',
    '/user'          => undef,
    '/users'         => undef,
    '/users/within'  => 'a:read',
    '/ip'            => 'a:read',
    '/merged'        => 'a:read',
    '/merged/both'   => 'a:read b:read',
    '/merged/other'  => 'c:read',
    '/if'            => 'y:read',
);
for my $path (sort keys %SCOPE) {
    my $scope = $SCOPE{$path} ? qq(, scope="$SCOPE{$path}") : '';
    is(first('GET', $path), bearer($scope), "$path, without a key: "
       . ($SCOPE{$path} // 'no scope'));
    is(first('GET', $path, 'X-API-Key: ' . unknown_key($secret)),
       bearer(', error="invalid_token"'), '... with a bad one, its error');
}
is(first('HEAD', '/one'), bearer(', scope="a:read"'), 'HEAD');
is(first('POST', '/method'), bearer(', scope="a:write"'),
   'what another method needs');
is(first('GET', '/if', 'What: x'), bearer(', scope="x:read"'),
   'and what another section does');
is(first('GET', '/one', "X-API-Key: $old->{key}"),
   bearer(', error="invalid_token", error_description="The API key has been '
          . 'revoked."'), 'invalid_token for a revoked key');
is(first('GET', '/any', "X-API-Key: $key->{key}"),
   bearer(', error="insufficient_scope", scope="a:read a:write"'),
   'insufficient_scope for a good key without the scope');
is_deeply(challenges('GET', '/one'),
          [ bearer(', scope="a:read"'),
            'ApiKey realm="R", header="X-API-Key"', 'Token realm="R"',
            'Basic realm="R"' ], 'it stands in the first challenge alone');
is_deeply(challenges('GET', '/header'),
          [ 'ApiKey realm="R", header="X-API-Key", scope="a:read"',
            'Basic realm="R"' ], 'whichever that is');

# ---- In an .htaccess ----
for (['scope', ', scope="a:read"'], ['scope-user', '']) {
    my ($where, $scope) = @$_;
    is(first('GET', "/auth/$where/index.html"), bearer($scope),
       ".htaccess, $where");
}

# ---- Parameters ----
is_deeply(challenges('GET', '/parameters'),
          [ 'Bearer realm="R", title="a \"title\" \\\\ more", error_uri="/e"'
            . $META, 'ApiKey realm="R", header="X-API-Key", '
            . 'docs="https://a.example/keys"', 'Token realm="R", docs="/t"' ],
          'of each scheme, those of the section around it too');
is(first('GET', '/parameters/deeper'), 'Bearer realm="R", scope="a:read", '
   . 'Resource_Metadata="https://b.example/meta", '
   . 'title="a \"title\" \\\\ more", error_uri="/e"',
   'a section replaces what is of the same name');
is(first('GET', '/fixed'), bearer(', scope="x:read"'),
   'a fixed scope, where none is known');
is(first('GET', '/fixed/scope'), bearer(', scope="a:read"'),
   'and not beside one that is');
is(first('GET', '/fixed/scope', "X-API-Key: $key->{key}"),
   bearer(', error="insufficient_scope", scope="a:read"'), 'nor in a 403');
is(first('GET', '/fixed', "X-API-Key: $key->{key}", 'X-API-Key: x'),
   bearer(', error="invalid_request", scope="x:read"'), 'a 400 has them, too');

done_testing;
