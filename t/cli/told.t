# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# No command is silent: each says what it did, to people and in JSON, and says
# so where it did nothing.

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
    is($done->{exit}, 0, "@command") or diag $done->{err};
    like($done->{out}, $pattern, 'says what it did');
}

my $key = $cli->create(scope => 'a:b');
my $id = $key->{id};
said(qr/^The scope a:b is in the catalogue now/, qw(scope add a:b));
said(qr/^The scope a:b is in .* already; nothing was changed/,
     qw(scope add a:b));
said(qr/^The scope a:b .* a new description/, 'scope', 'add', 'a:b', 'Read');
is_deeply($cli->json(qw(scope add a:b)),
          { name => 'a:b', description => 'Read', changed => JSON::PP::false,
            listed => JSON::PP::true }, 'in JSON');
said(qr/^The scope a:b is no longer/, qw(scope remove a:b));
said(qr/^The scope c is in the catalogue now/, qw(scope add c));
is($cli->json(qw(scope remove c))->{listed}, JSON::PP::false, 'in JSON, too');
said(qr/^The tenant acme \(1 key\) is suspended from 20\S+Z: unpaid\.$/,
     qw(tenant suspend acme --reason unpaid));
said(qr/^The tenant acme .*suspended already.*: unpaid; nothing was changed/,
     qw(tenant suspend acme --reason other));
my $tenant = $cli->json(qw(tenant suspend acme));
is("$tenant->{tenant} $tenant->{keys} $tenant->{reason}", 'acme 1 unpaid',
   'in JSON');
like($tenant->{suspended}, qr/^20/, 'when');
ok(!$tenant->{changed}, 'nothing was changed');
said(qr/^The tenant acme \(1 key\) has API access again/,
     qw(tenant resume acme));
said(qr/^The tenant acme .*was not suspended; nothing/, qw(tenant resume acme));
ok($cli->json(qw(tenant suspend acme))->{changed}, 'in JSON: it was');
is($cli->json(qw(tenant resume acme))->{suspended}, undef, 'and is not');

said(qr/^The key $id \(acme, a test\) has been disabled\.$/, 'disable', $id);
said(qr/^The key $id .*is disabled, as before; nothing/, 'disable', $id);
said(qr/^The key $id .*has been enabled, and is active/, 'enable', $id);
said(qr/^The key $id .*is active, as before; nothing/, 'enable', $id);
said(qr/^The key $id .*has been changed, and is active/, 'set', $id, '--env',
     'test');
said(qr/^The key $id .*is active, as before; nothing/, 'set', $id, '--env',
     'test');
ok($cli->json('set', $id, '--env', 'live')->{changed}, 'in JSON: changed');
ok(!$cli->json('set', $id, '--env', 'live')->{changed}, 'and not');
said(qr/^The key $id .*has been revoked\.$/, 'revoke', $id);
said(qr/^The key $id .*is revoked, as before; nothing/, 'revoke', $id);
like($cli->json('secret')->{line}, qr/^\S+ \S{44}$/, 'secret in JSON');

# KEY is the manager's object, wherever one is told.
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
       'a key has all that KEY has');
}
# A scope with a comma: the right spelling.
for my $case ([ [ qw(create --tenant a --name b --scope), 'x:y,z' ],
                qr/comma; .*: --scope x:y --scope z$/ ],
              [ [ 'set', $id, '--add-scope', 'x,y,z' ],
                qr/--add-scope x --add-scope y --add-scope z$/ ],
              [ [ 'set', $id, '--scope', ',x,' ], qr/: --scope x$/ ],
              [ [ qw(scope add), 'x,y' ],
                qr/htapikey scope add x htapikey scope add y$/ ]) {
    my $done = $cli->run(@{ $case->[0] });
    is($done->{exit}, 1, "refused: @{ $case->[0] }");
    like($done->{err}, $case->[1], 'it says how it is spelled');
}
is($cli->sql('SELECT COUNT(*) FROM apikey_scope'), 0, 'nothing was stored');

done_testing;
