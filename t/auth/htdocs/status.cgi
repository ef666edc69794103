#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# status.cgi?STATUS&cache=VALUE answers with this status and this Cache-Control
# (write ':' for '='); the body names the tenant and is another one each time.

use strict;
use warnings;

my ($status) = ($ENV{QUERY_STRING} // '') =~ /^(\d{3})/;
my ($cache) = ($ENV{QUERY_STRING} // '') =~ /\bcache=([\w:,-]+)/;
print "Status: $status Because\r\n" if $status;
print 'Cache-Control: ', $cache =~ tr/:/=/r, "\r\n" if $cache;
my $body = join '', 'The application says ', $status // 200, ' to ',
    $ENV{APIKEY_TENANT} // 'nobody', ', result ',
    $ENV{APIKEY_RESULT} // 'none', ', ', $ENV{UNIQUE_ID}, "\n";
print "Content-Type: text/plain\r\nContent-Length: ", length $body,
    "\r\n\r\n", $body;
