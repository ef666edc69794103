# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# conf/examples/walletcrew.conf, sentence by sentence of the page "API Key".
#
# Not tested, since it is advice to the users of the API: the
# real-world examples; what to have "before you start"; where to click; "Never
# ship an API key in a mobile app or in front-end JavaScript" (browsers are
# below); "The key should be stored in a secret manager. Read access should be
# limited ..."; "Rotate keys regularly"; "Deploy it to your services".

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
    }, 'scope list has them');
    like(admin('scope', 'list'),
         qr/^passes:read +Fetch pass installation status\.$/m,
         '... for people, too');
    my $done = command('create', '--tenant', 'acme', '--name', 'x', '--scope',
                       'passes:reed');
    is($done->{exit}, 1, 'at key creation time another is refused');
    like($done->{err}, qr/passes:reed/, '... by its name');
};

my $acme = new_key(scope => 'passes:read');
my $globex = new_key(tenant => 'globex', scope => 'passes:read');

page 'API keys authenticate server-to-server calls to The Wallet Crew APIs.'
    => sub {
    granted(ask($acme, 'GET', '/passes'), 'acme');
    refused(ask(undef, 'GET', '/passes'), 401, 'missing', 'no key');
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
    isnt($keys[0]{key}, $keys[1]{key}, 'two keys of one name');
    granted(ask($_, 'GET', '/passes'), $_->{tenant}) for @keys;
};

# Each endpoint, by method, and the scope that it documents.
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
                     @scopes), $opens, "$method $path");
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
                "what no endpoint documents, @$closed,");
    }
};

page 'Never ship an API key in a mobile app or in front-end JavaScript.'
    => sub {
    my $r = ask(undef, 'OPTIONS', '/passes', 'Origin: https://shop.example',
                'Access-Control-Request-Method: GET',
                'Access-Control-Request-Headers: x-api-key');
    is($r->{status}, 401, 'a browser that asks whether it may');
    is_deeply([ grep { /^Access-Control/i } map { $_->[0] }
                @{ $r->{headers} } ], [], '... may not');
};

page 'Treat it like a password.' => sub {
    my $key = new_key(scope => 'passes:read');
    refused(ask(undef, 'GET', "/passes?X-API-KEY=$key->{key}"), 400, 'exposed',
            'a key in a URL');
    granted(ask($key, 'GET', '/passes'), 'acme', 'the key in its header');
    key_nowhere_in_logs($key, 'neither way it stands in a log');
};

# ---- Create an API key ----

page 'Set a clear name. Example: `crm-sync-prod` or `nightly-pass-update`.'
    => sub {
    for my $name (qw(crm-sync-prod nightly-pass-update)) {
        my $key = new_key(name => $name, scope => 'passes:write');
        like(admin('list'), qr/^\Q$key->{id}\E +acme +$name /m, $name);
    }
};

page 'Select the scopes you need.' => sub {
    my $key = new_key(scope => [ qw(passes:read passes:write) ]);
    is_deeply(shown($key)->{scopes}, [ qw(passes:read passes:write) ],
              'show has them');
    like(admin('show', $key->{id}),
         qr/passes:write +Issue and update passes\.$/m,
         '... with their descriptions');
    granted(ask($key, $_, '/passes'), 'acme', $_) for qw(GET POST);
};

page 'The key value is only displayed once, right after creation.' => sub {
    my $done = command('create', '-q', '--tenant', 'acme', '--name', 'once',
                       '--scope', 'passes:read');
    remember_key(my $key = $done->{out} =~ s/\n\z//r);
    like($key, qr/\Atwc_[0-9A-Za-z]{49}\z/, 'there it is');
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
            401, 'missing', 'a Bearer key');
    is_deeply([ header_of(ask(undef, 'GET', '/passes'), 'WWW-Authenticate') ],
              [ 'ApiKey realm="The Wallet Crew", header="X-API-KEY", '
                . 'scope="passes:read"' ],
              'a client without a key is told so');
};

page 'Run a low-impact `GET` request that matches the selected scopes.'
    => sub {
    granted(ask($acme, 'GET', '/passes'), 'acme', 'GET');
    is(ask($acme, 'HEAD', '/passes')->{status}, 200, 'HEAD');
};

page 'A `401 Unauthorized` response typically indicates a missing, invalid, '
   . 'or revoked key.' => sub {
    my $key = new_key(scope => 'passes:read');
    admin('revoke', $key->{id});
    (my $typo = $acme->{key}) =~ s/(.)\z/$1 eq 'a' ? 'b' : 'a'/e;
    refused(ask(undef, 'GET', '/passes'), 401, 'missing', 'no key');
    refused(ask($_, 'GET', '/passes'), 401, 'invalid', 'an invalid one')
        for $typo, 'secret', 'twc_' . 'a' x 49;
    refused(ask($key, 'GET', '/passes'), 401, 'revoked', 'a revoked one');
    is(ask($key, 'GET', '/passes')->{reason}, 'Unauthorized', 'by that name');
};

page 'A `403 Forbidden` response typically indicates a valid key with '
   . 'insufficient scopes.' => sub {
    my $r = ask($acme, 'POST', '/loyalty/points');
    refused($r, 403, 'scope', 'a key without the scope');
    is($r->{reason}, 'Forbidden', 'by that name');
    like((header_of($r, 'WWW-Authenticate'))[0],
         qr/error="insufficient_scope", scope="loyalty:write"/,
         '... and the scope that it wants');
};

# ---- Manage, rotate, revoke ----

page '**Rotate** keys: Create a new key. ... Revoke the old key after a short '
   . 'overlap.' => sub {
    my $old = new_key(scope => 'passes:read', name => 'rotated');
    my $new = rotate($old, '--overlap', '2s');
    granted(ask($_, 'GET', '/passes'), 'acme') for $old, $new;
    ok(wait_until(60, sub { ask($old, 'GET', '/passes')->{status} == 401 }),
       'the old one ends with the overlap');
    granted(ask($new, 'GET', '/passes'), 'acme', 'the new one');
    ok(!defined shown($new)->{expires}, '... has no end, as the old one had');
};

page '**Revoke** keys immediately if they leak.' => sub {
    my $key = new_key(scope => 'passes:read');
    my $connection = connection('walletcrew');
    my $bytes = "GET /passes HTTP/1.1\r\nHost: api.thewalletcrew.io\r\n"
              . "X-API-KEY: $key->{key}\r\n\r\n";
    granted($connection->send($bytes)->response, 'acme');
    admin('revoke', $key->{id}, '--reason', 'leaked');
    refused($connection->send($bytes)->response, 401, 'revoked',
            'the next request');
    like(admin('show', $key->{id}), qr/^revoked .*: leaked$/m,
         'the reason is kept');
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
            'an integration that was stopped');
    granted(ask($names[1], 'GET', '/passes'), 'acme', 'another');
    admin('enable', $names[0]{id});
    granted(ask($names[0], 'GET', '/passes'), 'acme', 'the first, later,');
};

# ---- Troubleshooting ----

page '401 Unauthorized: Missing or invalid `X-API-KEY` header.' => sub {
    refused(ask_with('GET', '/passes'), 401, 'missing', 'no header');
    refused(ask_with('GET', '/passes', 'X-API-KEY:'), 401, 'invalid',
            'an empty one');
    refused(ask_with('GET', '/passes', 'X-API-KEY: <your_api_key>'), 401,
            'invalid', 'the page\'s example');
};

page '401 Unauthorized: Key was revoked.' => sub {
    my $key = new_key(scope => 'passes:read');
    admin('revoke', $key->{id});
    refused(ask($key, 'GET', '/passes'), 401, 'revoked', 'it');
    refused(ask($key, 'POST', '/loyalty/points'), 401, 'revoked',
            '... also where it lacked the scope');
};

page '403 Forbidden: Key is valid but missing required scope.' => sub {
    refused(ask($acme, 'POST', '/passes'), 403, 'scope', 'it');
};

# ---- FAQ ----

page 'Can one API key be used across multiple tenants? No.' => sub {
    is(command('create', '--tenant', 'acme', '--tenant', 'globex', '--name',
               'both')->{exit}, 2, 'one for two tenants cannot be made');
    is(command('set', $acme->{id}, '--tenant', 'globex')->{exit}, 2,
       'nor can one be moved');
    is(command('verify', '--tenant', 'globex',
               { stdin => "$acme->{key}\n" })->{exit}, 1,
       'verify says that it is not of another');
};

page 'If the value is lost, the safest path is to revoke the old key and '
   . 'create a new one.' => sub {
    my $lost = new_key(scope => 'passes:read', name => 'lost');
    admin('revoke', $lost->{id}, '--reason', 'lost');
    my $new = new_key(scope => 'passes:read', name => 'lost');
    refused(ask($lost, 'GET', '/passes'), 401, 'revoked', 'the lost one');
    granted(ask($new, 'GET', '/passes'), 'acme', 'one of the same name');
};

page 'Names like `crm-sync-prod` or `data-export-staging` make rotation and '
   . 'incident response much faster.' => sub {
    my $key = new_key(tenant => 'globex', name => 'data-export-staging',
                      scope => 'passes:read');
    my ($id) = admin('list', '--tenant', 'globex')
             =~ /^(\S+) +globex +data-export-staging /m;
    is($id, $key->{id}, 'list leads from the name to the id');
    admin('set', $key->{id}, '--name', 'data-export-prod');
    is(shown($key)->{name}, 'data-export-prod', 'set gives a better one');
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
           'the log tells which key was used');
    }
    admin('revoke', $old->{id});
    refused(ask($old, 'GET', '/passes'), 401, 'revoked', 'the old one');
    granted(ask($new, 'GET', '/passes'), 'acme', 'the new one');
    ok(wait_for_log($mark, 'walletcrew',
                    qr/ 401 key=\Q$old->{id}\E tenant=acme result=revoked/),
       'and who still comes with the old one');
};

page 'The admin console remains the place where available scopes can be '
   . 'reviewed and selected when creating or editing a key.' => sub {
    my $key = new_key(scope => 'passes:read');
    refused(ask($key, 'POST', '/passes'), 403, 'scope', 'before');
    admin('set', $key->{id}, '--scope', 'passes:write');
    granted(ask($key, 'POST', '/passes'), 'acme', 'the next request');
    refused(ask($key, 'GET', '/passes'), 403, 'scope', 'what it had is gone');
    is(command('set', $key->{id}, '--scope', 'passes:burn')->{exit}, 1,
       'a scope that is not available is refused');
};

page 'A tenant whose API access is suspended' => sub {
    admin('tenant', 'suspend', 'globex');
    refused(ask($globex, 'GET', '/passes'), 403, 'suspended', 'its key');
    granted(ask($acme, 'GET', '/passes'), 'acme', 'a key of another');
    admin('tenant', 'resume', 'globex');
    granted(ask($globex, 'GET', '/passes'), 'globex', 'its key, resumed,');
};

done_testing;
