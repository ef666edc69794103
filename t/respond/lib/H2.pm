# Licensed under the Apache License, Version 2.0; see LICENSE.
package H2;

# An HTTP/2 client for requests that curl cannot send: any header name,
# trailers, several requests per connection.  Names and values are sent as
# literals; only the body of a response is read.
#
#   my $c = H2->new($port);
#   my $body = $c->ask([ ':method' => 'GET', ':path' => '/', … ], $data, $last);
#
# $last: the trailers, [name, value, …].  The result is undef if the server
# refused the stream.

use strict;
use warnings;

use IO::Socket::INET;

my ($DATA, $HEADERS, $RESET, $SETTINGS, $GOAWAY, $MORE) = (0, 1, 3, 4, 7, 9);
my ($END_STREAM, $ACK, $END_HEADERS) = (1, 1, 4);

sub new {
    my ($class, $port) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port",
                                       Timeout => 120)
        or die "127.0.0.1:$port: $@\n";
    my $self = bless { socket => $socket, stream => -1 }, $class;
    print $socket "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    return $self->frame($SETTINGS, 0, 0, '');
}

sub frame {
    my ($self, $type, $flags, $stream, $payload) = @_;
    local $SIG{PIPE} = 'IGNORE';
    syswrite $self->{socket}, substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
    return $self;
}

# A string of HPACK, not compressed.
sub string {
    my ($text) = @_;
    my $rest = length($text) - 127;
    return chr(length $text) . $text if $rest < 0;
    my $length = chr 127;
    while ($rest >= 128) {
        $length .= chr($rest % 128 + 128);
        $rest >>= 7;
    }
    return $length . chr($rest) . $text;
}

sub fields {
    my ($self, $flags, @fields) = @_;
    my $block = '';
    $block .= "\0" . string(shift @fields) . string(shift @fields)
        while @fields;
    my $type = $HEADERS;
    do {
        my $part = substr $block, 0, 16_000, '';
        $self->frame($type, $flags | (length $block ? 0 : $END_HEADERS),
                     $self->{stream}, $part);
        ($type, $flags) = ($MORE, 0);
    } while length $block;
}

sub bytes {
    my ($self, $length) = @_;
    my $got = '';
    while (length $got < $length) {
        my $ready = '';
        vec($ready, fileno $self->{socket}, 1) = 1;
        select($ready, undef, undef, 30) or die "No answer within 30 s.\n";
        sysread $self->{socket}, $got, $length - length $got, length $got
            or return undef;
    }
    return $got;
}

sub ask {
    my ($self, $fields, $data, $trailers) = @_;
    $self->{stream} += 2;
    $self->fields(defined $data ? 0 : $END_STREAM, @$fields);
    if (defined $data) {
        $self->frame($DATA, $trailers ? 0 : $END_STREAM, $self->{stream},
                     $data);
        $self->fields($END_STREAM, @$trailers) if $trailers;
    }
    my $body = '';
    while (defined(my $head = $self->bytes(9))) {
        my ($length, $type, $flags, $stream) =
            unpack 'NCCN', "\0$head";
        my $payload = $length ? $self->bytes($length) // return undef : '';
        $self->frame($SETTINGS, $ACK, 0, '')
            if $type == $SETTINGS && !($flags & $ACK);
        return undef if $type == $RESET || $type == $GOAWAY;
        next if $stream != $self->{stream};
        $body .= $payload if $type == $DATA;
        return $body if ($type == $DATA || $type == $HEADERS)
            && $flags & $END_STREAM;
    }
    return undef;
}

1;
