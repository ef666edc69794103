# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey doctor reports the identity of each database, and which databases
# have the same one.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my $folder = $cli->{folder};

# Level and sentence of each finding on identities.
sub identities {
    my $done = $cli->run('doctor', '--user', scalar getpwuid $>, @_);
    return ($done, map { /^(\w+) +identity +(.*)$/ ? "$1: $2" : () }
                   split /\n/, $done->{out});
}

# Makes a CONF with a database of this name.
sub conf {
    my ($name, @lines) = @_;
    $cli->{other} = "$folder/$name.conf";
    $cli->write(other => join "\n", @lines ? @lines
        : ('DBDriver sqlite3', "DBDParams $folder/$name.db"), '');
    return $cli->{other};
}

sub sqlite {
    my ($name, $sql) = @_;
    system('sqlite3', '-batch', '-bail', "$folder/$name.db", $sql) == 0
        or die "sqlite3 $sql";
}

my $uuid = $cli->sql('SELECT uuid FROM apikey_identity');
my ($done, @said) = identities();
is("@said", "ok: The database of $cli->{conf} is $uuid, epoch "
   . $cli->sql('SELECT epoch FROM apikey_identity') . '.',
   'the identity is told');

my %conf = map { $_ => conf($_) } qw(copy second fresh none);
sqlite('keys', ".backup $folder/$_.db") for qw(copy second);
is($cli->run('init', { conf => $conf{fresh} })->{exit}, 0, 'another database');

($done, @said) = identities($conf{fresh});
is(join(' ', map { /^(\w+)/ } @said), 'ok ok', 'a database of its own');
like($said[1], qr/\Q$conf{fresh}\E is (?!\Q$uuid\E)[0-9a-f-]{36}, epoch/,
     'with its identity');
is($done->{exit}, 0, 'nothing is wrong');

($done, @said) = identities(@conf{qw(fresh copy second)});
is(join(' ', map { /^(\w+)/ } @said), 'ok ok ok warn ok warn', 'two copies');
like($said[3], qr/\Q$conf{copy}\E and \Q$cli->{conf}\E have one identity: /, 'the first is named, and what to do');
like($said[5], qr/\Q$conf{second}\E and \Q$cli->{conf}\E have/,
     'and the second');
is($done->{exit}, 0, 'that is a warning');

is($cli->run(qw(init --new-identity), { conf => $conf{copy} })->{exit}, 0,
   'the copy gets an identity of its own');
($done, @said) = identities($conf{copy});
is(join(' ', map { /^(\w+)/ } @said), 'ok ok', 'which it says');
($done, @said) = identities(@conf{qw(second fresh)}, $conf{fresh});
like($said[-1], qr/^ok: \Q$conf{fresh}\E and \Q$conf{fresh}\E name one d/,
     'one database named twice is one');

# The second and the third CONF are compared with each other, too.
sqlite('copy', ".backup $folder/second.db");
($done, @said) = identities(@conf{qw(copy second)});
like($said[-1], qr/^warn: .*\Q$conf{second}\E and \Q$conf{copy}\E have/,
     'two others that are the same');

for my $case ([ $conf{none}, 'no database' ], [ "$folder/nothing", 'no file' ],
              [ conf('half', 'DBDriver sqlite3'), 'half a CONF' ],
              [ conf('mixed', 'DBDriver sqlite3', "DBDParams $folder/keys.db",
                     "ApiKeyDBDParams $folder/fresh.db"),
                'the parameters of one database and the driver of another' ]) {
    my ($path, $what) = @$case;
    ($done, @said) = identities($path);
    like($said[-1], qr/^fail: .*\Q$path\E could not be asked/, $what);
    is($done->{exit}, 1, 'is a failure');
    like($done->{err}, qr/\Q$folder\E/, 'and the reason is told');
}
ok(!-e "$folder/none.db", 'no database is made');
is(scalar(grep { $_->{check} eq 'identity' }
          @{ $cli->json('doctor', '--user', scalar getpwuid $>,
                          @conf{qw(copy second)}) }), 4,
   'the same in JSON');
done_testing;
