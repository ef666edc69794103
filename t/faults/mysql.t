# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# MariaDB fails under a running httpd.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::FaultTest;

my $backend = backend('mysql');
APIKey::FaultTest->new($backend, $_)->run for qw(own mod_dbd);

done_testing;
