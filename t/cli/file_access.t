# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# CONF and the secret file are refused where another user can write or replace
# them: every folder and link of the path counts.

use strict;
use warnings;

use File::Path qw(make_path remove_tree);
use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my $folder = $cli->{folder};
my $top = "$folder/top";
my $root = $> == 0;
my ($us, $them, $other) = ($>, 12345, 54321);

sub put {
    my ($path, $text, $mode) = @_;
    $cli->{put} = $path;
    $cli->write(put => $text);
    chmod $mode, $path or die "$path: $!\n";
}

# Makes top/a/b/conf and top/a/b/ring, which only this user can write.
sub fresh {
    remove_tree($top);
    make_path("$top/a/b", { mode => 0755 });
    put("$top/a/b/conf", "DBDriver sqlite3\nDBDParams $cli->{db}\n"
                         . "ApiKeySecretFile $cli->{ring}\n", 0644);
    put("$top/a/b/ring", "k1 $APIKey::CLI::SECRET\n", 0600);
}

sub secrets_of {
    my ($ring) = @_;
    $cli->conf("ApiKeySecretFile $ring");
    return $cli->run(qw(create -q --tenant t --name n));
}

sub conf_of { return $cli->run('list', { conf => $_[0] }) }

my %read = (conf => \&conf_of, ring => \&secrets_of);

# A path to both files, or to one: accepted, or refused before it is read.
sub taken {
    my ($promise, $way, @which) = @_;
    for my $which (@which ? @which : qw(conf ring)) {
        my $done = $read{$which}->("$way/$which");
        is($done->{exit}, 0, "$which: $promise") or diag $done->{err};
    }
}

sub refused {
    my ($promise, $way, $like, @which) = @_;
    for my $which (@which ? @which : qw(conf ring)) {
        my $path = "$way/$which";
        # If it were read in spite of that, this line would be an error.
        open my $out, '>>', $path or die "$path: $!\n";
        print $out "<nonsense>\n";
        close $out;
        my $done = $read{$which}->($path);
        is($done->{exit}, 2, "$which: $promise: refused") or diag $done->{err};
        like($done->{err}, qr/\Q$path\E.* (?:not read|refused): .*$like/,
             'and why');
        unlike($done->{err}, qr/nonsense|section|line \d/, 'and not read');
        is($done->{out}, '', 'and nothing is done');
    }
}

fresh();
taken('of our own', "$top/a/b");
for my $mode (0666, 0646, 0664, 0620) {
    fresh();
    chmod $mode, "$top/a/b/conf";
    refused(sprintf('mode %04o', $mode), "$top/a/b",
            qr/(?:everybody|its group) may write it.*chmod go-w/, 'conf');
}

# The file's folder and those above it.
for my $open ("$top/a/b", "$top/a", $top) {
    fresh();
    chmod 0777, $open;
    refused("all may write $open", "$top/a/b",
            qr/everybody may write the folder \Q$open\E .*chmod o-w/);
    chmod 0755, $open;
    fresh();
    chmod 01777, $open;
    taken("all may write $open, which is sticky", "$top/a/b");
}

# Group rights count as rights of others, except those of the user's own group
# while it has no other members.
my @own = getpwuid $us;
my ($name, $members) = (getgrgid $own[3])[0, 3];
my $alone = $name eq $own[0] && !grep { $_ ne $name } split ' ', $members;
fresh();
chown -1, $own[3], "$top/a" or die "$top/a: $!\n";
chmod 0775, "$top/a";
$alone ? taken('a group that is our own may write the folder', "$top/a/b")
       : refused('a group with others in it may write the folder',
                 "$top/a/b", qr/its group may write the folder/);

# Links: the path to them counts, and the path that they lead to.
fresh();
make_path("$top/open");
rename "$top/a/b/$_", "$top/open/$_" for qw(conf ring);
symlink "../../open/$_", "$top/a/b/$_" for qw(conf ring);
taken('a link to a good place', "$top/a/b");
taken('with dots and slashes', "$top//a/./b/../../a/b");
chmod 0777, "$top/open";
refused('a link into an open folder', "$top/a/b", qr/folder \Q$top\E\/open /);
fresh();
symlink 'a', "$top/link";
taken('a folder that is a link', "$top/link/b");
chmod 0777, "$top/a";
refused('which leads through an open folder', "$top/link/b",
        qr/folder \Q$top\E\/a /);
fresh();
symlink "$top/loop", "$top/loop";
isnt($_->("$top/loop")->{exit}, 0, 'a link to itself') for values %read;

# A relative path begins in the working directory.
fresh();
chdir "$top/a/b" or die "chdir: $!\n";
is(conf_of('conf')->{exit}, 0, 'a relative path');
chmod 0777, "$top/a";
is(conf_of($_)->{exit}, 2, "in an open folder: $_") for 'conf', '../b/conf';
chdir '/';

# Pipes and standard input have no path to check.
fresh();
my $text = "DBDriver sqlite3\nDBDParams $cli->{db}\n";
is($cli->run('list', { conf => '/dev/stdin', stdin => $text })->{exit}, 0,
   'CONF on standard input');
is(system("printf '$text' | '" . APIKey::CLI::program()
          . "' -f /dev/stdin list >/dev/null"), 0, 'and through a pipe');

if ($root) {
    # Owners.  The secret file may belong to its user.  CONF may not where root
    # runs htapikey: its owner could make root open any file.
    for my $what ('conf', 'ring') {
        fresh();
        chown $them, $them, "$top/a/b/$what";
        $what eq 'conf' ? refused('of another user', "$top/a/b",
                                  qr/belongs to the user with .*$them/, 'conf')
                        : taken('of another user', "$top/a/b", 'ring');
    }
    for my $of ("$top/a/b", "$top/a", $top) {
        fresh();
        chown $them, $them, $of;
        refused("$of of another user", "$top/a/b",
                qr/folder \Q$of\E belongs to .*$them/);
    }
    fresh();
    chown $them, $them, "$top/a/b", "$top/a/b/ring";
    taken('in a folder of its own owner', "$top/a/b", 'ring');
    chown $other, $other, "$top/a/b";
    refused('in a folder of a third', "$top/a/b", qr/belongs to .*$other/,
            'ring');
    fresh();
    chown 0, $them, "$top/a";
    chmod 0775, "$top/a";
    refused('a group of others may write the folder', "$top/a/b",
            qr/its group may write the folder \Q$top\E\/a /);
    fresh();
    chown 0, $them, "$top/a";
    chmod 03777, "$top/a";
    taken('unless it is sticky', "$top/a/b");
    rename "$top/a/b", "$top/a/real";
    symlink 'real', "$top/a/b";
    taken('a link of ours there', "$top/a/b");
    system('chown', '-h', $them, "$top/a/b") == 0 or die "chown: $?\n";
    refused('a link of another user there', "$top/a/b",
            qr/link \Q$top\E\/a\/b belongs to .*$them/);

    # As another user: files of root and of that user are accepted.
    fresh();
    chmod 01777, $folder;
    chmod 0666, glob "$folder/keys.db*";
    my %exit = (0 => 0, $them => 0, $other => 2);
    for my $uid (sort keys %exit) {
        chown $uid, $uid, "$top/a/b/conf";
        is(system('setpriv', "--reuid=$them", "--regid=$them",
                  '--clear-groups', 'sh', '-c', "exec '"
                  . APIKey::CLI::program() . "' -f $top/a/b/conf list"
                  . ' >/dev/null 2>&1') >> 8, $exit{$uid},
           "user $them, and CONF of user $uid");
    }
}

done_testing;
