# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A 401 for a request without a key has a challenge per way. The first one names
# the scopes that the Require in effect needs, if they do not depend on the
# request; each has the parameters of ApiKeyChallenge for its scheme.

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
    is(first('GET', $path), bearer($scope),
       "$path, without a key: the challenge has "
       . ($SCOPE{$path} ? "scope=$SCOPE{$path}" : 'no scope'));
    is(first('GET', $path, 'X-API-Key: ' . unknown_key($secret)),
       bearer(', error="invalid_token"'),
       "$path, unknown key: the challenge has invalid_token and no scope");
}
is(first('HEAD', '/one'), bearer(', scope="a:read"'),
   'HEAD: the challenge is the one of GET');
is(first('POST', '/method'), bearer(', scope="a:write"'),
   'POST: the scope is the one that <Limit POST> requires');
is(first('GET', '/if', 'What: x'), bearer(', scope="x:read"'),
   '<If>: the scope is the one of the branch that is true');
is(first('GET', '/one', "X-API-Key: $old->{key}"),
   bearer(', error="invalid_token", error_description="The API key has been '
          . 'revoked."'),
   'the challenge for a revoked key has invalid_token and says revoked');
is(first('GET', '/any', "X-API-Key: $key->{key}"),
   bearer(', error="insufficient_scope", scope="a:read a:write"'),
   'the challenge for a good key without the scope has insufficient_scope');
is_deeply(challenges('GET', '/one'),
          [ bearer(', scope="a:read"'),
            'ApiKey realm="R", header="X-API-Key"', 'Token realm="R"',
            'Basic realm="R"' ], 'only the first challenge has the scope');
is_deeply(challenges('GET', '/header'),
          [ 'ApiKey realm="R", header="X-API-Key", scope="a:read"',
            'Basic realm="R"' ],
          'the first challenge has the scope without Bearer, too');

# ---- In an .htaccess ----
for (['scope', ', scope="a:read"'], ['scope-user', '']) {
    my ($where, $scope) = @$_;
    is(first('GET', "/auth/$where/index.html"), bearer($scope),
       "the .htaccess of $where: the challenge has "
       . ($scope ? 'its scope' : 'no scope'));
}

# ---- Parameters ----
is_deeply(challenges('GET', '/parameters'),
          [ 'Bearer realm="R", title="a \"title\" \\\\ more", error_uri="/e"'
            . $META, 'ApiKey realm="R", header="X-API-Key", '
            . 'docs="https://a.example/keys"', 'Token realm="R", docs="/t"' ],
          'each challenge has its parameters, the inherited ones last');
is(first('GET', '/parameters/deeper'), 'Bearer realm="R", scope="a:read", '
   . 'Resource_Metadata="https://b.example/meta", '
   . 'title="a \"title\" \\\\ more", error_uri="/e"',
   'a section replaces a parameter of the same name and inherits the others');
is(first('GET', '/fixed'), bearer(', scope="x:read"'),
   'the scope of ApiKeyChallenge is sent where Require needs none');
is(first('GET', '/fixed/scope'), bearer(', scope="a:read"'),
   'the scope of Require replaces that of ApiKeyChallenge in a 401');
is(first('GET', '/fixed/scope', "X-API-Key: $key->{key}"),
   bearer(', error="insufficient_scope", scope="a:read"'),
   'the scope of Require replaces that of ApiKeyChallenge in a 403');
is(first('GET', '/fixed', "X-API-Key: $key->{key}", 'X-API-Key: x'),
   bearer(', error="invalid_request", scope="x:read"'),
   'a 400 has the parameters of ApiKeyChallenge');

done_testing;
