# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Twenty thousand keys are imported into each database, exported and imported
# again, and old rows are removed.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::Backends qw(backend backend_names);
use APIKey::CLI;

my @keys = map { 'sk_' . substr sha256_hex("key $_"), 0, 30 } 1 .. 20_000;
my $text = join '', "key,tenant,name,scopes\n",
    map { "$keys[$_],tenant " . $_ % 900 . ",key $_,a:b c:d\n" } 0 .. $#keys;

# The numbers of rows in the tables that an import changes.
sub state_of {
    my ($backend) = @_;
    return join ' ', map { $backend->sql("SELECT COUNT(*) FROM $_") }
        qw(apikey apikey_tenant apikey_change),
        "apikey_audit WHERE action = 'import'";
}

sub imports {
    my ($cli, $backend) = @_;
    $cli->{csv} = "$cli->{folder}/keys.csv";
    $cli->write(csv => "$text$keys[5],t,n,\n");
    my $done = $cli->run('import', $cli->{csv});
    is($done->{exit}, 1, 'status 1 for a file with a key twice')
        or diag $done->{err};
    like($done->{err}, qr/line 20002: .*earlier line.*no key was imported/,
         'the error names the line of the second');
    is(state_of($backend), '0 0 0 0',
       'nothing is imported from a file with a key twice');
    $cli->write(csv => "key,tenant,name\n$keys[0],t,n\nb,t\n");
    like($cli->run('import', $cli->{csv})->{err}, qr/line 3: it has 2 fields/,
         'the error for a line with too few fields names it');
    is(state_of($backend), '0 0 0 0',
       'nothing is imported from a file with a bad line');
    $cli->write(csv => $text);
    $done = $cli->run('import', $cli->{csv});
    is($done->{exit}, 0, 'twenty thousand keys are imported')
        or diag $done->{err};
    is(state_of($backend), '20000 900 1 1',
       'the keys and tenants are there, with one change and one audit entry');
    is($cli->verify($keys[$_], '--scope', 'c:d'), 'granted', "key $_ granted")
        for 0, 19_999;
    $cli->write(csv => "key,tenant,name\nnew-$keys[0],t,n\n$keys[7],t,n\n");
    like($cli->run('import', $cli->{csv})->{err},
         qr/line 3: the key is in the database already, with the id \w{12};/,
         'the error for a key that is there already names its id');
    my @lines = split /\n/, $cli->run('list')->{out};
    my %seen = map { (split)[0] => 1 } @lines;
    is(scalar(@lines) . ' ' . keys %seen, '20001 20001',
       'list has each key once');
}

# What export writes, import reads into an empty database.
sub round_trip {
    my ($cli, $backend) = @_;
    my $change = $cli->run('set', $cli->create(tenant => 'tenant 5')->{id},
                           '--name', "Z\xc3\xbcrich, \"=1\"", '--owner', '=cmd',
                           '--network', '10.0.0.0/8', '--meta', 'PLAN=gold');
    is($change->{exit}, 0, 'a key gets all columns') or diag $change->{err};
    my $written = $cli->run('export', '--tenant', 'tenant 5')->{out};
    cmp_ok($written =~ tr/\n//, '>', 20, 'the keys of a tenant are exported');
    $cli->{database} = [ $backend->fresh ];
    $cli->conf('ApiKeyFormat base62 opaque');
    is($cli->run('init')->{exit}, 0, 'an empty database is made');
    $cli->write(csv => $written);
    my $done = $cli->run('import', $cli->{csv});
    is($done->{exit}, 0, 'the exported keys are imported into it')
        or diag $done->{err};
    is($cli->run('export')->{out}, $written,
       'the export of the new database is the same');
}

# The number of rows that PostgreSQL has read by reading the table whole.
sub read_whole {
    my ($backend) = @_;
    return scalar $backend->sql('SELECT seq_tup_read FROM pg_stat_user_tables '
                                . "WHERE relname = 'apikey_change'");
}

# PostgreSQL has no statistics of the table, and no VACUUM has run.
sub reads_little {
    my ($cli, $backend) = @_;
    $backend->sql('INSERT INTO apikey_change (kind, value, changed) SELECT '
                  . "'digest', repeat('a', 64), 1000 FROM "
                  . 'generate_series(1, 100000)',
                  'UPDATE apikey_identity SET kept_since = 1000');
    my $pruned = sub { $backend->sql('SELECT pruned FROM apikey_identity') };
    my $last = $backend->sql('SELECT last_value FROM apikey_change_numbers');
    my $before = read_whole($backend);
    for (1 .. 60) {
        last if $pruned->() >= $last;
        $cli->run('create', '--tenant', 'x', '--name', 'y');
    }
    is($pruned->(), $last, 'a hundred thousand old changes are removed');
    is(read_whole($backend), $before, 'no step reads the whole table');
}

# Old changes and audit entries, made by hand.
sub prunes {
    my ($cli, $backend) = @_;
    $backend->sql('UPDATE apikey_identity SET kept_since = 1000',
                  'UPDATE apikey_change SET changed = 1000');
    my $old = time - 91 * 86400;
    $backend->sql("INSERT INTO apikey_audit (happened, who, action) VALUES "
                  . "($old, 'me', 'old')");
    my ($last) = $backend->sql('SELECT MAX(number) FROM apikey_change');
    my $done = $cli->run('create', '--tenant', 'x', '--name', 'y');
    is($done->{exit}, 0, 'a key is made') or diag $done->{err};
    is($backend->sql("SELECT COUNT(*) FROM apikey_audit WHERE action = 'old'"),
       0, 'making a key removes old audit entries');
    is($backend->sql("SELECT COUNT(*) FROM apikey_change WHERE number <= "
                     . $last), 0, 'making a key removes old changes');
    is($backend->sql('SELECT pruned FROM apikey_identity'), $last,
       'the number of the last removed change is stored');
    cmp_ok($backend->sql('SELECT COUNT(*) FROM apikey_change'), '>', 0,
           'newer changes stay');
    is($cli->run('disable', $cli->create->{id})->{exit}, 0,
       'a key is disabled after that');
}

for my $name (backend_names()) {
    local %ENV = %ENV;              # ODBC sets it
    my $backend = backend($name);
    my $cli = APIKey::CLI->bare;
    $cli->{database} = [ $backend->fresh ];
    $cli->conf('ApiKeyFormat base62 opaque');
    is($cli->run('init')->{exit}, 0, "init makes the tables: $name");
    subtest "import: $name" => sub { imports($cli, $backend) };
    subtest "retention: $name" => sub { prunes($cli, $backend) };
    subtest "$name reads no more than it removes" => sub {
        reads_little($cli, $backend);
    } if $name =~ /pgsql/;
    my $done = $cli->run('doctor', '--user', scalar getpwuid $>);
    is($done->{exit}, 0, "doctor has no failure: $name") or diag $done->{out};
    like($done->{out}, qr/^ok +triggers +All \d\d? are there/m,
         "doctor finds all triggers: $name");
    unlike($done->{out}, qr/^(?:warn|fail)/m, "doctor has no warning: $name");
    subtest "export: $name" => sub { round_trip($cli, $backend) };
}

done_testing;
