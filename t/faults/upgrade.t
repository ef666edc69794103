# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The tables are upgraded while httpd runs. It asks the same of both versions,
# so that each request is answered and each use counted before, during and
# after the upgrade. htapikey alone notices the older tables and says what to
# do.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::UsageSite;

# What makes the tables of the version before from those of this version.
my %BACK = (
    sqlite3 => [ 'DROP VIEW apikey_known',
                 (map { ("DROP TRIGGER apikey_after_$_->[0]",
                         "CREATE TRIGGER apikey_after_$_->[0] AFTER $_->[0]"
                         . ' ON apikey WHEN (SELECT bulk FROM apikey_identity)'
                         . ' IS NOT 1 BEGIN INSERT INTO apikey_change (kind,'
                         . " value, changed) VALUES ('digest', $_->[1].digest,"
                         . " CAST(strftime('%s', 'now') AS INTEGER)); END") }
                  [ insert => 'NEW' ], [ delete => 'OLD' ]),
                 (map { "ALTER TABLE apikey DROP COLUMN $_" }
                  qw(owner networks meta batch)),
                 'ALTER TABLE apikey_identity DROP COLUMN imported',
                 'ALTER TABLE apikey_tenant DROP COLUMN meta',
                 'PRAGMA writable_schema = ON',
                 "UPDATE sqlite_master SET sql = replace(replace(sql,"
                 . " 'IN (64, 128)', '= 64'), 'VARCHAR(128)', 'VARCHAR(64)')"
                 . " WHERE name = 'apikey'",
                 'PRAGMA writable_schema = RESET' ],
    pgsql   => [ 'ALTER TABLE apikey DROP COLUMN owner, DROP COLUMN networks,'
                 . ' DROP COLUMN meta, ALTER COLUMN digest TYPE VARCHAR(64)'
                 . ' COLLATE "C"',
                 'ALTER TABLE apikey_tenant DROP COLUMN meta' ],
    mysql   => [ (map { "DROP TRIGGER $_" }
                  qw(apikey_line_insert apikey_line_update
                     apikey_tenant_text_insert apikey_tenant_text_update)),
                 'ALTER TABLE apikey DROP COLUMN owner, DROP COLUMN networks,'
                 . ' DROP COLUMN meta, MODIFY digest VARCHAR(64) NOT NULL'
                 . " CHECK (digest REGEXP '^[0-9a-f]{64}\$')",
                 'ALTER TABLE apikey_tenant DROP COLUMN meta' ],
);

sub upgraded {
    my ($backend) = @_;
    my $site = APIKey::UsageSite->new($backend, 'own');
    $site->init;
    my $key = $site->made;
    my $structure = $backend->structure;
    # Uses are written once, when httpd ends.
    $site->run('ApiKeyCache off', 'ApiKeyUsageFlush 3600', 'LogLevel warn');
    is($site->status($key->{key}), 200, '200 with the tables of this version');
    $site->sql(@{ $BACK{ $backend->trait('folder') } },
               'UPDATE apikey_identity SET schema_version = 5');
    isnt($backend->structure, $structure,
         'the tables are those of the version before');
    is($site->status($key->{key}), 200,
       '200 with the tables of the version before');
    my $file = "$site->{dir}/upgraded";
    my @clients = map { $site->client(30, $key->{key}, until => $file) } 1 .. 3;
    $site->htapikey('init');
    $site->file('upgraded', '');
    my @answers = map { $site->collect($_) } @clients;
    is(join(' ', grep { $_ ne '200' } map { $_->[0] } @answers), '',
       '200 for all requests during the upgrade');
    is($backend->structure, $structure,
       'the tables are those of this version again');
    is($site->status($key->{key}), 200, '200 after the upgrade');
    unlike($site->errors, qr/APIKEY01/, 'no error is logged');
    $site->stop;
    is($site->total, @answers + 3, 'each use is counted');
}

# The databases that ODBC reaches are the same.
for my $name (qw(sqlite3 pgsql mysql)) {
    my $backend = backend($name);
    subtest $name => sub { upgraded($backend) };
}

done_testing;
