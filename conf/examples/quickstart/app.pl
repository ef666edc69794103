#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# app.pl PORT: the proxied application of the demonstration, on 127.0.0.1.  It
# answers with what mod_apikey exports in the request's headers.

use strict;
use warnings;

use IO::Socket::INET;

my $listener = IO::Socket::INET->new(
    LocalAddr => "127.0.0.1:$ARGV[0]", Listen => 16, ReuseAddr => 1)
    or die "app.pl: port $ARGV[0]: $@\n";
$SIG{PIPE} = 'IGNORE';

while (1) {
    my $client = $listener->accept or next;
    my %seen = (tenant => '', id => '', scopes => '');
    # A client that sends nothing must not keep the others waiting.
    eval {
        local $SIG{ALRM} = sub { die "slow\n" };
        alarm 5;
        while (defined(my $line = <$client>)) {
            last if $line =~ /^\r?\n/;
            $seen{lc $1} = $2
                if $line =~ /^X-Apikey-(Tenant|Id|Scopes):\s*(.*?)\r?\n/i;
        }
        my $text = "the application: tenant=$seen{tenant} id=$seen{id} "
                 . "scopes=$seen{scopes}\n";
        print $client join "\r\n", 'HTTP/1.1 200 OK',
            'Content-Type: text/plain', 'Content-Length: ' . length $text,
            'Connection: close', '', $text;
        alarm 0;
    };
    close $client;
}
