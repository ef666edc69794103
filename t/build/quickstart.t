# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# build/quickstart and "build/quickstart stop" in a copy of the tree, then make,
# make install and make distclean on what was built. The copy is in a folder
# with a blank in its name, which only its owner may enter.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Find qw(find);
use File::Path qw(make_path);
use Fcntl qw(:flock);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Test::More;

use APIKey::Guard qw(files source_root);
use APIKey::Process qw(descendants wait_until);
use POSIX ();

my $folder = tempdir(CLEANUP => 1);
my $tree = "$folder/a checkout/mod_apikey";
my $port = 30000 + $$ % 2000;
my $started;

for my $file (files(qr/./)) {
    make_path(dirname "$tree/$file");
    copy(source_root() . "/$file", "$tree/$file") or die "$file: $!\n";
    chmod 0755, "$tree/$file" if -x source_root() . "/$file";
}
make_path("$folder/tmp", "$folder/home");
chdir $tree or die "$tree: $!\n";

# The commands get no flags and folders of the make that runs this test.
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL LD_PRELOAD)};
@ENV{qw(TMPDIR HOME PORT)} = ("$folder/tmp", "$folder/home", $port);

# A command's output and errors in one text, and its exit status.
sub run {
    my ($command) = @_;
    my $said = `($command) 2>&1 </dev/null`;
    return ($said, $? >> 8);
}

# build/quickstart fails with one sentence, before it builds anything.
sub refused {
    my ($what, $like, %with) = @_;
    local $ENV{PORT} = $with{port} // $port;
    my ($said, $status) = run('sh build/quickstart ' . ($with{argument} // ''));
    is($status, 1, "exit status 1 for $what");
    like($said, qr/\Aquickstart: $like.*\n\z/,
         "one sentence about $what is printed");
    ok(!-e '_build' && !-e 'demo', "nothing is made for $what");
}

# The processes that have this tree in their command line.
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

# The statuses that quickstart has printed.
sub answers { return join ' ', $_[0] =~ /^\((\d+)\)$/mg }

# ---- Before and while it builds ----

refused("PORT=$_", qr/PORT=\Q$_\E is no port \(1 to 65535\)\./, port => $_)
    for qw(80000 65536 0 080 http -1 99999999999);
refused('a word', qr/usage: /, argument => 'start');
my $taken = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port",
                                  Listen => 1, ReuseAddr => 1)
    or die "port $port: $@\n";
refused('a port in use', qr/port $port is in use; say PORT=\d+ build/);
close $taken;
my ($said, $status) = run('sh build/quickstart stop');
is("$status $said", "0 Nothing was running.\n",
   'quickstart stop succeeds if nothing runs, and says so');

($said, $status) = run('. build/common.sh; WATCHED_TICKS=2; watched '
    . "'$folder/log' sh -c 'echo one file; sleep 1; exit 3'");
is($status, 3, 'watched returns the exit status of its command');
like($said, qr/\A(?:  +\d+ s: one file\n)+\z/,
     'watched prints the last line of its command now and then');

# Missing packages are installed by apt-get; this one is slow and fails.
make_path("$folder/bin");
my %program = ('dpkg-query' => 'exit 1', sudo => 'test $1 = -v || exec "$@"',
    'apt-get' => 'echo "step $*"; sleep 1; case $* in *update) ;; *) exit 100'
               . ' ;; esac');
for my $name (sort keys %program) {
    open my $out, '>', "$folder/bin/$name" or die "$name: $!\n";
    print $out "#!/bin/sh\n$program{$name}\n";
    close $out;
    chmod 0755, "$folder/bin/$name";
}
($said, $status) = run("PATH='$folder/bin:$ENV{PATH}'; . build/common.sh; "
                       . 'WATCHED_TICKS=2; need_packages one two');
is($status, 1, 'exit status 1 if packages cannot be installed');
like($said, qr/\AInstalling\ one\ two\n(?:\ +\d+\ s:\ step\ -q\ -y\ update\n)+
               (?:\ +\d+\ s:\ step\ -q\ -y\ --no-install-recommends\N+\n)+
               step\ \N+\ one\ two\n
               \N+apt-get\ could\ not\ \N+\n\z/x,
     'the steps of apt-get are printed, then one sentence');

# A signal in the middle of the build ends it.
for my $signal (qw(TERM INT HUP)) {
    unlink '_build/make.log';
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', "$folder/said";
        open STDERR, '>&', \*STDOUT;
        open STDIN, '<', '/dev/null';
        $SIG{INT} = 'DEFAULT';
        exec 'sh', 'build/quickstart' or POSIX::_exit(127);
    }
    my @below;
    ok(wait_until(120, sub {
        return -s '_build/make.log' && (@below = descendants($pid)) > 2;
    }), "quickstart builds before SIG$signal");
    kill $signal => $pid;
    waitpid $pid, 0;
    is($? >> 8, 130, "exit status 130 after SIG$signal");
    ok(wait_until(60, sub { !grep { kill 0, $_ } @below }),
       "all processes of the build end after SIG$signal");
    open my $in, '<', "$folder/said" or die "said: $!\n";
    like(join('', <$in>), qr/^quickstart: interrupted; /m,
         "quickstart says that it was interrupted by SIG$signal");
}

# ---- quickstart builds, starts httpd and shows what it answers ----

$started = 1;
($said, $status) = run('sh build/quickstart');
is($status, 0, 'build/quickstart succeeds') or diag($said);
is(answers($said), '200 200 401 401 403',
   'quickstart prints the statuses that curl got');
like($said, qr/\ABuilding; .*\n(?: .*\n)*Making two keys\nStarting httpd/,
     'quickstart prints its steps');
like($said, qr/^the CGI: tenant=acme id=\w{12} scopes=demo:\*$/m,
     'the CGI gets tenant, id and scopes');
like($said, qr/^the application: tenant=globex id=\w{12} scopes=demo:read$/m,
     'the proxied application gets tenant, id and scopes');
my ($key) = $said =~ /X-API-Key: (demo_\w+)/;
my $ask = "curl -s -o /dev/null -w '(%{http_code})' -H 'X-API-Key: $key'"
        . " http://127.0.0.1:$port/cgi/whoami";
is((run($ask))[0], '(200)', '200 for the key that quickstart printed');

($said, $status) = run('sh build/quickstart');
is($status, 0, 'a second build/quickstart succeeds') or diag($said);
is(answers($said), '200 200 401 401 403',
   'a second build/quickstart prints the same statuses');
is((run($ask))[0], '(401)', '401 for a key of the first build/quickstart');

cmp_ok(scalar(running()), '>', 2,
       'httpd and the application run after build/quickstart');
{
    open my $lock, '>', 'demo/run/lock' or die "lock: $!\n";
    flock $lock, LOCK_EX | LOCK_NB or die "they hold the lock: $!\n";
    ($said, $status) = run('sh build/quickstart');
    is($status, 1, 'exit status 1 while another build/quickstart runs');
    like($said, qr/another build\/quickstart is at work/,
         'quickstart says that another one is at work');
}
($said, $status) = run('sh build/quickstart stop');
is("$status $said", "0 Stopped.\n", 'quickstart stop succeeds');
is(join(' ', running()), '', 'no process runs after quickstart stop');

# quickstart stop leaves a process alone that has a pid of the last run by
# chance, even if the path of this tree is in its command line.
for my $foreign ([qw(sleep 60)], [ qw(tail -f), "$tree/demo/run/error_log" ]) {
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', '/dev/null';
        exec @$foreign or POSIX::_exit(127);
    }
    wait_until(60, sub { running() || $foreign->[0] eq 'sleep' });
    for my $name (qw(httpd app)) {
        open my $out, '>', "demo/run/$name.pid" or die "$name.pid: $!\n";
        print $out "$pid\n";
    }
    ($said, $status) = run('sh build/quickstart stop');
    is("$status $said", "0 Nothing was running.\n",
       "quickstart stop with the pid of $foreign->[0]: nothing was running");
    is(waitpid($pid, POSIX::WNOHANG()), 0,
       "quickstart stop with the pid of $foreign->[0] does not end it");
    ok(!-e 'demo/run/httpd.pid' && !-e 'demo/run/app.pid',
       "quickstart stop with the pid of $foreign->[0] removes the pid files");
    kill KILL => $pid;
    waitpid $pid, 0;
}

is(join(' ', glob("$folder/tmp/* $folder/home/* $folder/home/.[a-z]*")), '',
   'quickstart writes no file outside the checkout');

# ---- make ----

($said, $status) = run('make -q -C _build');
is($status, 0, 'make -q: nothing is to be done after quickstart')
    or diag($said);
for my $file (qw(modules/core/key.h modules/config/config.h
                 conf/schema/sqlite3/001_tables.sql)) {
    my $then = (stat $file)[9];
    utime time + 60, time + 60, $file;
    is((run('make -q -C _build'))[1], 1,
       "make -q: something is to be done after a change of $file");
    utime $then, $then, $file;
}
is((run('make -q -C _build'))[1], 0,
   'make -q: nothing is to be done when the changes are undone');

my $to = "$folder/destdir";
($said, $status) = run("make -C _build install DESTDIR=$to");
is($status, 0, 'make install succeeds') or diag($said);
chomp(my $modules = `apxs -q LIBEXECDIR`);
for my $file ("$modules/mod_apikey.so", '/usr/local/bin/htapikey',
              '/usr/local/share/man/man1/htapikey.1',
              '/usr/local/share/bash-completion/completions/htapikey',
              '/usr/local/share/zsh/site-functions/_htapikey',
              map { "/usr/local/share/mod_apikey/$_" } qw(apikey.conf
                  manual/directives.md schema/sqlite3/001_tables.sql)) {
    ok(-s "$to$file", "make install installs $file");
}
like(`$to/usr/local/bin/htapikey secret`, qr/^\S+ [A-Za-z0-9+\/]{43}=$/,
     'the installed htapikey makes a secret');

($said, $status) = run('make -C _build distclean');
is($status, 0, 'make distclean succeeds') or diag($said);
my @left;
find({ no_chdir => 1, wanted => sub { push @left, $_ if -f } }, '_build');
is(join(' ', grep { !m{^_build/make\.log$} } @left), '',
   'make distclean leaves no file but make.log');

done_testing;
