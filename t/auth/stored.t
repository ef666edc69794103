# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# mod_cache with each provider, handler and setting: two tenants request the
# same URL of an application that allows caching, and each gets a response of
# its own, which is not stored. Without a key the answer is 401.

use APIKey::Auth qw(secrets unknown_key);
use APIKey::ConfigTest;
use APIKey::Test;

my $site = APIKey::ConfigTest->new;
$site->file('docs/app.cgi', <<'EOF_CGI', 0755);
#!/bin/sh
body="to ${APIKEY_TENANT:-nobody} of ${HTTP_X_API_KEY:-no key}\
${HTTP_AUTHORIZATION:+ and $HTTP_AUTHORIZATION}, $UNIQUE_ID"
printf 'Content-Type: text/plain\r\nContent-Length: %d\r\nETag: "one"\r\n' \
    ${#body}
for field in $(echo "$QUERY_STRING" | tr '&' ' '); do
    printf '%s\r\n' "$(echo "$field" | sed 's/:/: /')"
done
printf '\r\n%s' "$body"
EOF_CGI
my @user = getpwnam run_info()->{user};
mkdir "$site->{dir}/kept" or die "kept: $!\n";
chown @user[2, 3], "$site->{dir}/kept" unless $>;

my $CARELESS = <<'EOF_CARELESS';
    CacheStorePrivate On
    CacheStoreNoStore On
    CacheStoreExpired On
    CacheIgnoreCacheControl On
    CacheIgnoreNoLastMod On
    CacheIgnoreHeaders Vary Set-Cookie
    CacheDefaultExpire 600
EOF_CARELESS
# Name => [provider, quick handler, CacheEnable in a section, careless].
my %HOSTS = map { my ($store, $quick, $inside, $careless) = @$_;
    join('-', $store, $quick ? 'quick' : 'late', $inside ? 'section' : 'server',
         $careless ? 'careless' : 'strict') . '.example' => $_
} [ 'disk', 1, 0, 1 ], [ 'disk', 0, 0, 1 ], [ 'disk', 0, 1, 1 ],
  [ 'disk', 1, 0, 0 ], [ 'socache', 1, 0, 1 ], [ 'socache', 0, 1, 1 ],
  [ 'socache', 0, 0, 0 ];

sub host {
    my ($name) = @_;
    my ($store, $quick, $inside, $careless) = @{ $HOSTS{$name} };
    return join "\n", '<VirtualHost 127.0.0.1:*>', "ServerName $name",
        $inside ? "<Location />\nCacheEnable $store\n</Location>"
                : "CacheEnable $store /",
        'CacheQuickHandler ' . ($quick ? 'On' : 'Off'),
        $careless ? $CARELESS : (), '</VirtualHost>', '';
}

my $app = 'http://127.0.0.1:' . port('app');
my $conf = <<'EOF_CONF' . join '', map { host($_) } sort keys %HOSTS;
@DATABASE@
<IfModule mod_cgid.c>
    ScriptSock "@DIR@/cgisock"
</IfModule>
ApiKeyFrom header bearer basic
CacheRoot "@DIR@/kept"
CacheSocache shmcb
CacheHeader On
CacheLock On
# mod_cache_socache only stores responses with a length.
SetEnv ap_trust_cgilike_cl yes
AliasMatch "^/\w+/(app\.cgi)$" "@DOCS@/$1"
ProxyPassMatch "^/\w+(/app)$" "@APP@$1"
<Directory "@DOCS@">
    Options ExecCGI
    AddHandler cgi-script .cgi
    CGIPassAuth On
</Directory>
<LocationMatch "^/(?:guarded|optional)/">
    AuthType ApiKey
    Require valid-user
</LocationMatch>
<Location "/optional/">
    Require all granted
</Location>
EOF_CONF
$conf =~ s/\@APP\@/$app/;
my %key = (acme => $site->create);
chomp($key{globex} = $site->htapikey(qw(create -q --tenant globex --name g)));
remember_key($key{globex});
my $unknown = unknown_key((secrets("$site->{dir}/secret"))[0]);
$site->start($conf);

my @ANSWERS = ('cache-control:max-age=60', 'cache-control:public,max-age=60',
    'cache-control:max-age=60&vary:X-API-Key',
    'cache-control:s-maxage=60,must-revalidate&expires:0');
my @CLIENTS = (
    [ acme => "X-API-Key: $key{acme}" ],
    [ globex => "Authorization: Bearer $key{globex}" ],
    [ acme => "Authorization: Bearer $key{acme}" ],
    ['nobody'], [ globex => "X-API-Key: $key{globex}" ],
    [ unknown => "X-API-Key: $unknown" ],
    # 304 if the condition is met; 504 if the cache is asked for it alone.
    [ 'globex 304' => "X-API-Key: $key{globex}", 'If-None-Match: "one"' ],
    [ 'globex 504' => "X-API-Key: $key{globex}",
      'Cache-Control: only-if-cached' ],
);

# The tenant for which the application made the response, or the refusal.
sub whose {
    my ($r) = @_;
    return $r->{status} == 401 ? 'nobody, 401'
         : $r->{body} =~ /^to (\w+) of/ ? $1
         : $r->{body} =~ /^X-Apikey-Tenant: (\w+)/m ? $1
         : $r->{body} =~ m{^GET /app} ? 'nobody' : $r->{status};
}

for my $host (sort keys %HOSTS) {
    for my $path (map({ ("/guarded/app.cgi?$_", "/optional/app.cgi?$_") }
                      @ANSWERS), '/guarded/app', '/optional/app') {
        my %seen;
        for (@CLIENTS) {
            my ($who, @headers) = @$_;
            my $r = get($site->port, $path, "Host: $host", @headers);
            my $want = $who eq 'unknown'
                || $who eq 'nobody' && $path =~ /guarded/ ? 'nobody, 401'
                : $who;
            ok((grep { whose($r) eq $_ } $want, split ' ', $want),
               "$host$path: the answer to $who is for $want")
                or diag(explain($r));
            ok($r->{status} != 200 || $who eq 'nobody' || $path =~ m{/app$}
               || !$seen{ $r->{body} }++,
               "$host$path: the answer to $who is a new one");
            is(join('', header_of($r, 'X-Cache')) =~ /^HIT/, '',
               "$host$path: the answer to $who is no hit")
                if $who ne 'nobody';
        }
    }
    # In a section without AuthType ApiKey, mod_cache stores and answers.
    my $path = '/open/app.cgi?cache-control:public,max-age=60';
    my @open = map { get($site->port, $path, "Host: $host") } 1 .. 2;
    is($open[1]{body}, $open[0]{body},
       "$host: the second answer of an open section is the first");
    my $r = get($site->port, $path, "Host: $host", "X-API-Key: $key{acme}");
    is($r->{body}, $open[0]{body},
       "$host: a client with a key gets the stored answer of an open section");
    # The quick handler does not answer a request with Authorization.
    for my $value ($host =~ /quick/ ? ('Bearer a.b.c', 'Basic dTpw') : ()) {
        $r = get($site->port, $path, "Host: $host", "Authorization: $value");
        like($r->{body}, qr/ and \Q$value\E,/,
             "$host: $value gets a new answer of the application");
    }
}
my $vary = '/open/app.cgi?cache-control:public,max-age=60&vary:X-API-Key';
my @own = map { get($site->port, $vary, 'Host: disk-quick-server-strict.example',
                    $_ ? "X-API-Key: $_" : ()) } '', 'mine', 'yours', 'mine';
is(join(' ', map { $_->{body} =~ /of (.*),/ } @own), 'no key mine yours mine',
   'an application with Vary: X-API-Key gets each value of its own');
is($own[3]{body}, $own[1]{body},
   'an application with Vary: X-API-Key has an answer stored per value');

$site->stop;
is($site->leaks(values %key, $unknown), '', 'the logs contain no key');
my @kept = split /\n/, `grep -rlE 'acme|globex' '$site->{dir}/kept'`;
is("@kept", '', 'the cache on disk has no answer that names a tenant');

# ---- Responses that were stored before the section had AuthType ApiKey: the
# quick handler still serves them, and httpd -t warns ----
my $later = <<'EOF_LATER';
<Location "/open/">
    AuthType ApiKey
    Require valid-user
</Location>
EOF_LATER
my $warning = qr/APIKEY0130: .*CacheQuickHandler Off/;
my $said = $site->check("$conf$later");
ok($said->{ok}, 'httpd -t accepts a configuration that it warns of')
    or diag($said->{text});
my $quick = grep { $HOSTS{$_}[1] } keys %HOSTS;
is(scalar(() = $said->{text} =~ /$warning/g), $quick,
   'httpd -t has a warning for each server with the quick handler');
$site->start("$conf$later");
my $kept = '/open/app.cgi?cache-control:public,max-age=60';
for my $host (grep { /disk-.*careless/ } sort keys %HOSTS) {
    my $r = get($site->port, $kept, "Host: $host");
    is($r->{status}, $HOSTS{$host}[1] ? 200 : 401,
       "$host: without a key, an answer that was stored before gets "
       . ($HOSTS{$host}[1] ? 200 : 401));
}
$site->stop;
for my $case ([ 0, "CacheEnable disk /\n" ],
              [ 1, "CacheEnable disk /\n$later" ],
              [ 1, "<Location /x>\nCacheEnable disk\n</Location>\n$later" ],
              [ 1, "CacheEnable disk /\nCacheQuickHandler on\n$later" ],
              [ 0, "CacheEnable disk /\nCacheQuickHandler off\n$later" ],
              [ 0, $later ]) {
    my ($count, $text) = @$case;
    $said = $site->check("\@DATABASE\@\n$text");
    is(scalar(() = $said->{text} =~ /$warning/g), $count,
       ($count ? 'APIKEY0130 with: ' : 'no APIKEY0130 with: ')
       . join ' ', split /\n/, $text)
        or diag($said->{text});
}

done_testing;
