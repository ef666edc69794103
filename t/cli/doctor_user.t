# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey doctor and the rights of users: run by root it tries the files as
# httpd's user; run by another user it does not fail for a file that this user
# cannot read.

use strict;
use warnings;

use File::Copy qw(copy);
use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

# The database is in a folder of its own, below one that any user may enter.
my $cli = APIKey::CLI->new;
my ($folder, $db, $ring) = @{$cli}{qw(folder db ring)};
my $data = "$folder/data";
$cli->create;
chmod 0755, $folder;
mkdir $data or die "$data: $!\n";
rename $db, "$data/keys.db" or die "$db: $!\n";
$cli->{db} = $db = "$data/keys.db";
$cli->conf;

# Runs doctor: levels and sentences by check.
sub doctor {
    my $done = $cli->run('doctor', @_);
    push @{ $done->{$2} }, "$1: $3"
        while $done->{out} =~ /^(ok|warn|fail) +(\w+) +(\S.*)$/mg;
    $done->{said} = sub { "@{ $done->{$_[0]} // ['nothing'] }" };
    return $done;
}

sub says {
    my ($promise, $exit, $check, $like, @option) = @_;
    my $done = doctor(@option);
    like($done->{said}->($check), $like, $promise) or diag $done->{out};
    is($done->{exit}, $exit, "$promise: the exit status of doctor");
    return $done;
}

is($cli->run('doctor', '--user', 'no-such-user')->{exit}, 2,
   'exit status 2 for --user with an unknown name');
is($cli->run('doctor', '--user', 'no-such-user')->{out}, '',
   'doctor writes no finding for an unknown user');

# Gives the folder and the file their modes and owners, and removes the files
# beside it.
my @nobody = (getpwnam 'nobody')[2, 3];

sub lay_out {
    my ($of_folder, $of_file) = @_;
    unlink "$db-wal", "$db-shm";
    my %of = ($data => [ 0755, @{ $of_folder // [ 0, 0 ] } ],
              $db   => [ 0640, @{ $of_file // $of_folder // [ 0, 0 ] } ]);
    for my $path (keys %of) {
        my ($mode, @ids) = @{ $of{$path} };
        chown @ids, $path or die "$path: $!\n";
        chmod $mode, $path;
    }
}

# Makes a program that runs htapikey with other rights.
sub by {
    my (@how) = @_;
    my $real = "$folder/htapikey";
    copy(APIKey::CLI::program(), $real) or die "$real: $!\n" if !-e $real;
    my $script = $cli->{script} = "$folder/by" . ++$cli->{scripts};
    $cli->write(script => "#!/bin/sh\nexec setpriv @how '$real' \"\$@\"\n");
    chmod 0755, $real, $script;
    return $script;
}

sub as_root {
    my @as = ('--user', 'nobody');
    lay_out();
    says('a database that only root may write fails for nobody', 1,
         file => qr/^fail: \Q$db\E cannot be written by nobody/, @as);
    chmod 0666, $db;
    says('a folder that only root may write fails for nobody', 1,
         file => qr{^fail: \Q$data\E/ cannot be written by nobody}, @as);
    chmod 0660, $db;
    chmod 0777, $data;
    for my $gid (0, 12345) {
        chown 0, $gid, $db;
        local $ENV{HTAPIKEY} = by('--groups=12345');
        says("rights of the group $gid, which is only root's, do not count", 1,
             file => qr/^fail: \Q$db\E cannot/, @as);
    }
    lay_out(\@nobody);
    says("a database and a folder of nobody's own are ok",
         0, file => qr/^ok: .* can be written by nobody\.$/, @as);
    for my $beside ("$db-wal", "$db-shm") {
        lay_out(\@nobody);
        open my $out, '>', $beside or die "$beside: $!\n";
        chmod 0644, $beside;
        says("$beside of root fails for nobody",
             1, file => qr/^fail: \Q$beside\E cannot/, @as);
    }
    lay_out(\@nobody);
    chmod 0700, $folder;
    says('a folder above it that nobody may not enter fails', 1,
         file => qr/^fail: \Q$db\E cannot be written by nobody/, @as);
    chmod 0755, $folder;
    doctor(@as);
    is(join(' ', map { (stat)[4] } $data, glob "$data/*"),
       join(' ', ($nobody[0]) x @{ [ $data, glob "$data/*" ] }),
       'doctor as root leaves no file of root behind');
    says('every file is ok for root',
         0, file => qr/^ok: .* by root\.$/, '--user', 'root');
    without_user();
    says('as root doctor reads secrets that only root may read',
         0, secrets => qr/^ok: /, @as);
}

# Without --user doctor looks for the usual names of httpd's user.
sub without_user {
    my ($usual) = grep { defined getpwnam $_ }
                  qw(www-data apache wwwrun www http);
    lay_out();
    says('without --user, files of root', $usual ? 1 : 0, file => $usual
         ? qr/^fail: .*cannot be written by $usual.*or name it with --user\.$/
         : qr/^warn: Which user .*--user/);
    lay_out(\@nobody);
    says('without --user, files that their owner can write', 0, file => $usual
         ? qr/^warn: .* by $usual .*nobody can.*--user nobody; else .*$usual\.$/
         : qr/^warn: Which user/);
}

# Run by another user than root: files that it cannot read, or that others own,
# are no failures.
sub as_another {
    my ($who, $own) = @_;
    my @own = $own ? ('--user', $who) : ();
    my $done = says("as $who: secrets that it may not read are a warning",
                    0, secrets =>
        qr/^warn: .*cannot be read by this user.*as root/, @own);
    like($done->{said}->('keys'), qr/^warn: 1 live .*"k1"; .*cannot be judged/,
         "as $who: no key is judged without secrets");
    unlike($done->{out}, qr/revoke|fail/,
           "as $who: there is no failure, and no key is to be revoked");
    like($done->{said}->('file'), $own ? qr/^ok: .*by $who/
         : qr/^warn: .*only root can try/,
         "as $who: the finding on the file says what this user can know");
}

# Here the user cannot read the database either.
sub as_stranger {
    my ($who) = @_;
    my $done = says("as $who: a database that it may not read is a warning",
                    0, file =>
        qr/^warn: .*only root can try.*judges nothing/);
    ok(!grep({ $done->{$_} } qw(schema triggers keys rows)),
       "as $who: nothing in that database is judged");
    unlike($done->{out}, qr/fail/, "as $who: there is no failure");
}

if ($> == 0) {
    as_root();
    local $ENV{HTAPIKEY} = by("--reuid=$nobody[0]", "--regid=$nobody[1]",
                              '--clear-groups');
    lay_out(\@nobody);
    as_another('nobody', 1);
    as_another('nobody', 0);
    lay_out();
    says("run by httpd's user, a file of root is a failure", 1, file =>
         qr/^fail: \Q$db\E cannot be written by nobody/, '--user', 'nobody');
    as_stranger('nobody');
    lay_out(\@nobody);
    chmod 0600, $folder;
}
else {
    my $who = getpwuid $>;
    chmod 0, $ring;
    as_another($who, 1);
    chmod 0400, $db;
    says('a read-only file of the user itself is a failure', 1, file =>
         qr/^fail: \Q$db\E cannot be written by $who/, '--user', $who);
    is(join(' ', glob "$data/*"), $db,
       'doctor leaves no file beside the database');
    chmod 0600, $db;
    chmod 0500, $data;
    says('a read-only folder of the user itself is a failure',
         1, file => qr{^fail: \Q$data\E/ cannot}, '--user', $who);
    chmod 0700, $data;
    chmod 0, $db;
    as_stranger($who);
}

done_testing;
