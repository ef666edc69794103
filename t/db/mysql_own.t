# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# What is MariaDB's alone: locks, rights, changes in bulk, the settings that a
# connection needs.

use strict;
use utf8;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use APIKey::CLI;
use APIKey::HealTest;
use APIKey::MariaDB;

my $server = APIKey::MariaDB->new;
my $cli = APIKey::CLI->bare;
$cli->{database} = [ $server->fresh ];
$cli->conf;
is($cli->run('init')->{exit}, 0, 'init makes the tables');
my @id = map { $cli->create->{id} } 1, 2;

sub last_change { return $server->sql('SELECT MAX(number) FROM apikey_change') }

# Keeps the refused statement's error message out of this test's output.
sub refused {
    my ($what) = @_;
    open my $err, '>&', \*STDERR or die "stderr: $!\n";
    open STDERR, '>', '/dev/null';
    my $done = eval { $what->(); 1 };
    open STDERR, '>&', $err or die "stderr: $!\n";
    return !$done;
}

# The text columns of all tables are compared to the byte.
is(join(' ', $server->sql('SELECT DISTINCT collation_name FROM '
   . 'information_schema.columns WHERE table_schema = DATABASE() AND '
   . 'collation_name IS NOT NULL')), 'utf8mb4_nopad_bin',
   'all text columns have the collation utf8mb4_nopad_bin');
is(join(' ', $server->sql('SELECT DISTINCT engine FROM information_schema.'
   . 'tables WHERE table_schema = DATABASE()')), 'InnoDB',
   'all tables have the engine InnoDB');

# A lock on a row that is not the counter, held by a transaction that only
# reads.
my $session = $server->session;
my $connection = $session->run('SELECT CONNECTION_ID()');
$session->run("BEGIN; SELECT id FROM apikey WHERE id = '$id[0]' FOR UPDATE");
my $done = $cli->run('revoke', $id[0]);
is($done->{exit}, 3, 'status 3 for revoke while another locks the row');
like($done->{err}, qr/held by connection $connection of root\@localhost, it/,
     'the error names the connection that holds the lock');
unlike($done->{err}, qr/SELECT|$id[0]/,
       "the error does not show that connection's statement");
is($cli->run('show', $id[0])->{exit}, 0, 'show does not wait for the lock');
is($cli->run('revoke', $id[1])->{exit}, 0,
   'revoke of another key does not wait for the lock');
$session->run('ROLLBACK');

# Tables that another transaction reads cannot be altered.
$server->sql('DELETE FROM apikey_identity');
$session->run('BEGIN; SELECT COUNT(*) FROM apikey');
$done = $cli->run('init');
is($done->{exit}, 3, 'status 3 for init while a transaction reads the tables');
like($done->{err}, qr/held by connection $connection of root/,
     'the error names that connection');
$session->run('ROLLBACK');
is($cli->run('init')->{exit}, 0, 'init works once the transaction has ended')
    or diag $done->{err};

# A database user with no more rights than to change keys and tenants.
$server->sql("CREATE USER clerk\@localhost", map {
    "GRANT SELECT, INSERT, UPDATE ON $server->{database}.$_ TO clerk\@localhost"
} qw(apikey apikey_tenant apikey_audit apikey_scope apikey_usage apikey_change),
    'apikey_identity', 'apikey_counter');
my @root = @{ $cli->{database} };
$cli->{database} = [ map { s/root/clerk/r } @root ];
$cli->conf;
my $last = last_change();
my $made = $cli->create;
is($cli->verify($made->{key}), 'granted', 'a key made by that user is granted');
is(last_change() - $last, 1, 'its change gets a number');
$session->run("BEGIN; UPDATE apikey SET name = 'm' WHERE id = '$made->{id}'");
$done = $cli->run('revoke', $made->{id});
is($done->{exit}, 3,
   'status 3 for a user without PROCESS while another locks the counter');
like($done->{err}, qr/held by connection $connection of root\@localhost, wh/,
     'the error names the connection, which the counter tells');
$session->run('ROLLBACK');
$session->run("BEGIN; SELECT id FROM apikey WHERE id = '$made->{id}'"
              . ' FOR UPDATE');
$done = $cli->run('revoke', $made->{id});
is($done->{exit}, 3,
   'status 3 for a user without PROCESS while another locks a row');
like($done->{err}, qr/another process holds a lock/,
     'the error says that another process holds a lock');
$session->run('ROLLBACK');
$session->close;
$cli->{database} = \@root;
$cli->conf;

# Numbers come from the counter, whatever number an INSERT has.
$last = last_change();
$server->sql("INSERT INTO apikey_change (number, kind, changed) VALUES"
             . " (1, 'all', 1), (0, 'all', 1), (99999, 'all', 1)");
is(join(' ', $server->sql('SELECT number FROM apikey_change WHERE number > '
   . $last)), join(' ', map { $last + $_ } 1 .. 3),
   'three changes inserted by hand get the next three numbers');
is($server->sql('SELECT number FROM apikey_counter'), $last + 3,
   'the counter has the last number');
my $revoke = "UPDATE apikey SET revoked = 1 WHERE id = '$made->{id}'";
$server->sql('CREATE TABLE away AS SELECT * FROM apikey_counter',
             'DELETE FROM apikey_counter');
ok(refused(sub { $server->sql($revoke) }),
   "no key can be changed without the counter's row");
is($server->sql("SELECT revoked FROM apikey WHERE id = '$made->{id}'"), 0,
   'the key is not changed');
my $doctor = $cli->run('doctor');
is($doctor->{exit}, 1, "status 1 for doctor without the counter's row");
like($doctor->{out}, qr/^fail\s+counter\s+"0" rows /m,
     'doctor names the counter');
$server->sql('INSERT INTO apikey_counter SELECT * FROM away', 'DROP TABLE away',
             $revoke);
is(last_change(), $last + 4,
   "with the counter's row a change gets the next number");

$doctor = $cli->run('doctor');
like($doctor->{out}, qr/^ok\s+$_\s/m, "doctor finds the $_ right")
    for qw(counter collation engine);
$server->sql('ALTER TABLE apikey_scope CONVERT TO CHARACTER SET utf8mb4 '
             . 'COLLATE utf8mb4_general_ci', 'ALTER TABLE apikey_usage ENGINE'
             . ' = MyISAM');
$doctor = $cli->run('doctor');
like($doctor->{out}, qr/^fail\s+collation\s+"2" columns /m,
     'doctor names another collation');
like($doctor->{out}, qr/^fail\s+engine\s+"1" tables /m,
     'doctor names another engine');

# An import by SQL, as the manual has it.
$last = last_change();
$server->sql('BEGIN', 'SET @apikey_bulk = 1', "UPDATE apikey SET name = 'n'",
             'SET @apikey_bulk = NULL',
             "INSERT INTO apikey_change (kind, changed) VALUES ('all', 1)",
             'COMMIT');
is(last_change(), $last + 1, 'an import by SQL makes one change');

# The limits of the columns hold in any SQL mode of the server.
ok(refused(sub { $server->sql("UPDATE apikey SET digest = UPPER(digest)") }),
   'a digest in capitals is refused');
ok(refused(sub { $server->sql('INSERT INTO apikey_identity (uuid, epoch,'
    . " schema_version, created) VALUES ('x', 1, 1, 1)") }),
   'a second row of identity is refused');
is($cli->run('tenant', 'suspend', 'acme', '--reason', 'r' x 256)->{exit}, 1,
   'a reason of 256 characters is refused');
is($cli->run('tenant', 'suspend', 'acme', '--reason', 'r' x 255)->{exit}, 0,
   'a reason of 255 characters is stored');

# A new connection is set up as the first one was. The client library's own
# reconnection would not do that.
my $heal = APIKey::HealTest->new($server);
$server->sql("SET GLOBAL log_output = 'TABLE'", 'SET GLOBAL general_log = 1');
is($heal->list(sub { $server->kill_connections })->{exit}, 0,
   'a list works although its connection is killed');
$server->sql('SET GLOBAL general_log = 0');
my $asked = sub {
    return $server->sql('SELECT COUNT(DISTINCT thread_id) FROM '
                        . "mysql.general_log WHERE argument LIKE '$_[0]'");
};
is($asked->('%FROM apikey k %'), 2, 'the list was read over two connections');
is($asked->('SET SESSION innodb_lock_wait_timeout = 5%'), 2,
   'both connections were set up');

# Settings of the server that would disturb do not.
$server->sql('SET GLOBAL autocommit = 0', 'SET GLOBAL sql_safe_updates = 1',
             "SET GLOBAL sql_mode = 'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH'",
             'SET GLOBAL innodb_lock_wait_timeout = 1000');
$cli->{database} = [ $server->fresh ];
$cli->conf;
is($cli->run('init')->{exit}, 0, 'init works on a server with other settings');
$made = $cli->create(tenant => 'é');
is($cli->run('revoke', $made->{id})->{exit}, 0, 'revoke works on that server');
is($cli->verify($made->{key}), 'revoked', 'the revocation is stored');
$cli->run('tenant', 'suspend', 'é');
is(join(' ', $server->sql(
       "SET sql_safe_updates = 1, autocommit = 1, sql_mode = 'ANSI_QUOTES'",
       "UPDATE apikey SET name = 'm' WHERE id = '$made->{id}'",
       'SELECT COUNT(*) FROM apikey_change')), 5,
   'changes by its shell get numbers, too');

done_testing;
