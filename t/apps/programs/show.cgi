#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A CGI program; it records each request under the name @NAME@.

use strict;
use warnings;

open my $note, '>>', '@DIR@/reached' or die "reached: $!\n";
print $note "@NAME@\n";
close $note;
do '@DOCS@/env.pl' or die "env.pl: $@$!\n";
