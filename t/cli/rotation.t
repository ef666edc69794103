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
is(line($first), "$first->{id} ", 'a new key is the first of its line');
my $second = $cli->json('rotate', $first->{id});
is(line($second), "$first->{id} $first->{id}",
   'rotate: one that comes from it');
my $third = $cli->json('rotate', $second->{id});
is(line($third), "$first->{id} $second->{id}", 'and one from that');
is(line($cli->show($third->{id})), line($third), 'show --json has both');
my %listed = map { $_->{id} => $_ } @{ $cli->json('list') };
is(line(@listed{ map { $_->{id} } $first, $second, $third }),
   line($first, $second, $third), 'so has list --json');
my $text = $cli->run('show', $third->{id})->{out};
like($text, qr/^replaces +$second->{id}$/m, 'show has what it comes from');
like($text, qr/^root +$first->{id}$/m, 'and the first');
like($cli->run('show', $first->{id})->{out}, qr/^replaces +-$/m,
     'of the first: nothing');
is($cli->json('audit', '--key', $third->{id})->[0]{reason},
   "in place of $second->{id} (root $first->{id})", 'the audit has both');
is($cli->json('set', $third->{id}, '--name', 'x')->{root}, $first->{id},
   'set changes nothing of it');

# A second successor is refused.
my $keys = $cli->sql('SELECT COUNT(*) FROM apikey');
my @refused = ([ $first, $second, 'active' ], [ $second, $third, 'active' ]);
$cli->run('disable', $third->{id});
push @refused, [ $second, $third, 'disabled' ];
for my $case (@refused) {
    my ($old, $new, $state) = @$case;
    $cli->run($state eq 'active' ? 'enable' : 'disable', $third->{id});
    my $done = $cli->run('rotate', $old->{id}, '-q');
    is($done->{exit}, 1, "a successor that is $state: refused");
    like($done->{err}, qr/^htapikey:\ the\ key\ $old->{id}\ .*\ already:
                          \ $new->{id},\ which\ is\ $state,/x,
         'it names it and its state');
    is($done->{out}, '', 'and no key');
}
is($cli->sql('SELECT COUNT(*) FROM apikey'), $keys, 'none was made');
is($cli->verify($second->{key}), 'granted', 'the old one goes on to its end');

# When the successor is revoked, the key can be rotated again.
$cli->run('revoke', $third->{id});
my $fourth = $cli->json('rotate', $second->{id});
is(line($fourth), "$first->{id} $second->{id}", 'revoked: another is made');
my $done = $cli->run('rotate', $fourth->{id}, { stdout => '/dev/full' });
is($done->{exit}, 1, 'one that could not be shown');
is(line($cli->json('rotate', $fourth->{id})), "$first->{id} $fourth->{id}",
   'is revoked, and another is made');

done_testing;
