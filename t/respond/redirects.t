# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# One request of a client that becomes several inside httpd: the tenant is known
# in all of them, the client gets one 401, and the ErrorDocument of a refusal
# gets the reason only.

use FindBin qw($Bin);
use lib "$Bin/lib";
use APIKey::Auth qw(secrets unknown_key);
use APIKey::Test;
use MIME::Base64 qw(encode_base64);
use Seen;

sub make {
    my (%what) = @_;
    my $key = { name => 'a test', env => 'live', %what };
    return { %{ create_key('respond', %$key, expires => 'never') }, %$key,
             expires => 0 };
}

my $key   = make(tenant => 'acme', scope => ['a:read']);
my $other = make(tenant => 'initech', scope => ['a:read']);
my $poor  = make(tenant => 'hooli', scope => []);
my $with  = "X-API-Key: $key->{key}";
my @none  = ();

# A key that the database does not have.
my $unknown = unknown_key((secrets())[0]);

# In an area httpd needs a user; the user of a refused request is empty.
my $NOBODY = qr/^REMOTE_USER=$/;

sub seen {
    my ($path, $headers, $true, $what) = @_;
    my $r = get('respond_redirects', $path, @$headers);
    $what = "$path: " . ($what // 'the tenant is there');
    my $said = said($r);
    $said = [ grep { !/^REDIRECT_|$NOBODY/ } @$said ] if ref $said;
    is_deeply($said, $true, $what) or diag($r->{status}, ' ', $r->{body});
    my ($tenant) = map { /^APIKEY_TENANT=(.*)/ } @$true;
    is_deeply([ grep { $_ ne ($tenant // '') }
                $r->{body} =~ /^\w*REMOTE_USER=(.+)/mg ], [],
              "$what, and no other user") unless $what =~ /two keys/;
    return $r;
}

# A refusal has one status, one challenge or none, and one body.
sub refused {
    my ($path, $status, $code, @headers) = @_;
    my $r = get('respond_redirects', $path, @headers);
    is($r->{status}, $status, "$path: the request is refused with $status");
    like($r->{body}, qr/^\{.*"status":$status,.*"code":"$code"\}\n$/,
         "$path: the response has one body");
    challenged($path, $r, $code);
    like(join(',', header_of($r, 'Vary')), qr/X-API-Key/,
         "$path: Vary has the header of the key");
    is_deeply([ header_of($r, 'Cache-Control') ], ['no-store'],
              "$path: the response is not to be stored");
    unlike($r->{body}, qr/acme|hooli|initech/,
           "$path: the response names no tenant");
    return $r;
}

# httpd joins the fields to one if the page is made by a CGI.
sub challenged {
    my ($path, $r, $code) = @_;
    my %count = (missing => 2, scope => 1, invalid => 1);
    my $fields = join ', ', header_of($r, 'WWW-Authenticate');
    is(scalar(my @all = $fields =~ /(?:^|, )(?:ApiKey|Bearer) realm=/g),
       $path =~ /bearer/ ? 1 : $count{$code},
       "$path: the response has one challenge per scheme");
    unlike($r->{body}, qr/Additionally/i,
           "$path: no error is reported about the error page");
}

# ---- DirectoryIndex ----

my $r = get('respond_redirects', '/index-static/', $with);
is($r->{body}, "We are sorry.\n",
   'the static index of a guarded directory is sent');
like(join(',', header_of($r, 'Vary')), qr/X-API-Key/,
     'Vary of the static index has the header of the key');
is_deeply([ header_of($r, 'Cache-Control') ], ['private'],
          'the static index is private');
refused('/index-static/', 401, 'missing');
seen('/index-cgi/', [$with], told($key));
refused('/index-cgi/', 401, 'missing');
refused('/index-cgi/', 401, 'invalid', 'X-API-Key: wrong');
seen('/index-readers/', [$with], told($key));
refused('/index-readers/', 403, 'scope', "X-API-Key: $poor->{key}");
refused('/index-scoped/', 403, 'scope', $with);
for my $path (qw(/files/ /files-two/)) {
    $r = seen($path, [$with], told($key),
        'the index of an open directory is guarded');
    like(join(',', header_of($r, 'Vary')), qr/X-API-Key/,
         'Vary of the guarded index has the header of the key');
    is_deeply([ header_of($r, 'Cache-Control') ], ['private'],
              'the guarded index is private');
    refused($path, 401, 'missing');
    refused($path, 401, 'invalid', 'X-API-Key: wrong');
}

# ---- mod_rewrite ----

in_stage('moved/.htaccess', join "\n", 'RewriteEngine On',
    'RewriteRule ^(\w+)/environ$ /$1/environ.cgi',
    'RewriteRule ^app$ http://127.0.0.1:' . port('app') . '/app [P]', '');
seen('/rewrite/guarded/environ.cgi', [$with], told($key));
seen('/rewrite/guarded/app', [$with], carried($key));
seen('/rewrite/open/environ.cgi', [$with], [], 'there is no tenant');
refused('/rewrite/guarded/environ.cgi', 401, 'missing');
refused('/rewrite/scoped/app', 403, 'scope', $with);
seen('/guarded/moved/app', [$with], carried($key));
refused('/guarded/moved/app', 401, 'missing');
seen('/open/moved/app', [$with], [], 'there is no tenant');
seen('/guarded/moved/open/environ', [$with], told($key));
for my $to (qw(guarded other readers)) {
    seen("/$_/moved/$to/environ", [$with], told($key)) for qw(guarded open);
    refused("/$_/moved/$to/environ", 401, 'missing') for qw(guarded open);
}
refused('/guarded/moved/scoped/environ', 403, 'scope', $with);
for my $area (qw(guarded open)) {
    $r = seen("/$area/ahead.cgi", [$with], $area eq 'open' ? [] : told($key));
    is_deeply([ $r->{body} =~ /^(?:REDIRECT_)?AHEAD=(.*)/mg ],
              $area eq 'open' ? [''] : ['acme'],
              "$area: a look-ahead reads the user of the key or none");
}
refused('/guarded/ahead.cgi', 401, 'missing');

# ---- Users after a rewrite to a place outside of the area ----

in_stage('moved/users', "eve:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
my $eve = 'Authorization: Basic ' . encode_base64('eve:secret', '');
sub users {
    my ($path, @headers) = @_;
    my $r = get('respond_redirects', $path, @headers);
    return join ' ', map { /^(?:AUTH_TYPE|REMOTE_USER|HTTP_X_FIXUP)=(.*)/
                           ? $1 : () } sort split /\n/, $r->{body};
}
is(users('/guarded/moved/open/environ', $with), 'ApiKey acme acme',
   'a front controller and fixups in an open place get the tenant');
is(users('/ids/moved/open/environ', $with),
   "ApiKey $key->{id} $key->{id}",
   'with ApiKeyUser id a front controller gets the id');
is(users('/ids/go.cgi?/open/go.cgi?/open/environ.cgi', $with),
   "ApiKey $key->{id} $key->{id}",
   'with ApiKeyUser id the id is known after two redirects');
is(users('/open/moved/open/environ', $with), '',
   'a rewrite of an open path has no user');
is(users('/guarded/moved/basic/environ', $with, $eve), 'Basic eve',
   'an area of AuthType Basic has its own user');
is(get('respond_redirects', '/guarded/moved/basic/environ', $with)->{status},
   401, '401 in an area of AuthType Basic without its user');
$r = get('respond_redirects', '/guarded/go.cgi?/basic/sorry.txt', $with);
is(join('', header_of($r, 'X-Told')), ', acme',
   'no user in an area of AuthType Basic that requires none');

# ---- Handlers, negotiation, applications that redirect ----

seen('/guarded/handled-guarded', [$with], told($key));
seen('/guarded/handled-open', [$with], told($key));
seen('/open/handled-guarded', [$with], told($key));
seen('/open/handled-open', [$with], [], 'there is no tenant');
refused("/$_", 401, 'missing')
    for qw(guarded/handled-guarded guarded/handled-open open/handled-guarded);
for my $file (qw(choice.var environ)) {
    seen("/guarded/$file", [$with], told($key));
    seen("/open/$file", [$with], [], 'there is no tenant');
    refused("/guarded/$file", 401, 'missing');
    refused("/scoped/$file", 403, 'scope', $with);
}
seen('/guarded/go.cgi?/open/environ.cgi', [$with], told($key));
seen('/guarded/go.cgi?/open/app', [$with], carried($key));
seen('/guarded/go.cgi?/other/app', [$with], carried($key));
seen("/$_/go.cgi?/other/environ.cgi", [$with], told($key)) for qw(open guarded);
seen('/guarded/go.cgi?/readers/go.cgi?/open/go.cgi?/other/environ.cgi',
     [$with], told($key), 'the tenant is known after four areas');
refused('/open/go.cgi?/other/environ.cgi', 401, 'missing');
refused('/guarded/go.cgi?/scoped/environ.cgi', 403, 'scope', $with);

# ---- SSI ----

# The label and the text of each include, in the form of said().
sub included {
    my ($body) = @_;
    return [ map { [ $_->[0], $_->[1] =~ /error occurred/
                              ? 'error' : said_of($_->[1]) ] }
             map { /^(\w+): (.*)/s ? [ $1, $2 ] : () }
             split /^(?=(?:open|guarded|scoped|exec): )|^end$/m, $body ];
}

for my $area (qw(open guarded)) {
    # An open document that a page of an area includes gets what the page gets.
    my $open = $area eq 'open' ? [] : undef;
    my $page = get('respond_redirects', "/$area/page.shtml", $with);
    is($page->{status}, 200, "$area: a page with includes is sent");
    my $included = included($page->{body});
    is_deeply([ map { $_->[0] } @$included ],
        [qw(open guarded open scoped guarded exec open scoped)],
              'the page has all of its includes');
    for my $one (@$included) {
        my ($where, $said) = @$one;
        if ($where eq 'scoped') {
            is($said, 'error', "$area includes $where: the include is refused");
            next;
        }
        my %said = map { /^([\w-]+?)(?:=|: )(.*)/ ? ($1 => $2) : () } @$said;
        my $tenant = $said{APIKEY_TENANT} // $said{'X-Apikey-Tenant'};
        is($tenant, $area eq 'open' && $where eq 'open' ? undef : 'acme',
           "$area includes $where: the tenant is known, except where all is "
           . 'open');
        is_deeply($said, [],
                  "$area includes $where: an open include gets nothing of a "
                  . 'key')
            unless defined $tenant;
    }
    $page = get('respond_redirects', "/$area/page.shtml");
    if ($area eq 'guarded') {
        is($page->{status}, 401,
           "$area: 401 for a page with includes without a key");
        next;
    }
    is($page->{status}, 200,
       "$area: a page with includes is sent without a key");
    is(scalar(() = $page->{body} =~ /error occurred/g), 5,
       'without a key five includes are errors');
    is_deeply([ grep { $_ ne 'error' && @$_ } map { $_->[1] }
                @{ included($page->{body}) } ], [],
              'without a key no include gets values of a key');
    is_deeply([ header_of($page, 'WWW-Authenticate') ], [],
              'a page whose includes are refused has no challenge');
}

# ---- mod_autoindex ----

for my $headers ([], [$with]) {
    $r = get('respond_redirects', '/list/', @$headers);
    is($r->{status}, 200, 'a list of open and guarded folders is sent');
    like($r->{body}, qr/href="open\/"/, 'the list has the open folder');
    unlike($r->{body}, qr/error|acme/i, 'the list has no error and no tenant');
    is_deeply([ header_of($r, 'WWW-Authenticate') ], [],
              'the list has no challenge');
}
is(get('respond_redirects', '/list/guarded/', $with)->{status}, 200,
   'the list of a guarded folder is sent with a key');
refused('/list/guarded/', 401, 'missing');

# ---- ErrorDocument ----

my %DOCUMENT = (
    static => sub { is($_[0]{body}, "We are sorry.\n",
        "$_[1]: the page is the file") },
    text   => sub { is($_[0]{body}, 'A text', "$_[1]: the page is the text") },
    cgi => \&of_cgi, inside => \&of_cgi, other => \&of_cgi, app => \&of_app,
    missing => sub { like($_[0]{body}, $_[2] eq 'granted' ? qr/404 Not Found/
                          : qr/"code":"$_[2]"/,
        "$_[1]: the page is that of httpd or ours") },
);

# Inside of an area the document may be refused, too; then the response is the
# same as without the document.
sub of_cgi {
    my ($r, $what, $code, $k) = @_;
    my $said = said($r);
    if ($code eq 'granted') {
        my @told = grep { !/REMOTE_USER|AUTH_TYPE/ } @{ told($k) };
        is_deeply([ grep { !/REMOTE_USER|AUTH_TYPE/ } @$said ], \@told,
                  "$what: the document gets the tenant");
        is_deeply([ map { /REMOTE_USER=(.*)/ } @$said ], [ $k->{tenant} ],
                  "$what: the document gets the user");
    }
    elsif (ref $said) {
        # A foreign credential is no key, and the application gets it.
        is_deeply([ grep { !/^AUTH_TYPE|=wrong$|$NOBODY/ } @$said ],
                  ["APIKEY_RESULT=$code"],
                  "$what: the document gets the reason and no tenant");
    }
    else {
        like($r->{body}, qr/^\{.*"code":"$code"\}\n$/,
             "$what: the response has our own body");
    }
}

sub of_app {
    my ($r, $what, $code, $k) = @_;
    is_deeply([ grep { !/: wrong$/ } @{ said($r) } ],
              $code eq 'granted' ? carried($k) : [],
              "$what: a proxied application gets the headers of a granted "
              . 'key only');
}

for my $kind (sort keys %DOCUMENT) {
    for (
        [ 401, 'missing', 'environ.cgi' ],
        [ 401, 'invalid', 'environ.cgi', 'X-API-Key: wrong' ],
        [ 401, 'invalid', 'environ.cgi', "X-API-Key: $unknown" ],
        [ 403, 'scope', 'environ.cgi', "X-API-Key: $poor->{key}" ],
        [ 404, 'granted', 'no-such.txt', $with ],
    ) {
        my ($status, $code, $file, @headers) = @$_;
        my $path = "/error-$kind/$file";
        $r = get('respond_redirects', $path, @headers);
        # A proxied application chooses the status.
        is($r->{status}, $kind eq 'app' ? 200 : $status,
           "$path: the status is $status, or that of the application");
        challenged($path, $r, $code) if $code ne 'granted';
        $DOCUMENT{$kind}->($r, "$path, $code", $code, $key);
        unlike($r->{body}, qr/hooli|\Q$poor->{id}\E/,
               "$path: the response does not name the tenant");
    }
}

$r = seen('/error-later/go.cgi?/error-later/environ.cgi',
          ["X-API-Key: $poor->{key}"], ['APIKEY_RESULT=scope'],
          'access is granted and then refused: the document gets no tenant');
is($r->{status}, 403,
   'access that is granted and then refused has the status 403');

# ---- Areas that accept keys in different places ----

my $bearer = "Authorization: Bearer $key->{key}";
my $theirs = "Authorization: Bearer $other->{key}";
$r = seen('/header/go.cgi?/bearer/environ.cgi', [ $with, $bearer ],
          told($key));
like($r->{body}, qr/^WHO=acme$/m, 'a fixup before the last one reads the user');
refused('/bearer/go.cgi?/header/environ.cgi', 401, 'missing', $with);
is(get('respond_redirects', '/header/go.cgi?/bearer/environ.cgi', $with)
   ->{status}, 401, '401 in an area whose place of the key is empty');
seen('/header/go.cgi?/bearer/environ.cgi', [ $with, $theirs ], told($other),
     'two keys, each in its place');
seen('/header/environ.cgi', [ $with, $theirs ], told($key),
     'a key in a place that is no source is ignored and hidden');
for ([ '/header/environ.cgi', 'missing', $bearer ],
     [ '/header/environ.cgi', 'missing', $theirs ],
     [ '/header/environ.cgi', 'invalid', 'X-API-Key: wrong', $theirs ],
     [ '/header/sorry.txt', 'scope', $with, $theirs ],
     [ '/header/sorry.txt', 'scope', $with, $bearer ]) {
    my ($path, $code, @headers) = @$_;
    # A foreign credential is no key, and the application gets it.
    my @foreign = grep { /wrong/ } @headers;
    $r = seen($path, \@headers,
              [ "APIKEY_RESULT=$code", map { 'HTTP_X_API_KEY=wrong' } @foreign ],
              "refused ($code): the key of the ErrorDocument's area is not "
              . 'looked for');
    is($r->{status}, $code eq 'scope' ? 403 : 401,
       "refused ($code): the status is that of the refusal");
    unlike($r->{body}, qr/^WHO=/m,
           "refused ($code): a fixup before the last one reads no user");
}

# ---- A cache that stores all that it can ----

for my $host (qw(respond_quick respond_slow)) {
    is_deeply([ map { (header_of($_, 'X-Cache'))[0] =~ /^(\w+)/ }
                map { get($host, '/open/said.shtml') } 1, 2 ],
              [qw(MISS HIT)], "$host stores a response and sends it again");
    for my $path (qw(/guarded/environ.cgi /files/ /open/mixed.shtml
                     /open/late.shtml)) {
        for ([ $key, 'acme' ], [ $other, 'initech' ], [ undef ],
             [ $key, 'acme' ]) {
            my ($k, @tenant) = @$_;
            $r = get($host, $path, $k ? "X-API-Key: $k->{key}" : ());
            is_deeply([ $r->{body} =~ /^APIKEY_TENANT=(.*)/mg ], \@tenant,
                      "$host: $path has the tenant of its own request, @tenant")
                or diag(map { "@$_\n" } @{ $r->{headers} });
        }
    }
}

key_nowhere_in_logs($_) for $key, $other, $poor;
done_testing;
