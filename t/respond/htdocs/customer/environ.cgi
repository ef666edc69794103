#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
do './../environ.cgi' or die "environ.cgi: $@$!\n";
