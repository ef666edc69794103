# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey import stores all keys of a CSV file, or none when one of them is
# refused.

use strict;
use utf8;
use warnings;

use Test::More;
use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use Encode qw(encode_utf8);
use MIME::Base64 qw(decode_base64);
use POSIX qw(mkfifo);
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;
use APIKey::Process qw(wait_until);

my $cli = APIKey::CLI->new('ApiKeyFormat base62 hex64 opaque');
my $secret = decode_base64($APIKey::CLI::SECRET);
my $file = $cli->{csv} = "$cli->{folder}/keys.csv";

# Imports this text from a file.
sub strictly {
    my ($text, @option) = @_;
    $cli->write(csv => encode_utf8($text));
    return $cli->run('import', @option, $file);
}

# The same with --weak, so that keys may be short.
sub import { return strictly(@_, '--weak') }

sub rows { return $cli->sql('SELECT COUNT(*) FROM apikey') }

sub empty {
    $cli->sql("DELETE FROM $_") for qw(apikey apikey_tenant apikey_change);
}

# Keys: columns in any order, a byte order mark, CR LF, quotes, and columns that
# are empty or missing.
my $opaque = 'sk_live_51H8abcdefghijkl';
my $hex = 'introzy_' . '0123456789abcdef' x 4;
my $ours = 'ak_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0UJlm6';
my $done = strictly("\x{feff}name,\"key\",tenant,SCOPES,expires,env,id\r\n"
    . "\"My \"\"key\"\", ☺\",$opaque,acme,\"b:c\na:b  b:c\",never,,k-1\r\n"
    . "\r\nsecond,$hex,\"Acme, Inc.\",,2030-12-31,test,\r\n"
    . "third,$ours,acme,*,1893456000,,");
is($done->{exit}, 0, 'an import of three keys succeeds') or diag $done->{err};
is($done->{err}, '', 'the import writes nothing to standard error');
like($done->{out}, qr/^3 keys have been imported\.$/m,
     'the import writes how many keys it has stored');
is_deeply([ $cli->sql('SELECT digest, id, tenant, name, scopes, env, keyspace,'
        . ' secret_id, format, prefix, hint FROM apikey ORDER BY name') ], [
    map { encode_utf8($_) }
    join('|', hmac_sha256_hex($opaque, $secret), 'k-1', 'acme', 'My "key", ☺',
         'b:c a:b', qw(live default k1 opaque), '', '...ijkl'),
    join('|', hmac_sha256_hex($hex, $secret),
         $cli->sql("SELECT id FROM apikey WHERE name = 'second'"),
         'Acme, Inc.', 'second', '', qw(test default k1 hex64 introzy
         introzy_...cdef)),
    join('|', hmac_sha256_hex(substr($ours, 0, -6), $secret),
         $cli->sql("SELECT id FROM apikey WHERE name = 'third'"), 'acme',
         'third', '*', qw(live default k1 base62 ak ak_...Jlm6)),
], 'the rows have digest, id, tenant, name, scopes and the rest');
like($_, qr/^[0-9A-Za-z]{12}$/, 'a key without an id gets one')
    for $cli->sql("SELECT id FROM apikey WHERE id <> 'k-1'");
is(join(' ', $cli->sql('SELECT expires FROM apikey ORDER BY name')),
   '0 1924905600 1893456000', 'the rows have the ends of the keys');
is($cli->verify($_), 'granted',
   "the imported key $_ is granted") for $opaque, $hex, $ours;
is($cli->verify($opaque, '--scope', 'a:b'), 'granted',
   'an imported key has its scopes');
is(join(' ', $cli->sql("SELECT kind FROM apikey_change")), 'all',
   'an import is one change');
is($cli->sql("SELECT reason FROM apikey_audit WHERE action = 'import'"),
   '3 keys', 'an import is one entry of the audit');
is($cli->json('rotate', $cli->sql("SELECT id FROM apikey WHERE name = "
   . "'third'"))->{prefix}, 'ak',
   'an imported key with our check characters can be rotated');
for my $name (glob "$cli->{folder}/keys.db*") {
    open my $in, '<:raw', $name or die "$name: $!\n";
    my $bytes = do { local $/; readline($in) };
    is(index($bytes, substr $_, 10, 14), -1,
       "no part of a key is in the file $name")
        for $opaque, $hex, $ours;
}

# root and rotated_from connect a key with the keys that it has replaced.
empty();
is(import("key,tenant,name,id,root,rotated_from\n$opaque,T,N,b-2,a-1,a-1\n"
          . "${opaque}x,T,N,a-1,,\n${opaque}y,T,N,c-1,c-1,\n")->{exit}, 0,
   'keys with root and rotated_from are imported');
is(join(' ', $cli->sql('SELECT id, root, rotated_from FROM apikey ORDER BY id')),
   'a-1|a-1| b-2|a-1|a-1 c-1|c-1|', 'root and rotated_from are stored');
like($cli->run(qw(rotate a-1))->{err}, qr/already: b-2, which is active/,
     'an imported key with a successor is not rotated a second time');
for my $bad ([ 'b-2,,a-1' ], [ 'b-2,b-2,a-1' ], [ 'b-2,a-1,b-2' ],
             [ 'b-2,a 1,a-1' ], [ 'b-2,a-1,a 1' ]) {
    empty();
    $done = import("key,tenant,name,id,root,rotated_from\n$opaque,T,N,$bad->[0]\n");
    is("$done->{exit} " . rows(), '1 0',
       "root and rotated_from that do not fit are refused: $bad->[0]");
    like($done->{err}, qr/line 2: .*ro(?:ot|tated_from) /,
         "the message has the line and the column: $bad->[0]");
}

# The default lifetime, and the limits of ApiKeyLifetime.
empty();
$cli->conf('ApiKeyFormat opaque', 'ApiKeyLifetime 30d min=10d max=365d',
           'ApiKeyKeyspace other');
my $now = time;
is(import("key,tenant,name,expires,created\nAAAA,t,usual,,\nBBBB,t,dead,"
    . "2001-01-01,946684800\nCCCC,t,short,3d,\n")->{exit}, 0,
   'keys with and without an end are imported');
my ($usual) = $cli->sql("SELECT expires FROM apikey WHERE name = 'usual'");
ok(abs($usual - $now - 30 * 86400) < 900,
   'a key without an end gets the default lifetime');
is($cli->verify('BBBB'), 'expired',
   'an imported key that has expired is expired');
is($cli->show($cli->sql("SELECT id FROM apikey WHERE name = 'dead'"))
   ->{created}, '2000-01-01T00:00:00Z',
   'an imported key keeps the time at which it was made');
is($cli->sql("SELECT DISTINCT keyspace FROM apikey"), 'other',
   'an imported key has the keyspace of CONF');
is($cli->sql("SELECT hint FROM apikey WHERE name = 'usual'"), '...',
   'the hint of a short key has no character of it');

# Digests in place of keys.
empty();
my @sha = ('ApiKeyFormat hex64 opaque', 'ApiKeyDigest hmac-sha256 sha256');
$cli->conf(@sha);
is(import("digest,tenant,name,hint,format,creator\n\U" . sha256_hex($opaque)
    . ',T,N,...IJKL,' . "\LOPAQUE,Me\n", qw(--digest sha256))->{exit}, 0,
   'a SHA-256 digest is imported');
is($cli->sql('SELECT secret_id, hint, format, creator FROM apikey'),
   '|...IJKL|opaque|me', 'the row of a SHA-256 digest has no secret');
is($cli->verify($opaque), 'granted', 'the key of a SHA-256 digest is granted');
# Digests of a part of the key, as Sanctum makes them.  ApiKeyDigest must name
# the same kind.
empty();
my @part = ($sha[0], 'ApiKeyDigest hmac-sha256 sha256:after=|');
$cli->conf(@part);
my $row = sha256_hex($opaque) . ",T,N\n";
for my $kind ('sha256', 'sha512', 'sha256:after=_') {
    my $refused = import("digest,tenant,name\n$row", '--digest', $kind);
    is("$refused->{exit} " . rows(), '1 0',
       "--digest $kind is refused when ApiKeyDigest has another");
    like($refused->{err}, qr/line 1: the server would look for no \Q$kind\E d/,
         "the message says that the server would not look for $kind");
}
is(import("digest,tenant,name\n$row", '--digest', 'SHA256:after=|')->{exit}, 0,
   'the digest of the part after a character is imported');
is($cli->verify($_), 'granted',
   "the key of that digest is granted: $_") for $opaque, "17|$opaque";
is($cli->verify("17_$opaque"), 'invalid',
   'a key with another character before that part is invalid');
is(import("digest,tenant,name\n" . 'ab' x 64 . ",T,N\n", '--digest',
          'sha256:after=|')->{exit}, 1, 'a digest that is too long is refused');
$cli->conf($sha[0], 'ApiKeyDigest sha256');
for my $command ([qw(create --tenant t --name n)], ['rotate', 'x']) {
    $done = $cli->run(@$command);
    is($done->{exit}, 1, "$command->[0] fails when ApiKeyDigest has no HMAC");
    like($done->{err}, qr/look for no key that is made here: ApiKeyDigest/,
         "the message of $command->[0] names ApiKeyDigest");
}

# Digests of several kinds in one file: where a row has a secret, its digest is
# an HMAC.
empty();
$cli->conf(@sha);
is(import('digest,secret,tenant,name' . "\n" . sha256_hex('one' x 9)
          . ",,t,a\n" . hmac_sha256_hex('two' x 9, $secret) . ",k1,t,b\n")
   ->{exit}, 0, 'digests of two kinds are imported from one file');
is($cli->verify($_ x 9), 'granted',
   "the key of each kind of digest is granted: $_") for qw(one two);
$cli->conf($sha[0]);
like(import('digest,secret,tenant,name' . "\n" . sha256_hex('six')
            . ",,t,a\n")->{err}, qr/line 2: .*no SHA-256 digest without a secret/,
     'a digest of a kind that ApiKeyDigest does not name is refused');
$cli->conf(@sha);

empty();
$cli->write(ring => "k0 " . 'A' x 43 . "=\nk1 $APIKey::CLI::SECRET\n");
is(import('digest,secret,tenant,name' . "\n" . hmac_sha256_hex($hex, $secret)
    . ",k1,t,n\n", qw(--digest hmac-sha256))->{exit}, 0,
   'an HMAC-SHA256 digest is imported');
is($cli->verify($hex), 'granted',
   'the key of an HMAC digest is granted by its secret');
is(import("key,tenant,name\nQQQQQ,t,n\n", qw(--digest none))->{exit}, 0,
   '--digest none imports a key');
is($cli->sql("SELECT secret_id FROM apikey WHERE digest = '"
   . hmac_sha256_hex('QQQQQ', "\0" x 32) . "'"), 'k0',
   'the first secret of the file signs an imported key');
is($cli->json('import', '--weak', '-', { stdin => "key,tenant,name\nfrom stdin,t,n\n"
   =~ s/ /-/r })->{imported}, 1, 'import reads standard input and writes JSON');

# The message of a refusal names file and line, and nothing is stored.
empty();
$cli->conf('ApiKeyFormat base62 opaque', 'ApiKeyLifetime 90d max=365d');
my $good = "GOOD,t,n\n";
my $digest = 'ab' x 32;
my @bad = (
    [ '', qr/line 1: .*empty/ ],
    [ "\n\n", qr/empty/ ],
    [ "key,tenant,name,colour\n",
      qr/line 1: column 4 \("colour"\) is none of: key, digest.*, expires/ ],
    [ "$opaque,acme,n\n", qr/line 1: column 1 is none of/ ],
    [ "key;tenant;name\n", qr/column 1 is none of.*commas/ ],
    [ "key,tenant,name,key\n", qr/line 1: .*key twice/ ],
    [ "key,name\n", qr/line 1: .*tenant and name/ ],
    [ "tenant,name\n", qr/line 1: .*one of key and digest/ ],
    [ "key,digest,tenant,name\n", qr/one of key and digest/ ],
    [ "key,tenant,name,hint\n", qr/go with digest/ ],
    [ "digest,tenant,name\n", qr/line 1: .*--digest sha256/ ],
    [ "digest,tenant,name\n", qr/line 1: .*no sha256 digest.*ApiKeyDigest/,
      '--digest', 'sha256' ],
    [ "digest,tenant,name\n", qr/column secret/, '--digest', 'hmac-sha256' ],
    [ "key,tenant,name\n", qr/--digest must be none/, '--digest', 'sha256' ],
    [ "key,tenant,name\n${good}X,t\n", qr/line 3: .*2 fields.*header has 3/ ],
    [ "key,tenant,name\n${good}X,t,n,\n", qr/line 3: .*4 fields/ ],
    [ "key,tenant,name\n${good}X,\"t\nu\",n\n",
      qr/line 3: the tenant .*control/ ],
    [ "key,tenant,name\n${good}\nX,t,\n", qr/line 4: the name / ],
    [ "key,tenant,name\n$good,t,n\n", qr/line 3: the server would refuse/ ],
    [ "key,tenant,name\n${good}a b,t,n\n",
      qr/line 3: the server would refuse the key unseen: it has a blank/ ],
    [ "key,tenant,name\n$good" . 'x' x 2049 . ",t,n\n",
      qr/line 3: the server .* it is longer than 2048 bytes/ ],
    [ "key,tenant,name\n$good\"a-key-with,a-comma\",t,n\n",
      qr/line 3: the server .* it has a comma, which in a header divides/ ],
    [ "key,tenant,name\n${good}X,t,\"n\n", qr/line 3: it begins a row whose/ ],
    [ "key,tenant,name\n${good}X,t,a\"b\n", qr/line 3: it has a quote/ ],
    [ "key,tenant,name\n${good}Y,t,n\nGOOD,t,n\n",
      qr/line 4: the key or its id .*earlier line/ ],
    [ "key,tenant,name,id\nA,t,n,i\nB,t,n,i\n",
      qr/line 3: .*\(i\) stands on an earlier/ ],
    [ "key,tenant,name,id\nA,t,n,a b\n", qr/line 2: the id / ],
    [ "key,tenant,name,scopes\nA,t,n,a:\"b\n", qr/line 2: it has a quote/ ],
    [ "key,tenant,name,scopes\nA,t,n,a*\n", qr/line 2: a scope / ],
    [ "key,tenant,name,env\nA,t,n,a b\n", qr/line 2: the env / ],
    [ "key,tenant,name,keyspace\nA,t,n,a b\n", qr/line 2: the keyspace / ],
    [ "key,tenant,name,format\nA,t,n,base62\n", qr/line 2: .*is opaque/ ],
    [ "key,tenant,name,expires\nA,t,n,soon\n", qr/line 2: expires wants/ ],
    [ "key,tenant,name,expires\nA,t,n,never\n", qr/line 2: .*at most 365d/ ],
    [ "key,tenant,name,expires\nA,t,n,2y\n", qr/line 2: .*at most 365d/ ],
    [ "key,tenant,name,created\nA,t,n,2100-01-01\n", qr/line 2: .*future/ ],
    [ "digest,tenant,name,secret\n$digest,t,n,k9\n",
      qr/line 2: the secret is none/, '--digest', 'hmac-sha256' ],
    [ "digest,tenant,name,secret,format\n$digest,t,n,k1,hex63\n",
      qr/line 2: the format is none/, '--digest', 'hmac-sha256' ],
    [ "digest,tenant,name,secret\nabc,t,n,k1\n",
      qr/line 2: the digest is not 64/, '--digest', 'hmac-sha256' ],
    [ "digest,tenant,name,secret,hint\n$digest,t,n,k1," . 'x' x 65 . "\n",
      qr/line 2: the hint /, '--digest', 'hmac-sha256' ],
    [ "digest,tenant,name,secret,prefix\n$digest,t,n,k1,-\n",
      qr/line 2: the prefix /, '--digest', 'hmac-sha256' ],
);
for my $case (@bad) {
    my ($text, $why, @option) = @$case;
    my $refused = import($text, @option);
    my $name = $text =~ s/\n/\\n/gr;
    $name = substr "@option $name", 0, 60;
    is($refused->{exit}, 1, "refused: $name") or diag $refused->{out};
    like($refused->{err}, qr/^htapikey: \Q$file\E, line \d+: /,
         "the message has file and line: $name");
    like($refused->{err}, $why, "the message has the reason: $name");
    unlike($refused->{err}, qr/\Q$opaque\E|\bGOOD\b/,
           "the message has no key: $name");
}
is(rows(), 0, 'refused imports have stored no key');
is($cli->sql('SELECT COUNT(*) FROM apikey_tenant'), 0,
   'refused imports have stored no tenant');
is($cli->sql('SELECT COUNT(*) FROM apikey_change'), 0,
   'refused imports have stored no change');

# Digests that the server would not look for are refused.  For a key with
# correct check characters it looks for the HMAC only, for others also for those
# that ApiKeyDigest names.  A file with all kinds, as export writes it, may have
# the others.
my @unsought = (
    [ 'hmac-sha256 sha256', "$digest,,hex64", undef ],
    [ 'hmac-sha256 sha256', "$digest,,base62", qr/base62.*by their secret/ ],
    [ 'hmac-sha256 sha256', "$digest,k1,base62", undef ],
    [ 'hmac-sha256 sha256', "$digest,,opaque", undef ],
    [ 'hmac-sha256 sha256', "$digest$digest,,opaque", qr/no SHA-512/ ],
    [ 'hmac-sha256 sha512', "$digest$digest,,opaque", undef ],
    [ 'hmac-sha256 sha512', "$digest,,opaque", qr/no SHA-256/ ],
    [ 'hmac-sha256 sha256', "$digest$digest,k1,opaque", qr/by a secret.* 64/ ],
    [ 'sha256', "$digest,k1,opaque", qr/no digest by a secret.*hmac-sha256/ ],
    [ 'sha256', "$digest,k1,base62", qr/no digest by a secret.*hmac-sha256/ ],
);
for my $case (@unsought) {
    my ($kinds, $row, $why) = @$case;
    $cli->conf('ApiKeyFormat base62 opaque', "ApiKeyDigest $kinds");
    my $done = import("digest,secret,format,tenant,name\n$row,t,n\n",
                      '--dry-run');
    my $name = "ApiKeyDigest $kinds: " . $row =~ s/(?:ab){9,}/.../r;
    is($done->{exit}, $why ? 1 : 0, "exit status of import with $name")
        or diag $done->{err};
    like($done->{out} . $done->{err}, $why ? qr/line 2: .*$why/ : qr/./,
         "import and the server agree on $name");
}
$cli->conf('ApiKeyFormat base62');
like(import("key,tenant,name\n$opaque,t,n\n")->{err}, qr/line 2: the server/,
     'a key of a form that the server does not accept is refused');
like(import("key,tenant,name\n" . ($ours =~ s/6$/7/r) . ",t,n\n")->{err},
     qr/line 2: .*no secret.*made it/,
     'a key with wrong check characters is refused');
$cli->conf('ApiKeyPrefix acme', 'ApiKeyFormat opaque');
like(import("key,tenant,name\n$opaque,t,n\n")->{err}, qr/line 2: the server/,
     'a key of a prefix that the server does not accept is refused');
like(import("digest,secret,format,tenant,name\n$digest,k1,base62,t,n\n")->{err},
     qr/line 2: the format is none of those/,
     'a digest of a format that the server does not accept is refused');
# The prefix in the row of a digest: an empty one is unknown; an opaque key may
# have more characters after one of ApiKeyPrefix; other keyspaces have an
# ApiKeyPrefix of their own.
for my $case (
    [ 'acme sk.', 'acme,base62,', 1 ], [ 'acme sk.', 'sk.,hex64,', 1 ],
    [ 'acme', 'ak,base62,', 0 ], [ 'acme', 'acme_live,base62,', 0 ],
    [ 'acme', 'ak,hex64,', 0 ], [ 'acme', 'ak,opaque,', 0 ],
    [ 'acme', 'acme_live,opaque,', 1 ], [ 'acme', 'acme,opaque,', 1 ],
    [ 'acme', 'acm,opaque,', 0 ], [ 'acme', ',base62,', 1 ],
    [ 'acme', 'ak,base62,other', 1 ], [ undef, 'ak,base62,', 1 ],
) {
    my ($prefixes, $row, $good) = @$case;
    $cli->conf('ApiKeyFormat base62 hex64 opaque',
               $prefixes ? "ApiKeyPrefix $prefixes" : ());
    my $done = import("digest,secret,tenant,name,prefix,format,keyspace\n"
                      . "$digest,k1,t,n,$row\n", '--dry-run');
    my $name = ($prefixes // 'no ApiKeyPrefix') . ": the row's prefix $row";
    is($done->{exit}, $good ? 0 : 1, "exit status of import with $name")
        or diag $done->{err};
    like($done->{out} . $done->{err},
         $good ? qr/./ : qr/line 2: .*the prefix is none .*ApiKeyPrefix/,
         "import and the server agree on $name");
}
is(import('x', '--digest', 'md5')->{exit}, 2, 'exit status 2 for --digest md5');
is($cli->run('import')->{exit}, 2, 'exit status 2 without a file');
$done = $cli->run('import', "$cli->{folder}/none.csv");
is($done->{exit}, 1, 'exit status 1 for a file that is not there');
like($done->{err}, qr/none\.csv cannot be read: No such file/,
     'the message names the file that is not there');
like($cli->run('import', $cli->{folder})->{err}, qr/cannot be read/,
     'a folder cannot be imported');
$cli->conf('ApiKeyFormat opaque');
$cli->run(qw(scope add a:b));
like(import("key,tenant,name,scopes\nA,t,n,a:b\nB,t,n,a:c\n")->{err},
     qr/line 3: .*"a:c" is not in the catalogue/,
     'a scope that the catalogue does not have is refused');
$cli->run(qw(scope remove a:b));

# Keys and ids that are in the database already are refused.
my $made = import("key,tenant,name,id\nA,t,n,one\n");
like(import("key,tenant,name\nB,t,n\nA,t,n\n")->{err},
     qr/line 3: the key is in the database already, with the id one;/,
     'a key that is in the database already is refused');
like(import("key,tenant,name,id\nB,t,n,one\n")->{err},
     qr/line 2: the id one is in the database already/,
     'an id that is in the database already is refused');
is(rows(), 1, 'the database has the one key as before');

# 20 000 keys and one more that is refused: none is stored.  Without it all are,
# and progress is reported.
empty();
my @keys = map { sprintf 'sk_%s', substr sha256_hex("key $_"), 0, 30 }
           1 .. 20_000;
my $text = join '', "key,tenant,name,scopes\n",
    map { "$keys[$_],tenant " . $_ % 900 . ",key $_,a:b c:d\n" } 0 .. $#keys;
$done = import($text . "$keys[5],t,n,\n");
is($done->{exit}, 1, 'an import fails when one of 20 001 keys is there twice');
like($done->{err}, qr/line 20002: .*earlier line.*no key was imported/,
     'the message has the line of the second one');
is(rows(), 0, 'an import that failed at its end stores no key');
$done = import($text);
is($done->{exit}, 0, 'an import of 20 000 keys succeeds') or diag $done->{err};
is($done->{err}, "htapikey: 10000 keys read\nhtapikey: 20000 keys read\n",
   'the import reports its progress for each ten thousand keys');
is(rows(), 20_000, 'the database has all 20 000 keys');
is($cli->sql('SELECT COUNT(*) FROM apikey_tenant'), 900,
   'the database has the tenants of these keys');
is(join(' ', $cli->sql('SELECT kind FROM apikey_change')), 'all',
   'an import of 20 000 keys is one change');
is($cli->verify($keys[$_]), 'granted', "key $_ of 20 000 is granted")
    for 0, 12_345, 19_999;
my $ids = () = $cli->run('--json', 'list')->{out} =~ /"id":"\w+"/g;
is($ids, 20_000, 'JSON of list has all 20 000 keys');
my @lines = split /\n/, $cli->run('list')->{out};
is(scalar(@lines), 20_001, 'the text of list has all 20 000 keys');
is(scalar(keys %{{ map { (split)[0] => 1 } @lines }}), 20_001,
   'list has each of 20 000 keys once');

# Starts an import from a pipe, which has got these lines and stays open.
$SIG{PIPE} = 'IGNORE';
mkfifo("$cli->{folder}/fifo", 0600) or die "fifo: $!\n";

sub held {
    my (@lines) = @_;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', "$cli->{folder}/err";
        exec APIKey::CLI::program(), '-f', $cli->{conf}, 'import',
             "$cli->{folder}/fifo" or POSIX::_exit(127);
    }
    open my $out, '>', "$cli->{folder}/fifo" or die "fifo: $!\n";
    $out->autoflush(1);
    print $out join '', map { "$_\n" } @lines;
    return ($pid, $out);
}

# An import writes in steps, and other processes write between them: while its
# input is held open, keys can be revoked.
empty();
$cli->conf('ApiKeyFormat base62 opaque');
my @revoked = map { $cli->create } 1 .. 3;
my @rest = split /\n/, $text;
my ($busy, $input) = held(splice @rest, 0, 7_500);
ok(wait_until(60, sub { rows() > @revoked }),
   'an import stores keys before its input ends');
for my $key (@revoked) {
    is($cli->run('revoke', $key->{id})->{exit}, 0,
       'a key can be revoked while an import is not finished');
    is($cli->verify($key->{key}), 'revoked',
       'the key is revoked at once while an import is not finished');
}
is(waitpid($busy, POSIX::WNOHANG()), 0,
   'the import is not finished after these revocations');
is($cli->sql('SELECT COUNT(*) FROM apikey_known'), 3,
   'only the other keys are known while the import is not finished');
print $input join '', map { "$_\n" } @rest;
close $input;
waitpid $busy, 0;
is($?, 0, 'the import succeeds when its input ends');
is(rows(), 20_003, 'the database has all keys when the import is finished');
is($cli->sql('SELECT COUNT(*) FROM apikey_known'), 20_003,
   'all keys are known when the import is finished');

# An import that is killed leaves no key that is valid, and no lock.
empty();
my ($pid, $out) = held((split /\n/, $text)[0 .. 15_000]);
ok(wait_until(60, sub { -s "$cli->{folder}/err" && rows() > 0 }),
   'ten thousand keys were read and some stored before the kill');
is($cli->run('list')->{out} =~ s/^.*\n//r, '',
   'list has no key of an import that is not finished');
is($cli->verify($keys[7]), 'invalid',
   'a key of an import that is not finished is invalid');

# An import that waits for its input holds no lock.
my $other = $cli->create;
is($cli->run('revoke', $other->{id})->{exit}, 0,
   'a key can be revoked while an import waits for its input');
is($cli->verify($other->{key}), 'revoked',
   'the key is revoked at once while an import waits');
like(import("key,tenant,name\nZ,t,n\n")->{err},
     qr/another import is under way; wait/,
     'a second import at the same time says to wait');
kill 'KILL', $pid;
waitpid $pid, 0;
is($? & 127, 9, 'the import ends by the signal');
close $out;
is($cli->verify($keys[7]), 'invalid', 'a key of a killed import is invalid');
is($cli->sql('SELECT COUNT(*) FROM apikey_known'), 1,
   'a key of a killed import is not known');
is($cli->sql('SELECT COUNT(*) FROM apikey_tenant'), 1,
   'no tenant of a killed import is stored');
is($cli->sql('SELECT bulk FROM apikey_identity'), 0,
   'changes are recorded after an import was killed');
is($cli->sql('PRAGMA quick_check'), 'ok',
   'the file has no fault after an import was killed');
like($cli->run(qw(doctor --user), scalar getpwuid $>)->{out},
     qr/^warn +unfinished +"[1-9]\d*" keys are of an import/m,
     'doctor reports the keys of an import that did not finish');
is(import($text)->{exit}, 0, 'the same import succeeds afterwards');
is(rows(), 20_001, 'the database has each key of the repeated import once');
is($cli->verify($keys[7]), 'granted',
   'a key of the repeated import is granted');
is(join(' ', glob "$cli->{folder}/keys.db*"), "$cli->{folder}/keys.db",
   'the file of the database is alone afterwards');

done_testing;
