# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Postgres;

# A PostgreSQL server in a short folder under /tmp (the path of a socket has 107
# bytes at most), which stops with the test.  It listens on that socket only.
#
#   my $server = APIKey::Postgres->new;         runs
#   my $server = APIKey::Postgres->new(through => 'odbc');
#   my @lines = $server->fresh;                 an empty database; lines of CONF
#   my @rows = $server->sql('SELECT ...');      '|' between columns
#   my $session = $server->session;             see APIKey::Session
#   $server->signal('STOP');                    and CONT, KILL, INT
#   $server->start;                             again, after a stop
#   %ENV = (%ENV, $server->environment);        for ODBC's driver manager
#
# It is a backend of APIKey::StoreTest; what a backend must have stands there.
# Through ODBC, environment() is in %ENV from new() on.

use strict;
use warnings;
use parent 'APIKey::PrivateServer';

# A client library keeps some memory, which is no leak of this module; some
# libraries are unloaded before LeakSanitizer could name them.
$ENV{ASAN_OPTIONS} = 'detect_leaks=0';

use Carp qw(croak);
use File::Temp ();

use APIKey::Process qw(descendants succeeds);
use APIKey::Session;

# A trigger of ours with another definition.
sub anew {
    my ($promise, $on, $words, $function) = @_;
    my ($name, $table) = split / on /, $on;
    return [ $promise, 'fail triggers',
             qr/not as the schema has it: [^;]*\b\Q$on\E\b/,
             "DROP TRIGGER $name ON $table", 'CREATE '
             . $words =~ s/\bON\b/ON $table/r =~ s/TRIGGER/TRIGGER $name/r
             . " EXECUTE FUNCTION $function()" ];
}

my $EMPTY = 'RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path'
          . ' = public, pg_temp AS $$ BEGIN RETURN NULL; END $$';

# Each trigger and function by itself.
sub altered {
    return [
        [ 'a function that does nothing', 'fail triggers',
          qr/not as the schema has it: [^;]*\bapikey_note_key\(\)/,
          "CREATE OR REPLACE FUNCTION apikey_note_key() $EMPTY" ],
        [ 'a trigger switched off', 'fail triggers',
          qr/off .*: apikey_note on apikey;/,
          'ALTER TABLE apikey DISABLE TRIGGER apikey_note' ],
        [ 'a trigger for replication alone', 'fail triggers',
          qr/replication alone .*: apikey_note on apikey_tenant;/,
          'ALTER TABLE apikey_tenant ENABLE REPLICA TRIGGER apikey_note' ],
        anew('a trigger not deferred', 'apikey_bulk_note on apikey_bulk',
             'TRIGGER AFTER INSERT ON FOR EACH ROW', 'apikey_write_all'),
        anew('a trigger that never runs', 'apikey_note_bulk on apikey',
             'TRIGGER AFTER INSERT OR UPDATE OR DELETE ON WHEN (false)',
             'apikey_note_all'),
        anew('a trigger of another event', 'apikey_note_truncate on apikey',
             'TRIGGER AFTER DELETE ON', 'apikey_note_all'),
        anew('a trigger of one column', 'apikey_audit_keep on apikey_audit',
             'TRIGGER BEFORE UPDATE OF who OR DELETE ON FOR EACH ROW',
             'apikey_audit_keep'),
        anew('a trigger with another function',
             'apikey_note_truncate on apikey_tenant',
             'TRIGGER AFTER TRUNCATE ON', 'apikey_audit_keep'),
        [ 'a function with the caller\'s rights', 'fail triggers',
          qr/rights of their owner.*: .*\bapikey_write_all\(\)/,
          'ALTER FUNCTION apikey_write_all() SECURITY INVOKER' ],
        [ 'a function that finds another\'s tables', 'fail triggers',
          qr/another search_path: .*\bapikey_note_all\(\)/,
          'ALTER FUNCTION apikey_note_all() RESET search_path' ],
        [ 'a trigger that always runs', 'ok schema', qr/version/,
          'ALTER TABLE apikey_audit ENABLE ALWAYS TRIGGER'
          . ' apikey_audit_keep_all' ],
    ];
}

sub silenced {
    my $each = 'DEFERRABLE INITIALLY DEFERRED FOR EACH ROW';
    my $when = "WHEN (current_setting('apikey.bulk', true) IS DISTINCT FROM"
             . " '1')";
    my $sequence = 'apikey_change_numbers';
    return [ altered(), [
        anew('a trigger not run for each row', 'apikey_note on apikey_tenant',
             "TRIGGER AFTER INSERT OR UPDATE OR DELETE ON $when",
             'apikey_note_tenant'),
        [ "a trigger with another schema's function", 'fail triggers',
          qr/of another schema: apikey_note on apikey;/, 'CREATE SCHEMA other',
          "CREATE FUNCTION other.apikey_note_key() $EMPTY",
          'DROP TRIGGER apikey_note ON apikey', 'CREATE CONSTRAINT TRIGGER'
          . " apikey_note AFTER INSERT OR UPDATE OR DELETE ON apikey $each"
          . " $when EXECUTE FUNCTION other.apikey_note_key()" ],
        [ 'a trigger of apikey_change', 'warn triggers',
          qr/not the schema's: quiet on apikey_change;/,
          'CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS'
          . ' $$ BEGIN RETURN NULL; END $$',
          'CREATE TRIGGER quiet BEFORE INSERT ON apikey_change FOR EACH ROW'
          . ' EXECUTE FUNCTION quiet()' ],
        [ 'sessions without triggers', 'fail role', qr/"replica" is session/,
          "DO \$\$ BEGIN EXECUTE format('ALTER DATABASE %I SET"
          . " session_replication_role = replica', current_database());"
          . ' END $$' ],
        [ 'numbers without the lock', 'fail numbers', qr/"nextval\(.* 1" is/,
          'ALTER TABLE apikey_change ALTER number SET DEFAULT'
          . " nextval('$sequence')" ],
        [ 'a rule', 'fail rules', qr/"1" tables have rules/,
          'CREATE RULE quiet AS ON INSERT TO apikey_change DO INSTEAD'
          . ' NOTHING' ],
    ], [
        [ 'numbers drawn in advance', 'fail numbers',
          qr/"apikey_.* 10" is where/,
          "ALTER SEQUENCE $sequence CACHE 10" ],
    ] ];
}

# What a session runs so that another connection's audit entry has to wait in
# the middle of its transaction; and what ends that.
my %TRAIT = (
    folder        => 'pgsql',
    idle_blocks   => 0,
    stop          => 'INT',
    alter         => 'ALTER TABLE apikey ALTER name TYPE VARCHAR(300)',
    forge         => [ 'TRUNCATE apikey_audit',
        'INSERT INTO apikey_audit (number, happened, who, action) VALUES (1,'
        . " 1, 'me', 'init')" ],
    blocked       => qr/held by backend (\d+) of PostgreSQL \(user postgres/,
    hold_audit    => 'BEGIN; LOCK TABLE apikey_audit IN EXCLUSIVE MODE',
    release_audit => 'COMMIT',
    reads         => 'SELECT SUM(seq_scan + idx_scan) FROM'
        . " pg_stat_user_tables WHERE relname = 'apikey'",
    silenced      => silenced(),
    counted       => [
        [ "INSERT INTO apikey (digest, id, tenant, name) VALUES ('%c', 'one',"
          . " 'T', 'n') ON CONFLICT (id) DO UPDATE SET name = 'm'",
          'digest %a' ],
        [ 'TRUNCATE apikey', 'all ' ],
        [ 'TRUNCATE apikey_tenant', 'all ' ],
        [ 'TRUNCATE apikey, apikey_tenant', 'all ' ],
    ],
);

# Debian keeps PostgreSQL's programs out of PATH.
sub program {
    my ($name) = @_;
    my ($found) = sort { ($b =~ /(\d+)\/bin/)[0] <=> ($a =~ /(\d+)\/bin/)[0] }
                  glob "/usr/lib/postgresql/*/bin/$name";
    return $found || $name;
}

sub new {
    my ($class, %option) = @_;
    my $through = delete $option{through} // 'pgsql';
    my $temp = File::Temp->newdir('akpg-XXXXXX', TMPDIR => 1);
    my $folder = $temp->dirname;
    my $self = bless { temp => $temp, folder => $folder, owner => $$,
                       dies_by => 'INT',
                       made => 0, through => $through,
                       trait => { %TRAIT, name => "PostgreSQL through $through",
                                  %option } }, $class;
    if ($> == 0) {
        # PostgreSQL does not run as root.
        my ($uid, $gid) = (getpwnam 'nobody')[2, 3];
        chown $uid, $gid, $folder or die "$folder: $!\n";
        $self->{as} = [ "--reuid=$uid", "--regid=$gid", '--clear-groups' ];
    }
    chmod 0711, $folder;
    $self->prepare('postgres', program('initdb'), qw(-U postgres -A trust
                   -E UTF8 --locale=C --no-sync -D), "$folder/data");
    $self->write(odbcinst => "[apikey-pgsql]\nDriver=" . odbc_driver() . "\n");
    $self->write(odbc => '');
    %ENV = (%ENV, $self->environment) if $through eq 'odbc';
    $self->start;
    return $self;
}

sub odbc_driver {
    my ($found) = map { glob "$_/psqlodbcw.so" }
                  '/usr/lib/*/odbc', '/usr/lib64', '/usr/lib';
    return $found // 'psqlodbcw.so';
}

# Appends to an .ini file of ODBC's.
sub write {
    my ($self, $which, $text) = @_;
    open my $out, '>>', "$self->{folder}/$which.ini" or die "$which: $!\n";
    print $out $text;
    close $out or die "$which: $!\n";
}

# No driver and no data source of the machine's own.
sub environment {
    my ($self) = @_;
    return (ODBCSYSINI => $self->{folder}, ODBCINSTINI => 'odbcinst.ini',
            ODBCINI => "$self->{folder}/odbc.ini");
}

# A small server that does not sync to disk; with the default settings where
# speed is measured.
my @SMALL = qw(fsync=off full_page_writes=off autovacuum=off
    shared_buffers=16MB);

sub start {
    my ($self) = @_;
    my $folder = $self->{folder};
    my $answers = sub {
        succeeds(program('pg_isready'), '-q', '-h', $folder);
    };
    $self->run($answers, program('postgres'), '-D', "$folder/data",
        map { ('-c', $_) } 'listen_addresses=', 'max_connections=200',
        $ENV{APIKEY_BENCH_SERVER} ? () : @SMALL,
        "unix_socket_directories=$folder");
}

# After INT the files are complete; after KILL they are not, and start()
# recovers them.
sub signal {
    my ($self, $name) = @_;
    kill $name => $self->{pid};
    # Each connection has a process of its own, which runs on without the
    # server.
    kill $name => descendants($self->{pid}) if $name =~ /^(?:STOP|CONT)$/;
    return if $name !~ /^(?:KILL|INT)$/;
    waitpid delete $self->{pid}, 0;
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner} || !$self->{pid};
    local ($?, $!);
    $self->signal('CONT');
    $self->signal('INT');
}

sub fresh {
    my ($self) = @_;
    $self->{database} = 'postgres';
    my $name = 'k' . ++$self->{made};
    $self->sql("CREATE DATABASE $name");
    $self->{database} = $name;
    $self->write(odbc => "[$name]\nDriver=apikey-pgsql\nPort=5432\n"
        . "Servername=$self->{folder}\nDatabase=$name\nUsername=postgres\n");
    return $self->conf;
}

sub conf {
    my ($self) = @_;
    my ($folder, $name) = @{$self}{qw(folder database)};
    return $self->{through} eq 'odbc'
        ? ('DBDriver odbc', "DBDParams datasource=$name")
        : ('DBDriver pgsql',
           "DBDParams \"host=$folder user=postgres dbname=$name\"");
}

sub client {
    my ($self) = @_;
    return (program('psql'), qw(-X -q -A -t -v ON_ERROR_STOP=1 -U postgres),
            '-h', $self->{folder}, '-d', $self->{database});
}

# Each statement commits by itself.
sub sql {
    my ($self, @statements) = @_;
    # So that a test that fails does not wait without end.
    local $ENV{PGOPTIONS} = '-c lock_timeout=20s';
    my @rows = $self->tell_client(map { "$_;\n" } @statements);
    return wantarray ? @rows : $rows[0];
}

sub session {
    my ($self) = @_;
    return APIKey::Session->new(end => ';', $self->client);
}

sub waiting {
    my ($self) = @_;
    return $self->sql("SELECT count(*) FROM pg_stat_activity WHERE datname ="
        . " '$self->{database}' AND wait_event_type = 'Lock'");
}

# Kills all connections except those of the test's sessions; returns how many.
sub kill_connections {
    my ($self, @spare) = @_;
    my $spare = join ',', 0, map { $_->run('SELECT pg_backend_pid()') } @spare;
    return $self->sql('SELECT count(pg_terminate_backend(pid, 5000)) FROM'
        . " pg_stat_activity WHERE datname = '$self->{database}'"
        . " AND pid <> pg_backend_pid() AND pid NOT IN ($spare)");
}

sub connections {
    my ($self) = @_;
    return $self->sql('SELECT count(*) FROM pg_stat_activity WHERE datname ='
        . " '$self->{database}' AND pid <> pg_backend_pid()");
}

# The seconds after which the server closes an idle connection, for connections
# made from now on; 0: never.
sub idle_limit {
    my ($self, $seconds) = @_;
    $self->sql("ALTER DATABASE $self->{database} SET idle_session_timeout ="
               . " '${seconds}s'");
}

sub dump_command {
    my ($self, @option) = @_;
    return (program('pg_dump'), @option, qw(-U postgres -h), $self->{folder},
            $self->{database});
}

sub emptied {
    my ($self) = @_;
    return map { "CREATE OR REPLACE FUNCTION $_() RETURNS "
                 . (/number/ ? 'BIGINT' : 'trigger') . ' LANGUAGE plpgsql'
                 . ' SECURITY DEFINER SET search_path = public, pg_temp AS'
                 . ' $$ BEGIN RETURN NULL; END $$' }
           $self->sql("SELECT proname FROM pg_proc WHERE proname LIKE"
                      . " 'apikey%'");
}

# A description of the tables and triggers, to compare two databases.
sub structure {
    my ($self) = @_;
    open my $in, '-|', $self->dump_command('-s') or die "pg_dump: $!\n";
    my $text = join '', grep { !/restrict/ } readline($in);
    close $in or croak "pg_dump: $self->{database}";
    return $text;
}

1;
