# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# conf/examples/introzy.conf keeps each sentence of the page "Authentication".
#
# Sentences without a test, since they are advice to the users of the API: where
# to click; "Never commit API keys to version control", "Never expose keys in
# client-side code", "Never share keys publicly", "Do use environment variables
# to store keys" and the .env example.

use lib "$ENV{APIKEY_SOURCE}/t/products";
use APIKey::Process qw(wait_until);
use APIKey::Test;
use Digest::SHA qw(hmac_sha256_hex);
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Product;
use Time::Local qw(timegm);

my $contacts = '/api/contacts';
my $day = 86400;
product('introzy', 'beta-api.introzy.com',
        sub { "Authorization: Bearer $_[0]" });

# The bodies of the page.  Where it breaks a line, the bodies of httpd have a
# blank.
my %body = (401 => <<'END', 403 => <<'END');
{
"success": false,
"error": "API key authentication failed",
"details": {
"reason": "Invalid API key"
}
}
END
{
"success": false,
"error": "You do not have permission to access this resource"
}
END

# httpd has refused the request with exactly the body of the page.
sub answered {
    my ($response, $status, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply([ $response->{status}, $response->{body},
                header_of($response, 'Content-Type') ],
              [ $status, join(' ', split /\n/, $body{$status}),
                'application/json' ],
              "$what gets $status and the page's JSON");
}

sub epoch {
    my ($year, $month, @rest) =
        $_[0] =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/ or return;
    return timegm(reverse(@rest), $month - 1, $year);
}

# Seconds between the time a key was made and its end.
sub lifetime {
    my ($key) = @_;
    my $shown = shown($key);
    return epoch($shown->{expires}) - epoch($shown->{created});
}

my $acme = new_key();
my $globex = new_key(tenant => 'globex');

page 'API key authentication is now available for MCP and general API access.'
    => sub {
    for my $path ('/mcp', '/mcp/messages', '/api/contacts', '/api/') {
        granted(ask($acme, 'POST', $path), 'acme', $path);
        answered(ask(undef, 'POST', $path), 401, "$path without a key");
    }
    answered(ask($acme, 'GET', '/admin'), 403, 'another path');
};

page 'These keys provide secure, programmatic access to your Introzy data.'
    => sub {
    granted(ask($_, 'GET', $contacts), $_->{tenant}) for $acme, $globex;
    granted(ask($acme, 'GET', $contacts, 'X-Apikey-Tenant: globex'), 'acme',
            'a key of acme that claims to be of globex');
};

# ---- Authentication Method ----

page 'Format: introzy_{64_hex_characters}' => sub {
    like($_->{key}, qr/\Aintrozy_[0-9a-f]{64}\z/, 'a key has this format')
        for $acme, $globex;
    is(command('create', '--tenant', 'acme', '--name', 'x', @$_)->{exit}, 1,
       "create @$_ is refused")
        for [ '--format', 'base62' ], [ '--prefix', 'ak' ];
};

page 'Header: Authorization: Bearer introzy_...' => sub {
    granted(ask_with('GET', $contacts, "Authorization: Bearer $acme->{key}"),
            'acme');
    answered(ask_with('GET', $contacts, "X-API-Key: $acme->{key}"), 401,
             'a key in X-API-Key');
};

page 'Expiration: 90 days (default), configurable up to 365 days' => sub {
    is(lifetime($acme), 90 * $day, 'a key lives 90 days by default');
    is(lifetime(new_key(expires => '365d')), 365 * $day,
       'create makes a key for 365 days');
    my $done = command('create', '--tenant', 'acme', '--name', 'x',
                       '--expires', '366d');
    is($done->{exit}, 1, 'create refuses a key for 366 days');
    like($done->{err}, qr/365d/, 'the message has the limit of 365 days');
    is(command('create', '--tenant', 'acme', '--name', 'x', '--expires',
               'never')->{exit}, 1, 'create refuses a key without an end');
};

# ---- How API Keys Work ----

page 'Include the key in the `Authorization` header of all API requests'
    => sub {
    for my $method (qw(GET HEAD POST PUT PATCH DELETE OPTIONS)) {
        is(ask($acme, $method, $contacts)->{status}, 200,
           "$method with a key: 200");
        is(ask(undef, $method, $contacts)->{status}, 401,
           "$method without a key: 401");
    }
};

page 'Keys are validated using HMAC-SHA256 hashing' => sub {
    open my $in, '<', run_info()->{stage} . '/own/secret' or die "$!\n";
    my ($id, $secret) = split ' ', <$in>;
    my $digest = hmac_sha256_hex($acme->{key}, decode_base64($secret));
    is(database("SELECT secret_id || ' ' || digest FROM apikey "
                . "WHERE id = '$acme->{id}'"), "$id $digest",
       'the digest is the HMAC by the secret of the file');
    is(length decode_base64($secret), 32, 'the secret has 256 bits');
    my $other = new_key();
    (my $forged = $other->{key}) =~ s/(.)\z/$1 eq '0' ? '1' : '0'/e;
    answered(ask($forged, 'GET', $contacts), 401,
             'a key with another last character');
    answered(ask($digest, 'GET', $contacts), 401, 'the digest as a key');
};

page 'Keys can be revoked instantly if compromised' => sub {
    my $key = new_key();
    my $connection = connection('introzy');
    my $bytes = "GET $contacts HTTP/1.1\r\nHost: beta-api.introzy.com\r\n"
              . "Authorization: Bearer $key->{key}\r\n\r\n";
    granted($connection->send($bytes)->response, 'acme');
    admin('revoke', $key->{id}, '--reason', 'compromised');
    answered($connection->send($bytes)->response, 401,
             'the next request with the revoked key');
};

# ---- Key Features ----

page 'Long-lived: Works for 90 days without manual updates' => sub {
    my $now = time;
    my $key = new_key();
    cmp_ok(epoch(shown($key)->{expires}), '>=', $now + 90 * $day,
           'the key ends after 90 days or later');
    granted(ask($key, 'GET', $contacts), 'acme') for 1 .. 3;
    # 90 days later, by its row.
    database("UPDATE apikey SET created = created - 90 * $day, "
             . "expires = expires - 90 * $day WHERE id = '$key->{id}'");
    answered(ask($key, 'GET', $contacts), 401, 'the key 90 days later');
};

page 'Secure: HMAC-SHA256 hashed in database, shown only once' => sub {
    is_gone($acme);
    key_nowhere_in_logs($acme);
};

page 'Revocable: Instantly revoke compromised keys' => sub {
    my ($bad, $good) = (new_key(), new_key());
    admin('revoke', $bad->{id});
    answered(ask($bad, 'GET', $contacts), 401, 'the compromised key');
    granted(ask($good, 'GET', $contacts), 'acme', 'another key');
};

page 'Usage tracking: See when keys were last used. ... Check when keys were '
   . 'last used to identify unused keys' => sub {
    my $key = new_key(name => 'used');
    is(shown($key)->{last_used}, undef,
       'a key that was never used has no time of its last use');
    my $began = time;
    granted(ask($key, 'GET', $contacts), 'acme');
    ok(wait_until(60, sub { defined shown($key)->{last_used} }),
       'a use of the key is recorded');
    my $list = admin('list');
    like($list, qr/^ID .* LAST USED /, 'list has a column of last uses');
    my $today = qr/@{[ join '|', map { POSIX::strftime('%Y-%m-%d', gmtime) }
                       $began, time ]}/;
    like($list, qr/^\Q$key->{id}\E .*$today.*$today/m,
         'list shows that the key was created and used today');
};

page 'Multiple keys: Create separate keys for dev, staging, production' => sub {
    for my $env (qw(dev staging production)) {
        my $key = new_key(env => $env, name => "$env key");
        my $told = granted(ask($key, 'GET', $contacts), 'acme', $env);
        is($told->{env}, $env, "the application gets the env $env");
    }
};

# ---- Getting Started ----

page 'Give your key a name (e.g., "Production API", "Local Development")'
    => sub {
    for my $name ('Production API', 'Local Development') {
        my $key = new_key(name => $name);
        like(admin('list'), qr/^\Q$key->{id}\E .*\b$name\b/m,
             "list has the name $name");
    }
    is(command('create', '--tenant', 'acme')->{exit}, 2,
       'exit status 2 of create without a name');
};

page 'Choose an expiration period (30-365 days)' => sub {
    for my $days (30, 31, 364, 365) {
        my $key = new_key(expires => "${days}d");
        is(lifetime($key), $days * $day, "create makes a key for $days days");
    }
    for my $expires (qw(29d 1d 366d 10000d never 2000-01-01)) {
        my $done = command('create', '--tenant', 'acme', '--name', 'x',
                           '--expires', $expires);
        is($done->{exit}, 1, "create --expires $expires is refused");
        is($done->{out}, '', "create --expires $expires writes no key");
    }
    is(command('set', $acme->{id}, '--expires', '400d')->{exit}, 1,
       'set refuses an end after the limit');
};

page 'Copy the key immediately (it won\'t be shown again!)' => sub {
    my $done = command('create', '--tenant', 'acme', '--name', 'copied');
    my ($key) = $done->{out} =~ /\b(introzy_[0-9a-f]{64})\b/;
    ok($key, 'create writes the key') or return;
    remember_key($key);
    granted(ask($key, 'GET', $contacts), 'acme', 'the copied key');
    my ($id) = $done->{out} =~ /^id\s+(\S+)/m;
    is_gone({ key => $key, id => $id });
};

page 'curl -H "Authorization: Bearer introzy_e3b0c44298fc1c149afbf4..." '
   . 'https://beta-api.introzy.com/api/contacts' => sub {
    my $told = granted(ask_with('GET', '/api/contacts', 'Accept: */*',
                                'User-Agent: curl/7.88.1',
                                "Authorization: Bearer $acme->{key}"), 'acme');
    is($told->{uri}, '/api/contacts',
       'the application gets the URL of the example');
    answered(ask('introzy_e3b0c44298fc1c149afbf4...', 'GET', $contacts), 401,
             'the abbreviated key of the example');
};

page 'View keys: See all your keys with creation date, last used, and '
   . 'expiration' => sub {
    granted(ask($acme, 'GET', $contacts), 'acme');
    ok(wait_until(60, sub { defined shown($acme)->{last_used} }),
       'the use of the key is recorded');
    my ($row) = grep { $_->{id} eq $acme->{id} }
                @{ JSON::PP::decode_json(admin('--json', 'list')) };
    is(epoch($row->{expires}) - epoch($row->{created}), 90 * $day,
       'JSON of list has the times of creation and end');
    my ($line) = admin('list') =~ /^(\Q$acme->{id}\E .*)/m;
    my @dates = $line =~ /\b(2\d\d\d-\d\d-\d\d)\b/g;
    is_deeply(\@dates, [ map { substr $row->{$_}, 0, 10 }
                         qw(created expires last_used) ],
              'the table of list has the dates of creation, end and last use');
};

page 'Revoke keys: Instantly revoke any key that\'s no longer needed' => sub {
    my $key = new_key(name => 'no longer needed');
    admin('revoke', $key->{id});
    answered(ask($key, 'GET', $contacts), 401, 'the revoked key');
    unlike(admin('list'), qr/\Q$key->{id}\E/,
           'list does not have the revoked key');
    like(admin('list', '--all'), qr/^\Q$key->{id}\E .*revoked/m,
         'list --all has the key as revoked');
};

# ---- Security Best Practices ----

page 'Never share keys publicly' => sub {
    my $key = new_key();
    is(ask(undef, 'GET', "$contacts?key=$key->{key}")->{status}, 400,
       '400 for a key in a URL');
    key_nowhere_in_logs($key, 'a key in a URL is masked in all logs');
};

page 'Do rotate keys periodically' => sub {
    my $old = new_key(name => 'rotated', expires => '30d');
    my $new = rotate($old, '--overlap', '2s');
    like($new->{key}, qr/\Aintrozy_[0-9a-f]{64}\z/,
         'the new key has the same format');
    is(lifetime($new), 30 * $day,
       'the new key lives as long as the old one did');
    granted(ask($_, 'GET', $contacts), 'acme') for $old, $new;
    ok(wait_until(60, sub { ask($old, 'GET', $contacts)->{status} == 401 }),
       'the old key ends after the overlap');
    granted(ask($new, 'GET', $contacts), 'acme',
            'the new key after the overlap');
};

page 'Do use separate keys for different environments' => sub {
    my ($dev, $live) = map { new_key(env => $_) } qw(dev live);
    isnt($dev->{key}, $live->{key},
         'the keys of two environments are different');
    admin('revoke', $dev->{id});
    answered(ask($dev, 'GET', $contacts), 401, 'the revoked key of dev');
    granted(ask($live, 'GET', $contacts), 'acme', 'the key of live');
};

# ---- Error Responses ----

page '401 Unauthorized: Invalid or malformed API key' => sub {
    my $r = ask(undef, 'GET', $contacts);
    answered($r, 401, 'a request without a key');
    is_deeply([ $r->{reason}, header_of($r, 'WWW-Authenticate') ],
              [ 'Unauthorized', 'Bearer realm="Introzy API"' ],
              'the response says how to authenticate');
    my ($hex) = $acme->{key} =~ /_(.*)/;
    # 64 hex digits without the prefix are not known as a key, and not masked.
    my $digits = 'e3b0c442' x 8;
    my %wrong = (
        'an unknown key'                     => "introzy_$digits",
        'a key that is one character short'  => substr($acme->{key}, 0, -1),
        'a key that is one character long'   => "$acme->{key}0",
        'a key in capital letters'           => 'introzy_' . uc $hex,
        'a key with another prefix'          => "acme_$digits",
        'a key without its prefix'           => $digits,
        'the prefix alone'                   => 'introzy_',
        'text that is SQL'                   => q(' OR 1=1 --),
        'an empty key'                       => '',
    );
    answered(ask($wrong{$_}, 'GET', $contacts), 401, $_) for sort keys %wrong;
    ok(JSON::PP::decode_json($r->{body})->{success} == 0,
       'the body of the page is JSON');
};

page '401 Unauthorized: API key has been revoked' => sub {
    my $key = new_key();
    admin('revoke', $key->{id});
    answered(ask($key, 'GET', $contacts), 401, 'the revoked key');
};

page '401 Unauthorized: API key has expired' => sub {
    my $key = new_key();
    rotate($key, '--overlap', '0s');
    answered(ask($key, 'GET', $contacts), 401, 'the expired key');
};

page '403 Forbidden: Attempting to access data from a different organization'
    => sub {
    for my $path ('', '/contacts', '/contacts/7') {
        granted(ask($acme, 'GET', "/api/organizations/acme$path"), 'acme');
        answered(ask($acme, 'GET', "/api/organizations/globex$path"), 403,
                 "a key of acme at globex$path");
        answered(ask(undef, 'GET', "/api/organizations/globex$path"), 401,
                 "globex$path without a key");
    }
    for my $sly ('//api//organizations/globex', '/api/organizations/%67lobex',
                 '/api/x/../organizations/globex/contacts',
                 '/api/organizations/acme/../globex') {
        answered(ask($acme, 'GET', $sly), 403, "a key of acme at $sly");
    }
    is(ask($acme, 'GET', '/api/organizations/globex')->{reason}, 'Forbidden',
       'the response has the reason phrase Forbidden');
};

page 'An organization whose API access is suspended' => sub {
    admin('tenant', 'suspend', 'globex');
    answered(ask($globex, 'GET', $contacts), 403,
             'a key of the suspended organization');
    admin('tenant', 'resume', 'globex');
    granted(ask($globex, 'GET', $contacts), 'globex',
            'a key of the organization after resume');
};

done_testing;
