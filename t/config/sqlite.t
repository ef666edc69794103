# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A SQLite database is checked when httpd starts, with the rights of httpd's
# user: its path must be absolute, it must exist, have our tables and be
# writable; else httpd does not start (APIKEY0193).  httpd creates no database.

use File::Path qw(make_path);

use APIKey::Test;
use APIKey::ConfigTest;
use APIKey::Process qw(wait_until);

my $site = APIKey::ConfigTest->new;
my ($dir, $db) = @{$site}{qw(dir db)};
my $user = $> ? scalar getpwuid $> : $site->{run}{user};
my $secrets = qq(ApiKeySecretFile "$dir/secret"\n);
my $guard = "<Location /api>\nAuthType ApiKey\nRequire valid-user\n"
          . "</Location>\n";

# The lines that name a database: by mod_dbd, by ApiKeyDBDriver, or by ODBC.
sub named {
    my ($way, $params) = @_;
    return $way eq 'odbc'
        ? "DBDriver odbc\nDBDParams \"CONNECT='DRIVER=SQLite3;"
          . "Database=$params;Timeout=1'\"\n"
        : join '', map { "$way$_\n" } 'river sqlite3', "Params \"$params\"";
}

sub files { return join ' ', sort glob "$dir/db/* $dir/other/*" }

# httpd -t refuses the configuration with these words and creates no file.
sub refused {
    my ($what, $words, $conf) = @_;
    my $before = files();
    my $said = $site->check("$secrets$conf");
    ok(!$said->{ok} && $said->{text} =~ /^APIKEY0193: the database .*$words/m,
       "httpd -t refuses $what") or diag($said->{text});
    is(files(), $before, "httpd -t makes no file for $what");
    unlike($said->{text}, qr/APIKEY(?!0193)|unable to open/,
           "httpd -t prints no other message for $what");
}

sub accepted {
    my ($what, $conf) = @_;
    my $before = files();
    my $said = $site->check("$secrets$conf");
    ok($said->{ok} && $said->{text} !~ /APIKEY/, "httpd -t accepts $what")
        or diag($said->{text});
    is(files(), $before, "httpd -t leaves no file for $what");
}

# Runs a test while a file or folder has this mode and belongs to root, if the
# test runs as root.
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
    accepted("a database named by $way", $of->($db));
    refused("a relative path in $way", qr/path keys\.db does not begin with/,
            $of->('keys.db'));
    refused("a file that does not exist in $way",
            qr{no file $dir/other/mistyped\.db: .*htapikey init},
            $of->("$dir/other/mistyped.db"));
    refused("a folder that does not exist in $way",
            qr{no folder $dir/nowhere: }, $of->("$dir/nowhere/keys.db"));
    refused("a database without tables in $way",
            qr/none of mod_apikey's tables; .*htapikey init/,
            $of->("$dir/other/empty.db"));
}
my $of = sub { return named('DBD', $_[0]) . $guard };
accepted("$_->[0]", $of->($_->[1]))
    for [ 'a URI', "file:$db" ],
        [ 'a URI with mode=rw', "file:$db?mode=rw" ],
        [ 'a URI with //', "file://$db?mode=rwc&cache=private" ],
        [ 'a URI with localhost', "file://localhost$db" ],
        [ 'a URI that is percent-encoded', "file:$encoded" ];
refused("a URI $_->[0]", $_->[2], $of->($_->[1]))
    for [ 'with a relative path', 'file:keys.db?mode=rw',
          qr/path keys\.db does not/ ],
        [ 'of a file that does not exist',
          "file:$dir/other/%6done.db?mode=rwc",
          qr{no file $dir/other/mone\.db} ],
        [ 'with mode=ro', "file:$db?cache=private&mode=ro", qr/mode=ro/ ],
        [ 'with immutable=1', "file:$db?immutable=1#x", qr/immutable=1/ ];
refused("a database in memory, $_", qr/names no file/, $of->($_))
    for ':memory:', 'file::memory:?cache=shared', 'file:x?mode=memory';
my $nameless = $site->check("${secrets}DBDriver sqlite3\n$guard");
ok(!$nameless->{ok} && $nameless->{text} =~ /APIKEY0008/,
   'httpd -t refuses DBDriver without DBDParams') or diag($nameless->{text});
refused('a folder', qr{/other is no file}, $of->("$dir/other"));
refused('a file that is no database', qr/not a database/,
        $of->("$dir/other/text.db"));

# ---- The rights of httpd's user ----
with_mode($db, 0444, sub {
    refused("a file that httpd's user cannot write",
            qr/user $user cannot read and write the file $db: /, $of->($db));
});
with_mode($db, 0, sub {
    refused("a file that httpd's user cannot read",
            qr/user $user cannot read and write/, $of->($db));
});
with_mode("$dir/db", 0555, sub {
    refused("a folder that httpd's user cannot write",
            qr{user $user cannot write to the folder $dir/db, }, $of->($db));
});
with_mode("$dir/db", 0700, sub {
    $> ? pass('only for root: a folder that another user may not enter')
       : refused("a folder that httpd's user may not enter",
                 qr{user $user cannot reach $db: }, $of->($db));
});
symlink "$dir/db/keys.db", "$dir/other/link.db" or die "symlink: $!\n";
accepted('a symbolic link', $of->("$dir/other/link.db"));
with_mode("$dir/db", 0555, sub {
    refused("a link into a folder that httpd's user cannot write",
            qr{cannot write to the folder $dir/db, },
            $of->("$dir/other/link.db"));
});

# ---- Databases of virtual hosts, and of servers that verify no key ----
my $wrong = named('DBD', "$dir/other/mistyped.db");
my $right = named('DBD', $db);
sub host { return "<VirtualHost 127.0.0.1:1>\n@_\n</VirtualHost>\n" }
refused('a wrong database of a virtual host',
        qr/of the server at \S+:\d+ \(DBDParams\)/,
        "$right$guard" . host($wrong, 'ApiKeyKeyspace b'));
refused('a wrong database of a server that only an .htaccess may guard',
        qr/of the main server/, $wrong);
my $others = $site->check($secrets . $wrong
                          . host($right, $guard, 'ApiKeyKeyspace b'));
ok($others->{ok} && $others->{text} =~ /APIKEY0193: the database of the main/,
   'httpd -t warns of a wrong database that no AuthType ApiKey uses')
    or diag($others->{text});
my $none = $site->check(named('DBD', "$dir/other/mistyped.db"));
ok($none->{ok} && $none->{text} !~ /APIKEY/,
   'httpd -t prints no message about a database without ApiKeySecretFile')
    or diag($none->{text});

# ---- A start fails before any other message or file ----
ok(!eval { $site->start("ApiKeySecretFile \"$dir/secret\"\n$wrong$guard"); 1 },
   'httpd does not start if the file does not exist');
like($site->slurp('said'), qr/APIKEY0193: .*no file/,
     'a start that fails prints APIKEY0193');
unlike($site->slurp('error_log') . $site->slurp('said'),
       qr/AH006\d\d|AH0262\d|unable to open/,
       'a start that fails has no message of mod_dbd');
ok(!-e "$dir/other/mistyped.db", 'a start that fails makes no database');

# ---- A restart logs it and goes on, for other sites of the same httpd ----
$site->start($secrets . named('ApiKeyDBD', $db) . $guard);
my $key = $site->create;
my $before = length $site->slurp('error_log');
rename $db, "$db.away" or die "rename: $!\n";
kill 'HUP', $site->{pid};
my $log = sub { substr $site->slurp('error_log'), $before };
ok(wait_until(60, sub {
    $log->() =~ /APIKEY0193: .*no file $db: .*resuming normal operations/s }),
   'a restart without the file logs APIKEY0193 and goes on')
    or diag $log->();
is(get($site->port, '/')->{status}, 200,
   '200 for an open page after a restart without the file');
is(get($site->port, '/api', "X-API-Key: $key")->{status}, 503,
   '503 for a key after a restart without the file');
rename "$db.away", $db or die "rename: $!\n";
ok(wait_until(60, sub {
    get($site->port, '/api', "X-API-Key: $key")->{status} == 404 }),
   'the key is granted when the file is back');
$site->stop;

done_testing;
