# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey list and show: for people, for programs, and with rows that
# somebody typed into the database.

use strict;
use utf8;
use warnings;

use Test::More;
use Encode qw(decode_utf8);
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
is($cli->run('list')->{out} =~ tr/\n//, 1, 'no keys: only the heads');
is_deeply($cli->json('list'), [], 'no keys: an empty array');

my %key = (
    plain => $cli->create(tenant => 'acme', name => 'plain', scope => 'a:b'),
    umlaut => $cli->create(tenant => 'Söhne & Töchter', name => 'ümläut'),
    wide => $cli->create(tenant => '日本語 😀', name => 'e'),
    other => $cli->create(tenant => 'bob', name => 'o', keyspace => 'ks',
                          expires => 'never', scope => [qw(a:b c:* d)]),
);
my %id = map { ($_ => $key{$_}{id}) } keys %key;

# How many cells of a terminal a text takes.
sub cells {
    my ($text) = @_;
    my $wide = () = $text =~ /[\x{2E80}-\x{A4CF}\x{1F300}-\x{1F64F}]/g;
    return length($text) + $wide;
}

my @lines = split /\n/, decode_utf8($cli->run('list')->{out});
is($lines[0] =~ s/ {2,}/|/gr,
   'ID|TENANT|NAME|HINT|SCOPES|CREATED|EXPIRES|LAST USED|STATE', 'the heads');
is(scalar @lines, 5, 'a line a key');
for my $head ('TENANT', 'NAME', 'CREATED', 'STATE') {
    my ($before) = $lines[0] =~ /^(.*?)\Q$head\E/;
    for my $line (@lines[1 .. 4]) {
        my $at = 0;
        $at++ while $at < length $line
            && cells(substr $line, 0, $at) < length $before;
        like(substr($line, $at), qr/^\S/, "$head stands in its column");
        like(substr($line, 0, $at), qr/ $/, 'with a blank before it');
    }
}
my ($line) = grep { /^$id{other} / } @lines;
like($line, qr/a:b c:\* d  20\d\d-\d\d-\d\d  never +-  +active$/, 'a whole line');
unlike(join("\n", @lines), qr/\Q$_->{key}\E/, 'no key in it')
    for values %key;

# What is chosen, and what is left out.
sub ids {
    return join ' ', sort map { $_->{name} } @{ $cli->json('list', @_) };
}
is(ids(), 'e o plain ümläut', 'all');
is(ids('--tenant', 'acme'), 'plain', 'of a tenant');
is(ids('--tenant', 'Acme'), '', 'to the letter');
is(ids('--tenant', 'Söhne & Töchter'), 'ümläut', 'of one with umlauts');
is(ids('--tenant', "' OR ''='"), '', 'and no SQL');
is(ids('--keyspace', 'ks'), 'o', 'of a keyspace');
is(ids('--keyspace', 'default', '--tenant', 'bob'), '', 'of both');
$cli->run('revoke', $id{plain});
$cli->sql("UPDATE apikey SET expires = 1000 WHERE id = '$id{umlaut}'",
          "UPDATE apikey SET disabled = 1000 WHERE id = '$id{wide}'");
is(ids(), 'e o', 'without those revoked or expired');
is(ids('--all'), 'e o plain ümläut', 'with --all');
my %state = map { ($_->{name} => $_->{state}) }
            @{ $cli->json('list', '--all') };
is_deeply(\%state, { plain => 'revoked', 'ümläut' => 'expired',
                     e => 'disabled', o => 'active' }, 'their states');
$cli->run('tenant', 'suspend', 'bob', '--reason', 'unpaid');
my @in = ('--keyspace', 'ks');
is($cli->json('show', $id{other}, @in)->{state}, 'suspended',
   'a suspended tenant');

# Usage is shown where there is any.
$cli->sql("INSERT INTO apikey_usage (id, last_used, use_count) VALUES "
          . "('$id{other}', 1700000000, 42)");
my $shown = $cli->json('show', $id{other}, @in);
is($shown->{last_used}, '2023-11-14T22:13:20Z', 'when it was last used');
is($shown->{uses}, 42, 'and how often');

# show, for people.
$cli->run('scope', 'add', 'a:b', 'Read the b of a');
my $done = $cli->run('show', $id{other}, @in);
is($done->{exit}, 0, 'show');
my $out = $done->{out};
like($out, qr/^id +$id{other}$/m, 'its id');
like($out, qr/^state +suspended$/m, 'its state');
like($out, qr/^scopes +a:b  Read the b of a\n +c:\*\n +d$/m,
     'its scopes one by one, with what the catalogue says');
like($out, qr/^expires +never$/m, 'never');
like($out, qr/^revoked +-$/m, 'not');
like($out, qr/^last used +2023-11-14T22:13:20Z$/m, 'a time');
like($out, qr/^suspended +20\S+Z: unpaid$/m, 'and why');
my $digest = $cli->sql("SELECT digest FROM apikey WHERE id = '$id{other}'");
for my $text ($out, $cli->run('--json', 'show', $id{other}, @in)->{out},
              $cli->run('--json', 'list', '--all')->{out}) {
    unlike($text, qr/$digest/, 'the digest is not shown');
    unlike($text, qr/\Q$key{other}{key}\E/, 'nor the key');
}
for my $id ('nobody', '', lc $id{other}, "$id{other} ", "' OR ''='") {
    $done = $cli->run('show', $id, @in);
    is($done->{exit}, 1, "not found: '$id'");
    is($done->{out}, '', 'nothing is shown');
    like($done->{err}, qr/\Q"$id"\E/, 'it says what');
}

# Rows by hand: nothing in them reaches the terminal as it is.
$cli->old_rows(q{INSERT INTO apikey (digest, id, tenant, name, scopes,
    creator)
    VALUES ('} . ('ab' x 32) . q{', 'hand', 'e' || char(27) || '[2Jvil',
    'a' || char(13, 10) || 'b' || char(155) || char(8238) || x'ff' || '"\',
    'x' || char(9) || 'y', char(7))});
for my $command ([ "list", "--columns", "id,tenant,name" ], [qw(show hand)],
                 [qw(tenant list)]) {
    $done = $cli->run(@$command);
    is($done->{exit}, 0, "@$command with a row by hand");
    my $text = $done->{out};
    unlike($text =~ s/\n//gr, qr/[\x00-\x1f\x7f]/, 'no control characters');
    ok(utf8::decode($text), 'all of it UTF-8');
    unlike($text, qr/[\x{80}-\x{9f}\x{202e}]/, 'nor those beyond ASCII');
    like($text, qr/e\\x1B\[2Jvil/, 'they are escaped');
}
$done = $cli->run('show', 'hand');
like($done->{out}, qr/^state +faulty\nfault +.*control.*; never granted/m,
     'show says that the row is faulty');
my ($hand) = grep { $_->{id} eq 'hand' } @{ $cli->json('list') };
is($hand->{tenant}, "e\e[2Jvil", 'JSON has what is there');
is($hand->{name}, "a\r\nb\x{9b}\x{202e}\x{fffd}\"\\",
   'and U+FFFD for what is no UTF-8');
is($hand->{state}, 'faulty', 'its state');
like($hand->{fault}, qr/its tenant has a control/, 'and why');
is(join('', $cli->run('--json', 'list')->{out} =~ /[\x00-\x09\x0b-\x1f\x7f]/g),
   '', 'JSON has no raw control characters');

# More than a page.
$cli->sql(q{WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
    WHERE i < 1500) INSERT INTO apikey (digest, id, tenant, name, created)
    SELECT printf('%064x', i), 'id' || i, 'many', 'n' || i, i / 100 FROM n});
my @many = @{ $cli->json('list', '--tenant', 'many') };
is(scalar @many, 1500, '1500 keys');
is(scalar(keys %{ { map { ($_->{id} => 1) } @many } }), 1500, 'each once');

done_testing;
