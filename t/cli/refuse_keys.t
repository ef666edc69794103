# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A whole key on the command line, in place of an ID or in any text, is refused;
# the message names its ID and does not repeat the key.

use strict;
use warnings;

use Test::More;
use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new('ApiKeyFormat base62 hex64 opaque',
                           'ApiKeyDigest hmac-sha256 sha256');
my %key = (base62 => $cli->create, hex64 => $cli->create(format => 'hex64'),
           'of another keyspace' => $cli->create(keyspace => 'ks'));
my $opaque = 'sk-old-51H8abcdefghijkl';
$cli->sql("INSERT INTO apikey (digest, id, tenant, name, format) VALUES ('"
          . sha256_hex($opaque) . "', 'opaque', 'acme', 'n', 'opaque')");
$key{opaque} = { key => $opaque, id => 'opaque' };

# The commands that take an ID, as help names them, and options that take text.
my @by_id = map { (split / /, $_->{command})[0] }
            grep { $_->{arguments} =~ /\bID\b/ } @{ $cli->json('help') };
is("@by_id", 'show set revoke disable enable rotate explain',
   'help names the commands that take an ID');
my %more = (set => [qw(--env live)]);
my @forms = map { my $command = $_; sub { ($command, $_[0],
                  @{ $more{$command} // [] }) } } @by_id;
push @forms, sub { ('revoke', 'other', $_[0]) },
    sub { ('audit', '--key', $_[0]) },
    sub { ('list', '--tenant', $_[0]) },
    sub { ('revoke', '--tenant', $_[0]) },
    sub { ('revoke', 'opaque', '--reason', "leaked: \"$_[0]\".") },
    sub { ('set', 'opaque', '--name', "was $_[0]") },
    sub { ('set', 'opaque', '--owner', $_[0]) },
    sub { ('set', 'opaque', '--meta', "old=$_[0]") },
    sub { ('create', '--tenant', $_[0], '--name', 'n') },
    sub { ('create', '--tenant', 'acme', '--name', $_[0]) },
    sub { ('create', '--tenant', 'acme', '--name', 'n', '--scope', $_[0]) },
    sub { ('scope', 'add', 'a', "for $_[0]") },
    sub { ('tenant', 'suspend', $_[0]) },
    sub { ('tenant', 'suspend', 'acme', '--reason', $_[0]) };
sub rows {
    return join "\n", map { $cli->sql("SELECT * FROM $_") }
        qw(apikey apikey_tenant apikey_scope apikey_audit apikey_change);
}
my $before = rows();
for my $kind (sort keys %key) {
    my ($secret, $id) = @{ $key{$kind} }{qw(key id)};
    for my $form (@forms) {
        my @command = $form->($secret);
        my $done = $cli->run(@command);
        my $name = "$kind: @command" =~ s/\Q$secret\E/KEY/gr;
        is("$done->{exit} $done->{out}", '1 ', "$name is refused");
        like($done->{err}, qr/^htapikey: .* a whole key, whose ID is $id; it/,
             "$name: the message says that it is a whole key, and its ID");
        unlike($done->{err}, qr/\Q$secret\E/,
               "$name: the message does not repeat the key");
    }
}
is(rows(), $before, 'refused commands have stored nothing');

# Here every user can read the secret file, so htapikey refuses it and looks up
# no key; and a key in place of a command.
my $foreign = 'ak_' . 'Zz9' x 16 . 'z';
$cli->conf;
my $ours = $key{base62}{key};
chmod 0644, $cli->{ring};
for my $case ([ 'show', $foreign ], [ 'show', $ours ],
              [ 'revoke', 'x', '--reason', $ours ], [ $ours ],
              [ 'verify', $ours ], [ 'create', $ours ], [ 'scope', $ours ],
              [ 'help', $ours ], [ 'show', "--key=$ours" ], [ "--$ours" ],
              [ 'list', '--sort', $ours ], [ 'list', '--columns', $ours ],
              [ 'set', 'x', '--expires', $ours ], [ 'show', 'x', $ours ],
              [ 'rotate', 'x', '--overlap', $ours ],
              [ 'show', "X-API-Key: $ours" ], [ 'show', "$ours," ]) {
    my $done = $cli->run(@$case);
    my $name = "@$case" =~ s/\Q$foreign\E|\Q$ours\E/KEY/gr;
    cmp_ok($done->{exit}, '>', 0, "$name is refused");
    unlike("$done->{err}$done->{out}", qr/Zz9Zz9|\Q@{[ substr $ours, 8, 30 ]}\E/,
           "$name: no output repeats the key");
}
like($cli->run('show', $foreign)->{err}, qr/looks like a whole key/,
     'without secrets the message says that it looks like a whole key');
chmod 0600, $cli->{ring};

# A long word that is no ID may be a key of any shape: the message has its
# beginning only.
my $done = $cli->run('show', 'correct-horse-battery-staple');
unlike($done->{err}, qr/horse/,
       'the message does not repeat a long word that may be a key');
like($done->{err}, qr/"corr\.\.\."/,
     'the message has the first characters of the long word');

# Text that is no key is accepted.
for my $text ('seen in 9fceb02d0ae598e95dc970b74767f19372d61af8',
              '01890a5d-ac96-774b-bcce-b302099a8057', 'a' x 60,
              'digest ' . 'ab' x 32) {
    is($cli->run('set', $key{base62}{id}, '--name', $text)->{exit}, 0,
       "set --name accepts text that is no key: $text");
}

done_testing;
