# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The bodies of refusals: problem bodies, httpd's page, ErrorDocument,
# ApiKeyErrorBody; and the errors that are none of these.

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
    is_deeply($got, $want, "$what: status, challenge, caching");
    is(log_of($r)->{result}, $reason, "$what: the access log's result");
}

# A refusal of each kind at one place, by GET and HEAD: content type and body.
sub refused_with {
    my ($where, $reason, $type, $body) = @_;
    my @headers = $reason eq 'missing' ? @no : @bare;
    my $path = "/$where/index.html";
    my $r = ask($host, $path, @headers);
    same_head("$where, $reason", $r, $reason);
    like(join(',', header_of($r, 'Content-Type')), $type, 'its type');
    like($r->{body}, $body, 'its body');
    unlike($r->{body}, qr/secretive|no-scope|$made->{id}/,
           'nothing in it of the key or its tenant');
    my $head = ask_as('HEAD', $host, $path, @headers);
    same_head("$where, $reason, HEAD", $head, $reason);
    is_deeply([ map { [ header_of($head, $_) ] } qw(Content-Type) ],
              [ map { [ header_of($r, $_) ] } qw(Content-Type) ],
              'the same type with HEAD');
    is($head->{body}, '', 'no body with HEAD');
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
    like($r->{body}, qr/^REDIRECT_STATUS=$status$/m, 'it ran as one');
    like($r->{body}, qr/^APIKEY_RESULT=$reason$/m, 'it knows the reason');
    unlike($r->{body}, qr/secretive|no-scope|$made->{id}|^REMOTE_USER=
                          |\Q$made->{key}\E/mx,
           'but not whose key it was');
    is_deeply([ header_of($r, 'Cache-Control') ], ['no-store'], 'no-store');
}
my $r = ask($host, '/elsewhere/index.html', @bare);
is($r->{status}, 302, 'an ErrorDocument elsewhere is httpd\'s redirect');
is_deeply([ header_of($r, 'Location') ], ['http://127.0.0.1/sorry'],
          'it leads there');

# ---- ApiKeyErrorBody ----
my %ids;
for (1 .. 3) {
    my $r = ask($host, '/body/index.html');
    same_head('ApiKeyErrorBody', $r, 'missing');
    is_deeply([ header_of($r, 'Content-Type') ], ['application/json'],
              'the type that was asked for');
    my $body = JSON::PP::decode_json($r->{body});
    $ids{ delete $body->{id} }++;
    is_deeply($body, { error => 'missing', status => 401,
                       text => 'This resource needs an API key.' },
              'the template, filled in');
    is_deeply([ header_of($r, 'Content-Length') ], [ length $r->{body} ],
              'its length');
    my $head = ask_as('HEAD', $host, '/body/index.html');
    is_deeply([ header_of($head, 'Content-Length') ], [ length $r->{body} ],
              'HEAD has the same length');
}
is(scalar(grep { /^[\w@-]{20,40}$/ } keys %ids), 3,
   "mod_unique_id's, another each time");
is(JSON::PP::decode_json(ask($host, '/body/index.html', 'X-API-Key: x')
                         ->{body})->{error}, 'invalid', 'another reason');
$r = ask($host, '/body/index.html', @bare);
is($r->{body}, "403403 %scope 100% {reason} %% {{\"x\"}} \\n",
   'no other % is replaced in a template');
is_deeply([ header_of($r, 'Content-Type') ], ['text/plain; charset=utf-8'],
          'a type with a parameter');
is(ask($host, '/body/env.cgi', @bare)->{body}, '<p>inner: scope</p>',
   "an inner section's goes first");
is(JSON::PP::decode_json(ask($host, '/body/env.cgi')->{body})->{error},
   'missing', "for other statuses the outer section's holds");
$r = ask($host, '/body/index.html', @bare, @good);
same_head('a body for 400', $r, 'ambiguous');
is($r->{body}, '400', 'filled in');
refused_with('body-none', 'missing', qr{^text/plain$}, qr/^missing$/);
refused_with('body-none', 'scope', $html, qr/403 Forbidden/);
refused_with('body-doc', 'missing', $html, qr/^The document wins\.$/);

# Nothing of the request is in the body.
like(ask($host, '/forged-id/index.html')->{body}, qr/^\[[\w@-]{20,40}\]$/,
     'a request id');
for my $forged ('<script>', '"', 'a b', '%{reason}', 'x' x 100, "\xc3\xa9") {
    is(ask($host, '/forged-id/index.html', "X-Id: $forged")->{body}, '[]',
       'not one that could do harm: ' . substr $forged, 0, 10);
}

# ---- Errors of other modules ----
$r = ask($host, '/problem/not-there.html', @good);
is($r->{status}, 404, 'a file that is not there');
like($r->{body}, qr{<title>404 Not Found</title>}, "httpd's page for it");
$r = ask($host, '/problem/not-there.html');
is($r->{status}, 401, 'without a key it cannot be told from one that is');
for my $status (401, 403, 400, 503, 418) {
    $r = ask($host, "/problem/status.cgi?$status", @good);
    is($r->{status}, $status, "the application's own $status");
    like($r->{body}, qr/^The application says $status to acme, result granted/,
         'with its own body');
    is_deeply([ header_of($r, $_) ], [], "no $_ of ours")
        for qw(WWW-Authenticate Retry-After);
}
is(log_of($r)->{result}, 'granted', 'granted it was');
$r = ask_as('BREW', $host, '/problem/index.html', @good);
like($r->{status}, qr/^(?:405|501)$/, 'a method that is not there');
unlike($r->{body}, qr/"code"/, "httpd's page for that, too");

key_nowhere_in_logs($_) for $made, $good;

done_testing;
