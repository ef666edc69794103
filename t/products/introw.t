# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# conf/examples/introw.conf keeps each sentence of the page "Authentication".
#
# Sentences without a test, since they are advice to the users of the API: where
# to click in Settings; "Do not expose API keys in frontend code, browser
# extensions, public repositories, ... or analytics tools" (logs are tested
# below); "Rotate API keys on a regular schedule and whenever a key may have
# been exposed"; "Deploy the new key to your integration"; "Revoke a key when an
# integration is decommissioned, an owner leaves, or a key is suspected to be
# compromised".

use lib "$ENV{APIKEY_SOURCE}/t/products";
use APIKey::Test;
use Product;

my $partners = '/api/v1/partners';
my @scopes = qw(partners:read partners:write commissions:read
                commissions:write affiliate:write portal-sessions:write);
product('introw', 'api.introw.io', sub { "x-api-key: $_[0]" });

# ---- Before the catalogue: the page's table of scopes ----

page 'The table of scopes: what each of them allows' => sub {
    is_deeply({ map { @{$_}{qw(name description)} } @{ catalogue() } }, {
        'partners:read' => 'List partners and fetch a single partner.',
        'partners:write' => 'Create partners and update existing partners.',
        'commissions:read' =>
            'List and fetch commission payouts and commission lines.',
        'commissions:write' => 'Update payouts and create, edit, decline, or '
            . 'detach commission lines.',
        'affiliate:write' =>
            'Record affiliate conversions server-to-server.',
        'portal-sessions:write' =>
            'Create authenticated partner portal session links.',
    }, "scope list has the six scopes with the page's descriptions");
};

my $acme = new_key(scope => 'partners:read');
my $globex = new_key(tenant => 'globex', scope => 'partners:read');

page 'The Introw API uses customer API keys.' => sub {
    granted(ask($acme, 'GET', $partners), 'acme');
    refused(ask(undef, 'GET', $partners), 401, 'missing',
            'a request without a key');
};

page 'Each key belongs to one Introw organisation and can only access data '
   . 'in that organisation.' => sub {
    granted(ask($globex, 'GET', $partners), 'globex');
    is(command('create', '--tenant', 'acme', '--tenant', 'globex', '--name',
               'both')->{exit}, 2,
       'create refuses a key for two organisations');
    granted(ask($acme, 'GET', $partners, 'X-Apikey-Tenant: globex',
                'x_apikey_tenant: globex', 'Connection: X-Apikey-Tenant'),
            'acme', 'a request with a key of acme that names globex');
};

# ---- Create an API key ----

page 'Enter a descriptive name, such as `Production data sync`.' => sub {
    my $key = new_key(name => 'Production data sync');
    is(shown($key)->{name}, 'Production data sync',
       'show has the name of the key');
    like(admin('list'), qr/^\Q$key->{id}\E .*Production data sync/m,
         'list has the name of the key');
    is(command('create', '--tenant', 'acme')->{exit}, 2,
       'exit status 2 of create without a name');
};

page 'Select the scopes your integration needs.' => sub {
    my $key = new_key(scope => [ 'partners:read', 'affiliate:write' ]);
    is_deeply(shown($key)->{scopes}, [ 'partners:read', 'affiliate:write' ],
              'the key has these scopes');
    granted(ask($key, 'GET', $partners), 'acme');
    granted(ask($key, 'POST', '/api/v1/affiliate/conversions'), 'acme');
    my $done = command('create', '--tenant', 'acme', '--name', 'x',
                       '--scope', 'partners:delete');
    is($done->{exit}, 1, 'create refuses a scope that is not in the table');
    like($done->{err}, qr/partners:delete/,
         'the message has the scope that is not in the table');
    is($done->{out}, '', 'a refused create writes no key');
};

page 'Click Create and copy the API key.' => sub {
    my $done = command('create', '-q', '--tenant', 'acme', '--name', 'copied',
                       '--scope', 'partners:read');
    remember_key(my $key = $done->{out} =~ s/\n\z//r);
    like($key, qr/\Aintrow_[0-9A-Za-z]{49}\z/,
         'create -q writes the key and nothing else');
    granted(ask($key, 'GET', $partners), 'acme', 'the copied key');
};

page 'Store the key immediately. Introw only shows the full key once.' => sub {
    is_gone($acme);
};

# ---- Authenticate a request ----

page 'Send the API key in the `x-api-key` header.' => sub {
    for my $header (qw(x-api-key X-API-Key X-API-KEY)) {
        granted(ask_with('GET', $partners, "$header: $acme->{key}"), 'acme',
                $header);
    }
    # No log is searched for this key: it is sent in a place that is not masked.
    chomp(my $key = admin(qw(create -q --tenant acme --name stray --scope
                             partners:read)));
    for my $other ("api-key: $key", "Cookie: x-api-key=$key",
                   "Authorization: $key") {
        my ($where) = $other =~ /^(\S+):/;
        refused(ask_with('GET', $partners, $other), 401, 'missing',
                "a key in $where");
    }
    refused(ask_with('GET', $partners, "Authorization: Bearer $acme->{key}"),
            401, 'missing', 'a key in Authorization: Bearer');
    granted(ask($acme, 'GET', $partners, "Authorization: Bearer $acme->{key}"),
            'acme', 'the key in its header and in Authorization');
    is_deeply([ header_of(ask(undef, 'GET', $partners), 'WWW-Authenticate') ],
              [ 'ApiKey realm="Introw API", header="x-api-key", '
                . 'scope="partners:read"' ],
              'the challenge names the header and the scope');
};

page 'curl "https://api.introw.io/api/v1/partners" '
   . '-H "x-api-key: $INTROW_API_KEY"' => sub {
    my $told = granted(ask_with('GET', '/api/v1/partners', 'Accept: */*',
                                'User-Agent: curl/7.88.1',
                                "x-api-key: $acme->{key}"), 'acme');
    is($told->{uri}, '/api/v1/partners',
       'the application gets the URL of the example');
};

page 'Do not send API keys as query parameters.' => sub {
    my $key = new_key(scope => 'partners:read');
    for my $name (qw(x-api-key api_key key)) {
        refused(ask(undef, 'GET', "$partners?$name=$key->{key}"), 400,
                'exposed', "a key in the query, as $name");
    }
    refused(ask($acme, 'GET', "$partners?api_key=$key->{key}"), 400, 'exposed',
            'a key in the query and another in the header');
    key_nowhere_in_logs($key, 'no log has a key that was sent in a query');
};

page 'Do not expose API keys in ... logs' => sub {
    my $mark = mark_logs();
    ask($acme, 'GET', "$partners?page=2");
    ok(wait_for_log($mark, 'introw',
                    qr/"GET $partners" 200 key=\Q$acme->{id}\E tenant=acme /),
       'the log has the id and the organisation of the key');
    key_nowhere_in_logs($acme, 'the log does not have the key');
};

page 'Do not expose API keys in frontend code, browser extensions' => sub {
    my $r = ask(undef, 'OPTIONS', $partners, 'Origin: https://shop.example',
                'Access-Control-Request-Method: GET',
                'Access-Control-Request-Headers: x-api-key');
    refused($r, 401, 'missing',
            'a browser that asks whether it may send a key');
    my $with = ask($acme, 'GET', $partners, 'Origin: https://shop.example');
    is_deeply([ grep { /^Access-Control/i }
                map { $_->[0] } map { @{ $_->{headers} } } $r, $with ],
              [], 'no response allows pages of another origin');
};

# ---- Scopes ----

# Each endpoint, by method, and the scope that opens it.
my @endpoints = (
    [ GET   => $partners,                             'partners:read' ],
    [ HEAD  => $partners,                             'partners:read' ],
    [ GET   => "$partners/42",                        'partners:read' ],
    [ POST  => $partners,                             'partners:write' ],
    [ PATCH => "$partners/42",                        'partners:write' ],
    [ PUT   => "$partners/42",                        'partners:write' ],
    [ GET   => '/api/v1/commissions/payouts',         'commissions:read' ],
    [ GET   => '/api/v1/commissions/payouts/7',       'commissions:read' ],
    [ GET   => '/api/v1/commissions/lines',           'commissions:read' ],
    [ GET   => '/api/v1/commissions/lines/7',         'commissions:read' ],
    [ PATCH => '/api/v1/commissions/payouts/7',       'commissions:write' ],
    [ POST  => '/api/v1/commissions/lines',           'commissions:write' ],
    [ PATCH => '/api/v1/commissions/lines/7',         'commissions:write' ],
    [ POST  => '/api/v1/commissions/lines/7/decline', 'commissions:write' ],
    [ POST  => '/api/v1/commissions/lines/7/detach',  'commissions:write' ],
    [ POST  => '/api/v1/affiliate/conversions',       'affiliate:write' ],
    [ POST  => '/api/v1/portal-sessions',             'portal-sessions:write' ],
);

page 'Scopes limit what an API key can do.' => sub {
    my %key = map { $_ => new_key(scope => $_) } @scopes;
    for my $endpoint (@endpoints) {
        my ($method, $path, $opens) = @$endpoint;
        is(join(' ', grep { ask($key{$_}, $method, $path)->{status} == 200 }
                     @scopes), $opens, "the scope that opens $method $path");
    }
};

page 'Give each key the smallest set of scopes required for the integration.'
    => sub {
    my $none = new_key(name => 'no scope');
    my $all = new_key(scope => \@scopes);
    refused(ask($none, 'GET', $partners), 403, 'scope', 'a key without scopes');
    for my $closed ([ DELETE => "$partners/42" ], [ POST => '/api/v1/users' ],
                    [ POST => '/api/v1/commissions/payouts' ],
                    [ GET => '/api/v1/portal-sessions' ], [ GET => '/' ],
                    [ GET => '/api/v1/partnersx' ]) {
        refused(ask($all, @$closed), 403, 'forbidden',
                "an endpoint that the page does not document, @$closed");
        refused(ask(undef, @$closed), 401, 'missing',
                'an endpoint that the page does not document, without a key');
    }
    admin('set', $all->{id}, '--scope', 'commissions:read');
    refused(ask($all, 'GET', $partners), 403, 'scope',
            'a key after a scope was taken from it');
    is(command('set', $all->{id}, '--scope', 'partners:all')->{exit}, 1,
       'set refuses a scope that is not in the table');
};

page 'If a request uses a valid API key but the key does not include the '
   . 'required scope, the API returns `403 Forbidden`.' => sub {
    my $r = ask($acme, 'POST', $partners);
    refused($r, 403, 'scope');
    is($r->{reason}, 'Forbidden',
       'the response has the reason phrase Forbidden');
    like((header_of($r, 'WWW-Authenticate'))[0],
         qr/error="insufficient_scope", scope="partners:write"/,
         'the challenge has the scope that is needed');
};

# ---- Organisation scoping ----

page 'API keys are tied to the Introw organisation where they are created.'
    => sub {
    is(shown($acme)->{tenant}, 'acme', 'show has the organisation of the key');
    is(command('set', $acme->{id}, '--tenant', 'globex')->{exit}, 2,
       'set does not change the organisation of a key');
};

page 'You do not need to send an organisation ID in requests. Introw resolves '
   . 'the organisation from the authenticated API key' => sub {
    for my $key ($acme, $globex) {
        my $told = granted(ask($key, 'GET', $partners), $key->{tenant});
        is($told->{id}, $key->{id}, 'the application gets the id of the key');
    }
};

page '... and applies that boundary to every endpoint.' => sub {
    my %key = map { $_ => new_key(tenant => $_, scope => \@scopes) }
              qw(acme globex);
    for my $endpoint (grep { $_->[0] ne 'HEAD' } @endpoints) {
        my ($method, $path) = @$endpoint;
        for my $tenant (sort keys %key) {
            granted(ask($key{$tenant}, $method, $path), $tenant,
                    "$method $path for $tenant");
        }
    }
};

# ---- Rotate, revoke ----

page 'Rotate: Create a new API key with the same scopes. ... Verify the '
   . 'integration is using the new key. Revoke the old key' => sub {
    my $old = new_key(name => 'rotated', scope => [ @scopes[0, 2] ]);
    my $new = rotate($old, '--overlap', '2d');
    isnt($new->{key}, $old->{key}, 'rotate makes another key');
    is_deeply([ @{$new}{qw(tenant name scopes env)} ],
              [ 'acme', 'rotated', [ @scopes[0, 2] ], 'live' ],
              'the new key has tenant, name, scopes and env of the old one');
    my $mark = mark_logs();
    granted(ask($_, 'GET', $partners), 'acme') for $old, $new;
    ok(wait_for_log($mark, 'introw', qr/key=\Q$new->{id}\E/),
       'the log has the id of the new key');
    admin('revoke', $old->{id});
    refused(ask($old, 'GET', $partners), 401, 'revoked',
            'the old key, which was revoked');
    granted(ask($new, 'GET', $partners), 'acme', 'the new key');
};

page 'Revoked keys stop authenticating immediately.' => sub {
    my $key = new_key(scope => 'partners:read');
    my $bytes = "GET $partners HTTP/1.1\r\nHost: api.introw.io\r\n"
              . "x-api-key: $key->{key}\r\n\r\n";
    my $connection = connection('introw');
    granted($connection->send($bytes)->response, 'acme');
    admin('revoke', $key->{id}, '--reason', 'owner has left');
    refused($connection->send($bytes)->response, 401, 'revoked',
            'the next request on the same connection, with the revoked key');
    is(shown($key)->{reason}, 'owner has left',
       'show has the reason of the revocation');
    isnt(command('enable', $key->{id})->{exit}, 0,
         'enable is refused for a revoked key');
    isnt(command('set', $key->{id}, '--expires', '9d')->{exit}, 0,
         'set is refused for a revoked key');
    refused(ask($key, 'GET', $partners), 401, 'revoked',
            'the revoked key after enable and set');
};

# ---- Troubleshooting ----

page '401 Unauthorized: The `x-api-key` header is missing, invalid, expired, '
   . 'or revoked.' => sub {
    my $short = new_key(scope => 'partners:read', expires => '1h');
    my $old = new_key(scope => 'partners:read', expires => '1h');
    my $new = rotate($old, '--overlap', '0s');
    my $gone = new_key(scope => 'partners:read');
    admin('revoke', $gone->{id});
    (my $typo = $acme->{key}) =~ s/(.)\z/$1 eq 'a' ? 'b' : 'a'/e;
    refused(ask(undef, 'GET', $partners), 401, 'missing',
            'a request without a key');
    refused(ask($_, 'GET', $partners), 401, 'invalid', 'a wrong key')
        for '', 'x', $typo, 'introw_' . 'a' x 49, $acme->{key} . 'a';
    refused(ask($old, 'GET', $partners), 401, 'expired', 'an expired key');
    refused(ask($gone, 'GET', $partners), 401, 'revoked', 'a revoked key');
    granted(ask($_, 'GET', $partners), 'acme') for $short, $new;
    is(ask(undef, 'GET', $partners)->{reason}, 'Unauthorized',
       'the response has the reason phrase Unauthorized');
};

page '403 Forbidden: The API key is valid but does not include the '
   . 'endpoint\'s scope.' => sub {
    refused(ask($acme, 'GET', '/api/v1/commissions/lines'), 403, 'scope');
    is(command('verify', '--scope', 'commissions:read',
               { stdin => "$acme->{key}\n" })->{exit}, 1,
       'exit status 1 of htapikey verify for a scope that the key lacks');
    is(command('verify', '--scope', 'partners:read',
               { stdin => "$acme->{key}\n" })->{exit}, 0,
       'exit status 0 of htapikey verify for the scope of the key');
};

page 'Requests return the wrong data: Confirm the key was created in the '
   . 'expected Introw organisation.' => sub {
    like(admin('list', '--tenant', 'globex'), qr/^\Q$globex->{id}\E/m,
         'list --tenant has the keys of that organisation');
    unlike(admin('list', '--tenant', 'globex'), qr/\Q$acme->{id}\E/,
           'list --tenant has no key of another organisation');
    is(command('verify', '--tenant', 'globex',
               { stdin => "$acme->{key}\n" })->{exit}, 1,
       'exit status 1 of verify --tenant for another organisation');
};

page 'The full key is no longer visible: Create a replacement key and revoke '
   . 'the old one if needed.' => sub {
    my $lost = new_key(scope => 'partners:read');
    like(shown($lost)->{hint}, qr/^introw_\.\.\.\Q@{[ substr $lost->{key}, -4 ]}\E$/,
         'show has the hint of the key');
    my $replacement = new_key(scope => 'partners:read');
    admin('revoke', $lost->{id});
    refused(ask($lost, 'GET', $partners), 401, 'revoked',
            'the lost key, which was revoked');
    granted(ask($replacement, 'GET', $partners), 'acme',
            'the new key in its place');
};

# ---- Not on the page: an account without API access ----

page 'An organisation whose API access is suspended' => sub {
    admin('tenant', 'suspend', 'globex', '--reason', 'unpaid');
    refused(ask($globex, 'GET', $partners), 403, 'suspended',
            'a key of the suspended organisation');
    granted(ask($acme, 'GET', $partners), 'acme',
            'a key of another organisation');
    admin('tenant', 'resume', 'globex');
    granted(ask($globex, 'GET', $partners), 'globex',
            'a key of the organisation after resume');
};

done_testing;
