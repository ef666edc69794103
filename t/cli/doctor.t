# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey doctor: a finding for each fault.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my ($folder, $db, $ring) = @{$cli}{qw(folder db ring)};

# Who may write is t/cli/doctor_user.t's.
my @me = ('--user', scalar getpwuid $>);

# The findings: level and check of each line, and the whole output.
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

# One finding of this level by this check, and the exit status.
sub finds {
    my ($level, $check, $like, $promise, @option) = @_;
    my $done = doctor(@option);
    like($done->{$level}{$check} // 'nothing', $like, "$level: $promise")
        or diag $done->{out}, $done->{err};
    is($done->{exit}, $done->{levels}{fail} ? 1 : 0, 'and the exit status');
    return $done;
}

my $key = $cli->create;
my $done = doctor();
is($done->{exit}, 0, 'nothing is wrong') or diag $done->{out};
is($done->{err}, '', 'and nothing is on standard error');
is(join(' ', @{ $done->{levels}{ok} }), 'secrets prefix file schema triggers '
   . 'statements journal integrity import unfinished identity keys rows'
   . ' strength',
   'all is looked at');
is(join(' ', sort keys %{ $done->{levels} }), 'ok', 'no more than that');
like($done->{ok}{keys}, qr/^1 live ones of 1 .*"k1"/, 'the keys are counted');
my $json = $cli->json('doctor', @me);
is(join(' ', map { "$_->{level}:$_->{check}" } @$json),
   join(' ', map { "ok:$_" } @{ $done->{levels}{ok} }), 'the same in JSON');
is($json->[-1]{finding}, $done->{ok}{strength}, 'with its sentence');

# ApiKeyQuery and ApiKeyChangesQuery.
my $query = 'ApiKeyQuery "SELECT id, tenant FROM apikey WHERE digest = %s"';
my $changes = 'ApiKeyChangesQuery "SELECT number, value FROM apikey_change '
            . 'WHERE number > %s"';
$cli->conf($query, $changes);
is(join(' ', map { "$_->{level}:$_->{finding}" }
             grep { $_->{check} eq 'query' } @{ $cli->json('doctor', @me) }),
   'ok:ApiKeyQuery can be used. ok:ApiKeyChangesQuery can be used.',
   'queries of one\'s own are tried');
$cli->conf($query =~ s/tenant/tennant/r, $changes);
finds('fail', 'query', qr/^ApiKeyQuery cannot .*no such column: tennant/,
      'a query that is wrong');
$cli->conf($query, $changes =~ s/, value//r);
finds('fail', 'query', qr/^ApiKeyChangesQuery cannot .*two columns/,
      'and one of changes');
$cli->conf($query =~ s/apikey WHERE/sqlite_master WHERE/r
                  =~ s/id, tenant/name AS id, type AS tenant/r
                  =~ s/digest =/name =/r,
           'DBDParams ' . "$folder/own.db");
system('sqlite3', "$folder/own.db", 'PRAGMA journal_mode = WAL') == 0
    or die "sqlite3: $?\n";
finds('warn', 'schema', qr/ApiKeyQuery and needs no other tables/,
      'tables of one\'s own alone');
$cli->conf();

# The prefix.
like($done->{ok}{prefix}, qr/^No ApiKeyPrefix: .* ak_\. .* 6 characters or more/,
     'without a prefix it is advised');
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

# The secrets.
chmod 0644, $ring;
finds('fail', 'secrets', qr/\Q$ring\E.*others/, 'a secret file for everyone');
chmod 0600, $ring;
$cli->write(ring => "k1 short\n");
$done = finds('fail', 'secrets', qr/line 1 /, 'a bad line');
unlike($done->{out}, qr/short\b/, 'without what stands in it');
like($done->{warn}{keys}, qr/^1 live .*"k1"; .*cannot be judged/,
     'and no key is judged without it');
unlike($done->{out}, qr/revoke/, 'nor is it told to revoke one');
$cli->write(ring => "k2 " . 'A' x 43 . "=\nk1 $APIKey::CLI::SECRET\nk3 "
            . 'B' x 42 . "A=\n");
$done = finds('ok', 'keys', qr/"k3" signs no live key: .*dropped/,
              'a secret that nobody needs');
unlike($done->{out}, qr/"k[12]" signs no live/, 'and only that: not the '
       . 'first, which signs, nor one with keys');
$cli->write(ring => "k2 " . 'A' x 43 . "=\n");
$done = finds('fail', 'keys', qr/^1 live .*"k1".*not in ApiKeySecretFile/,
              'a secret that is missed');
$cli->run('disable', $key->{id});
finds('fail', 'keys', qr/^1 live /, 'by a disabled key, too');
$cli->sql('UPDATE apikey SET disabled = 0, expires = 1');
$done = finds('ok', 'keys', qr/^0 live ones of 1 .*"k1", which is not in use/,
              'not by an expired one');
$cli->sql("UPDATE apikey SET expires = 0, secret_id = '', format = 'opaque'");
finds('fail', 'keys', qr/^1 live .*ApiKeyDigest/, 'a SHA-256 digest');
$cli->conf('ApiKeyDigest hmac-sha256 sha256');
finds('ok', 'keys', qr/^1 live .*SHA-256/, 'which may be allowed');
$cli->sql("UPDATE apikey SET format = 'base62'");
finds('fail', 'keys', qr/^1 live .*base62.*by their secret alone/,
      'but is not looked for of a key with check characters');
$cli->sql("UPDATE apikey SET format = 'opaque', digest = digest || digest");
finds('fail', 'keys', qr/^1 live .*no SHA-512 digest; write sha512 after/,
      'and none of SHA-512, where the server would look for one of SHA-256');
$cli->sql("INSERT INTO apikey (digest, id, tenant, name, format) VALUES ('"
          . 'ab' x 32 . "', 'plain', 't', 'n', 'opaque')");
$done = doctor();
like($done->{out}, qr/^fail  keys +1 live .*SHA-512 digest;/m, 'of both');
like($done->{out}, qr/^ok    keys +1 live ones of 1 .*no secret/m,
     'each is judged by itself');
$cli->sql("DELETE FROM apikey WHERE id = 'plain'",
          "UPDATE apikey SET digest = substr(digest, 1, 64), secret_id = 'k1', "
          . "format = 'base62'");
$cli->write(ring => "k1 $APIKey::CLI::SECRET\n");
$cli->conf('ApiKeyDigest sha256');
finds('fail', 'keys', qr/^1 live .*"k1" .*no digest by a secret; .*hmac-sha256/,
      'nor one by a secret that is there');
$cli->write(conf => "DBDriver sqlite3\nDBDParams $db\n");
finds('fail', 'secrets', qr/no ApiKeySecretFile/, 'no secret file');
$cli->write(ring => "k1 $APIKey::CLI::SECRET\n");
$cli->conf;
$cli->sql("UPDATE apikey SET secret_id = 'k1'");

# Rows that were written by hand.
for my $n (1 .. 5) {
    $cli->create(tenant => "t$n");
}
$cli->old_rows("UPDATE apikey SET name = 'a' || char(10) WHERE tenant IN ("
    . "'t1', 't2')", "UPDATE apikey SET scopes = 'a\"b' WHERE tenant = 't3'",
    "UPDATE apikey SET name = char(7), revoked = 1 WHERE tenant = 't4'");
$done = doctor();
is($done->{exit}, 1, 'rows that are never granted');
my @found = sort $done->{out} =~ /^fail  rows +(\d keys .*: .*)\.$/mg;
is(scalar @found, 2, 'one finding for each kind') or diag $done->{out};
like($found[0], qr/^1 keys .*its scopes /, 'with their number');
like($found[1], qr/^2 keys .*its name has a control/, 'and what is wrong');
my ($ids) = $found[1] =~ /id (\w+, \w+)\)/;
is(join(', ', sort split /, /, $ids), join(', ', $cli->sql(
   "SELECT id FROM apikey WHERE tenant IN ('t1', 't2') ORDER BY id")),
   'and the id of each, but not of a revoked one');
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
          "named: $fault->[0]");
    $cli->sql("UPDATE apikey SET expires = 0, disabled = 0, revoked = 0, "
              . "tenant = 't5', scopes = '' WHERE id = '$odd'");
}
$cli->sql("UPDATE apikey SET created = 'long ago' WHERE id = '$odd'");
finds('warn', 'rows', qr/1 rows have what is not used \(id $odd\): its created/,
      'what no server asks for is a warning');
$cli->old_rows('UPDATE apikey_tenant SET suspended = 0',
               "INSERT INTO apikey_tenant (tenant) VALUES (char(9))");
finds('warn', 'rows', qr/id \\x09\): of a tenant: has a control/, 'a tenant');

# Times by which other programs mean "never", and keys that live longer than
# ApiKeyLifetime's max= allows.
$cli->sql("UPDATE apikey SET created = 0, expires = 0",
          'DELETE FROM apikey_tenant WHERE tenant = char(9)');
unlike(doctor()->{out}, qr/^\w+ +rows .*\bend\b/m, 'a key may live for ever');
my $ends = "1 keys do not end as they should \\(id $odd\\): its expires is";
for my $end ([ -1, 'fail', qr/1 keys are never granted .*: its expires is -1, / ],
             (map { [ $_, 'warn', qr/$ends $_, the .*; if never was meant/ ] }
              qw(2147483647 4102444800 4294967295 32503680000 253370764800
                 253402214400 253402300799))) {
    $cli->sql("UPDATE apikey SET expires = $end->[0] WHERE id = '$odd'");
    finds($end->[1], 'rows', $end->[2], "expires = $end->[0]");
    $cli->sql("UPDATE apikey SET revoked = 1 WHERE id = '$odd'");
    unlike(doctor()->{out}, qr/expires is/, 'but not of a revoked one');
    $cli->sql("UPDATE apikey SET revoked = 0 WHERE id = '$odd'");
}
for my $column (qw(revoked disabled)) {
    $cli->sql("UPDATE apikey SET expires = 0, revoked = 0, $column = -1 "
              . "WHERE id = '$odd'");
    finds('fail', 'rows', qr/never granted .*: its $column is -1, /,
          "$column = -1");
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
       ? 1 : 0, $named, 'max=' . ($max // 'none') . ": made $created d from "
       . "now, ends $expires d from now") or diag $rows;
}
$cli->conf;
$cli->sql('DELETE FROM apikey');

# The database.
$cli->sql('DROP TRIGGER apikey_after_delete', 'DROP TRIGGER apikey_bulk_over');
finds('fail', 'triggers', qr/: (?=.*apikey_after_delete)(?=.*apikey_bulk_over)
      (?!.*apikey_after_insert)/x, 'triggers that are gone');
$cli->sql('UPDATE apikey_identity SET bulk = 1');
finds('fail', 'import', qr/^"1" .*no change is recorded/, 'a forgotten flag');
$cli->sql('UPDATE apikey_identity SET bulk = 0',
          'PRAGMA journal_mode = DELETE');
finds('warn', 'journal', qr/^"delete" .*WAL/, 'another journal');
$cli->sql('PRAGMA journal_mode = WAL', 'ALTER TABLE apikey_scope RENAME '
          . 'COLUMN description TO remark');
finds('fail', 'statements', qr/description.*cannot be prepared: .*no such col/,
      'a column that is gone');
$cli->sql('ALTER TABLE apikey_scope RENAME COLUMN remark TO description',
          'UPDATE apikey_identity SET schema_version = 99');
finds('fail', 'schema', qr/version 99/, 'another version');
$cli->sql('UPDATE apikey_identity SET schema_version = 1');
$done = finds('fail', 'schema', qr/version 1\b.*htapikey init/, 'an old one');
ok(!$done->{ok}{statements}, 'nothing more is asked then');
$cli->write(db => "This is a letter, not a database.\n" x 100);
unlink "$db-wal", "$db-shm";
finds('fail', 'schema', qr/not a database/, 'no database at all');
unlink $db;
finds('fail', 'schema', qr/\Q$db\E.*htapikey init/, 'none there');
is($cli->run('init')->{exit}, 0, 'a fresh one');
my $page = $cli->sql("SELECT (rootpage - 1) * 4096 FROM sqlite_master WHERE "
                     . "name = 'apikey_by_tenant'");
$cli->create for 1 .. 3;
$cli->sql('PRAGMA wal_checkpoint(TRUNCATE)');
open my $file, '+<:raw', $db or die "$db: $!\n";
seek $file, $page, 0;
print $file "\xff" x 200;
close $file;
like(doctor()->{out}, qr/^fail .*(?:quick_check|malformed)/m, 'a broken page');
unlink glob "$db*";
$cli->run('init');

chdir $folder or die "$folder: $!\n";
$cli->write(conf => "DBDriver sqlite3\nDBDParams keys.db\nApiKeySecretFile "
            . "$ring\n");
finds('warn', 'file', qr/keys\.db in DBDParams does not begin with/,
      'a relative path');
chdir '/';
$cli->conf;

is($cli->run('doctor', 'x')->{exit}, 1, 'a further CONF that is not there');
is($cli->run('doctor', { conf => undef })->{exit}, 2, 'without CONF');

done_testing;
