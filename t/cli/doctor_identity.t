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

# Runs doctor: level and sentence of each finding on identities.
sub identities {
    my $done = $cli->run('doctor', '--user', scalar getpwuid $>, @_);
    return ($done, map { /^(\w+) +identity +(.*)$/ ? "$1: $2" : () }
                   split /\n/, $done->{out});
}

# Makes a CONF with a database of this name, or with these lines.
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
   'doctor reports UUID and epoch of the database');

my %conf = map { $_ => conf($_) } qw(copy second fresh none);
sqlite('keys', ".backup $folder/$_.db") for qw(copy second);
is($cli->run('init', { conf => $conf{fresh} })->{exit}, 0,
   'init makes another database');

($done, @said) = identities($conf{fresh});
is(join(' ', map { /^(\w+)/ } @said), 'ok ok',
   'another database of its own is ok');
like($said[1], qr/\Q$conf{fresh}\E is (?!\Q$uuid\E)[0-9a-f-]{36}, epoch/,
     'the finding has the UUID of the other database');
is($done->{exit}, 0, 'exit status 0 when each database has its own identity');

($done, @said) = identities(@conf{qw(fresh copy second)});
is(join(' ', map { /^(\w+)/ } @said), 'ok ok ok warn ok warn',
   'each of two copies of the database gives a warning');
like($said[3], qr/\Q$conf{copy}\E and \Q$cli->{conf}\E have one identity: /,
     'the first warning names the first copy');
like($said[5], qr/\Q$conf{second}\E and \Q$cli->{conf}\E have/,
     'the second warning names the second copy');
is($done->{exit}, 0, 'exit status 0 when there are warnings only');

is($cli->run(qw(init --new-identity), { conf => $conf{copy} })->{exit}, 0,
   'init --new-identity gives the copy an identity of its own');
($done, @said) = identities($conf{copy});
is(join(' ', map { /^(\w+)/ } @said), 'ok ok',
   'a copy with an identity of its own is ok');
($done, @said) = identities(@conf{qw(second fresh)}, $conf{fresh});
like($said[-1], qr/^ok: \Q$conf{fresh}\E and \Q$conf{fresh}\E name one d/,
     'a CONF that is named twice is one database and ok');

# The second and the third CONF are also compared with each other.
sqlite('copy', ".backup $folder/second.db");
($done, @said) = identities(@conf{qw(copy second)});
like($said[-1], qr/^warn: .*\Q$conf{second}\E and \Q$conf{copy}\E have/,
     'two further databases with one identity give a warning');

for my $case ([ $conf{none}, 'no database' ], [ "$folder/nothing", 'no file' ],
              [ conf('half', 'DBDriver sqlite3'), 'half a CONF' ],
              [ conf('mixed', 'DBDriver sqlite3', "DBDParams $folder/keys.db",
                     "ApiKeyDBDParams $folder/fresh.db"),
                'the parameters of one database and the driver of another' ]) {
    my ($path, $what) = @$case;
    ($done, @said) = identities($path);
like($said[-1], qr/^fail: .*\Q$path\E could not be asked/,
         "doctor fails for $what");
    is($done->{exit}, 1, "exit status 1 for $what");
    like($done->{err}, qr/\Q$folder\E/, "the message has the reason for $what");
}
ok(!-e "$folder/none.db", 'doctor makes no database file');
is(scalar(grep { $_->{check} eq 'identity' }
          @{ $cli->json('doctor', '--user', scalar getpwuid $>,
                          @conf{qw(copy second)}) }), 4,
   'JSON has the finding of each database and of each pair');
done_testing;
