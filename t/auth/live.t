# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A change in the database takes effect at the next request, without a restart
# of httpd: changes by htapikey and by SQL, tables that are dropped and created,
# a file that is removed, moved or replaced.

use APIKey::Test;
use APIKey::Auth;
use APIKey::ConfigTest;
use File::Copy qw(move);

my $host = 'auth_live';

# All requests to a server use one connection: a change reaches open ones.
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
is(reason($host, $key), 'granted', 'a key is granted after htapikey create');
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
    my $line = "@$command" =~ s/\Q$key->{id}\E/ID/r;
    is(reason($host, $key), $want, "the key is $want after htapikey $line");
    is(reason($host, $other), 'granted',
       "another tenant's key is granted after htapikey $line");
}
isnt(htapikey($host, 'enable', $key->{id})->{exit}, 0,
     'htapikey enable fails for a revoked key');
is(reason($host, $key), 'revoked',
   'the key is revoked after htapikey enable failed');

# 25 times: create and ask, revoke and ask.
my %wrong;
for my $round (1 .. 25) {
    my $one = fresh($host, tenant => 'acme');
    $wrong{create}++ if reason($host, $one) ne 'granted';
    tell($host, 'revoke', $one->{id});
    $wrong{revoke}++ if reason($host, $one) ne 'revoked';
}
is_deeply(\%wrong, {},
          '25 keys are granted after create and revoked after revoke');

# rotate: both keys are granted within the overlap, then only the new one.
my $old = fresh($host, tenant => 'acme');
chomp(my $new = tell($host, 'rotate', $old->{id}, '--overlap', '1h', '-q'));
remember_key($new);
is(reason($host, { key => $new }), 'granted',
   'the new key is granted after htapikey rotate');
is(reason($host, $old), 'granted',
   'the old key is granted within the overlap of htapikey rotate');
sql($host, "UPDATE apikey SET expires = 1 WHERE id = '$old->{id}'");
is(reason($host, $old), 'expired', 'the old key is expired after the overlap');
is(reason($host, { key => $new }), 'granted',
   'the new key is granted after the overlap');

# ---- SQL ----
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
    is(reason($host, $other), $want, "the key is $want after SQL: $change");
}
sql($host, row_of($digest, id => $other->{id}, tenant => 'globex',
                  scopes => 'a:b'));
is(reason($host, $other), 'granted',
   'the key is granted after SQL: INSERT of its row');
sql($host, row_of($digest, id => $other->{id}, tenant => 'globex',
                  scopes => 'a:b', revoked => 1)
           =~ s/^INSERT/INSERT OR REPLACE/r);
is(reason($host, $other), 'revoked',
   'the key is revoked after SQL: INSERT OR REPLACE with revoked = 1');
my $lone = fresh($host, tenant => 'lone');
sql($host, "DELETE FROM apikey_tenant WHERE tenant = 'lone'");
like(reason($host, $lone), qr/^(?:granted|invalid)$/,
     'a key whose tenant has no row is granted or invalid, not unavailable');

# A key whose row has a value that is not allowed, such as one that no header
# can carry, is unavailable; other keys are granted.
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
    is(reason($host, $victim), 'unavailable',
       "$column = $value: the key is unavailable");
    like(logs_since($mark, 'error'),
         qr/APIKEY0102: the key .*: its $column (?:has|is|begins|lies)/,
         "$column = $value: the log names the column");
    is(reason($host, $intact), 'granted',
       "$column = $value: another key is granted");
    sql($host, "UPDATE apikey SET $column = '"
               . ($row{$column} // $time{$column})
               . "' WHERE digest = '$digest'");
    is(reason($host, $victim), 'granted',
       "$column = $value: the key is granted when it is corrected");
}

# ---- Tables that do not exist ----
my $bare = 'auth_live_tables';
my $gone = fresh($bare, tenant => 'gone');
is(reason($bare, $gone), 'granted',
   'the key is granted while its tables exist');
sql($bare, map { "DROP TABLE $_" } sql($bare,
    "SELECT name FROM sqlite_master WHERE name LIKE 'apikey%'
     AND type = 'table'"));
my $mark = mark_logs();
is(reason($bare, $gone), 'unavailable',
   'the key is unavailable without tables') for 1 .. 3;
is(scalar(() = logs_since($mark, 'error') =~ /APIKEY0105: .*htapikey init/g),
   1, 'the log names htapikey init once for three requests without tables');
is(reason($host, $intact), 'granted',
   "another virtual host's key is granted while these tables are missing");
tell($bare, 'init');
is(reason($bare, $gone), 'invalid',
   'the key of the dropped tables is invalid after htapikey init');
is(reason($bare, fresh($bare, tenant => 'new')), 'granted',
   'a new key is granted after htapikey init');

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
is(reason($port, { key => $key_there }), 'unavailable',
   'a key is unavailable while the file is removed');
like($site->slurp('error_log'), qr/APIKEY0105: .*htapikey init/,
     'the log names htapikey init while the file is removed');
$site->init;
is(reason($port, { key => $key_there }), 'invalid',
   'an unknown key is invalid after htapikey init has made the file');
is(reason($port, { key => $site->create }), 'granted',
   'the first key of the new file is granted');
$site->stop;

# ---- The file is moved away and back ----
my $file = 'auth_live_file';
my $db = run_info()->{stage} . "/state/$file.db";
my $kept = fresh($file, tenant => 'acme');
is(reason($file, $kept), 'granted', 'the key is granted while its file exists');
sql($file, 'PRAGMA wal_checkpoint(TRUNCATE)');
for my $round (1, 2) {
    move($db, "$db.away") or die $!;
    is(reason($file, $kept), 'unavailable',
       'the key is unavailable while its file is moved away');
    move("$db.away", $db) or die $!;
    is(reason($file, $kept), 'granted',
       'the key is granted when its file is moved back');
}
# Another database takes the place of the file, like one from a backup.
for my $part (grep { -e } map { "$db$_" } '', '-wal', '-shm') {
    move($part, "$part.away") or die $!;
}
tell($file, 'init');
chown((getpwnam run_info()->{user})[2, 3], $db) unless $>;
is(reason($file, $kept), 'invalid',
   'the key is invalid when another database takes the place of its file');
is(reason($file, fresh($file, tenant => 'b')), 'granted',
   'a key of the other database is granted');

key_nowhere_in_logs($_) for $key, $other, @victims, $new, $kept;

done_testing;
