# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# No key is ever in a log, not even at trace8, nor in an environment or a
# response, whatever the configuration does to get it.

use FindBin qw($Bin);
use lib "$Bin/lib";
use APIKey::Test;
use APIKey::Logs qw(key_pattern);
use MIME::Base64 qw(encode_base64);

sub make {
    return create_key('respond', tenant => 'acme', scope => ['a:read'])->{key};
}

my $key = make();
my $revoked = create_key('respond', tenant => 'gone');
is(htapikey('respond', 'revoke', $revoked->{id})->{exit}, 0,
   'a key is revoked');

# Not a key, but so similar to one that it must be masked.
(my $mistyped = $key) =~ s/(.)$/$1 eq 'x' ? 'y' : 'x'/e;
(my $reversed = $key) =~ s/_(\w{43})/'_' . reverse $1/e;
my $of_another = 'zz' . substr make(), 2;
my @similar = ($mistyped, $reversed, $of_another);
remember_key($_) for @similar;

sub basic { return 'Basic ' . encode_base64($_[0], '') }

sub placed {
    my ($k) = @_;
    return (["X-API-Key: $k"], ["Authorization: Bearer $k"],
            ["authorization:  bEARER   $k "],
            [ 'Authorization: ' . basic("$k:") ],
            [ "x-api-key: $k", "Authorization: Bearer $k" ],
            [ "X-API-Key: $k", "X-API-Key: $k" ],
            [ "Authorization: Bearer $k", 'Authorization: Bearer a.b.c' ],
            [ 'X-API-Key: something-else', "Authorization: Bearer $k" ]);
}

# A good key in a place where none is accepted must not reach the application.
sub misplaced {
    my ($k) = @_;
    return (["Authorization: $k"], ["Authorization: ApiKey $k"],
            [ 'Authorization: ' . basic("user:$k") ]);
}

my @FILES = qw(environ.cgi app sorry.txt printenv.shtml page.shtml missing
               index/ go.cgi?/open/environ.cgi go.cgi?/guarded/app bad.cgi
               gone);
my @PATHS = ((map { ("/guarded/$_", "/open/$_") } @FILES),
    qw(/scoped/environ.cgi /errors/environ.cgi /errors/missing
       /rewrite/guarded/environ.cgi /rewrite/open/app));
my @answers;

sub ask {
    my ($method, $path, @headers) = @_;
    my $body = $method eq 'POST' ? 'a=b' : undef;
    my $r = request('respond_logs', $method, $path, \@headers, $body);
    push @answers, "$method $path: @headers\n$r->{status} $r->{body}\n"
        . join "\n", map { "$_->[0]: $_->[1]" } @{ $r->{headers} };
    return $r;
}

# In an open place every one of these directives finds a foreign credential, so
# they would find a key.
my $mark = mark_logs();
my $foreign = 'somebody-elses-credential';
my $r = ask('GET', '/open/environ.cgi', "X-API-Key: $foreign-k",
            "Authorization: Bearer $foreign-a");
like($r->{body}, qr/^KEY=$foreign-k$/m, 'SetEnvIf reads a foreign X-API-Key');
like($r->{body}, qr/^RAUTH=Bearer $foreign-a$/m,
     'RewriteCond reads a foreign Authorization');
like($r->{body}, qr/^SKEY=${foreign}-kBearer $foreign-a$/m,
     'SetEnvIf and RewriteCond of the server read both headers');
like($r->{body}, qr/^HTTP_X_API_KEY=$foreign-k$/m,
     'a CGI gets a foreign X-API-Key');
like($r->{body}, qr/^HTTP_AUTHORIZATION=Bearer $foreign-a$/m,
     'a CGI gets a foreign Authorization');
is_deeply([ header_of($r, 'X-API-Key') ], ["$foreign-k"],
          'Header echo writes a foreign X-API-Key');
is_deeply([ header_of($r, 'X-Echo') ], ["${foreign}-kBearer $foreign-a"],
          'an expression of Header writes both headers');
$r = ask('GET', '/open/sorry.txt', "X-API-Key: $foreign-k");
like($r->{body}, qr/^HTTP_X_API_KEY=$foreign-k$/m,
     'the program of mod_ext_filter gets a foreign X-API-Key');
$r = ask('GET', '/open/bad.cgi', "X-API-Key: $foreign-k");
is($r->{status}, 500, '500 for a script that fails');
ok(wait_for_log($mark, 'respond_all',
    qr{^/open/bad.cgi 500 key=$foreign-k .* key=$foreign-k }m),
   'LogFormat writes a foreign X-API-Key')
    or diag(logs_since($mark, 'respond_all'));
like(logs_since($mark, 'respond_some'), qr/key=$foreign-k/,
     'LogFormat on a condition writes a foreign X-API-Key');
like(logs_since($mark, 'respond_error'), qr/key=$foreign-k/,
     'ErrorLogFormat writes a foreign X-API-Key');
like(logs_since($mark, 'respond_script'), qr/^X-API-Key: $foreign-k/m,
     'ScriptLog writes a foreign X-API-Key');

# Every path, with a key in every place.
my %status;
for my $path (@PATHS) {
    my @all = placed($key);
    push @all, misplaced($key) if $path =~ /environ|app/;
    push @all, (placed($revoked->{key}))[0, 1] if $path =~ /guarded|environ/;
    push @all, map { (placed($_))[0, 1, 3] } @similar if $path =~ /environ|app/;
    for my $headers (@all) {
        $status{ ask('GET', $path, @$headers)->{status} }++;
    }
}
for my $method (qw(HEAD POST OPTIONS TRACE PUT DELETE)) {
    for my $path (qw(/guarded/environ.cgi /open/app /guarded/missing)) {
        ask($method, $path, @$_) for (placed($key))[0, 1, 3];
    }
}
cmp_ok($status{$_} // 0, '>', 5, "some of the requests were answered with $_")
    for qw(200 400 401 403 404 500 503);

# Requests that httpd cannot parse.
my $long = 'x' x 20_000;
for my $end ("X-Long: $long\r\n\r\n", "X-Key: a\r\nX-Cut", "no colon\r\n\r\n",
             "X-Many: 1\r\n" x 50 . "\r\n", "X-Nul: \0\r\n\r\n", '') {
    for my $headers (placed($key)) {
        push @answers, map { raw($_, join "\r\n",
            'GET /environ.cgi HTTP/1.1', 'Host: a', @$headers, $end) }
            qw(respond_unread respond_unread_page);
    }
}
cmp_ok(scalar(grep { /^SERVER_SOFTWARE=/m && /^HTTP\/1\.1 400/ } @answers),
       '>', 20,
       'pages about requests that cannot be parsed show their environment');
# A key in a trailer, where none is accepted.
push @answers, raw('respond_logs', join "\r\n", "POST $_ HTTP/1.1", 'Host: a',
    'Transfer-Encoding: chunked', 'Connection: close', '', '1', 'a', '0',
    "X-API-Key: $key", '', '')
    for '/open/environ.cgi', '/open/app', '/open/go.cgi?/open/environ.cgi';

$mark = mark_logs();
ask('GET', '/open/last');
ok(wait_for_log($mark, 'respond_all', qr{^/open/last 404 }m),
   'the log has the last request');
my @keys = ($key, $revoked->{key}, @similar);
my $pattern = key_pattern(@keys);
is_deeply([ grep { (split /\n/, $_, 2)[1] =~ $pattern } @answers ], [],
          'no answer has a key');
key_nowhere_in_logs($_) for @keys;
done_testing;
