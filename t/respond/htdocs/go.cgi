#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Redirects, inside httpd, to the URL that is the query string.

print "Location: $ENV{QUERY_STRING}\r\n\r\n";
