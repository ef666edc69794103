# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Each message that an operator may act on has a number, is at one place in the
# sources, and has one entry in the manual.

use strict;
use warnings;

use Test::More;
use APIKey::Guard qw(files slurp messages);

my %sources = map { $_ => slurp($_) } files(qr{^(?:modules/.*|mod_apikey)\.c$});
my $manual = slurp('conf/manual/messages.md');
like(join('', values %sources), qr/"[^"\n]*APIKEY\d{4}/, 'there are messages');
is(join("\n", messages(\%sources, $manual)), '',
   'each number is once in the sources and once in the manual');

my %planted = (
    'used twice' => [ { a => '"APIKEY0001: x"', b => '"APIKEY0001: y"' },
                      "## APIKEY0001\n" ],
    'not documented' => [ { a => '"APIKEY0001: x"' }, "See APIKEY0001.\n" ],
    'left over' => [ { a => '' }, "## APIKEY0001\n" ],
    'documented twice' => [ { a => '"APIKEY0001: x"' },
                            "## APIKEY0001\n\n## APIKEY0001\n" ],
);
for my $fault (sort keys %planted) {
    is(scalar(my @wrong = messages(@{ $planted{$fault} })), 1,
       "a number that is $fault is found");
}
is(join('', messages({ a => '"APIKEY0001: x" /* APIKEY0002 */' },
                     "## APIKEY0001\n")), '',
   'a number in a comment is not counted');

done_testing;
