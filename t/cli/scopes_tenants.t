# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey scope, tenant and audit.

use strict;
use utf8;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;

# scope
is_deeply($cli->json(qw(scope list)), [], 'no scopes at first');
is($cli->run('scope', 'add', 'b:read', 'Read b; "quoted" ü')->{exit}, 0, 'add');
is($cli->run('scope', 'add', 'a')->{exit}, 0, 'add without a description');
is_deeply($cli->json(qw(scope list)),
          [ { name => 'a', description => '' },
            { name => 'b:read', description => 'Read b; "quoted" ü' } ],
          'both, by name');
like($cli->run(qw(scope list))->{out},
     qr/^SCOPE +DESCRIPTION\na\nb:read  Read b; "quoted"/, 'for people');
is($cli->run('scope', 'add', 'a', 'A')->{exit}, 0, 'a new description');
is($cli->run('scope', 'add', 'a')->{exit}, 0, 'none');
is($cli->json(qw(scope list))->[0]{description}, 'A', 'leaves the old one');
for my $bad ('', 'a b', "a\r\nb", 'a"b', 'ü', 'x' x 1000) {
    my $done = $cli->run('scope', 'add', $bad);
    is($done->{exit}, 1, 'refused: ' . substr $bad =~ s/[^ -~]/?/gr, 0, 20);
    like($done->{err}, qr/the scope/, 'and why');
}
is($cli->run('scope', 'add', 'c', "line\nend")->{exit}, 1,
   'a description with a line end');
is($cli->run(qw(scope remove a))->{exit}, 0, 'remove');
my $done = $cli->run(qw(scope remove a));
is($done->{exit}, 1, 'once more');
like($done->{err}, qr/"a"/, 'it is not there');
is(scalar @{ $cli->json(qw(scope list)) }, 1, 'one is left');

# tenant
my $key = $cli->create(tenant => 'Söhne', scope => 'b:read');
$cli->create(tenant => 'acme') for 1 .. 2;
$cli->sql("INSERT INTO apikey (digest, id, tenant, name) VALUES ('"
          . ('cd' x 32) . "', 'hand', 'by hand', 'n')");
my @tenants = @{ $cli->json(qw(tenant list)) };
is(join(' ', map { "$_->{tenant}:$_->{keys}" } @tenants),
   'Söhne:1 acme:2 by hand:1', 'the tenants and how many keys they have');
is($tenants[0]{suspended}, undef, 'not suspended');
is($cli->verify($key->{key}), 'granted', 'granted');
is($cli->run('tenant', 'suspend', 'Söhne', '--reason', 'unpaid')->{exit}, 0,
   'suspend');
is($cli->verify($key->{key}), 'suspended', 'suspended');
my ($suspended) = grep { $_->{suspended} } @{ $cli->json(qw(tenant list)) };
is($suspended->{tenant}, 'Söhne', 'it shows');
is($suspended->{reason}, 'unpaid', 'with its reason');
is($cli->run('tenant', 'suspend', 'Söhne')->{exit}, 0, 'once more');
is($cli->run('tenant', 'resume', 'Söhne')->{exit}, 0, 'resume');
is($cli->verify($key->{key}), 'granted', 'granted again');
is($cli->run('tenant', 'suspend', 'by hand')->{exit}, 0,
   'a tenant that has only a key');
is($cli->show('hand')->{state}, 'suspended', 'is suspended, too');
for my $unknown ('nobody', 'Acme', '', "' OR ''='") {
    for my $command (qw(suspend resume)) {
        $done = $cli->run('tenant', $command, $unknown);
        is($done->{exit}, 1, "no such tenant: $command '$unknown'");
        like($done->{err}, qr/no tenant "\Q$unknown\E"/, 'it says so');
    }
}
is($cli->run('tenant', 'suspend', 'acme', '--reason', "a\tb")->{exit}, 1,
   'a reason with a tab');

# audit
my @all = @{ $cli->json('audit') };
is(join(' ', grep { $_ ne 'init' } map { $_->{action} } @all),
   join(' ', qw(scope-add
   scope-add scope-add scope-remove create create create suspend resume
   suspend)), 'all that was done, in order');
is_deeply([ map { $_->{number} } @all ],
          [ sort { $a <=> $b } map { $_->{number} } @all ], 'by number');
is(join(' ', map { $_->{action} }
        @{ $cli->json('audit', '--key', $key->{id}) }), 'create', 'of a key');
is(join(' ', map { $_->{action} }
        @{ $cli->json('audit', '--tenant', 'Söhne') }),
   'create suspend resume', 'of a tenant');
is_deeply($cli->json('audit', '--key', 'nobody'), [], 'of nobody');
my $who = getpwuid $>;
like($cli->run('audit')->{out}, qr/^20\S+Z +\Q$who\E +suspend +- +by hand +-/m,
     'for people');

unlike($cli->run(@$_)->{out}, qr/ $/m, "no blanks at the end: @$_")
    for ['audit'], [qw(tenant list)], [qw(scope list)];

done_testing;
