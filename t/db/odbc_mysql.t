# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# MariaDB through apr_dbd_odbc, unixODBC and MariaDB's ODBC driver.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::MariaDB;
use APIKey::StoreTest;

APIKey::StoreTest->new(APIKey::MariaDB->new(name => 'MariaDB through ODBC',
                                            odbc => 1))->run;
