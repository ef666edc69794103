# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The forms of keys, their digests and prefixes, the secrets, the keyspaces; and
# the test vector of CONTRACT.md.

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

# Imports a key made elsewhere, under this digest.
sub import_key {
    my ($at, $key, $digest) = @_;
    remember_key($key);
    return import_foreign($at, $key, $digest);
}

# Its form is none of this server's: it is as foreign as any other word, and is
# logged like one.
sub import_foreign {
    my ($at, $key, $digest) = @_;
    sql($at, row_of($digest, id => sprintf 'imported%04d', ++$count));
    return $key;
}

sub hmac { return hmac_sha256_hex($_[0], $secret) }

# As htapikey would make them, if this server accepted them.
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
like($key, qr/^ak_[0-9A-Za-z]{49}$/, 'ak_, 43 characters and 6 to check');
is($key, signed_key($secret, substr $key, 0, -6),
   'the check characters are those of CONTRACT.md');
is(reason($at, $key), 'granted', 'it is granted');
is_deeply([ sql($at, 'SELECT digest FROM apikey') ],
          [ key_digest($secret, $key) ], 'stored under its HMAC');
is(reason($at, create_key($at, prefix => $_)->{key}), 'granted',
   "any prefix: $_")
    for 'x', 'sk-live', 'a_b_c', 'A' x 32;
is(reason($at, import_hex64($at, 'ak')), 'invalid',
   'hex64 is refused where only base62 is accepted');
is(reason($at, import_foreign($at, 'opaque-key', hmac('opaque-key'))),
   'invalid', 'so is an opaque one');
my $lookalike = substr(unknown_key($secret), 0, -6) . '000000';
is(reason($at, import_key($at, $lookalike, hmac($lookalike))), 'invalid',
   'and one with wrong check characters, whatever the database has');
my $unsaved = unknown_key($secret);
is(reason($at, import_key($at, $unsaved, sha256_hex($unsaved))), 'invalid',
   'nor is SHA-256 looked up');

# ---- hex64, with a prefix ----
$at = 'auth_fmt_hex64';
$key = create_key($at)->{key};
like($key, qr/^acme-live_[0-9a-f]{64}$/, 'hex64 with its prefix');
is(reason($at, $key), 'granted', 'it is granted');
is_deeply([ sql($at, 'SELECT digest FROM apikey') ], [ hmac($key) ],
          'signed whole');
is(reason($at, uc $key), 'invalid', 'upper case is another key');
is(reason($at, $key =~ s/_(.*)/'_' . uc $1/er), 'invalid', 'also behind _');
is(reason($at, substr $key, 0, -1), 'invalid', 'one character short');
is(reason($at, "${key}0"), 'invalid', 'one long');
is(reason($at, 'acme-live_' . '0' x 64), 'invalid', 'unknown');
is(reason($at, import_base62($at, 'acme-live')), 'invalid',
   'base62 is refused there');
is(reason($at, import_hex64($at, 'acme-live')), 'granted',
   'an imported one, by HMAC');
is(reason($at, import_hex64($at, $_, \&import_foreign)), 'invalid',
   "another prefix is refused: $_")
    for 'acme', 'acme-live_x', 'acme-live-x', 'Acme-live', 'xacme-live';
my $hashed = 'acme-live_' . sha256_hex('hashed');
is(reason($at, import_key($at, $hashed, sha256_hex($hashed))), 'granted',
   'an imported one, by SHA-256');
my $bare = sha256_hex('bare');
is(reason($at, import_foreign($at, $bare, sha256_hex($bare))), 'invalid',
   'without the prefix it is refused');

# ---- opaque ----
$at = 'auth_fmt_opaque';
for my $word ('a', 'short', '123e4567-e89b-12d3-a456-426614174000', '%s%n',
              "it's", 'a"b', 'x' x 2048, 'sk_live_51Hx+/==', '~!@#$^&*()',
              'ak_' . 'B' x 49, sha256_hex('word'), 'eyJ.e30.sig') {
    my $shown = length $word > 70 ? length($word) . ' characters' : $word;
    # Either digest; not import_key(), because such words are in every log.
    sql($at, row_of($count % 2 ? hmac($word) : sha256_hex($word),
                    id => sprintf 'word%04d', ++$count));
    is(reason($at, $word), 'granted', "opaque: $shown");
    is(reason($at, "${word}x"), 'invalid', 'not with more behind it');
}
is(reason($at, 'y' x 2049), 'invalid', 'one too long');

# ---- Several prefixes ----
$at = 'auth_fmt_prefixes';
my %of = map { $_->{key} => 1 } map {
    my $prefix = $_;
    map { create_key($at, prefix => $prefix, format => $_) } qw(base62 hex64);
} 'sk_live', 'glpat-', 'SG.';
for my $key (sort(keys %of), map { import_key($at, $_, hmac($_)) }
             'SG.Imported.0123456789', 'glpat-Imported0123456789') {
    my ($shown) = $key =~ /^(sk_live_|glpat-|SG\.)/;
    is(reason($at, $key), 'granted', "$shown is granted");
    is(get($at, "/open/?k=$key")->{status}, 400, 'in a URL it is found');
    unlike(get($at, '/open/', "X-API-Key: $key")->{body}, qr/\Q$key\E/,
           'and no application gets it');
}
is(reason($at, unknown_key($secret)), 'invalid', 'ak_ is none of them');

# ---- Long keys ----
my $jwt = join '.', 'SG', 'x' x 400, 'y' x (2048 - 404);
is(length import_key($at, $jwt, hmac($jwt)), 2048, 'as long as a JWT');
is(reason($at, $jwt), 'granted', 'is granted');
is(get($at, '/index.html', "Authorization: Bearer $jwt")->{status}, 200,
   'as Bearer, too');
is(reason($at, import_foreign($at, "${jwt}y", hmac("${jwt}y"))), 'invalid',
   'a byte more is not');
# A value with a comma is two values for httpd: import refuses such a key.
my $comma = 'SG.with,a.comma.0123456789';
is(reason($at, import_key($at, $comma, hmac($comma))), 'ambiguous',
   'a comma in a key');

# ---- All forms, HMAC only ----
$at = 'auth_fmt_all';
is(reason($at, create_key($at, format => 'base62')->{key}), 'granted',
   'base62 among all');
is(reason($at, create_key($at, format => 'hex64')->{key}), 'granted',
   'hex64 among all');
is(reason($at, import_key($at, $lookalike, hmac($lookalike))), 'granted',
   'with opaque, an imported key may look like base62');
is(reason($at, import_key($at, 'all-word', hmac('all-word'))), 'granted',
   'an opaque one');
is(reason($at, import_key($at, 'sha-word', sha256_hex('sha-word'))),
   'invalid', 'not by SHA-256, which is not asked for');
is(reason($at, 'not-there'), 'invalid', 'an unknown one');

# ---- The digest of a part of the key ----
$at = 'auth_fmt_part';
my $part = 'kZ0' . 'q' x 37;
sql($at, row_of(sha256_hex($part), id => 'part0001'));
is(reason($at, $_ . $part), 'granted', "behind the last of it: $_")
    for '', '12|', '1|2|', 'mycompany_BRTRKFsL_', '_|', '|_';
is(reason($at, $_ . $part), 'invalid', "not behind another: $_")
    for '12:', '12.', 'x';
is(reason($at, "$part|"), 'invalid', 'nor before it');
sql($at, row_of(sha256_hex(''), id => 'part0002'));
is(reason($at, $_), 'invalid', "nothing is no part of a key: $_")
    for '12|', '12_';
is(reason($at, create_key($at)->{key}), 'granted', 'a key of ours, too');

# ---- Keys shorter than what is searched for in other places, in Basic ----
$at = 'auth_fmt_short';
my $short = import_key($at, 'sk_=12:5', hmac('sk_=12:5'));
my $short_user = import_key($at, 'sk_=1235', hmac('sk_=1235'));
for my $half ([$short_user, 'x', 'user'], ['x', $short, 'password'],
              ['', $short_user, 'password alone']) {
    my ($user, $password, $name) = @$half;
    my $r = get($at, '/env', 'Authorization: Basic '
                             . encode_base64("$user:$password", ''));
    is($r->{status}, 200, "the $name is a short key: granted");
    unlike($r->{body}, qr/^HTTP_AUTHORIZATION=/m, '... and kept to itself');
}

# ---- Keyspaces ----
my %in = map { $_ => create_key('auth_ks', keyspace => $_)->{key} }
         qw(one two default);
for my $space (qw(one two)) {
    is(reason("auth_ks_$space", $in{$_}),
       $_ eq $space ? 'granted' : 'invalid', "keyspace $space: a key of $_")
        for sort keys %in;
}

# ---- The secrets, and the test vector: a server of their own ----
my $site = APIKey::ConfigTest->new;
my %line = (
    contract => 'v1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=',
    second => 's2 ' . encode_base64('2' x 32, ''),
    third => 's3 ' . encode_base64('3' x 32, ''),
);

# Runs httpd with these secrets, in this order.
sub ring {
    my (@which) = @_;
    $site->stop;
    $site->file('secret', join("\n", '# the ring', '',
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

my $port = ring('contract');
my %made = (first => $site->create,
            first_hex => $site->create(qw(--format hex64)));
my $vector = 'ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6';
my $digest = '1ab3f7aa1600fac4273c98287cca75923cabc7f2fd82e8687cea546a78344ab6';
remember_key($vector);
is(reason($port, $vector), 'invalid', 'the vector, before it is known');
open my $db, '|-', 'sqlite3', '-bail', $site->{db} or die $!;
print $db row_of($digest, id => 'vectorvector'), ";\n";
close $db or die 'sqlite3 failed';
is(reason($port, $vector), 'granted', "CONTRACT.md's vector");
is(reason($port, substr($vector, 0, -1) . '7'), 'invalid',
   'its last character changed');
is(reason($port, $made{$_}), 'granted', "$_: granted") for sort keys %made;

$port = ring('second', 'contract');
@made{qw(second second_hex)} = ($site->create,
                                $site->create(qw(--format hex64)));
is(reason($port, $made{$_}), 'granted', "a second secret: $_ is granted")
    for sort keys %made;
is(reason($port, $vector), 'granted', 'so is the vector');
is(reason($port, unknown_key('3' x 32)), 'invalid', 'a third one is not');

$port = ring('third', 'second', 'contract');
is(reason($port, $made{$_}), 'granted', "three secrets: $_ is granted")
    for sort keys %made;

$port = ring('third', 'second');
is(reason($port, $made{$_}), /second/ ? 'granted' : 'invalid',
   "the first one dropped: $_")
    for sort keys %made;
is(reason($port, $vector), 'invalid', 'the vector is refused');

$port = ring('contract');
is(reason($port, $made{$_}), /second/ ? 'invalid' : 'granted',
   "the second one dropped: $_")
    for sort keys %made;
$site->stop;

like($site->slurp('error_log'), qr/APIKEY0101/, 'that httpd logged');
is($site->leaks($vector, values %made), '', 'no key stands in its logs');
key_nowhere_in_logs($_) for $key, values %in, keys %of, $jwt;

done_testing;
