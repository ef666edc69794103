#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Sends httpd to the place that the query string names.

print "Location: $ENV{QUERY_STRING}\r\n\r\n";
