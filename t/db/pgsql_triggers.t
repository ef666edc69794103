# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# What PostgreSQL's triggers do that those of other databases do not.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use APIKey::CLI;
use APIKey::Postgres;
use APIKey::Process qw(wait_until);

my $server = APIKey::Postgres->new;
my $cli = APIKey::CLI->bare;
$cli->{database} = [ $server->fresh ];
$cli->conf;
is($cli->run('init')->{exit}, 0, 'init makes the tables');

sub sql { return $server->sql(@_) }
sub one { return scalar((sql(@_))[-1]) }
sub digest { return sprintf '%064x', $_[0] }

sub insert {
    my ($number, $table) = @_;
    return 'INSERT INTO ' . ($table // 'apikey') . ' (digest, id, tenant, name)'
        . " VALUES ('" . digest($number) . "', 'i$number', 't', 'n')";
}

# The changes since the last call, without their numbers.
my $last = 0;

sub changed {
    my @rows = sql('SELECT number, kind, value FROM apikey_change WHERE '
                   . "number > $last ORDER BY number");
    ($last) = $rows[-1] =~ /^(\d+)/ if @rows;
    return join ' ', map { s/^\d+\|//r =~ s/\|0+(?=.)/|/r } @rows;
}

# The setting apikey.bulk: a transaction that has it makes one change for all
# its rows when it commits.
my $bulk = "SET LOCAL apikey.bulk = '1'";
sql('BEGIN', $bulk, map({ insert($_) } 1 .. 50),
    "INSERT INTO apikey_tenant (tenant) VALUES ('t')",
    "UPDATE apikey SET name = 'm'", 'COMMIT');
is(changed(), 'all|', 'in bulk, many rows of two tables make one change');
sql('BEGIN', $bulk, "UPDATE apikey SET name = 'o'", 'ROLLBACK');
is(changed(), '', 'in bulk, a rollback leaves no change');
sql('BEGIN', $bulk, 'SAVEPOINT a', "UPDATE apikey SET name = 'o'",
    'ROLLBACK TO a', "UPDATE apikey SET name = 'p'", 'COMMIT');
is(changed(), 'all|',
   'in bulk, a rollback to a savepoint does not take the change away');
sql('BEGIN', $bulk, 'COMMIT', "UPDATE apikey SET name = 'q' WHERE id = 'i1'");
is(changed(), 'digest|1', 'the setting ends with its transaction');
sql('BEGIN', "UPDATE apikey SET name = 'r' WHERE id = 'i2'", $bulk,
    'DELETE FROM apikey', 'COMMIT');
is(changed(), 'digest|2 all|',
   'rows changed before the setting have changes of their own');
sql('BEGIN', 'TRUNCATE apikey', 'ROLLBACK');
is(changed(), '', 'a TRUNCATE that is rolled back makes no change');
sql('BEGIN', 'TRUNCATE apikey', insert(2), 'TRUNCATE apikey_tenant', 'COMMIT');
is(changed(), 'all| digest|2',
   'two TRUNCATEs in one transaction make one change');
is(one('SELECT count(*) FROM apikey_bulk'), 0,
   'the table for bulk changes is empty after all');

# A hundred thousand rows in one statement, for which quadratic work would take
# minutes.
sql("SET statement_timeout = '60s'", 'INSERT INTO apikey (digest, id, tenant,'
    . " name) SELECT lpad(to_hex(i), 64, '0'), 'k' || i, 't', 'n' FROM"
    . ' generate_series(1000, 100999) i');
is(one("SELECT count(*) FROM apikey_change WHERE number > $last"), 100_000,
   'a hundred thousand rows in a statement make a change each');
sql('TRUNCATE apikey');
$last = one('SELECT max(number) FROM apikey_change');

# An open transaction, as by hand in psql, holds no number and no lock on
# numbers.
my $idle = $server->session;
$idle->run('BEGIN; ' . insert(5)
           . "; INSERT INTO apikey_tenant (tenant) VALUES ('t')");
sql(insert(6));
is(changed(), 'digest|6',
   'the transaction that commits first gets the first number');
$idle->run('COMMIT');
is(changed(), 'digest|5 tenant|t',
   'the transaction that commits later gets the next numbers');

# A change inserted by hand gets its number in the same order.
$idle->run("BEGIN; INSERT INTO apikey_change (kind) VALUES ('all')");
my $other = $server->session;
$other->send(insert(7));
ok(wait_until(60, sub { $server->waiting == 1 }),
   'another change waits for one that was inserted by hand and not committed');
$idle->run('COMMIT');
$other->wait;
is(changed(), 'all| digest|7',
   'the change inserted by hand has the lower number');

# A role that may write keys needs no right on the changes, and cannot hide a
# change.
sql('CREATE ROLE dashboard', 'GRANT ALL ON apikey TO dashboard',
    'GRANT TEMPORARY ON DATABASE ' . $server->{database} . ' TO dashboard',
    'GRANT CREATE ON SCHEMA public TO dashboard');
sql('SET ROLE dashboard', insert(8));
is(changed(), 'digest|8',
   'a role with rights on apikey alone: the change is recorded');
sql('SET ROLE dashboard', 'CREATE TEMPORARY TABLE apikey_change (number BIGINT,'
    . ' kind TEXT, value TEXT, changed BIGINT)',
    "UPDATE apikey SET name = 'm' WHERE id = 'i8'");
is(changed(), 'digest|8',
   'a role with a temporary table apikey_change: the change is recorded');
sql("SET search_path = ''", 'DELETE FROM public.apikey WHERE id = \'i8\'');
is(changed(), 'digest|8', 'without a search path the change is recorded');

# Two schemas of one database have tables of their own.
my ($params) = grep { /^DBDParams/ } $server->conf;
sql('CREATE SCHEMA second');
$cli->{database} = [ 'DBDriver pgsql',
                     $params =~ s/"$/ options='-c search_path=second'"/r ];
$cli->conf;
is($cli->run('init')->{exit}, 0, 'init makes tables in another schema');
my $key = $cli->create;
is(changed(), '', 'a key there makes no change in the first schema');
is(one('SELECT count(*) FROM second.apikey_change'), 2,
   'a key there makes changes in its schema');
$idle->run('BEGIN; ' . insert(9) . '; SET CONSTRAINTS ALL IMMEDIATE');
is($cli->run('revoke', $key->{id})->{exit}, 0,
   'a revocation there does not wait for the first schema');
$idle->run('ROLLBACK');
$_->close for $idle, $other;

done_testing;
