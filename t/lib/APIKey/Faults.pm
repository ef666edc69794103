# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Faults;

# Sets the faults of t/lib/faults.c in a running httpd.
#
#   my $faults = APIKey::Faults->new($site);    before it is started
#   $faults->set(clock => -3600e6);             microseconds
#   $faults->set(lock_fails => 1);              of the cache
#   $faults->set(cond_fails => 3);              the third of a child
#   $faults->set(child_waits => 300e3);         when it begins and when it ends
#   $faults->set(no_watchdog => 1);             mod_watchdog is not loaded
#   $faults->set(more_keys => 50000);           in each batch of uses
#   $faults->set(lookup_waits => 1);            for the database, until 0
#   $faults->set(signal_in_lock => 1);          each child gets SIGTERM there
#   $faults->set(no_digest => 1);               OpenSSL makes none
#   $faults->set(no_shm => 1);                  no shared memory
#   $faults->set(lock_stops => $pid);           a child that holds the lock

use strict;
use warnings;

my %AT = (clock => 0, lock_fails => 1, cond_fails => 2, child_waits => 3,
          no_watchdog => 4, more_keys => 5, lookup_waits => 6,
          signal_in_lock => 7, no_digest => 8, no_shm => 9,
          lock_stops => 10);

sub new {
    my ($class, $site) = @_;
    my $self = bless { path => $site->file('faults', "\0" x 4096) }, $class;
    $site->{environment} = {
        APIKEY_FAULTS => $self->{path},
        LD_PRELOAD => "$ENV{APIKEY_BUILD}/.libs/faults.so",
    };
    return $self;
}

sub set {
    my ($self, $name, $value) = @_;
    open my $out, '+<:raw', $self->{path} or die "$self->{path}: $!\n";
    seek $out, 8 * $AT{$name}, 0;
    syswrite $out, pack 'q', $value;
    close $out;
}

1;
