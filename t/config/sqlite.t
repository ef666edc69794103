# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A SQLite database is checked when httpd starts, with the rights of httpd's
# user: its path is absolute, it exists, has our tables and is writable.  httpd
# never creates one.

use File::Path qw(make_path);

use APIKey::Test;
use APIKey::ConfigTest;
use APIKey::Process qw(wait_until);

my $site = APIKey::ConfigTest->new;
my ($dir, $db) = @{$site}{qw(dir db)};
my $user = $> ? scalar getpwuid $> : $site->{run}{user};
my $ring = qq(ApiKeySecretFile "$dir/secret"\n);
my $guard = "<Location /api>\nAuthType ApiKey\nRequire valid-user\n"
          . "</Location>\n";

sub named {
    my ($way, $params) = @_;
    return $way eq 'odbc'
        ? "DBDriver odbc\nDBDParams \"CONNECT='DRIVER=SQLite3;"
          . "Database=$params;Timeout=1'\"\n"
        : join '', map { "$way$_\n" } 'river sqlite3', "Params \"$params\"";
}

sub files { return join ' ', sort glob "$dir/db/* $dir/other/*" }

# The start is refused with these words, and no file was created.
sub refused {
    my ($what, $words, $conf) = @_;
    my $before = files();
    my $said = $site->check("$ring$conf");
    ok(!$said->{ok} && $said->{text} =~ /^APIKEY0193: the database .*$words/m,
       "refused: $what") or diag($said->{text});
    is(files(), $before, 'and nothing is made');
    unlike($said->{text}, qr/APIKEY(?!0193)|unable to open/, 'nor said beside');
}

sub accepted {
    my ($what, $conf) = @_;
    my $before = files();
    my $said = $site->check("$ring$conf");
    ok($said->{ok} && $said->{text} !~ /APIKEY/, "accepted: $what")
        or diag($said->{text});
    is(files(), $before, 'and nothing is left behind');
}

# Runs a test while a file belongs to root.
sub with_mode {
    my ($path, $mode, $work) = @_;
    my @was = (stat $path)[2, 4, 5];
    chown 0, 0, $path unless $>;
    chmod $mode, $path;
    $work->();
    chown @was[1, 2], $path unless $>;
    chmod $was[0] & 07777, $path;
}

make_path("$dir/other");
chown((getpwnam $user)[2, 3], "$dir/other") unless $>;
$site->file('other/empty.db', '', 0666);
$site->file('other/text.db', "No database.\n" x 100, 0666);
(my $encoded = $db) =~ s/keys/%6be%79s/;

for my $way (qw(DBD ApiKeyDBD odbc)) {
    my $of = sub { return named($way, $_[0]) . $guard };
    accepted("$way: the right one", $of->($db));
    refused("$way: a relative path", qr/path keys\.db does not begin with/,
            $of->('keys.db'));
    refused("$way: no such file",
            qr{no file $dir/other/mistyped\.db: .*htapikey init},
            $of->("$dir/other/mistyped.db"));
    refused("$way: no such folder", qr{no folder $dir/nowhere: },
            $of->("$dir/nowhere/keys.db"));
    refused("$way: no tables", qr/none of mod_apikey's tables; .*htapikey init/,
            $of->("$dir/other/empty.db"));
}
my $of = sub { return named('DBD', $_[0]) . $guard };
accepted("$_->[0]", $of->($_->[1]))
    for [ 'a URI', "file:$db" ], [ 'with mode=rw', "file:$db?mode=rw" ],
        [ 'with //', "file://$db?mode=rwc&cache=private" ],
        [ 'with localhost', "file://localhost$db" ],
        [ 'percent-encoded', "file:$encoded" ];
refused("a URI: $_->[0]", $_->[2], $of->($_->[1]))
    for [ 'relative', 'file:keys.db?mode=rw', qr/path keys\.db does not/ ],
        [ 'no file', "file:$dir/other/%6done.db?mode=rwc",
          qr{no file $dir/other/mone\.db} ],
        [ 'read-only', "file:$db?cache=private&mode=ro", qr/mode=ro/ ],
        [ 'immutable', "file:$db?immutable=1#x", qr/immutable=1/ ];
refused('in memory', qr/names no file/, $of->($_))
    for ':memory:', 'file::memory:?cache=shared', 'file:x?mode=memory';
my $nameless = $site->check("${ring}DBDriver sqlite3\n$guard");
ok(!$nameless->{ok} && $nameless->{text} =~ /APIKEY0008/,
   'refused: no DBDParams') or diag($nameless->{text});
refused('a folder', qr{/other is no file}, $of->("$dir/other"));
refused('another file', qr/not a database/, $of->("$dir/other/text.db"));

# ---- Its owner ----
with_mode($db, 0444, sub {
    refused('a file that its user cannot write',
            qr/user $user cannot read and write the file $db: /, $of->($db));
});
with_mode($db, 0, sub {
    refused('or cannot read', qr/user $user cannot read and write/, $of->($db));
});
with_mode("$dir/db", 0555, sub {
    refused('a folder that its user cannot write',
            qr{user $user cannot write to the folder $dir/db, }, $of->($db));
});
with_mode("$dir/db", 0700, sub {
    $> ? pass('our own user may enter')
       : refused('a folder that its user must not enter',
                 qr{user $user cannot reach $db: }, $of->($db));
});
symlink "$dir/db/keys.db", "$dir/other/link.db" or die "symlink: $!\n";
accepted('a symbolic link', $of->("$dir/other/link.db"));
with_mode("$dir/db", 0555, sub {
    refused('a link into a folder that its user cannot write',
            qr{cannot write to the folder $dir/db, }, $of->("$dir/other/link.db"));
});

# ---- Which servers ----
my $wrong = named('DBD', "$dir/other/mistyped.db");
my $right = named('DBD', $db);
sub host { return "<VirtualHost 127.0.0.1:1>\n@_\n</VirtualHost>\n" }
refused('of a virtual host', qr/of the server at \S+:\d+ \(DBDParams\)/,
        "$right$guard" . host($wrong, 'ApiKeyKeyspace b'));
refused('guarded by an .htaccess alone', qr/of the main server/, $wrong);
my $others = $site->check($ring . $wrong
                          . host($right, $guard, 'ApiKeyKeyspace b'));
ok($others->{ok} && $others->{text} =~ /APIKEY0193: the database of the main/,
   'a warning where no AuthType ApiKey leads to it') or diag($others->{text});
my $none = $site->check(named('DBD', "$dir/other/mistyped.db"));
ok($none->{ok} && $none->{text} !~ /APIKEY/, 'not a word where no key is checked')
    or diag($none->{text});

# ---- A start stops before any other message or file ----
ok(!eval { $site->start("ApiKeySecretFile \"$dir/secret\"\n$wrong$guard"); 1 },
   'a start stops');
like($site->slurp('said'), qr/APIKEY0193: .*no file/, 'and says why');
unlike($site->slurp('error_log') . $site->slurp('said'),
       qr/AH006\d\d|AH0262\d|unable to open/, 'mod_dbd says nothing');
ok(!-e "$dir/other/mistyped.db", 'and makes nothing');

# ---- A restart logs it and goes on, for the other sites ----
$site->start($ring . named('ApiKeyDBD', $db) . $guard);
my $key = $site->create;
my $before = length $site->slurp('error_log');
rename $db, "$db.away" or die "rename: $!\n";
kill 'HUP', $site->{pid};
my $log = sub { substr $site->slurp('error_log'), $before };
ok(wait_until(60, sub {
    $log->() =~ /APIKEY0193: .*no file $db: .*resuming normal operations/s }),
   'a restart without the file is told in the log, and goes on')
    or diag $log->();
is(get($site->port, '/')->{status}, 200, 'a page without a key is there');
is(get($site->port, '/api', "X-API-Key: $key")->{status}, 503,
   'a key is answered 503');
rename "$db.away", $db or die "rename: $!\n";
ok(wait_until(60, sub {
    get($site->port, '/api', "X-API-Key: $key")->{status} == 404 }),
   'and good again when the file is back');
$site->stop;

done_testing;
