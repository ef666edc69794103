# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::MariaDB;

# A mariadbd in a short folder under /tmp, which stops with the test.
#
#   my $server = APIKey::MariaDB->new;          runs
#   my @lines = $server->fresh;                 an empty database; lines of CONF
#   my @rows = $server->sql('SELECT ...');      '|' between columns
#   my $session = $server->session;             see APIKey::Session
#   $server->signal('STOP');                    and CONT, KILL, TERM
#   $server->start;                             again, after a stop
#
# It is a backend of APIKey::StoreTest; what a backend must have stands there.

use strict;
use warnings;
use parent 'APIKey::PrivateServer';

# A client library keeps some memory, which is no leak of this module; some
# libraries are unloaded before LeakSanitizer could name them.
$ENV{ASAN_OPTIONS} = 'detect_leaks=0';

use File::Temp ();
use Time::HiRes qw(sleep);

use APIKey::Process qw(succeeds);
use APIKey::Session;

# What a session runs so that another connection's audit entry has to wait in
# the middle of its transaction; and what ends that.
my %TRAIT = (
    name          => 'MariaDB through mysql',
    folder        => 'mysql',
    stop          => 'TERM',
    alter         => 'ALTER TABLE apikey MODIFY name VARCHAR(300) NOT NULL',
    ddl_stays     => 1,
    idle_blocks   => 1,
    blocked       => qr/held by connection (\d+) of root\@localhost\b.*KILL \1/,
    hold_audit    => 'LOCK TABLES apikey_audit WRITE',
    release_audit => 'UNLOCK TABLES',
    forge         => [
        'REPLACE INTO apikey_audit SELECT number, 0, who, action, id, tenant,'
        . ' reason, was FROM apikey_audit LIMIT 1',
        "INSERT INTO apikey_audit (number, happened, who, action) VALUES (1,"
        . " 1, 'me', 'x') ON DUPLICATE KEY UPDATE who = 'me'",
    ],
    reads         => 'SELECT SUM(variable_value) FROM'
        . ' information_schema.global_status WHERE variable_name IN'
        . " ('COM_SELECT', 'COM_STMT_EXECUTE')",
    silenced      => [
        [[ 'a trigger that does nothing', 'fail triggers',
          qr/not as the schema has it: apikey_after_update on apikey;/,
          'DROP TRIGGER apikey_after_update', 'CREATE TRIGGER'
          . ' apikey_after_update AFTER UPDATE ON apikey FOR EACH ROW BEGIN END'
        ]],
        [[ 'a trigger of another table', 'fail triggers',
          qr/missing: apikey_tenant_after_delete on apikey_tenant;/,
          'DROP TRIGGER apikey_tenant_after_delete', 'CREATE TRIGGER'
          . ' apikey_tenant_after_delete AFTER DELETE ON apikey_scope FOR EACH'
          . ' ROW BEGIN END' ]],
        [[ 'a trigger at another time', 'fail triggers',
          qr/not as .*: apikey_tenant_after_insert on apikey_tenant;/,
          'DROP TRIGGER apikey_tenant_after_insert', 'CREATE TRIGGER'
          . ' apikey_tenant_after_insert BEFORE INSERT ON apikey_tenant FOR'
          . ' EACH ROW BEGIN IF @apikey_bulk IS NULL THEN INSERT INTO'
          . " apikey_change (kind, value, changed) VALUES ('tenant',"
          . ' NEW.tenant, UNIX_TIMESTAMP()); END IF; END' ]],
        [[ 'a trigger of apikey_change', 'warn triggers',
          qr/not the schema's: quiet on apikey_change;/,
          'CREATE TRIGGER quiet BEFORE INSERT ON apikey_change FOR EACH ROW'
          . " SET NEW.value = ''" ]],
    ],
    counted       => [
        [ "REPLACE INTO apikey (digest, id, tenant, name) VALUES ('%c', 'one',"
          . " 'T', 'n')", 'digest %a', 'digest %c' ],
        [ "INSERT INTO apikey (digest, id, tenant, name) VALUES ('%c', 'one',"
          . " 'T', 'n') ON DUPLICATE KEY UPDATE name = 'm'", 'digest %a' ],
        [ "REPLACE INTO apikey_tenant (tenant) VALUES ('T')", 'tenant T',
          'tenant T' ],
    ],
);

sub new {
    my ($class, %trait) = @_;
    my $temp = File::Temp->newdir('akmy-XXXXXX', TMPDIR => 1);
    my $folder = $temp->dirname;
    my $self = bless { temp => $temp, folder => $folder, owner => $$,
                       dies_by => 'KILL',
                       socket => "$folder/s", made => 0,
                       trait => { %TRAIT, %trait } }, $class;
    if ($> == 0) {
        my ($uid, $gid) = (getpwnam 'nobody')[2, 3];
        chown $uid, $gid, $folder or die "$folder: $!\n";
        $self->{as} = [ "--reuid=$uid", "--regid=$gid", '--clear-groups' ];
    }
    else {
        chmod 0711, $folder;
    }
    $self->prepare(qw(mariadb mariadb-install-db --no-defaults --skip-test-db
                      --auth-root-authentication-method=normal
                      --innodb-log-file-size=4M), "--datadir=$folder/data",
                   # A server that starts removes such files from the folder.
                   "--tmpdir=$folder");
    $self->start;
    return $self;
}

# A small server that does not sync to disk; with the default settings where
# speed is measured.
my @SMALL = qw(--innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync
    --innodb-buffer-pool-size=32M --innodb-log-file-size=4M
    --key-buffer-size=1M --aria-pagecache-buffer-size=1M
    --performance-schema=0);

sub start {
    my ($self) = @_;
    my $folder = $self->{folder};
    my $answers = sub {
        succeeds("mariadb-admin --no-defaults -uroot -S $self->{socket} ping"
                 . ' >/dev/null 2>&1');
    };
    $self->run($answers, qw(mariadbd --no-defaults --skip-networking
        --innodb-snapshot-isolation=ON
        --max-connections=200 --character-set-server=latin1
        --collation-server=latin1_swedish_ci --sql-mode=),
        $ENV{APIKEY_BENCH_SERVER} ? () : @SMALL,
        "--datadir=$folder/data", "--socket=$self->{socket}",
        "--tmpdir=$folder", "--pid-file=$folder/pid");
}

sub signal {
    my ($self, $name) = @_;
    kill $name => $self->{pid};
    return if $name !~ /^(?:KILL|TERM)$/;
    waitpid delete $self->{pid}, 0;
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $self->{owner} || !$self->{pid};
    local ($?, $!);
    $self->signal('KILL');
}

sub fresh {
    my ($self) = @_;
    $self->{database} = undef;
    my $name = 'k' . ++$self->{made};
    $self->sql("CREATE DATABASE $name");
    $self->{database} = $name;
    return $self->conf;
}

sub conf {
    my ($self) = @_;
    return ('DBDriver odbc', 'DBDParams "CONNECT=\'DRIVER={MariaDB Unicode};'
            . "SOCKET=$self->{socket};USER=root;DATABASE=$self->{database}'\"")
        if $self->trait('odbc');
    return ('DBDriver mysql', "DBDParams \"sock=$self->{socket} user=root "
                              . "dbname=$self->{database}\"");
}

sub client {
    my ($self) = @_;
    return (qw(mariadb --no-defaults -uroot -N -B -r --unbuffered
               --default-character-set=utf8mb4), '-S', $self->{socket},
            $self->{database} // ());
}

# Trigger bodies contain semicolons.
sub sql {
    my ($self, @statements) = @_;
    my @rows = $self->tell_client(map { "DELIMITER //\n$_\n//\n" }
                                      @statements);
    tr/\t/|/ for @rows;
    return wantarray ? @rows : $rows[0];
}

sub session {
    my ($self) = @_;
    return APIKey::Session->new(end => ';', $self->client);
}

sub waiting {
    my ($self) = @_;
    # InnoDB refreshes this only if it was not read for 0.1 seconds.
    sleep 0.15;
    return $self->sql("SELECT COUNT(*) FROM information_schema.processlist p"
        . ' LEFT JOIN information_schema.innodb_trx t'
        . " ON t.trx_mysql_thread_id = p.id WHERE p.db = '$self->{database}'"
        . " AND (p.state LIKE 'Waiting for table%'"
        . " OR t.trx_state = 'LOCK WAIT')");
}

# Kills all connections except those of the test's sessions; returns how many.
sub kill_connections {
    my ($self, @spare) = @_;
    my $spare = join ',', 0, map { $_->run('SELECT CONNECTION_ID()') } @spare;
    my @ids = $self->others("AND id NOT IN ($spare)");
    # A connection that has ended since it was listed is no error.
    $self->sql(map { ('BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 '
                      . "BEGIN END; KILL $_; END") } @ids) if @ids;
    return scalar @ids;
}

sub others {
    my ($self, $which) = @_;
    return $self->sql('SELECT id FROM information_schema.processlist WHERE '
        . "db = '$self->{database}' AND id <> CONNECTION_ID() $which");
}

sub connections { return scalar(() = $_[0]->others('')) }

# The seconds after which the server closes an idle connection, for connections
# made from now on; 0: the default again.
sub idle_limit {
    my ($self, $seconds) = @_;
    $self->sql('SET GLOBAL wait_timeout = ' . ($seconds || 'DEFAULT'));
}

sub dump_command {
    my ($self) = @_;
    return (qw(mariadb-dump --no-defaults -uroot -S), $self->{socket},
            $self->{database});
}

sub emptied {
    my ($self) = @_;
    return map {
        my ($name, @head) = split /\|/;
        ("DROP TRIGGER $name", "CREATE TRIGGER $name @head[0, 1] ON $head[2]"
                               . ' FOR EACH ROW '
                               . ($head[2] ne 'apikey_change' ? 'BEGIN END'
                                  : 'SET NEW.number = 1'));
    } $self->sql('SELECT trigger_name, action_timing, event_manipulation,'
                 . ' event_object_table FROM information_schema.triggers WHERE'
                 . ' trigger_schema = DATABASE()');
}

# A description of the tables and triggers, to compare two databases.
sub structure {
    my ($self) = @_;
    return join "\n", $self->sql(map { "SELECT $_ FROM information_schema."
        . ($_ =~ /^trigger/ ? 'triggers WHERE trigger_schema'
           : $_ =~ /column_type/ ? 'columns WHERE table_schema'
           : $_ =~ /check/ ? 'check_constraints WHERE constraint_schema'
           : $_ =~ /index/ ? 'statistics WHERE table_schema'
           : 'tables WHERE table_schema') . ' = DATABASE() ORDER BY 1, 2, 3'
    } 'table_name, engine, table_collation',
      'table_name, column_name, column_type, collation_name, column_default',
      'table_name, constraint_name, check_clause',
      'table_name, index_name, seq_in_index, column_name',
      'trigger_name, event_manipulation, action_timing, action_statement');
}

1;
