# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# MariaDB's connections are killed, and the next statement uses a new one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use APIKey::HealTest;
use APIKey::MariaDB;

APIKey::HealTest->new(APIKey::MariaDB->new(name => "MariaDB, $_",
                                           odbc => $_ eq 'odbc'))->run
    for qw(mysql odbc);

done_testing;
