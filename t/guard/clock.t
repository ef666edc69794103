# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Times are measured by apikey_clock(), which does not change when the system's
# time is set, and waits end by it. The system's time is read where a moment of
# the calendar is meant; each such place is listed here.

use strict;
use warnings;

use Test::More;
use APIKey::Guard qw(files slurp);

# How often a file reads the system's time, and what for.
my %CALENDAR = (
    'modules/auth/authn.c'   => [ 1, 'whether a key has expired' ],
    'modules/verify/revocations.c' => [ 4, 'since when answers are of this era' ],
    'modules/verify/find.c'   => [ 2, 'when an entry was written, for others' ],
    'modules/cli/open.c'     => [ 1, 'what the audit says' ],
    'modules/core/mutex.c'   => [ 1, 'a wait, where there is no other clock' ],
    'modules/core/secrets.c' => [ 1, 'the date in the name of a secret' ],
    'modules/db/prune.c'     => [ 1, 'what is older than ApiKeyRetention' ],
    'modules/store/schema.c' => [ 2, 'what the audit says' ],
    'modules/store/connection.c' => [ 1, 'beside the time of a file' ],
    'modules/store/usage.c'  => [ 1, 'a number that differs each time' ],
);
my $ASKS = qr/\b(?:apr_time_now|time\s*\(\s*(?:NULL|0|&\w+)\s*\)|gettimeofday
              |CLOCK_REALTIME|ap_recent_\w+)/x;
# These functions wait by the system's time, or without end.
my $WAITS = qr/\b(?:apr_thread_cond_\w+|apr_queue_\w+|apr_thread_pool_\w+
               |pthread_cond_timedwait|pthread_mutex_timedlock|sem_timedwait
               |apr_proc_mutex_timedlock|apr_global_mutex_timedlock
               |apr_thread_mutex_timedlock)\b/x;
my $OURS = 'modules/core/mutex.c';

sub code { return $_[0] =~ s{/\*.*?\*/}{}gsr }

sub complaints {
    my ($file, $text) = @_;
    my $asks = () = code($text) =~ /$ASKS/g;
    my $allowed = $CALENDAR{$file} ? $CALENDAR{$file}[0] : 0;
    my @found = $asks == $allowed ? ()
              : "$file asks for the system's time $asks times, not $allowed";
    push @found, "$file waits by the system's time: $1"
        if $file ne $OURS && code($text) =~ /($WAITS)/;
    return @found;
}

my @files = files(qr{^(?:modules/.*|mod_apikey)\.[ch]$});
cmp_ok(scalar @files, '>', 20, 'there are sources to read');
is(join("\n", map { complaints($_, slurp($_)) } @files), '',
   "each use of the system's time is listed");
is_deeply([ grep { my $name = $_; !grep { $_ eq $name } @files }
            sort keys %CALENDAR ], [], 'each listed use is there');
for my $planted ('x = apr_time_now();', 'now = time(NULL);',
                 'clock_gettime(CLOCK_REALTIME, &x);',
                 'apr_thread_cond_timedwait(cond, mutex, 1);') {
    is(scalar(my @wrong = complaints('modules/new/x.c', $planted)), 1,
       "refused: $planted");
}
is(join('', complaints('modules/new/x.c',
                       '/* apr_time_now() */ x = apikey_clock();')), '',
   'a comment and apikey_clock() are allowed');

done_testing;
