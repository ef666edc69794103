# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# t/TEST succeeds only if tests ran and none failed or was skipped, and it
# leaves no process running.

use strict;
use warnings;

use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use Test::More;

use APIKey::Guard qw(source_root);
use APIKey::Process qw(descendants end_process wait_until);
use POSIX ();

my $tree = tempdir(CLEANUP => 1);
make_path("$tree/t/cli");
my @command = ($^X, '-I', source_root() . '/t/lib', '-MAPIKey::Suite', '-e',
    'exit APIKey::Suite->new(source => $ARGV[0], build => $ARGV[0], '
    . 'wanted => [])->run', $tree);

# Runs t/TEST over one file with this text: exit status and output.
sub run_of {
    my ($text) = @_;
    unlink glob "$tree/t/cli/*.t";
    if (defined $text) {
        open my $out, '>', "$tree/t/cli/a.t" or die "a.t: $!\n";
        print $out $text;
        close $out;
    }
    my $pid = open my $from, '-|';
    defined $pid or die "fork: $!\n";
    if (!$pid) {
        delete @ENV{qw(APIKEY_TEST_SANITIZER HARNESS_ACTIVE)};
        open STDERR, '>&', \*STDOUT;
        exec @command or die "exec: $!\n";
    }
    return ($pid, $from) if wantarray;
    my $said = do { local $/; <$from> };
    close $from;
    return ($? >> 8) . ' ' . join ' ', $said =~ /^(\d+ passed, \d+ failed)$/mg;
}

my $more = "use Test::More;\n";
my %run = (
    "ok 1;\nok 1;\ndone_testing;\n"              => '0 2 passed, 0 failed',
    "ok 1;\nok 0;\ndone_testing;\n"              => '1 1 passed, 1 failed',
    "ok 1;\ndie;\n"                              => '1 1 passed, 1 failed',
    "ok 1;\nplan tests => 2;\n"                  => '1 1 passed, 1 failed',
    "ok 1;\ndone_testing;\nexit 3;\n"            => '1 1 passed, 1 failed',
    "ok 1;\ndone_testing;\nkill KILL => \$\$;\n" => '1 1 passed, 1 failed',
    "plan skip_all => 'no server';\n"            => '1 0 passed, 2 failed',
    "SKIP: { skip 'x', 1; }\ndone_testing;\n"    => '1 1 passed, 1 failed',
    "TODO: { local \$TODO = 'x'; ok 0; }\ndone_testing;\n"
        => '1 1 passed, 1 failed',
);
for my $text (sort keys %run) {
    (my $name = $text) =~ s/\n/ /g;
    is(scalar run_of($more . $text), $run{$text}, "a run of: $name");
}
is(scalar run_of(undef), '1 0 passed, 1 failed', 'a run without a test fails');

# In a folder that its owner alone may enter, tests that run htapikey as
# another user find it. Where the tests do not run as root there is no other
# user.
my $as_nobody = <<'EOF_AS';
my @as = $> ? () : qw(setpriv --reuid nobody --clear-groups);
is(`@as $ENV{HTAPIKEY}`, "here\n", 'another user runs htapikey');
done_testing;
EOF_AS
{
    open my $out, '>', "$tree/htapikey" or die "htapikey: $!\n";
    print $out "#!/bin/sh\necho here\n";
    close $out;
    chmod 0755, "$tree/htapikey";
}
is((stat $tree)[2] & 0777, 0700,
   "the tests' folder can be entered by its owner alone");
is(scalar run_of($more . $as_nobody), '0 1 passed, 0 failed',
   'a run in such a folder succeeds');
{
    local $ENV{TMPDIR} = "$tree/t";
    my (undef, $from) = run_of($more . $as_nobody);
    my $said = do { local $/; <$from> };
    close $from;
    $> ? like($said, qr/^1 passed, 0 failed$/m, 'a closed TMPDIR of our own')
       : like($said, qr{^t/TEST: nobody cannot enter \Q$tree/t\E; say TMPDIR=},
              'a closed TMPDIR is said at once');
}
unlink "$tree/htapikey";

# A run is ended in the middle, with a grandchild that would run on.
for my $signal (qw(TERM INT HUP)) {
    my ($pid, $from) = run_of("$more system 'sleep 60; true';\n");
    my @below;
    ok(wait_until(60, sub { (@below = descendants($pid)) >= 3 }),
       "the test and its children run");
    kill $signal => $pid;
    my $said = do { local $/; <$from> };
    close $from;
    is($? >> 8, 130, "SIG$signal ends the run");
    ok(wait_until(60, sub { !grep { kill 0, $_ } @below }),
       'no process of it stays');
}

# A child with this handler for TERM, once it has started.
sub stubborn {
    my ($term) = @_;
    pipe my $from, my $to or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        $SIG{TERM} = $term;
        syswrite $to, "there\n";
        sleep 1 while 1;
    }
    readline $from;
    return $pid;
}

my $told = 0;
is(end_process(stubborn(sub { POSIX::_exit(3) if $told++ }), 10), 3 << 8,
   'a child that ignores the first TERM gets another');
my $said = '';
local $SIG{__WARN__} = sub { $said .= $_[0] };
is(end_process(stubborn('IGNORE'), 0.1), undef,
   'a child that does not end is killed');
like($said, qr/does not end within 0\.1 s:\n\d+ \S+: S \(sleeping\), in /,
     'what the child was doing is logged');

done_testing;
