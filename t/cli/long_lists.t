# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Lists of many rows are complete, in order, and need no more memory than short
# ones.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;
use APIKey::Instrument;

my $rows = 100_000;
my $cli = APIKey::CLI->new;
my $series = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
           . "WHERE i < $rows)";
# More than a page of keys was made in the same second; one tenant has few keys.
$cli->sql("INSERT INTO apikey (digest, id, tenant, name, created, scopes) "
          . "$series SELECT printf('%064x', i), printf('id%08d', i), "
          . "iif(i % 20000 = 7, 'rare', 'acme'), 'key ' || i, "
          . "1500000000 + i / 1000, 'a:read b:write' FROM n",
          "INSERT INTO apikey_audit (happened, who, action, id, tenant, was) "
          . "$series SELECT 1500000000 + i, 'me', 'test', "
          . "printf('id%08d', i % 100), 'acme', '{\"name\":\"before\"}' "
          . 'FROM n');

# The peak memory of a process, KiB.
sub peak {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/status" or return;
    my ($peak) = map { /^VmHWM:\s+(\d+)/ } readline $in;
    return $peak;
}

# Runs a command and reads its output in pieces.  The command waits while the
# pipe is full, so its memory can be read after the first rows and before the
# last.  A command that held all rows before it writes the first would need
# more.
my $usual;
my $allowed = 4096;

# ThreadSanitizer needs eight times the memory.
my $weight = APIKey::Instrument::sanitizer() eq 'thread' ? 9 : 1;

sub watch {
    my ($what, @arguments) = @_;
    my $pid = open my $out, '-|', APIKey::CLI::program(), '-f', $cli->{conf},
        @arguments or die "htapikey: $!\n";
    my ($text, $bit, $first, $last) = ('');
    while (read $out, $bit, 65_536) {
        $text .= $bit;
        my $peak = peak($pid);
        $first //= $peak if length($text) > 500_000;
        $last = $peak if defined $peak;
    }
    close $out;
    is($?, 0, "$what of $rows rows succeeds");
    cmp_ok($first, '>', 1000,
           "$what: the memory after the first rows is known");
    # A page of rows and the sanitizers take some MiB, for any number of rows.
    # A command that kept all rows would need as much as its output.
    cmp_ok($last - $first, '<', $weight * length($text) / 2048,
           "$what: memory grows by less than half of the output");
    $usual //= $first;
    cmp_ok($first, '<', $usual + $weight * $allowed,
           "$what: the first rows need no more memory than those of list");
    return $text;
}

my $wanted = join ' ', map { sprintf 'id%08d', $_ } 1 .. $rows;
my $text = watch('list --json', '--json', 'list');
is(join(' ', $text =~ /"id":"(id\d+)"/g), $wanted,
   'list --json has each key once, in order');
like($text, qr/\A\[\{"id":.*\}\]\n\z/s, 'list --json writes one array');
$text = watch('list', 'list');
is(join(' ', $text =~ /^(id\d+)/mg), $wanted,
   'list has each key once, in order');
is(scalar(my @heads = $text =~ /^ID +TENANT/mg), 1,
   'list has one line of heads');
my @odd = grep { !/^id\d{8}  (?:acme|rare)    key \d+ +-? +a:read b:write  /
                 } (split /\n/, $text)[1 .. 1000];
is(scalar @odd, 0,
   'list has the first thousand keys in columns') or diag $odd[0];
$text = $cli->run('list', '--tenant', 'rare')->{out};
is(join(' ', $text =~ /^(id\d+)/mg), 'id00000007 id00020007 id00040007 '
   . 'id00060007 id00080007',
   'list --tenant finds the few keys of one tenant');

# list --sort keeps the values by which it sorts in memory, and nothing else of
# a key.
$allowed = 20_000;
$text = watch('list --json --sort', '--json', 'list', '--sort', '-name');
is(join(' ', $text =~ /"name":"key (\d+)"/g),
   join(' ', sort { "$b" cmp "$a" } 1 .. $rows),
   'list --json --sort has each key once, sorted');
$allowed = 4096;

$text = watch('audit', 'audit');
is(scalar(my @entries = $text =~ / test  +id\d+ /g), $rows,
   'audit has each entry');
$text = watch('audit --json', '--json', 'audit');
my @numbers = $text =~ /"number":(\d+)/g;
is(scalar(@numbers), $cli->sql('SELECT COUNT(*) FROM apikey_audit'),
   'audit --json has each entry, those of init included');
is(scalar(grep { $numbers[$_] <= $numbers[$_ - 1] } 1 .. $#numbers), 0,
   'audit --json has the entries in order');
$text = $cli->run('audit', '--key', 'id00000042')->{out};
is(scalar(@entries = $text =~ / id00000042 /g), $rows / 100,
   'audit --key has the entries of that key');
like($text, qr/  name: before$/m,
     'audit --key has the values that were replaced');
is(scalar(@entries = $cli->run(qw(audit --tenant none))->{out} =~ /\n/g), 1,
   'audit of a tenant without entries has only the line of heads');

done_testing;
