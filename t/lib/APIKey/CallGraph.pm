# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::CallGraph;

# Which source file calls which, read from the object files, and the faults in
# that: circles, and calls to a layer above the caller's. An edge is a symbol
# that one object needs and another one defines.

use strict;
use warnings;

use Exporter qw(import);
use File::Find qw(find);

our @EXPORT_OK = qw(calls circles);

# The objects below a build folder: { file => { needs => [], has => [] } },
# file without its ending. An object whose source is gone is ignored.
sub objects {
    my ($build, $root) = @_;
    my %object;
    find(sub {
        my ($file) = "$File::Find::dir/$_"
            =~ m{^\Q$build\E/(modules/.*?)/\.libs/} or return;
        my $name = /^(\w+)\.o$/ ? "$file/$1" : return;
        return unless -e "$root/$name.c" || -e "$build/$name.c";
        open my $nm, '-|', 'nm', $_ or die "nm: $!\n";
        while (<$nm>) {
            push @{ $object{$name}{has} }, $1 if /^\S+ [BDRTV] (\S+)/;
            push @{ $object{$name}{needs} }, $1 if /^\s+U (\S+)/;
        }
        close $nm or die "nm cannot read $File::Find::name.\n";
    }, "$build/modules");
    return \%object;
}

# { file => { other file => symbol } } of such objects, or of a build folder's,
# made from the sources in $root.
sub calls {
    my ($build, $root) = @_;
    my $object = ref $build ? $build : objects($build, $root);
    my (%in, %calls);
    for my $file (keys %$object) {
        $in{$_} = $file for @{ $object->{$file}{has} // [] };
    }
    for my $file (keys %$object) {
        for my $symbol (@{ $object->{$file}{needs} // [] }) {
            my $other = $in{$symbol};
            $calls{$file}{$other} = $symbol
                if defined $other && $other ne $file;
        }
    }
    return \%calls;
}

# A sentence for each circle: "a -> b (symbol) -> a".  Each file is visited
# once; a file that is reached again while it is still on the way closes one.
sub circles {
    my ($calls) = @_;
    my (%done, @found);
    my $visit;
    $visit = sub {
        my ($file, @way) = @_;
        if (my ($at) = grep { $way[$_] eq $file } 0 .. $#way) {
            my @circle = (@way[$at .. $#way], $file);
            push @found, join ' -> ', map {
                $_ == $#circle ? $circle[$_]
                : "$circle[$_] ($calls->{$circle[$_]}{$circle[$_ + 1]})"
            } 0 .. $#circle;
            return;
        }
        return if $done{$file}++;
        $visit->($_, @way, $file) for sort keys %{ $calls->{$file} // {} };
    };
    $visit->($_) for sort keys %$calls;
    return sort @found;
}

1;
