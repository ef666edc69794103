# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey import refuses keys that can be guessed; with --weak it takes them,
# and doctor counts them.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new('ApiKeyFormat base62 hex64 opaque',
                           'ApiKeyDigest hmac-sha256 sha256');
my $file = $cli->{csv} = "$cli->{folder}/keys.csv";

sub import_keys {
    my ($keys, @option) = @_;
    $cli->write(csv => join "\n", 'key,tenant,name',
                (map { "$_,acme,n" } @$keys), '');
    return $cli->run('import', @option, $file);
}

sub strength {
    my $done = $cli->run('doctor');
    return join ' ', $done->{out} =~ /^\w+ +strength +(.*)$/mg;
}

my $good = 'Q1w2e3r4t5y6u7i8';
like(strength(), qr/^No live key is known/,
     'doctor finds no weak key in a new database');
for my $key ('a', 'x' x 40, 'test_test_test_test', '0f1e2d3c4b5a697',
             'aB3$eF6!iJ9%mN-', '1029384756019283746',
             'introzy_' . '0' x 64) {
    my $done = import_keys([ $good, $key ]);
    is($done->{exit}, 1, 'import refuses a key that can be guessed, of '
       . length($key) . ' characters');
    like($done->{err}, qr/^htapikey:\ \Q$file\E,\ line\ 3:\ the\ key\ can
         \ be\ guessed:.*\ (?:\d|[1-5]\d|6[0-3])\ bits.*16\ characters.*64
         \ bits.*--weak.*no\ key\ was\ imported/x,
         'the message has the line, the reason and the option --weak');
    unlike($done->{err}, qr/\Q$key\E(?![\w ])/,
           'the message does not repeat the weak key')
        if length $key > 1;
    is($cli->sql('SELECT COUNT(*) FROM apikey'), 0,
       'a refused import stores no key');
}
is(import_keys([ $good, '0f1e2d3c4b5a6978', '10293847560192837465',
                 'introzy_' . '0123456789abcdef' x 4 ])->{exit}, 0,
   'import takes keys of 16 characters and 64 bits');
like(strength(), qr/^No live key is known/,
     'doctor does not count keys of 64 bits as weak');
my $done = import_keys([ '4711', 'x' x 40 ], '--weak');
is($done->{exit}, 0,
   'import --weak takes keys that can be guessed') or diag $done->{err};
is($cli->verify('4711'), 'granted', 'a weak key is granted');
like(strength(), qr/^2 live keys were imported with --weak/,
     'doctor counts the keys that were imported with --weak');
$cli->run('revoke', $cli->sql('SELECT id FROM apikey ORDER BY bits LIMIT 1'));
like(strength(), qr/^1 live keys/,
     'doctor counts weak keys only while they are live');

# The prefix is public, so it does not count.
$cli->conf('ApiKeyFormat opaque', 'ApiKeyPrefix sk_live');
like(import_keys(['sk_live_abcdefgh'])->{err}, qr/its 8 characters hold/,
     'the characters of the prefix do not count');
is(import_keys(["sk_live_$good"])->{exit}, 0,
   'a key is strong when what follows its prefix is');

# The strength of a key cannot be known from its digest.
$cli->conf('ApiKeyFormat base62 opaque', 'ApiKeyDigest hmac-sha256 sha256');
$cli->write(csv => "digest,tenant,name\n" . sha256_hex('1') . ",acme,n\n");
is($cli->run('import', '--digest', 'sha256', $file)->{exit}, 0,
   'import takes the digest of a weak key');
like(strength(), qr/1 opaque ones came as digests.* cannot be judged/,
     'doctor says that the strength of a digest cannot be judged');

done_testing;
