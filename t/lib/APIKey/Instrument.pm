# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Instrument;

# The programs under AddressSanitizer, ThreadSanitizer or valgrind, or counting
# lines for gcov.  httpd's reports go to files, one a process, because httpd
# redirects its standard error; t/after/reports.t reads them.

use strict;
use warnings;

my %LIBRARY = (address => 'libasan.so', thread => 'libtsan.so');

sub sanitizer { return $ENV{APIKEY_TEST_SANITIZER} // 'no' }

# Whether a run has an instrument at all.
sub any {
    return $ENV{APIKEY_TEST_VALGRIND} || $ENV{APIKEY_TEST_COVERAGE}
        || sanitizer() ne 'no';
}

# What comes before httpd on the command line.
sub command {
    my ($logs) = @_;
    # With an address space laid out at random, older libtsans end with
    # "unexpected memory mapping". In some containers the layout cannot be set.
    return qw(setarch -R) if sanitizer() eq 'thread'
        && system('setarch -R true 2>/dev/null') == 0;
    return () unless $ENV{APIKEY_TEST_VALGRIND};
    return (qw(valgrind --keep-debuginfo=yes --error-limit=no
               --leak-check=no --num-callers=30),
            "--log-file=$logs/valgrind.%p");
}

# The same for a program of ours, which has its sanitizer linked.
sub wrapper {
    return () unless $ENV{APIKEY_TEST_VALGRIND};
    return qw(valgrind -q --error-exitcode=99 --leak-check=full
              --errors-for-leak-kinds=definite);
}

# For the programs of the whole run.
sub environment {
    my ($source) = @_;
    $ENV{LSAN_OPTIONS} = "suppressions=$source/t/lib/lsan.supp:"
                       . 'print_suppressions=0';
    $ENV{UBSAN_OPTIONS} = 'print_stacktrace=1:halt_on_error=1';
}

# For httpd, in its own process alone: a preloaded library would slow perl
# down, too.
sub httpd_environment {
    my ($logs, $state) = @_;
    my $atomics = "$ENV{APIKEY_BUILD}/.libs/tsan_atomics.so";
    if (my $library = $LIBRARY{ sanitizer() }) {
        chomp(my $path = `gcc -print-file-name=$library`);
        die "gcc knows no $library.\n" unless -e $path;
        $ENV{LD_PRELOAD} = sanitizer() eq 'thread' ? "$path $atomics" : $path;
        # httpd's own leaks are not counted.
        $ENV{ASAN_OPTIONS} = "log_path=$logs/asan:detect_leaks=0";
        $ENV{UBSAN_OPTIONS} = "log_path=$logs/ubsan:print_stacktrace=1";
        $ENV{TSAN_OPTIONS} = "log_path=$logs/tsan:exitcode=0:suppressions="
                           . "$ENV{APIKEY_SOURCE}/t/lib/tsan.supp";
    }
    if ($ENV{APIKEY_TEST_COVERAGE}) {
        # Children run as httpd's user and cannot write beside the objects.
        umask 0;
        $ENV{GCOV_PREFIX} = "$state/gcov";
    }
}

# Whether httpd runs under its instrument.
sub verify {
    my ($pid) = @_;
    my $name = $LIBRARY{ sanitizer() }
        // ($ENV{APIKEY_TEST_VALGRIND} ? 'valgrind' : return);
    $name =~ s/\.so$//;
    open my $maps, '<', "/proc/$pid/maps" or die "/proc/$pid/maps: $!\n";
    grep { /\Q$name\E/ } <$maps> or die "httpd runs without $name.\n";
}

# Keeps the counts of httpd's children in a tree of their own; those of the
# programs lie beside the objects already, and build/coverage reads both.
sub collect {
    my ($build, $state) = @_;
    return unless $ENV{APIKEY_TEST_COVERAGE};
    my ($from, $to) = ("$state/gcov$build", "$build/httpd.counts");
    system('rm', '-rf', $to) == 0 or die "rm failed.\n";
    system('cp', '-R', $from, $to) == 0 or die "No counts in $from.\n";
}

1;
