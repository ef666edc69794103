# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The module exports its own symbol and no other, so that no symbol is confused
# with one of httpd's or of another module.

use strict;
use warnings;

use Test::More;
use APIKey::Guard qw(exports);

my $module = "$ENV{APIKEY_BUILD}/.libs/mod_apikey.so";
ok(-e $module, 'the module was built');
my $nm = `nm -D --defined-only '$module'`;
is($?, 0, 'nm has read the module');
is(join("\n", exports($nm)), '', 'the module exports apikey_module alone');

is(join('', exports("0001 D apikey_module\n0002 T apikey_key_make\n")),
   'apikey_key_make is exported', 'a second symbol is found');
is(join('', exports("0002 T apikey_key_make\n")),
   'apikey_module is not exported', 'a missing symbol is found');

done_testing;
