# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Key tables of known products: the manual's tables and configuration to the
# letter, with rows as the products write them.

use Digest::SHA qw(hmac_sha256 sha256 sha256_base64 sha256_hex sha512_hex);

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::DatabaseSite;
use APIKey::OwnTable qw(page);

# What an application would be given.
my $SEEN = <<'EOF';
<LocationMatch "^/(api|scoped)/">
    Header set X-Seen "%{APIKEY_ID}e %{APIKEY_NAME}e [%{APIKEY_SCOPES}e]"
</LocationMatch>
EOF

my $PAST = '2026-01-01 00:00:00';
my $SALT = 'yi8d3Ng4zT';

# Gitea's digest of a token.
sub pbkdf2 {
    my ($text, $salt, $rounds, $length) = @_;
    my $all = '';
    for (my $block = 1; length $all < $length; $block++) {
        my $last = hmac_sha256($salt . pack('N', $block), $text);
        my $sum = $last;
        for (2 .. $rounds) {
            $last = hmac_sha256($last, $text);
            $sum ^= $last;
        }
        $all .= $sum;
    }
    return unpack 'H*', substr $all, 0, $length;
}

sub padded { return sha256_base64($_[0]) . '=' }
sub url { return sha256_base64($_[0]) =~ tr{+/}{-_}r }
sub uuid { return sprintf '00000000-0000-4000-8000-%012d', $_[0] }

# A key of the length that this product's keys have, different each time.
my $made = 0;
sub key {
    my ($shape) = @_;
    my $text = sha256_hex("$$ " . ++$made) . sha256_hex("$made $$");
    my $at = 0;
    my $key = $shape =~ s/#(\d+)/$at += $1; substr $text, $at - $1, $1/ger;
    remember_key($key);
    return $key;
}

sub insert {
    my ($table, @rows) = @_;
    return map {
        my @names = sort keys %$_;
        my %row = %$_;
        "INSERT INTO $table (" . join(', ', @names) . ') VALUES ('
            . join(', ', map { !defined ? 'NULL' : /^(?:TRUE|FALSE)$/ ? $_
                               : "'" . s/'/''/gr . "'" } @row{@names}) . ')';
    } @rows;
}

# ---- The products ----
# For each: its rows, and what a key is to get; "from" is the header with the
# key.

sub sanctum {
    my @key = map { key('#40') } 1 .. 3;
    my %row = (tokenable_type => 'App\\\\Models\\\\User', tokenable_id => 7,
               name => "Z\xc3\xbcrich", abilities => '["a:b","c:*"]');
    return {
        rows => [ insert(personal_access_tokens =>
            { %row, token => sha256_hex($key[0]) },
            { %row, token => sha256_hex($key[1]), abilities => '["*"]',
              expires_at => '2026-01-01 00:00:00' },
            { %row, token => sha256_hex($key[2]), abilities => '[]' }) ],
        want => [ "1|$key[0]" => "200 7 1 Z\xc3\xbcrich [a:b c:*]",
                  $key[0] => "200 7 1 Z\xc3\xbcrich [a:b c:*]",
                  "2|$key[1]" => '401 expired',
                  "3|$key[2]" => "200 7 3 Z\xc3\xbcrich []",
                  "1|$key[0]x" => '401 invalid', "$key[0]|" => '401 invalid' ],
    };
}

sub doorkeeper {
    my @key = map { key('#43') } 1 .. 3;
    my %row = (application_id => 1, scopes => 'a:b read',
               created_at => $PAST);
    return {
        rows => [ insert(oauth_applications =>
                { name => 'App', uid => 'acme', secret => 'x',
                  created_at => $PAST, updated_at => $PAST }),
            insert(oauth_access_tokens =>
                { %row, token => sha256_hex($key[0]) },
                { %row, token => sha256_hex($key[1]), expires_in => 7200 },
                { %row, token => sha256_hex($key[2]),
                  revoked_at => $PAST }) ],
        want => [ $key[0] => '200 acme 1 App [a:b read]',
                  $key[1] => '401 expired', $key[2] => '401 revoked',
                  $key[0] . 'x' => '401 invalid' ],
    };
}

# The same with the tokens themselves, as without hash_token_secrets.
sub doorkeeper_plain {
    my ($lines) = @_;
    my $key = key('#43');
    $$lines =~ s/t\.token = %s/encode(sha256(t.token::bytea), 'hex') = %s/
        or die 'no such line';
    return {
        rows => [ insert(oauth_access_tokens => { application_id => 1,
                         created_at => $PAST, token => $key }) ],
        want => [ $key => '200 acme 4 App []',
                  sha256_hex($key) => '401 invalid' ],
    };
}

sub better_auth {
    my @key = map { key('#64') } 1 .. 3;
    my %row = ('"userId"' => 'u1', name => 'N', '"createdAt"' => $PAST,
               '"updatedAt"' => $PAST, enabled => 'TRUE');
    return {
        rows => [ insert(apikey =>
            { %row, id => 'b1', key => url($key[0]),
              permissions => '{"a": ["b", "c"], "d": ["e"]}' },
            { %row, id => 'b2', key => url($key[1]), enabled => 'FALSE' },
            { %row, id => 'b3', key => url($key[2]),
              '"expiresAt"' => $PAST }) ],
        want => [ $key[0] => '200 u1 b1 N [a:b a:c d:e]',
                  $key[1] => '401 disabled', $key[2] => '401 expired',
                  url($key[0]) => '401 invalid' ],
    };
}

sub authtoken {
    my @key = map { key('#40') } 1 .. 2;
    return {
        rows => [ insert(auth_user => { username => 'ann', is_active => 'TRUE' },
                         { username => 'bob', is_active => 'FALSE' }),
                  map { insert(authtoken_token => { key => $key[$_ - 1],
                               created => $PAST, user_id => $_ }) } 1, 2 ],
        want => [ $key[0] => '200 ann 1  []', $key[1] => '401 disabled',
                  sha256_hex($key[0]) => '401 invalid' ],
    };
}

# A key of each version of the package.
sub drf_api_key {
    my @key = map { key('#8.#32') } 1 .. 4;
    my %row = (created => $PAST, name => 'svc', revoked => 'FALSE');
    my @hash = map { 'sha512$$' . sha512_hex($_) } @key;
    $hash[3] = 'pbkdf2_sha256$600000$salt$'
             . 'Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyMTI=';
    my @rows = map { { %row, prefix => substr($key[$_], 0, 8),
                       id => substr($key[$_], 0, 8) . ".$_",
                       hashed_key => $hash[$_] } } 0 .. 3;
    $rows[1]{revoked} = 'TRUE';
    $rows[2]{expiry_date} = $PAST;
    return {
        rows => [ insert(rest_framework_api_key_apikey => @rows) ],
        want => [ $key[0] => '200 svc ' . substr($key[0], 0, 8) . ' svc []',
                  $key[1] => '401 revoked', $key[2] => '401 expired',
                  $key[3] => '401 invalid', $key[0] . 'x' => '401 invalid' ],
    };
}

sub kong {
    my @key = map { key('#32') } 1 .. 2;
    return {
        from => 'apikey',
        rows => [ insert(consumers => { id => uuid(1), username => 'jane',
                         custom_id => 'acme' },
                         { id => uuid(2), username => 'joe' }),
            insert(keyauth_credentials =>
                { id => uuid(11), consumer_id => uuid(1), key => $key[0] },
                { id => uuid(12), consumer_id => uuid(2), key => $key[1],
                  ttl => $PAST }),
            insert(acls => { id => uuid(21), consumer_id => uuid(1),
                             '"group"' => 'a:b' }) ],
        want => [ $key[0] => '200 acme ' . uuid(11) . ' jane [a:b]',
                  $key[1] => '401 expired', $key[0] . 'x' => '401 invalid' ],
    };
}

# After them two keys of seam's: one that Unkey is still to migrate, and one
# that it has migrated.
sub unkey {
    my @key = ((map { key('unkey_#22') } 1 .. 3), key('corp_#8_#24'),
               key('corp_#8_#24'));
    my %row = (key_auth_id => 'ks', start => 'unkey_', workspace_id => 'ws');
    return {
        rows => [ insert('`keys`' =>
            { %row, id => 'k1', hash => padded($key[0]), owner_id => 'acme',
              name => 'N' },
            { %row, id => 'k2', hash => padded($key[1]), enabled => 'FALSE' },
            { %row, id => 'k3', hash => padded($key[2]),
              deleted_at_m => 1767225600001 },
            { %row, id => 'k4', hash => sha256_hex($key[3] =~ s/.*_//r),
              pending_migration_id => 'm' },
            { %row, id => 'k5', hash => sha256_hex($key[4] =~ s/.*_//r) }),
            insert(permissions => { id => 'p', workspace_id => 'ws',
                                    name => 'x', slug => 'a:b' }),
            insert(keys_permissions => { key_id => 'k1', permission_id => 'p',
                                         workspace_id => 'ws' }) ],
        want => [ $key[0] => '200 acme k1 N [a:b]', $key[1] => '401 disabled',
                  $key[2] => '401 revoked', $key[3] => '200 ws k4  []',
                  $key[4] => '401 invalid', $key[0] . 'x' => '401 invalid' ],
    };
}

sub seam {
    my $key = key('corp_#8_#24');
    my ($short, $long) = (split /_/, $key)[1, 2];
    return {
        rows => [ insert(prefixed_api_key => { short_token => $short,
                         long_token_hash => sha256_hex($long),
                         account => 'acme' }) ],
        want => [ $key => "200 acme $short  []",
                  "corp_${short}_$long." => '401 invalid',
                  $key =~ s/_\K([^_]+)$/x$1/r => '401 invalid' ],
    };
}

# Keys that the manual says cannot be accepted; the number of rounds does not
# matter for that.
sub gitea {
    my ($lines) = @_;
    my $key = key('#40');
    $$lines = <<'EOF';
ApiKeyFormat opaque
ApiKeyDigest sha256 sha512
ApiKeyQuery "SELECT id, uid AS tenant FROM access_token WHERE token_hash = %s"
EOF
    return {
        rows => [ 'CREATE TABLE access_token (id BIGSERIAL PRIMARY KEY, uid'
                  . ' BIGINT, name VARCHAR(255), token_hash VARCHAR(255) UNIQUE,'
                  . ' token_salt VARCHAR(255), token_last_eight VARCHAR(255))',
                  insert(access_token => { uid => 1, name => 'N',
                         token_hash => pbkdf2($key, $SALT, 10_000, 50),
                         token_salt => $SALT,
                         token_last_eight => substr $key, -8 }) ],
        want => [ $key => '401 invalid' ],
    };
}

my %PRODUCTS = (
    mysql => [ sanctum => 'Laravel Sanctum', \&sanctum,
               unkey => 'Unkey', \&unkey ],
    pgsql => [ doorkeeper => 'Doorkeeper', \&doorkeeper,
               plain => 'Doorkeeper', \&doorkeeper_plain,
               better => 'Better-Auth', \&better_auth,
               authtoken => 'Django REST framework: authtoken', \&authtoken,
               drf => 'Django REST framework: djangorestframework-api-key',
               \&drf_api_key, kong => 'Kong: key-auth and acl', \&kong,
               seam => "seam's prefixed API keys", \&seam,
               gitea => 'Gitea', \&gitea ],
);

is(pbkdf2('password', 'salt', 1, 20),
   '120fb6cffcf8b32c43e7225256c4f837a86548c9',
   'PBKDF2 gives the result of RFC 7914');

# The status, the reason, the tenant, and what an application would be given.
sub seen {
    my ($site, $host, $from, $key) = @_;
    my $got = get($site->port, '/api/', "$from: $key", "Host: $host.example");
    my ($code) = $got->{body} =~ /"code":\s*"(\w+)"/;
    return join ' ', $got->{status}, $code // (),
                $got->{status} ne 200 ? ()
                : map { header_of($got, $_) } qw(X-Tenant X-Seen);
}

for my $name (sort keys %PRODUCTS) {
    my $backend = backend($name);
    my $site = APIKey::DatabaseSite->new($backend, 'own');
    my (@hosts, @asked, %made);
    my @list = @{ $PRODUCTS{$name} };
    while (my ($host, $heading, $product) = splice @list, 0, 3) {
        my ($lines, @statements) = page($heading);
        $backend->sql(@statements) if !$made{$heading}++;
        my $case = $product->(\$lines);
        $backend->sql(@{ $case->{rows} });
        push @hosts, "<VirtualHost *>\nServerName $host.example\n$lines"
                     . "</VirtualHost>\n";
        push @asked, [ $host, $heading, $case ];
    }
    $site->run($SEEN, "<VirtualHost *>\nServerName main\n</VirtualHost>",
               @hosts);
    for (@asked) {
        my ($host, $heading, $case) = @$_;
        my @want = @{ $case->{want} };
        while (my ($key, $want) = splice @want, 0, 2) {
            is(seen($site, $host, $case->{from} // 'X-API-Key', $key), $want,
               "$heading ($host): $want");
        }
    }
    $site->stop;
    unlike($site->errors, qr/exit signal|APIKEY0106|APIKEY012[012]/,
           'no look-up failed and no process crashed');
}

done_testing;
