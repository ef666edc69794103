# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# PostgreSQL and MariaDB fail under a running httpd that asks them through
# ODBC.  With connections of the module's own: mod_dbd gives none where ODBC's
# driver has found out that one is dead, so a request fails for each of those.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::FaultTest;

for my $name (qw(odbc_pgsql odbc_mysql)) {
    # Files of its own for the driver manager.
    local %ENV = %ENV;
    my $backend = backend($name);
    APIKey::FaultTest->new($backend, 'own')->run;
}

done_testing;
