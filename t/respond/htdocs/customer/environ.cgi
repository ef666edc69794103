#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Runs ../environ.cgi, by a URL in the folder of a customer.

do './../environ.cgi' or die "environ.cgi: $@$!\n";
