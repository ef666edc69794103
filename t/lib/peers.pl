#!/usr/bin/perl
# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# peers.pl REACHED: applications behind mod_proxy_http (WebSockets, too), _scgi,
# _uwsgi and _ajp. Each answers a request with what arrived: its variables as
# NAME=VALUE, its headers as "Name: value", one a line, and its body after an
# empty line. The last part of the path of each request is appended to the
# file REACHED. Prints "NAME PORT" of each, and listens on 127.0.0.1 only.

use strict;
use warnings;

use Digest::SHA qw(sha1_base64);
use IO::Socket::INET;

# Names by the codes that AJP has for them.
my @AJP_HEADERS = qw(- accept accept-charset accept-encoding accept-language
    authorization connection content-type content-length cookie cookie2 host
    pragma referer user-agent);
my @AJP_ATTRIBUTES = qw(- CONTEXT SERVLET_PATH REMOTE_USER AUTH_TYPE
    QUERY_STRING ROUTE SSL_CERT SSL_CIPHER SSL_SESSION - SSL_KEY_SIZE SECRET
    STORED_METHOD);

my ($reached) = @ARGV;
my %speak = (http => \&http, scgi => \&scgi, uwsgi => \&uwsgi, ajp => \&ajp);

$| = 1;
$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
my @acceptors;
for my $name (sort keys %speak) {
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                         Listen => 64)
        or die "peers.pl: $name: $@\n";
    print "$name ", $listener->sockport, "\n";
    my $pid = fork // die "peers.pl: fork: $!\n";
    accept_all($listener, $speak{$name}) if !$pid;
    push @acceptors, $pid;
}
close STDOUT;
$SIG{TERM} = sub { kill TERM => @acceptors; exit 0 };
sleep 1 while 1;

# A process a connection; it ends with the connection.
sub accept_all {
    my ($listener, $speaker) = @_;
    while (1) {
        my $client = $listener->accept or next;
        my $pid = fork // die "peers.pl: fork: $!\n";
        next if $pid;
        close $listener;
        # A test that hangs leaves nothing behind.
        alarm 300;
        binmode $client;
        eval { $speaker->($client); 1 } or warn "peers.pl: $@";
        exit 0;
    }
}

# Exactly so many bytes; undef at the end of the connection.
sub take {
    my ($client, $length) = @_;
    my $got = '';
    while (length $got < $length) {
        sysread($client, $got, $length - length $got, length $got)
            or return undef;
    }
    return $got;
}

sub give {
    my ($client, @bytes) = @_;
    my $bytes = join '', @bytes;
    while (length $bytes) {
        my $sent = syswrite $client, $bytes or return;
        substr $bytes, 0, $sent, '';
    }
}

sub line {
    my ($client) = @_;
    my $line = '';
    until ($line =~ s/\r\n\z//) {
        sysread($client, $line, 1, length $line) or return undef;
    }
    return $line;
}

sub note {
    my ($path) = @_;
    my ($last) = $path =~ m{([^/?]*)(?:\?|\z)};
    open my $out, '>>', $reached or die "$reached: $!\n";
    syswrite $out, "$last\n";
}

sub text {
    my ($vars, $headers, $body) = @_;
    return join '',
        map({ "$_=$vars->{$_}\n" } sort keys %$vars),
        map({ "$_->[0]: $_->[1]\n" } @$headers), "\n", $body // '';
}

# ---- HTTP/1.1, keep-alive, chunked both ways; WebSockets ----

sub http {
    my ($client) = @_;
    my $count = 0;
    while (defined(my $first = line($client))) {
        my ($method, $path) = split ' ', $first;
        note($path);
        my @headers;
        while (length(my $field = line($client) // return)) {
            push @headers, [ $field =~ /^([^:]*): ?(.*)/s ];
        }
        my %is = map { lc $_->[0] => $_->[1] } @headers;
        my %vars = (REQUEST_LINE => $first, CONNECTION => $$,
                    REQUESTS => ++$count);
        return websocket($client, \%is, text(\%vars, \@headers))
            if lc($is{upgrade} // '') eq 'websocket';
        my $body = ($is{'transfer-encoding'} // '') =~ /chunked/i
                 ? $vars{FRAMING} = 'chunked' && chunks($client)
                 : take($client, $is{'content-length'} // 0);
        $vars{FRAMING} = 'length' if defined $is{'content-length'};
        # Early, in chunks, so that the length is nobody's knowledge.
        give($client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n",
             "Transfer-Encoding: chunked\r\n\r\n",
             map({ sprintf("%x\r\n", length), $_, "\r\n" }
                 unpack '(a1000)*', text(\%vars, \@headers, $body)),
             "0\r\n\r\n");
    }
}

sub chunks {
    my ($client) = @_;
    my $body = '';
    while (my $size = hex line($client)) {
        $body .= take($client, $size);
        line($client);
    }
    1 while length line($client);
    return $body;
}

# Says what arrived, then echoes: unmasked text frames of up to 65535 bytes.
sub websocket {
    my ($client, $is, $text) = @_;
    my $accept = sha1_base64($is->{'sec-websocket-key'}
        . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11') . '=';
    give($client, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n",
         "Connection: Upgrade\r\nSec-WebSocket-Accept: $accept\r\n\r\n");
    while (defined $text) {
        give($client, pack('CCn/a', 0x81, 126, $text));
        my ($kind, $length) = unpack 'CC', take($client, 2) // return;
        $length &= 127;
        $length = unpack 'n', take($client, 2) if $length == 126;
        my $mask = take($client, 4);
        $text = take($client, $length);
        $text ^= substr $mask x (1 + $length / 4), 0, $length;
        return if ($kind & 15) == 8;
    }
}

# ---- SCGI and uwsgi: variables, then the body ----

sub scgi {
    my ($client) = @_;
    my $length = '';
    $length .= take($client, 1) // return until $length =~ s/:\z//;
    my %vars = split /\0/, take($client, $length), -1;
    take($client, 1);
    note($vars{REQUEST_URI});
    delete $vars{''};
    my $body = take($client, $vars{CONTENT_LENGTH} || 0);
    give($client, "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n",
         text(\%vars, [], $body));
}

sub uwsgi {
    my ($client) = @_;
    my (undef, $length) = unpack 'Cv', take($client, 4) // return;
    my %vars = unpack '(v/a)*', take($client, $length);
    note($vars{REQUEST_URI});
    my $body = take($client, $vars{CONTENT_LENGTH} || 0);
    give($client, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n",
         text(\%vars, [], $body));
}

# ---- AJP13 ----

sub ajp {
    my ($client) = @_;
    while (defined(my $packet = ajp_packet($client))) {
        my $type = ord substr $packet, 0, 1, '';
        give($client, "AB\0\1\t"), next if $type == 10;
        $type == 2 or die "AJP: a packet of type $type\n";
        my ($vars, $headers) = ajp_request(\$packet);
        note($vars->{REQUEST_URI});
        my %is = map { lc $_->[0] => $_->[1] } @$headers;
        my $body = ajp_body($client, \%is);
        ajp_send($client, 4, pack 'n n/ax n n/ax n/ax', 200, 'OK', 1,
                 'Content-Type', 'text/plain');
        ajp_send($client, 3, pack 'n/ax', $_)
            for unpack '(a8000)*', text($vars, $headers, $body);
        ajp_send($client, 5, "\1");
    }
}

# What the server sends has a magic number of its own.
sub ajp_packet {
    my ($client) = @_;
    my ($magic, $length) = unpack 'nn', take($client, 4) // return undef;
    $magic == 0x1234 or die "AJP: not the magic number: $magic\n";
    return take($client, $length);
}

sub ajp_send {
    my ($client, $type, $data) = @_;
    give($client, 'AB', pack('n C', 1 + length $data, $type), $data);
}

sub ajp_number { return unpack 'n', substr ${ $_[0] }, 0, 2, '' }

sub ajp_string {
    my ($packet) = @_;
    my $length = ajp_number($packet);
    return '' if $length == 0xffff;
    my $string = substr $$packet, 0, $length, '';
    substr $$packet, 0, 1, '';
    return $string;
}

sub ajp_request {
    my ($packet) = @_;
    my %vars = (METHOD => ord substr $$packet, 0, 1, '');
    $vars{$_} = ajp_string($packet)
        for qw(PROTOCOL REQUEST_URI REMOTE_ADDR REMOTE_HOST SERVER_NAME);
    $vars{SERVER_PORT} = ajp_number($packet);
    substr $$packet, 0, 1, '';
    my @headers;
    for (1 .. ajp_number($packet)) {
        my $code = unpack 'n', $$packet;
        my $name = ($code >> 8) == 0xa0
                 ? $AJP_HEADERS[ ajp_number($packet) & 255 ]
                 : ajp_string($packet);
        push @headers, [ $name, ajp_string($packet) ];
    }
    while ((my $code = ord substr $$packet, 0, 1, '') != 255) {
        my $name = $code == 10 ? ajp_string($packet) : $AJP_ATTRIBUTES[$code];
        $vars{$name} = $code == 11 ? ajp_number($packet) : ajp_string($packet);
    }
    return (\%vars, \@headers);
}

# With a length, the first piece comes by itself; all others are asked for.
sub ajp_body {
    my ($client, $is) = @_;
    my $left = $is->{'content-length'};
    return '' unless $left || ($is->{'transfer-encoding'} // '') =~ /chunked/i;
    my $body = '';
    my $ask = !$left;
    while (!defined $left || length $body < $left) {
        ajp_send($client, 6, pack 'n', 8186) if $ask;
        $ask = 1;
        my $packet = ajp_packet($client) // '';
        my $piece = length $packet ? unpack 'n/a', $packet : '';
        last unless length $piece;
        $body .= $piece;
    }
    return $body;
}
