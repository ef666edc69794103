#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A CGI program; @NAME@ is what it notes that it was asked as.

use strict;
use warnings;

open my $note, '>>', '@DIR@/reached' or die "reached: $!\n";
print $note "@NAME@\n";
close $note;
do '@DOCS@/env.pl' or die "env.pl: $@$!\n";
