# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Changes in the database take effect at the next request: changes by htapikey
# and by hand, tables that are dropped and created, a file that appears.

use APIKey::Test;
use APIKey::Auth;
use APIKey::ConfigTest;
use File::Copy qw(move);

my $host = 'auth_live';

# All requests use one connection: a new one is not needed for any effect.
my %connection;
sub reason {
    my ($at, $made) = @_;
    $connection{$at} ||= connection($at);
    my $r = $connection{$at}->send("GET /index.html HTTP/1.1\r\nHost: a\r\n"
                                   . "X-API-Key: $made->{key}\r\n\r\n")
            ->response;
    delete $connection{$at} if grep { lc eq 'close' }
                               header_of($r, 'Connection');
    return 'granted' if $r->{status} == 200;
    my $problem = refusal($r)->{problem};
    return ref $problem ? $problem->{code} : "status $r->{status}";
}

my @made;
sub fresh {
    my ($at, %option) = @_;
    push @made, create_key($at, scope => 'a:b', %option);
    return $made[-1];
}

# ---- htapikey ----
my $key = fresh($host, tenant => 'acme');
my $other = fresh($host, tenant => 'globex');
is(reason($host, $key), 'granted', 'a key just made is granted');
my @steps = (
    [ [ 'disable', $key->{id} ], 'disabled' ],
    [ [ 'enable', $key->{id} ], 'granted' ],
    [ [qw(tenant suspend acme)], 'suspended' ],
    [ [ 'disable', $key->{id} ], 'disabled' ],
    [ [ 'enable', $key->{id} ], 'suspended' ],
    [ [qw(tenant resume acme)], 'granted' ],
    [ [ 'set', $key->{id}, '--scope', 'c:d' ], 'scope' ],
    [ [ 'set', $key->{id}, '--scope', 'a:*' ], 'granted' ],
    [ [ 'revoke', $key->{id} ], 'revoked' ],
);
for my $step (@steps) {
    my ($command, $want) = @$step;
    tell($host, @$command);
    is(reason($host, $key), $want, "htapikey $command->[0]: $want");
    is(reason($host, $other), 'granted', "another tenant's key stays granted");
}
isnt(htapikey($host, 'enable', $key->{id})->{exit}, 0,
     'a revoked key cannot be enabled');
is(reason($host, $key), 'revoked', 'revoked after enable, too');

# 25 times: created, granted, revoked, refused.
my %wrong;
for my $round (1 .. 25) {
    my $one = fresh($host, tenant => 'acme');
    $wrong{create}++ if reason($host, $one) ne 'granted';
    tell($host, 'revoke', $one->{id});
    $wrong{revoke}++ if reason($host, $one) ne 'revoked';
}
is_deeply(\%wrong, {}, 'created and revoked, 25 times');

# rotate: both keys are good, or only the new one.
my $old = fresh($host, tenant => 'acme');
chomp(my $new = tell($host, 'rotate', $old->{id}, '--overlap', '1h', '-q'));
remember_key($new);
is(reason($host, { key => $new }), 'granted', "rotate: the new key's turn");
is(reason($host, $old), 'granted',
   'granted for the old key within the overlap');
sql($host, "UPDATE apikey SET expires = 1 WHERE id = '$old->{id}'");
is(reason($host, $old), 'expired', 'behind it, no more');
is(reason($host, { key => $new }), 'granted', 'the new one stays');

# ---- By hand ----
my $digest = key_digest(secrets(), $other->{key});
for my $step ([ "UPDATE apikey SET disabled = 1", 'disabled' ],
              [ "UPDATE apikey SET disabled = 0, scopes = ''", 'scope' ],
              [ "UPDATE apikey SET scopes = 'x a:b'", 'granted' ],
              [ "UPDATE apikey SET keyspace = 'elsewhere'", 'invalid' ],
              [ "UPDATE apikey SET keyspace = 'default'", 'granted' ],
              [ "UPDATE apikey SET expires = 1", 'expired' ],
              [ "UPDATE apikey SET expires = 0", 'granted' ],
              [ "DELETE FROM apikey", 'invalid' ]) {
    my ($change, $want) = @$step;
    sql($host, "$change WHERE digest = '$digest'");
    is(reason($host, $other), $want, "by hand: $change: $want");
}
sql($host, row_of($digest, id => $other->{id}, tenant => 'globex',
                  scopes => 'a:b'));
is(reason($host, $other), 'granted', 'a row put back opens again');
sql($host, row_of($digest, id => $other->{id}, tenant => 'globex',
                  scopes => 'a:b', revoked => 1)
           =~ s/^INSERT/INSERT OR REPLACE/r);
is(reason($host, $other), 'revoked', 'INSERT OR REPLACE');
my $lone = fresh($host, tenant => 'lone');
sql($host, "DELETE FROM apikey_tenant WHERE tenant = 'lone'");
like(reason($host, $lone), qr/^(?:granted|invalid)$/,
     'a key whose tenant has no row is no fault of the server');

# A value that no header can carry is never granted; other keys are not
# affected.
my @victims;
my %row = (tenant => 'victim', name => 'victim', env => 'live',
           scopes => 'a:b', keyspace => 'default', id => 1);
my %time = (expires => 0, disabled => 0);
my $intact = fresh($host, tenant => 'intact');
sql($host, 'DROP TRIGGER apikey_text_update');
for my $case (
    (map { [ $_, "'a' || char(10) || 'X-Evil: 1'" ] } qw(tenant name env)),
    [ 'tenant', "'a' || char(13) || char(10) || 'b'" ],
    [ 'tenant', "char(1)" ], [ 'tenant', "'a' || char(127)" ],
    [ 'tenant', "'a' || char(133)" ], [ 'tenant', "CAST(x'61ff' AS TEXT)" ],
    [ 'tenant', "''" ], [ 'tenant', "' acme'" ],
    (map { [ $_, "'victim' || char(0) || 'x'" ] } keys %row),
    [ 'tenant', "x'76696374696d00'" ],
    [ 'expires', "'2030-01-01'" ], [ 'expires', '1893456000000' ],
    [ 'disabled', "'no'" ], [ 'expires', "'0' || char(0)" ],
    [ 'scopes', "'a:b' || char(9) || 'c'" ],
    [ 'scopes', "'a:b' || char(10) || 'c'" ],
    [ 'scopes', "'a:b \"'" ],
    [ 'id', "'x' || char(13) || char(10) || 'Set-Cookie: a'" ],
    [ 'name', "CAST(x'61c328' AS TEXT)" ],
) {
    my ($column, $value) = @$case;
    # A key of its own: a wrong record is logged once per minute.
    my $victim = fresh($host, tenant => 'victim', name => 'victim');
    push @victims, $victim;
    $row{id} = $victim->{id};
    my $mark = mark_logs();
    my $digest = key_digest(secrets(), $victim->{key});
    sql($host, "UPDATE apikey SET $column = $value WHERE digest = '$digest'");
    is(reason($host, $victim), 'unavailable', "$column = $value: fails closed");
    like(logs_since($mark, 'error'),
         qr/APIKEY0102: the key .*: its $column (?:has|is|begins|lies)/,
         "the log names the column $column");
    is(reason($host, $intact), 'granted', 'another key is not harmed');
    sql($host, "UPDATE apikey SET $column = '"
               . ($row{$column} // $time{$column})
               . "' WHERE digest = '$digest'");
    is(reason($host, $victim), 'granted', 'corrected, it works again');
}

# ---- Tables that do not exist (yet) ----
my $bare = 'auth_live_tables';
my $gone = fresh($bare, tenant => 'gone');
is(reason($bare, $gone), 'granted', 'before: a table and a key');
sql($bare, map { "DROP TABLE $_" } sql($bare,
    "SELECT name FROM sqlite_master WHERE name LIKE 'apikey%'
     AND type = 'table'"));
my $mark = mark_logs();
is(reason($bare, $gone), 'unavailable', 'no tables: 503') for 1 .. 3;
is(scalar(() = logs_since($mark, 'error') =~ /APIKEY0105: .*htapikey init/g),
   1, 'the log names htapikey init, once');
is(reason($host, $intact), 'granted', 'another virtual host is not harmed');
tell($bare, 'init');
is(reason($bare, $gone), 'invalid', 'init: the key of before is unknown');
is(reason($bare, fresh($bare, tenant => 'new')), 'granted',
   'a new one works, without a restart');

# ---- The file is removed while httpd runs ----
my $site = APIKey::ConfigTest->new;
$site->start(<<'EOF');
@DATABASE@
<Location />
    AuthType ApiKey
    AuthName "R"
    Require valid-user
</Location>
EOF
unlink glob "$site->{db}*";
my $key_there = unknown_key(secrets("$site->{dir}/secret"));
my $port = $site->port;
is(reason($port, { key => $key_there }), 'unavailable', 'no file: 503');
like($site->slurp('error_log'), qr/APIKEY0105: .*htapikey init/,
     'the log names htapikey init');
$site->init;
is(reason($port, { key => $key_there }), 'invalid', 'init: no longer');
is(reason($port, { key => $site->create }), 'granted',
   'and its first key works, without a restart');
$site->stop;

# ---- The file away ----
my $file = 'auth_live_file';
my $db = run_info()->{stage} . "/state/$file.db";
my $kept = fresh($file, tenant => 'acme');
is(reason($file, $kept), 'granted', 'before: the file is there');
sql($file, 'PRAGMA wal_checkpoint(TRUNCATE)');
for my $round (1, 2) {
    move($db, "$db.away") or die $!;
    is(reason($file, $kept), 'unavailable',
       'moved away: 503, whatever is still open');
    move("$db.away", $db) or die $!;
    is(reason($file, $kept), 'granted', 'moved back: granted');
}
# Another database takes its place, as if restored from a backup.
for my $part (grep { -e } map { "$db$_" } '', '-wal', '-shm') {
    move($part, "$part.away") or die $!;
}
tell($file, 'init');
chown((getpwnam run_info()->{user})[2, 3], $db) unless $>;
is(reason($file, $kept), 'invalid', 'another database: its keys count');
is(reason($file, fresh($file, tenant => 'b')), 'granted', 'these do');


key_nowhere_in_logs($_) for $key, $other, @victims, $new, $kept;

done_testing;
