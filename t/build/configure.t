# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# configure refuses a compiler without lock-free 8-byte atomics, and LibreSSL in
# place of OpenSSL; each time it says what to do.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use APIKey::Guard qw(source_root);

my $folder = tempdir(CLEANUP => 1);
chdir $folder or die "$folder: $!\n";
my $apxs = $ENV{APXS} || 'apxs';

sub configure {
    my (@with) = @_;
    delete local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL LD_PRELOAD CC)};
    my $command = join ' ', map { s/'/'\\''/gr =~ s/^|$/'/gr }
        source_root() . '/configure', "--with-apxs=$apxs", @with;
    my $said = `$command 2>&1 </dev/null`;
    return ($said, $? >> 8);
}

# gcc, except that it compiles configure's test of atomics for an i486. If gcc
# cannot do that here, the test fails as well.
my $compiler = "$folder/cc";
open my $out, '>', $compiler or die "$compiler: $!\n";
print $out <<'EOF_CC';
#!/bin/sh
case " $* " in
*' -c '*) grep -q __atomic conftest.c && set -- -m32 -march=i486 "$@" ;;
esac
exec gcc "$@"
EOF_CC
close $out;
chmod 0755, $compiler;

my ($said, $status) = configure("CC=$compiler");
isnt($status, 0, 'configure fails for a processor without 8-byte atomics');
like($said, qr/8 bytes are read and written at once\.\.\. no\n/,
     'the check of 8-byte atomics prints no for an i486');
like($said, qr/needs a lock to read\s+or write 8 bytes.*-march=i586/s,
     'the error about 8-byte atomics says to use -march=i586');
like($said, qr/OpenSSL 1\.1\.1 or later\.\.\. yes\n/,
     'the check of OpenSSL prints yes here');

($said, $status) = configure('CPPFLAGS=-DLIBRESSL_VERSION_NUMBER=0x4030000fL');
isnt($status, 0, 'configure fails for LibreSSL');
like($said, qr/OpenSSL 1\.1\.1 or later\.\.\. no\n/,
     'the check of OpenSSL prints no for LibreSSL');
like($said, qr/LibreSSL is no substitute/,
     'the error about OpenSSL names LibreSSL');

done_testing;
