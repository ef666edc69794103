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

# The commands that name a key by its id, and their arguments after it.
my %more = (show => [], set => [qw(--name x)], revoke => [], disable => [],
            enable => [], rotate => [], explain => [], audit => []);

# Every command whose usage has an ID is among them.
my %usage = map { $_->{command} => $_->{usage} } @{ $cli->json('help') };
is(join(' ', sort keys %more),
   join(' ', sort grep { $usage{$_} =~ /\bID\b/ } keys %usage),
   'this test has every command whose usage has an ID');
like($usage{$_}, qr/--keyspace K/,
     "the usage of $_ has --keyspace") for sort keys %more;

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
        is($done->{exit}, 1,
           "$command with CONF of $own does not find a key of $other");
        is(rows(), $before,
           "$command with CONF of $own changes nothing of $other");
        if ($command eq 'explain') {
            like($done->{out}, qr/keyspace "$other", not of "$own"/,
                 "$command with CONF of $own names the keyspace $other");
        }
        else {
            my ($id, $say) = ($key->{id}, "--keyspace $other");
            like($done->{err}, qr/$id.*"$own".*"$other".*$say/,
                 "$command with CONF of $own says to write --keyspace $other");
            is($done->{out}, '',
               "$command with CONF of $own writes nothing of the key of "
               . "$other");
        }
        my $said = call($command, $key->{id}, '--keyspace', $other);
        is($said->{exit}, 0,
           "$command --keyspace $other finds the key") or diag $said->{err};
        is(call($command, $cli->create(keyspace => $own)->{id})->{exit}, 0,
           "$command finds a key of $own without --keyspace");
    }
}

# A key of CONF's keyspace is not found when --keyspace names another.
$cli->conf('ApiKeyKeyspace A');
my $key = $cli->create;
is(call('revoke', $key->{id}, '--keyspace', 'B')->{exit}, 1,
   'revoke --keyspace B does not find a key of A');
is($cli->show($key->{id})->{state}, 'active',
   'revoke --keyspace B leaves the key of A active');
my $new = $cli->json('rotate', $cli->create(keyspace => 'B')->{id},
                     '--keyspace', 'B');
is($new->{keyspace}, 'B', 'rotate --keyspace B makes a key of the keyspace B');

# A key that could not be shown is revoked in any keyspace.
my $done = $cli->run(qw(create --tenant t --name n --keyspace B),
                     { stdout => '/dev/full' });
my ($unseen) = $done->{err} =~ /the key (\w{12}) was not shown: it has been/;
ok($unseen,
   'create --keyspace B fails when the key cannot be written')
    or diag $done->{err};
is($cli->sql("SELECT revoked > 0 FROM apikey WHERE id = '$unseen'"), 1,
   'a key of keyspace B that was not written is revoked');

# A key that was deleted from the database has no keyspace; its audit is shown.
$cli->sql("DELETE FROM apikey WHERE id = '$key->{id}'");
like(call('audit', $key->{id})->{out}, qr/create +$key->{id}/,
     'audit --key shows the entries of a deleted key');

# list and tenant work on all keyspaces.
is($cli->run(qw(tenant suspend t))->{exit}, 0,
   'tenant suspend works without a keyspace');
ok((grep { $_->{keyspace} eq 'B' } @{ $cli->json('list') }),
   'list has keys of every keyspace');

done_testing;
