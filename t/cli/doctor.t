# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey doctor: each fault gives a finding of its level, and a failure the
# exit status 1.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my ($folder, $db, $ring) = @{$cli}{qw(folder db ring)};

# The user of this test; t/cli/doctor_user.t has --user.
my @me = ('--user', scalar getpwuid $>);

# Runs doctor: the level and the check of each finding, and the whole output.
sub doctor {
    my $done = $cli->run('doctor', @me, @_);
    my %level;
    for my $line (split /\n/, $done->{out}) {
        my ($level, $check, $text) = $line =~ /^(ok|warn|fail) +(\w+) +(\S.*)$/
            or die "no finding: $line\n";
        push @{ $level{$level} }, $check;
        $done->{$level}{$check} = $text;
    }
    $done->{levels} = \%level;
    return $done;
}

# There is a finding of this level by this check, and the exit status is 1 where
# any finding is a failure.
sub finds {
    my ($level, $check, $like, $promise, @option) = @_;
    my $done = doctor(@option);
    like($done->{$level}{$check} // 'nothing', $like,
         "doctor has $level on $check for $promise")
        or diag $done->{out}, $done->{err};
    is($done->{exit}, $done->{levels}{fail} ? 1 : 0,
       "the exit status of doctor for $promise");
    return $done;
}

my $key = $cli->create;
my $done = doctor();
is($done->{exit}, 0,
   'doctor finds nothing wrong in a new database') or diag $done->{out};
is($done->{err}, '', 'doctor writes nothing to standard error');
is(join(' ', @{ $done->{levels}{ok} }), 'secrets prefix file schema triggers '
   . 'statements journal integrity import unfinished identity keys rows'
   . ' strength',
   'doctor has a finding of every check, in order');
is(join(' ', sort keys %{ $done->{levels} }), 'ok',
   'every finding on a new database has the level ok');
like($done->{ok}{keys}, qr/^1 live ones of 1 .*"k1"/,
     'doctor counts the live keys of each secret');
my $json = $cli->json('doctor', @me);
is(join(' ', map { "$_->{level}:$_->{check}" } @$json),
   join(' ', map { "ok:$_" } @{ $done->{levels}{ok} }),
   'JSON has the same levels and checks');
is($json->[-1]{finding}, $done->{ok}{strength},
   'JSON has the sentence of a finding');

# ApiKeyQuery and ApiKeyChangesQuery: doctor runs both.
my $query = 'ApiKeyQuery "SELECT id, tenant FROM apikey WHERE digest = %s"';
my $changes = 'ApiKeyChangesQuery "SELECT number, value FROM apikey_change '
            . 'WHERE number > %s"';
$cli->conf($query, $changes);
is(join(' ', map { "$_->{level}:$_->{finding}" }
             grep { $_->{check} eq 'query' } @{ $cli->json('doctor', @me) }),
   'ok:ApiKeyQuery can be used. ok:ApiKeyChangesQuery can be used.',
   'queries that can be used give a finding ok each');
$cli->conf($query =~ s/tenant/tennant/r, $changes);
finds('fail', 'query', qr/^ApiKeyQuery cannot .*no such column: tennant/,
      'ApiKeyQuery with a column that is not there');
$cli->conf($query, $changes =~ s/, value//r);
finds('fail', 'query', qr/^ApiKeyChangesQuery cannot .*two columns/,
      'ApiKeyChangesQuery with too few columns');
$cli->conf($query =~ s/apikey WHERE/sqlite_master WHERE/r
                  =~ s/id, tenant/name AS id, type AS tenant/r
                  =~ s/digest =/name =/r,
           'DBDParams ' . "$folder/own.db");
system('sqlite3', "$folder/own.db", 'PRAGMA journal_mode = WAL') == 0
    or die "sqlite3: $?\n";
finds('warn', 'schema', qr/ApiKeyQuery and needs no other tables/,
      'a database that has none of our tables and an ApiKeyQuery');
$cli->conf();

# ApiKeyPrefix: doctor warns of one with which keys of other products begin.
like($done->{ok}{prefix}, qr/^No ApiKeyPrefix: .* ak_\. .* 6 characters or more/,
     'without ApiKeyPrefix the finding advises one');
for (['ak', 'warn', qr/begin with ak_ from/],
     ['glpat', 'warn', qr/begin with glpat_ from/],
     ['acme_live sk SG.', 'warn', qr/begin with sk_, SG\. from/],
     ['glpat-', 'ok', qr/begin with: glpat-\.$/],
     ['acme_live acme_test', 'ok', qr/: acme_live acme_test\.$/]) {
    my ($prefix, $level, $like) = @$_;
    $cli->conf("ApiKeyPrefix $prefix");
    finds($level, 'prefix', $like, "ApiKeyPrefix $prefix");
}
$cli->conf();

# The secret file, and the secrets by which keys are signed.
chmod 0644, $ring;
finds('fail', 'secrets', qr/\Q$ring\E.*others/,
      'a secret file that every user may read');
chmod 0600, $ring;
$cli->write(ring => "k1 short\n");
$done = finds('fail', 'secrets', qr/line 1 /,
              'a line of the secret file that has no secret');
unlike($done->{out}, qr/short\b/,
       'the finding does not repeat the text of the wrong line');
like($done->{warn}{keys}, qr/^1 live .*"k1"; .*cannot be judged/,
     'without secrets no key is judged');
unlike($done->{out}, qr/revoke/,
       'without secrets no finding says to revoke a key');
$cli->write(ring => "k2 " . 'A' x 43 . "=\nk1 $APIKey::CLI::SECRET\nk3 "
            . 'B' x 42 . "A=\n");
$done = finds('ok', 'keys', qr/"k3" signs no live key: .*dropped/,
              'a secret that signs no live key');
unlike($done->{out}, qr/"k[12]" signs no live/,
       'neither the first secret nor one with live keys may be dropped');
$cli->write(ring => "k2 " . 'A' x 43 . "=\n");
$done = finds('fail', 'keys', qr/^1 live .*"k1".*not in ApiKeySecretFile/,
              'a live key whose secret is not in the file');
$cli->run('disable', $key->{id});
finds('fail', 'keys', qr/^1 live /,
      'a disabled key whose secret is not in the file');
$cli->sql('UPDATE apikey SET disabled = 0, expires = 1');
$done = finds('ok', 'keys', qr/^0 live ones of 1 .*"k1", which is not in use/,
              'an expired key whose secret is not in the file');
$cli->sql("UPDATE apikey SET expires = 0, secret_id = '', format = 'opaque'");
finds('fail', 'keys', qr/^1 live .*ApiKeyDigest/,
      'a SHA-256 digest that ApiKeyDigest does not name');
$cli->conf('ApiKeyDigest hmac-sha256 sha256');
finds('ok', 'keys', qr/^1 live .*SHA-256/,
      'a SHA-256 digest that ApiKeyDigest names');
$cli->sql("UPDATE apikey SET format = 'base62'");
finds('fail', 'keys', qr/^1 live .*base62.*by their secret alone/,
      'a SHA-256 digest of a key with check characters');
$cli->sql("UPDATE apikey SET format = 'opaque', digest = digest || digest");
finds('fail', 'keys', qr/^1 live .*no SHA-512 digest; write sha512 after/,
      'a SHA-512 digest where ApiKeyDigest names SHA-256');
$cli->sql("INSERT INTO apikey (digest, id, tenant, name, format) VALUES ('"
          . 'ab' x 32 . "', 'plain', 't', 'n', 'opaque')");
$done = doctor();
like($done->{out}, qr/^fail  keys +1 live .*SHA-512 digest;/m,
     'the key with a SHA-512 digest is a failure beside one with SHA-256');
like($done->{out}, qr/^ok    keys +1 live ones of 1 .*no secret/m,
     'the key with a SHA-256 digest is ok beside one with SHA-512');
$cli->sql("DELETE FROM apikey WHERE id = 'plain'",
          "UPDATE apikey SET digest = substr(digest, 1, 64), secret_id = 'k1', "
          . "format = 'base62'");
$cli->write(ring => "k1 $APIKey::CLI::SECRET\n");
$cli->conf('ApiKeyDigest sha256');
finds('fail', 'keys', qr/^1 live .*"k1" .*no digest by a secret; .*hmac-sha256/,
      'an HMAC digest where ApiKeyDigest names SHA-256 only');
$cli->write(conf => "DBDriver sqlite3\nDBDParams $db\n");
finds('fail', 'secrets', qr/no ApiKeySecretFile/,
      'a CONF without ApiKeySecretFile');
$cli->write(ring => "k1 $APIKey::CLI::SECRET\n");
$cli->conf;
$cli->sql("UPDATE apikey SET secret_id = 'k1'");

# Rows that were written by hand and are never granted, since a column has a
# wrong value.
for my $n (1 .. 5) {
    $cli->create(tenant => "t$n");
}
$cli->old_rows("UPDATE apikey SET name = 'a' || char(10) WHERE tenant IN ("
    . "'t1', 't2')", "UPDATE apikey SET scopes = 'a\"b' WHERE tenant = 't3'",
    "UPDATE apikey SET name = char(7), revoked = 1 WHERE tenant = 't4'");
$done = doctor();
is($done->{exit}, 1, 'exit status 1 for rows that are never granted');
my @found = sort $done->{out} =~ /^fail  rows +(\d keys .*: .*)\.$/mg;
is(scalar @found, 2,
   'doctor has one finding for each kind of fault') or diag $done->{out};
like($found[0], qr/^1 keys .*its scopes /,
     'the finding has the number of keys with wrong scopes');
like($found[1], qr/^2 keys .*its name has a control/,
     'the finding has the number of keys with a wrong name');
my ($ids) = $found[1] =~ /id (\w+, \w+)\)/;
is(join(', ', sort split /, /, $ids), join(', ', $cli->sql(
   "SELECT id FROM apikey WHERE tenant IN ('t1', 't2') ORDER BY id")),
   'the finding has the ids of live keys only');
my ($odd) = $cli->sql("SELECT id FROM apikey WHERE tenant = 't5'",
                      "UPDATE apikey SET revoked = 1 WHERE tenant <> 't5'");
for my $fault ([ "expires = 'soon'", qr/its expires is not a whole number/ ],
               [ 'expires = 1893456000000', qr/its expires .*milliseconds/ ],
               [ 'disabled = 1893456000000', qr/its disabled .*millisec/ ],
               [ "revoked = 'no'", qr/its revoked is not a whole number/ ],
               [ "tenant = 't5' || char(0)", qr/its tenant has a NUL byte/ ],
               [ "scopes = 'a' || char(0) || ' b'", qr/its scopes has a NUL/ ],
              ) {
    $cli->old_rows("UPDATE apikey SET $fault->[0] WHERE id = '$odd'");
    finds('fail', 'rows', qr/1 keys are never granted \(id $odd\): $fault->[1]/,
          "a row with $fault->[0]");
    $cli->sql("UPDATE apikey SET expires = 0, disabled = 0, revoked = 0, "
              . "tenant = 't5', scopes = '' WHERE id = '$odd'");
}
$cli->sql("UPDATE apikey SET created = 'long ago' WHERE id = '$odd'");
finds('warn', 'rows', qr/1 rows have what is not used \(id $odd\): its created/,
      'a row with a wrong value that no server uses');
$cli->old_rows('UPDATE apikey_tenant SET suspended = 0',
               "INSERT INTO apikey_tenant (tenant) VALUES (char(9))");
finds('warn', 'rows', qr/id \\x09\): of a tenant: has a control/,
      'a tenant with a control character');

# Times that other programs use for "never", and keys that live longer than the
# max= of ApiKeyLifetime.
$cli->sql("UPDATE apikey SET created = 0, expires = 0",
          'DELETE FROM apikey_tenant WHERE tenant = char(9)');
unlike(doctor()->{out}, qr/^\w+ +rows .*\bend\b/m,
       'a key without an end gives no finding');
my $ends = "1 keys do not end as they should \\(id $odd\\): its expires is";
for my $end ([ -1, 'fail', qr/1 keys are never granted .*: its expires is -1, / ],
             (map { [ $_, 'warn', qr/$ends $_, the .*; if never was meant/ ] }
              qw(2147483647 4102444800 4294967295 32503680000 253370764800
                 253402214400 253402300799))) {
    $cli->sql("UPDATE apikey SET expires = $end->[0] WHERE id = '$odd'");
    finds($end->[1], 'rows', $end->[2], "expires = $end->[0]");
    $cli->sql("UPDATE apikey SET revoked = 1 WHERE id = '$odd'");
    unlike(doctor()->{out}, qr/expires is/,
           "no finding for a revoked key with expires = $end->[0]");
    $cli->sql("UPDATE apikey SET revoked = 0 WHERE id = '$odd'");
}
for my $column (qw(revoked disabled)) {
    $cli->sql("UPDATE apikey SET expires = 0, revoked = 0, $column = -1 "
              . "WHERE id = '$odd'");
    finds('fail', 'rows', qr/never granted .*: its $column is -1, /,
          "a row with $column = -1");
    $cli->sql("UPDATE apikey SET $column = 0 WHERE id = '$odd'");
}
for my $case ([ '30d', 0, 0, 1 ], [ '30d', -10, 21, 1 ], [ '30d', -10, 19, 0 ],
              [ '30d', 0, 31, 1 ], [ '30d', 0, 29, 0 ], [ '30d', 40, 31, 1 ],
              [ undef, -10, 0, 0 ]) {
    my ($max, $created, $expires, $named) = @$case;
    my ($made, $end) = map { $_ ? time + $_ * 86400 : 0 } $created, $expires;
    $cli->conf($max ? "ApiKeyLifetime 1d max=$max" : ());
    $cli->sql("UPDATE apikey SET created = $made, expires = $end WHERE id = "
              . "'$odd'");
    my $rows = doctor()->{warn}{rows} // '';
    is($rows =~ /1 keys do not .*\(id $odd\): it lives longer than the max=/
       ? 1 : 0, $named, ($named ? 'a finding' : 'no finding') . ' where max='
       . ($max // 'none') . ": made $created d from now, ends $expires d from "
       . 'now') or diag $rows;
}
$cli->conf;
$cli->sql('DELETE FROM apikey');

# The database: triggers, an import, journal, statements, schema, and a page
# that is broken.
$cli->sql('DROP TRIGGER apikey_after_delete', 'DROP TRIGGER apikey_bulk_over');
finds('fail', 'triggers', qr/: (?=.*apikey_after_delete)(?=.*apikey_bulk_over)
      (?!.*apikey_after_insert)/x, 'triggers that are not there');
$cli->sql('UPDATE apikey_identity SET bulk = 1');
finds('fail', 'import', qr/^"1" .*no change is recorded/,
      'an import that ended without its last step');
$cli->sql('UPDATE apikey_identity SET bulk = 0',
          'PRAGMA journal_mode = DELETE');
finds('warn', 'journal', qr/^"delete" .*WAL/, 'a journal other than WAL');
$cli->sql('PRAGMA journal_mode = WAL', 'ALTER TABLE apikey_scope RENAME '
          . 'COLUMN description TO remark');
finds('fail', 'statements', qr/description.*cannot be prepared: .*no such col/,
      'a table without one of our columns');
$cli->sql('ALTER TABLE apikey_scope RENAME COLUMN remark TO description',
          'UPDATE apikey_identity SET schema_version = 99');
finds('fail', 'schema', qr/version 99/, 'a schema newer than this program');
$cli->sql('UPDATE apikey_identity SET schema_version = 1');
$done = finds('fail', 'schema', qr/version 1\b.*htapikey init/,
              'a schema older than this program');
ok(!$done->{ok}{statements}, 'no statement is tried in an older schema');
$cli->write(db => "This is a letter, not a database.\n" x 100);
unlink "$db-wal", "$db-shm";
finds('fail', 'schema', qr/not a database/, 'a file that is no database');
unlink $db;
finds('fail', 'schema', qr/\Q$db\E.*htapikey init/,
      'a database that is not there');
is($cli->run('init')->{exit}, 0, 'init makes a new database');
my $page = $cli->sql("SELECT (rootpage - 1) * 4096 FROM sqlite_master WHERE "
                     . "name = 'apikey_by_tenant'");
$cli->create for 1 .. 3;
$cli->sql('PRAGMA wal_checkpoint(TRUNCATE)');
open my $file, '+<:raw', $db or die "$db: $!\n";
seek $file, $page, 0;
print $file "\xff" x 200;
close $file;
like(doctor()->{out}, qr/^fail .*(?:quick_check|malformed)/m,
     'a page of an index that was overwritten is a failure');
unlink glob "$db*";
$cli->run('init');

chdir $folder or die "$folder: $!\n";
$cli->write(conf => "DBDriver sqlite3\nDBDParams keys.db\nApiKeySecretFile "
            . "$ring\n");
finds('warn', 'file', qr/keys\.db in DBDParams does not begin with/,
      'a relative path in DBDParams');
chdir '/';
$cli->conf;

is($cli->run('doctor', 'x')->{exit}, 1,
   'exit status 1 when a further CONF is not there');
is($cli->run('doctor', { conf => undef })->{exit}, 2,
   'exit status 2 without CONF');

done_testing;
