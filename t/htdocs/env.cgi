#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Answers with its whole environment, one NAME=VALUE a line, and its input
# after an empty line.

use strict;
use warnings;

print "Content-Type: text/plain\r\n\r\n";
for my $name (sort keys %ENV) {
    print "$name=", $ENV{$name} =~ s/([\n\r\\])/sprintf '\\x%02x', ord $1/ger,
          "\n";
}
print "\n", do { local $/; <STDIN> } // '';
