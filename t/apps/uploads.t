# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Uploads that are refused before they end, as in conf/manual/applications.md.

use FindBin qw($Bin);
use lib "$Bin/../respond/lib";
use APIKey::ConfigTest;
use APIKey::Process qw(wait_until);
use APIKey::Test;
use H2;

my $HTTP2 = run_info()->{mpm} ne 'prefork';
my $site = APIKey::ConfigTest->new;
my $key = $site->create;
my $dir = $site->{dir};
$site->file('large', 'x' x 4_000_000);
$site->file('none', '');
$site->file('docs/count.cgi', <<'EOF_CGI', 0755);
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
wc -c
EOF_CGI
$site->start(<<'EOF_CONF');
@DATABASE@
LogLevel notice
# A response that waits for the rest of an upload does not arrive within the
# time of this test.
Timeout 600
<IfModule mod_http2.c>
    Protocols h2c http/1.1
</IfModule>
<IfModule mod_cgid.c>
    ScriptSock "@DIR@/cgisock"
</IfModule>
LogFormat "%H %>s %{APIKEY_RESULT}e" results
CustomLog "@DIR@/results" results
AddHandler cgi-script .cgi
Options ExecCGI
<Location "/">
    AuthType ApiKey
    AuthName "R"
    Require valid-user
</Location>
<Location "/basic/">
    AuthType Basic
    AuthName "B"
    AuthBasicProvider file
    AuthUserFile "@DIR@/none"
</Location>
EOF_CONF

sub upload {
    my ($file, $path, @with) = @_;
    open my $from, '-|', qw(curl -s -m 60 -X POST -w %{http_code} -T),
        "$dir/$file", '-o', "$dir/answer", @with,
        "http://127.0.0.1:$site->{port}/$path" or die "curl: $!\n";
    my $status = do { local $/; <$from> };
    close $from;
    return wantarray ? ($status, $? >> 8) : $status;
}

my @h1 = '--http1.1';
my @h2 = '--http2-prior-knowledge';
is(upload('large', 'count.cgi', @h1), 401,
   'HTTP/1.1: an upload without a key is refused');
is(upload('large', 'count.cgi', @h1, '-H', 'Expect:'), 401,
   'HTTP/1.1: an upload that does not send Expect is refused');
is(upload('large', 'count.cgi', $HTTP2 ? @h2 : @h1, '-H', "X-API-Key: $key"),
   200, 'an upload with a key is accepted');
like($site->slurp('answer'), qr/\A\s*4000000\s*\z/,
     'the application gets the whole upload with a key');

subtest 'HTTP/2' => sub {
    for my $path (qw(count.cgi basic/x)) {
        my ($status, $exit) = upload('large', $path, @h2);
        # The whole upload may have been sent before the response, which depends
        # on time.
        ok($status eq '401' && !$exit || $status eq '000' && $exit == 92,
           "$path: 401, or curl ends with 92: $status, $exit");
    }
    is(upload('none', 'count.cgi', @h2), 401,
       'an upload of no bytes has the status 401');
    my $c = H2->new($site->port);
    $c->{stream} = 1;
    $c->fields(0, ':method' => 'POST', ':scheme' => 'http',
               ':path' => '/count.cgi', ':authority' => 'x');
    $c->frame(0, 0, 1, 'x' x 1000);
    my ($body, $reset) = ('', 0);
    while (!$reset && defined(my $head = $c->bytes(9))) {
        my ($length, $type, undef, $stream) = unpack 'NCCN', "\0$head";
        my $payload = $length ? $c->bytes($length) : '';
        $body .= $payload if $type == 0 && $stream == 1;
        $reset = 1 if $type == 3 && $stream == 1;
    }
    like($body, qr/"code":"missing"/,
         'HTTP/2: the response arrives during the upload');
    ok($reset, 'HTTP/2: the stream is reset after the response');
} if $HTTP2;

# Status and reason of each upload; a refusal by Basic has no reason.
my @want = ((' 401 missing') x ($HTTP2 ? 5 : 2), $HTTP2 ? ' 401 -' : (),
            ' 200 granted');
my @log;
wait_until(60, sub {
    @log = $site->slurp('results') =~ /^HTTP\S+(.*)\n/mg;
    return @log >= @want;
});
is_deeply([ sort @log ], [ sort @want ],
          'the log has status and reason of each upload');

$site->stop;
is($site->leaks($key), '', 'no log has a key');
done_testing;
