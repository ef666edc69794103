# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey import --weak: keys that can be guessed are refused without it, and
# counted by doctor.

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
like(strength(), qr/^No live key is known/, 'doctor knows no weak key');
for my $key ('a', 'x' x 40, 'test_test_test_test', '0f1e2d3c4b5a697',
             'aB3$eF6!iJ9%mN-', '1029384756019283746',
             'introzy_' . '0' x 64) {
    my $done = import_keys([ $good, $key ]);
    is($done->{exit}, 1, 'refused: a key of ' . length($key) . ' characters');
    like($done->{err}, qr/^htapikey:\ \Q$file\E,\ line\ 3:\ the\ key\ can
         \ be\ guessed:.*\ (?:\d|[1-5]\d|6[0-3])\ bits.*16\ characters.*64
         \ bits.*--weak.*no\ key\ was\ imported/x, 'with its line, the reason and the way out');
    unlike($done->{err}, qr/\Q$key\E(?![\w ])/, 'without the key')
        if length $key > 1;
    is($cli->sql('SELECT COUNT(*) FROM apikey'), 0, 'nothing is kept');
}
is(import_keys([ $good, '0f1e2d3c4b5a6978', '10293847560192837465',
                 'introzy_' . '0123456789abcdef' x 4 ])->{exit}, 0,
   'what has 16 characters and 64 bits is taken');
like(strength(), qr/^No live key is known/, 'and not counted');
my $done = import_keys([ '4711', 'x' x 40 ], '--weak');
is($done->{exit}, 0, '--weak takes what can be guessed') or diag $done->{err};
is($cli->verify('4711'), 'granted', 'and it is a key');
like(strength(), qr/^2 live keys were imported with --weak/, 'doctor counts');
$cli->run('revoke', $cli->sql('SELECT id FROM apikey ORDER BY bits LIMIT 1'));
like(strength(), qr/^1 live keys/, 'those that live');

# The prefix does not count: it is public.
$cli->conf('ApiKeyFormat opaque', 'ApiKeyPrefix sk_live');
like(import_keys(['sk_live_abcdefgh'])->{err}, qr/its 8 characters hold/,
     'a prefix does not count');
is(import_keys(["sk_live_$good"])->{exit}, 0, 'what follows it does');

# The strength of a key is not known from its digest.
$cli->conf('ApiKeyFormat base62 opaque', 'ApiKeyDigest hmac-sha256 sha256');
$cli->write(csv => "digest,tenant,name\n" . sha256_hex('1') . ",acme,n\n");
is($cli->run('import', '--digest', 'sha256', $file)->{exit}, 0, 'a digest');
like(strength(), qr/1 opaque ones came as digests.* cannot be judged/,
     'doctor says that it knows nothing of it');

done_testing;
