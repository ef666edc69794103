# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# httpd starts only if no other user than root, the one that starts httpd and
# the owner of the secret file could replace that file: the folders above it and
# the folders that a link leads through belong to these users, and others may
# not write to them.

use APIKey::Test;
use APIKey::ConfigTest;

my $site = APIKey::ConfigTest->new;
my ($dir, $secret) = ($site->{dir}, $site->slurp('secret'));

# What httpd -t says of a secret file in top/a/b after a change of top/a.
sub said {
    my ($change, $name) = @_;
    $site->file('top/a/b/secret', $secret, 0600);
    chmod 0755, map { "$dir/$_" } qw(top top/a top/a/b);
    chown $>, $), map { "$dir/$_" } qw(top top/a top/a/b);
    $change->("$dir/top/a");
    $name //= 'top/a/b/secret';
    return $site->check(qq(ApiKeySecretFile "\@DIR\@/$name"\n)
                        . qq(DBDriver sqlite3\nDBDParams "$site->{db}"\n));
}

my $done = said(sub {});
ok($done->{ok}, 'httpd -t accepts a secret file in folders of its own user')
    or diag $done->{text};
$done = said(sub { chmod 0777, $_[0] });
ok(!$done->{ok}, 'httpd -t refuses a folder above it that all may write');
like($done->{text}, qr{ApiKeySecretFile.*secret.*folder\ \Q$dir\E/top/a\ .*
                       chmod\ o-w}sx, 'the message names the folder and chmod');
ok(said(sub { chmod 01777, $_[0] })->{ok},
   'httpd -t accepts a folder above it that all may write and is sticky');
symlink 'top/a/b/secret', "$dir/link";
ok(said(sub {}, 'link')->{ok}, 'httpd -t accepts a link to the secret file');
ok(!said(sub { chmod 0777, $_[0] }, 'link')->{ok},
   'httpd -t refuses a link through a folder that all may write');
if (!$>) {
    my @user = (getpwnam $site->{user})[2, 3];
    $done = said(sub { chown @user, $_[0] });
    ok(!$done->{ok}, "httpd -t refuses a folder above it of httpd's user");
    like($done->{text}, qr/belongs to the user $site->{user}/,
         'the message names the user');
}

done_testing;
