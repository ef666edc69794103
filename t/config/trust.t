# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# httpd does not start with a secret file that others than root, the user that
# starts httpd and the file's owner could replace.

use APIKey::Test;
use APIKey::ConfigTest;

my $site = APIKey::ConfigTest->new;
my ($dir, $secret) = ($site->{dir}, $site->slurp('secret'));

# A secret file below top/a; the folder has this mode, or owner.
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
ok($done->{ok}, 'a secret file of our own') or diag $done->{text};
$done = said(sub { chmod 0777, $_[0] });
ok(!$done->{ok}, 'all may write a folder above it: refused');
like($done->{text}, qr{ApiKeySecretFile.*secret.*folder\ \Q$dir\E/top/a\ .*
                       chmod\ o-w}sx, 'with what to do');
ok(said(sub { chmod 01777, $_[0] })->{ok}, 'but for a sticky one');
symlink 'top/a/b/secret', "$dir/link";
ok(said(sub {}, 'link')->{ok}, 'a link to it');
ok(!said(sub { chmod 0777, $_[0] }, 'link')->{ok},
   'refused likewise by the way that it leads');
if (!$>) {
    my @user = (getpwnam $site->{user})[2, 3];
    $done = said(sub { chown @user, $_[0] });
    ok(!$done->{ok}, "a folder of httpd's user: refused");
    like($done->{text}, qr/belongs to the user $site->{user}/, 'and why');
}

done_testing;
