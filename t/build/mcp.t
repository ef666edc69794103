# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# need_mcp_client of build/common.sh, which build/test calls, installs a client
# of the Model Context Protocol by npm, unless it is there. If npm fails or does
# not end in time, it prints one sentence and fails.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use APIKey::Guard qw(slurp source_root);

my $folder = tempdir(CLEANUP => 1);
mkdir "$folder/bin";
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};

# Runs need_mcp_client with a shell script in place of npm; returns its output
# and exit status.
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

# How often npm was asked to install.
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
is($status, 1, 'exit status 1 if npm fails');
like($said, $sentence, 'one sentence is printed if npm fails');
is(slurp_own('mcp.log'), "begun\n", 'the output of npm is in mcp.log');
($said, $status) = install("$begun; mkdir \$to; echo \$\$ "
    . ">'$folder/pid'; exec sleep 600", seconds => 1);
is($status, 1, 'exit status 1 if npm does not end in time');
like($said, $sentence, 'the same sentence is printed if npm does not end');
ok(slurp_own('pid') > 1 && !kill(0, slurp_own('pid')),
   'npm that does not end in time is killed');
($said, $status) = install('mkdir -p $to');
is("$status $said", "0 Installing \@modelcontextprotocol/sdk\@1.32.2\n",
   'npm installs again after two installations that were not finished');
is(asked(), 3, 'npm was asked to install three times');
($said, $status) = install('exit 1');
is("$status $said", '0 ', 'nothing is printed if the client is installed');
is(asked(), 3, 'npm is not asked to install if the client is installed');

# build/test calls it before it builds and tests anything.
like(slurp('build/test'),
     qr/^need_mcp_client _build\/mcp\n.*^build_into _build /ms,
     'build/test calls need_mcp_client before build_into');
is(slurp('build/test') =~ /\bnpm (?:install|ci)\b/, '',
   'build/test does not call npm itself');
done_testing;
