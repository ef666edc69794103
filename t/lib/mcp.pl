#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# mcp.pl PORT: a server of the Model Context Protocol over HTTP, without
# sessions, behind a proxy.  Its tools, search and remove, answer with the
# tenant that called.  As the revision of 2026-07-28 wants it, a request whose
# Mcp-Method or Mcp-Name is not what its body says, or lacks the name of a tool,
# is refused.  It listens on 127.0.0.1 only and ends with TERM.

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP;

my ($port) = @ARGV;
my $listener = IO::Socket::INET->new(
    LocalAddr => "127.0.0.1:$port", Listen => 64, ReuseAddr => 1)
    or die "mcp.pl: port $port: $@\n";
my $json = JSON::PP->new->utf8->canonical;
$SIG{PIPE} = 'IGNORE';
$SIG{$_} = sub { exit 0 } for qw(TERM INT HUP);
while (1) {
    my $client = $listener->accept or next;
    serve($client);
    close $client;
}

sub serve {
    my ($client) = @_;
    my $got = '';
    until ($got =~ /\r\n\r\n/) {
        sysread($client, $got, 65536, length $got) or return;
    }
    my ($head, $body) = split /\r\n\r\n/, $got, 2;
    my %header = map { /^([^:]+):\s*(.*?)\s*$/ ? (lc $1 => $2) : () }
                 split /\r\n/, $head;
    until (length $body >= ($header{'content-length'} // 0)) {
        sysread($client, $body, 65536, length $body) or return;
    }
    my ($status, $answer) = answer($head, \%header, $body);
    my $text = $answer ? $json->encode($answer) : '';
    print $client join "\r\n", "HTTP/1.1 $status", 'Connection: close',
        $answer ? 'Content-Type: application/json' : (),
        'Content-Length: ' . length $text, '', $text;
}

sub answer {
    my ($head, $header, $body) = @_;
    return '404 Not Found' if $head !~ m{^\w+ /mcp };
    return '405 Method Not Allowed' if $head !~ /^POST/;
    my $call = eval { $json->decode($body) } or return '400 Bad Request';
    my $name = $call->{params}{name};
    my ($said, $named) = @{$header}{qw(mcp-method mcp-name)};
    if (($said // $call->{method}) ne $call->{method}
        || ($named // '') ne ($name // '')) {
        return ('400 Bad Request', { jsonrpc => '2.0', id => $call->{id},
            error => { code => -32020, message => 'Header mismatch' } });
    }
    return '202 Accepted' if !defined $call->{id};
    return ('200 OK', { jsonrpc => '2.0', id => $call->{id},
                        result => result($call, $header) });
}

sub result {
    my ($call, $header) = @_;
    my $tenant = $header->{'x-apikey-tenant'} // 'nobody';
    return {
        'initialize' => {
            protocolVersion => $call->{params}{protocolVersion},
            capabilities => { tools => {} },
            serverInfo => { name => 'test', version => '1' } },
        'tools/list' => { tools => [ map { { name => $_,
            inputSchema => { type => 'object' } } } qw(search remove) ] },
        'tools/call' => { content => [ { type => 'text',
            text => ($call->{params}{name} // '') . " for $tenant" } ] },
    }->{ $call->{method} } // {};
}
