# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# PostgreSQL's connections are killed, and the next statement uses a new one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use APIKey::HealTest;
use APIKey::Postgres;

APIKey::HealTest->new(APIKey::Postgres->new(through => $_))->run
    for qw(pgsql odbc);

done_testing;
