# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# conf/manual/design.md, "The files", has a row for each source file of the
# module and of htapikey in the table of its folder, one each, and no row of a
# file that is not there.

use strict;
use warnings;

use Test::More;
use APIKey::Guard qw(files slurp);

# { folder => [files] } of the tables below "### modules/FOLDER".
sub tables {
    my ($page) = @_;
    my ($section) = $page =~ /^## The files\n(.*?)(?=^## |\z)/ms or return {};
    my %table;
    while ($section =~ /^### `modules\/(\w+)`\n(.*?)(?=^### |\z)/msg) {
        my ($folder, $text) = ($1, $2);
        my @cells = map { /^\| ([^|]+) \|/ ? $1 : () } split /\n/, $text;
        $table{$folder} = [ map { /`(\w+)`/g } @cells ];
    }
    return \%table;
}

# The source files, without their endings; a private header has a name of its
# own.
sub sources {
    my %there;
    for my $file (files(qr{^modules/\w+/\w+\.[ch]$})) {
        my ($folder, $name) = $file =~ m{^modules/(\w+)/(\w+)\.};
        $there{$folder}{$name} = 1;
    }
    return \%there;
}

sub compare {
    my ($table, $there) = @_;
    my @wrong;
    for my $folder (sort keys %{ { %$table, %$there } }) {
        my %named;
        $named{$_}++ for @{ $table->{$folder} // [] };
        push @wrong, map { "modules/$folder/$_ has no row" }
            grep { !$named{$_} } sort keys %{ $there->{$folder} // {} };
        push @wrong, map { "modules/$folder/$_ is not there" }
            grep { !$there->{$folder}{$_} } sort keys %named;
        push @wrong, map { "modules/$folder/$_ has $named{$_} rows" }
            grep { $named{$_} > 1 } sort keys %named;
    }
    return @wrong;
}

my $table = tables(slurp('conf/manual/design.md'));
cmp_ok(scalar keys %$table, '>=', 10, 'there are tables to read');
is(join("\n", compare($table, sources())), '',
   'each file has a row in the table of its folder');

my $planted = tables(<<'EOF_PAGE');
## The files

### `modules/core`

| file | |
|---|---|
| `key` | a key |
| `key`, `gone` | twice, and one that is not there |

## Another
EOF_PAGE
is_deeply([ compare($planted, { core => { key => 1, text => 1 } }) ],
          [ 'modules/core/text has no row', 'modules/core/gone is not there',
            'modules/core/key has 2 rows' ],
          'a file without a row, a row without a file and a second row are '
          . 'found');

done_testing;
