# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey verify reads a key from standard input and gives the result that the
# server would give; it takes no key as an argument.

use strict;
use warnings;

use Test::More;
use Digest::SHA qw(sha256_hex hmac_sha256_hex);
use MIME::Base64 qw(decode_base64);
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my $made = $cli->create(tenant => 'acme', scope => [qw(a:* b)]);
my ($key, $id) = @{$made}{qw(key id)};

sub answer {
    my ($input, $word, $name, @arguments) = @_;
    my $done = $cli->run('verify', @arguments, { stdin => $input });
    like($done->{out}, qr/\A$word\n(?:id +\w+\n)?\z/, "verify answers $word to $name");
    is($done->{exit}, $word eq 'granted' ? 0 : 1,
       "the exit status of verify for $name");
    if ($word eq 'granted') {
        is($done->{err}, '', "nothing on standard error for $name");
    }
    else {
        like($done->{err}, qr/^htapikey: [A-Z].*\.$/m,
             "the message is a sentence: $word to $name");
    }
}

# Input of several forms.
answer("$key\n", 'granted', 'the key in a line');
is($cli->run('verify', { stdin => $key })->{out}, "granted\nid          $id\n",
   'verify writes the result and the id of the key');
answer($key, 'granted', 'the key without a line end');
answer("$key\r\n", 'granted', 'the key with CR LF');
answer("$key\nmore\n", 'granted',
       'the key with further lines, which it does not read');
answer('', 'invalid', 'empty input');
answer("\n", 'invalid', 'an empty line');
answer(" $key\n", 'invalid', 'a key after a blank');
answer("$key \n", 'invalid', 'a key before a blank');
answer("Bearer $key\n", 'invalid', 'a key after the word Bearer');
answer("$key\0\n", 'invalid', 'a key before a NUL');
answer(substr($key, 0, -1) . "\n", 'invalid',
       'a key that is one character short');
answer("${key}a\n", 'invalid', 'a key that is one character long');
answer('x' x 100_000, 'invalid', '100 000 characters');
answer("$key" . 'x' x 600 . "\n", 'invalid', 'a key before many characters');
answer(uc($key) . "\n", 'invalid', 'the key in capital letters');
answer("ak_%s'; DROP TABLE apikey; --\n", 'invalid', 'text that is SQL');
for my $i (1 .. 6) {
    my $flipped = $key;
    substr($flipped, -$i, 1) =~ tr/0-9A-Za-z/1-9A-Za-z0/;
    answer("$flipped\n", 'invalid',
           "a key whose check character $i from the end is wrong");
}

# Results that depend on the record of the key and of its tenant.
answer($key, 'granted', 'a key with the scope of --scope', '--scope', 'b');
answer($key, 'granted', 'a key with a wildcard for the scope of --scope',
       '--scope', 'a:x:y');
answer($key, 'scope', 'a key without the scope of --scope', '--scope', 'B');
answer($key, 'granted', 'a key of the tenant of --tenant', '--tenant', 'acme');
answer($key, 'tenant', 'a key of another tenant than that of --tenant',
       '--tenant', 'Acme');
answer($key, 'tenant', 'a key with neither tenant nor scope', '--tenant', 'bob',
       '--scope', 'none');
$cli->conf('ApiKeyKeyspace other');
answer($key, 'invalid', 'a key of another keyspace');
$cli->conf('ApiKeyPrefix other');
answer($key, 'invalid', 'a key of another prefix');
$cli->conf('ApiKeyFormat hex64');
answer($key, 'invalid', 'a key of another format');
$cli->conf;
$cli->run(qw(tenant suspend acme));
answer($key, 'suspended', 'a key of a suspended tenant');
$cli->sql("UPDATE apikey SET expires = 1000 WHERE id = '$id'");
answer($key, 'expired', 'an expired key of a suspended tenant');
$cli->run('disable', $id);
answer($key, 'disabled', 'a disabled and expired key');
$cli->run('revoke', $id);
answer($key, 'revoked', 'a revoked and disabled key');
answer($key, 'revoked', 'a revoked key of another tenant than that of --tenant',
       '--tenant', 'bob');
$cli->sql("DELETE FROM apikey WHERE id = '$id'");
answer($key, 'invalid', 'a deleted key');

$cli->run(qw(tenant resume acme));

# The networks of a key, and the meta of a key and its tenant.
my $inside = $cli->create(tenant => 'bob');
$cli->sql("UPDATE apikey SET networks = '192.0.2.0/24, 2001:db8::/32', "
          . "meta = 'plan=gold' WHERE id = '$inside->{id}'",
          "UPDATE apikey_tenant SET meta = 'plan=no; zone=eu' "
          . "WHERE tenant = 'bob'");
my $asked = $cli->run('verify', { stdin => $inside->{key} });
is("$asked->{out}$asked->{exit}", "granted\nid          $inside->{id}\n0",
   'verify grants a key with networks');
is($asked->{err}, 'htapikey: granted from 192.0.2.0/24 2001:db8::/32; from any '
   . "other address the server says network\n",
   'the message has the networks from which the key is granted');
my $told = JSON::PP->new->decode(
    $cli->run('--json', 'verify', { stdin => $inside->{key} })->{out});
is_deeply([ @{$told}{qw(networks meta)} ],
          [ [ '192.0.2.0/24', '2001:db8::/32' ],
            { PLAN => 'gold', ZONE => 'eu' } ],
          'JSON has the networks and the meta of key and tenant');
for my $fault ([ networks => '10.0.0.1/8' ], [ meta => 'gold' ]) {
    $cli->sql("UPDATE apikey SET networks = '', meta = ''",
              "UPDATE apikey SET $fault->[0] = '$fault->[1]' WHERE id = "
              . "'$inside->{id}'");
    $asked = $cli->run('verify', { stdin => $inside->{key} });
    like("$asked->{out}$asked->{exit}", qr/^unavailable\nid .*\n1$/,
         "verify answers unavailable to a key with wrong $fault->[0]");
    like($asked->{err}, qr/never be granted: its $fault->[0] /,
         "the message names the column $fault->[0]");
}

# A row with text that no header can carry is never granted.
my $broken = $cli->create(tenant => 'bob');
$cli->old_rows("UPDATE apikey SET tenant = 'b' || char(10) || 'c' WHERE id = "
               . "'$broken->{id}'");
my $done = $cli->run('verify', { stdin => $broken->{key} });
is($done->{out}, "unavailable\nid          $broken->{id}\n",
   'verify answers unavailable to a row whose tenant has a line end');
is($done->{exit}, 1, 'exit status 1 for a row whose tenant has a line end');
like($done->{err}, qr/$broken->{id}.*tenant.*control/,
     'the message names the id, the column and the fault');
for my $fault ([ "tenant = 'bob' || char(0) || 'x'", qr/tenant has a NUL/ ],
               [ "expires = '2030-01-01'", qr/expires is not a whole number/ ],
               [ 'expires = 1893456000000', qr/expires lies after.*millisec/ ],
               [ "revoked = 'no'", qr/revoked is not a whole number/ ]) {
    my $row = $cli->create(tenant => 'bob');
    $cli->old_rows("UPDATE apikey SET $fault->[0] WHERE id = '$row->{id}'");
    $done = $cli->run('verify', { stdin => $row->{key} });
    like("$done->{out}$done->{exit}", qr/\Aunavailable\nid.*\n1\z/,
         "verify answers unavailable to a row with $fault->[0]");
    like($done->{err}, qr/$row->{id} can never be granted: its $fault->[1]/,
         "the message names the id and the fault of $fault->[0]");
}

# Further secrets of the file, and imported digests.
my $other = 'eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=';
my $before = $cli->create;
$cli->write(ring => "k2 $other\nk1 $APIKey::CLI::SECRET\n");
answer($before->{key}, 'granted',
       'a key that the second secret of the file signed');
is($cli->create->{secret}, 'k2', 'the first secret of the file signs new keys');
$cli->write(ring => "k2 $other\n");
answer($before->{key}, 'invalid', 'a key whose secret is not in the file');
$cli->write(ring => "k1 $APIKey::CLI::SECRET\n");
my $insert = "INSERT INTO apikey (digest, id, tenant, name, format) VALUES ";
$cli->sql($insert . "('" . sha256_hex('my-old-key') . "', 'sha', 'acme', 'n', "
          . "'opaque')",
          $insert . "('" . hmac_sha256_hex('another!',
          decode_base64($APIKey::CLI::SECRET)) . "', 'mac', 'acme', 'n', "
          . "'opaque')");
answer('my-old-key', 'invalid',
       'an opaque key, where ApiKeyFormat does not accept these');
$cli->conf('ApiKeyFormat base62 opaque');
answer('another!', 'granted', 'an opaque key whose HMAC digest was imported');
answer('my-old-key', 'invalid',
       'an opaque key whose SHA-256 digest ApiKeyDigest does not accept');
$cli->conf('ApiKeyFormat base62 opaque', 'ApiKeyDigest hmac-sha256 sha256');
answer('my-old-key', 'granted',
       'an opaque key whose SHA-256 digest ApiKeyDigest accepts');
$cli->conf('ApiKeyFormat hex64', 'ApiKeyPrefix introzy');
my $hex = $cli->create;
answer($hex->{key}, 'granted', 'a hex64 key');
answer(substr($hex->{key}, 0, -1) . 'g', 'invalid',
       'a hex64 key with a letter that is no hexadecimal digit');
$cli->conf;

# JSON, and a database that does not answer.
my $json = $cli->run(qw(--json verify --scope x), { stdin => $before->{key} });
is($json->{exit}, 1, 'exit status 1 with --json, too');
my $said = JSON::PP->new->decode($json->{out});
is($said->{result}, 'scope', 'JSON has the result');
is($said->{id}, $before->{id}, 'JSON has the id of the key');
unlike($json->{out}, qr/\Q$before->{key}\E/, 'JSON does not have the key');
is_deeply($cli->run(qw(--json verify), { stdin => 'x' })->{out},
          qq({"result":"invalid"}\n),
          'JSON of an unknown key has the result only');
$cli->sql('ALTER TABLE apikey RENAME TO away');
$done = $cli->run('verify', { stdin => $before->{key} });
is($done->{exit}, 3, 'exit status 3 when the database does not answer');
is($done->{out}, "unavailable\n",
   'verify answers unavailable, as the server would');
like($done->{err}, qr/no such table/,
     'the message has the error of the database');

done_testing;
