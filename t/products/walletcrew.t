# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# conf/examples/walletcrew.conf keeps each sentence of the page "API Key".
#
# Sentences without a test, since they are advice to the users of the API: the
# real-world examples; what to have "before you start"; where to click; "Never
# ship an API key in a mobile app or in front-end JavaScript" (browsers are
# tested below); "The key should be stored in a secret manager. Read access
# should be limited ..."; "Rotate keys regularly"; "Deploy it to your services".

use lib "$ENV{APIKEY_SOURCE}/t/products";
use APIKey::Process qw(wait_until);
use APIKey::Test;
use Product;

product('walletcrew', 'api.thewalletcrew.io', sub { "X-API-KEY: $_[0]" });

page 'The minimum required scopes are listed. ... the admin console lists the '
   . 'available scopes at key creation time.' => sub {
    is_deeply({ map { @{$_}{qw(name description)} } @{ catalogue() } }, {
        'loyalty:write' => 'Update loyalty points.',
        'passes:read'   => 'Fetch pass installation status.',
        'passes:write'  => 'Issue and update passes.',
    }, 'JSON of scope list has the scopes of the page');
    like(admin('scope', 'list'),
         qr/^passes:read +Fetch pass installation status\.$/m,
         'the text of scope list has the scopes and their descriptions');
    my $done = command('create', '--tenant', 'acme', '--name', 'x', '--scope',
                       'passes:reed');
    is($done->{exit}, 1, 'create refuses a scope that is not available');
    like($done->{err}, qr/passes:reed/,
         'the message has the scope that is not available');
};

my $acme = new_key(scope => 'passes:read');
my $globex = new_key(tenant => 'globex', scope => 'passes:read');

page 'API keys authenticate server-to-server calls to The Wallet Crew APIs.'
    => sub {
    granted(ask($acme, 'GET', '/passes'), 'acme');
    refused(ask(undef, 'GET', '/passes'), 401, 'missing',
            'a request without a key');
};

page 'API keys are tenant-scoped. A key only works for a single tenant.'
    => sub {
    granted(ask($_, 'GET', '/passes'), $_->{tenant}) for $acme, $globex;
    granted(ask($acme, 'GET', '/passes?tenant=globex',
                'X-Apikey-Tenant: globex', 'X_APIKEY_TENANT: globex'), 'acme',
            'a key of acme that claims to be of globex');
};

page 'Integrations spanning multiple tenants require one key per tenant.'
    => sub {
    my @keys = map { new_key(tenant => $_, name => 'middleware',
                             scope => 'passes:read') } qw(acme globex);
    isnt($keys[0]{key}, $keys[1]{key},
         'two tenants have different keys of one name');
    granted(ask($_, 'GET', '/passes'), $_->{tenant}) for @keys;
};

# Each endpoint, by method, and the scope that the page documents for it.
my @endpoints = (
    [ GET   => '/passes',         'passes:read' ],
    [ HEAD  => '/passes/7',       'passes:read' ],
    [ POST  => '/passes',         'passes:write' ],
    [ PATCH => '/passes/7',       'passes:write' ],
    [ PUT   => '/passes/7',       'passes:write' ],
    [ POST  => '/loyalty/points', 'loyalty:write' ],
    [ PATCH => '/loyalty/points', 'loyalty:write' ],
);

page 'API keys can also be scope-restricted.' => sub {
    my @scopes = qw(loyalty:write passes:read passes:write);
    my %key = map { $_ => new_key(scope => $_) } @scopes;
    for my $endpoint (@endpoints) {
        my ($method, $path, $opens) = @$endpoint;
        is(join(' ', grep { ask($key{$_}, $method, $path)->{status} == 200 }
                     @scopes), $opens, "the scope that opens $method $path");
    }
};

page 'Least privilege reduces risk and limits blast radius.' => sub {
    refused(ask(new_key(), 'GET', '/passes'), 403, 'scope',
            'a key without scopes');
    my $all = new_key(scope => [ qw(loyalty:write passes:read passes:write) ]);
    for my $closed ([ GET => '/loyalty/points' ], [ DELETE => '/passes/7' ],
                    [ GET => '/settings' ], [ GET => '/' ],
                    [ GET => '/passesx' ], [ OPTIONS => '/passes' ]) {
        refused(ask($all, @$closed), 403, 'forbidden',
                "an endpoint that the page does not document, @$closed,");
    }
};

page 'Never ship an API key in a mobile app or in front-end JavaScript.'
    => sub {
    my $r = ask(undef, 'OPTIONS', '/passes', 'Origin: https://shop.example',
                'Access-Control-Request-Method: GET',
                'Access-Control-Request-Headers: x-api-key');
    is($r->{status}, 401,
       '401 for the question of a browser whether it may send a key');
    is_deeply([ grep { /^Access-Control/i } map { $_->[0] }
                @{ $r->{headers} } ], [],
              'the response does not allow the browser to send it');
};

page 'Treat it like a password.' => sub {
    my $key = new_key(scope => 'passes:read');
    refused(ask(undef, 'GET', "/passes?X-API-KEY=$key->{key}"), 400, 'exposed',
            'a key in a URL');
    granted(ask($key, 'GET', '/passes'), 'acme', 'a key in its header');
    key_nowhere_in_logs($key, 'no log has the key of either request');
};

# ---- Create an API key ----

page 'Set a clear name. Example: `crm-sync-prod` or `nightly-pass-update`.'
    => sub {
    for my $name (qw(crm-sync-prod nightly-pass-update)) {
        my $key = new_key(name => $name, scope => 'passes:write');
        like(admin('list'), qr/^\Q$key->{id}\E +acme +$name /m,
             "list has the name $name");
    }
};

page 'Select the scopes you need.' => sub {
    my $key = new_key(scope => [ qw(passes:read passes:write) ]);
    is_deeply(shown($key)->{scopes}, [ qw(passes:read passes:write) ],
              'show has both scopes');
    like(admin('show', $key->{id}),
         qr/passes:write +Issue and update passes\.$/m,
         'the text of show has the descriptions of the scopes');
    granted(ask($key, $_, '/passes'), 'acme', $_) for qw(GET POST);
};

page 'The key value is only displayed once, right after creation.' => sub {
    my $done = command('create', '-q', '--tenant', 'acme', '--name', 'once',
                       '--scope', 'passes:read');
    remember_key(my $key = $done->{out} =~ s/\n\z//r);
    like($key, qr/\Atwc_[0-9A-Za-z]{49}\z/, 'create -q writes the key');
    granted(ask($key, 'GET', '/passes'), 'acme');
};

page 'After the dialog is closed, the value cannot be retrieved.' => sub {
    is_gone($acme);
};

# ---- Use the key in API requests ----

page 'Send the key in the `X-API-KEY` header.' => sub {
    for my $header (qw(X-API-KEY X-Api-Key x-api-key)) {
        granted(ask_with('GET', '/passes', "$header: $acme->{key}"), 'acme',
                $header);
    }
    refused(ask_with('GET', '/passes', "Authorization: Bearer $acme->{key}"),
            401, 'missing', 'a key in Authorization: Bearer');
    is_deeply([ header_of(ask(undef, 'GET', '/passes'), 'WWW-Authenticate') ],
              [ 'ApiKey realm="The Wallet Crew", header="X-API-KEY", '
                . 'scope="passes:read"' ],
              'the challenge names the header and the scope');
};

page 'Run a low-impact `GET` request that matches the selected scopes.'
    => sub {
    granted(ask($acme, 'GET', '/passes'), 'acme', 'GET');
    is(ask($acme, 'HEAD', '/passes')->{status}, 200,
       '200 for HEAD with the key');
};

page 'A `401 Unauthorized` response typically indicates a missing, invalid, '
   . 'or revoked key.' => sub {
    my $key = new_key(scope => 'passes:read');
    admin('revoke', $key->{id});
    (my $typo = $acme->{key}) =~ s/(.)\z/$1 eq 'a' ? 'b' : 'a'/e;
    refused(ask(undef, 'GET', '/passes'), 401, 'missing',
            'a request without a key');
    refused(ask($_, 'GET', '/passes'), 401, 'invalid', 'a wrong key')
        for $typo, 'secret', 'twc_' . 'a' x 49;
    refused(ask($key, 'GET', '/passes'), 401, 'revoked', 'a revoked key');
    is(ask($key, 'GET', '/passes')->{reason}, 'Unauthorized',
       'the response has the reason phrase Unauthorized');
};

page 'A `403 Forbidden` response typically indicates a valid key with '
   . 'insufficient scopes.' => sub {
    my $r = ask($acme, 'POST', '/loyalty/points');
    refused($r, 403, 'scope', 'a key without the scope');
    is($r->{reason}, 'Forbidden',
       'the response has the reason phrase Forbidden');
    like((header_of($r, 'WWW-Authenticate'))[0],
         qr/error="insufficient_scope", scope="loyalty:write"/,
         'the challenge has the scope that is needed');
};

# ---- Manage, rotate, revoke ----

page '**Rotate** keys: Create a new key. ... Revoke the old key after a short '
   . 'overlap.' => sub {
    my $old = new_key(scope => 'passes:read', name => 'rotated');
    my $new = rotate($old, '--overlap', '2s');
    granted(ask($_, 'GET', '/passes'), 'acme') for $old, $new;
    ok(wait_until(60, sub { ask($old, 'GET', '/passes')->{status} == 401 }),
       'the old key ends after the overlap');
    granted(ask($new, 'GET', '/passes'), 'acme',
            'the new key after the overlap');
    ok(!defined shown($new)->{expires},
       'the new key has no end, as the old one had none');
};

page '**Revoke** keys immediately if they leak.' => sub {
    my $key = new_key(scope => 'passes:read');
    my $connection = connection('walletcrew');
    my $bytes = "GET /passes HTTP/1.1\r\nHost: api.thewalletcrew.io\r\n"
              . "X-API-KEY: $key->{key}\r\n\r\n";
    granted($connection->send($bytes)->response, 'acme');
    admin('revoke', $key->{id}, '--reason', 'leaked');
    refused($connection->send($bytes)->response, 401, 'revoked',
            'the next request with the revoked key');
    like(admin('show', $key->{id}), qr/^revoked .*: leaked$/m,
         'show has the reason of the revocation');
};

page 'Keep separate keys per environment and integration.' => sub {
    my %key = map { $_ => new_key(env => $_, name => "data-export-$_",
                                  scope => 'passes:read') } qw(live staging);
    my %at = (live => 'api.thewalletcrew.io',
              staging => 'staging.thewalletcrew.io');
    for my $env (sort keys %key) {
        for my $place (sort keys %at) {
            my $r = ask($key{$env}, 'GET', '/passes', \$at{$place});
            $env eq $place ? granted($r, 'acme', "a $env key in $place")
                           : refused($r, 403, 'env', "a $env key in $place");
        }
    }
    my @names = map { new_key(name => $_, scope => 'passes:read') }
                qw(crm-sync-prod pipeline-prod);
    admin('disable', $names[0]{id});
    refused(ask($names[0], 'GET', '/passes'), 401, 'disabled',
            'a disabled key');
    granted(ask($names[1], 'GET', '/passes'), 'acme',
            'another key of the tenant');
    admin('enable', $names[0]{id});
    granted(ask($names[0], 'GET', '/passes'), 'acme',
            'the key after it was enabled again');
};

# ---- Troubleshooting ----

page '401 Unauthorized: Missing or invalid `X-API-KEY` header.' => sub {
    refused(ask_with('GET', '/passes'), 401, 'missing',
            'a request without the header');
    refused(ask_with('GET', '/passes', 'X-API-KEY:'), 401, 'invalid',
            'a request with an empty header');
    refused(ask_with('GET', '/passes', 'X-API-KEY: <your_api_key>'), 401,
            'invalid', "the placeholder of the page's example");
};

page '401 Unauthorized: Key was revoked.' => sub {
    my $key = new_key(scope => 'passes:read');
    admin('revoke', $key->{id});
    refused(ask($key, 'GET', '/passes'), 401, 'revoked', 'a revoked key');
    refused(ask($key, 'POST', '/loyalty/points'), 401, 'revoked',
            'a revoked key without the scope');
};

page '403 Forbidden: Key is valid but missing required scope.' => sub {
    refused(ask($acme, 'POST', '/passes'), 403, 'scope',
            'a key without the scope');
};

# ---- FAQ ----

page 'Can one API key be used across multiple tenants? No.' => sub {
    is(command('create', '--tenant', 'acme', '--tenant', 'globex', '--name',
               'both')->{exit}, 2, 'create refuses a key for two tenants');
    is(command('set', $acme->{id}, '--tenant', 'globex')->{exit}, 2,
       'set does not change the tenant of a key');
    is(command('verify', '--tenant', 'globex',
               { stdin => "$acme->{key}\n" })->{exit}, 1,
       'exit status 1 of verify for a key of another tenant');
};

page 'If the value is lost, the safest path is to revoke the old key and '
   . 'create a new one.' => sub {
    my $lost = new_key(scope => 'passes:read', name => 'lost');
    admin('revoke', $lost->{id}, '--reason', 'lost');
    my $new = new_key(scope => 'passes:read', name => 'lost');
    refused(ask($lost, 'GET', '/passes'), 401, 'revoked',
            'the lost key, which was revoked');
    granted(ask($new, 'GET', '/passes'), 'acme',
            'the new key of the same name');
};

page 'Names like `crm-sync-prod` or `data-export-staging` make rotation and '
   . 'incident response much faster.' => sub {
    my $key = new_key(tenant => 'globex', name => 'data-export-staging',
                      scope => 'passes:read');
    my ($id) = admin('list', '--tenant', 'globex')
             =~ /^(\S+) +globex +data-export-staging /m;
    is($id, $key->{id}, 'list has the id beside the name');
    admin('set', $key->{id}, '--name', 'data-export-prod');
    is(shown($key)->{name}, 'data-export-prod',
       'set changes the name of a key');
};

page 'Keep both keys active during a short overlap. Revoke the old key once '
   . 'logs confirm the new key is used everywhere.' => sub {
    my $old = new_key(scope => 'passes:read');
    my $new = rotate($old, '--overlap', '24h');
    my $mark = mark_logs();
    granted(ask($_, 'GET', '/passes'), 'acme') for $old, $new;
    for my $key ($old, $new) {
        ok(wait_for_log($mark, 'walletcrew',
                        qr/ 200 key=\Q$key->{id}\E tenant=acme /),
           'the log has the id of the key that was used');
    }
    admin('revoke', $old->{id});
    refused(ask($old, 'GET', '/passes'), 401, 'revoked',
            'the old key, which was revoked');
    granted(ask($new, 'GET', '/passes'), 'acme', 'the new key');
    ok(wait_for_log($mark, 'walletcrew',
                    qr/ 401 key=\Q$old->{id}\E tenant=acme result=revoked/),
       'the log has the id and the tenant of a revoked key');
};

page 'The admin console remains the place where available scopes can be '
   . 'reviewed and selected when creating or editing a key.' => sub {
    my $key = new_key(scope => 'passes:read');
    refused(ask($key, 'POST', '/passes'), 403, 'scope',
            'a key before it has the scope');
    admin('set', $key->{id}, '--scope', 'passes:write');
    granted(ask($key, 'POST', '/passes'), 'acme',
            'a key after it was given the scope');
    refused(ask($key, 'GET', '/passes'), 403, 'scope',
            'a key after a scope was taken from it');
    is(command('set', $key->{id}, '--scope', 'passes:burn')->{exit}, 1,
       'set refuses a scope that is not available');
};

page 'A tenant whose API access is suspended' => sub {
    admin('tenant', 'suspend', 'globex');
    refused(ask($globex, 'GET', '/passes'), 403, 'suspended',
            'a key of the suspended tenant');
    granted(ask($acme, 'GET', '/passes'), 'acme', 'a key of another tenant');
    admin('tenant', 'resume', 'globex');
    granted(ask($globex, 'GET', '/passes'), 'globex',
            'a key of the tenant after resume');
};

done_testing;
