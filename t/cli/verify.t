# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey verify gives the result that the server would give, and takes no key
# as an argument.

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
    like($done->{out}, qr/\A$word\n(?:id +\w+\n)?\z/, "$word: $name");
    is($done->{exit}, $word eq 'granted' ? 0 : 1, 'its exit status');
    if ($word eq 'granted') {
        is($done->{err}, '', 'no word on standard error');
    }
    else {
        like($done->{err}, qr/^htapikey: [A-Z].*\.$/m, 'a sentence, too');
    }
}

# Input of other forms.
answer("$key\n", 'granted', 'a line');
is($cli->run('verify', { stdin => $key })->{out}, "granted\nid          $id\n",
   'and its id');
answer($key, 'granted', 'no line end');
answer("$key\r\n", 'granted', 'CR LF');
answer("$key\nmore\n", 'granted', 'only the first line counts');
answer('', 'invalid', 'nothing');
answer("\n", 'invalid', 'an empty line');
answer(" $key\n", 'invalid', 'a blank before it');
answer("$key \n", 'invalid', 'a blank behind it');
answer("Bearer $key\n", 'invalid', 'a scheme before it');
answer("$key\0\n", 'invalid', 'a NUL behind it');
answer(substr($key, 0, -1) . "\n", 'invalid', 'a character short');
answer("${key}a\n", 'invalid', 'a character long');
answer('x' x 100_000, 'invalid', '100 000 characters');
answer("$key" . 'x' x 600 . "\n", 'invalid', 'a key and much more');
answer(uc($key) . "\n", 'invalid', 'another case');
answer("ak_%s'; DROP TABLE apikey; --\n", 'invalid', 'some SQL');
for my $i (1 .. 6) {
    my $flipped = $key;
    substr($flipped, -$i, 1) =~ tr/0-9A-Za-z/1-9A-Za-z0/;
    answer("$flipped\n", 'invalid', "check character $i from the end flipped");
}

# Results from the record.
answer($key, 'granted', 'its scope', '--scope', 'b');
answer($key, 'granted', 'one that its wildcard covers', '--scope', 'a:x:y');
answer($key, 'scope', 'another', '--scope', 'B');
answer($key, 'granted', 'its tenant', '--tenant', 'acme');
answer($key, 'tenant', 'another', '--tenant', 'Acme');
answer($key, 'tenant', 'tenant goes before scope', '--tenant', 'bob',
       '--scope', 'none');
$cli->conf('ApiKeyKeyspace other');
answer($key, 'invalid', 'of another keyspace');
$cli->conf('ApiKeyPrefix other');
answer($key, 'invalid', 'of another prefix');
$cli->conf('ApiKeyFormat hex64');
answer($key, 'invalid', 'of another format');
$cli->conf;
$cli->run(qw(tenant suspend acme));
answer($key, 'suspended', 'its tenant is suspended');
$cli->sql("UPDATE apikey SET expires = 1000 WHERE id = '$id'");
answer($key, 'expired', 'expired goes before suspended');
$cli->run('disable', $id);
answer($key, 'disabled', 'disabled goes before expired');
$cli->run('revoke', $id);
answer($key, 'revoked', 'revoked goes before disabled');
answer($key, 'revoked', 'and before tenant', '--tenant', 'bob');
$cli->sql("DELETE FROM apikey WHERE id = '$id'");
answer($key, 'invalid', 'deleted');

$cli->run(qw(tenant resume acme));

# Networks and meta.
my $inside = $cli->create(tenant => 'bob');
$cli->sql("UPDATE apikey SET networks = '192.0.2.0/24, 2001:db8::/32', "
          . "meta = 'plan=gold' WHERE id = '$inside->{id}'",
          "UPDATE apikey_tenant SET meta = 'plan=no; zone=eu' "
          . "WHERE tenant = 'bob'");
my $asked = $cli->run('verify', { stdin => $inside->{key} });
is("$asked->{out}$asked->{exit}", "granted\nid          $inside->{id}\n0",
   'a key with networks');
is($asked->{err}, 'htapikey: granted from 192.0.2.0/24 2001:db8::/32; from any '
   . "other address the server says network\n", 'and from where');
my $told = JSON::PP->new->decode(
    $cli->run('--json', 'verify', { stdin => $inside->{key} })->{out});
is_deeply([ @{$told}{qw(networks meta)} ],
          [ [ '192.0.2.0/24', '2001:db8::/32' ],
            { PLAN => 'gold', ZONE => 'eu' } ], 'the same in JSON');
for my $fault ([ networks => '10.0.0.1/8' ], [ meta => 'gold' ]) {
    $cli->sql("UPDATE apikey SET networks = '', meta = ''",
              "UPDATE apikey SET $fault->[0] = '$fault->[1]' WHERE id = "
              . "'$inside->{id}'");
    $asked = $cli->run('verify', { stdin => $inside->{key} });
    like("$asked->{out}$asked->{exit}", qr/^unavailable\nid .*\n1$/,
         "a bad $fault->[0]");
    like($asked->{err}, qr/never be granted: its $fault->[0] /, 'and why');
}

# A row with text that no header can carry is never granted.
my $broken = $cli->create(tenant => 'bob');
$cli->old_rows("UPDATE apikey SET tenant = 'b' || char(10) || 'c' WHERE id = "
               . "'$broken->{id}'");
my $done = $cli->run('verify', { stdin => $broken->{key} });
is($done->{out}, "unavailable\nid          $broken->{id}\n",
   'a row that no header could carry');
is($done->{exit}, 1, 'is not granted');
like($done->{err}, qr/$broken->{id}.*tenant.*control/, 'and why');
for my $fault ([ "tenant = 'bob' || char(0) || 'x'", qr/tenant has a NUL/ ],
               [ "expires = '2030-01-01'", qr/expires is not a whole number/ ],
               [ 'expires = 1893456000000', qr/expires lies after.*millisec/ ],
               [ "revoked = 'no'", qr/revoked is not a whole number/ ]) {
    my $row = $cli->create(tenant => 'bob');
    $cli->old_rows("UPDATE apikey SET $fault->[0] WHERE id = '$row->{id}'");
    $done = $cli->run('verify', { stdin => $row->{key} });
    like("$done->{out}$done->{exit}", qr/\Aunavailable\nid.*\n1\z/,
         $fault->[0]);
    like($done->{err}, qr/$row->{id} can never be granted: its $fault->[1]/,
         'it says which row, and why');
}

# Further secrets, and imported digests.
my $other = 'eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=';
my $before = $cli->create;
$cli->write(ring => "k2 $other\nk1 $APIKey::CLI::SECRET\n");
answer($before->{key}, 'granted', 'an older secret of the ring still holds');
is($cli->create->{secret}, 'k2', 'and the first one signs');
$cli->write(ring => "k2 $other\n");
answer($before->{key}, 'invalid', 'a secret that is gone');
$cli->write(ring => "k1 $APIKey::CLI::SECRET\n");
my $insert = "INSERT INTO apikey (digest, id, tenant, name, format) VALUES ";
$cli->sql($insert . "('" . sha256_hex('my-old-key') . "', 'sha', 'acme', 'n', "
          . "'opaque')",
          $insert . "('" . hmac_sha256_hex('another!',
          decode_base64($APIKey::CLI::SECRET)) . "', 'mac', 'acme', 'n', "
          . "'opaque')");
answer('my-old-key', 'invalid', 'opaque keys are not accepted');
$cli->conf('ApiKeyFormat base62 opaque');
answer('another!', 'granted', 'an imported HMAC digest');
answer('my-old-key', 'invalid', 'SHA-256 only where it is accepted');
$cli->conf('ApiKeyFormat base62 opaque', 'ApiKeyDigest hmac-sha256 sha256');
answer('my-old-key', 'granted', 'and there it is');
$cli->conf('ApiKeyFormat hex64', 'ApiKeyPrefix introzy');
my $hex = $cli->create;
answer($hex->{key}, 'granted', 'a hex64 key');
answer(substr($hex->{key}, 0, -1) . 'g', 'invalid', 'one with a g in it');
$cli->conf;

# JSON, and a database that cannot be opened.
my $json = $cli->run(qw(--json verify --scope x), { stdin => $before->{key} });
is($json->{exit}, 1, 'JSON: the same exit status');
my $said = JSON::PP->new->decode($json->{out});
is($said->{result}, 'scope', 'JSON: the reason');
is($said->{id}, $before->{id}, 'JSON: which key');
unlike($json->{out}, qr/\Q$before->{key}\E/, 'JSON: not the key itself');
is_deeply($cli->run(qw(--json verify), { stdin => 'x' })->{out},
          qq({"result":"invalid"}\n), 'JSON: nothing of an unknown one');
$cli->sql('ALTER TABLE apikey RENAME TO away');
$done = $cli->run('verify', { stdin => $before->{key} });
is($done->{exit}, 3, 'a database that does not answer: exit 3');
is($done->{out}, "unavailable\n", 'what the server would say');
like($done->{err}, qr/no such table/, 'and why');

done_testing;
