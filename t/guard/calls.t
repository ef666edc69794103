# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# What the objects call and what the headers include: no circle between files,
# and no call to a layer above the caller's. The module's and htapikey's
# objects are read as they were linked, so that a declaration by hand does not
# escape, as it would t/guard/layers.t, which reads the includes.

use strict;
use warnings;

use Test::More;
use APIKey::CallGraph qw(calls circles);
use APIKey::Guard qw(files may_know slurp source_root);

my $calls = calls($ENV{APIKEY_BUILD}, source_root());
cmp_ok(scalar keys %$calls, '>', 50, 'there are objects to read');
is(join("\n", circles($calls)), '', 'no file calls itself through others');

sub upwards {
    my ($calls) = @_;
    my @wrong;
    for my $file (sort keys %$calls) {
        for my $other (sort keys %{ $calls->{$file} }) {
            push @wrong, "$file calls $calls->{$file}{$other} in $other"
                unless may_know($file, $other);
        }
    }
    return @wrong;
}
is(join("\n", upwards($calls)), '', 'no layer calls a layer above it');

# Which header includes which: { file => { other => 'includes' } }.
sub included {
    my (%text) = @_;
    my %graph;
    for my $file (keys %text) {
        my $folder = $file =~ s{/[^/]*$}{}r;
        while ($text{$file} =~ /^#include "([^"]+)"/mg) {
            my $other = "$folder/$1";
            1 while $other =~ s{/[^/.][^/]*/\.\./}{/};
            $graph{$file}{$other} = 'includes';
        }
    }
    return \%graph;
}
my %headers = map { $_ => slurp($_) } files(qr{^modules/.*\.h$});
is(join("\n", circles(included(%headers))), '',
   'no header includes itself through others');
is_deeply([ circles(included('modules/a/x.h' => qq(#include "../b/y.h"\n),
                             'modules/b/y.h' => qq(#include "../a/x.h"\n))) ],
          ['modules/a/x.h (includes) -> modules/b/y.h (includes) -> '
           . 'modules/a/x.h'], 'a planted circle of headers is found');

my %planted = map { $_->[0] => { has => [$_->[1]], needs => [$_->[2]] } }
    [ 'modules/core/a', 'apikey_a', 'apikey_b' ],
    [ 'modules/core/b', 'apikey_b', 'apikey_c' ],
    [ 'modules/store/c', 'apikey_c', 'apikey_a' ];
is_deeply([ circles(calls(\%planted)) ],
          [ 'modules/core/a (apikey_b) -> modules/core/b (apikey_c) -> '
            . 'modules/store/c (apikey_a) -> modules/core/a' ],
          'a planted circle is found');
is_deeply([ upwards(calls(\%planted)) ],
          ['modules/core/b calls apikey_c in modules/store/c'],
          'a planted call upwards is found');

done_testing;
