#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# app.pl PORT [REACHED]: an application behind a proxy.  It answers each request
# with what arrived, byte for byte: the request line, the headers, the body.  It
# listens on 127.0.0.1 only and ends with TERM.  Into the file REACHED it writes
# a line for each request, before it answers: X-Ask and the request line.

use strict;
use warnings;

use IO::Socket::INET;

my ($port, $reached) = @ARGV;
my $listener = IO::Socket::INET->new(
    LocalAddr => "127.0.0.1:$port", Listen => 64, ReuseAddr => 1)
    or die "app.pl: port $port: $@\n";
my @workers;
my $parent = $$;
$SIG{TERM} = $SIG{INT} = $SIG{HUP} = sub {
    if ($$ == $parent) {
        kill TERM => @workers;
        waitpid $_, 0 for @workers;
    }
    exit 0;
};
$SIG{PIPE} = 'IGNORE';
for (1 .. 4) {
    my $pid = fork // die "app.pl: fork: $!\n";
    if (!$pid) {
        @workers = ();
        while (1) {
            my $client = $listener->accept or next;
            serve($client);
            close $client;
        }
    }
    push @workers, $pid;
}
waitpid $_, 0 for @workers;

# One request a connection, so that four workers are enough for any client.
sub serve {
    my ($client) = @_;
    my $got = '';
    until ($got =~ /\r\n\r\n/) {
        sysread($client, $got, 65536, length $got) or return;
    }
    my $head = index($got, "\r\n\r\n") + 4;
    my ($length) = $got =~ /^Content-Length:\s*(\d+)/mi;
    my $chunked = $got =~ /^Transfer-Encoding:.*chunked/mi;
    until ($chunked ? $got =~ /\r\n0\r\n\r\n\z/
                    : length($got) >= $head + ($length // 0)) {
        sysread($client, $got, 65536, length $got) or return;
    }
    note($got) if defined $reached;
    my $answer = join "\r\n", 'HTTP/1.1 200 OK', 'Content-Type: text/plain',
        'Content-Length: ' . length $got, 'Connection: close', '', $got;
    while (length $answer) {
        my $sent = syswrite $client, $answer or return;
        substr $answer, 0, $sent, '';
    }
}

sub note {
    my ($got) = @_;
    my ($line) = $got =~ /^([^\r\n]*)/;
    my ($ask) = $got =~ /^X-Ask:\s*(\S+)/mi;
    open my $out, '>>', $reached or die "$reached: $!\n";
    syswrite $out, ($ask // '-') . " $line\n";
}
