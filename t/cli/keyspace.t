# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Commands that name a key by its id find it in CONF's keyspace only; a key of
# another keyspace is neither shown nor changed without --keyspace.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;

# The arguments of each after the id, and whether it needs a fresh key.
my %more = (show => [], set => [qw(--name x)], revoke => [], disable => [],
            enable => [], rotate => [], explain => [], audit => []);

# Every command whose usage has an ID is in the list above.
my %usage = map { $_->{command} => $_->{usage} } @{ $cli->json('help') };
is(join(' ', sort keys %more),
   join(' ', sort grep { $usage{$_} =~ /\bID\b/ } keys %usage),
   'every command by id is in this test');
like($usage{$_}, qr/--keyspace K/, "$_ has --keyspace") for sort keys %more;

sub call {
    my ($command, $id, @option) = @_;
    return $cli->run($command, $command eq 'audit' ? ('--key', $id) : $id,
                     @{ $more{$command} }, @option);
}

# All rows that a command can change.
sub rows {
    return join "\n", map { $cli->sql("SELECT * FROM $_") }
                      qw(apikey apikey_tenant apikey_audit apikey_change);
}

for my $case ([ 'A', 'B', 'ApiKeyKeyspace A' ], [ 'default', 'B' ],
              [ 'A', 'default', 'ApiKeyKeyspace A' ]) {
    my ($own, $other, @conf) = @$case;
    $cli->conf(@conf);
    for my $command (sort keys %more) {
        my $key = $cli->create(keyspace => $other, scope => 'a');
        $cli->run('disable', $key->{id}, '--keyspace', $other)
            if $command eq 'enable';
        my $before = rows();
        my $done = call($command, $key->{id});
        is($done->{exit}, 1, "$command in $own: not a key of $other");
        is(rows(), $before, 'and nothing is changed');
        if ($command eq 'explain') {
            like($done->{out}, qr/keyspace "$other", not of "$own"/, 'why');
        }
        else {
            my ($id, $say) = ($key->{id}, "--keyspace $other");
            like($done->{err}, qr/$id.*"$own".*"$other".*$say/,
                 'what to say instead');
            is($done->{out}, '', 'and nothing is told of it');
        }
        my $said = call($command, $key->{id}, '--keyspace', $other);
        is($said->{exit}, 0, "--keyspace $other") or diag $said->{err};
        is(call($command, $cli->create(keyspace => $own)->{id})->{exit}, 0,
           "a key of $own needs none");
    }
}

# A key of CONF's keyspace is not found with another --keyspace.
$cli->conf('ApiKeyKeyspace A');
my $key = $cli->create;
is(call('revoke', $key->{id}, '--keyspace', 'B')->{exit}, 1,
   'a key of A is none of B');
is($cli->show($key->{id})->{state}, 'active', 'and stays as it is');
my $new = $cli->json('rotate', $cli->create(keyspace => 'B')->{id},
                     '--keyspace', 'B');
is($new->{keyspace}, 'B', 'what takes the place of a key of B is of B');

# A key that could not be shown is revoked in any keyspace.
my $done = $cli->run(qw(create --tenant t --name n --keyspace B),
                     { stdout => '/dev/full' });
my ($unseen) = $done->{err} =~ /nobody has seen the key (\w{12}): it has been/;
ok($unseen, 'create --keyspace into a full disk') or diag $done->{err};
is($cli->sql("SELECT revoked > 0 FROM apikey WHERE id = '$unseen'"), 1,
   'ends as a revoked key');

# A key that is no longer in the database has no keyspace; its audit is shown.
$cli->sql("DELETE FROM apikey WHERE id = '$key->{id}'");
like(call('audit', $key->{id})->{out}, qr/create +$key->{id}/,
     'the audit of a deleted key');

# list and tenant work on all keyspaces.
is($cli->run(qw(tenant suspend t))->{exit}, 0, 'a tenant has no keyspace');
ok((grep { $_->{keyspace} eq 'B' } @{ $cli->json('list') }),
   'list tells of every keyspace');

done_testing;
