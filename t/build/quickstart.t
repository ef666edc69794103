# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A copy of the tree in a folder that its owner alone may enter, with a blank in
# its name: the two commands of a newcomer, then make's promises on what they
# have built.

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

# Nothing of the run around us (flags, folders) reaches a command.
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL LD_PRELOAD)};
@ENV{qw(TMPDIR HOME PORT)} = ("$folder/tmp", "$folder/home", $port);

# A command's output, both kinds, and its exit status.
sub run {
    my ($command) = @_;
    my $said = `($command) 2>&1 </dev/null`;
    return ($said, $? >> 8);
}

# quickstart refuses at once: before anything is built.
sub refused {
    my ($what, $like, %with) = @_;
    local $ENV{PORT} = $with{port} // $port;
    my ($said, $status) = run('sh build/quickstart ' . ($with{argument} // ''));
    is($status, 1, "$what is an error");
    like($said, qr/\Aquickstart: $like.*\n\z/, '... which says what to do');
    ok(!-e '_build' && !-e 'demo', '... and comes before anything is done');
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
is("$status $said", "0 Nothing was running.\n", 'stop says that nothing ran');

($said, $status) = run('. build/common.sh; WATCHED_TICKS=2; watched '
    . "'$folder/log' sh -c 'echo one file; sleep 1; exit 3'");
is($status, 3, 'what takes long is waited for');
like($said, qr/\A(?:  +\d+ s: one file\n)+\z/, 'and says what it is at');

# What is missing is installed, by an apt-get that takes its time and fails.
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
is($status, 1, 'what cannot be installed is an error');
like($said, qr/\AInstalling\ one\ two\n(?:\ +\d+\ s:\ step\ -q\ -y\ update\n)+
               (?:\ +\d+\ s:\ step\ -q\ -y\ --no-install-recommends\N+\n)+
               step\ \N+\ one\ two\n
               \N+apt-get\ could\ not\ \N+\n\z/x, '... after it was tried');

# A signal in the middle of the build.
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
    }), 'it builds');
    kill $signal => $pid;
    waitpid $pid, 0;
    is($? >> 8, 130, "SIG$signal ends it");
    ok(wait_until(60, sub { !grep { kill 0, $_ } @below }),
       '... and the build');
    open my $in, '<', "$folder/said" or die "said: $!\n";
    like(join('', <$in>), qr/^quickstart: interrupted; /m, '... and it says so');
}

# ---- It runs ----

$started = 1;
($said, $status) = run('sh build/quickstart');
is($status, 0, 'build/quickstart succeeds') or diag($said);
is(answers($said), '200 200 401 401 403', 'it shows what curl was answered');
like($said, qr/\ABuilding; .*\n(?: .*\n)*Making two keys\nStarting httpd/,
     'it says what it is at');
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
{
    open my $lock, '>', 'demo/run/lock' or die "lock: $!\n";
    flock $lock, LOCK_EX | LOCK_NB or die "they hold the lock: $!\n";
    ($said, $status) = run('sh build/quickstart');
    is($status, 1, 'two at a time are one too many');
    like($said, qr/another build\/quickstart is at work/, 'which is said');
}
($said, $status) = run('sh build/quickstart stop');
is("$status $said", "0 Stopped.\n", 'quickstart stop succeeds');
is(join(' ', running()), '', 'nothing stays running');

# A pid of the last run that has become another's: ended, or a reader of a file.
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
       "a stale pid file: $foreign->[0]");
    is(waitpid($pid, POSIX::WNOHANG()), 0, "... and what has the pid lives on");
    ok(!-e 'demo/run/httpd.pid' && !-e 'demo/run/app.pid', '... without them');
    kill KILL => $pid;
    waitpid $pid, 0;
}

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
              '/usr/local/share/bash-completion/completions/htapikey',
              '/usr/local/share/zsh/site-functions/_htapikey',
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
