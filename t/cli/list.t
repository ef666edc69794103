# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey list and show: text, JSON, and rows that were written by hand.

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

# How many columns of a terminal a text takes.
sub cells {
    my ($text) = @_;
    my $wide = () = $text =~ /[\x{2E80}-\x{A4CF}\x{1F300}-\x{1F64F}]/g;
    return length($text) + $wide;
}

my @lines = split /\n/, decode_utf8($cli->run('list')->{out});
is($lines[0] =~ s/ +(?!USED)/|/gr,
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
like($line, qr/a:b c:\* d +20\d\d-\d\d-\d\d +never +- +active$/, 'a whole line');
unlike(join("\n", @lines), qr/\Q$_->{key}\E/, 'no key in it')
    for values %key;

# Which keys are listed without --all, and with it.
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

# The time of the last use.
$cli->sql("INSERT INTO apikey_usage (id, last_used, use_count) VALUES "
          . "('$id{other}', 1700000000, 42)");
my $shown = $cli->json('show', $id{other}, @in);
is($shown->{last_used}, '2023-11-14T22:13:20Z', 'when it was last used');
is($shown->{uses}, 42, 'and how often');

# show, as text.
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

# Rows that were written by hand: control characters are escaped.
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

# More keys than the store reads at once.
$cli->sql(q{WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
    WHERE i < 1500) INSERT INTO apikey (digest, id, tenant, name, created)
    SELECT printf('%064x', i), 'id' || i, 'many', 'n' || i, i / 100 FROM n});
my @many = @{ $cli->json('list', '--tenant', 'many') };
is(scalar @many, 1500, '1500 keys');
is(scalar(keys %{ { map { ($_->{id} => 1) } @many } }), 1500, 'each once');

# Options that choose keys.
my $all = APIKey::CLI->new;
my $day = 86400;
my %by;
sub by {
    my ($name, %option) = @_;
    $by{$name} = $all->create(name => $name, tenant => "t-$name", %option)->{id};
}
by('soon', expires => '3d');
by('late', expires => '40d', env => 'test');
by('never', expires => 'never');
by('off');
by('hung');
by('over');
by('gone');
by('both');
by('old', expires => 'never');
by('used', expires => 'never');
$all->run('disable', $by{off});
$all->run(qw(tenant suspend t-hung));
$all->run('revoke', $by{$_}) for qw(gone both);
$all->sql("UPDATE apikey SET expires = 1000 WHERE name IN ('over', 'both')",
          "UPDATE apikey SET created = created - 100 * $day WHERE name IN "
          . "('old', 'used')", 'INSERT INTO apikey_usage (id, last_used) VALUES '
          . "('$by{used}', strftime('%s') - 10 * $day)");
$all->old_rows("UPDATE apikey SET disabled = 'x' WHERE name = 'never'");
sub named {
    return join ' ', map { $_->{name} } @{ $all->json('list', @_) };
}
my %states = (active => 'soon late old used', disabled => 'off',
              suspended => 'hung', expired => 'over', revoked => 'gone both',
              faulty => 'never');
for my $state (sort keys %states) {
    is(join(' ', sort split / /, named('--state', $state)),
       join(' ', sort split / /, $states{$state}), "--state $state");
}
is(named('--expiring', '14d'), 'soon', '--expiring 14d');
is(named('--expiring', '2mo', '--env', 'test'), 'late', 'and --env');
is(named('--expiring', '2100-01-01', '--tenant', 't-soon'), 'soon', 'a date');
is(named('--unused', '90d'), 'old', '--unused 90d: never used since it is old');
is(join(' ', sort split / /, named('--unused', '9d')), 'old used',
   '--unused 9d: nor those used before');
is(named('--unused', '90d', '--state', 'revoked'), '', 'all must hold');

# --sort; keys that never expire come last.
sub places {
    my ($sort, @name) = @_;
    my %wanted = map { $_ => 1 } @name;
    is(join(' ', grep { $wanted{$_} } split / /, named('--all', '--sort', $sort)),
       "@name", "--sort $sort");
}
places('name', qw(both gone hung late never off old over soon used));
places('-name', reverse qw(both gone hung late never off old over soon used));
places('expires', qw(over soon late old));
places('-expires', qw(old late soon over));
places('last_used', qw(soon used));
places('created', qw(old soon));
places('-created', qw(soon old));
places('state', qw(soon off never gone hung));

# --sort stores rows in a temporary file, of which nothing is left; where it
# cannot be written the command fails.
my $room = "$cli->{folder}/room";
mkdir $room or die "$room: $!\n";
my @sorted = ('--json', 'list', '--sort', 'name', { env => { TMPDIR => $room } });
is(scalar(my @sorted_names = $cli->run(@sorted)->{out} =~ /"name":/g),
   @many + 3, 'sorted: all keys') ;
is(join(' ', glob "$room/*"), '', 'and no file is left');
$cli->{small} = "$cli->{folder}/small";
$cli->write(small => "#!/bin/sh\ntrap '' XFSZ\nulimit -f 200\nexec "
            . APIKey::CLI::program() . ' "$@"' . "\n");
chmod 0700, $cli->{small};
{
    local $ENV{HTAPIKEY} = $cli->{small};
    $done = $cli->run(@sorted);
}
is($done->{exit}, 1, 'no room for the file: refused');
like($done->{err}, qr/temporary file, .*: File too large; make room .*TMPDIR/,
     'and why');
is(join(' ', glob "$room/*"), '', 'and no file is left then');

# --columns, with every column.
my ($columns) = map { $_->{does} =~ /whole: (.*)/ } grep {
    $_->{option} eq '--columns' } @{ $all->json('help', 'list')->[0]{options} };
my @columns = split /, /, $columns;
cmp_ok(scalar @columns, '>=', 20, 'help names them');
for my $column (@columns) {
    my $told = $all->run('list', '--columns', "id,$column", '--sort', $column);
    is($told->{out} =~ tr/\n//, 8, "a line a key with $column")
        or diag $told->{err};
}
is($all->run('list', '--columns', 'state,name', '--env', 'test')->{out},
   "STATE   NAME\nactive  late\n", 'in the order in which they are named');
is($all->run('list', '--columns', 'created', '--env', 'test')->{out},
   "CREATED\n" . $all->show($by{late})->{created} . "\n", 'times are whole');

# A table is at most 100 wide; with --columns nothing is cut.
my @long = ('x' x 200, 'n' x 90, map { "scope:number$_" } 1 .. 20);
$all->create(tenant => $long[0], name => $long[1], prefix => 'p' x 32,
             scope => [ @long[2 .. 21] ]);
$all->create(tenant => '日本語' x 20, name => '😀' x 40);
my @table = split /\n/, decode_utf8($all->run(qw(list --all))->{out});
is(scalar @table, 13, 'all keys in a table');
is(join("\n", grep { cells($_) > 100 } @table), '', 'of 100 columns at most');
like((grep { /xxx/ } @table)[0], qr/x\x{2026} +n+\x{2026}.*\x{2026} .*active$/,
     'what is cut ends so');
is((grep { /xxx/ } @table)[0] =~ s/.* (\S+\x{2026}\S+) .*/$1/r,
   'ppppp' . "\x{2026}" . substr($all->json('list', '--tenant', $long[0])
                                     ->[0]{hint}, -4),
   'a hint keeps its last four characters');
like($all->run('list', '--columns', 'tenant,name,scopes')->{out},
     qr/$long[0]  +$long[1]  +\Q@{[ join ' ', @long[2 .. 21] ]}\E$/m,
     '--columns: nothing is cut');

# The order in which columns are cut: scopes, hint, tenant, name.
my $turns = APIKey::CLI->new;
sub shown_of {
    my ($name) = @_;
    my ($line) = grep { /\b$name\b/ } split /\n/,
                 decode_utf8($turns->run('list', '--tenant', "of-$name")->{out});
    my @cells = $line =~
        /^\S+ +(\S+) +(\S+(?: \S+)*?) +(\S*p_t\S*) +(\S*).* active$/;
    $cells[2] =~ s/\w{4}$/LAST/;
    return join '|', @cells;
}
for my $case (
    [ 1, 'n1 name', 'of-n1', 'app_t_...LAST', 's:read' ],
    [ 2, 'n2 name of twenty ch', 'of-n2', 'app_t_...LAST', "s:sco\x{2026}" ],
    [ 3, 'n3 name of twenty and six', 'of-n3', "app_t\x{2026}LAST",
      "s:s\x{2026}" ],
    [ 4, 'n4 name of twenty and seven', "of-\x{2026}", "app_t\x{2026}LAST",
      "s:s\x{2026}" ],
) {
    my ($many, $name, @wanted) = @$case;
    my ($word) = split / /, $name;
    $turns->create(tenant => "of-$word", name => $name, prefix => 'app_t',
                   scope => [ $many > 1 ? map { "s:scope$_" } 1 .. 3 : 's:read' ]);
    is(shown_of($word), join('|', $wanted[0], $name, @wanted[1, 2]),
       "the whole name '$name'");
}

done_testing;
