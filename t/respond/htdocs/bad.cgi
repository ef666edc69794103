#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A script that fails, so that httpd writes its request into the ScriptLog.

print STDERR "bad.cgi speaks to the error log\n";
print "this is no header\n";
