# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Every command reports what it did, as text and as JSON, also where nothing was
# changed.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;

sub said {
    my ($pattern, @command) = @_;
    my $done = $cli->run(@command);
    is($done->{exit}, 0, "@command succeeds") or diag $done->{err};
    like($done->{out}, $pattern, "@command says what it did");
}

my $key = $cli->create(scope => 'a:b');
my $id = $key->{id};
said(qr/^The scope a:b is in the catalogue now/, qw(scope add a:b));
said(qr/^The scope a:b is in .* already; nothing was changed/,
     qw(scope add a:b));
said(qr/^The scope a:b .* a new description/, 'scope', 'add', 'a:b', 'Read');
is_deeply($cli->json(qw(scope add a:b)),
          { name => 'a:b', description => 'Read', changed => JSON::PP::false,
            listed => JSON::PP::true },
          'JSON of scope add says that nothing was changed');
said(qr/^The scope a:b is no longer/, qw(scope remove a:b));
said(qr/^The scope c is in the catalogue now/, qw(scope add c));
is($cli->json(qw(scope remove c))->{listed}, JSON::PP::false,
   'JSON of scope remove says that the scope is not in the catalogue');
said(qr/^The tenant acme \(1 key\) is suspended from 20\S+Z: unpaid\.$/,
     qw(tenant suspend acme --reason unpaid));
said(qr/^The tenant acme .*suspended already.*: unpaid; nothing was changed/,
     qw(tenant suspend acme --reason other));
my $tenant = $cli->json(qw(tenant suspend acme));
is("$tenant->{tenant} $tenant->{keys} $tenant->{reason}", 'acme 1 unpaid',
   'JSON of tenant suspend has tenant, count of keys and reason');
like($tenant->{suspended}, qr/^20/,
     'JSON of tenant suspend has the time of the suspension');
ok(!$tenant->{changed},
   'JSON of a second tenant suspend says that nothing was changed');
said(qr/^The tenant acme \(1 key\) has API access again/,
     qw(tenant resume acme));
said(qr/^The tenant acme .*was not suspended; nothing/, qw(tenant resume acme));
ok($cli->json(qw(tenant suspend acme))->{changed},
   'JSON of tenant suspend says that it changed the tenant');
is($cli->json(qw(tenant resume acme))->{suspended}, undef,
   'JSON of tenant resume has no time of suspension');

# tenant set gives meta to all keys of a tenant.
said(qr/^The tenant acme \(1 key\) has meta plan=gold; note=a%3Bb now\.$/,
     qw(tenant set acme --meta plan=gold --meta), 'note=a;b');
said(qr/^The tenant acme .*has meta plan=.*, as before; nothing was changed\.$/,
     qw(tenant set acme --meta plan=gold --meta), 'note=a;b');
$tenant = $cli->json(qw(tenant set acme --meta plan=basic --meta zone=eu));
is_deeply([ @{$tenant}{qw(tenant meta changed)} ],
          [ 'acme', { plan => 'basic', zone => 'eu' }, JSON::PP::true ],
          'JSON of tenant set has tenant and meta, and that they were changed');
$cli->run('set', $id, '--meta', 'plan=own');
is_deeply(JSON::PP->new->decode($cli->run(qw(--json verify),
              { stdin => $key->{key} })->{out})->{meta},
          { PLAN => 'own', ZONE => 'eu' },
          'the value of the key has precedence over that of its tenant');
my ($listed) = @{ $cli->json(qw(tenant list)) };
is_deeply($listed->{meta}, { plan => 'basic', zone => 'eu' },
          'JSON of tenant list has the meta');
like($cli->run(qw(tenant list))->{out}, qr/ META\nacme .* plan=basic; zone=eu\n/,
     'the table of tenant list has the meta');
my ($entry) = grep { $_->{action} eq 'tenant-set' && $_->{was}{meta}{plan} }
              @{ $cli->json(qw(audit --tenant acme)) };
is_deeply([ @{$entry}{qw(was now id)} ],
          [ { meta => { plan => 'gold', note => 'a;b' } },
            { meta => { plan => 'basic', zone => 'eu' } }, '' ],
          'the audit has the meta before and after tenant set');
said(qr/^The tenant acme \(1 key\) has no meta now\.$/,
     qw(tenant set acme --meta), '');
is(scalar(grep { $_->{action} eq 'tenant-set' } @{ $cli->json('audit') }), 3,
   'the audit has one entry for each change by tenant set');
for my $wrong (
    [ 2, qr/it is: htapikey tenant set TENANT --meta N=V\.\.\.;/, 'acme' ],
    [ 1, qr/has no '='/, qw(acme --meta plan) ],
    [ 1, qr/there is no tenant "acne"/, qw(acne --meta plan=gold) ],
    [ 1, qr/the meta is longer than 4000 bytes/, 'acme',
      map { ('--meta', "a$_=" . 'x' x 250) } 1 .. 16 ],
) {
    my ($exit, $why, @words) = @$wrong;
    my $done = $cli->run(qw(tenant set), @words);
    is($done->{exit}, $exit, substr "tenant set @words", 0, 40);
    like($done->{err}, $why, "the message of tenant set matches $why");
}
is_deeply($cli->json(qw(tenant list))->[0]{meta}, {},
          'refused commands have not changed the meta');

said(qr/^The key $id \(acme, a test\) has been disabled\.$/, 'disable', $id);
said(qr/^The key $id .*is disabled, as before; nothing/, 'disable', $id);
said(qr/^The key $id .*has been enabled, and is active/, 'enable', $id);
said(qr/^The key $id .*is active, as before; nothing/, 'enable', $id);
said(qr/^The key $id .*has been changed, and is active/, 'set', $id, '--env',
     'test');
said(qr/^The key $id .*is active, as before; nothing/, 'set', $id, '--env',
     'test');
ok($cli->json('set', $id, '--env', 'live')->{changed},
   'JSON of set says that the key was changed');
ok(!$cli->json('set', $id, '--env', 'live')->{changed},
   'JSON of a second set says that nothing was changed');
said(qr/^The key $id .*has been revoked\.$/, 'revoke', $id);
said(qr/^The key $id .*is revoked, as before; nothing/, 'revoke', $id);
like($cli->json('secret')->{line}, qr/^\S+ \S{44}$/,
     'JSON of secret has the line for the secret file');

# Every command that writes a key as JSON has the members of the manager's KEY.
my @members = qw(id tenant name hint env scopes created created_by expires
    last_used uses state exposed rotated_from);
my $other = $cli->create;
for my $told ($other, $cli->show($other->{id}), $cli->json('list')->[0],
              $cli->json('set', $other->{id}, '--name', 'x'),
              $cli->json('disable', $other->{id}),
              $cli->json('enable', $other->{id}),
              $cli->json('rotate', $other->{id}),
              $cli->json('explain', $other->{id}),
              $cli->json('revoke', $other->{id})) {
    is(join(' ', grep { !exists $told->{$_} } @members), '',
       'JSON of a key has all members of KEY');
}
# A scope with a comma is refused, with the options that were meant.
for my $case ([ [ qw(create --tenant a --name b --scope), 'x:y,z' ],
                qr/comma; .*: --scope x:y --scope z$/ ],
              [ [ 'set', $id, '--add-scope', 'x,y,z' ],
                qr/--add-scope x --add-scope y --add-scope z$/ ],
              [ [ 'set', $id, '--scope', ',x,' ], qr/: --scope x$/ ],
              [ [ qw(scope add), 'x,y' ],
                qr/htapikey scope add x htapikey scope add y$/ ]) {
    my $done = $cli->run(@{ $case->[0] });
    is($done->{exit}, 1, "refused: @{ $case->[0] }");
    like($done->{err}, $case->[1],
         'the message has one option or command per scope');
}
is($cli->sql('SELECT COUNT(*) FROM apikey_scope'), 0,
   'refused commands have stored no scope');

done_testing;
