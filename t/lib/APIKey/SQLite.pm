# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::SQLite;

# SQLite as a backend; see APIKey::StoreTest.

use strict;
use warnings;

# A client library keeps some memory, which is no leak of this module; some
# libraries are unloaded before LeakSanitizer could name them.
$ENV{ASAN_OPTIONS} = 'detect_leaks=0';

use Carp qw(croak);
use File::Temp ();

use APIKey::Session;

my %TRAIT = (
    name        => 'SQLite through sqlite3',
    folder      => 'sqlite3',
    idle_blocks => 1,
    blocked     => qr/another process holds a lock on the database/,
    forge       => [
        'REPLACE INTO apikey_audit SELECT number, 0, who, action, id, tenant,'
        . ' reason, was FROM apikey_audit LIMIT 1',
    ],
    silenced    => [
        [[ 'a trigger that does nothing', 'fail triggers',
          qr/not as the schema has it: apikey_after_update on apikey;/,
          'DROP TRIGGER apikey_after_update',
          'CREATE TRIGGER apikey_after_update AFTER UPDATE ON apikey WHEN'
          . ' (SELECT bulk FROM apikey_identity) IS NOT 1 BEGIN SELECT 1;'
          . ' END' ]],
        [[ 'a trigger that never runs', 'fail triggers',
          qr/not as .*: apikey_audit_before_delete on apikey_audit;/,
          'DROP TRIGGER apikey_audit_before_delete',
          'CREATE TRIGGER apikey_audit_before_delete BEFORE DELETE ON'
          . " apikey_audit WHEN 0 BEGIN SELECT RAISE(ABORT, 'apikey_audit is"
          . " append-only'); END" ]],
        [[ 'a trigger of another table', 'fail triggers',
          qr/missing: apikey_tenant_after_delete on apikey_tenant;/,
          'DROP TRIGGER apikey_tenant_after_delete',
          'CREATE TRIGGER apikey_tenant_after_delete AFTER DELETE ON'
          . ' apikey_scope BEGIN SELECT 1; END' ]],
        [[ 'a trigger of apikey_change', 'warn triggers',
          qr/not the schema's: quiet on apikey_change;/,
          'CREATE TRIGGER quiet BEFORE INSERT ON apikey_change BEGIN SELECT'
          . ' RAISE(IGNORE); END' ]],
    ],
    counted     => [
        [ "INSERT OR REPLACE INTO apikey (digest, id, tenant, name) VALUES "
          . "('%c', 'one', 'T', 'n')", 'digest %a', 'digest %c' ],
        [ "UPDATE OR REPLACE apikey SET id = 'one' WHERE id = 'two'",
          'digest %a', 'digest %b' ],
    ],
);

sub new {
    my ($class, %trait) = @_;
    return bless { temp => File::Temp->newdir('aksq-XXXXXX', TMPDIR => 1),
                   made => 0, trait => { %TRAIT, %trait } }, $class;
}

sub trait {
    my ($self, $name) = @_;
    return $self->{trait}{$name};
}

sub fresh {
    my ($self) = @_;
    $self->{file} = $self->{temp}->dirname . '/' . ++$self->{made} . '.db';
    $self->sql('PRAGMA journal_mode = WAL');
    return ('DBDriver sqlite3', "DBDParams $self->{file}")
        if !$self->trait('odbc');
    return ('DBDriver odbc', 'DBDParams "CONNECT=\'DRIVER=SQLite3;'
            . "Database=$self->{file};Timeout=1'\"");
}

sub client {
    my ($self) = @_;
    return (qw(sqlite3 -batch -bail -cmd), '.timeout 60000', $self->{file});
}

sub sql {
    my ($self, @statements) = @_;
    utf8::is_utf8($_) && utf8::encode($_) for @statements;
    open my $in, '-|', $self->client, join('', map { "$_;\n" } @statements)
        or die "sqlite3: $!\n";
    chomp(my @rows = readline($in));
    close $in or croak "sqlite3: @statements";
    return wantarray ? @rows : $rows[0];
}

sub session {
    my ($self) = @_;
    return APIKey::Session->new(end => ';', $self->client);
}

sub dump_command { return ('sqlite3', $_[0]{file}, '.dump') }

sub emptied {
    my ($self) = @_;
    return map {
        my ($head) = /^(CREATE TRIGGER \S+ .*? ON \w+)/s;
        ('DROP TRIGGER ' . (split ' ', $head)[2], "$head BEGIN SELECT 1; END");
    } $self->sql("SELECT replace(sql, char(10), ' ') FROM sqlite_master WHERE"
                 . " type = 'trigger'");
}

sub structure {
    my ($self) = @_;
    return join "\n", $self->sql('SELECT sql FROM sqlite_master ORDER BY name');
}

1;
