# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# PostgreSQL and MariaDB fail under a running httpd that asks them through
# ODBC, whose drivers do not connect again by themselves.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::FaultTest;

for my $name (qw(odbc_pgsql odbc_mysql)) {
    # ODBC sets the environment for files of its own.
    local %ENV = %ENV;
    my $backend = backend($name);
    APIKey::FaultTest->new($backend, $_)->run for qw(own mod_dbd);
}

done_testing;
