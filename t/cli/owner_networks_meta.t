# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Owner, networks and meta of a key: create, set, list, revoke and the audit.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my $key = $cli->create(owner => 'Ann', network => [qw(192.0.2.0/24 2001:db8::1)],
                       meta => [ 'plan=gold', 'note=a;b = 100%' ]);
is($key->{owner}, 'Ann', 'create stores the owner');
is_deeply($key->{networks}, [qw(192.0.2.0/24 2001:db8::1)],
          'create stores the networks');
is_deeply($key->{meta}, { plan => 'gold', note => 'a;b = 100%' },
          'create stores the meta');
is_deeply($cli->show($key->{id})->{meta}, $key->{meta}, 'show has the meta');
is_deeply($cli->json('list')->[0]{networks}, $key->{networks},
          'list has the networks');
my $text = $cli->run('show', $key->{id})->{out};
like($text, qr/^owner +Ann\nnetworks +192\S+ 2001\S+\nmeta +plan=gold/m,
     'the text of show has owner, networks and meta');
my $none = $cli->create;
is_deeply([ @{$none}{qw(owner networks meta)} ], [ '', [], {} ],
          'a key made without them has no owner, networks or meta');

my @set = ('set', $key->{id});
my $now = $cli->json(@set, '--owner', 'Bob', '--network', '::/0', '--meta', 'a=');
is_deeply([ @{$now}{qw(owner networks meta)} ], [ 'Bob', ['::/0'], { a => '' } ],
          'set replaces owner, networks and meta');
is_deeply($cli->json(@set, '--name', 'x')->{networks}, ['::/0'],
          'set without --network leaves the networks as they were');
my ($entry) = grep { $_->{action} eq 'set' }
              @{ $cli->json('audit', '--key', $key->{id}) };
is_deeply([ @{$entry}{qw(was now)} ],
          [ { map { $_ => $key->{$_} } qw(owner networks meta) },
            { map { $_ => $now->{$_} } qw(owner networks meta) } ],
          'the audit has the old and the new owner, networks and meta');
$now = $cli->json(@set, '--owner', '', '--network', '', '--meta', '');
is_deeply([ @{$now}{qw(owner networks meta)} ], [ '', [], {} ],
          'set with empty values removes owner, networks and meta');
for my $bad ([ '--network', '192.0.2.0/33' ], [ '--network', 'example.org' ],
             [ '--network', '::1', '--network', '' ], [ '--meta', 'plan' ],
             [ '--meta', '=x' ], [ '--meta', 'a b=c' ], [ '--owner', "a\nb" ],
             [ '--meta', 'a=1', '--meta', 'A=2' ]) {
    for my $command ([ @set ], [qw(create --tenant acme --name n)]) {
        my $done = $cli->run(@$command, @$bad);
        is($done->{exit}, 1, "$command->[0] @$bad is refused" =~ s/\n/?/r);
        like($done->{err}, qr/^htapikey: (?:the owner|$bad->[0])/,
             "$command->[0]: the message names the owner or the option");
    }
}

# Values so long that an entry of the audit has room for the old ones only.
for my $i (1, 2) {
    my @scopes = map { sprintf '%d:%098d', $i, $_ } 1 .. 39;
    my @meta = map { "a$_=$i" . 'x' x 250 } 1 .. 14;
    is($cli->run(@set, (map { ('--scope', $_) } @scopes),
                 map { ('--meta', $_) } @meta)->{err}, '',
       'set accepts 39 scopes and 14 meta at once');
}
$entry = $cli->json('audit', '--key', $key->{id})->[-1];
is(scalar keys %{ $entry->{was}{meta} }, 14,
   'the audit has the old values of a large change');
is_deeply($entry->{now}, {},
          'the audit leaves out the new values when there is no room');

# Keys of one owner.
my @of = map { $cli->create(owner => 'Carl', tenant => "t$_") } 1 .. 3;
is(join(' ', sort map { $_->{tenant} } @{ $cli->json(qw(list --owner Carl)) }),
   't1 t2 t3', 'list --owner lists the keys of that owner');
is_deeply($cli->json(qw(list --owner carl)), [],
          'list --owner compares upper and lower case');
like($cli->run('list', '--columns', 'owner,networks,meta', '--owner', 'Carl')->{out},
     qr/^OWNER +NETWORKS +META\nCarl   -         -$/m,
     'list --columns owner,networks,meta has these columns');
my $done = $cli->run(qw(revoke --owner Carl --reason left));
is(() = $done->{out} =~ /has been revoked/g, 3,
   'revoke --owner revokes all three keys of that owner');
is($cli->show($none->{id})->{state}, 'active',
   'revoke --owner leaves keys of others as they are');
like($cli->run(qw(revoke --owner carl))->{err}, qr/no key of the owner "carl"/,
     'revoke --owner of an owner without keys says so');

done_testing;
