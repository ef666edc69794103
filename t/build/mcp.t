# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# build/test installs a client of the Model Context Protocol, once; where npm
# fails or gets no answer it ends with one sentence.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use APIKey::Guard qw(slurp source_root);

my $folder = tempdir(CLEANUP => 1);
mkdir "$folder/bin";
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};

# What a program instead of npm's does; our function's output and exit status.
sub install {
    my ($npm, %with) = @_;
    my $file = "$folder/bin/npm";
    open my $out, '>', $file or die "$file: $!\n";
    print $out "#!/bin/sh\necho \"\$*\" >>'$folder/asked'\n"
        . "test \$1 = install && to=\$3/node_modules/\@modelcontextprotocol/sdk\n"
        . "$npm\n";
    close $out;
    chmod 0755, $file;
    local $ENV{MCP_SECONDS} = $with{seconds} // 60;
    my $said = `cd '@{[ source_root() ]}' && PATH='$folder/bin:$ENV{PATH}' \\
        bash -euc '. build/common.sh; need_mcp_client "$folder/mcp"' \\
        2>&1 </dev/null`;
    return ($said, $? >> 8);
}

sub asked { return scalar(() = slurp_own('asked') =~ /^install /mg) }

sub slurp_own {
    my ($name) = @_;
    open my $in, '<', "$folder/$name" or return '';
    local $/;
    return scalar <$in>;
}

my $begun = 'mkdir -p "$to/.."; echo begun';
my $sentence = qr/\AInstalling \S+\n\w+: npm could not install \N+reached\.\n\z/;
my ($said, $status) = install("$begun; exit 1");
is($status, 1, 'npm that fails is an error');
like($said, $sentence, '... of one sentence');
is(slurp_own('mcp.log'), "begun\n", 'which names the file of what npm said');
($said, $status) = install("$begun; mkdir \$to; echo \$\$ "
    . ">'$folder/pid'; exec sleep 600", seconds => 1);
is($status, 1, 'npm that does not end is ended');
like($said, $sentence, '... with the same sentence');
ok(slurp_own('pid') > 1 && !kill(0, slurp_own('pid')), 'and does not run on');
($said, $status) = install('mkdir -p $to');
is("$status $said", "0 Installing \@modelcontextprotocol/sdk\@1.32.2\n",
   'what was begun is begun again');
is(asked(), 3, '... by npm');
($said, $status) = install('exit 1');
is("$status $said", '0 ', 'what is there is not installed again');
is(asked(), 3, '... nor is npm asked');

# build/test says it before it builds and tests anything.
like(slurp('build/test'),
     qr/^need_mcp_client _build\/mcp\n.*^build_into _build /ms,
     'build/test asks for it first');
is(slurp('build/test') =~ /\bnpm (?:install|ci)\b/, '', 'in this way alone');
done_testing;
