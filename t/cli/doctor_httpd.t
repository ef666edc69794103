# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey doctor --httpd: httpd's threads and mod_dbd's pool, wherever in
# httpd's configuration they are written.

use strict;
use warnings;

use POSIX ();
use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my $folder = $cli->{folder};
$cli->{$_} = "$folder/$_" for qw(httpd.conf more.conf own.conf);
my $httpd = $cli->{'httpd.conf'};

# The findings on httpd's configuration alone, in order.
sub doctor {
    my ($text) = @_;
    $cli->write('httpd.conf' => $text) if defined $text;
    my $done = $cli->run('doctor', '--httpd', $httpd);
    return { exit => $done->{exit}, said => [
        map { s/^(\w+) +(\w+) +/$1 $2: /r }
        grep { /^\w+ +(?:httpd|pool) / } split /\n/, $done->{out} ] };
}

# What it says of DBDMax and of all connections.
my @cases = (
    [ '', ok => qr/\b10 conn.*no DBDMax is written\) .* the 8 /, 160 ],
    [ "DBDMax 7\n", warn => qr/up to 8 conn.* has 7 .*:1\).*DBDMax 8/, 112 ],
    [ "DBDMax 8\n", ok => qr/\b8 conn.* the 8 /, 128 ],
    [ "dbdmax 64\nThreadsPerChild 64\nMaxRequestWorkers 256\n",
      ok => qr/\b64 conn.* the 8 /, 256 ],
    [ "# DBDMax 64\n  DBDMax \"3\"\n<IfModule mpm_event_module>\n"
      . "ThreadsPerChild 4\n</IfModule>\nMaxClients 20\n",
      warn => qr/up to 4 conn.* has 3 .*\Q$httpd\E:2\)/, 15 ],
    [ "DBDMax 5\nDBDMax 30\nServerLimit 3\n", ok => qr/\b30 conn.*:2\)/, 90 ],
    [ "<VirtualHost *>\nDBDMax \\\n4\n</VirtualHost>\nServerLimit 1\n",
      warn => qr/up to 8 conn.* has 4 .*:2\)/, 4 ],
    [ "LoadModule mpm_prefork_module x.so\n", ok => qr/\b10 conn.* the 1 /,
      2560 ],
    [ "LoadModule mpm_prefork_module x.so\nThreadsPerChild 25\n"
      . "MaxRequestWorkers 150\n", ok => qr/\b10 conn.* the 1 /, 1500 ],
);
for my $case (@cases) {
    my ($text, $level, $like, $all) = @$case;
    my $done = doctor($text);
    is(scalar @{ $done->{said} }, 2, "two findings: $text")
        or diag "@{ $done->{said} }";
    like($done->{said}[0], qr/^$level pool: .*$like/, 'with both numbers');
    like($done->{said}[1], qr/open at most $all connections/, 'and all of them');
    is($done->{exit}, 0, 'which is no failure');
}

# The file that holds a line is the one that is named.
$cli->write('more.conf' => "DBDMax 25\n\nDBDParams keys.db\n"
            . "<IfDefine SLOW>\nDBDMax 1\n</IfDefine>\n"
            . "<IfDefine FAST>\nUser x\n</IfDefine>\n");
$cli->write('own.conf' => "ThreadsPerChild 5\n"
            . "DBDParams \"dbname=x user=y\"\nDBDParams /keys.db\n"
            . "DBDParams file:/keys.db\nDBDParams own.db\n");
my $more = qr/^warn httpd: \Q$cli->{'more.conf'}\E/;
my $own = qr/^warn httpd: \Q$cli->{'own.conf'}\E/;
my ($up, $name) = $folder =~ m{^(.*)/([^/]+)$};
for my $include ("Include more.conf\nInclude \"$folder/ow?.conf\"\n",
                 "ServerRoot $up\nDefine at mor\nInclude $name/\${at}e.conf\n"
                 . "<VirtualHost *>\nIncludeOptional $name/own.conf\n"
                 . "IncludeOptional none.conf\n</VirtualHost>\n") {
    my $said = doctor($include)->{said};
    is(scalar @$said, 5, "five findings: $include") or diag "@$said";
    like($said->[0], qr/$more:3: The path keys\.db/, 'a relative path');
    like($said->[1], qr/$more:4: .* not known .*-D SLOW/, 'what -D may change');
    like($said->[2], qr/$own:5: The path own\.db/, 'another relative path');
    like($said->[3], qr/^ok pool: 25 .*more\.conf:1\) .* the 5 /, 'the pool');
    like($said->[4], qr/^ok pool: 16 .* most 400 /, 'and all of them');
}

# What cannot be read: which file, why, and what to do; the rest still counts.
symlink 'loop.conf', "$folder/loop.conf" or die "symlink: $!\n";
mkdir "$folder/folder" or die "mkdir: $!\n";
POSIX::mkfifo("$folder/folder/pipe", 0600) or die "mkfifo: $!\n";
for my $case (
    [ 'Include loop.conf', qr/loop\.conf cannot be read: Too many.* not start / ],
    [ 'IncludeOptional lo*.conf', qr/loop\.conf cannot be read: Too many/ ],
    [ 'Include none.conf', qr/none\.conf cannot be read: No such.* not start / ],
    [ 'Include none/*.conf', qr{there is no \S+/none/\*\.conf; .* not start } ],
    [ 'Include folder', qr/pipe is no file, .* does not read it/ ],
    [ 'Include ${NONE}/x', qr/what \$\{NONE\} is.*envvars/ ],
    [ 'Use Hosts', qr/what the macro Hosts writes/ ],
    [ 'DBDMax ${NONE}', qr/what \$\{NONE\} is/ ],
    [ '<IfModule !y.c>', qr/whether y\.c is built in/, "\n</IfModule>" ],
) {
    my ($line, $like, $end) = @$case;
    my $done = doctor("DBDMax 9\n$line\nServerLimit 2\nDBDMax 11"
                      . ($end // '') . "\n");
    is(scalar @{ $done->{said} }, 3, "$line: one more")
        or diag "@{ $done->{said} }";
    like($done->{said}[0], qr/^warn httpd: \Q$httpd\E:2: .*$like/, 'says so');
    like($done->{said}[1], qr/^ok pool: 11 /, 'the rest is read');
    is($done->{exit}, 0, 'which is no failure');
}
my $mpm = doctor("LoadModule mpm_worker_module x.so\n<IfModule "
                 . "mpm_event_module>\nDBDMax 1\n</IfModule>\n")->{said};
like($mpm->[0], qr/:2: .* whether mpm_event_module is built/, 'another MPM');
like($mpm->[1], qr/^ok pool: 10 /, 'has lines of its own');
$cli->write('more.conf' => "DBDMax 9\n");
$cli->write('httpd.conf' => "Include more.conf\nDBDMax 11\n");
chmod 0, $cli->{'more.conf'};
chmod 0755, $folder;
chmod 0644, $cli->{conf};
my $reader = open(my $said, '-|') // die "fork: $!\n";
if (!$reader) {
    # root may read all, who has no need of this.
    $> != 0 || POSIX::setuid(65534) || POSIX::_exit(126);
    exec APIKey::CLI::program(), '-f', $cli->{conf}, 'doctor', '--httpd',
        $httpd or POSIX::_exit(127);
}
my $text = join '', readline $said;
close $said;
like($text, qr/^warn +httpd +\Q$httpd\E:1: .*more\.conf cannot be read: /m,
     'a file of others');
like($text, qr/Permission denied; run htapikey as one who may/, 'and why');
like($text, qr/^ok    pool +11 /m, 'the rest is read');
my $none = $cli->run('doctor', '--httpd', "$folder/none.conf");
like($none->{out}, qr/^fail +httpd .*none\.conf cannot be read: No such .*httpd -V/m, 'no such file');
is($none->{exit}, 1, 'is a failure');
chmod 0600, $cli->{'more.conf'};
is_deeply(doctor("Include more.conf\n</If>\n"),
          { exit => 1, said => [ "fail httpd: $httpd:2: </If> ends what has "
                                 . 'not begun' ] }, 'a file httpd refuses');

done_testing;
