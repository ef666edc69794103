# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::StoreRows;

# The part of APIKey::StoreTest that is about what people type into rows: what
# the schema refuses, what an upgrade finds, what a faulty row does.

use strict;
use utf8;
use warnings;

use Encode qw(encode_utf8);
use Test::More;

use APIKey::StoreChanges qw(digest insert);

our @ISA = qw(APIKey::StoreChanges);

# Every text of the tables, and how one of its rows is found.
my %texts = (
    apikey        => [ "id = 'one'", qw(id keyspace tenant name env scopes
                       secret_id format prefix hint creator reason root
                       rotated_from owner networks meta) ],
    apikey_tenant => [ "tenant = 'T'", qw(tenant reason meta) ],
    apikey_scope  => [ "name = 's'", qw(name description) ],
);

# A text with a character in it, as SQL; NUL only where there is such a text.
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

# No text with a control byte is let in, by INSERT or UPDATE, in any column.
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
    is(join('; ', @let), '', 'and so does INSERT');
    is($self->sql("SELECT COUNT(*) FROM apikey WHERE tenant = 'T'"), 1,
       'nothing has changed');
    $self->sql("UPDATE apikey SET name = 'Söhne 日本 ~' WHERE id = 'one'");
    is($self->cli->show('one')->{name}, 'Söhne 日本 ~', 'other text is let in');
}

# From where a key may be used and what is told of it is read whole, and each
# change of it is recorded.
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
    is(scalar(my @changes = $self->changes($last)), 2, 'two changes');
    my $done = $cli->run('--json', 'verify', { stdin => $key->{key} });
    my $said = JSON::PP->new->utf8->decode($done->{out});
    is_deeply([ @{$said}{qw(result networks meta)} ],
              [ 'granted', \@networks, { %meta, ZONE => 'Zürich' } ],
              'all is read') or diag $done->{err};
    $last = $self->last_change;
    is_deeply($cli->json(qw(tenant set T),
                         map { ('--meta', encode_utf8("\L$_\E=$meta{$_}")) }
                         sort keys %meta)->{meta},
              { map { (lc $_ => $meta{$_}) } keys %meta }, 'tenant set');
    is(scalar(@changes = $self->changes($last)), 1, 'a change');
    is(join('|', $self->sql('SELECT meta FROM apikey_tenant')),
       encode_utf8($text),
       'stands so in the table');
    is($cli->json(qw(audit --tenant T))->[-1]{was}{meta}{zone}, 'Zürich',
       'and in the audit what it was');
    is($cli->run('revoke', $key->{id})->{exit}, 0, 'and left as it is');
    is(join('|', $self->sql('SELECT networks FROM apikey')), "@networks",
       'to the byte');
    is($self->fails("INSERT INTO apikey (digest, id, tenant, name) VALUES ('"
                    . digest(7) . digest(8) . "', 'long', 'T', 'n')"), '',
       'a digest may be one of SHA-512');
    ok($self->fails("INSERT INTO apikey (digest, id, tenant, name) VALUES ('"
                    . digest(7) . "ab', 'odd', 'T', 'n')"),
       'and is of no other length');
}

# Tables of the version before, with rows that the rules of this one refuse: the
# upgrade is done, says which they are, and leaves them to be ended and mended.
sub upgrade {
    my ($self) = @_;
    my $cli = $self->cli;
    my ($odd) = $self->odd_texts;
    $self->old_tables(3,
        insert('good', 'T', 1), insert('bad', 'T', 2), insert('late', 'T', 3),
        "UPDATE apikey SET name = $odd WHERE id = 'bad'",
        "UPDATE apikey SET expires = 1893456000000 WHERE id = 'late'");
    my $done = $cli->run('init');
    is($done->{exit}, 0, 'the upgrade is done') or diag $done->{err};
    like($done->{out}, qr/upgraded \(version 6\)/, 'to this version');
    like($done->{err}, qr/never granted \(id bad\): its name has a /,
         'it says which row has a control character');
    like($done->{err}, qr/\(id late\): its expires lies after the year 9999/,
         'and which ends in fifty thousand years');
    unlike($done->{err}, qr/good/, 'and no other');
    is(join(' ', map { "$_->{id}:$_->{state}" } @{ $cli->json('list') }),
       'bad:faulty good:active late:faulty', 'list says so, too');
    my $doctor = $cli->run('doctor');
    like($doctor->{out}, qr/^fail +rows .*\(id bad\)/m, 'and doctor');
    for my $command ([qw(set late --expires 30d)], [qw(disable bad)],
                     [qw(enable bad)], [qw(set bad --env test)],
                     [qw(set bad --name mended --env live)],
                     [qw(rotate late)], [qw(rotate bad)], [qw(revoke bad)]) {
        my $done = $cli->run(@$command);
        is($done->{exit}, "@$command" eq 'set bad --env test' ? 1 : 0,
           "@$command") or diag $done->{err};
    }
    is($cli->run(qw(set good --name other))->{exit}, 0, 'the good one is set');
    $self->refuses_now($odd);
}

# An empty database with the tables of a version, and what stands in them.
sub old_tables {
    my ($self, $version, @rows) = @_;
    $self->empty;
    $self->sql((map { $_->{sql} } grep { $_->{number} <= $version }
                $self->schema),
        "INSERT INTO apikey_identity (@{[ $self->identity_columns ]}uuid, epoch,"
        . " schema_version, created) VALUES (@{[ $self->identity_values ]}"
        . "'7f7f7f7f-0000-4000-8000-000000000000', 1, $version, 1)", @rows);
}

# Tables of the other versions before: 3 and 4 have tests of their own.
sub earlier {
    my ($self) = @_;
    my $cli = $self->cli;
    my $tables = sub { $self->{backend}->structure =~ s/\n\n+/\n/gr };
    $self->fresh;
    my $new = $tables->();
    for my $version (1, 2, 5) {
        $self->old_tables($version, insert('old', 'T', 1));
        my $done = $cli->run('init');
        is("$done->{exit} $done->{err}", '0 ', "from version $version");
        like($done->{out}, qr/upgraded \(version 6\)/, 'to this one');
        is($tables->(), $new, 'whose tables they are');
        is($cli->show('old')->{state}, 'active', 'with the key that was there');
        unlike($cli->run('doctor')->{out}, qr/^fail +(?:schema|triggers|rows)/m,
               'and doctor finds nothing wrong with them');
    }
}

# What the audit of version 4 says of a key that was made in place of another.
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
# the audit, as far as it tells; nothing is known of the others.
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
    is($done->{exit}, 0, 'the upgrade is done') or diag $done->{err};
    my $want = 'first:| second:first|first third:first|second '
        . 'fifth:first|gone twin:first|first other:| n0:| n1:n0|n0 '
        . 'n300:n0|n299';
    my @look = (grep({ $_ ne 'gone' } @ids), qw(n0 n1 n300));
    is($self->line_of(@look), $want, 'as the audit tells');
    is(join(' ', map { "$_->{root}:$_->{rotated_from}" }
            map { $cli->show($_) } qw(first third)), 'first: first:second',
       'where nothing is known the key is the first of its line');
    my $last = $self->last_change;
    $cli->run('init');
    is(scalar(my @none = $self->changes($last)), 0, 'once more: no change');
    $self->sql("UPDATE apikey SET root = '', rotated_from = '' WHERE id = "
               . "'third'");
    $cli->run('init');
    is($self->line_of(@look), $want,
       'an upgrade that was cut off is completed');
    $self->goes_on;
}

# A line goes on after the upgrade.
sub goes_on {
    my ($self) = @_;
    my $cli = $self->cli;
    my $new = $cli->json('rotate', 'fifth');
    is("$new->{root} $new->{rotated_from}", 'first fifth', 'a line goes on');
    like($cli->run('rotate', 'first')->{err}, qr/already: (second|twin), /,
         'a key that was rotated then is not rotated again');
    $cli->run('init');
    is($self->line_of($new->{id}), "$new->{id}:first|fifth", 'and stays so');
}

sub refuses_now {
    my ($self, $odd) = @_;
    ok($self->fails("UPDATE apikey SET name = $odd WHERE id = 'good'"),
       'from now on there is no other');
}

# row_number has no default in SQLite's tables.
sub identity_columns {
    return $_[0]->trait('folder') eq 'sqlite3' ? 'row_number, ' : '';
}

sub identity_values {
    return $_[0]->trait('folder') eq 'sqlite3' ? '1, ' : '';
}

# A time in milliseconds: never granted, on any database.
sub milliseconds {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    for my $column (qw(expires disabled)) {
        my $key = $cli->create;
        $self->sql("UPDATE apikey SET $column = 1893456000000 WHERE id = "
                   . "'$key->{id}'");
        is($cli->verify($key->{key}), 'unavailable', "$column: not granted");
        my $shown = $cli->show($key->{id});
        is($shown->{state}, 'faulty', 'it is faulty');
        like($shown->{fault}, qr/its $column lies .*milliseconds/, 'and why');
        is($cli->run('revoke', $key->{id})->{exit}, 0, 'it is revoked');
        is($cli->verify($key->{key}), 'unavailable',
           'revoked, it is still not taken for right');
    }
}

1;
