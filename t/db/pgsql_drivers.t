# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The ways to name a PostgreSQL database in DBDParams, and the errors for a
# database that is not there.

use strict;
use utf8;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Encode qw(encode_utf8);
use Test::More;
use APIKey::CLI;
use APIKey::Postgres;

my $server = APIKey::Postgres->new(through => 'odbc');
my $cli = APIKey::CLI->bare;
my $folder = $server->{folder};

sub way {
    my ($driver, $params) = @_;
    $cli->{database} = [ "DBDriver $driver", qq(DBDParams "$params") ];
    $cli->conf;
}

# Names of the same database.
$server->fresh;
my $name = $server->{database};
my $all = "Servername=$folder;Port=5432;Database=$name;Username=postgres";
my %way = (
    'pgsql by words'      => [ 'pgsql',
                               "host=$folder user=postgres dbname=$name" ],
    'pgsql by address'    => [ 'pgsql', "postgresql://postgres@/$name?host="
                               . $folder =~ s{/}{%2F}gr ],
    'ODBC by name'        => [ 'odbc', "datasource=$name" ],
    'ODBC by name, user'  => [ 'odbc', "datasource=$name,user=postgres" ],
    'ODBC by a string'    => [ 'odbc', "connect='DSN=$name'" ],
    'ODBC without a name' => [ 'odbc', "connect='Driver={apikey-pgsql};$all'" ],
    'ODBC, old protocol'  => [ 'odbc', "connect='Driver={apikey-pgsql};$all;"
                               . "UseServerSidePrepare=0'" ],
    'ODBC, in portions'   => [ 'odbc', "connect='Driver={apikey-pgsql};$all;"
                               . "UseDeclareFetch=1;Fetch=2'" ],
    'ODBC, short columns' => [ 'odbc', "connect='DSN=$name' bufsize=16" ],
);
way(@{ $way{'ODBC by name'} });
is($cli->run('init')->{exit}, 0, 'init makes the tables');
my $key = $cli->create(tenant => encode_utf8('Ä☺'), name => 'x' x 255);
my $id = $cli->create->{id};
$server->sql('INSERT INTO apikey_audit (happened, who, action, was) VALUES '
             . "(1, 'me', 'long', '{\"a\":\"' || repeat('☺', 7900) || '\"}')");
# The drivers do not agree on whether an UPDATE that changes no row is an
# error.
$cli->run(qw(scope add a:b));
$server->sql('CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS '
             . '$$ BEGIN RETURN NULL; END $$', 'CREATE TRIGGER nothing BEFORE UPDATE '
             . 'ON apikey_scope FOR EACH ROW EXECUTE FUNCTION nothing()');
for my $which (sort keys %way) {
    way(@{ $way{$which} });
    like($cli->run('init')->{out}, qr/already/, "$which: the tables are there");
    is($cli->verify($key->{key}), 'granted', "$which: a key is granted");
    is($cli->show($key->{id})->{tenant}, 'Ä☺', "$which: show has the tenant");
    is($cli->run('set', $id, '--name', encode_utf8("☺ $which"))->{exit}, 0,
       "$which: a name is set");
    is($cli->show($id)->{name}, "☺ $which", "$which: show has the new name");
    my ($long) = grep { $_->{action} eq 'long' } @{ $cli->json('audit') };
    my $was = $long->{was};
    is(ref $was ? $was->{a} : $was, ref $was ? '☺' x 7900
       : '{"a":"' . '☺' x 7900 . '"}', "$which: a long column is read whole");
    is($cli->run(qw(scope add a:b new))->{exit}, 0,
       "$which: an UPDATE that changes no row works");
}

# A database with another encoding, and a role with another client encoding.
$server->sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'",
             "CREATE ROLE latin SUPERUSER LOGIN",
             "ALTER ROLE latin SET client_encoding = 'LATIN1'",
             "ALTER ROLE latin SET lock_timeout = 1");
way('pgsql', "host=$folder user=latin dbname=latin");
is($cli->run('init')->{exit}, 0, 'init works in a LATIN1 database');
$key = $cli->create(tenant => encode_utf8('Ä'));
is($cli->verify($key->{key}, '--tenant', encode_utf8('Ä')), 'granted',
   'a tenant with an umlaut is stored and read back');
is($server->sql("SELECT count(*) FROM pg_database"), 5,
   'the new database was made beside the others');
is($cli->run(qw(create --name n --tenant), encode_utf8('☺'))->{exit}, 3,
   'a tenant that LATIN1 cannot hold is refused');

# Databases that cannot be reached.
my @nowhere = (
    [ 'pgsql', "host=$folder user=postgres dbname=none", qr/"none" does not/ ],
    [ 'pgsql', "host=$folder user=nobody-here dbname=$name",
      qr/"nobody-here" does not exist/ ],
    [ 'pgsql', "host=$folder/none dbname=$name", qr/No such file/ ],
    [ 'pgsql', 'no parameters', qr/missing "="/ ],
    [ 'odbc', 'datasource=none', qr/Data source name not found/ ],
    [ 'odbc', "connect='Driver={none}'", qr/none|Can't open/ ],
    [ 'odbc', 'bad', qr/Invalid DBD Parameters/ ],
);
for my $case (@nowhere) {
    my ($driver, $params, $words) = @$case;
    way($driver, $params);
    for my $command (qw(init list)) {
        my $done = $cli->run($command);
        is($done->{exit}, 3, "status 3 for $command with $params");
        like($done->{err}, qr/^htapikey: the database cannot be .*$words/m,
             "the error for $command with $params has the reason");
    }
}

done_testing;
