# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::HTTP;

# A client that sends exactly the bytes it is given and shows all of the
# response: LWP would correct both.
#
#   my $r = get('auth', '/x', "X-API-Key: $key");      a request, then close
#   my $r = request('auth', 'POST', '/x', ['A: b'], $body);
#   my $c = connection('auth');                        keep-alive; a port or
#                                                      ADDRESS:PORT, too
#   $c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
#   my $r = $c->response;                              $c->response('HEAD')
#   my $r = raw('auth', $bytes);                       whatever comes back
#
# A response: status, reason, version, headers ([[name, value], …] in their
# order), body; header_of($r, 'Vary') is the list of that field's values.

use strict;
use warnings;

use Exporter qw(import);
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);

our @EXPORT = qw(connection raw get request header_of);

# A response that has not come in this time never comes, however busy the
# machine.
my $PATIENCE = 120;

sub connection {
    my ($name) = @_;
    my ($address, $port) = $name =~ /^(?:([\d.]+):)?(\d+)$/;
    $address //= '127.0.0.1';
    $port //= APIKey::Test::port($name);
    my $socket = IO::Socket::INET->new(PeerAddr => "$address:$port",
                                       Timeout => $PATIENCE)
        or die "$address:$port: $@\n";
    $socket->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
    return bless { socket => $socket, got => '', port => $port }, __PACKAGE__;
}

sub send {
    my ($self, $bytes) = @_;
    # A server that refuses early closes while the client still writes.
    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        my $sent = syswrite $self->{socket}, $bytes or last;
        substr $bytes, 0, $sent, '';
    }
    return $self;
}

# Reads more bytes from the server; 0 at the end.
sub fill {
    my ($self) = @_;
    my $ready = '';
    vec($ready, fileno $self->{socket}, 1) = 1;
    select($ready, undef, undef, $PATIENCE)
        or die "No answer within $PATIENCE s; so far: $self->{got}\n";
    return sysread($self->{socket}, $self->{got}, 65536, length $self->{got})
        || 0;
}

sub line {
    my ($self) = @_;
    my $end;
    until (($end = index $self->{got}, "\n") >= 0) {
        $self->fill or return undef;
    }
    return substr($self->{got}, 0, $end + 1, '') =~ s/\r?\n\z//r;
}

sub bytes {
    my ($self, $length) = @_;
    while (length $self->{got} < $length) {
        $self->fill
            or die "The answer ends after " . length($self->{got})
                 . " of $length bytes.\n";
    }
    return substr $self->{got}, 0, $length, '';
}

sub rest {
    my ($self) = @_;
    1 while $self->fill;
    my $rest = $self->{got};
    $self->{got} = '';
    return $rest;
}

# The next response, or undef where the server has closed.
sub response {
    my ($self, $method) = @_;
    my ($version, $status, $reason);
    my @headers;
    do {
        my $line = $self->line // return undef;
        ($version, $status, $reason) = $line =~ m{^(HTTP/\d\.\d) (\d{3}) ?(.*)$}
            or die "Not a status line: $line\n";
        @headers = ();
        while (length(my $field = $self->line // die "Headers end early.\n")) {
            push @headers, [ $field =~ /^([^:\s]+):[ \t]*(.*?)[ \t]*$/ ];
        }
    } while ($status =~ /^1/);
    my $response = { status => $status, reason => $reason, body => '',
                     version => $version, headers => \@headers };
    return $response
        if ($method // '') eq 'HEAD' || $status =~ /^(?:204|304)$/;
    $response->{body} = $self->body($response);
    return $response;
}

sub body {
    my ($self, $response) = @_;
    my ($length) = header_of($response, 'Content-Length');
    return $self->bytes($length) if defined $length;
    return $self->rest
        unless grep { lc eq 'chunked' }
               header_of($response, 'Transfer-Encoding');
    my $body = '';
    while (my $size = hex $self->line) {
        $body .= $self->bytes($size);
        $self->line;
    }
    1 while length $self->line;
    return $body;
}

sub header_of {
    my ($response, $name) = @_;
    return map { $_->[1] } grep { lc $_->[0] eq lc $name }
           @{ $response->{headers} };
}

# Everything that comes back for these bytes, unparsed.
sub raw {
    my ($name, $bytes) = @_;
    my $connection = connection($name)->send($bytes);
    shutdown $connection->{socket}, 1;
    return $connection->rest;
}

sub request {
    my ($name, $method, $path, $headers, $body) = @_;
    my $connection = connection($name);
    my @headers = @{ $headers || [] };
    unshift @headers, "Host: 127.0.0.1:$connection->{port}"
        unless grep { /^Host:/i } @headers;
    push @headers, 'Content-Length: ' . length $body if defined $body;
    $connection->send(join "\r\n", "$method $path HTTP/1.1", @headers,
                      'Connection: close', '', $body // '');
    return $connection->response($method);
}

sub get {
    my ($name, $path, @headers) = @_;
    return request($name, 'GET', $path, \@headers);
}

1;
