# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The body of a refusal is problem+json by default, or httpd's page, an
# ErrorDocument, or ApiKeyErrorBody. Errors of other modules keep their bodies.

use APIKey::Test;
use APIKey::Auth;
use JSON::PP ();

my $host = 'auth_err';
my $made = create_key($host, tenant => 'secretive', name => 'no-scope');
my $good = create_key($host, tenant => 'acme', scope => 'a:b');
my @no = ();
my @bare = ("X-API-Key: $made->{key}");
my @good = ("X-API-Key: $good->{key}");

# Whatever the body, the headers and the log line of a refusal are the same.
sub same_head {
    my ($what, $r, $reason) = @_;
    my $scope = $reason =~ /^(?:missing|scope)$/ ? 'a:b' : undef;
    my $want = expected($reason, scope => $scope);
    my $got = refusal($r);
    delete @{$_}{qw(problem type)} for $want, $got;
    is_deeply($got, $want,
              "$what: status, challenge and Cache-Control of $reason");
    is(log_of($r)->{result}, $reason, "$what: the access log has $reason");
}

# Checks a refusal of one section, by GET and HEAD: content type and body.
sub refused_with {
    my ($where, $reason, $type, $body) = @_;
    my @headers = $reason eq 'missing' ? @no : @bare;
    my $path = "/$where/index.html";
    my $r = ask($host, $path, @headers);
    same_head("$where, $reason", $r, $reason);
    like(join(',', header_of($r, 'Content-Type')), $type,
         "$where, $reason: the type is the configured one");
    like($r->{body}, $body, "$where, $reason: the body is the configured one");
    unlike($r->{body}, qr/secretive|no-scope|$made->{id}/,
           "$where, $reason: the body names neither key nor tenant");
    my $head = ask_as('HEAD', $host, $path, @headers);
    same_head("$where, $reason, HEAD", $head, $reason);
    is_deeply([ map { [ header_of($head, $_) ] } qw(Content-Type) ],
              [ map { [ header_of($r, $_) ] } qw(Content-Type) ],
              "$where, $reason, HEAD: the type is the one of GET");
    is($head->{body}, '', "$where, $reason, HEAD: no body");
}

my $html = qr{^text/html};
my $json = qr{^application/problem\+json$};
refused_with('problem', 'missing', $json, qr/"code":\s*"missing"/);
refused_with('problem', 'scope', $json, qr/"code":\s*"scope"/);
refused_with('reset', 'scope', $json, qr/"code":\s*"scope"/);
refused_with('reset', 'missing', $json, qr/"code":\s*"missing"/);
refused_with('none', 'missing', $html, qr{<title>401 Unauthorized</title>});
refused_with('none', 'scope', $html, qr{<title>403 Forbidden</title>});

# ---- ErrorDocument ----
refused_with('text', 'missing', $html, qr/^A text, nothing more\.$/);
refused_with('text', 'scope', $html, qr/^The server's own word\.$/);
refused_with('local', 'missing', $html, qr/^The administrator's page\.\n$/);
refused_with('guarded', 'missing', qr/html|problem/,
             qr/^The administrator's page\.\n$|"code":\s*"missing"/);
refused_with('same', 'missing', qr/html|problem/,
             qr/^The administrator's page\.\n$|"code":\s*"missing"/);
refused_with('missing', 'missing', qr/html|problem/,
             qr/"code":\s*"missing"|401 Unauthorized/);
for my $case ([ missing => @no ], [ scope => @bare ]) {
    my ($reason, @headers) = @$case;
    my $r = ask($host, '/cgi/index.html', @headers);
    my $status = expected($reason)->{status};
    is($r->{status}, $status, "a CGI as ErrorDocument keeps the $status");
    like($r->{body}, qr/^REDIRECT_STATUS=$status$/m,
         "a CGI as ErrorDocument gets REDIRECT_STATUS $status");
    like($r->{body}, qr/^APIKEY_RESULT=$reason$/m,
         "a CGI as ErrorDocument gets APIKEY_RESULT $reason");
    unlike($r->{body}, qr/secretive|no-scope|$made->{id}|^REMOTE_USER=
                          |\Q$made->{key}\E/mx,
           "a CGI as ErrorDocument for $reason gets neither key nor tenant");
    is_deeply([ header_of($r, 'Cache-Control') ], ['no-store'],
              "a CGI as ErrorDocument for $reason has no-store");
}
my $r = ask($host, '/elsewhere/index.html', @bare);
is($r->{status}, 302, 'an ErrorDocument on another server is a 302');
is_deeply([ header_of($r, 'Location') ], ['http://127.0.0.1/sorry'],
          'an ErrorDocument on another server is named in Location');

# ---- ApiKeyErrorBody ----
my %ids;
for (1 .. 3) {
    my $r = ask($host, '/body/index.html');
    same_head('ApiKeyErrorBody', $r, 'missing');
    is_deeply([ header_of($r, 'Content-Type') ], ['application/json'],
              'ApiKeyErrorBody: the type is the configured one');
    my $body = JSON::PP::decode_json($r->{body});
    $ids{ delete $body->{id} }++;
    is_deeply($body, { error => 'missing', status => 401,
                       text => 'This resource needs an API key.' },
              'ApiKeyErrorBody: reason, message and status are filled in');
    is_deeply([ header_of($r, 'Content-Length') ], [ length $r->{body} ],
              'ApiKeyErrorBody: Content-Length is that of the body');
    my $head = ask_as('HEAD', $host, '/body/index.html');
    is_deeply([ header_of($head, 'Content-Length') ], [ length $r->{body} ],
              'ApiKeyErrorBody: Content-Length of HEAD is the one of GET');
}
is(scalar(grep { /^[\w@-]{20,40}$/ } keys %ids), 3,
   'ApiKeyErrorBody: request_id is another one for each of three requests');
is(JSON::PP::decode_json(ask($host, '/body/index.html', 'X-API-Key: x')
                         ->{body})->{error}, 'invalid',
   'ApiKeyErrorBody: %{reason} is invalid for a word that is no key');
$r = ask($host, '/body/index.html', @bare);
is($r->{body}, "403403 %scope 100% {reason} %% {{\"x\"}} \\n",
   'ApiKeyErrorBody: a % that starts no known variable is kept');
is_deeply([ header_of($r, 'Content-Type') ], ['text/plain; charset=utf-8'],
          'ApiKeyErrorBody: the type may have a parameter');
is(ask($host, '/body/env.cgi', @bare)->{body}, '<p>inner: scope</p>',
   'ApiKeyErrorBody: an inner section replaces the body for its status');
is(JSON::PP::decode_json(ask($host, '/body/env.cgi')->{body})->{error},
   'missing', 'ApiKeyErrorBody: an inner section inherits other statuses');
$r = ask($host, '/body/index.html', @bare, @good);
same_head('ApiKeyErrorBody for 400', $r, 'ambiguous');
is($r->{body}, '400', 'ApiKeyErrorBody: %{status} is 400 for ambiguous');
refused_with('body-none', 'missing', qr{^text/plain$}, qr/^missing$/);
refused_with('body-none', 'scope', $html, qr/403 Forbidden/);
refused_with('body-doc', 'missing', $html, qr/^The document wins\.$/);

# %{request_id} is mod_unique_id's; a value that could carry markup is left out.
like(ask($host, '/forged-id/index.html')->{body}, qr/^\[[\w@-]{20,40}\]$/,
     "%{request_id} is mod_unique_id's");
for my $forged ('<script>', '"', 'a b', '%{reason}', 'x' x 100, "\xc3\xa9") {
    is(ask($host, '/forged-id/index.html', "X-Id: $forged")->{body}, '[]',
       '%{request_id} is empty for the forged UNIQUE_ID '
       . substr $forged, 0, 10);
}

# ---- Errors of other modules ----
$r = ask($host, '/problem/not-there.html', @good);
is($r->{status}, 404, '404 with a good key where there is no file');
like($r->{body}, qr{<title>404 Not Found</title>},
     "the 404 has httpd's page as body");
$r = ask($host, '/problem/not-there.html');
is($r->{status}, 401, '401 without a key where there is no file');
for my $status (401, 403, 400, 503, 418) {
    $r = ask($host, "/problem/status.cgi?$status", @good);
    is($r->{status}, $status, "the application's own $status is passed on");
    like($r->{body}, qr/^The application says $status to acme, result granted/,
         "the application's own $status keeps its body");
    is_deeply([ header_of($r, $_) ], [],
              "the application's own $status has no $_ of ours")
        for qw(WWW-Authenticate Retry-After);
}
is(log_of($r)->{result}, 'granted',
   "the result of the application's own error is granted");
$r = ask_as('BREW', $host, '/problem/index.html', @good);
like($r->{status}, qr/^(?:405|501)$/, '405 or 501 for an unknown method');
unlike($r->{body}, qr/"code"/, "an unknown method gets httpd's page as body");

key_nowhere_in_logs($_) for $made, $good;

done_testing;
