# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# ApiKeyFormat, ApiKeyDigest, ApiKeyPrefix, the file of secrets, ApiKeyKeyspace:
# which keys each of them accepts; and the test vector of CONTRACT.md.

use APIKey::Test;
use APIKey::Auth;
use APIKey::ConfigTest;
use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use MIME::Base64 qw(encode_base64);

my ($secret) = secrets();
my $count = 0;

sub reason {
    my ($at, $key) = @_;
    my $r = get($at, '/index.html', "X-API-Key: $key");
    return 'granted' if $r->{status} == 200;
    my $problem = refusal($r)->{problem};
    return ref $problem ? $problem->{code} : "status $r->{status}";
}

# Writes the row of a key that was made elsewhere, with this digest.
sub import_key {
    my ($at, $key, $digest) = @_;
    remember_key($key);
    return import_foreign($at, $key, $digest);
}

# The same for a key whose form the server does not accept: it is logged like
# any other word, so it is not looked for in the logs.
sub import_foreign {
    my ($at, $key, $digest) = @_;
    sql($at, row_of($digest, id => sprintf 'imported%04d', ++$count));
    return $key;
}

sub hmac { return hmac_sha256_hex($_[0], $secret) }

# A base62 key as htapikey makes it, for a server that may not accept it.
sub import_base62 {
    my ($at, $prefix) = @_;
    my $key = unknown_key($secret, $prefix);
    return import_key($at, $key, key_digest($secret, $key));
}

sub import_hex64 {
    my ($at, $prefix, $import) = @_;
    my $key = "${prefix}_" . sha256_hex("hex64 $at $prefix");
    return ($import // \&import_key)->($at, $key, hmac($key));
}

# ---- base62, the default ----
my $at = 'auth_fmt_base62';
my $key = create_key($at)->{key};
like($key, qr/^ak_[0-9A-Za-z]{49}$/,
     'a base62 key is ak_, 43 characters and 6 check characters');
is($key, signed_key($secret, substr $key, 0, -6),
   'the check characters are those of CONTRACT.md');
is(reason($at, $key), 'granted', 'base62: a key made by htapikey is granted');
is_deeply([ sql($at, 'SELECT digest FROM apikey') ],
          [ key_digest($secret, $key) ],
          'base62: the stored digest is the HMAC of CONTRACT.md');
is(reason($at, create_key($at, prefix => $_)->{key}), 'granted',
   "base62: a key with the prefix $_ is granted without ApiKeyPrefix")
    for 'x', 'sk-live', 'a_b_c', 'A' x 32;
is(reason($at, import_hex64($at, 'ak')), 'invalid',
   'base62: a hex64 key in the database is invalid');
is(reason($at, import_foreign($at, 'opaque-key', hmac('opaque-key'))),
   'invalid', 'base62: an opaque key in the database is invalid');
my $lookalike = substr(unknown_key($secret), 0, -6) . '000000';
is(reason($at, import_key($at, $lookalike, hmac($lookalike))), 'invalid',
   'base62: a key in the database with wrong check characters is invalid');
my $unsaved = unknown_key($secret);
is(reason($at, import_key($at, $unsaved, sha256_hex($unsaved))), 'invalid',
   'base62: a key stored by its SHA-256 is invalid without ApiKeyDigest');

# ---- hex64, with a prefix ----
$at = 'auth_fmt_hex64';
$key = create_key($at)->{key};
like($key, qr/^acme-live_[0-9a-f]{64}$/,
     'a hex64 key is the prefix, _ and 64 hex digits');
is(reason($at, $key), 'granted', 'hex64: a key made by htapikey is granted');
is_deeply([ sql($at, 'SELECT digest FROM apikey') ], [ hmac($key) ],
          'hex64: the stored digest is the HMAC of the whole key');
is(reason($at, uc $key), 'invalid', 'hex64: a key in upper case is invalid');
is(reason($at, $key =~ s/_(.*)/'_' . uc $1/er), 'invalid',
   'hex64: a key with digits in upper case is invalid');
is(reason($at, substr $key, 0, -1), 'invalid',
   'hex64: a key one character short is invalid');
is(reason($at, "${key}0"), 'invalid',
   'hex64: a key one character long is invalid');
is(reason($at, 'acme-live_' . '0' x 64), 'invalid',
   'hex64: an unknown key is invalid');
is(reason($at, import_base62($at, 'acme-live')), 'invalid',
   'hex64: a base62 key in the database is invalid');
is(reason($at, import_hex64($at, 'acme-live')), 'granted',
   'hex64: an imported key with an HMAC is granted');
is(reason($at, import_hex64($at, $_, \&import_foreign)), 'invalid',
   "hex64: an imported key with the prefix $_ is invalid")
    for 'acme', 'acme-live_x', 'acme-live-x', 'Acme-live', 'xacme-live';
my $hashed = 'acme-live_' . sha256_hex('hashed');
is(reason($at, import_key($at, $hashed, sha256_hex($hashed))), 'granted',
   'hex64: an imported key with a SHA-256 is granted by ApiKeyDigest');
my $bare = sha256_hex('bare');
is(reason($at, import_foreign($at, $bare, sha256_hex($bare))), 'invalid',
   'hex64: an imported key without the prefix is invalid');

# ---- opaque ----
$at = 'auth_fmt_opaque';
for my $word ('a', 'short', '123e4567-e89b-12d3-a456-426614174000', '%s%n',
              "it's", 'a"b', 'x' x 2048, 'sk_live_51Hx+/==', '~!@#$^&*()',
              'ak_' . 'B' x 49, sha256_hex('word'), 'eyJ.e30.sig') {
    my $shown = length $word > 70 ? length($word) . ' characters' : $word;
    # The digests alternate. Not import_key(): such words are in every log.
    sql($at, row_of($count % 2 ? hmac($word) : sha256_hex($word),
                    id => sprintf 'word%04d', ++$count));
    is(reason($at, $word), 'granted', "opaque: granted for $shown");
    is(reason($at, "${word}x"), 'invalid',
       "opaque: invalid with an x after $shown");
}
is(reason($at, 'y' x 2049), 'invalid',
   'opaque: 2049 characters are invalid');

# ---- Several prefixes ----
$at = 'auth_fmt_prefixes';
my %of = map { $_->{key} => 1 } map {
    my $prefix = $_;
    map { create_key($at, prefix => $prefix, format => $_) } qw(base62 hex64);
} 'sk_live', 'glpat-', 'SG.';
for my $key (sort(keys %of), map { import_key($at, $_, hmac($_)) }
             'SG.Imported.0123456789', 'glpat-Imported0123456789') {
    my ($shown) = $key =~ /^(sk_live_|glpat-|SG\.)/;
    is(reason($at, $key), 'granted', "a key with the prefix $shown is granted");
    is(get($at, "/open/?k=$key")->{status}, 400,
       "400 for a key with the prefix $shown in a URL");
    unlike(get($at, '/open/', "X-API-Key: $key")->{body}, qr/\Q$key\E/,
           "an application does not get a key with the prefix $shown");
}
is(reason($at, unknown_key($secret)), 'invalid',
   'an unknown key with the prefix ak_ is invalid');

# ---- Long keys ----
my $jwt = join '.', 'SG', 'x' x 400, 'y' x (2048 - 404);
is(length import_key($at, $jwt, hmac($jwt)), 2048,
   'a key as long as a JWT has 2048 bytes');
is(reason($at, $jwt), 'granted', 'a key of 2048 bytes is granted');
is(get($at, '/index.html', "Authorization: Bearer $jwt")->{status}, 200,
   '200 for a key of 2048 bytes as bearer');
is(reason($at, import_foreign($at, "${jwt}y", hmac("${jwt}y"))), 'invalid',
   'a key of 2049 bytes is invalid');
# A value with a comma is two values for httpd: import refuses such a key.
my $comma = 'SG.with,a.comma.0123456789';
is(reason($at, import_key($at, $comma, hmac($comma))), 'ambiguous',
   'a key with a comma is ambiguous');

# ---- All forms, HMAC only ----
$at = 'auth_fmt_all';
is(reason($at, create_key($at, format => 'base62')->{key}), 'granted',
   'all formats: a base62 key is granted');
is(reason($at, create_key($at, format => 'hex64')->{key}), 'granted',
   'all formats: a hex64 key is granted');
is(reason($at, import_key($at, $lookalike, hmac($lookalike))), 'granted',
   'all formats: an imported key with wrong check characters is granted');
is(reason($at, import_key($at, 'all-word', hmac('all-word'))), 'granted',
   'all formats: an opaque key is granted');
is(reason($at, import_key($at, 'sha-word', sha256_hex('sha-word'))),
   'invalid', 'all formats: a key with a SHA-256 needs ApiKeyDigest sha256');
is(reason($at, 'not-there'), 'invalid',
   'all formats: an unknown key is invalid');

# ---- The digest of a part of the key ----
$at = 'auth_fmt_part';
my $part = 'kZ0' . 'q' x 37;
sql($at, row_of(sha256_hex($part), id => 'part0001'));
is(reason($at, $_ . $part), 'granted',
   "sha256:after=: granted for the part after the last separator of '$_'")
    for '', '12|', '1|2|', 'mycompany_BRTRKFsL_', '_|', '|_';
is(reason($at, $_ . $part), 'invalid',
   "sha256:after=: invalid after '$_', which has no such separator")
    for '12:', '12.', 'x';
is(reason($at, "$part|"), 'invalid',
   'sha256:after=: invalid for the part before the separator');
sql($at, row_of(sha256_hex(''), id => 'part0002'));
is(reason($at, $_), 'invalid',
   "sha256:after=: invalid for an empty part, '$_'")
    for '12|', '12_';
is(reason($at, create_key($at)->{key}), 'granted',
   'sha256:after=: a base62 key is granted by its HMAC');

# ---- Short keys in Basic: granted, and masked as the credential ----
$at = 'auth_fmt_short';
my $short = import_key($at, 'sk_=12:5', hmac('sk_=12:5'));
my $short_user = import_key($at, 'sk_=1235', hmac('sk_=1235'));
for my $half ([$short_user, 'x', 'user'], ['x', $short, 'password'],
              ['', $short_user, 'password alone']) {
    my ($user, $password, $name) = @$half;
    my $r = get($at, '/env', 'Authorization: Basic '
                             . encode_base64("$user:$password", ''));
    is($r->{status}, 200, "Basic with a short key as $name: 200");
    unlike($r->{body}, qr/^HTTP_AUTHORIZATION=/m,
           "Basic with a short key as $name: a CGI does not get the header");
}

# ---- Keyspaces ----
my %in = map { $_ => create_key('auth_ks', keyspace => $_)->{key} }
         qw(one two default);
for my $space (qw(one two)) {
    is(reason("auth_ks_$space", $in{$_}),
       $_ eq $space ? 'granted' : 'invalid',
       "keyspace $space: a key of $_ is "
       . ($_ eq $space ? 'granted' : 'invalid'))
        for sort keys %in;
}

# ---- The secrets, and the test vector: a server of their own ----
my $site = APIKey::ConfigTest->new;
my %line = (
    contract => 'v1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=',
    second => 's2 ' . encode_base64('2' x 32, ''),
    third => 's3 ' . encode_base64('3' x 32, ''),
);

# Restarts httpd with these secrets, in this order; returns its port.
sub restart_with {
    my (@which) = @_;
    $site->stop;
    $site->file('secret', join("\n", '# the secrets', '',
                               map { $line{$_} } @which) . "\n", 0600);
    $site->start(<<'EOF');
@DATABASE@
ApiKeyFormat base62 hex64
<Location />
    AuthType ApiKey
    AuthName "R"
    Require valid-user
</Location>
EOF
    return $site->port;
}

$site->file('cli.conf', $site->database_lines
                        . "ApiKeyFormat base62 hex64\n");

my $port = restart_with('contract');
my %made = (first => $site->create,
            first_hex => $site->create(qw(--format hex64)));
my $vector = 'ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6';
my $digest = '1ab3f7aa1600fac4273c98287cca75923cabc7f2fd82e8687cea546a78344ab6';
remember_key($vector);
is(reason($port, $vector), 'invalid',
   "CONTRACT.md's vector is invalid while the database does not have it");
open my $db, '|-', 'sqlite3', '-bail', $site->{db} or die $!;
print $db row_of($digest, id => 'vectorvector'), ";\n";
close $db or die 'sqlite3 failed';
is(reason($port, $vector), 'granted',
   "CONTRACT.md's vector is granted when the database has its digest");
is(reason($port, substr($vector, 0, -1) . '7'), 'invalid',
   "CONTRACT.md's vector is invalid with another last character");
is(reason($port, $made{$_}), 'granted', "one secret: key $_ is granted")
    for sort keys %made;

$port = restart_with('second', 'contract');
@made{qw(second second_hex)} = ($site->create,
                                $site->create(qw(--format hex64)));
is(reason($port, $made{$_}), 'granted', "two secrets: key $_ is granted")
    for sort keys %made;
is(reason($port, $vector), 'granted', 'two secrets: the vector is granted');
is(reason($port, unknown_key('3' x 32)), 'invalid',
   'two secrets: a key of a third secret is invalid');

$port = restart_with('third', 'second', 'contract');
is(reason($port, $made{$_}), 'granted', "three secrets: key $_ is granted")
    for sort keys %made;

$port = restart_with('third', 'second');
is(reason($port, $made{$_}), /second/ ? 'granted' : 'invalid',
   "first secret removed: key $_ is " . (/second/ ? 'granted' : 'invalid'))
    for sort keys %made;
is(reason($port, $vector), 'invalid',
   'first secret removed: the vector is invalid');

$port = restart_with('contract');
is(reason($port, $made{$_}), /second/ ? 'invalid' : 'granted',
   "second secret removed: key $_ is " . (/second/ ? 'invalid' : 'granted'))
    for sort keys %made;
$site->stop;

like($site->slurp('error_log'), qr/APIKEY0101/, 'the refusals are logged');
is($site->leaks($vector, values %made), '', 'the logs contain no key');
key_nowhere_in_logs($_) for $key, values %in, keys %of, $jwt;

done_testing;
