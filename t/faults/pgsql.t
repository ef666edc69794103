# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# PostgreSQL fails under a running httpd.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::FaultTest;

my $backend = backend('pgsql');
APIKey::FaultTest->new($backend, $_)->run for qw(own mod_dbd);

done_testing;
