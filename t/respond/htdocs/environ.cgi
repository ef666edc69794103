#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Answers with its environment as the kernel has it, repetitions and strange
# names included, and its input after an empty line.

use strict;
use warnings;

open my $in, '<:raw', '/proc/self/environ' or die "environ: $!\n";
local $/ = "\0";
my $page = "environment\n";
while (my $line = <$in>) {
    chomp $line;
    $page .= $line =~ s/([\n\r\\])/sprintf '\\x%02x', ord $1/ger . "\n";
}
local $/;
$page .= "\n" . (<STDIN> // '');
print "Content-Type: text/plain\r\nContent-Length: ", length $page,
      "\r\n\r\n", $page;
