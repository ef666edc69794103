# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# --httpd of htapikey explain and doctor: whatever stands in httpd's
# configuration, the reading of it ends, with a sentence where it must.

use strict;
use warnings;

use POSIX ();
use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my $folder = $cli->{folder};
my $id = $cli->create->{id};

sub file {
    my ($name, $text) = @_;
    $cli->{$name} = "$folder/$name";
    $cli->write($name => $text);
    return $cli->{$name};
}

sub explained {
    my ($path, $option) = @_;
    return $cli->run('explain', $id, '--httpd', $path, '--url', '/api',
                     $option // {});
}

# What httpd would not start with, or nobody has: exit status 2.
file('close.inc', "</Location>\n");
file('mib.inc', '#' x (1024 * 1024 - 1) . "\n");
my $n = 10_000;
my %refused = (
    'a NUL'            => [ "DBDMax 4\n\0\n", qr/no text file/ ],
    'more than 1 MiB'  => [ '#' x (1024 * 1024 + 1), qr/at most 1 MiB/ ],
    'itself'           => [ "Include refused.conf\n", qr/50 files include/ ],
    'itself twice'     => [ "IncludeOptional ref*.conf\n" x 2, qr/50 files/ ],
    'very many'        => [ "Include mib.inc\n" x 129, qr/than 128 MiB/ ],
    'a value doubled'  => [ "Define a xxxxxxxx\n"
                            . "Define a \${a}\${a}\n" x 60, qr/:2\d: .*than 128 MiB/ ],
    'deep sections'    => [ "<A>\n" x $n . "</A>\n" x $n, qr/:101: .*100 s/ ],
    'deep conditions'  => [ "<IfFile />\n" x $n . "</IfFile>\n" x $n,
                            qr/:101: .*100 sect/ ],
    'no end'           => [ "\n<Location /x>\n", qr/:2: <Location> has no e/ ],
    'no end of what does not hold' =>
        [ "\n<IfDefine X>\n", qr/:2: <IfDefine> has no end/ ],
    'no end of a macro'  => [ "<Macro X>\n", qr/:1: <Macro> has no end/ ],
    'no beginning'       => [ "\n</IfDefine>\n", qr/:2: .* has not begun/ ],
    'another end'        => [ "<Location /x>\n\n</Directory>\n",
                              qr{:3: </Dir\w+> does not end .*<Location> .*:1$} ],
    'an end in another file' => [ "<Location /x>\nInclude close.inc\n",
                                  qr/close\.inc:1: .* has not begun/ ],
    'no path'            => [ "Include\n", qr/:1: Include wants a path/ ],
    'an empty path'      => [ "IncludeOptional \"\"\n", qr/wants a path/ ],
    'nothing but angles' => [ "<\n<>\n< >\n</\n", qr/refused\.conf:\d: / ],
);
for my $what (sort keys %refused) {
    my ($text, $like) = @{ $refused{$what} };
    my $done = explained(file('refused.conf', $text));
    is("$done->{exit} $done->{signal}", '2 0', "$what: refused");
    like($done->{err}, qr/\Ahtapikey: .*$like/m, 'with a sentence');
}
POSIX::mkfifo("$folder/pipe", 0600) or die "mkfifo: $!\n";
for my $path ("$folder/pipe", $folder) {
    my $done = explained($path);
    is("$done->{exit} $done->{signal}", '2 0', 'no file: refused');
    like($done->{err}, qr/: the configuration \Q$path\E is no file/, 'says so');
}

# What is odd, and read.
my $area = "<Location /api>\nAuthType ApiKey\nRequire apikey-tenant acme\n"
         . "</Location>\n";
my %read = (
    'lines that go on'   => "Foo \\\n" . "\\\n" x 100_000 . "\n$area",
    'a line of 1 MiB'    => 'Foo ' . 'x' x (1024 * 1024 - 200) . "\n$area",
    'very many words'    => 'ServerAlias ' . 'a ' x 500_000 . "\n$area",
    'very many values'   => "Define a x\nFoo " . '${a}' x 20_000 . "\n$area",
    'values without end' => 'Foo ' . '${' x 20_000 . "\n$area",
    'CR and LF'          => $area =~ s/\n/\r\n/gr,
    'a quote without end' => "Foo \"x\n$area",
    'no line at the end' => $area =~ s/\n\z//r,
    'a null device'      => "Include /dev/null\n$area",
    'macros'             => "<Macro Log \$x>\nErrorLog \$x\n</Macro>\n"
                          . "Use log x\n$area",
    'passed over'        => "<IfFile /none/there>\n" . "<A>\n" x $n
                          . "</A>\n" x $n . "</IfFile>\n$area",
    'values of the environment' => $area =~ s/acme/\${APIKEY_T}/r,
);
for my $what (sort keys %read) {
    my $done = explained(file('read.conf', $read{$what}),
                       { env => { APIKEY_T => 'acme' } });
    is("$done->{exit} $done->{signal}", '0 0', "$what: read")
        or diag $done->{err}, $done->{out};
    like($done->{out}, qr/^result +granted$/m, 'to its end');
}

# What cannot be known is no grant.
my %unknown = (
    'a value of nowhere'   => [ $area =~ s/acme/\${APIKEY_T}/r,
                                qr/:3: what \$\{APIKEY_T\} is: / ],
    'a file that is none'  => [ "$area\nInclude pipe\n", qr/pipe is no file/ ],
    'a macro that may matter' => [ "<Macro Own \$x>\nRequire \$x\n</Macro>\n"
                                . $area . "Use Own x\n",
                                qr/:8: what the macro Own writes/ ],
    'groups in one another' => [ "<LocationMatch \"" . '(' x 200_000 . 'a'
                                 . ')' x 200_000 . "\">\nRequire ip ::1\n"
                                 . "</LocationMatch>\n$area", qr/whether "\(/ ],
    'repeats in one another' => [ '<LocationMatch "(((x{1,255}){1,255}){255,})'
                                  . "{1,9}\">\nRequire ip ::1\n"
                                . "</LocationMatch>\n$area", qr/whether "\(/ ],
);
for my $what (sort keys %unknown) {
    my ($text, $like) = @{ $unknown{$what} };
    my $done = explained(file('unknown.conf', $text));
    is("$done->{exit} $done->{signal}", '1 0', "$what: read");
    like($done->{out}, qr/^result +unknown$/m, 'but not known');
    like($done->{out}, qr/^not known +.*$like/m, 'and why');
}

done_testing;
