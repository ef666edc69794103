# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A copy of the tree in a folder that its owner alone may enter: the two
# commands of a newcomer, then make's promises on what they have built.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Find qw(find);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Test::More;

use APIKey::Guard qw(files source_root);
use APIKey::Process qw(wait_until);

my $folder = tempdir(CLEANUP => 1);
my $tree = "$folder/a checkout/mod_apikey" =~ s/ /_/gr;
my $port = 30000 + $$ % 2000;
my $started;

for my $file (files(qr/./)) {
    make_path(dirname "$tree/$file");
    copy(source_root() . "/$file", "$tree/$file") or die "$file: $!\n";
    chmod 0755, "$tree/$file" if -x source_root() . "/$file";
}
make_path("$folder/tmp", "$folder/home");
chdir $tree or die "$tree: $!\n";

# A command's output, both kinds, and its exit status; nothing of the run
# around us (flags, folders) reaches it.
sub run {
    my ($command) = @_;
    local @ENV{qw(TMPDIR HOME PORT)} = ("$folder/tmp", "$folder/home", $port);
    delete local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL LD_PRELOAD)};
    my $said = `($command) 2>&1 </dev/null`;
    return ($said, $? >> 8);
}

# Processes that have this tree on their command line.
sub running {
    my @found;
    for my $file (glob '/proc/[0-9]*/cmdline') {
        open my $in, '<', $file or next;
        my $line = <$in> // '';
        push @found, $file if index($line, "$tree/demo/") >= 0;
    }
    return @found;
}

END {
    my $status = $?;
    run('sh build/quickstart stop') if $started;
    chdir '/';
    $? = $status;
}

sub answers { return join ' ', $_[0] =~ /^\((\d+)\)$/mg }

$started = 1;
my ($said, $status) = run('sh build/quickstart');
is($status, 0, 'build/quickstart succeeds') or diag($said);
is(answers($said), '200 200 401 401 403', 'it shows what curl was answered');
like($said, qr/^the CGI: tenant=acme id=\w{12} scopes=demo:\*$/m,
     'the CGI was told the tenant');
like($said, qr/^the application: tenant=globex id=\w{12} scopes=demo:read$/m,
     'the proxied application was told the tenant');
my ($key) = $said =~ /X-API-Key: (demo_\w+)/;
my $ask = "curl -s -o /dev/null -w '(%{http_code})' -H 'X-API-Key: $key'"
        . " http://127.0.0.1:$port/cgi/whoami";
is((run($ask))[0], '(200)', 'the key it printed works');

($said, $status) = run('sh build/quickstart');
is($status, 0, 'running it twice is fine') or diag($said);
is(answers($said), '200 200 401 401 403', 'the answers are the same');
is((run($ask))[0], '(401)', 'the keys of the first run have ended');

cmp_ok(scalar(running()), '>', 2, 'httpd and the application run');
($said, $status) = run('sh build/quickstart stop');
is($status, 0, 'quickstart stop succeeds');
is(join(' ', running()), '', 'nothing stays running');

my $taken = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port",
                                  Listen => 1, ReuseAddr => 1)
    or die "port $port: $@\n";
($said, $status) = run('sh build/quickstart');
is($status, 1, 'a port in use is an error');
like($said, qr/port $port is in use; say PORT=/, 'which says what to do');
close $taken;
is(join(' ', running()), '', 'and starts nothing');

is(join(' ', glob("$folder/tmp/* $folder/home/* $folder/home/.[a-z]*")), '',
   'nothing is written outside the checkout');

# ---- make ----

($said, $status) = run('make -q -C _build');
is($status, 0, 'make has nothing to do') or diag($said);
for my $file (qw(modules/core/key.h modules/config/config.h
                 conf/schema/sqlite3/001_tables.sql)) {
    my $then = (stat $file)[9];
    utime time + 60, time + 60, $file;
    is((run('make -q -C _build'))[1], 1, "a change of $file is noticed");
    utime $then, $then, $file;
}
is((run('make -q -C _build'))[1], 0, 'and nothing else is');

my $to = "$folder/destdir";
($said, $status) = run("make -C _build install DESTDIR=$to");
is($status, 0, 'make install succeeds') or diag($said);
chomp(my $modules = `apxs -q LIBEXECDIR`);
for my $file ("$modules/mod_apikey.so", '/usr/local/bin/htapikey',
              '/usr/local/share/man/man1/htapikey.1',
              map { "/usr/local/share/mod_apikey/$_" } qw(apikey.conf
                  manual/directives.md schema/sqlite3/001_tables.sql)) {
    ok(-s "$to$file", "it installs $file");
}
like(`$to/usr/local/bin/htapikey secret`, qr/^\S+ [A-Za-z0-9+\/]{43}=$/,
     'the installed htapikey runs');

($said, $status) = run('make -C _build distclean');
is($status, 0, 'make distclean succeeds') or diag($said);
my @left;
find({ no_chdir => 1, wanted => sub { push @left, $_ if -f } }, '_build');
is(join(' ', grep { !m{^_build/make\.log$} } @left), '', 'and leaves no file');

done_testing;
