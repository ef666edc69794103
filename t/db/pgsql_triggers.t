# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# What the triggers on PostgreSQL promise beyond what those of any database do.

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
is($cli->run('init')->{exit}, 0, 'init');

sub sql { return $server->sql(@_) }
sub one { return scalar((sql(@_))[-1]) }
sub digest { return sprintf '%064x', $_[0] }

sub insert {
    my ($number, $table) = @_;
    return 'INSERT INTO ' . ($table // 'apikey') . ' (digest, id, tenant, name)'
        . " VALUES ('" . digest($number) . "', 'i$number', 't', 'n')";
}

# What has been added to the changes, and whether something was left behind.
my $last = 0;

sub changed {
    my @rows = sql('SELECT number, kind, value FROM apikey_change WHERE '
                   . "number > $last ORDER BY number");
    ($last) = $rows[-1] =~ /^(\d+)/ if @rows;
    return join ' ', map { s/^\d+\|//r =~ s/\|0+(?=.)/|/r } @rows;
}

# In bulk: one change for all, in a transaction that commits, and only there.
my $bulk = "SET LOCAL apikey.bulk = '1'";
sql('BEGIN', $bulk, map({ insert($_) } 1 .. 50),
    "INSERT INTO apikey_tenant (tenant) VALUES ('t')",
    "UPDATE apikey SET name = 'm'", 'COMMIT');
is(changed(), 'all|', 'in bulk, many rows of two tables leave one change');
sql('BEGIN', $bulk, "UPDATE apikey SET name = 'o'", 'ROLLBACK');
is(changed(), '', 'a rollback leaves none');
sql('BEGIN', $bulk, 'SAVEPOINT a', "UPDATE apikey SET name = 'o'",
    'ROLLBACK TO a', "UPDATE apikey SET name = 'p'", 'COMMIT');
is(changed(), 'all|', 'a rollback to a savepoint takes no more with it');
sql('BEGIN', $bulk, 'COMMIT', "UPDATE apikey SET name = 'q' WHERE id = 'i1'");
is(changed(), 'digest|1', 'the setting ends with its transaction');
sql('BEGIN', "UPDATE apikey SET name = 'r' WHERE id = 'i2'", $bulk,
    'DELETE FROM apikey', 'COMMIT');
is(changed(), 'digest|2 all|', 'what came before it is counted by itself');
sql('BEGIN', 'TRUNCATE apikey', 'ROLLBACK');
is(changed(), '', 'a TRUNCATE that is rolled back');
sql('BEGIN', 'TRUNCATE apikey', insert(2), 'TRUNCATE apikey_tenant', 'COMMIT');
is(changed(), 'all| digest|2', 'and two that are not, in one transaction');
is(one('SELECT count(*) FROM apikey_bulk'), 0, 'nothing is left behind');

# A hundred thousand rows: a way that is quadratic takes minutes.
sql("SET statement_timeout = '60s'", 'INSERT INTO apikey (digest, id, tenant,'
    . " name) SELECT lpad(to_hex(i), 64, '0'), 'k' || i, 't', 'n' FROM"
    . ' generate_series(1000, 100999) i');
is(one("SELECT count(*) FROM apikey_change WHERE number > $last"), 100_000,
   'a hundred thousand rows in a statement are counted, each');
sql('TRUNCATE apikey');
$last = one('SELECT max(number) FROM apikey_change');

# An open transaction of a person's holds no number and no lock on numbers.
my $idle = $server->session;
$idle->run('BEGIN; ' . insert(5)
           . "; INSERT INTO apikey_tenant (tenant) VALUES ('t')");
sql(insert(6));
is(changed(), 'digest|6', 'who commits first is counted first');
$idle->run('COMMIT');
is(changed(), 'digest|5 tenant|t', 'who commits later is counted later');

# A number typed in by hand waits its turn, too.
$idle->run("BEGIN; INSERT INTO apikey_change (kind) VALUES ('all')");
my $other = $server->session;
$other->send(insert(7));
ok(wait_until(60, sub { $server->waiting == 1 }),
   'nobody overtakes a change by hand');
$idle->run('COMMIT');
$other->wait;
is(changed(), 'all| digest|7', 'it has the lower number');

# Who may write keys need not be allowed to write changes, and cannot hide
# them from us.
sql('CREATE ROLE dashboard', 'GRANT ALL ON apikey TO dashboard',
    'GRANT TEMPORARY ON DATABASE ' . $server->{database} . ' TO dashboard',
    'GRANT CREATE ON SCHEMA public TO dashboard');
sql('SET ROLE dashboard', insert(8));
is(changed(), 'digest|8', 'a role with no right but on apikey is counted');
sql('SET ROLE dashboard', 'CREATE TEMPORARY TABLE apikey_change (number BIGINT,'
    . ' kind TEXT, value TEXT, changed BIGINT)',
    "UPDATE apikey SET name = 'm' WHERE id = 'i8'");
is(changed(), 'digest|8', 'with a table of that name of its own, too');
sql("SET search_path = ''", 'DELETE FROM public.apikey WHERE id = \'i8\'');
is(changed(), 'digest|8', 'and without a search path');

# Two schemas in a database are two databases.
my ($params) = grep { /^DBDParams/ } $server->conf;
sql('CREATE SCHEMA second');
$cli->{database} = [ 'DBDriver pgsql',
                     $params =~ s/"$/ options='-c search_path=second'"/r ];
$cli->conf;
is($cli->run('init')->{exit}, 0, 'init in another schema');
my $key = $cli->create;
is(changed(), '', 'the first hears nothing of it');
is(one('SELECT count(*) FROM second.apikey_change'), 2, 'the second does');
$idle->run('BEGIN; ' . insert(9) . '; SET CONSTRAINTS ALL IMMEDIATE');
is($cli->run('revoke', $key->{id})->{exit}, 0, 'nor do they wait');
$idle->run('ROLLBACK');
$_->close for $idle, $other;

done_testing;
