# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# conf/examples/partnero.conf keeps each sentence of the page "API
# authentication".
#
# Sentences without a test, since they are advice to the users of the API: where
# to click in the dashboard; "Store your API key securely. Never expose it in
# client-side code, public repositories, or share it publicly" (browsers are
# tested below); "Store API keys in environment variables, not in your
# codebase"; "Use the JavaScript SDK for client-side tracking".

use lib "$ENV{APIKEY_SOURCE}/t/products";
use APIKey::Process qw(wait_until);
use APIKey::Test;
use Product;

my $partners = '/v1/partners';
product('partnero', 'api.partnero.com', sub { "Authorization: Bearer $_[0]" });
is_deeply([ map { $_->{name} } @{ catalogue() } ], [ qw(read write) ],
          'the catalogue has the scopes that the example proposes');

my $acme = new_key(scope => 'read');
my $globex = new_key(tenant => 'globex', scope => 'read');

page 'The Partnero API uses Bearer token authentication.' => sub {
    granted(ask_with('GET', $partners, "Authorization: $_ $acme->{key}"),
            'acme', $_) for qw(Bearer bearer BEARER);
    # No log is searched for this key: it is sent in a place that is not masked.
    chomp(my $key = admin(qw(create -q --tenant acme --name stray
                             --scope read)));
    refused(ask_with('GET', $partners, $_), 401, 'missing',
            'a key in another place')
        for "Authorization: $key", "Cookie: key=$key", "Api-Key: $key";
    refused(ask_with('GET', $partners, "X-API-Key: $acme->{key}"), 401,
            'missing', 'a key in X-API-Key');
};

page 'Every API request must include your API key in the `Authorization` '
   . 'header.' => sub {
    for my $path ($partners, '/v1/customers/7', '/v1/') {
        for my $method (qw(GET POST PUT PATCH DELETE)) {
            my $r = ask(undef, $method, $path);
            refused($r, 401, 'missing', "$method $path without a key");
            is_deeply([ header_of($r, 'WWW-Authenticate') ],
                      [ 'Bearer realm="Partnero API", scope="'
                        . ($method eq 'GET' ? 'read' : 'write') . '"' ],
                      "the challenge for $method $path has the scope");
        }
    }
    my $connection = connection('partnero');
    my $bytes = "GET $partners HTTP/1.1\r\nHost: api.partnero.com\r\n";
    granted($connection->send("$bytes$_\r\n\r\n")->response, 'acme',
            'the first request on a connection, with a key')
        for "Authorization: Bearer $acme->{key}";
    refused($connection->send("$bytes\r\n")->response, 401, 'missing',
            'the second request on that connection, without a key');
};

# ---- Getting your API key ----

page 'Click **Create API key**, give it a descriptive name, and copy the '
   . 'generated key.' => sub {
    my $done = command('create', '-q', '--tenant', 'acme', '--name',
                       'CRM, production', '--scope', 'read');
    remember_key(my $key = $done->{out} =~ s/\n\z//r);
    like($key, qr/\Apartnero_[0-9A-Za-z]{49}\z/,
         'create -q writes a key with the prefix partnero_');
    granted(ask($key, 'GET', $partners), 'acme', 'the copied key');
    like(admin('list'), qr/ acme .*CRM, production /,
         'list has the name of the key');
    is(command('create', '--tenant', 'acme', '--scope', 'read')->{exit}, 2,
       'exit status 2 of create without a name');
};

page 'Store your API key securely.' => sub {
    is_gone($acme);
    key_nowhere_in_logs($acme);
};

page 'Never expose it in client-side code' => sub {
    my $r = ask(undef, 'OPTIONS', $partners, 'Origin: https://shop.example',
                'Access-Control-Request-Method: GET',
                'Access-Control-Request-Headers: authorization');
    refused($r, 401, 'missing',
            'a browser that asks whether it may send a key');
    is_deeply([ grep { /^Access-Control/i } map { $_->[0] }
                @{ $r->{headers} } ], [],
              'the response does not allow the browser to send it');
    refused(ask(undef, 'GET', "$partners?api_key=$acme->{key}"), 400,
            'exposed', 'a key in a URL');
    key_nowhere_in_logs($acme, 'no log has a key that was sent in a URL');
};

# ---- Using your API key ----

page 'Include the API key in the `Authorization` header of every request: '
   . 'Authorization: Bearer YOUR_API_KEY' => sub {
    my $told = granted(ask_with('GET', $partners, 'Accept: application/json',
                                "Authorization: Bearer $acme->{key}"), 'acme',
                       "the page's example");
    is($told->{uri}, '/v1/partners',
       'the application gets the URL of the example');
    like($told->{head}, qr{^Accept: application/json\r$}m,
         'the application gets the other header of the example');
};

# ---- Authentication errors ----

page '401 Unauthorized: Check that your API key is correct and not expired'
    => sub {
    (my $typo = $acme->{key}) =~ s/(.)\z/$1 eq 'a' ? 'b' : 'a'/e;
    refused(ask($_, 'GET', $partners), 401, 'invalid', 'a wrong key')
        for $typo, 'YOUR_API_KEY', 'partnero_', lc $acme->{key};
    refused(ask_with('GET', $partners, 'Authorization: Bearer'), 401,
            'invalid', 'Authorization: Bearer without a key');
    my $r = ask($typo, 'GET', $partners);
    is($r->{reason}, 'Unauthorized',
       'the response has the reason phrase Unauthorized');
    is_deeply([ header_of($r, 'WWW-Authenticate') ],
              [ 'Bearer realm="Partnero API", error="invalid_token"' ],
              'the challenge has the error of RFC 6750');

    my $short = new_key(scope => 'read', expires => '2s');
    granted(ask($short, 'GET', $partners), 'acme',
            'a key that expires in two seconds');
    ok(wait_until(60, sub { ask($short, 'GET', $partners)->{status} == 401 }),
       '401 after the key has expired');
    refused(ask($short, 'GET', $partners), 401, 'expired', 'an expired key');
};

page '403 Forbidden: Verify your account has API access' => sub {
    admin('tenant', 'suspend', 'globex');
    my $r = ask($globex, 'GET', $partners);
    refused($r, 403, 'suspended', 'a key of an account without API access');
    is($r->{reason}, 'Forbidden',
       'the response has the reason phrase Forbidden');
    granted(ask($acme, 'GET', $partners), 'acme');
    like(admin('tenant', 'list'), qr/^globex\b/m,
         'tenant list has the account');
    admin('tenant', 'resume', 'globex');
    granted(ask($globex, 'GET', $partners), 'globex',
            'a key of the account after resume');
};

page '403 Forbidden: Verify ... the key has required permissions' => sub {
    my $writer = new_key(scope => 'write');
    my $both = new_key(scope => [ qw(read write) ]);
    for my $method (qw(POST PUT PATCH DELETE)) {
        refused(ask($acme, $method, "$partners/7"), 403, 'scope',
                "$method with a key that may only read");
        granted(ask($_, $method, "$partners/7"), 'acme', $method)
            for $writer, $both;
    }
    refused(ask($writer, 'GET', $partners), 403, 'scope',
            'GET with a key that may only write');
    granted(ask($both, 'GET', $partners), 'acme',
            'GET with a key that may read and write');
    refused(ask(new_key(), 'GET', $partners), 403, 'scope',
            'a key without scopes');
    refused(ask($both, 'GET', '/v2/partners'), 403, 'forbidden',
            'a request outside of the API');
    admin('set', $acme->{id}, '--scope', 'read', '--scope', 'write');
    granted(ask($acme, 'POST', $partners), 'acme',
            'a key after it was given the scope');
    is(command('create', '--tenant', 'acme', '--name', 'x', '--scope',
               'admin')->{exit}, 1,
       'create refuses a scope that does not exist');
};

# ---- Best practices ----

page 'Periodically generate new API keys and revoke old ones to maintain '
   . 'security.' => sub {
    my $old = new_key(scope => 'read', name => 'rotated');
    my $new = rotate($old, '--overlap', '2s');
    granted(ask($old, 'GET', $partners), 'acme',
            'the old key during the overlap');
    granted(ask($new, 'GET', $partners), 'acme',
            'the new key during the overlap');
    ok(wait_until(60, sub { ask($old, 'GET', $partners)->{status} == 401 }),
       '401 for the old key after the overlap');
    refused(ask($old, 'GET', $partners), 401, 'expired',
            'the old key after the overlap');
    granted(ask($new, 'GET', $partners), 'acme',
            'the new key after the overlap');
    is_deeply([ map { shown($new)->{$_} } qw(tenant name scopes) ],
              [ 'acme', 'rotated', [ 'read' ] ],
              'the new key has tenant, name and scopes of the old one');

    my $short = new_key(scope => 'read', expires => '1h');
    my $expires = shown($short)->{expires};
    rotate($short, '--overlap', '7d');
    is(shown($short)->{expires}, $expires,
       'the overlap does not make the life of the old key longer');

    admin('revoke', $new->{id});
    refused(ask($new, 'GET', $partners), 401, 'revoked', 'a revoked key');
};

page 'Create different API keys for development, staging, and production '
   . 'environments.' => sub {
    my %key = map { $_ => new_key(scope => 'read', env => $_, name => $_) }
              qw(dev staging live);
    for my $env (sort keys %key) {
        my $told = granted(ask($key{$env}, 'GET', $partners), 'acme');
        is($told->{env}, $env, "the application gets the env $env");
        like(admin('show', $key{$env}{id}), qr/^env\s+$env$/m,
             "show has the env $env");
    }
    admin('revoke', $key{dev}{id});
    refused(ask($key{dev}, 'GET', $partners), 401, 'revoked',
            'the revoked key of dev');
    granted(ask($key{live}, 'GET', $partners), 'acme', 'the key of live');
};

# ---- Program-specific requests ----

page 'Each API key is scoped to a specific program.' => sub {
    is(shown($acme)->{tenant}, 'acme', 'a key belongs to one program');
    is(command('create', '--tenant', 'acme', '--tenant', 'globex', '--name',
               'both')->{exit}, 2, 'create refuses a key for two programs');
    is(command('set', $acme->{id}, '--tenant', 'globex')->{exit}, 2,
       'set does not change the program of a key');
};

page 'When making requests, the API automatically uses the program associated '
   . 'with your key.' => sub {
    granted(ask($_, 'GET', $partners), $_->{tenant}) for $acme, $globex;
    granted(ask($acme, 'GET', "$partners?program=globex",
                'X-Apikey-Tenant: globex'), 'acme',
            'a request with a key of acme that names another program');
};

page 'If you manage multiple programs, create separate API keys for each '
   . 'program.' => sub {
    my %seen;
    for my $key ($acme, $globex) {
        my $told = granted(ask($key, 'GET', $partners), $key->{tenant});
        $seen{ $told->{records}[0] } = 1;
    }
    is(keys %seen, 2, 'two keys of two programs get two sets of data');
    my @listed = admin('list', '--tenant', 'globex') =~ /^\S+ +(globex) /mg;
    is(@listed, 1, 'list --tenant has the keys of one program');
};

done_testing;
