#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A FastCGI responder for mod_fcgid, which hands over its listening socket as
# standard input: one request at a time, each answered with its parameters, one
# NAME=VALUE per line, and its body after an empty line.

use strict;
use warnings;

use IO::Socket::UNIX;

my ($BEGIN, $END, $PARAMS, $STDIN, $STDOUT) = (1, 3, 4, 5, 6);

my $listener = IO::Socket::UNIX->new_from_fd(0, 'r+') or die "stdin: $!\n";
while (my $client = $listener->accept) {
    serve($client);
}

sub take {
    my ($client, $length) = @_;
    my $got = '';
    while (length $got < $length) {
        sysread($client, $got, $length - length $got, length $got)
            or die "the connection ended\n";
    }
    return $got;
}

sub serve {
    my ($client) = @_;
    my %stream = ($PARAMS => '', $STDIN => '');
    my ($type, $id, $length, $padding);
    do {
        (undef, $type, $id, $length, $padding) =
            unpack 'CCnnC', take($client, 8);
        my $content = take($client, $length);
        take($client, $padding);
        $stream{$type} .= $content if exists $stream{$type};
    } until $type == $STDIN && !$length;
    my $answer = "Content-Type: text/plain\r\n\r\n"
               . shown($stream{$PARAMS}) . "\n" . $stream{$STDIN};
    open my $note, '>>', '@DIR@/reached' or die "reached: $!\n";
    print $note "fcgid\n";
    close $note;
    for my $part (unpack('(a60000)*', $answer), '') {
        print $client pack('CCnnCx', 1, $STDOUT, $id, length $part, 0), $part;
    }
    print $client pack('CCnnCx', 1, $END, $id, 8, 0), pack 'x8';
    close $client;
}

sub shown {
    my ($params) = @_;
    my %of;
    while (length $params) {
        my ($name, $value) = map { length_of(\$params) } 1, 2;
        $_ = substr $params, 0, $_, '' for $name, $value;
        $of{$name} = $value;
    }
    return join '', map {
        "$_=" . $of{$_} =~ s/([\n\r\\])/sprintf '\\x%02x', ord $1/ger . "\n"
    } sort keys %of;
}

sub length_of {
    my ($bytes) = @_;
    return ord substr $$bytes, 0, 1, '' if ord $$bytes < 0x80;
    return 0x7fffffff & unpack 'N', substr $$bytes, 0, 4, '';
}
