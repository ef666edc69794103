# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Rows in which a column has a value of the wrong kind, which SQLite allows.
# Such a key is shown as faulty with its id, can be revoked and corrected, and
# does not keep commands from reading other rows.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my $good = $cli->create(name => 'good');

# Makes a key whose row has a value that the schema's constraints would refuse.
sub faulty {
    my ($set) = @_;
    my $key = $cli->create(name => 'bad');
    $cli->old_rows("UPDATE apikey SET $set WHERE id = '$key->{id}'");
    return $key;
}

sub stored {
    my ($id, $column) = @_;
    return $cli->sql("SELECT $column FROM apikey WHERE id = '$id'");
}

# Columns that decide whether a key is granted: [SQL, the fault, the option of
# `set` that corrects it, or none].
my @faults = (
    [ "expires = '2030-01-01'", qr/^its expires is not a whole number/,
      [ '--expires', '30d' ] ],
    [ 'expires = 1893456000000', qr/^its expires lies .*milliseconds/,
      [ '--expires', '30d' ] ],
    [ "expires = x'00ff'", qr/^its expires has a NUL byte/,
      [ '--expires', '30d' ] ],
    [ "expires = '0' || char(0)", qr/^its expires has a NUL byte/,
      [ '--expires', '30d' ] ],
    [ 'expires = 1.5', qr/^its expires is not a whole number/,
      [ '--expires', 'never' ] ],
    [ "disabled = 'no'", qr/^its disabled is not a whole number/ ],
    [ "name = 'a' || char(0) || 'b'", qr/^its name has a NUL byte/,
      [ '--name', 'mended' ] ],
    [ "name = 'a' || char(27)", qr/^its name has a control/,
      [ '--name', 'mended' ] ],
    [ "env = 'li' || char(0) || 've'", qr/^its env has a NUL byte/,
      [ '--env', 'live' ] ],
    [ "env = x'ff'", qr/^its env is not UTF-8/, [ '--env', 'live' ] ],
    [ "scopes = 'a:b' || char(0) || ' c'", qr/^its scopes has a NUL byte/,
      [ '--scope', 'a:b' ] ],
    [ "scopes = printf('%.300c', 's')", qr/^its scopes is longer than 128/,
      [ '--scope', 'a:b' ] ],
    [ "tenant = 'acme' || char(0) || 'x'", qr/^its tenant has a NUL byte/ ],
    [ "keyspace = char(9)", qr/^its keyspace has a control/ ],
);

my (%listed, %want);
for my $case (@faults) {
    my ($set, $fault, $mends) = @$case;
    my $key = faulty($set);
    my $id = $key->{id};
    $want{$id} = $fault;
    my $shown = $cli->show($id);
    is($shown->{state}, 'faulty',
       "$set: the JSON of show has the state faulty");
    like($shown->{fault}, $fault, "$set: the JSON of show has the fault");
    like($cli->run('show', $id)->{out}, qr/^state +faulty\nfault +its /m,
         "$set: the text of show has the state and the fault");
    is($cli->verify($key->{key}), 'unavailable',
       "$set: verify answers unavailable");
    my $done = $cli->run('rotate', $id);
    is($done->{exit}, 1, "$set: rotate is refused");
    like($done->{err}, qr/\Q$id\E is faulty.*: its /,
         "$set: the message of rotate has the id and the fault");
    next if !$mends;
    $done = $cli->run('set', $id, @$mends);
    is($done->{exit}, 0,
       "$set: set @$mends corrects the row") or diag $done->{err};
    is($cli->verify($key->{key}), 'granted',
       "$set: the key is granted after set @$mends");
    my ($entry) = grep { $_->{action} eq 'set' }
                  @{ $cli->json('audit', '--key', $id) };
    ok(keys %{ $entry->{was} },
       "$set: the audit has the value that set replaced");
    $cli->old_rows("UPDATE apikey SET $set WHERE id = '$id'");
}

# list has all rows, and the fault of each.
my $list = $cli->json('list');
is(scalar @$list, 1 + @faults, 'list has all rows, faulty or not');
for my $row (@$list) {
    my $fault = $want{ $row->{id} };
    is($row->{state}, $fault ? 'faulty' : 'active',
       "list has the state of $row->{id}");
    like($row->{fault} // '', $fault // qr/^$/,
         "list has the fault of $row->{id}, or none");
}
my $text = $cli->run('list')->{out};
is(scalar(() = $text =~ /^\w{12} .* faulty$/mg), scalar @faults,
   'the table has the state faulty for each faulty row');
my ($word) = grep { stored($_, 'expires') eq '2030-01-01' } keys %want;
like($text, qr/^$word .*2030-01-01.* faulty$/m,
     'the table has the text that stands in the place of a time');
is((grep { $_->{id} eq $word } @$list)[0]{expires}, '2030-01-01',
   'JSON has the text that stands in the place of a time, and not null');
my ($cut) = grep { stored($_, "instr(tenant, char(0))") > 0 } keys %want;
is($cli->show($cut)->{tenant}, 'acme\x00x',
   'show escapes a NUL in a tenant and does not cut the name there');

# Each faulty key can be disabled, enabled and revoked.
for my $id (sort keys %want) {
    for my $command ([qw(disable)], [qw(enable)],
                     [ 'revoke', '--reason', 'faulty' ]) {
        my ($name, @option) = @$command;
        my $done = $cli->run($name, $id, @option);
        is($done->{exit}, 0,
           "$name $id succeeds for a faulty key") or diag $done->{err};
        is(stored($id, 'typeof(disabled)'), 'integer',
           "$name $id stores a whole number")
            if $name ne 'revoke';
    }
    is($cli->show($id)->{state}, 'revoked',
       "the state of $id is revoked after revoke");
}
is($cli->run('set', $good->{id}, '--name', 'other')->{exit}, 0,
   'set of another key succeeds beside faulty rows');
is($cli->run('rotate', $good->{id}, '--overlap', '1h')->{exit}, 0,
   'rotate of another key succeeds beside faulty rows');
is($cli->verify($good->{key}), 'granted',
   'another key is granted beside faulty rows');

# A value of "revoked" that is no number counts as revoked.
my $key = faulty("revoked = 'no'");
is($cli->run('enable', $key->{id})->{exit}, 1,
   "enable is refused when \"revoked\" has the value 'no'");
is($cli->run('revoke', $key->{id})->{exit}, 0,
   'revoke succeeds when "revoked" has the value \'no\'');
is(stored($key->{id}, 'typeof(revoked)'), 'integer',
   "revoke replaces the value 'no' by a whole number");
is($cli->verify($key->{key}), 'revoked', 'verify answers revoked after that');

# set is refused while another column has a value that cannot be read, since it
# would have to store that column, too.
$key = faulty("expires = '2030-01-01', env = 'a' || char(0)");
for my $try ([ '--name', 'x' ], [ '--expires', '1d' ], [ '--env', 'live' ]) {
    my $done = $cli->run('set', $key->{id}, @$try);
    is($done->{exit}, 1,
       "set @$try alone is refused when two columns are faulty");
    like($done->{err}, qr/the key's (?:env|expires) is not .*set it, too/,
         "the message of set @$try names the other column to set");
}
is(stored($key->{id}, 'expires'), '2030-01-01',
   'a refused set leaves the faulty value as it was');
is($cli->run('set', $key->{id}, '--expires', '1d', '--env', 'live')->{exit}, 0,
   'set of both faulty columns at once succeeds');
is($cli->verify($key->{key}), 'granted',
   'the key is granted after both faulty columns were set');

# Columns that the server does not use: the fault is shown, the key is granted.
$key = faulty("created = 'long ago', lifetime = 'x', bits = 'many'");
my $shown = $cli->show($key->{id});
is("$shown->{state} $shown->{created}", 'active long ago',
   'show has the state active and the words that stand in "created"');
like($shown->{fault}, qr/^its created is not a whole number/,
     'show has the fault of "created"');
is($cli->verify($key->{key}), 'granted',
   'a key is granted with words in "created"');
is($cli->run('rotate', $key->{id})->{exit}, 0,
   'a key with words in "created" can be rotated');

# Tenants, and entries of the audit.
$cli->old_rows("INSERT INTO apikey_tenant (tenant, suspended, created) VALUES "
               . "('odd', 'yes', 'once'), ('a' || char(0) || 'b', 0, 0)",
               "INSERT INTO apikey_audit (happened, who, action) VALUES "
               . "('once', 'me' || char(0), 'x')");
my $tenants = $cli->json(qw(tenant list));
my ($odd) = grep { $_->{tenant} eq 'odd' } @$tenants;
like($odd->{fault}, qr/^its created is not/,
     'tenant list has the fault of a tenant');
is(scalar(grep { $_->{tenant} eq 'a\x00b' } @$tenants), 1,
   'tenant list shows a NUL in a name as an escape');
$key = $cli->create(tenant => 'odd');
is($cli->verify($key->{key}), 'unavailable',
   'verify answers unavailable when "suspended" of the tenant is a word');
is($cli->run(qw(tenant resume odd))->{exit}, 0,
   'tenant resume succeeds when "suspended" is a word');
is($cli->verify($key->{key}), 'granted',
   'the key is granted after tenant resume');
my ($entry) = grep { $_->{action} eq 'x' } @{ $cli->json('audit') };
is("$entry->{who}; $entry->{fault}", 'me\x00; its happened is not a whole '
   . 'number (epoch seconds, 0 for not)',
   'the audit shows the NUL of "who" as an escape, and the fault');

# More than a page of rows whose values do not sort as numbers: each is listed
# once.
$cli->sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
    . "WHERE i < 600) INSERT INTO apikey (digest, id, tenant, name, created) "
    . "SELECT printf('%064x', i), printf('w%04d', i), 'many', 'n', "
    . "CASE WHEN i > 50 THEN 'day ' || i % 3 ELSE i END FROM n");
my @ids = map { $_->{id} } @{ $cli->json('list', '--tenant', 'many') };
is(scalar(@ids) . ' ' . keys %{{ map { $_ => 1 } @ids }}, '600 600',
   'a list of 600 keys, most with words in "created", has each once');
$cli->old_rows("UPDATE apikey SET created = x'01', id = 'same' || char(0) || id "
               . "WHERE tenant = 'many'");
my $done = $cli->run('list', '--tenant', 'many');
is($done->{exit}, 3,
   'list fails with 3 when the rows of a page are not distinct');
like($done->{err}, qr/cannot be distinguished/,
     'the message says that rows cannot be distinguished');

done_testing;
