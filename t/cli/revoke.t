# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey revoke: all keys that are named or none; set with --add-scope and
# --remove-scope; their audit.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;

sub states {
    return join ' ', map { $cli->json('show', $_->{id}, '--keyspace',
                                      $_->{keyspace})->{state} } @_;
}

# Several ids.
my @key = map { $cli->create(name => "k$_") } 1 .. 3;
my @id = map { $_->{id} } @key;
my $entries = $cli->sql('SELECT COUNT(*) FROM apikey_audit');
for my $wrong ('nobody', $cli->create(keyspace => 'ks')->{id}) {
    my $done = $cli->run('revoke', @id[0, 1], $wrong);
    is($done->{exit}, 1, 'one that is not there');
    like($done->{err}, qr/"$wrong"/, 'is named');
    is(states(@key), 'active active active', 'and none is revoked');
}
is($cli->sql("SELECT COUNT(*) FROM apikey_audit WHERE action = 'revoke'"), 0,
   'nor is one in the audit');
$cli->sql("CREATE TRIGGER no BEFORE UPDATE ON apikey WHEN new.id = '$id[1]' "
          . "BEGIN SELECT RAISE(ABORT, 'not this one'); END");
is($cli->run('revoke', @id)->{exit}, 3, 'one that the database refuses');
is(states(@key), 'active active active', 'none is revoked');
$cli->sql('DROP TRIGGER no');
my $done = $cli->run('revoke', @id[0, 1, 0], '--reason', 'left');
is($done->{exit}, 0, 'two, one of them named twice') or diag $done->{err};
is(() = $done->{out} =~ /has been revoked/g, 2, 'a line each');
is(states(@key), 'revoked revoked active', 'those two');
my $told = $cli->json('revoke', @id);
is(join(' ', map { "$_->{name} " . ($_->{changed} ? 1 : 0) } @$told),
   'k1 0 k2 0 k3 1', 'in JSON an array, and which it was news for');
is($told->[0]{reason}, 'left', 'the first revocation stays');
is(join(' ', map { scalar @{ $cli->json('audit', '--key', $_) } } @id),
   '2 2 2', 'and each stands in the audit once');

# The key on standard input, also one that CONF does not accept.
my $leaked = $cli->create(prefix => 'old', keyspace => 'other');
$cli->conf('ApiKeyPrefix new');
$done = $cli->run('revoke', '-', { stdin => "$leaked->{key}\n" });
is($done->{exit}, 0, 'the key itself') or diag $done->{err};
like($done->{out}, qr/^The key $leaked->{id} /, 'its id is told');
unlike("$done->{out}$done->{err}", qr/\Q$leaked->{key}\E/, 'and it is not');
is(states($leaked), 'revoked', 'it is revoked');
for my $bad ('', 'x', 'ak_' . 'a' x 49, substr $leaked->{key}, 0, -1) {
    $done = $cli->run('revoke', '-', { stdin => $bad });
    is($done->{exit}, 1, 'what is no key of ours');
    is($done->{out}, '', 'nothing is done');
    unlike($done->{err}, qr/\Q$bad\E/, 'nor is it repeated') if length $bad > 1;
}
is(ref $cli->json('revoke', $key[0]{id}), 'HASH', 'one key: an object');
$cli->conf;

# All keys of a tenant.
my @of = map { $cli->create(tenant => 'leaver', name => "l$_") } 1 .. 300;
my $elsewhere = $cli->create(tenant => 'leaver', keyspace => 'ks');
my $stays = $cli->create(tenant => 'Leaver');
$cli->run('revoke', $of[0]{id}, '--reason', 'first');
$done = $cli->run('revoke', '--tenant', 'leaver', '--reason', 'left');
is($done->{exit}, 0, 'of a tenant') or diag $done->{err};
is(() = $done->{out} =~ /has been revoked/g, 299, 'all that were not');
like($done->{err}, qr/^htapikey: 1 more .*keyspace/, 'those elsewhere are told');
is(states($of[0], $of[299], $elsewhere, $stays),
   'revoked revoked active active', 'those of others stay');
like($cli->run('revoke', '--tenant', 'leaver', '--keyspace', 'ks')->{out},
     qr/$elsewhere->{id}.*has been revoked/, 'with --keyspace: those');
like($cli->run('revoke', '--tenant', 'leaver')->{out},
     qr/^Nothing was changed: all of them are revoked/, 'once more');
is_deeply($cli->json('revoke', '--tenant', 'leaver'), [], 'none, in JSON');
$done = $cli->run('revoke', '--tenant', 'nobody');
is($done->{exit}, 1, 'a tenant without keys');
like($done->{err}, qr/no key of the tenant "nobody"/, 'it says so');

# Single scopes.
my $many = $cli->create(scope => [qw(a b:* c)]);
my @set = ('set', $many->{id});
sub scopes { return join ' ', @{ $cli->show($many->{id})->{scopes} } }
is($cli->run(@set, qw(--add-scope d --add-scope a))->{exit}, 0, 'given');
is(scopes(), 'a b:* c d', 'once each, behind those that it had');
is($cli->run(@set, qw(--remove-scope c --remove-scope a))->{exit}, 0, 'taken');
is(scopes(), 'b:* d', 'those');
$cli->run(@set, qw(--remove-scope d --add-scope e));
is(scopes(), 'b:* e', 'both at once');
$done = $cli->run(@set, qw(--remove-scope b:x --add-scope f));
is($done->{exit}, 1, 'what it has not cannot be taken');
like($done->{err}, qr/no scope "b:x"; it has: b:\* e/, 'and what it has');
is(scopes(), 'b:* e', 'nothing was changed');
$cli->run(qw(scope add g));
is($cli->run(@set, qw(--add-scope g))->{exit}, 0,
   'with a catalogue that lacks what it has already');
is($cli->run(@set, qw(--add-scope h))->{exit}, 1, 'but what is new must be in');
$cli->run(@set, map { ('--remove-scope', $_) } qw(b:* e g));
is(scopes(), '', 'all of them');

# The audit.
my @entries = @{ $cli->json('audit', '--key', $many->{id}) };
is_deeply($entries[0]{now}{scopes}, [qw(a b:* c)], 'made with these scopes');
is($entries[0]{now}{expires}, $many->{expires}, 'and until then');
is_deeply([ @{ $entries[1] }{qw(was now)} ],
          [ { scopes => [qw(a b:* c)] }, { scopes => [qw(a b:* c d)] } ],
          'what they were and what they are');
my $text = $cli->run('audit', '--key', $many->{id})->{out};
like($text, qr/create .* name: a test; .*scopes: a b:\* c; expires: 20\S+Z$/m,
     'to people: what it is made with');
like($text, qr/  scopes: a b:\* c -> a b:\* c d$/m, 'and what has changed');
$cli->run('set', $many->{id}, '--expires', 'never', '--name', "\"\\{};");
$text = $cli->run('audit', '--key', $many->{id})->{out};
like($text, qr/name: a test -> "\\\{\};; expires: 20\S+Z -> never$/m,
     'a date as a date, and a name as it is');
$cli->sql('INSERT INTO apikey_audit (happened, who, action, was) VALUES (1000, '
          . q{'x', 'by hand', '{"expires":0,"a":{"b":1}}')});
like($cli->run('audit')->{out}, qr/by hand .*\{"expires":0,"a":\{"b":1\}\}/,
     'JSON of others as it is');
my $all = $cli->json('audit');
for my $case ([ '1h', 'by hand', '' ], [ '2001-01-01', 'by hand', '' ],
              [ '1970-01-01', 'by hand', 'by hand' ]) {
    my ($since, $action, $want) = @$case;
    my @told = @{ $cli->json('audit', '--since', $since) };
    is(join(' ', grep { $_ eq $action } map { $_->{action} } @told), $want,
       "--since $since");
    is(scalar @told, @$all - ($want ? 0 : 1), 'and all that is younger');
}

done_testing;
