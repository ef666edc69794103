# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Batches of uses on each database: the program of t/unit.

use APIKey::Test;
use APIKey::Backends qw(backend backend_names unit_program);

for my $name (backend_names()) {
    local %ENV = %ENV;
    my $backend = backend($name);
    subtest $name => sub { unit_program($backend, 'store_usage', 30) };
}

done_testing;
