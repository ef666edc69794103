# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::StoreRows;

# The part of APIKey::StoreTest that is about rows written by hand: what the
# schema refuses, what an upgrade finds, and that a faulty row is not granted.

use strict;
use utf8;
use warnings;

use Encode qw(encode_utf8);
use Test::More;

use APIKey::StoreChanges qw(digest insert);

our @ISA = qw(APIKey::StoreChanges);

# The text columns of each table, and a condition for one of its rows.
my %texts = (
    apikey        => [ "id = 'one'", qw(id keyspace tenant name env scopes
                       secret_id format prefix hint creator reason root
                       rotated_from owner networks meta) ],
    apikey_tenant => [ "tenant = 'T'", qw(tenant reason meta) ],
    apikey_scope  => [ "name = 's'", qw(name description) ],
);

# A text with a control character, as an SQL expression; NUL only where the
# database can store it.
sub odd_texts {
    my ($self) = @_;
    my $folder = $self->trait('folder');
    return map { sprintf $folder eq 'mysql' ? "CONCAT('a', CHAR(%d), 'b')"
                 : $folder eq 'pgsql' ? "'a' || CHR(%d) || 'b'"
                 : "'a' || char(%d) || 'b'", $_ }
        $folder eq 'pgsql' ? () : 0, 1, 10, 31, 127;
}

sub fails {
    my ($self, $sql) = @_;
    open my $err, '>&', \*STDERR or die "stderr: $!\n";
    open STDERR, '>', '/dev/null';
    my $done = eval { $self->sql($sql); 1 };
    open STDERR, '>&', $err or die "stderr: $!\n";
    return !$done;
}

# No text with a control character can be stored, by INSERT or UPDATE, in any
# column.
sub refused_texts {
    my ($self) = @_;
    $self->fresh;
    $self->sql(insert('one', 'T', 1),
               "INSERT INTO apikey_tenant (tenant) VALUES ('T')",
               "INSERT INTO apikey_scope (name) VALUES ('s')");
    my @odd = $self->odd_texts;
    for my $table (sort keys %texts) {
        my ($where, @columns) = @{ $texts{$table} };
        my @let = grep { !$self->fails($_) } map { my $column = $_;
            map { "UPDATE $table SET $column = $_ WHERE $where" } @odd }
            @columns;
        is(join('; ', @let), '', "UPDATE of $table refuses control bytes");
    }
    my $n = 1;
    my @let = grep { !$self->fails($_) } map { ++$n;
        ("INSERT INTO apikey (digest, id, tenant, name) VALUES ('"
         . digest($n) . "', 'n$n', $_, 'n')",
         "INSERT INTO apikey_tenant (tenant) VALUES ($_)",
         "INSERT INTO apikey_scope (name) VALUES ($_)") } @odd;
    is(join('; ', @let), '', 'INSERT refuses control bytes');
    is($self->sql("SELECT COUNT(*) FROM apikey WHERE tenant = 'T'"), 1,
       'the refused statements have changed nothing');
    $self->sql("UPDATE apikey SET name = 'Söhne 日本 ~' WHERE id = 'one'");
    is($self->cli->show('one')->{name}, 'Söhne 日本 ~', 'other text is stored');
}

# A key's networks and meta are read whole, and each change of them is
# recorded.
sub details {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    my $key = $cli->create(tenant => 'T');
    my @networks = map { "10.0.$_.0/24" } 1 .. 120;
    my %meta = (CITY => 'Köln 日本', MANY => '100%;', (map { ("N$_" => 'v' x 200) }
                                                     1 .. 9));
    my $text = join '; ', map { "\L$_\E=" . ($meta{$_} =~ s/;/%3B/r) }
                          sort keys %meta;
    my $last = $self->last_change;
    $self->sql("UPDATE apikey SET networks = '@networks', meta = '$text', "
               . "owner = 'Söhne' WHERE id = '$key->{id}'",
               "UPDATE apikey_tenant SET meta = 'zone=Zürich; city=Bern' "
               . "WHERE tenant = 'T'");
    is(scalar(my @changes = $self->changes($last)), 2,
       'changes of a key and of its tenant are two changes');
    my $done = $cli->run('--json', 'verify', { stdin => $key->{key} });
    my $said = JSON::PP->new->utf8->decode($done->{out});
    is_deeply([ @{$said}{qw(result networks meta)} ],
              [ 'granted', \@networks, { %meta, ZONE => 'Zürich' } ],
              "networks, meta and the tenant's meta are read")
        or diag $done->{err};
    $last = $self->last_change;
    is_deeply($cli->json(qw(tenant set T),
                         map { ('--meta', encode_utf8("\L$_\E=$meta{$_}")) }
                         sort keys %meta)->{meta},
              { map { (lc $_ => $meta{$_}) } keys %meta }, 'tenant set sets '
              . 'the meta');
    is(scalar(@changes = $self->changes($last)), 1,
       'tenant set makes one change');
    is(join('|', $self->sql('SELECT meta FROM apikey_tenant')),
       encode_utf8($text),
       'the table has the meta');
    is($cli->json(qw(audit --tenant T))->[-1]{was}{meta}{zone}, 'Zürich',
       'the audit has the meta before');
    is($cli->run('revoke', $key->{id})->{exit}, 0,
       'revoke works on a key with networks');
    is(join('|', $self->sql('SELECT networks FROM apikey')), "@networks",
       'revoke leaves the networks as they are');
    is($self->fails("INSERT INTO apikey (digest, id, tenant, name) VALUES ('"
                    . digest(7) . digest(8) . "', 'long', 'T', 'n')"), '',
       'a digest of SHA-512 can be stored');
    ok($self->fails("INSERT INTO apikey (digest, id, tenant, name) VALUES ('"
                    . digest(7) . "ab', 'odd', 'T', 'n')"),
       'a digest of another length is refused');
}

# Tables of the version before, with rows that the rules of this one refuse:
# the upgrade is done, names those rows, and leaves them to be corrected or
# revoked.
sub upgrade {
    my ($self) = @_;
    my $cli = $self->cli;
    my ($odd) = $self->odd_texts;
    $self->old_tables(3,
        insert('good', 'T', 1), insert('bad', 'T', 2), insert('late', 'T', 3),
        "UPDATE apikey SET name = $odd WHERE id = 'bad'",
        "UPDATE apikey SET expires = 1893456000000 WHERE id = 'late'");
    my $done = $cli->run('init');
    is($done->{exit}, 0, 'the upgrade from version 3 works')
        or diag $done->{err};
    like($done->{out}, qr/upgraded \(version 6\)/,
         'the upgrade ends at this version');
    like($done->{err}, qr/never granted \(id bad\): its name has a /,
         'the upgrade names the row with a control character');
    like($done->{err}, qr/\(id late\): its expires lies after the year 9999/,
         'the upgrade names the row with a time in milliseconds');
    unlike($done->{err}, qr/good/, 'the upgrade names no other row');
    is(join(' ', map { "$_->{id}:$_->{state}" } @{ $cli->json('list') }),
       'bad:faulty good:active late:faulty',
       'list shows the two rows as faulty');
    my $doctor = $cli->run('doctor');
    like($doctor->{out}, qr/^fail +rows .*\(id bad\)/m,
         'doctor names a faulty row');
    for my $command ([qw(set late --expires 30d)], [qw(disable bad)],
                     [qw(enable bad)], [qw(set bad --env test)],
                     [qw(set bad --name mended --env live)],
                     [qw(rotate late)], [qw(rotate bad)], [qw(revoke bad)]) {
        my $done = $cli->run(@$command);
        is($done->{exit}, "@$command" eq 'set bad --env test' ? 1 : 0,
           "status of @$command on a faulty row") or diag $done->{err};
    }
    is($cli->run(qw(set good --name other))->{exit}, 0,
       'a row without a fault is set');
    $self->refuses_now($odd);
}

# An empty database with the tables of a version, and rows in it.
sub old_tables {
    my ($self, $version, @rows) = @_;
    $self->empty;
    $self->sql((map { $_->{sql} } grep { $_->{number} <= $version }
                $self->schema),
        "INSERT INTO apikey_identity (@{[ $self->identity_columns ]}uuid, epoch,"
        . " schema_version, created) VALUES (@{[ $self->identity_values ]}"
        . "'7f7f7f7f-0000-4000-8000-000000000000', 1, $version, 1)", @rows);
}

# Tables of the other earlier versions; those of 3 and 4 have tests of their
# own.
sub earlier {
    my ($self) = @_;
    my $cli = $self->cli;
    my $tables = sub { $self->{backend}->structure =~ s/\n\n+/\n/gr };
    $self->fresh;
    my $new = $tables->();
    for my $version (1, 2, 5) {
        $self->old_tables($version, insert('old', 'T', 1));
        my $done = $cli->run('init');
        is("$done->{exit} $done->{err}", '0 ',
           "the upgrade from version $version works");
        like($done->{out}, qr/upgraded \(version 6\)/,
             "the upgrade from version $version ends at this version");
        is($tables->(), $new,
           "the upgrade from version $version makes this version's tables");
        is($cli->show('old')->{state}, 'active',
           "the upgrade from version $version keeps the key");
        unlike($cli->run('doctor')->{out}, qr/^fail +(?:schema|triggers|rows)/m,
               "doctor has no failure after the upgrade from $version");
    }
}

# The audit entry that version 4 makes for a key that was rotated from another.
sub old_entry {
    my ($id, $reason, $action) = @_;
    return 'INSERT INTO apikey_audit (happened, who, action, id, reason) VALUES'
        . " (1, 'me', '@{[ $action // 'create' ]}', '$id', '$reason')";
}

sub line_of {
    my ($self, @ids) = @_;
    my %line = map { my ($id, $line) = split /\|/, $_, 2; ($id, $line) }
               $self->sql('SELECT id, root, rotated_from FROM apikey');
    return join ' ', map { "$_:$line{$_}" } @ids;
}

# Keys that were rotated before there were columns for it get their line from
# the audit; of keys without such an entry nothing is known.
sub lines {
    my ($self) = @_;
    my $cli = $self->cli;
    my @ids = qw(first second third gone fifth twin other);
    my %made = (second => 'first', third => 'second', gone => 'third',
                fifth => 'gone', twin => 'first');
    my @many = map { "n$_" } 0 .. 300;
    my $n = 0;
    $self->old_tables(4, (map { insert($_, 'T', ++$n) } @ids, @many),
        (map { old_entry($_, $made{$_} ? "in place of $made{$_}" : '') } @ids),
        (map { old_entry("n$_", 'in place of n' . ($_ - 1)) } 1 .. 300),
        old_entry('other', 'in place of first', 'revoke'),
        old_entry('other', 'in place of'),
        "DELETE FROM apikey WHERE id = 'gone'");
    my $done = $cli->run('init');
    is($done->{exit}, 0, 'the upgrade from version 4 works')
        or diag $done->{err};
    my $want = 'first:| second:first|first third:first|second '
        . 'fifth:first|gone twin:first|first other:| n0:| n1:n0|n0 '
        . 'n300:n0|n299';
    my @look = (grep({ $_ ne 'gone' } @ids), qw(n0 n1 n300));
    is($self->line_of(@look), $want,
       'the lines are those that the audit tells');
    is(join(' ', map { "$_->{root}:$_->{rotated_from}" }
            map { $cli->show($_) } qw(first third)), 'first: first:second',
       'a key of which nothing is known is its own root');
    my $last = $self->last_change;
    $cli->run('init');
    is(scalar(my @none = $self->changes($last)), 0,
       'a second init makes no change');
    $self->sql("UPDATE apikey SET root = '', rotated_from = '' WHERE id = "
               . "'third'");
    $cli->run('init');
    is($self->line_of(@look), $want,
       'an upgrade that was broken off is completed');
    $self->goes_on;
}

# Lines continue after the upgrade.
sub goes_on {
    my ($self) = @_;
    my $cli = $self->cli;
    my $new = $cli->json('rotate', 'fifth');
    is("$new->{root} $new->{rotated_from}", 'first fifth',
       'a rotation after the upgrade continues the line');
    like($cli->run('rotate', 'first')->{err}, qr/already: (second|twin), /,
         'a key that was rotated before the upgrade is not rotated again');
    $cli->run('init');
    is($self->line_of($new->{id}), "$new->{id}:first|fifth",
       'a second init keeps the line');
}

sub refuses_now {
    my ($self, $odd) = @_;
    ok($self->fails("UPDATE apikey SET name = $odd WHERE id = 'good'"),
       'after the upgrade a control character is refused');
}

# In SQLite's tables row_number has no default.
sub identity_columns {
    return $_[0]->trait('folder') eq 'sqlite3' ? 'row_number, ' : '';
}

sub identity_values {
    return $_[0]->trait('folder') eq 'sqlite3' ? '1, ' : '';
}

# A time in milliseconds: such a key is never granted, on any database.
sub milliseconds {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    for my $column (qw(expires disabled)) {
        my $key = $cli->create;
        $self->sql("UPDATE apikey SET $column = 1893456000000 WHERE id = "
                   . "'$key->{id}'");
        is($cli->verify($key->{key}), 'unavailable',
           "$column in milliseconds: not granted");
        my $shown = $cli->show($key->{id});
        is($shown->{state}, 'faulty',
           "$column in milliseconds: show has the state faulty");
        like($shown->{fault}, qr/its $column lies .*milliseconds/,
             "$column in milliseconds: show has the reason");
        is($cli->run('revoke', $key->{id})->{exit}, 0,
           "$column in milliseconds: revoke works");
        is($cli->verify($key->{key}), 'unavailable',
           "$column in milliseconds: not granted once it is revoked");
    }
}

1;
