# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# SQLite through apr_dbd_odbc, unixODBC and SQLite's ODBC driver.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::SQLite;
use APIKey::StoreTest;

APIKey::StoreTest->new(APIKey::SQLite->new(name => 'SQLite through ODBC',
                                           odbc => 1))->run;
