# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Batches of uses on each database: the program of t/unit.

use APIKey::Test;
use APIKey::Backends qw(backend backend_names);

# DRIVER and PARAMS of the lines of a configuration.
sub arguments {
    return map { /^DBD(?:Driver|Params) (.*)/
                     ? $1 =~ s/^"(.*)"$/$1/r : () } @_;
}

for my $name (backend_names()) {
    local %ENV = %ENV;
    my $backend = backend($name);
    subtest $name => sub {
        my @arguments = arguments($backend->fresh);
        open my $out, '-|', "$ENV{APIKEY_BUILD}/t/unit/store_usage",
            @arguments or die "store_usage: $!\n";
        my @said = readline $out;
        ok(close $out, 'the program is content');
        my @bad = grep { !/^(?:ok|1\.\.)/ } @said;
        is(join('', @bad), '', 'with each of its checks');
        cmp_ok(scalar @said, '>', 15, 'of which there are many');
    };
}

done_testing;
