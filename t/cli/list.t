# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey list and show: the text and the JSON of keys, the options that
# choose, sort and cut, and rows that were written by hand.

use strict;
use utf8;
use warnings;

use Test::More;
use Encode qw(decode_utf8);
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
is($cli->run('list')->{out} =~ tr/\n//, 1,
   'a list without keys has only the line of heads');
is_deeply($cli->json('list'), [],
          'JSON of a list without keys is an empty array');

my %key = (
    plain => $cli->create(tenant => 'acme', name => 'plain', scope => 'a:b'),
    umlaut => $cli->create(tenant => 'Söhne & Töchter', name => 'ümläut'),
    wide => $cli->create(tenant => '日本語 😀', name => 'e'),
    other => $cli->create(tenant => 'bob', name => 'o', keyspace => 'ks',
                          expires => 'never', scope => [qw(a:b c:* d)]),
);
my %id = map { ($_ => $key{$_}{id}) } keys %key;

# The number of terminal columns that a text takes.
sub cells {
    my ($text) = @_;
    my $wide = () = $text =~ /[\x{2E80}-\x{A4CF}\x{1F300}-\x{1F64F}]/g;
    return length($text) + $wide;
}

my @lines = split /\n/, decode_utf8($cli->run('list')->{out});
is($lines[0] =~ s/ +(?!USED)/|/gr,
   'ID|TENANT|NAME|HINT|SCOPES|CREATED|EXPIRES|LAST USED|STATE',
   'the heads of the columns, in order');
is(scalar @lines, 5, 'a list has one line per key, and one of heads');
for my $head ('TENANT', 'NAME', 'CREATED', 'STATE') {
    my ($before) = $lines[0] =~ /^(.*?)\Q$head\E/;
    for my $line (@lines[1 .. 4]) {
        my $at = 0;
        $at++ while $at < length $line
            && cells(substr $line, 0, $at) < length $before;
        like(substr($line, $at), qr/^\S/,
             "each value of $head begins at the column of its head");
        like(substr($line, 0, $at), qr/ $/,
             "a blank separates each value of $head from the column before");
    }
}
my ($line) = grep { /^$id{other} / } @lines;
like($line, qr/a:b c:\* d +20\d\d-\d\d-\d\d +never +- +active$/,
     'the whole line of a key with three scopes and no end');
unlike(join("\n", @lines), qr/\Q$_->{key}\E/, 'no line of a list has a key')
    for values %key;

# The names of the keys that a list with these options has.
sub ids {
    return join ' ', sort map { $_->{name} } @{ $cli->json('list', @_) };
}
is(ids(), 'e o plain ümläut',
   'list without options has the active keys of all tenants');
is(ids('--tenant', 'acme'), 'plain', '--tenant lists the keys of that tenant');
is(ids('--tenant', 'Acme'), '', '--tenant compares upper and lower case');
is(ids('--tenant', 'Söhne & Töchter'), 'ümläut',
   '--tenant finds a tenant with umlauts');
is(ids('--tenant', "' OR ''='"), '',
   '--tenant with quotes is no SQL: it lists nothing');
is(ids('--keyspace', 'ks'), 'o', '--keyspace lists the keys of that keyspace');
is(ids('--keyspace', 'default', '--tenant', 'bob'), '',
   '--keyspace and --tenant together list what is of both');
$cli->run('revoke', $id{plain});
$cli->sql("UPDATE apikey SET expires = 1000 WHERE id = '$id{umlaut}'",
          "UPDATE apikey SET disabled = 1000 WHERE id = '$id{wide}'");
is(ids(), 'e o', 'list without --all leaves out revoked and expired keys');
is(ids('--all'), 'e o plain ümläut',
   'list --all has revoked and expired keys, too');
my %state = map { ($_->{name} => $_->{state}) }
            @{ $cli->json('list', '--all') };
is_deeply(\%state, { plain => 'revoked', 'ümläut' => 'expired',
                     e => 'disabled', o => 'active' },
          'list --all has the state of each key');
$cli->run('tenant', 'suspend', 'bob', '--reason', 'unpaid');
my @in = ('--keyspace', 'ks');
is($cli->json('show', $id{other}, @in)->{state}, 'suspended',
   'show has the state suspended when the tenant is suspended');

# The time of the last use and the count of uses.
$cli->sql("INSERT INTO apikey_usage (id, last_used, use_count) VALUES "
          . "('$id{other}', 1700000000, 42)");
my $shown = $cli->json('show', $id{other}, @in);
is($shown->{last_used}, '2023-11-14T22:13:20Z',
   'show has the time of the last use');
is($shown->{uses}, 42, 'show has the count of uses');

# The text that show writes for people.
$cli->run('scope', 'add', 'a:b', 'Read the b of a');
my $done = $cli->run('show', $id{other}, @in);
is($done->{exit}, 0, 'show of a key ends with exit status 0');
my $out = $done->{out};
like($out, qr/^id +$id{other}$/m, 'the text of show has the id');
like($out, qr/^state +suspended$/m, 'the text of show has the state');
like($out, qr/^scopes +a:b  Read the b of a\n +c:\*\n +d$/m,
     'the text of show has one line per scope, with its description');
like($out, qr/^expires +never$/m,
     'the text of show says never for a key without an end');
like($out, qr/^revoked +-$/m,
     'the text of show has a dash for a key that is not revoked');
like($out, qr/^last used +2023-11-14T22:13:20Z$/m,
     'the text of show has the time of the last use');
like($out, qr/^suspended +20\S+Z: unpaid$/m,
     'the text of show has the time of the suspension and its reason');
my $digest = $cli->sql("SELECT digest FROM apikey WHERE id = '$id{other}'");
for my $text ($out, $cli->run('--json', 'show', $id{other}, @in)->{out},
              $cli->run('--json', 'list', '--all')->{out}) {
    unlike($text, qr/$digest/, 'neither show nor list has the digest');
    unlike($text, qr/\Q$key{other}{key}\E/,
           'neither show nor list has the key');
}
for my $id ('nobody', '', lc $id{other}, "$id{other} ", "' OR ''='") {
    $done = $cli->run('show', $id, @in);
    is($done->{exit}, 1,
       "show '$id' ends with exit status 1: there is no such key");
    is($done->{out}, '', "show '$id' writes nothing to standard output");
    like($done->{err}, qr/\Q"$id"\E/,
         "the message of show '$id' names what was not found");
}

# Rows that were written by hand may have control characters: text has them as
# escapes.
$cli->old_rows(q{INSERT INTO apikey (digest, id, tenant, name, scopes,
    creator)
    VALUES ('} . ('ab' x 32) . q{', 'hand', 'e' || char(27) || '[2Jvil',
    'a' || char(13, 10) || 'b' || char(155) || char(8238) || x'ff' || '"\',
    'x' || char(9) || 'y', char(7))});
for my $command ([ "list", "--columns", "id,tenant,name" ], [qw(show hand)],
                 [qw(tenant list)]) {
    $done = $cli->run(@$command);
    is($done->{exit}, 0, "@$command of a row with control characters succeeds");
    my $text = $done->{out};
    unlike($text =~ s/\n//gr, qr/[\x00-\x1f\x7f]/,
           "the text of @$command has no control characters");
    ok(utf8::decode($text), "the text of @$command is UTF-8");
    unlike($text, qr/[\x{80}-\x{9f}\x{202e}]/,
           "the text of @$command has no control characters beyond ASCII");
    like($text, qr/e\\x1B\[2Jvil/,
         "the text of @$command has the control characters as escapes");
}
$done = $cli->run('show', 'hand');
like($done->{out}, qr/^state +faulty\nfault +.*control.*; never granted/m,
     'show says that the row is faulty, and why');
my ($hand) = grep { $_->{id} eq 'hand' } @{ $cli->json('list') };
is($hand->{tenant}, "e\e[2Jvil",
   'JSON has the control characters of a tenant as they are');
is($hand->{name}, "a\r\nb\x{9b}\x{202e}\x{fffd}\"\\",
   'JSON has U+FFFD in place of bytes that are no UTF-8');
is($hand->{state}, 'faulty', 'JSON has the state faulty');
like($hand->{fault}, qr/its tenant has a control/,
     'JSON has the reason why the row is faulty');
is(join('', $cli->run('--json', 'list')->{out} =~ /[\x00-\x09\x0b-\x1f\x7f]/g),
   '', 'JSON has no raw control characters');

# More keys than the store reads at once: each is listed once.
$cli->sql(q{WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
    WHERE i < 1500) INSERT INTO apikey (digest, id, tenant, name, created)
    SELECT printf('%064x', i), 'id' || i, 'many', 'n' || i, i / 100 FROM n});
my @many = @{ $cli->json('list', '--tenant', 'many') };
is(scalar @many, 1500, 'a list has all 1500 keys of a tenant');
is(scalar(keys %{ { map { ($_->{id} => 1) } @many } }), 1500,
   'a list of 1500 keys has each once');

# --state, --expiring and --unused choose keys.
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
is(named('--expiring', '14d'), 'soon',
   '--expiring 14d lists the key that ends in three days');
is(named('--expiring', '2mo', '--env', 'test'), 'late',
   '--expiring 2mo --env test lists what both options allow');
is(named('--expiring', '2100-01-01', '--tenant', 't-soon'), 'soon',
   '--expiring takes a date');
is(named('--unused', '90d'), 'old',
   '--unused 90d lists a key made before that and never used');
is(join(' ', sort split / /, named('--unused', '9d')), 'old used',
   '--unused 9d lists keys that were used before that, too');
is(named('--unused', '90d', '--state', 'revoked'), '',
   '--unused 90d --state revoked lists nothing when no key is both');

# --sort orders the list; keys that never expire come last.
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

# --sort stores rows in a temporary file, which it removes; where the file
# cannot be written the command fails.
my $room = "$cli->{folder}/room";
mkdir $room or die "$room: $!\n";
my @sorted = ('--json', 'list', '--sort', 'name', { env => { TMPDIR => $room } });
is(scalar(my @sorted_names = $cli->run(@sorted)->{out} =~ /"name":/g),
   @many + 3, 'list --sort has all keys');
is(join(' ', glob "$room/*"), '', 'list --sort leaves no temporary file');
$cli->{small} = "$cli->{folder}/small";
$cli->write(small => "#!/bin/sh\ntrap '' XFSZ\nulimit -f 200\nexec "
            . APIKey::CLI::program() . ' "$@"' . "\n");
chmod 0700, $cli->{small};
{
    local $ENV{HTAPIKEY} = $cli->{small};
    $done = $cli->run(@sorted);
}
is($done->{exit}, 1, 'list --sort fails when its temporary file has no room');
like($done->{err}, qr/temporary file, .*: File too large; make room .*TMPDIR/,
     'the message names the cause and TMPDIR');
is(join(' ', glob "$room/*"), '',
   'list --sort that failed leaves no temporary file');

# --columns takes every column that help names.
my ($columns) = map { $_->{does} =~ /whole: (.*)/ } grep {
    $_->{option} eq '--columns' } @{ $all->json('help', 'list')->[0]{options} };
my @columns = split /, /, $columns;
cmp_ok(scalar @columns, '>=', 20, 'help names at least 20 columns');
for my $column (@columns) {
    my $told = $all->run('list', '--columns', "id,$column", '--sort', $column);
    is($told->{out} =~ tr/\n//, 8,
       "--columns id,$column --sort $column lists each key")
        or diag $told->{err};
}
is($all->run('list', '--columns', 'state,name', '--env', 'test')->{out},
   "STATE   NAME\nactive  late\n",
   '--columns has the columns in the order of its argument');
is($all->run('list', '--columns', 'created', '--env', 'test')->{out},
   "CREATED\n" . $all->show($by{late})->{created} . "\n",
   '--columns created has the whole time');

# A table is at most 100 columns wide; with --columns nothing is cut.
my @long = ('x' x 200, 'n' x 90, map { "scope:number$_" } 1 .. 20);
$all->create(tenant => $long[0], name => $long[1], prefix => 'p' x 32,
             scope => [ @long[2 .. 21] ]);
$all->create(tenant => '日本語' x 20, name => '😀' x 40);
my @table = split /\n/, decode_utf8($all->run(qw(list --all))->{out});
is(scalar @table, 13, 'the table has one line per key, and one of heads');
is(join("\n", grep { cells($_) > 100 } @table), '',
   'no line of the table is wider than 100 columns');
like((grep { /xxx/ } @table)[0], qr/x\x{2026} +n+\x{2026}.*\x{2026} .*active$/,
     'a value that was cut ends with an ellipsis');
is((grep { /xxx/ } @table)[0] =~ s/.* (\S+\x{2026}\S+) .*/$1/r,
   'ppppp' . "\x{2026}" . substr($all->json('list', '--tenant', $long[0])
                                     ->[0]{hint}, -4),
   'a hint that was cut keeps its last four characters');
like($all->run('list', '--columns', 'tenant,name,scopes')->{out},
     qr/$long[0]  +$long[1]  +\Q@{[ join ' ', @long[2 .. 21] ]}\E$/m,
     '--columns cuts no value');

# Columns are cut in this order: scopes, hint, tenant, name.
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
       "the name '$name' is shown whole, while other columns are cut");
}

done_testing;
