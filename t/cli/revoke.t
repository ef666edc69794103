# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey revoke revokes all keys that are named, or none of them; set with
# --add-scope and --remove-scope; the audit of both.

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

# Several ids in one command.
my @key = map { $cli->create(name => "k$_") } 1 .. 3;
my @id = map { $_->{id} } @key;
my $entries = $cli->sql('SELECT COUNT(*) FROM apikey_audit');
for my $wrong ('nobody', $cli->create(keyspace => 'ks')->{id}) {
    my $done = $cli->run('revoke', @id[0, 1], $wrong);
    is($done->{exit}, 1, "revoke of three ids fails when $wrong is not there");
    like($done->{err}, qr/"$wrong"/, "the message names the id $wrong");
    is(states(@key), 'active active active',
       "no key is revoked when $wrong is not there");
}
is($cli->sql("SELECT COUNT(*) FROM apikey_audit WHERE action = 'revoke'"), 0,
   'a failed revoke leaves no entry in the audit');
$cli->sql("CREATE TRIGGER no BEFORE UPDATE ON apikey WHEN new.id = '$id[1]' "
          . "BEGIN SELECT RAISE(ABORT, 'not this one'); END");
is($cli->run('revoke', @id)->{exit}, 3,
   'exit status 3 when the database refuses one of three');
is(states(@key), 'active active active',
   'no key is revoked when the database refuses one of three');
$cli->sql('DROP TRIGGER no');
my $done = $cli->run('revoke', @id[0, 1, 0], '--reason', 'left');
is($done->{exit}, 0,
   'revoke of two ids, one of them named twice, succeeds') or diag $done->{err};
is(() = $done->{out} =~ /has been revoked/g, 2,
   'revoke writes one line per key');
is(states(@key), 'revoked revoked active',
   'revoke changes the two keys that were named');
my $told = $cli->json('revoke', @id);
is(join(' ', map { "$_->{name} " . ($_->{changed} ? 1 : 0) } @$told),
   'k1 0 k2 0 k3 1', 'JSON is an array that says which keys were changed');
is($told->[0]{reason}, 'left', 'the reason of the first revocation stays');
is(join(' ', map { scalar @{ $cli->json('audit', '--key', $_) } } @id),
   '2 2 2', 'the audit has one revocation of each key');

# The key itself on standard input, also one that CONF does not accept.
my $leaked = $cli->create(prefix => 'old', keyspace => 'other');
$cli->conf('ApiKeyPrefix new');
$done = $cli->run('revoke', '-', { stdin => "$leaked->{key}\n" });
is($done->{exit}, 0,
   'revoke - takes the key from standard input') or diag $done->{err};
like($done->{out}, qr/^The key $leaked->{id} /,
     'revoke - writes the id of the key');
unlike("$done->{out}$done->{err}", qr/\Q$leaked->{key}\E/,
       'revoke - does not write the key');
is(states($leaked), 'revoked', 'the key from standard input is revoked');
for my $bad ('', 'x', 'ak_' . 'a' x 49, substr $leaked->{key}, 0, -1) {
    $done = $cli->run('revoke', '-', { stdin => $bad });
    is($done->{exit}, 1,
       'revoke - fails for text that is no key of the database');
    is($done->{out}, '', 'revoke - writes nothing for text that is no key');
    unlike($done->{err}, qr/\Q$bad\E/,
           'the message does not repeat text that is no key')
        if length $bad > 1;
}
is(ref $cli->json('revoke', $key[0]{id}), 'HASH',
   'JSON of the revocation of one id is an object');
$cli->conf;

# All keys of a tenant in CONF's keyspace.
my @of = map { $cli->create(tenant => 'leaver', name => "l$_") } 1 .. 300;
my $elsewhere = $cli->create(tenant => 'leaver', keyspace => 'ks');
my $stays = $cli->create(tenant => 'Leaver');
$cli->run('revoke', $of[0]{id}, '--reason', 'first');
$done = $cli->run('revoke', '--tenant', 'leaver', '--reason', 'left');
is($done->{exit}, 0, 'revoke --tenant succeeds') or diag $done->{err};
is(() = $done->{out} =~ /has been revoked/g, 299,
   'revoke --tenant revokes the keys that were not revoked before');
like($done->{err}, qr/^htapikey: 1 more .*keyspace/,
     'the message counts the keys in other keyspaces');
is(states($of[0], $of[299], $elsewhere, $stays),
   'revoked revoked active active',
   'revoke --tenant leaves other keyspaces and tenants as they are');
like($cli->run('revoke', '--tenant', 'leaver', '--keyspace', 'ks')->{out},
     qr/$elsewhere->{id}.*has been revoked/,
     'revoke --tenant --keyspace revokes the keys of that keyspace');
like($cli->run('revoke', '--tenant', 'leaver')->{out},
     qr/^Nothing was changed: all of them are revoked/,
     'a second revoke --tenant says that nothing was changed');
is_deeply($cli->json('revoke', '--tenant', 'leaver'), [],
          'JSON of a second revoke --tenant is an empty array');
$done = $cli->run('revoke', '--tenant', 'nobody');
is($done->{exit}, 1,
   'exit status 1 of revoke --tenant for a tenant without keys');
like($done->{err}, qr/no key of the tenant "nobody"/,
     'the message says that the tenant has no key');

# set --add-scope and --remove-scope.
my $many = $cli->create(scope => [qw(a b:* c)]);
my @set = ('set', $many->{id});
sub scopes { return join ' ', @{ $cli->show($many->{id})->{scopes} } }
is($cli->run(@set, qw(--add-scope d --add-scope a))->{exit}, 0,
   'set --add-scope succeeds');
is(scopes(), 'a b:* c d',
   '--add-scope adds each scope once, after those of the key');
is($cli->run(@set, qw(--remove-scope c --remove-scope a))->{exit}, 0,
   'set --remove-scope succeeds');
is(scopes(), 'b:* d', '--remove-scope removes these scopes and no other');
$cli->run(@set, qw(--remove-scope d --add-scope e));
is(scopes(), 'b:* e', '--remove-scope and --add-scope in one command');
$done = $cli->run(@set, qw(--remove-scope b:x --add-scope f));
is($done->{exit}, 1,
   'set --remove-scope fails for a scope that the key does not have');
like($done->{err}, qr/no scope "b:x"; it has: b:\* e/,
     'the message has the scopes of the key');
is(scopes(), 'b:* e', 'a failed set leaves the scopes as they were');
$cli->run(qw(scope add g));
is($cli->run(@set, qw(--add-scope g))->{exit}, 0,
   'set accepts old scopes that the catalogue does not have');
is($cli->run(@set, qw(--add-scope h))->{exit}, 1,
   'set refuses a new scope that the catalogue does not have');
$cli->run(@set, map { ('--remove-scope', $_) } qw(b:* e g));
is(scopes(), '', '--remove-scope removes all scopes');

# The audit of these changes.
my @entries = @{ $cli->json('audit', '--key', $many->{id}) };
is_deeply($entries[0]{now}{scopes}, [qw(a b:* c)],
          'the audit has the scopes of the new key');
is($entries[0]{now}{expires}, $many->{expires},
   'the audit has the end of the new key');
is_deeply([ @{ $entries[1] }{qw(was now)} ],
          [ { scopes => [qw(a b:* c)] }, { scopes => [qw(a b:* c d)] } ],
          'the audit has the scopes before and after the change');
my $text = $cli->run('audit', '--key', $many->{id})->{out};
like($text, qr/create .* name: a test; .*scopes: a b:\* c; expires: 20\S+Z$/m,
     'the text of the audit has the values of the new key');
like($text, qr/  scopes: a b:\* c -> a b:\* c d$/m,
     'the text of the audit has the old and the new scopes');
$cli->run('set', $many->{id}, '--expires', 'never', '--name', "\"\\{};");
$text = $cli->run('audit', '--key', $many->{id})->{out};
like($text, qr/name: a test -> "\\\{\};; expires: 20\S+Z -> never$/m,
     'the text of the audit has a date as a date, and a name unquoted');
$cli->sql('INSERT INTO apikey_audit (happened, who, action, was) VALUES (1000, '
          . q{'x', 'by hand', '{"expires":0,"a":{"b":1}}')});
like($cli->run('audit')->{out}, qr/by hand .*\{"expires":0,"a":\{"b":1\}\}/,
     'JSON that another program wrote is shown as it is');
my $all = $cli->json('audit');
for my $case ([ '1h', 'by hand', '' ], [ '2001-01-01', 'by hand', '' ],
              [ '1970-01-01', 'by hand', 'by hand' ]) {
    my ($since, $action, $want) = @$case;
    my @told = @{ $cli->json('audit', '--since', $since) };
    is(join(' ', grep { $_ eq $action } map { $_->{action} } @told), $want,
       "--since $since chooses entries by their time");
    is(scalar @told, @$all - ($want ? 0 : 1),
       "--since $since has all younger entries");
}

done_testing;
