# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A header that the administrator removes or replaces is removed or replaced for
# the application, too: by directives that run early or in fixups, inside of
# areas and outside, and in every request that httpd makes of the client's.

use FindBin qw($Bin);
use lib "$Bin/lib";
use APIKey::ConfigTest;
use APIKey::Test;
use MIME::Base64 qw(encode_base64);
use Seen;

my $site = APIKey::ConfigTest->new;
my $app = 'http://127.0.0.1:' . port('app');
my $key = $site->create(qw(--expires never));
my $with = "X-API-Key: $key";
my $jwt = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl';
my $fake = 'Basic ' . encode_base64('admin:pass', '');

# What the directive says about Authorization (@), and what becomes of the
# client's value; undef: the header is removed.
my %HAND = (
    keep   => [ '', sub { $_[0] } ],
    unset  => [ 'RequestHeader unset @', sub { undef } ],
    early  => [ 'RequestHeader unset @ early', sub { undef } ],
    set    => [ 'RequestHeader set @ "Basic theirs"', sub { 'Basic theirs' } ],
    setearly => [ 'RequestHeader set @ "Basic theirs" early',
                  sub { 'Basic theirs' } ],
    edit   => [ 'RequestHeader edit @ ^ "edited "',
                sub { defined $_[0] ? "edited $_[0]" : undef } ],
    append => [ 'RequestHeader append @ more', sub {
        join ', ', $_[0] // (), 'more' } ],
    empty  => [ 'RequestHeader setifempty @ theirs',
                sub { $_[0] // 'theirs' } ],
);

sub hand {
    my ($name, $header) = @_;
    return $HAND{$name}[0] =~ s/\@/$header/gr;
}

# In the virtual host NAME.example the directives are about Authorization; in
# NAME.pass, where the application gets the key, about X-API-Key.
my $PLACES = <<'EOF_PLACES';
    AliasMatch "^/\w+/([\w-]+\.(?:cgi|shtml))$" "@DOCS@/$1"
    Alias "/local/" "@DOCS@/local/"
    ProxyPassMatch "^/\w+(/app)$" "@APP@$1"
    <LocationMatch "^/(?:guarded|first)/">
        AuthType ApiKey
        Require valid-user
    </LocationMatch>
    <Location "/missing/">
        ErrorDocument 404 /open/app
    </Location>
EOF_PLACES
$PLACES =~ s/\@APP\@/$app/;

sub host {
    my ($name, @says) = @_;
    return join "\n", '<VirtualHost 127.0.0.1:*>', "ServerName $name", @says,
        $PLACES, '</VirtualHost>', '';
}
$site->file('docs/go.cgi', <<'EOF_CGI', 0755);
#!/bin/sh
printf 'Location: %s\r\n\r\n' "$QUERY_STRING"
EOF_CGI
$site->file('docs/any.shtml', '<!--#include virtual="$QUERY_STRING" -->');
$site->file('docs/local/.htaccess',
            "RewriteEngine On\nRewriteRule ^there\$ /open/app\n");
mkdir "$site->{dir}/kept" or die "kept: $!\n";
chown +(getpwnam run_info()->{user})[2, 3], "$site->{dir}/kept" unless $>;

my $first = join "\n", '<Location "/first/">',
    map({ "RequestHeader unset $_" } qw(Authorization X-API-Key)),
    '</Location>';
$site->start(<<'EOF_CONF' . join '',
@DATABASE@
<IfModule mod_cgid.c>
    ScriptSock "@DIR@/cgisock"
</IfModule>
AddHandler cgi-script .cgi
AddOutputFilter INCLUDES .shtml
AddType text/html .shtml
# Places that are proxied have no files that a CGI could run.
<Directory "@DOCS@">
    Options ExecCGI FollowSymLinks Includes
    AllowOverride FileInfo
</Directory>
EOF_CONF
    map({ host("$_.example", hand($_, 'Authorization')),
          host("$_.pass", 'ApiKeyPassKey On', hand($_, 'X-API-Key'),
               'RequestHeader set X-Copy "expr=%{HTTP:X-API-Key}"'),
          host("$_.bearer", 'ApiKeyPassKey On', hand($_, 'Authorization')),
          host("$_.cached", hand($_, 'Authorization'),
               'CacheRoot "@DIR@/kept"', 'CacheEnable disk /',
               'CacheQuickHandler On', 'CacheIgnoreNoLastMod On') }
        sort keys %HAND),
    host('trailers.example', 'ApiKeyFrom bearer', 'MergeTrailers On'),
    host('log.example', 'ApiKeyEnforce Log', hand('unset', 'Authorization')),
    host('first.example', $first),
    host('first.pass', 'ApiKeyPassKey On', $first),
    host('fake.example', '<Location "/">', 'AuthBasicFake admin pass',
         '</Location>'));

# The values of a header that the application gets.
sub got {
    my ($host, $path, $header, @sent) = @_;
    my $r = get($site->port, $path, "Host: $host", @sent);
    (my $text = $r->{body}) =~ s/^\s+//;
    return "status $r->{status}: $r->{body}" unless $text =~ /\AGET \S+ HTTP/;
    return join ', ', $text =~ /^\Q$header\E: (.*?)\r?$/mgi;
}

# ---- A credential that is none of ours ----

my @WAYS = qw(/open/app /open/go.cgi?/open/app /open/any.shtml?/open/app
              /local/there /missing/none);
my @GUARDED = ('/guarded/app', '/guarded/go.cgi?/open/app',
               '/guarded/any.shtml?/guarded/app');
for my $name (sort keys %HAND) {
    my $becomes = $HAND{$name}[1];
    for my $sent ("Bearer $jwt", 'Basic ' . encode_base64('bob:builder', ''),
                  undef) {
        my @sent = defined $sent ? "Authorization: $sent" : ();
        my $want = $becomes->($sent) // '';
        for my $path (@WAYS, @GUARDED) {
            # Once for each request that httpd makes of the client's.
            my $twice = $name =~ /edit|append/
                && $path =~ /go.cgi|any.shtml|local|missing/;
            my $is = $twice ? $becomes->($becomes->($sent)) // '' : $want;
            is(got("$name.example", $path, 'Authorization', @sent,
                   $path =~ /guarded/ ? $with : ()), $is,
               "$name: $path gets what the directive makes of "
               . substr($sent // 'nothing', 0, 6));
        }
        is(got("$name.cached", '/open/app', 'Authorization', @sent), $want,
           "$name: the same with the quick handler of mod_cache");
    }
    # A credential that is no key, in a header where a key may be.
    is(got("$name.pass", '/open/app', 'X-API-Key', 'X-API-Key: own'),
       $becomes->('own') // '',
       "$name: a foreign X-API-Key becomes what the directive says");
}
is(got('log.example', '/guarded/app', 'Authorization',
       "Authorization: Bearer $jwt"), '',
   'ApiKeyEnforce Log: the application does not get a removed header');
is(got('fake.example', $_, 'Authorization', "Authorization: Bearer $jwt",
       $with), $fake,
   "$_: the application gets the value that mod_auth_basic has set")
    for qw(/open/app /guarded/app);

# A header that was removed in the first request does not come back in the
# second.
for my $path (qw(/first/go.cgi?/open/app /first/go.cgi?/guarded/app
                 /first/any.shtml?/open/app /first/any.shtml?/guarded/app)) {
    for my $header (qw(Authorization X-API-Key)) {
        is(got($_, $path, $header, "Authorization: Bearer $jwt", $with), '',
           "$_, $path: the application does not get the removed $header")
            for qw(first.example first.pass);
    }
}

# ---- The key, where the application gets it ----

for my $name (sort keys %HAND) {
    my $becomes = $HAND{$name}[1];
    for ([ pass => 'X-API-Key', $key ],
         [ bearer => 'Authorization', "Bearer $key" ]) {
        my ($host, $header, $value) = @$_;
        for my $path ('/guarded/app', '/guarded/go.cgi?/guarded/app',
                      '/guarded/any.shtml?/guarded/app') {
            # A directive that edits the value edits the hint, which no
            # application gets.
            next if $name =~ /edit|append/ && $path !~ m{^/guarded/app$};
            my $want = { edit => 'edited', append => 'more' }->{$name}
                       // $becomes->($value) // '';
            is(got("$name.$host", $path, $header, "$header: $value"), $want,
               "$name: $path gets what the directive makes of the key in "
               . "$header");
        }
        my $open = got("$name.$host", '/open/app', $header,
                       "$header: $value");
        unlike($open, qr/\Q$key\E/,
               "$name: an open place does not get the key");
        is($open, '', "$name: an open place gets no header in place of the key")
            if $name =~ /^(?:keep|unset|early)$/;
    }
}

is(got('keep.pass', $_, 'X-Copy', $with), '',
   "$_: a directive that copies the key gets nothing")
    for '/guarded/app', '/guarded/go.cgi?/guarded/app',
        '/guarded/any.shtml?/guarded/app';

# ---- Trailers, in which no key is accepted ----

# A key in X-API-Key is not accepted there; it must be masked all the same.
like(raw($site->port, join "\r\n", 'POST /open/app HTTP/1.1',
         'Host: trailers.example', 'Transfer-Encoding: chunked',
         'Connection: close', '', '1', 'x', '0', $with, "X-Merged: yes", '', ''),
     qr{^HTTP/1\.1 200 }, '200 for a request with a key in its trailers');
$site->stop;
like($site->slurp('access_log'), qr{^POST /open/app HTTP/1\.1 200 key=- auth=-}m,
     'a key in a trailer is no header of the request');
is($site->leaks($key), '', 'no log has the key');
done_testing;
