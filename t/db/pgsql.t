# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# PostgreSQL through apr_dbd_pgsql.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::Postgres;
use APIKey::StoreTest;

APIKey::StoreTest->new(APIKey::Postgres->new)->run;
