# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Rules that each file follows.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;
use APIKey::Guard qw(files slurp width lengths licence foreign binary);

my $code = qr/\.(?:c|h|pm|pl|t|PL)$|^t\/TEST$/;
my $text = qr/\.(?:c|h|pm|pl|t|cgi|in|ac|m4|conf|sql|sh|yml)$
             |^(?:t\/TEST|buildconf|build\/[\w-]+|\.ci\/run)$/x;

# Runs a check over the files that a pattern names.
sub all_of {
    my ($pattern, $check) = @_;
    my @files = files($pattern);
    return @files ? join("\n", map { $check->($_, slurp($_)) } @files)
                  : 'no such file';
}
is(all_of(qr/\.[ch]$/, \&width), '', 'C is 80 columns wide at most');
is(all_of(qr/$code/, \&lengths), '',
   'files have 600 lines at most, functions 60');
is(all_of(qr/$text/x, \&licence), '', 'each file has the licence line');
is(all_of(qr/^(?!LICENSE$)/, \&foreign), '',
   'no file names a path of a machine or a registry');
is(all_of(qr/./, \&binary), '', 'no file is binary');
like(slurp('LICENSE'), qr/Apache License\s+Version 2\.0, January 2004/,
     'LICENSE is the licence');

# Files that git tracks although .gitignore names them.
sub tracked { return files(qr/./, qw(--cached --ignored --exclude-standard)) }
is(join(' ', tracked()), '', 'no generated file is tracked');


# Each check fails where it must.
sub seen {
    my ($promise, @wrong) = @_;
    is(scalar @wrong, 1, "$promise is found") or diag(@wrong);
}
seen('a line of 81 columns', width('x.c', 'x' x 80 . "\n" . 'x' x 81 . "\n"));
seen('a tab beyond column 80', width('x.c', 'x' x 78 . "\tx\n"));
is(scalar(my @none = width('x.c', "\xc3\xa9" x 80)), 0,
   'UTF-8 characters count as one column');
seen('a long file', lengths('x.c', "x\n" x 601));
seen('a long function in C',
     lengths('x.c', "int x(void)\n{\n" . "    y();\n" x 59 . "}\n"));
seen('a long function in Perl',
     lengths('x.pm', "sub x {\n" . "    y();\n" x 59 . "}\n"));
is(scalar(@none = lengths('x.c', "int x(void)\n{\n" . "    y();\n" x 58
                                 . "}\n" . "\n" x 500)), 0, '60 are allowed');
seen('a missing licence', licence('x.c', "/* A file. */\n"));
seen('a licence too late', licence('x.c', "\n" . '/* Licensed under the Apache '
    . "License, Version 2.0; see LICENSE. */\n"));
for my $line ('see /' . 'home/me/x', '"/' . 'tmp/x"', 'cd /' . 'work/main') {
    seen("$line", foreign('x.c', "$line\n"));
}
seen('a registry', foreign('x', 'curl https://pypi' . ".org/x\n"));
is(scalar(@none = foreign('x', 'GET /app/home/x $dir/tmp/x /usr/bin/env')), 0,
   'a URL path or a system path is no path of a machine');
seen('a binary file', binary('x', "\x7fELF\0"));

# git is asked with the right options: a tree with one generated file.
my $tree = tempdir(CLEANUP => 1);
for my $file ('.gitignore', 'x.o', 'x.c') {
    open my $out, '>', "$tree/$file" or die "$file: $!\n";
    print $out "*.o\n";
    close $out;
}
system(qq(cd "$tree" && git init -q . && git add -f .)) == 0
    or die "git does not work here.\n";
{
    local $ENV{APIKEY_SOURCE} = $tree;
    is(join(' ', tracked()), 'x.o', 'a tracked object file is found');
}

done_testing;
