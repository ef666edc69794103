# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Each kind of application that httpd supports (APIKey::Apps), over HTTP/1.1 and
# HTTP/2: it gets the tenant of the key and never the key, and the rest of the
# request as it was sent.  It is not called if the key is refused.

use FindBin qw($Bin);
use lib "$Bin/../respond/lib";
use APIKey::Apps;
use APIKey::Logs qw(key_pattern);
use APIKey::Test;
use H2;
use MIME::Base64 qw(encode_base64);

my $site = APIKey::Apps->new;
# prefork has no HTTP/2.
my @FRONTS = ('h1', run_info()->{mpm} eq 'prefork' ? () : 'h2');

my %plain = (tenant => 'acme', name => 'plain', env => 'live',
             scope => [ 'a:read', 'b:*' ], expires => 'never');
my %strange = (tenant => q(Müller "&" S'öhne; $(id) %n %{x}e <b> =),
               name => q(a "quoted" \\ name, 🔑 = {1}), env => 'test',
               scope => ['x:y'], expires => 'never');

sub make {
    my (%what) = @_;
    my $made = $site->key(map { my $name = $_;
        map { ("--$name", $_) }
            ref $what{$name} ? @{ $what{$name} } : $what{$name}
    } sort keys %what);
    return { %what, %$made{qw(key id)} };
}
my %key = (plain => make(%plain), strange => make(%strange),
           revoked => make(%plain), passed => make(%plain));
$site->htapikey('revoke', $key{revoked}{id});
sub with { return "X-API-Key: $_[0]{key}" }

# Runs a test for each application with each front that can call it.
sub each_app {
    my ($takes, $do) = @_;
    for my $app ($site->apps($takes)) {
        $do->($app, $_, "$app, $_")
            for grep { $_ eq 'h1' || $app !~ /^(?:socket|tunnel)$/ } @FRONTS;
    }
}

# All that an application gets of keys and users, by name.
sub ours {
    my ($saw) = @_;
    my %all = (%{ $saw->{env} }, %{ $saw->{headers} });
    return { map { $_ => $all{$_} } grep {
        /api.?key|acme.caller|authorization|remote.?user|auth.?type|php.auth/i
    } keys %all };
}

# What an application must get of a granted key.
sub told {
    my ($app, $key, %also) = @_;
    my $scopes = "@{ $key->{scope} }";
    return {
        $site->carries($app, 'vars') ? (
            APIKEY_RESULT => 'granted', APIKEY_KEYSPACE => 'default',
            APIKEY_ID => $key->{id}, APIKEY_TENANT => $key->{tenant},
            APIKEY_NAME => $key->{name}, APIKEY_ENV => $key->{env},
            APIKEY_SCOPES => $scopes) : (),
        $site->carries($app, 'headers') ? (
            'x-apikey-id' => $key->{id}, 'x-apikey-tenant' => $key->{tenant},
            'x-apikey-scopes' => $scopes, 'x-apikey-env' => $key->{env}) : (),
        user($app, 'ApiKey', $key->{tenant}), %also };
}

sub user {
    my ($app, $type, $name) = @_;
    return $site->carries($app, 'user')
        ? (AUTH_TYPE => $type, REMOTE_USER => $name) : ();
}

my $reached = 0;
sub answers {
    my ($app, $saw, $promise) = @_;
    # SSI is no program: it does not record its requests.
    $reached++ if $app ne 'ssi';
    return 1 if $saw->{status} == 200 && %{ $saw->{headers} };
    fail("$promise: $saw->{status} $saw->{text}");
    return 0;
}

sub knows {
    my ($app, $saw, $told, $promise) = @_;
    answers($app, $saw, $promise) or return;
    is_deeply(ours($saw), $told, $promise) or diag($saw->{text});
}

my $keys = key_pattern(map { $_->{key} } values %key);
sub no_key { unlike($_[0]{text}, $keys, "$_[1]: the application gets no key") }

my @FORGED = map { "$_: evil" } qw(X-Apikey-Tenant x-apikey-SCOPES
    X_Apikey_Tenant X-Apikey_Id x_APIKEY-Env X.Apikey.Tenant X~Apikey~Id
    X-Apikey- X_Apikey_Other X-Apikey-Result X-Apikey-Name);
push @FORGED, 'X-Apikey-Env:', 'X-Apikey-Tenant: evil, eviler';

# ---- Trailers, which MergeTrailers turns into headers ----

sub trailers {
    my ($app, $area, $told) = @_;
    my $saw = $site->ask($app, $area, [ with($key{plain}), 'TE: trailers' ],
        body => [ 'a', 'piece' ],
        trailers => [ @FORGED, 'Connection: X-Apikey-Tenant',
                      with($key{strange}),
                      "Authorization: Bearer $key{strange}{key}" ]);
    knows($app, $saw, $told,
          "$app: trailers, $area: the application gets the true values");
    unlike($saw->{text}, qr/evil/,
           "$app: trailers, $area: the application gets no forged value");
    no_key($saw, "$app: trailers, $area");
}

# The first request to the balancer is sent twice, because one of its members is
# not up; by the second time the body has been read.
trailers('balancer', open => {});
# The proxies of SCGI and uwsgi answer a chunked body with 411.
for my $app (grep { !/^(?:scgi|uwsgi|socket|tunnel)$/ } $site->apps) {
    trailers($app, guarded => told($app, $key{plain}));
    trailers($app, open => {});
}
# The trailers of a refused request are also read.
$site->ask('http', 'guarded', [], body => ['a'], trailers =>
           [ 'X-Also: refused', with($key{strange}) ]);

# HTTP/2 also has trailers after a body of known length.  PHP reads the body
# first.  If it ends before the trailers arrive, httpd may reset the stream;
# then this test sends the request again.
for my $length (@FRONTS == 2 ? ([], [ 'content-length' => 3 ]) : ()) {
    my $text;
    for (1 .. 10) {
        $text = H2->new($site->port)->ask(
            [ ':method' => 'POST', ':scheme' => 'http',
              ':path' => '/open/show.php', ':authority' => 'plain.example',
              @$length ], 'abc',
            [ 'x-also' => 'here', 'x-api-key' => $key{plain}{key},
              'x-apikey-tenant' => 'evil' ]) // next;
        last;
    }
    $text //= 'no answer';
    my $saw = $site->normal('php', { status => 200, body => $text });
    knows('php', $saw, {},
          "php, h2: trailers after @$length: the application gets no value");
    # After a body of known length the trailers may arrive when PHP has read all
    # it needs.
    is($saw->{headers}{'x-also'}, 'here',
       'php, h2: httpd merges a trailer of another name')
        unless @$length;
}

# ---- The application gets the tenant and no key ----

each_app('', sub {
    my ($app, $front, $what) = @_;
    for my $name (qw(plain strange)) {
        my $key = $key{$name};
        for my $header (with($key), "Authorization: Bearer $key->{key}") {
            my $saw = $site->ask($app, 'guarded', [$header], front => $front);
            my ($where) = $header =~ /^([^:]+)/;
            knows($app, $saw, told($app, $key),
                  "$what: the values of the key '$name' in $where");
            no_key($saw, "$what: $name in $where");
        }
    }
    my $saw = $site->ask($app, 'open',
        [ with($key{plain}), "Authorization: Bearer $key{plain}{key}" ],
        front => $front);
    knows($app, $saw, {}, "$what: an open application gets no value of a key");
    no_key($saw, "$what: open");
});

# ---- Forged values ----

each_app('', sub {
    my ($app, $front, $what) = @_;
    my @all = (@FORGED, 'Connection: X-Apikey-Tenant, x_apikey_id');
    # HTTP/2 has no header Connection.
    pop @all if $front eq 'h2' || $app =~ /^(?:socket|tunnel)$/;
    my $eve = encode_base64('eve:secret', '');
    my $php = $app eq 'php';
    for ([ guarded => told($app, $key{plain}), with($key{plain}) ],
         [ open => {} ], [ open => {}, with($key{plain}) ],
         [ basic => { authorization => "Basic $eve",
                      user($app, 'Basic', 'eve'),
                      $php ? (PHP_AUTH_USER => 'eve', PHP_AUTH_PW => 'secret')
                           : () }, "Authorization: Basic $eve" ]) {
        my ($area, $told, @with) = @$_;
        my $saw = $site->ask($app, $area, [ @all, @with ], front => $front);
        knows($app, $saw, $told, "$what: forged, $area" . ' with a key' x @with
              . ': the application gets the true values');
        unlike($saw->{text}, qr/evil/,
               "$what: forged, $area: the application gets no forged value");
    }
});

# ---- A header inside of the value of another header ----

each_app('', sub {
    my ($app, $front, $what) = @_;
    for ([ guarded => told($app, $key{plain}), with($key{plain}) ],
         [ open => {} ]) {
        my ($area, $told, @with) = @$_;
        my $saw = $site->ask($app, $area, [ @with,
            'X-Copy: a%0d%0aX-Apikey-Tenant:%20%65vil' ], front => $front);
        knows($app, $saw, $told,
              "$what: a line break, $area: the application gets the true "
              . 'values');
        unlike($saw->{text}, qr/evil/,
               "$what: a line break, $area: the application gets no forged "
               . 'value');
        ok(!exists $saw->{headers}{'x-copied'},
           "$what: a line break, $area: that header is removed");
        $saw = $site->ask($app, $area, [ @with, 'X-Copy: a%20b' ],
                          front => $front);
        answers($app, $saw, $what);
        is($saw->{headers}{'x-copied'}, 'a b',
           "$what: the header without a line break, $area, is there");
    }
});

# ---- Headers with another prefix ----

my @OWN = map { "$_: evil" } qw(Acme-Caller-Tenant ACME_CALLER_ID
    acme.caller.scopes Acme-Caller-Any X_Apikey_Tenant);
for my $app ($site->apps) {
    my $told = told($app, $key{plain});
    my %own = map { s/^x-apikey-/acme-caller-/r => $told->{$_} } keys %$told;
    knows($app, $site->ask($app, 'guarded', [ with($key{plain}), @OWN ],
                           host => 'own'), \%own,
          "$app: ApiKeyHeaders: the application gets headers of that prefix");
    knows($app, $site->ask($app, 'open', \@OWN, host => 'own'), {},
          "$app: ApiKeyHeaders: an open application gets none");
}

# ---- The rest of the request, as it was sent ----

my @REST = ('User-Agent: odd  spaces	and a tab', 'X-Empty:', 'X-Under: 1',
    'X-Api-Keyring: not a key', 'X-Apikey: no prefix of ours', 'Accept: a',
    'Cookie: X-Apikey-Tenant=1; k="v"', 'Accept: b, c;q=0.5', 'X_Under: 2',
    "X-Latin: caf\xe9 \xc3\xa9", 'Xapikey-Tenant: x', 'X-Quote: \\ " <&>',
    'Expect-CT: a', 'Cache-Control: no-cache');
my $basic = 'Authorization: Basic ' . encode_base64('who:else', '');
my @FOREIGN = (
    [ open    => 'Authorization: Bearer a.b-c', 'X-API-Key: of-another' ],
    [ open    => $basic ],
    [ guarded => $basic, with($key{plain}) ],
    [ basic   => 'Authorization: Basic ' . encode_base64('eve:secret', ''),
                 'X-API-Key: of-another' ],
);

# Header lines as an application gets them: one value per name.  CGI replaces
# '-' in names, so httpd omits names with '_' for it.
sub sent {
    my ($app, @lines) = @_;
    my %sent;
    for (@lines) {
        my ($name, $value) = /^([^:]+): ?(.*)/s;
        next if $site->folds($app) && $name =~ /_/;
        $name = lc $name;
        $sent{$name} = join ', ', $sent{$name} // (), $value;
    }
    return \%sent;
}

# All headers except those of the connection and those of mod_apikey.
sub others {
    my ($saw) = @_;
    my %others = %{ $saw->{headers} };
    delete @others{ grep { /^(?:host|connection|upgrade|sec-websocket-.*
                            |x-forwarded-.*|x-apikey-.+)$/x } keys %others };
    return \%others;
}

each_app('', sub {
    my ($app, $front, $what) = @_;
    for (@FOREIGN) {
        my ($area, @with) = @$_;
        my $saw = $site->ask($app, $area, [ @REST, @with ], front => $front);
        answers($app, $saw, "$what: $area") or next;
        is_deeply(others($saw), sent($app, @REST,
                  grep { !/\Q$key{plain}{key}/ } @with),
                  "$what: $area: the rest is as it was sent, "
                  . "@{[ $with[0] =~ /: (\S+)/ ]}")
            or diag($saw->{text});
    }
});

# Authorization needs CGIPassAuth or WSGIPassAuthorization.
for my $app (qw(cgi php scgi wsgi fcgid)) {
    my $saw = $site->ask($app, 'kept', [$basic]);
    answers($app, $saw, "$app: kept") or next;
    is_deeply(ours($saw), {},
              "$app: the application does not get Authorization");
}

# ---- ApiKeyPassKey ----

each_app('', sub {
    my ($app, $front, $what) = @_;
    my $key = $key{passed};
    for ([ 'X-API-Key', $key->{key} ],
         [ 'Authorization', "bearer  $key->{key}" ]) {
        my ($name, $value) = @$_;
        my $saw = $site->ask($app, 'guarded', ["$name: $value"],
                             front => $front, host => 'pass');
        knows($app, $saw, told($app, $key, lc $name => $value),
              "$what: ApiKeyPassKey: the application gets the key in $name");
        $saw = $site->ask($app, 'open', ["$name: $value"],
                          front => $front, host => 'pass');
        knows($app, $saw, {},
              "$what: ApiKeyPassKey: an open application does not get it");
    }
});

# ---- Bodies ----

my $body = join '', map { chr } (0 .. 255) x 200;
my @chunks = unpack '(a7000)*', $body;
each_app('body', sub {
    my ($app, $front, $what) = @_;
    my $saw = $site->ask($app, 'guarded', [ with($key{plain}) ],
                         method => 'POST', body => $body, front => $front);
    knows($app, $saw, told($app, $key{plain}),
          "$what: the application gets the values of a POST");
    ok($saw->{body} eq $body,
       "$what: the application gets the body byte by byte");
});
for my $app ($site->apps('chunks')) {
    my $saw = $site->ask($app, 'guarded', [ with($key{plain}) ],
                         body => \@chunks);
    knows($app, $saw, told($app, $key{plain}),
          "$app: the application gets the values of a chunked POST");
    ok($saw->{body} eq $body,
       "$app: the application gets the chunks byte by byte");
}
# httpd knows the length of a short body that has arrived in time.
is($site->ask('php', 'kept', [], body => \@chunks)->{body}, '',
   'without proxy-sendcl PHP-FPM gets nothing of a long chunked body');
$reached++;
for my $app ($site->apps('frames')) {
    my $saw = $site->ask($app, 'guarded', [ with($key{plain}) ]);
    answers($app, $saw, "$app: frames");
    is($saw->{body}, "there and back \0\xff",
       "$app: frames are passed in both directions");
}

# ---- SSI: conditions on the variables ----

sub decided {
    return get($site->port, "/$_[0]/if.shtml", 'Host: plain.example',
               @_[1 .. $#_])->{body};
}
is(decided('guarded', with($key{plain})), "acme reads header acme\n",
   '#if reads the variables of the tenant acme');
is(decided('guarded', with($key{strange})), "another   $strange{tenant}\n",
   '#if reads the variables of another tenant');
is(decided('open', with($key{plain}), @FORGED), "nobody   (none)\n",
   '#if reads no variables in an open place');

# ---- One connection for two tenants ----

my %seen;
my $client = connection($site->port);
for my $name (qw(plain strange plain), '') {
    my ($area, @with) = $name ? ('guarded', with($key{$name})) : 'open';
    my $text = $client->send(join "\r\n", "GET /$area/http HTTP/1.1",
        'Host: plain.example', @with, '', '')->response->{body};
    my $saw = $site->normal('http', { status => 200, body => $text });
    knows('http', $saw, $name ? told('http', $key{$name}) : {},
          'one connection: the values of ' . ($name || 'nobody'));
    $seen{ $saw->{env}{CONNECTION} } = $saw->{env}{REQUESTS};
}
is(scalar keys %seen, 1,
   'the requests also share the connection to the application');
is((values %seen)[0] >= 4, 1, 'that connection has had all four requests');

# ---- Refused: no application is called ----

is($site->reached, $reached, 'the applications record each request');
my $bad = $key{plain}{key} =~ s/(.)\z/$1 eq 'a' ? 'b' : 'a'/er;
my @REFUSED = (
    [ missing   => 401, 'guarded' ],
    [ missing   => 401, 'guarded', $basic =~ s/Basic/Digest/r ],
    [ invalid   => 401, 'guarded', 'X-API-Key: of-another' ],
    [ invalid   => 401, 'guarded', "X-API-Key: $bad" ],
    [ revoked   => 401, 'guarded', with($key{revoked}) ],
    [ scope     => 403, 'scoped', with($key{plain}) ],
    [ ambiguous => 400, 'guarded', with($key{plain}),
                   "Authorization: Bearer $key{strange}{key}" ],
);
each_app('', sub {
    my ($app, $front, $what) = @_;
    for (@REFUSED) {
        my ($reason, $status, $area, @headers) = @$_;
        my $saw = $site->ask($app, $area, [ @headers, @FORGED ],
                             front => $front);
        is($saw->{status}, $status, "$what: the status of the reason $reason");
        like($saw->{text}, qr/"code":"$reason"/,
             "$what: the response has the reason $reason");
    }
});
is($site->reached, $reached, 'no application has got a refused request');

$site->stop;
is($site->leaks(map { $key{$_}{key} } qw(plain strange revoked)), '',
   'no log has a key');
my $trailers = $site->slurp('trailers_log');
like($trailers, qr{^POST /open/show.php HTTP/2.0 - - here$}m,
     'the log has the trailers of a granted request') if @FRONTS == 2;
like($trailers, qr{^POST /guarded/http HTTP/1.1 - - refused$}m,
     'the log has the trailers of a refused request');
unlike($trailers, $keys, 'the log has no key of the trailers');
done_testing;
