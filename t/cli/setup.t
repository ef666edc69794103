# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey secret and htapikey init: a line for the secret file, and the tables.

use strict;
use warnings;

use Test::More;
use MIME::Base64 qw(decode_base64);
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->bare;
my ($folder, $db) = @{$cli}{qw(folder db)};

# htapikey secret writes a line for ApiKeySecretFile and needs no CONF.
my @lines = map { $cli->run('secret', { conf => undef })->{out} } 1 .. 2;
for my $line (@lines) {
    like($line, qr{^[\w.-]{1,32} [A-Za-z0-9+/]{43}=\n\z},
         'htapikey secret writes an id and a secret');
    is(length decode_base64((split ' ', $line)[1]), 32,
       'the secret has 32 bytes');
}
isnt($lines[0], $lines[1], 'htapikey secret writes another secret each time');
$cli->write(ring => "$lines[0]k1 $APIKey::CLI::SECRET\n");

# Only init makes the database file.
for my $command ([qw(list)], [qw(show x)], [qw(revoke x)], [qw(rotate x)],
                 [qw(create --tenant a --name b)], [qw(verify)],
                 [qw(tenant list)], [qw(scope add a)], [qw(audit)]) {
    my $done = $cli->run(@$command);
    is($done->{exit}, 3, "exit status 3 without a database: @$command");
    like($done->{err}, qr/\Q$db\E.*htapikey init/,
         "the message names the file and htapikey init: @$command");
    ok(!-e $db, "the file is not made by: @$command");
}

my $done = $cli->run('init');
is($done->{exit}, 0, 'init succeeds without a file');
is($done->{err}, '', 'init writes nothing to standard error');
like($done->{out}, qr/made/, 'init says that it made the tables');
is((stat $db)[2] & 07, 0, 'other users have no rights to the new file');
is($cli->sql('PRAGMA journal_mode'), 'wal',
   'the journal is WAL, so that readers do not wait');
is(join(' ', sort $cli->sql("SELECT name FROM sqlite_master WHERE type = "
                            . "'table' AND name LIKE 'apikey%'")),
   'apikey apikey_audit apikey_change apikey_identity apikey_scope '
   . 'apikey_tenant apikey_usage', 'init makes these tables');
like($cli->sql('SELECT uuid FROM apikey_identity'), qr/^[0-9a-f-]{36}$/,
     'init gives the database a UUID');
my $key = $cli->create;
my $all = join "\n", $cli->sql('SELECT * FROM apikey', 'SELECT * FROM '
    . 'apikey_identity', 'SELECT * FROM apikey_audit');
$done = $cli->run('init');
is($done->{exit}, 0, 'a second init succeeds');
like($done->{out}, qr/already/, 'a second init says that the tables are there');
is(join("\n", $cli->sql('SELECT * FROM apikey', 'SELECT * FROM '
   . 'apikey_identity', 'SELECT * FROM apikey_audit')), $all,
   'a second init changes no key, no identity and no audit');
is_deeply($cli->json('init'), { from => 6, version => 6 },
          'JSON of init has the old and the new version');
is($key->{secret}, (split ' ', $lines[0])[0],
   'the first secret of the file signs new keys');

# Databases of another version, a database of another program, and a file that
# is no database.
$cli->sql('UPDATE apikey_identity SET schema_version = 1');
$done = $cli->run('list');
is($done->{exit}, 3, 'exit status 3 for list in an older schema');
like($done->{err}, qr/version 1.*htapikey init/,
     'the message has the old version and names init');
$cli->sql('UPDATE apikey_identity SET schema_version = 99');
for my $command (qw(list init)) {
    $done = $cli->run($command);
    is($done->{exit}, 3, "exit status 3 for $command in a newer schema");
    like($done->{err}, qr/version 99.*newer/,
         "the message of $command has the newer version");
}
$cli->{db} = "$folder/other.db";
$cli->conf;
$cli->sql('CREATE TABLE t (x)');
$done = $cli->run('list');
is($done->{exit}, 3, 'exit status 3 for list in a database of another program');
like($done->{err}, qr/none of mod_apikey's tables.*htapikey init/,
     'the message says that our tables are missing and names init');
is($cli->run('init')->{exit}, 0,
   'init makes our tables beside those of another program');
$cli->write(db => "This is a letter, not a database.\n" x 100);
for my $command (qw(list init)) {
    $done = $cli->run($command);
    is($done->{exit}, 3,
       "exit status 3 for $command in a file that is no database");
    like($done->{err}, qr/not a database/,
         "the message of $command says that it is no database");
}

# A folder in which no file can be made.
$cli->{db} = "$folder/none/keys.db";
$cli->conf;
$done = $cli->run('init');
is($done->{exit}, 3, 'exit status 3 for init in a folder that is not there');
like($done->{err}, qr{\Q$folder\E/none/keys\.db.*No such file},
     'the message names the file and the reason');

# The forms of DBDParams for SQLite.
for my $params ("file:$folder/uri.db?mode=rw", "file:$folder/plain.db",
                "file://$folder/a%20blank.db") {
    $cli->write(conf => "DBDriver sqlite3\nDBDParams $params\n");
    is($cli->run('list')->{exit}, 3, "list fails before init: $params");
    is($cli->run('init')->{exit}, 0, "init succeeds: $params");
    is($cli->run('list')->{exit}, 0, "list succeeds after init: $params");
}
ok(-s "$folder/$_", "DBDParams has led to the file $_")
    for 'uri.db', 'plain.db', 'a blank.db';

# A database that root makes belongs to the owner of its folder.
if ($> == 0) {
    mkdir "$folder/theirs" or die "theirs: $!\n";
    chown 12345, 12346, "$folder/theirs" or die "theirs: $!\n";
    $cli->{db} = "$folder/theirs/keys.db";
    $cli->conf;
    is($cli->run('init')->{exit}, 0,
       'init succeeds as root in a folder of another user');
    is(join(' ', (stat $cli->{db})[4, 5]), '12345 12346',
       'the new file belongs to the owner of its folder');
}

done_testing;
