# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey rotate makes one successor of a key.  rotated_from names its
# predecessor and root the first of them; all that shows a key shows both.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;

sub line { return join ' ', map { $_->{root}, $_->{rotated_from} } @_ }

my $first = $cli->create;
is(line($first), "$first->{id} ",
   'a new key is its own root and replaces no other');
my $second = $cli->json('rotate', $first->{id});
is(line($second), "$first->{id} $first->{id}",
   'rotate makes a key whose root and predecessor are the first');
my $third = $cli->json('rotate', $second->{id});
is(line($third), "$first->{id} $second->{id}",
   'rotate of that key keeps the root and has the second as predecessor');
is(line($cli->show($third->{id})), line($third),
   'JSON of show has root and predecessor');
my %listed = map { $_->{id} => $_ } @{ $cli->json('list') };
is(line(@listed{ map { $_->{id} } $first, $second, $third }),
   line($first, $second, $third),
   'JSON of list has root and predecessor of each');
my $text = $cli->run('show', $third->{id})->{out};
like($text, qr/^replaces +$second->{id}$/m,
     'the text of show has the predecessor');
like($text, qr/^root +$first->{id}$/m, 'the text of show has the root');
like($cli->run('show', $first->{id})->{out}, qr/^replaces +-$/m,
     'the text of show has a dash for a key without predecessor');
is($cli->json('audit', '--key', $third->{id})->[0]{reason},
   "in place of $second->{id} (root $first->{id})",
   'the audit has predecessor and root');
is($cli->json('set', $third->{id}, '--name', 'x')->{root}, $first->{id},
   'set leaves the root as it was');

# A second successor is refused.
my $keys = $cli->sql('SELECT COUNT(*) FROM apikey');
my @refused = ([ $first, $second, 'active' ], [ $second, $third, 'active' ]);
$cli->run('disable', $third->{id});
push @refused, [ $second, $third, 'disabled' ];
for my $case (@refused) {
    my ($old, $new, $state) = @$case;
    $cli->run($state eq 'active' ? 'enable' : 'disable', $third->{id});
    my $done = $cli->run('rotate', $old->{id}, '-q');
    is($done->{exit}, 1,
       "rotate is refused for a key whose successor is $state");
    like($done->{err}, qr/^htapikey:\ the\ key\ $old->{id}\ .*\ already:
                          \ $new->{id},\ which\ is\ $state,/x,
         "the message has the id of the successor, which is $state");
    is($done->{out}, '', "no key is written when the successor is $state");
}
is($cli->sql('SELECT COUNT(*) FROM apikey'), $keys,
   'refused rotations have made no key');
is($cli->verify($second->{key}), 'granted',
   'a key that has a successor is granted to its end');

# When the successor is revoked, the key can be rotated again.
$cli->run('revoke', $third->{id});
my $fourth = $cli->json('rotate', $second->{id});
is(line($fourth), "$first->{id} $second->{id}",
   'rotate succeeds when the first successor is revoked');
my $done = $cli->run('rotate', $fourth->{id}, { stdout => '/dev/full' });
is($done->{exit}, 1,
   'exit status 1 of rotate when the new key cannot be written');
is(line($cli->json('rotate', $fourth->{id})), "$first->{id} $fourth->{id}",
   'the key that was not written is revoked, so rotate succeeds');

done_testing;
