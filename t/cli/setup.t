# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey secret and htapikey init.

use strict;
use warnings;

use Test::More;
use MIME::Base64 qw(decode_base64);
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->bare;
my ($folder, $db) = @{$cli}{qw(folder db)};

# A line for ApiKeySecretFile, without any CONF.
my @lines = map { $cli->run('secret', { conf => undef })->{out} } 1 .. 2;
for my $line (@lines) {
    like($line, qr{^[\w.-]{1,32} [A-Za-z0-9+/]{43}=\n\z}, 'a secret line');
    is(length decode_base64((split ' ', $line)[1]), 32, 'of 32 bytes');
}
isnt($lines[0], $lines[1], 'another each time');
$cli->write(ring => "$lines[0]k1 $APIKey::CLI::SECRET\n");

# Only init makes the file.
for my $command ([qw(list)], [qw(show x)], [qw(revoke x)], [qw(rotate x)],
                 [qw(create --tenant a --name b)], [qw(verify)],
                 [qw(tenant list)], [qw(scope add a)], [qw(audit)]) {
    my $done = $cli->run(@$command);
    is($done->{exit}, 3, "no database: @$command");
    like($done->{err}, qr/\Q$db\E.*htapikey init/, 'it says what to do');
    ok(!-e $db, 'and makes no file');
}

my $done = $cli->run('init');
is($done->{exit}, 0, 'init');
is($done->{err}, '', 'without a word on standard error');
like($done->{out}, qr/made/, 'says that it made the tables');
is((stat $db)[2] & 07, 0, 'the file is not for everyone');
is($cli->sql('PRAGMA journal_mode'), 'wal', 'readers never wait');
is(join(' ', sort $cli->sql("SELECT name FROM sqlite_master WHERE type = "
                            . "'table' AND name LIKE 'apikey%'")),
   'apikey apikey_audit apikey_change apikey_identity apikey_scope '
   . 'apikey_tenant apikey_usage', 'the tables');
like($cli->sql('SELECT uuid FROM apikey_identity'), qr/^[0-9a-f-]{36}$/,
     'the database has a UUID');
my $key = $cli->create;
my $all = join "\n", $cli->sql('SELECT * FROM apikey', 'SELECT * FROM '
    . 'apikey_identity', 'SELECT * FROM apikey_audit');
$done = $cli->run('init');
is($done->{exit}, 0, 'init once more');
like($done->{out}, qr/already/, 'says that they are there');
is(join("\n", $cli->sql('SELECT * FROM apikey', 'SELECT * FROM '
   . 'apikey_identity', 'SELECT * FROM apikey_audit')), $all,
   'and changes nothing');
is_deeply($cli->json('init'), { from => 6, version => 6 }, 'in JSON');
is($key->{secret}, (split ' ', $lines[0])[0], 'the first secret signs');

# Databases with other tables, or of another version.
$cli->sql('UPDATE apikey_identity SET schema_version = 1');
$done = $cli->run('list');
is($done->{exit}, 3, 'an older version');
like($done->{err}, qr/version 1.*htapikey init/, 'it says what to do');
$cli->sql('UPDATE apikey_identity SET schema_version = 99');
for my $command (qw(list init)) {
    $done = $cli->run($command);
    is($done->{exit}, 3, "a newer version: $command");
    like($done->{err}, qr/version 99.*newer/, 'it says what to do');
}
$cli->{db} = "$folder/other.db";
$cli->conf;
$cli->sql('CREATE TABLE t (x)');
$done = $cli->run('list');
is($done->{exit}, 3, 'a database of something else');
like($done->{err}, qr/none of mod_apikey's tables.*htapikey init/,
     'it says what to do');
is($cli->run('init')->{exit}, 0, 'init makes the tables beside');
$cli->write(db => "This is a letter, not a database.\n" x 100);
for my $command (qw(list init)) {
    $done = $cli->run($command);
    is($done->{exit}, 3, "no database at all: $command");
    like($done->{err}, qr/not a database/, 'in its own words');
}

# A folder in which no file can be made.
$cli->{db} = "$folder/none/keys.db";
$cli->conf;
$done = $cli->run('init');
is($done->{exit}, 3, 'no such folder');
like($done->{err}, qr{\Q$folder\E/none/keys\.db.*No such file}, 'is named');

# The forms of DBDParams for SQLite.
for my $params ("file:$folder/uri.db?mode=rw", "file:$folder/plain.db",
                "file://$folder/a%20blank.db") {
    $cli->write(conf => "DBDriver sqlite3\nDBDParams $params\n");
    is($cli->run('list')->{exit}, 3, "$params: not there");
    is($cli->run('init')->{exit}, 0, 'init');
    is($cli->run('list')->{exit}, 0, 'there');
}
ok(-s "$folder/$_", "it is $_") for 'uri.db', 'plain.db', 'a blank.db';

# A database that root makes belongs to the owner of its folder.
if ($> == 0) {
    mkdir "$folder/theirs" or die "theirs: $!\n";
    chown 12345, 12346, "$folder/theirs" or die "theirs: $!\n";
    $cli->{db} = "$folder/theirs/keys.db";
    $cli->conf;
    is($cli->run('init')->{exit}, 0, 'root makes a database for another');
    is(join(' ', (stat $cli->{db})[4, 5]), '12345 12346', 'who owns it');
}

done_testing;
