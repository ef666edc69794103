# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# configure refuses a machine on which what was built would go wrong at run
# time.  (This one it has accepted, or there were nothing to test.)

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

# A compiler that is one for an i486 where it is asked about atomics; where
# there is no such compiler, it fails just there.
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
isnt($status, 0, 'a processor that cannot read 8 bytes at once is refused');
like($said, qr/8 bytes are read and written at once\.\.\. no\n/,
     'when that is looked at');
like($said, qr/needs a lock to read\s+or write 8 bytes.*-march=i586/s,
     'with what to do');
like($said, qr/OpenSSL 1\.1\.1 or later\.\.\. yes\n/, 'OpenSSL is accepted');

($said, $status) = configure('CPPFLAGS=-DLIBRESSL_VERSION_NUMBER=0x4030000fL');
isnt($status, 0, 'LibreSSL is refused');
like($said, qr/OpenSSL 1\.1\.1 or later\.\.\. no\n/, 'when that is looked at');
like($said, qr/LibreSSL is no substitute/, 'and said to be the reason');

done_testing;
