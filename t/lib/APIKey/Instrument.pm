# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Instrument;

# httpd under AddressSanitizer, ThreadSanitizer or valgrind, or counting lines
# for gcov.  Reports go to files, one a process: httpd closes or redirects its
# standard error.  t/after/reports.t reads them.

use strict;
use warnings;

use File::Copy qw(copy);
use File::Find qw(find);

my %LIBRARY = (address => 'libasan.so', thread => 'libtsan.so');

sub sanitizer { return $LIBRARY{ $ENV{APIKEY_TEST_SANITIZER} // 'no' } }

# What stands before httpd on the command line.
sub command {
    my ($vars) = @_;
    # With an address space laid out at random, older libtsans end with
    # "unexpected memory mapping".  Some containers forbid to ask for it.
    return qw(setarch -R) if ($ENV{APIKEY_TEST_SANITIZER} // '') eq 'thread'
        && system('setarch -R true 2>/dev/null') == 0;
    return () unless $ENV{APIKEY_TEST_VALGRIND};
    return (qw(valgrind --keep-debuginfo=yes --error-limit=no
               --leak-check=no --num-callers=30),
            "--log-file=$vars->{t_logs}/valgrind.%p");
}

# Called in httpd's process alone: a preloaded sanitizer would weigh on perl.
sub environment {
    my ($suite, $vars) = @_;
    my $logs = $vars->{t_logs};
    if (my $library = sanitizer()) {
        chomp(my $path = `gcc -print-file-name=$library`);
        die "gcc knows no $library.\n" unless -e $path;
        $ENV{LD_PRELOAD} = $path;
        # httpd's own leaks are not ours to count, and it uses exit handlers.
        $ENV{ASAN_OPTIONS} = "log_path=$logs/asan:detect_leaks=0";
        $ENV{UBSAN_OPTIONS} = "log_path=$logs/ubsan:print_stacktrace=1";
        $ENV{TSAN_OPTIONS} = "log_path=$logs/tsan:exitcode=0";
    }
    if ($ENV{APIKEY_TEST_COVERAGE}) {
        # Children run as httpd's user and cannot write beside the objects.
        umask 0;
        $ENV{GCOV_PREFIX} = "$vars->{t_state}/gcov";
    }
}

# Brings the counts of httpd's children to where gcov looks for them.  Those
# of the programs lie there already; gcov-tool would merge, so httpd's go to
# a folder of their own and build/coverage reads both.
sub collect {
    my ($suite, $vars) = @_;
    return unless $ENV{APIKEY_TEST_COVERAGE};
    my $from = "$vars->{t_state}/gcov$suite->{build}";
    my $to = "$suite->{build}/httpd.gcda";
    system('rm', '-rf', $to) == 0 or die "rm failed.\n";
    system('cp', '-R', $from, $to) == 0 or die "No counts in $from.\n";
}

1;
