# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey scope, tenant and audit: what they store, refuse and show.

use strict;
use utf8;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;

# htapikey scope add, list and remove.
is_deeply($cli->json(qw(scope list)), [],
          'the catalogue has no scope at first');
is($cli->run('scope', 'add', 'b:read', 'Read b; "quoted" ü')->{exit}, 0,
   'scope add with a description succeeds');
is($cli->run('scope', 'add', 'a')->{exit}, 0,
   'scope add without a description succeeds');
is_deeply($cli->json(qw(scope list)),
          [ { name => 'a', description => '' },
            { name => 'b:read', description => 'Read b; "quoted" ü' } ],
          'scope list has both scopes in order of their names');
like($cli->run(qw(scope list))->{out},
     qr/^SCOPE +DESCRIPTION\na\nb:read  Read b; "quoted"/,
     'the text of scope list has names and descriptions');
is($cli->run('scope', 'add', 'a', 'A')->{exit}, 0,
   'scope add of a scope that is there gives it a description');
is($cli->run('scope', 'add', 'a')->{exit}, 0,
   'scope add without a description succeeds for that scope');
is($cli->json(qw(scope list))->[0]{description}, 'A',
   'scope add without a description leaves the old one');
for my $bad ('', 'a b', "a\r\nb", 'a"b', 'ü', 'x' x 1000) {
    my $done = $cli->run('scope', 'add', $bad);
    is($done->{exit}, 1,
       'scope add refuses the name ' . substr $bad =~ s/[^ -~]/?/gr, 0, 20);
    like($done->{err}, qr/the scope/,
         'the message says that the scope is wrong');
}
is($cli->run('scope', 'add', 'c', "line\nend")->{exit}, 1,
   'scope add refuses a description with a line end');
is($cli->run(qw(scope remove a))->{exit}, 0, 'scope remove succeeds');
my $done = $cli->run(qw(scope remove a));
is($done->{exit}, 1,
   'exit status 1 of scope remove for a scope that is not there');
like($done->{err}, qr/"a"/, 'the message names the scope that is not there');
is(scalar @{ $cli->json(qw(scope list)) }, 1,
   'the catalogue has the other scope');

# htapikey tenant list, suspend and resume.
my $key = $cli->create(tenant => 'Söhne', scope => 'b:read');
$cli->create(tenant => 'acme') for 1 .. 2;
$cli->sql("INSERT INTO apikey (digest, id, tenant, name) VALUES ('"
          . ('cd' x 32) . "', 'hand', 'by hand', 'n')");
my @tenants = @{ $cli->json(qw(tenant list)) };
is(join(' ', map { "$_->{tenant}:$_->{keys}" } @tenants),
   'Söhne:1 acme:2 by hand:1',
   'tenant list has the tenants and their counts of keys');
is($tenants[0]{suspended}, undef,
   'tenant list has null for a tenant that is not suspended');
is($cli->verify($key->{key}), 'granted',
   'a key is granted before its tenant is suspended');
is($cli->run('tenant', 'suspend', 'Söhne', '--reason', 'unpaid')->{exit}, 0,
   'tenant suspend succeeds');
is($cli->verify($key->{key}), 'suspended',
   'a key of a suspended tenant is suspended');
my ($suspended) = grep { $_->{suspended} } @{ $cli->json(qw(tenant list)) };
is($suspended->{tenant}, 'Söhne', 'tenant list has the suspended tenant');
is($suspended->{reason}, 'unpaid',
   'tenant list has the reason of the suspension');
is($cli->run('tenant', 'suspend', 'Söhne')->{exit}, 0,
   'a second tenant suspend succeeds');
is($cli->run('tenant', 'resume', 'Söhne')->{exit}, 0, 'tenant resume succeeds');
is($cli->verify($key->{key}), 'granted',
   'the key is granted after tenant resume');
is($cli->run('tenant', 'suspend', 'by hand')->{exit}, 0,
   'tenant suspend succeeds for a tenant without a row of its own');
is($cli->show('hand')->{state}, 'suspended',
   'a key of that tenant is suspended');
for my $unknown ('nobody', 'Acme', '', "' OR ''='") {
    for my $command (qw(suspend resume)) {
        $done = $cli->run('tenant', $command, $unknown);
        is($done->{exit}, 1,
           "tenant $command fails for the unknown tenant '$unknown'");
        like($done->{err}, qr/no tenant "\Q$unknown\E"/,
             "the message of tenant $command names the tenant '$unknown'");
    }
}
is($cli->run('tenant', 'suspend', 'acme', '--reason', "a\tb")->{exit}, 1,
   'tenant suspend refuses a reason with a tab');

# htapikey audit: all entries, and those of a key or of a tenant.
my @all = @{ $cli->json('audit') };
is(join(' ', grep { $_ ne 'init' } map { $_->{action} } @all),
   join(' ', qw(scope-add
   scope-add scope-add scope-remove create create create suspend resume
   suspend)), 'audit has all changes in order');
is_deeply([ map { $_->{number} } @all ],
          [ sort { $a <=> $b } map { $_->{number} } @all ],
          'audit has its entries in order of their numbers');
is(join(' ', map { $_->{action} }
        @{ $cli->json('audit', '--key', $key->{id}) }), 'create',
   'audit --key has the entries of that key');
is(join(' ', map { $_->{action} }
        @{ $cli->json('audit', '--tenant', 'Söhne') }),
   'create suspend resume', 'audit --tenant has the entries of that tenant');
is_deeply($cli->json('audit', '--key', 'nobody'), [],
          'audit --key of an unknown key has no entry');
my $who = getpwuid $>;
like($cli->run('audit')->{out}, qr/^20\S+Z +\Q$who\E +suspend +- +by hand +-/m,
     'the text of audit has time, user, action and tenant');

unlike($cli->run(@$_)->{out}, qr/ $/m, "no line ends with blanks: @$_")
    for ['audit'], [qw(tenant list)], [qw(scope list)];

done_testing;
