# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Edges;

# The edges of what a configuration guards: other spellings of a URL, and what
# an application might take each of them for.
#
#   for my $edge (edges('/api/orgs/globex', '/api/orgs/acme')) {
#       $edge->{target}, $edge->{version}, $edge->{host}
#   }
#   my @paths = readings('/x/..;/api%252forgs');
#   my $guard = decides(\@guards, 'GET', $path);
#
# A guard is { method => 'GET' or '*', path, may => { NAME => 1 } }; it holds
# for its path and for all below it, and the one with the longest path decides.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(edges readings decides);

# Characters that may stand for a slash or beside one.
my @SLASHES = ('//', '/./', '/%2e/', '%2f', '/%2F', '%252f', '%5c', '\\', '/x/../',
    '/x/..;/', '/x/..%5c', '/x%5c..%5c', '/x%2f..%2f', '/x/..%2f', '/x/..%252f',
    '/;/', ';/', ';x=y/', './', '%2e/', '%20/', '%00/', '%0a/');
# Paths from a place that is allowed to the one that is not.
my @BESIDE = ('/../', '/..;/', '/%2e%2e/', '/%2e%2e;/', '/..%2f', '%2f..%2f',
    '/%2e%2e%2f', '/..%252f', '/..%5c', '%5c..%5c', '\\..\\', '/x/../../',
    '/x/..;/..;/', '//..//', '/;x/..;/');
my @ENDS = ('', '/', '//', '/.', '.', '%2e', './', '/x/..', '/x/..;', ';', ';x',
    ';x/', '/;', '%00', '%00.x', '%20', '%0a', '%0d%0a', '%5c', '\\', '%2f',
    '%252f', '?', '?x', '%3f', '%3fx', '#x', '%23', '%', '%zz', '*', '~',
    '::$DATA', '.json', '/x.js', '/%2e%2e/x', '/x/..%5c');

sub edges {
    my ($path, @beside) = @_;
    my (undef, @names) = split m{/}, $path;
    my @found = map { "$path$_" } @ENDS;
    for my $i (0 .. $#names) {
        my $before = join '', map { "/$_" } @names[0 .. $i - 1];
        my $after = join '/', @names[$i .. $#names];
        push @found, map { "$before$_$after" } @SLASHES;
        push @found, map { join '/', '', @names[0 .. $i - 1], $_,
                                @names[$i + 1 .. $#names] }
                     spelled($names[$i]);
    }
    push @found, uc $path;
    for my $place (@beside) {
        my ($up, $common) = (0, $place);
        $up++ while $path !~ m{^\Q$common\E(?:/|$)} && $common =~ s{/[^/]*$}{};
        my $rest = substr $path, length($common) + 1;
        next unless $up;
        push @found, map { my $go = $_;
                           $place . join('', map { $go } 1 .. $up) . $rest }
                     @BESIDE;
    }
    my %once = map { $_ => 1 } @found;
    return (map({ { target => $_ } } grep { m{^[^ ]+$} } sort keys %once),
            otherwise($path));
}

# A name in other spellings.
sub spelled {
    my ($name) = @_;
    my $hex = sprintf '%%%02x', ord $name;
    my $rest = substr $name, 1;
    return (uc $name, "$hex$rest", $hex =~ s/%/%25/r . $rest,
            '%u00' . substr($hex, 1) . $rest);
}

# The same path in requests of another form.
sub otherwise {
    my ($path) = @_;
    return (
        { target => "http://HOST$path" },
        { target => "http://HOST:80$path", host => 'other.example' },
        { target => "HTTP://user\@HOST$path" },
        { target => "http://other.example$path" },
        { target => "http://HOST/$path" },
        { target => "https://HOST$path" },
        { target => $path, host => 'other.example' },
        { target => $path, host => 'HOST.' },
        { target => $path, version => '1.0', host => '' },
        { target => $path, version => '1.0' },
        { target => "http://HOST$path", version => '1.0', host => '' },
        { target => substr $path, 1 },
    );
}

# What an application may take a request's target for: decoded once or until
# nothing is left to decode, and with or without each habit of the manual's
# section "Paths", but that case is another matter.
sub readings {
    my ($target) = @_;
    my $path = $target =~ s{[?#].*}{}sr =~ s{^\w+://[^/]*}{}r;
    my %found;
    for my $habits (0 .. 31) {
        my $read = decoded($path, $habits & 1);
        $read =~ s/\0.*//s;
        $read =~ tr{\\}{/} if $habits & 2;
        $read =~ s{;[^/]*}{}g if $habits & 4;
        $read =~ s{/+}{/}g if $habits & 8;
        $read =~ s{(?<=[^./])[.\s]+(?=/|\z)}{}g if $habits & 16;
        $found{ resolved($read) } = 1;
    }
    return sort keys %found;
}

sub decoded {
    my ($path, $again) = @_;
    my $before;
    do {
        $before = $path;
        $path =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    } while $again && $path ne $before;
    return $path;
}

sub resolved {
    my ($path) = @_;
    my @names;
    for my $name (split m{/}, $path =~ s{^/}{}r, -1) {
        next if $name eq '.';
        if ($name eq '..') {
            pop @names;
            next;
        }
        push @names, $name;
    }
    return '/' . join '/', @names;
}

sub decides {
    my ($guards, $method, $path) = @_;
    my ($first) = sort { length $b->{path} <=> length $a->{path} }
        grep { ($_->{method} eq '*' || $_->{method} eq $method)
               && ($_->{path} eq '/' || $path =~ m{^\Q$_->{path}\E(?:/|\z)}) }
        @$guards;
    return $first;
}

1;
