# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# No test needs a quick machine: none fails because something took longer than
# a time that a busy machine may need, and none gives up after such a time. A
# comparison that is needed is in a loop that ends with the first round in
# time, and is listed here with the reason why a fault would never be in time.
# That something took at least some time may be compared. wait_until() itself
# waits for a minute at least.

use strict;
use warnings;

use Test::More;
use APIKey::Guard qw(files slurp);

# A comparison with this number of seconds or more means that something hangs.
my $HANGS = 30;
# How often, and why it does no harm.
my %ALLOWED = (
    't/verify/away.t' => [ 2, 'twenty rounds; to wait twice takes 3 seconds' ],
    't/verify/race.t' => [ 1, 'sixty rounds, of which one must be in time' ],
    't/faults/sqlite.t' =>
        [ 1, 'for a minute; each that waits takes twelve seconds' ],
    't/lib/APIKey/FaultTest.pm' =>
        [ 1, 'for a minute; each that waits takes 1.5 seconds' ],
    't/lib/APIKey/Process.pm' => [ 1, 'the minute itself' ],
    't/unit/core_key_scan.c' => [ 1, 'of the processor, beside itself' ],
    't/usage/path.t' => [ 2, 'ten rounds; one that waits takes 5 seconds' ],
);

# Variables and fields that hold how long something took.
my $TOOK = 'took|longest|seconds|elapsed|duration';
# The names of variables that a text puts a difference of times into.
my $DIFFERENCE = qr/(?:\b(?:apr_time_now|apikey_clock)\(\)|\btime(?:\(\))?)
                    \s*-\s*(?:\$?\w+)(?:\{\w+\}|->\{\w+\})*/x;
# An upper bound: a name or a number.
my $BOUND = qr/(\$?\w[\w.]*(?:\([\w.]+\))?)/;
# How long a program waits: the form, and the least that is allowed.
my @PATIENCE = ([ qr/\balarm\s*\(?\s*(\d+)/, 300 ],
                [ qr/\bTimeout\s*=>\s*(\d+)/, 60 ],
                [ qr/'\.timeout (\d+)'/, 60_000 ]);

sub is_short {
    my ($bound) = @_;
    my ($number) = $bound =~ /^(?:apr_time_from_sec\()?([\d.]+)\)?$/;
    return !defined $number || $number < $HANGS;
}

# The comparisons in a text that need a quick machine.
sub complaints {
    my ($file, $text) = @_;
    $text =~ s{/\*.*?\*/}{}gs;
    $text =~ s/^\s*#(?!define).*$//mg;
    my $names = join '|', $TOOK, $text =~ /(\w+)\s*=>?\s*$DIFFERENCE\s*[;,})]/g;
    my $took = qr/(?:$DIFFERENCE|(?:\$|->\{|\{|\b)(?:$names)\}?)/;
    my @wrong;
    while ($text =~ /($took\s*(?:,\s*'<=?'\s*,|<=?(?![=<]))\s*$BOUND)/g) {
        push @wrong, "$file: $1" if is_short($2);
    }
    # The seconds of an answer: APIKey::DatabaseSite.
    my $asks = $text =~ /\b(?:DatabaseSite|CacheSite|UsageSite)\b/;
    while ($asks && $text =~ /(->\[1\]\s*[<>]=?\s*$BOUND)/g) {
        push @wrong, "$file: $1" if is_short($2);
    }
    for my $kind (@PATIENCE) {
        while ($text =~ /($kind->[0])/g) {
            push @wrong, "$file: $1" if $2 < $kind->[1];
        }
    }
    return @wrong;
}

my @files = grep { !m{^t/(?:bench|fuzz)/|/Bench\w+\.pm$|^t/guard/times\.t$} }
            files(qr{^t/.*\.(?:t|pm|pl|c|h)$});
cmp_ok(scalar @files, '>', 100, 'there are tests to read');
my %found = map { my @found = complaints($_, slurp($_));
                  @found ? ($_ => \@found) : () } @files;
is(join("\n", map { @{ $found{$_} } } grep { !$ALLOWED{$_} } sort keys %found),
   '', 'no test needs a quick machine');
is(scalar @{ $found{$_} // [] }, $ALLOWED{$_}[0], "$_: $ALLOWED{$_}[1]")
    or diag join "\n", @{ $found{$_} // [] } for sort keys %ALLOWED;

my $site = "use APIKey::DatabaseSite;\n";
for my $planted ('cmp_ok(time - $began, q, 5);' =~ s/q/'<'/r,
                 'my $long = time - $began; ok($long < 2.5);',
                 'cmp_ok($done->{seconds}, q, 10, "soon");' =~ s/q/'<'/r,
                 'ok($took > 4 && $took < 7.5);',
                 $site . 'grep { $_->[1] > $SOON } @answers',
                 'ok(apr_time_now() - began < apr_time_from_sec(1), "x");',
                 'took = apr_time_now() - began; ok(took < LIMIT, "x");',
                 'alarm 20;', 'new(Timeout => 5)',
                 "'.timeout 5000'") {
    is(scalar(my @wrong = complaints('t/new.t', $planted)), 1,
       "refused: $planted");
}
for my $good ('cmp_ok(time - $began, q, 1);' =~ s/q/'>'/r,
              'ok(apr_time_now() - began > apr_time_from_sec(4), "x");',
              'sleep 0.01 while time < $began + 1.1;',
              'cmp_ok(time - $began, q, 60);' =~ s/q/'<'/r,
              'my $old = time - 91 * 86400; sql("changed < $old");',
              '# within: $took < 2', 'alarm 900;',
              'is($case->[1] > 3, 1);') {
    is(join('', complaints('t/new.t', $good)), '', "allowed: $good");
}

done_testing;
