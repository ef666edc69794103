# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey create: the key that it writes, what is stored, and what is refused.

use strict;
use utf8;
use warnings;

use Test::More;
use Digest::SHA qw(hmac_sha256_hex);
use Encode qw(encode_utf8);
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use Time::Local qw(timegm);
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my $secret = decode_base64($APIKey::CLI::SECRET);
my @base = qw(create --tenant acme --name n);

sub epoch {
    my ($time) = @_;
    return 0 if !defined $time;
    my @part = $time =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z$/
        or die "$time is not RFC 3339\n";
    return timegm(@part[5, 4, 3, 2], $part[1] - 1, $part[0]);
}

# The three forms of output.
my $quiet = $cli->run(@base, '-q');
like($quiet->{out}, qr/^ak_[0-9A-Za-z]{49}\n\z/,
     'create -q writes the key and nothing else');
like($quiet->{err}, qr/^htapikey: the tenant "\S+" is new\n\z/,
     'create -q says on standard error that the tenant is new');
my $human = $cli->run(@base, '--scope', 'a:b', '--scope', 'c:*');
like($human->{out}, qr/^key +(ak_\w{49})$/m, 'the text of create has the key');
my ($shown) = $human->{out} =~ /^key +(\w+)/m;
like($human->{out}, qr/^\s*curl .*X-API-Key: \Q$shown\E/m,
     'the text of create has a command of curl with the key');
my %field = (tenant => 'acme', name => 'n', scopes => 'a:b c:*');
like($human->{out}, qr/^$_ +\Q$field{$_}\E$/m,
     "the text of create has the $_") for sort keys %field;
like($human->{out}, qr/^id +\w{12}$/m, 'the text of create has the id');
my $made = $cli->create(scope => [qw(a:b c a:b)], env => 'test',
                        keyspace => 'other', name => 'Prod ☺');
is(join(' ', @{ $made->{scopes} }), 'a:b c',
   'JSON of create has each scope once');
is($made->{env}, 'test', 'JSON of create has the env');
is($made->{keyspace}, 'other', 'JSON of create has the keyspace');
is($made->{state}, 'active', 'JSON of create has the state active');
is($made->{last_used}, undef, 'JSON of create says that the key was not used');
ok(abs(epoch($made->{created}) - time) < 900,
   'JSON of create has the time at which it was made');
isnt($made->{key}, $shown, 'create makes another key each time');

# The digest is stored, and never the key.
my ($row) = $cli->sql("SELECT digest, secret_id, format, prefix, hint FROM "
                      . "apikey WHERE id = '$made->{id}'");
is($row, join('|', hmac_sha256_hex(substr($made->{key}, 0, -6), $secret),
              'k1', 'base62', 'ak', $made->{hint}),
   'the row has digest, secret, format, prefix and hint');
like($made->{hint}, qr/^ak_.*\Q@{[ substr $made->{key}, -4 ]}\E$/,
     'the hint has the last four characters of the key');
cmp_ok(length $made->{hint}, '<', 16, 'the hint has fewer than 16 characters');
my $hex = $cli->run(qw(create --tenant acme --name hex -q --prefix introzy));
$cli->conf('ApiKeyFormat hex64 base62', 'ApiKeyPrefix introzy');
$hex = $cli->create;
like($hex->{key}, qr/^introzy_[0-9a-f]{64}$/,
     'create makes a hex64 key when CONF names that format first');
is($cli->sql("SELECT digest FROM apikey WHERE id = '$hex->{id}'"),
   hmac_sha256_hex($hex->{key}, $secret),
   'the digest of a hex64 key is made of the whole key');
like($cli->create(format => 'base62')->{key}, qr/^introzy_\w{49}$/,
     'create --format chooses another format of CONF');
$cli->conf;

# No file has a key or the random part of one.
for my $file (grep { -f } glob "$cli->{folder}/*") {
    next if $file eq $cli->{ring};
    open my $in, '<:raw', $file or die "$file: $!\n";
    my $bytes = do { local $/; readline($in) // '' };
    for my $key ($shown, $made->{key}, $hex->{key}, $quiet->{out} =~ /(\w+)/) {
        my ($random) = $key =~ /_(\w{40})/;
        is(index($bytes, $random), -1, "$file has no random part of a key");
    }
    is(index($bytes, $secret), -1, "$file has no secret");
}

# --expires and ApiKeyLifetime say how long a key lives.
sub lasts {
    my ($made) = @_;
    return epoch($made->{expires}) - epoch($made->{created});
}
my $day = 86400;
is(lasts($cli->create), 90 * $day, 'a key lives ninety days by default');
is(lasts($cli->create(expires => '30d')), 30 * $day,
   '--expires 30d makes a key that lives thirty days');
is(lasts($cli->create(expires => '36h')), 36 * 3600,
   '--expires 36h makes a key that lives 36 hours');
is($cli->create(expires => 'never')->{expires}, undef,
   'JSON has null for --expires never');
is($cli->create(expires => '2099-12-31')->{expires}, '2099-12-31T00:00:00Z',
   '--expires takes a date');
like($cli->run(@base, '--expires', 'never')->{out}, qr/^expires +never$/m,
     'the text of create says never for --expires never');
my @expiries = (
    # ApiKeyLifetime, --expires, days until it expires or why it is refused
    [ '7d', undef, 7 ],
    [ 'never', undef, 0 ],
    [ 'never', '5d', 5 ],
    [ '90d min=30d max=365d', undef, 90 ],
    [ '90d min=30d max=365d', '30d', 30 ],
    [ '90d min=30d max=365d', '365d', 365 ],
    [ '90d min=30d max=365d', '29d', qr/at least 30d/ ],
    [ '90d min=30d max=365d', '366d', qr/at most 365d/ ],
    [ '90d min=30d max=365d', 'never', qr/at most 365d/ ],
    [ '90d min=30d max=365d', '2099-12-31', qr/at most 365d/ ],
    [ '90d max=365d', '1s', 1 / $day ],
    [ '90d', '2001-01-01', qr/past/ ],
    [ '90d', '0s', qr/past/ ],
);
for my $case (@expiries) {
    my ($lifetime, $expires, $want) = @$case;
    $cli->conf("ApiKeyLifetime $lifetime");
    my @option = defined $expires ? ('--expires', $expires) : ();
    my $done = $cli->run('--json', @base, @option);
    my $name = "ApiKeyLifetime $lifetime @option";
    if (ref $want) {
        is($done->{exit}, 1, "$name: refused");
        like($done->{err}, $want, "$name: the message has the reason");
        is($done->{out}, '', "$name: no key is written");
    }
    else {
        my $got = JSON::PP->new->decode($done->{out});
        is($want ? lasts($got) : $got->{expires}, $want ? $want * $day : undef,
           "$name: the key lives $want days");
    }
}
$cli->conf;

# Names that no header can carry, and scopes that no key can have.
my @refused = (
    [ tenant => '', qr/the tenant/ ],
    [ tenant => "a\r\nX-Apikey-Tenant: b", qr/the tenant.*control/ ],
    [ tenant => "a\x01", qr/the tenant.*control/ ],
    [ tenant => "a\x7f", qr/the tenant.*control/ ],
    [ tenant => "\xc2\x85", qr/the tenant.*control/ ],
    [ tenant => ' acme', qr/the tenant/ ],
    [ tenant => "\xff\xfe", qr/the tenant/ ],
    [ tenant => 'x' x 1000, qr/the tenant/ ],
    [ name => '', qr/the name/ ],
    [ name => "n\nm", qr/the name.*control/ ],
    [ name => 'x' x 1000, qr/the name/ ],
    [ env => 'a b', qr/the env/ ],
    [ env => '', qr/the env/ ],
    [ env => 'x' x 1000, qr/the env/ ],
    [ keyspace => "a'b", qr/the keyspace/ ],
    [ prefix => '-x', qr/the prefix does not begin/ ],
    [ prefix => 'a.b', qr/the prefix has a character other than/ ],
    [ prefix => '', qr/the prefix/ ],
    [ prefix => 'a b', qr/the prefix/ ],
    [ prefix => 'x' x 33, qr/the prefix/ ],
    [ scope => '', qr/the scope/ ],
    [ scope => 'a b', qr/the scope/ ],
    [ scope => "a\r\nb", qr/the scope/ ],
    [ scope => "a\"b", qr/the scope/ ],
    [ scope => "sc\xc3\xb6pe", qr/the scope/ ],
    [ scope => 'a*', qr/the scope.*\*/ ],
    [ scope => 'a:*:b', qr/the scope.*\*/ ],
    [ scope => 'x' x 1000, qr/the scope/ ],
    [ format => 'opaque', qr/import/ ],
    [ format => 'hex64', qr/ApiKeyFormat/ ],
);
my $before = join ' ', $cli->sql('SELECT COUNT(*) FROM apikey',
    'SELECT COUNT(*) FROM apikey_tenant', 'SELECT COUNT(*) FROM apikey_audit');
for my $case (@refused) {
    my ($option, $value, $says) = @$case;
    my %with = (tenant => 'acme', name => 'n', $option => $value);
    my $done = $cli->run('create', map { ("--$_", $with{$_}) } sort keys %with);
    is($done->{exit}, 1, sprintf 'refused: --%s %.20s', $option,
       $value =~ s/[^ -~]/?/gr);
    is($done->{out}, '', "no key is written for the refused --$option");
    like($done->{err}, $says, "the message has the fault of --$option");
}
$cli->conf('ApiKeyPrefix acme');
my $other = $cli->run(@base, '--prefix', 'bob');
is($other->{exit}, 1, 'create refuses a prefix that ApiKeyPrefix does not name');
like($other->{err}, qr/ApiKeyPrefix is "acme"/,
     'the message has the prefix of ApiKeyPrefix');
is(join(' ', $cli->sql('SELECT COUNT(*) FROM apikey',
    'SELECT COUNT(*) FROM apikey_tenant',
    'SELECT COUNT(*) FROM apikey_audit')), $before,
   'refused commands have stored no key, no tenant and no audit');
like($cli->create(prefix => 'acme')->{key}, qr/^acme_/,
     'create takes the prefix that ApiKeyPrefix names');
is($cli->create(prefix => 'acme_')->{prefix}, 'acme_',
   'create takes that prefix with its underscore');

# The first of several in ApiKeyPrefix or ApiKeyFormat is the default.
$cli->conf('ApiKeyPrefix sk_live sk_test glpat- SG.');
like($cli->create->{key}, qr/^sk_live_\w{49}$/,
     'create uses the first prefix of ApiKeyPrefix');
for (['sk_test', 'sk_test_'], ['glpat-', 'glpat-'], ['SG.', 'SG.']) {
    my ($prefix, $lead) = @$_;
    for my $format (qw(base62 hex64)) {
        $cli->conf("ApiKeyPrefix sk_live sk_test glpat- SG.\nApiKeyFormat "
                   . "$format");
        my $made = $cli->create(prefix => $prefix);
        like($made->{key}, qr/^\Q$lead\E[0-9A-Za-z]{49,64}$/,
             "create --prefix $prefix makes a key of $format with that prefix");
        is($made->{prefix}, $prefix,
           "the row of the $format key has the prefix $prefix");
        like($made->{hint}, qr/^\Q$lead\E\.\.\./,
             "the hint of the $format key begins with $prefix");
        is($cli->verify($made->{key}), 'granted',
           "the $format key with the prefix $prefix is granted");
        my $new = $cli->json('rotate', $made->{id});
        like($new->{key}, qr/^\Q$lead\E/,
             "rotate of the $format key keeps the prefix $prefix");
        is($cli->verify($new->{key}), 'granted',
           "the $format key of rotate with the prefix $prefix is granted");
    }
}
$other = $cli->run(@base, '--prefix', 'glpat');
is($other->{exit}, 1,
   'create refuses --prefix glpat where ApiKeyPrefix has glpat-');
like($other->{err}, qr/ApiKeyPrefix is "sk_live sk_test glpat- SG\."/,
     'the message has all prefixes of ApiKeyPrefix');
$cli->conf;

# Unusual names that are allowed are stored without a change.
for my $tenant (q{O'Brien "&" Söhne <b>; DROP TABLE apikey --}, '%s%n%d', '$x',
                "\\", '../..', '日本語 😀', 'x' x 255, 'é' x 127) {
    my $bytes = encode_utf8($tenant);
    my $made = $cli->create(tenant => $bytes, name => $bytes);
    is($made->{tenant}, $tenant,
       'create takes the tenant ' . substr $bytes, 0, 40);
    is($cli->sql("SELECT tenant = name AND hex(tenant) = '"
                 . uc(unpack 'H*', $bytes) . "' FROM apikey WHERE id = "
                 . "'$made->{id}'"), '1',
       'tenant and name are stored byte by byte');
}

# Where the catalogue has scopes, a key can have only these.
$cli->run(qw(scope add partners:read Read));
$cli->run(qw(scope add partners:write Write));
is(join(' ', @{ $cli->create(scope => [qw(partners:read partners:*)])
                ->{scopes} }), 'partners:read partners:*',
   'create takes scopes of the catalogue, and wildcards over them');
is($cli->run(@base, '--scope', '*')->{exit}, 0,
   'create takes the scope * when there is a catalogue');
for my $scope ('partners:delete', 'Partners:read', 'x:*') {
    my $done = $cli->run(@base, '--scope', $scope);
    is($done->{exit}, 1,
       "create refuses a scope that the catalogue does not have: $scope");
    like($done->{err}, qr/\Q"$scope"\E.*partners:read partners:write/,
         "the message about $scope has the scopes of the catalogue");
}

# The creator of a key.
is($cli->json(@base, { env => { SUDO_USER => 'alice' } })->{created_by},
   $> == 0 ? 'alice' : scalar getpwuid($>),
   'under sudo the creator is the user that called it');
is($cli->create->{created_by}, scalar getpwuid($>),
   'without sudo the creator is the user of the process');

# A key that could not be written is revoked.
for my $how ([ '/dev/full', { stdout => '/dev/full' } ],
             [ 'a closed standard output', { close => 1 } ]) {
    my ($name, $option) = @$how;
    for my $form ([], ['-q'], ['--json']) {
        my $done = $cli->run(@base, @$form, $option);
        is($done->{exit}, 1, "exit status 1 when the output is $name");
        like($done->{err}, qr/the key (\w{12}) was not shown/,
             "the message has the id of the key when the output is $name");
        my ($id) = $done->{err} =~ /the key (\w{12})/;
        is($cli->show($id)->{state}, 'revoked',
           "the key is revoked when the output is $name");
    }
}
my $last = $cli->sql('SELECT COUNT(*) FROM apikey');
pipe(my $reader, my $writer) or die "pipe: $!\n";
close $reader;
my $pid = fork // die "fork: $!\n";
if (!$pid) {
    $SIG{PIPE} = 'DEFAULT';
    open STDOUT, '>&', $writer;
    open STDERR, '>', '/dev/null';
    exec { APIKey::CLI::program() } 'htapikey', '-f', $cli->{conf}, @base;
}
waitpid $pid, 0;
is($?, 256, 'exit status 1, and no signal, when the pipe has no reader');
is($cli->sql('SELECT COUNT(*) FROM apikey') - $last, 1,
   'the key was made although the pipe has no reader');
is($cli->sql('SELECT revoked > 0 FROM apikey ORDER BY revoked DESC LIMIT 1'),
   1, 'the key is revoked when the pipe has no reader');
is($cli->sql('PRAGMA integrity_check'), 'ok',
   'the database has no fault afterwards');

done_testing;
