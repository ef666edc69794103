# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Postgres;

# A PostgreSQL server of our own, in a short folder under /tmp (the path of a
# socket has 107 bytes), that stops with us.  It listens on that socket alone.
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

# What a database's client library allocates once and keeps is no leak of ours,
# and some of it is unloaded before LeakSanitizer could tell whose it is.
$ENV{ASAN_OPTIONS} = 'detect_leaks=0';

use Carp qw(croak);
use File::Temp ();

use APIKey::Process qw(descendants succeeds);
use APIKey::Session;

# What a session does so that whoever writes into the audit waits, in the
# middle of his transaction; and what lets them go.
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
        # PostgreSQL refuses root.
        my ($uid, $gid) = (getpwnam 'nobody')[2, 3];
        chown $uid, $gid, $folder or die "$folder: $!\n";
        $self->{as} = [ "--reuid=$uid", "--regid=$gid", '--clear-groups' ];
    }
    chmod 0711, $folder;
    $self->command(program('initdb'), qw(-U postgres -A trust -E UTF8
                   --locale=C --no-sync -D), "$folder/data");
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

# Appends to an .ini of ODBC's.
sub write {
    my ($self, $which, $text) = @_;
    open my $out, '>>', "$self->{folder}/$which.ini" or die "$which: $!\n";
    print $out $text;
    close $out or die "$which: $!\n";
}

# No driver and no data source of this machine's.
sub environment {
    my ($self) = @_;
    return (ODBCSYSINI => $self->{folder}, ODBCINSTINI => 'odbcinst.ini',
            ODBCINI => "$self->{folder}/odbc.ini");
}

# Small, and without a care for what a power failure would leave.
sub start {
    my ($self) = @_;
    my $folder = $self->{folder};
    my $answers = sub {
        succeeds(program('pg_isready'), '-q', '-h', $folder);
    };
    $self->run($answers, program('postgres'), '-D', "$folder/data",
        map { ('-c', $_) } 'listen_addresses=', 'fsync=off',
        'full_page_writes=off', 'autovacuum=off', 'max_connections=200',
        'shared_buffers=16MB', "unix_socket_directories=$folder");
}

# After INT the files are in order; after KILL they are not, and start()
# mends them.
sub signal {
    my ($self, $name) = @_;
    kill $name => $self->{pid};
    # Each connection has a process of its own, which goes on without it.
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
    # A test that goes wrong must not wait for ever.
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

# All but those of our own sessions, and how many there were.
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

# After how many seconds the server closes an idle connection; for those made
# from now on, 0: never.
sub idle_limit {
    my ($self, $seconds) = @_;
    $self->sql("ALTER DATABASE $self->{database} SET idle_session_timeout ="
               . " '${seconds}s'");
}

# How the tables and triggers look, to compare two databases.
sub structure {
    my ($self) = @_;
    my $name = $self->{database};
    my @command = (program('pg_dump'), qw(-s -U postgres -h),
                   $self->{folder}, $name);
    open my $in, '-|', @command or die "pg_dump: $!\n";
    my $text = join '', grep { !/restrict/ } readline($in);
    close $in or croak "pg_dump: $name";
    return $text;
}

1;
