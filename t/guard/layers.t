# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Includes point one way, and core, store and cli include nothing of httpd's.

use strict;
use warnings;

use Test::More;
use APIKey::Guard qw(files slurp includes);

my @files = files(qr{^modules/.*\.[ch]$});
cmp_ok(scalar @files, '>', 20, 'there are sources to read');
is(join("\n", map { includes($_, slurp($_)) } @files), '',
   'each layer includes only those below it');

my %planted = (
    'modules/core/x.c'    => '#include <httpd.h>',
    'modules/core/y.c'    => '#include "../store/store.h"',
    'modules/store/x.c'   => "# include\t<mod_dbd.h>",
    'modules/store/y.h'   => '#include "../config/config.h"',
    'modules/store/z.c'   => '#include <apache2/httpd.h>',
    'modules/cli/x.c'     => '#include "http_log.h"',
    'modules/cli/y.c'     => '#include "../auth/authn.h"',
    'modules/config/x.c'  => '#include "../store/store.h"',
    'modules/respond/x.c' => '#include "../auth/authn.h"',
    'modules/request/x.c' => '#include "../respond/refuse.h"',
    'modules/auth/x.c'    => '#include "../cli/cli.h"',
    'modules/auth/y.c'    => '#include "../../mod_apikey.h"',
    'modules/new/x.c'     => '',
);
for my $file (sort keys %planted) {
    is(scalar(my @wrong = includes($file, "$planted{$file}\n")), 1,
       "refused: $file with $planted{$file}");
}
is(join('',
        includes('modules/auth/x.c', <<'EOT')), '', 'lower layers are allowed');
#include <httpd.h>
#include "../store/store.h"
#include "authz.h"
EOT
is(join('', includes('modules/store/x.c', "#include <apr_dbd.h>\n")), '',
   'APR is allowed to the store');

done_testing;
