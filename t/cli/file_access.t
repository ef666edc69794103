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

# taken() shows that each of these files is read by this path, refused() that it
# is refused before it is read.
sub taken {
    my ($promise, $way, @which) = @_;
    for my $which (@which ? @which : qw(conf ring)) {
        my $done = $read{$which}->("$way/$which");
        is($done->{exit}, 0, "$which is read: $promise") or diag $done->{err};
    }
}

sub refused {
    my ($promise, $way, $like, @which) = @_;
    for my $which (@which ? @which : qw(conf ring)) {
        my $path = "$way/$which";
        # This line would be a fault of the file if it were read.
        open my $out, '>>', $path or die "$path: $!\n";
        print $out "<nonsense>\n";
        close $out;
        my $done = $read{$which}->($path);
        is($done->{exit}, 2,
           "$which is refused: $promise") or diag $done->{err};
        like($done->{err}, qr/\Q$path\E.* (?:not read|refused): .*$like/,
             "the message about $which has the reason: $promise");
        unlike($done->{err}, qr/nonsense|section|line \d/,
               "$which has not been read: $promise");
        is($done->{out}, '', "nothing is done without $which: $promise");
    }
}

fresh();
taken('its owner alone can write it', "$top/a/b");
for my $mode (0666, 0646, 0664, 0620) {
    fresh();
    chmod $mode, "$top/a/b/conf";
    refused(sprintf('mode %04o', $mode), "$top/a/b",
            qr/(?:everybody|its group) may write it.*chmod go-w/, 'conf');
}

# The folder of the file and those above it.
for my $open ("$top/a/b", "$top/a", $top) {
    fresh();
    chmod 0777, $open;
    refused("every user may write $open", "$top/a/b",
            qr/everybody may write the folder \Q$open\E .*chmod o-w/);
    chmod 0755, $open;
    fresh();
    chmod 01777, $open;
    taken("every user may write $open, which is sticky", "$top/a/b");
}

# Rights of a group count as rights of other users, except those of the user's
# own group while it has no other members.
my @own = getpwuid $us;
my ($name, $members) = (getgrgid $own[3])[0, 3];
my $alone = $name eq $own[0] && !grep { $_ ne $name } split ' ', $members;
fresh();
chown -1, $own[3], "$top/a" or die "$top/a: $!\n";
chmod 0775, "$top/a";
$alone ? taken("the user's own group may write the folder", "$top/a/b")
       : refused('a group with other members may write the folder',
                 "$top/a/b", qr/its group may write the folder/);

# Links: both the path to the link and the path that it leads to count.
fresh();
make_path("$top/open");
rename "$top/a/b/$_", "$top/open/$_" for qw(conf ring);
symlink "../../open/$_", "$top/a/b/$_" for qw(conf ring);
taken('a link to a file in a folder of its owner', "$top/a/b");
taken('a path with dots and double slashes', "$top//a/./b/../../a/b");
chmod 0777, "$top/open";
refused('a link to a file in a folder that every user may write',
        "$top/a/b", qr/folder \Q$top\E\/open /);
fresh();
symlink 'a', "$top/link";
taken('a path through a link to a folder', "$top/link/b");
chmod 0777, "$top/a";
refused('a path through a link into a folder that every user may write',
        "$top/link/b",
        qr/folder \Q$top\E\/a /);
fresh();
symlink "$top/loop", "$top/loop";
isnt($_->("$top/loop")->{exit}, 0,
     'a link to itself is refused') for values %read;

# A relative path begins at the working directory.
fresh();
chdir "$top/a/b" or die "chdir: $!\n";
is(conf_of('conf')->{exit}, 0, 'CONF is read by a relative path');
chmod 0777, "$top/a";
is(conf_of($_)->{exit}, 2,
   "a relative path in a folder that every user may write is refused: $_")
    for 'conf', '../b/conf';
chdir '/';

# Pipes and standard input have no path to check.
fresh();
my $text = "DBDriver sqlite3\nDBDParams $cli->{db}\n";
is($cli->run('list', { conf => '/dev/stdin', stdin => $text })->{exit}, 0,
   'CONF is read from standard input');
is(system("printf '$text' | '" . APIKey::CLI::program()
          . "' -f /dev/stdin list >/dev/null"), 0, 'CONF is read from a pipe');

if ($root) {
    # Owners.  The secret file may belong to another user, who can read it.
    # CONF may not where root runs htapikey: its owner could make root open any
    # file.
    for my $what ('conf', 'ring') {
        fresh();
        chown $them, $them, "$top/a/b/$what";
        $what eq 'conf' ? refused('it belongs to another user', "$top/a/b",
                                  qr/belongs to the user with .*$them/, 'conf')
                        : taken('it belongs to another user', "$top/a/b",
                                'ring');
    }
    for my $of ("$top/a/b", "$top/a", $top) {
        fresh();
        chown $them, $them, $of;
        refused("$of belongs to another user", "$top/a/b",
                qr/folder \Q$of\E belongs to .*$them/);
    }
    fresh();
    chown $them, $them, "$top/a/b", "$top/a/b/ring";
    taken('its folder belongs to the same user as the file', "$top/a/b",
          'ring');
    chown $other, $other, "$top/a/b";
    refused('its folder belongs to a third user', "$top/a/b",
            qr/belongs to .*$other/, 'ring');
    fresh();
    chown 0, $them, "$top/a";
    chmod 0775, "$top/a";
    refused('a group of other users may write the folder', "$top/a/b",
            qr/its group may write the folder \Q$top\E\/a /);
    fresh();
    chown 0, $them, "$top/a";
    chmod 03777, "$top/a";
    taken('a group of other users may write the folder, which is sticky',
          "$top/a/b");
    rename "$top/a/b", "$top/a/real";
    symlink 'real', "$top/a/b";
    taken('a link of root in that folder', "$top/a/b");
    system('chown', '-h', $them, "$top/a/b") == 0 or die "chown: $?\n";
    refused('a link of another user in that folder', "$top/a/b",
            qr/link \Q$top\E\/a\/b belongs to .*$them/);

    # Another user than root runs htapikey: files of root and of that user are
    # read, those of a third are refused.
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
           "the exit status when user $them runs htapikey with CONF of user "
           . "$uid");
    }
}

done_testing;
