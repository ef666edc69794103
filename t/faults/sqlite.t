# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# SQLite's file is moved, replaced, locked or damaged while httpd runs: revoked
# keys are refused, the log says what to do, and httpd needs no restart.

# As root the test runs in a mount namespace of its own, which ends with it.
BEGIN {
    if ($> == 0 && !$ENV{APIKEY_OWN_MOUNTS}
        && system('unshare -m true 2>/dev/null') == 0) {
        $ENV{APIKEY_OWN_MOUNTS} = 1;
        exec 'unshare', '-m', $^X, '-w', $0 or die "unshare: $!\n";
    }
}

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::DatabaseSite;
use APIKey::Keys qw(remember_key);
use APIKey::Process qw(wait_until);
use File::Copy qw(copy move);
use JSON::PP ();

my ($site, $backend, $file);

# The statuses of a key over several connections, each once.
sub said {
    my ($key) = @_;
    my %seen = map { $_->[0] => 1 } $site->load(8, 0, $key, count => 4);
    return join ' ', sort keys %seen;
}

# A new key and its id.
sub made {
    my $made = JSON::PP->new->decode($site->htapikey(
        qw(--json create --tenant acme --name site)));
    remember_key($made->{key});
    return @{$made}{qw(key id)};
}

# What was logged since the last call of this or of tells().
sub logged {
    my $text = $site->errors;
    my $new = substr $text, $site->{read} // 0;
    $site->{read} = length $text;
    return $new;
}

sub tells {
    my ($what) = @_;
    my @lines = split /^/, logged();
    ok(scalar(grep { /$what/ } @lines), 'the log says what to do')
        or diag "not $what: ", @lines[0 .. ($#lines < 3 ? $#lines : 3)];
}

# As root, gives the files to httpd's user, which would otherwise be root's.
sub give {
    my (@files) = @_;
    my @user = getpwnam $site->{run}{user};
    return if $>;
    chown @user[2, 3], @files;
}

sub moved {
    my ($key) = made();
    is(said($key), '200', '200 for a key');
    for my $round (1, 2) {
        move($file, "$file.away") or die $!;
        my $answer = $site->answer($key);
        is("$answer->[0] $answer->[2]", '503 5',
           '503 with Retry-After 5 while the file is away');
        is(said($key), '503',
           '503 over all connections while the file is away');
        tells(qr/APIKEY0105: .*there is no database file \S+; \w/);
        move("$file.away", $file) or die $!;
        is(said($key), '200', '200 once the file is back');
    }
    unlink glob "$file*";
    is(said($key), '503', '503 after the file was removed');
    $site->init;
    is(said($key), '401', '401 for the key with a new database');
    is(said($site->create), '200', '200 for a key of the new database');
}

# Runs a command of SQLite's shell.
sub shell {
    my (@commands) = @_;
    system('sqlite3', '-bail', $file, @commands) == 0
        or die "sqlite3: @commands\n";
}

# Ways to put a backup into the place of a file in use.
my @RESTORE = (
    [ 'cp', sub { copy($_[0], $file) or die $! } ],
    [ '.restore', sub { shell(".restore $_[0]") } ],
    [ 'mv', sub {
        unlink map { "$file-$_" } qw(wal shm);
        copy($_[0], "$file.new") or die $!;
        give("$file.new");
        move("$file.new", $file) or die $!;
    } ],
);

sub restored {
    my ($in_backup, $its_id) = made();
    my $backup = "$file.backup";
    shell(".backup $backup");
    for my $case (@RESTORE) {
        my ($how, $restore) = @$case;
        my ($since) = made();
        $site->htapikey(revoke => $its_id);
        is(said($since), '200',
           "$how: 200 before, for a key that the backup does not have");
        is(said($in_backup), '401',
           "$how: 401 before, for a key revoked since the backup");
        $restore->($backup);
        is(said($since), '401',
           "$how: 401 for the key that the backup does not have");
        is(said($in_backup), '200',
           "$how: 200 for the key that was not revoked then");
        $site->htapikey(revoke => $its_id);
        is(said($in_backup), '401', "$how: 401 once it is revoked again");
        is($backend->sql('PRAGMA integrity_check'), 'ok',
           "$how: the file is whole");
    }
}

# Statements were prepared for the tables as they were before.
sub altered {
    my ($key) = made();
    for my $change ('CREATE INDEX by_name ON apikey (name)', 'ANALYZE',
                    'ALTER TABLE apikey ADD COLUMN note TEXT', 'VACUUM',
                    'DROP INDEX by_name', 'REINDEX',
                    'ALTER TABLE apikey_tenant ADD COLUMN note TEXT',
                    'ALTER TABLE apikey RENAME TO other;'
                    . ' ALTER TABLE other RENAME TO apikey') {
        is(said($key), '200', "before: $change");
        $backend->sql($change);
        is(said($key), '200', "200 after $change");
    }
    my ($gone, $id) = made();
    is(said($gone), '200', '200 for a key');
    $backend->sql('ALTER TABLE apikey DROP COLUMN note',
                  "DELETE FROM apikey WHERE id = '$id'");
    is(said($gone), '401',
       '401 for a key that is deleted while a column is removed');
}

# Another connection holds the database's lock.
sub locked {
    my ($key, $id) = made();
    my $writer = $backend->session;
    for my $lock ('BEGIN IMMEDIATE', 'BEGIN EXCLUSIVE') {
        $writer->run($lock);
        $writer->run("UPDATE apikey SET disabled = 1 WHERE id = '$id'");
        my @answers = $site->load(8, 0, $key, count => 4);
        is_deeply([ grep { $_->[0] ne 200 } @answers ], [],
                  "$lock: 200 for all requests, and no change is seen yet");
        $writer->run($lock =~ /IMM/ ? 'COMMIT' : 'ROLLBACK');
        is(said($key), $lock =~ /IMM/ ? '401' : '200',
           $lock =~ /IMM/ ? "$lock: 401 once the change is committed"
                          : "$lock: 200 once the change is rolled back");
        $site->htapikey(enable => $id) if $lock =~ /IMM/;
    }
    $writer->close;
}

# Another tool has switched back to a journal that is no WAL.
sub old_journal {
    my ($key, $id) = made();
    $site->stop;
    $backend->sql('PRAGMA journal_mode = DELETE');
    start();
    is(said($key), '200', '200 with journal_mode = DELETE');
    $site->htapikey(disable => $id);
    is(said($key), '401', '401 after the key was disabled');
    $site->htapikey(enable => $id);
    is(said($key), '200', '200 after the key was enabled');
    my $writer = $backend->session;
    $writer->run('BEGIN IMMEDIATE');
    is(said($key), '200', '200 while another connection has not written yet');
    $writer->run('ROLLBACK');
    logged();
    $writer->run('BEGIN EXCLUSIVE');
    my @answers = $site->load(8, 0, $key);
    is_deeply([ grep { $_->[0] ne 503 } @answers ], [],
              '503 for all requests during BEGIN EXCLUSIVE');
    # Without a deadline each request would take twelve seconds.
    ok(wait_until(60, sub { $site->answer($key)->[1] < 6 }),
       'the answer comes within six seconds');
    is($site->status('', '/'), 200,
       '200 for a page that needs no key meanwhile');
    tells(qr/APIKEY0106: .*(?:within 1\.5 seconds|holds a lock)/);
    $writer->run('ROLLBACK');
    ok(wait_until(60, sub { $site->status($key) eq 200 }),
       '200 once the lock is free');
    $writer->close;
    $site->stop;
    $site->htapikey('init');
    is($backend->sql('PRAGMA journal_mode'), 'wal',
       'htapikey init makes the journal a WAL again');
    start();
    is(said($key), '200', '200 for a key after that');
}

# Sets whether httpd's user may write to the file and its folder.
sub writable {
    my ($may) = @_;
    my $folder = $backend->{temp}->dirname;
    my @files = grep { -f } glob "$folder/*";
    my @user = $may ? (getpwnam $site->{run}{user})[2, 3] : (0, 0);
    chown @user, $folder, @files if !$>;
    chmod $may ? 0755 : 0555, $folder;
    chmod $may ? 0644 : 0444, @files;
}

# Waits for 200: each child of httpd finds out by itself within half a second.
sub back {
    my ($key, $what) = @_;
    ok(wait_until(60, sub { said($key) eq '200' }), "$what: 200 again")
        or diag said($key);
}

sub read_only {
    my ($key, $id) = made();
    is(said($key), '200', '200 before');
    writable(0);
    is(said($key), '200', '200 while file and folder are read-only');
    $site->stop;
    refused_start('httpd does not start while they are read-only');
    writable(1);
    $backend->sql('PRAGMA journal_mode = DELETE');
    writable(0);
    refused_start('httpd does not start with journal_mode = DELETE either');
    writable(1);
    $site->htapikey('init');
    start();
    is(said($key), '200', '200 once they can be written');
}

# A file that is no database, and a file of which half is damaged.
sub damaged {
    my ($key, $id) = made();
    is(said($key), '200', '200 before');
    my $whole = "$file.whole";
    shell(".backup $whole");
    for my $case ([ 'a text', sub { print { $_[0] } "Hello!\n" x 9999 } ],
                  [ 'half of it', sub {
                      my ($out) = @_;
                      open my $in, '<:raw', $whole or die $!;
                      read $in, my $bytes, 8192;
                      print $out $bytes, "\1" x (-s $whole);
                  } ]) {
        my ($what, $fill) = @$case;
        logged();
        open my $out, '>:raw', $file or die "$file: $!\n";
        $fill->($out);
        close $out or die "$file: $!\n";
        is(said($key), '503', "$what in place of the file");
        tells(qr/APIKEY0106: .*(?:malformed|not a database); .*restore a/);
        copy($whole, $file) or die $!;
        back($key, 'restored');
    }
}

sub start {
    my (@lines) = @_;
    $site->run(@lines);
    $site->{read} = 0;
}

# Runs htapikey where it cannot write: because of a full disk or, with $limit,
# of a limit on the size of files, which needs no mount.
sub attempt {
    my ($limit, @arguments) = @_;
    my $pid = open(my $in, '-|') // die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec 'sh', '-c', ($limit ? 'trap "" XFSZ; ulimit -f 0; ' : '')
            . 'exec "$@" </dev/null', 'sh', $ENV{HTAPIKEY}, '-f',
            "$site->{dir}/cli.conf", @arguments or POSIX::_exit(127);
    }
    my $text = do { local $/; readline($in) // '' };
    close $in;
    return ($? >> 8, $text);
}

sub all_rows {
    return join "\n", $backend->sql(map { "SELECT '$_', * FROM $_" }
        qw(apikey apikey_tenant apikey_audit apikey_change apikey_scope));
}

sub fill {
    my ($folder) = @_;
    open my $out, '>', "$folder/fill" or die "$folder: $!\n";
    1 while syswrite $out, "\0" x 4096;
}

my $full = qr/database or disk is full; make|disk I.O error; is the disk full/;

sub cannot_write {
    my ($how, $limit) = @_;
    my ($key, $id) = made();
    is(said($key), '200', "$how: 200 before");
    my $folder = $backend->{temp}->dirname;
    fill($folder) if !$limit;
    my $before = all_rows();
    $site->file('cli.conf', $site->database_lines
                            . "ApiKeyDigest hmac-sha256 sha256\n"
                            . "ApiKeyFormat base62 opaque\n");
    my $csv = $site->file('keys.csv', join "\n", 'digest,tenant,name',
        map({ sprintf '%064x,t%d,n', $_, $_ } 1 .. 2000), '');
    for my $command ([ 'revoke', $id ], [ 'disable', $id ], [ 'rotate', $id ],
                     [ 'set', $id, '--name', 'x' ],
                     [ qw(create --tenant b --name c) ],
                     [ qw(tenant suspend acme) ], [ qw(scope add a:b) ],
                     [ 'import', '--digest', 'sha256', $csv ]) {
        my ($exit, $text) = attempt($limit, @$command);
        is($exit, 3, "$how: $command->[0] fails with status 3");
        like($text, qr/^htapikey: .*: $full/m,
             "$how: $command->[0] says what to do");
        unlike($text, qr/ak_/, "$how: $command->[0] shows no key");
        is(all_rows(), $before, "$how: $command->[0] has changed nothing");
    }
    is(said($key), '200', "$how: 200 for the key all the time");
    unlink "$folder/fill";
    $site->htapikey(revoke => $id);
    is(said($key), '401',
       "$how: 401 once there is room and the key was revoked");
}

sub refused_start {
    my ($what) = @_;
    ok(!eval { start(); 1 }, $what);
    like($@, qr/APIKEY0193: .* cannot read and write the file/,
         'the error has APIKEY0193 and the reason');
}

# A site whose database has a folder that is a small disk of its own.
sub on_a_disk {
    my ($way) = @_;
    $backend = backend('sqlite3');
    my $folder = $backend->{temp}->dirname;
    system(qw(mount -t tmpfs -o), 'size=3m,mode=755', 'tmpfs', $folder) == 0
        or die "mount failed\n";
    $site = APIKey::DatabaseSite->new($backend, $way);
    $site->init;
    $file = $backend->{file};
    return $folder;
}

# A read-only disk is not an error: the database can be read.
sub read_only_disk {
    my ($way) = @_;
    my $folder = on_a_disk($way);
    my ($key) = made();
    $backend->sql('PRAGMA journal_mode = DELETE');
    system(qw(mount -o), 'remount,ro', $folder) == 0 or die "remount failed\n";
    start('ApiKeyUsageFlush 1');
    is(said($key), '200', '200 from a read-only disk');
    unlike($site->errors, qr/APIKEY0193/, 'APIKEY0193 is not logged');
    my $told = sub { scalar(() = $site->errors =~ /APIKEY0296: .*readonly/g) };
    ok(wait_until(60, $told), 'APIKEY0296 is logged: uses cannot be written');
    is(said($key), '200', '200 after that');
    $site->stop;
    cmp_ok($told->(), '<=', 24, 'each process logs APIKEY0296 once');
    unlike($site->errors, qr/APIKEY01[45]/, 'nothing else is logged');
    system('umount', '-l', $folder);
}

# httpd starts on a full disk.
sub full_disk {
    my ($way) = @_;
    my $folder = on_a_disk($way);
    start();
    cannot_write('a full disk', 0);
    my ($key) = made();
    $site->stop;
    # The last process to close the database removes the files that httpd left.
    $site->htapikey('list');
    fill($folder);
    start();
    is(said($key), '503', '503 after httpd has started on a full disk');
    tells(qr/APIKEY0106: .*$full/);
    unlink "$folder/fill";
    back($key, 'room again');
    $site->stop;
    system('umount', '-l', $folder);
}

sub scene {
    my ($way) = @_;
    $backend = backend('sqlite3');
    $site = APIKey::DatabaseSite->new($backend, $way);
    $site->init;
    $file = $backend->{file};
    start();
    moved();
    restored();
    altered();
    locked();
    old_journal();
    read_only();
    damaged();
    cannot_write('a limit', 1);
    $site->stop;
}

for my $way (@APIKey::DatabaseSite::WAYS) {
    subtest "SQLite, $way" => sub { scene($way) };
    next if !$ENV{APIKEY_OWN_MOUNTS};
    subtest "full disk, $way" => sub { full_disk($way) };
    subtest "read-only disk, $way" => sub { read_only_disk($way) };
}

done_testing;
