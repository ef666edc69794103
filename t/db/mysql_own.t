# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# What only MariaDB does: locks, rights, bulk changes, the settings that a
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
is($cli->run('init')->{exit}, 0, 'init');
my @id = map { $cli->create->{id} } 1, 2;

sub last_change { return $server->sql('SELECT MAX(number) FROM apikey_change') }

# A refused statement's own words are not for this test's output.
sub refused {
    my ($what) = @_;
    open my $err, '>&', \*STDERR or die "stderr: $!\n";
    open STDERR, '>', '/dev/null';
    my $done = eval { $what->(); 1 };
    open STDERR, '>&', $err or die "stderr: $!\n";
    return !$done;
}

# The texts of all tables compare to the byte.
is(join(' ', $server->sql('SELECT DISTINCT collation_name FROM '
   . 'information_schema.columns WHERE table_schema = DATABASE() AND '
   . 'collation_name IS NOT NULL')), 'utf8mb4_nopad_bin', 'the collation');
is(join(' ', $server->sql('SELECT DISTINCT engine FROM information_schema.'
   . 'tables WHERE table_schema = DATABASE()')), 'InnoDB', 'the engine');

# A lock that has nothing to do with the counter, held by one who only reads.
my $session = $server->session;
my $connection = $session->run('SELECT CONNECTION_ID()');
$session->run("BEGIN; SELECT id FROM apikey WHERE id = '$id[0]' FOR UPDATE");
my $done = $cli->run('revoke', $id[0]);
is($done->{exit}, 3, 'a row that is locked');
like($done->{err}, qr/held by connection $connection of root\@localhost, it/,
     'by whom');
unlike($done->{err}, qr/SELECT|$id[0]/, 'and not what he asked');
is($cli->run('show', $id[0])->{exit}, 0, 'who only reads does not wait');
is($cli->run('revoke', $id[1])->{exit}, 0, 'nor who wants another key');
$session->run('ROLLBACK');

# Tables that somebody reads in a transaction cannot be changed.
$server->sql('DELETE FROM apikey_identity');
$session->run('BEGIN; SELECT COUNT(*) FROM apikey');
$done = $cli->run('init');
is($done->{exit}, 3, 'init while a transaction reads the tables');
like($done->{err}, qr/held by connection $connection of root/, 'by whom');
$session->run('ROLLBACK');
is($cli->run('init')->{exit}, 0, 'and when it is over') or diag $done->{err};

# Somebody with no more rights than to change keys and tenants.
$server->sql("CREATE USER clerk\@localhost", map {
    "GRANT SELECT, INSERT, UPDATE ON $server->{database}.$_ TO clerk\@localhost"
} qw(apikey apikey_tenant apikey_audit apikey_scope apikey_usage apikey_change),
    'apikey_identity', 'apikey_counter');
my @root = @{ $cli->{database} };
$cli->{database} = [ map { s/root/clerk/r } @root ];
$cli->conf;
my $last = last_change();
my $made = $cli->create;
is($cli->verify($made->{key}), 'granted', 'a clerk makes a key');
is(last_change() - $last, 1, 'which counts');
$session->run("BEGIN; UPDATE apikey SET name = 'm' WHERE id = '$made->{id}'");
$done = $cli->run('revoke', $made->{id});
is($done->{exit}, 3, 'a lock in the way of one without the right PROCESS');
like($done->{err}, qr/held by connection $connection of root\@localhost, wh/,
     'is named from the counter');
$session->run('ROLLBACK');
$session->run("BEGIN; SELECT id FROM apikey WHERE id = '$made->{id}'"
              . ' FOR UPDATE');
$done = $cli->run('revoke', $made->{id});
is($done->{exit}, 3, 'a lock that only PROCESS could see');
like($done->{err}, qr/another process holds a lock/, 'is a lock all the same');
$session->run('ROLLBACK');
$session->close;
$cli->{database} = \@root;
$cli->conf;

# Numbers come from the counter alone, whatever is typed.
$last = last_change();
$server->sql("INSERT INTO apikey_change (number, kind, changed) VALUES"
             . " (1, 'all', 1), (0, 'all', 1), (99999, 'all', 1)");
is(join(' ', $server->sql('SELECT number FROM apikey_change WHERE number > '
   . $last)), join(' ', map { $last + $_ } 1 .. 3), 'the next three');
is($server->sql('SELECT number FROM apikey_counter'), $last + 3,
   'and the counter is there, too');
my $revoke = "UPDATE apikey SET revoked = 1 WHERE id = '$made->{id}'";
$server->sql('CREATE TABLE away AS SELECT * FROM apikey_counter',
             'DELETE FROM apikey_counter');
ok(refused(sub { $server->sql($revoke) }),
   'without a counter nothing is changed');
is($server->sql("SELECT revoked FROM apikey WHERE id = '$made->{id}'"), 0,
   'nothing at all');
my $doctor = $cli->run('doctor');
is($doctor->{exit}, 1, 'doctor finds it');
like($doctor->{out}, qr/^fail\s+counter\s+"0" rows /m, 'and says so');
$server->sql('INSERT INTO apikey_counter SELECT * FROM away', 'DROP TABLE away',
             $revoke);
is(last_change(), $last + 4, 'and with it again as before');

$doctor = $cli->run('doctor');
like($doctor->{out}, qr/^ok\s+$_\s/m, "doctor is content with the $_")
    for qw(counter collation engine);
$server->sql('ALTER TABLE apikey_scope CONVERT TO CHARACTER SET utf8mb4 '
             . 'COLLATE utf8mb4_general_ci', 'ALTER TABLE apikey_usage ENGINE'
             . ' = MyISAM');
$doctor = $cli->run('doctor');
like($doctor->{out}, qr/^fail\s+collation\s+"2" columns /m, 'not with another');
like($doctor->{out}, qr/^fail\s+engine\s+"1" tables /m, 'nor another engine');

# An import of one's own, as the manual shows it.
$last = last_change();
$server->sql('BEGIN', 'SET @apikey_bulk = 1', "UPDATE apikey SET name = 'n'",
             'SET @apikey_bulk = NULL',
             "INSERT INTO apikey_change (kind, changed) VALUES ('all', 1)",
             'COMMIT');
is(last_change(), $last + 1, 'one change for all of them');

# Limits of the columns hold, whatever mode the server has.
ok(refused(sub { $server->sql("UPDATE apikey SET digest = UPPER(digest)") }),
   'a digest in capitals');
ok(refused(sub { $server->sql('INSERT INTO apikey_identity (uuid, epoch,'
    . " schema_version, created) VALUES ('x', 1, 1, 1)") }),
   'a second identity');
is($cli->run('tenant', 'suspend', 'acme', '--reason', 'r' x 256)->{exit}, 1,
   'a reason that is too long is not cut');
is($cli->run('tenant', 'suspend', 'acme', '--reason', 'r' x 255)->{exit}, 0,
   'the longest is kept');

# A connection made anew is set up as the first was; the client library's own
# way to renew one would not do that.
my $heal = APIKey::HealTest->new($server);
$server->sql("SET GLOBAL log_output = 'TABLE'", 'SET GLOBAL general_log = 1');
is($heal->list(sub { $server->kill_connections })->{exit}, 0,
   'a list whose connection is killed');
$server->sql('SET GLOBAL general_log = 0');
my $asked = sub {
    return $server->sql('SELECT COUNT(DISTINCT thread_id) FROM '
                        . "mysql.general_log WHERE argument LIKE '$_[0]'");
};
is($asked->('%FROM apikey k %'), 2, 'goes on with another');
is($asked->('SET SESSION innodb_lock_wait_timeout = 5%'), 2,
   'which is set up like the first');

# Nothing of all this stands in the way of a server that was told otherwise.
$server->sql('SET GLOBAL autocommit = 0', 'SET GLOBAL sql_safe_updates = 1',
             "SET GLOBAL sql_mode = 'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH'",
             'SET GLOBAL innodb_lock_wait_timeout = 1000');
$cli->{database} = [ $server->fresh ];
$cli->conf;
is($cli->run('init')->{exit}, 0, 'init on a strange server');
$made = $cli->create(tenant => 'é');
is($cli->run('revoke', $made->{id})->{exit}, 0, 'revoke');
is($cli->verify($made->{key}), 'revoked', 'is there to stay');
$cli->run('tenant', 'suspend', 'é');
is(join(' ', $server->sql(
       "SET sql_safe_updates = 1, autocommit = 1, sql_mode = 'ANSI_QUOTES'",
       "UPDATE apikey SET name = 'm' WHERE id = '$made->{id}'",
       'SELECT COUNT(*) FROM apikey_change')), 5, 'nor do its shells');

done_testing;
