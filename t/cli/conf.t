# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# CONF is read by the rules of httpd; what only httpd can interpret is refused.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my ($db, $ring) = @{$cli}{qw(db ring)};

# Files that are accepted: each with the prefix that a key made with it has.
my %good = (
    'plain' => [ "DBDriver sqlite3\nDBDParams $db\nApiKeySecretFile $ring\n",
                 'ak' ],
    'no line end after the last line' =>
        [ "DBDriver sqlite3\nDBDParams $db\nApiKeySecretFile $ring", 'ak' ],
    'lines that '
    . 'end with '
    . 'CR LF' => [ "DBDriver sqlite3\r\nDBDParams $db\r\nApiKeySecretFile "
                 . "$ring\r\nApiKeyPrefix crlf\r\n", 'crlf' ],
    'names in any case, tabs and several blanks' =>
        [ "\t dbdRIVER \t sqlite3 \t\n  DBDPARAMS\t$db\napikeysecretfile "
          . "$ring\nAPIKEYPREFIX   tabs  \n", 'tabs' ],
    'quotes' => [ "DBDriver \"sqlite3\"\nDBDParams '$db'\n"
                  . "ApiKeySecretFile \"$ring\"\nApiKeyPrefix \"q\"\n", 'q' ],
    'a quote that has no end' =>
        [ "DBDriver \"sqlite3\nDBDParams $db\nApiKeySecretFile $ring\n",
          'ak' ],
    'lines that continue after a backslash' =>
        [ "DBDriver \\\nsqlite3\nDBD\\\nParams $db\nApiKeySecretFile\\\r\n"
          . " $ring\nApiKeyPrefix \\\n\\\ncont\n", 'cont' ],
    'a comment that continues after a backslash' =>
        [ "# a \\\n<comment> \${x}\n  # Include this\nDBDriver sqlite3\n"
          . "DBDParams $db\nApiKeySecretFile $ring\n", 'ak' ],
    'directives of others are ignored' =>
        [ "Listen 8080\nLogFormat \"%{X}i \\\"%r\\\" <x>\" y\n"
          . "DBDriver sqlite3\nDBDParams $db\nApiKeySecretFile $ring\n"
          . "ApiKeyCacheTTL 60 5\nRequire apikey-scope a # b\n"
          . "NoSuchDirective \"at all\n", 'ak' ],
    'the last directive of a name has precedence' =>
        [ "DBDriver pgsql\nDBDriver sqlite3\nDBDParams /none\nDBDParams $db\n"
          . "ApiKeySecretFile /none\nApiKeySecretFile $ring\n"
          . "ApiKeyPrefix one\nApiKeyPrefix two\n", 'two' ],
    'an empty line, and lines of blanks' =>
        [ "\n \n\t\nDBDriver sqlite3\n\nDBDParams $db\nApiKeySecretFile "
          . "$ring\n", 'ak' ],
);
for my $name (sort keys %good) {
    my ($text, $prefix) = @{ $good{$name} };
    $cli->write(conf => $text);
    my $done = $cli->run(qw(create --tenant acme --name n -q));
    is($done->{exit}, 0, "CONF is accepted: $name") or diag $done->{err};
    like($done->{out}, qr/^${prefix}_\w{49}\n\z/,
         "the key has the prefix of CONF: $name");
    is($done->{err} =~ s/.*the tenant "acme" is new\n//r, '',
       "no message about CONF: $name");
}

# Within quotes a backslash escapes a quote or a backslash; elsewhere it is a
# character like others.
for my $odd ([ q{a'b"c}, q{"%s/a'b\\"c"} ], [ 'a b\\c', q{'%s/a b\\\\c'} ],
             [ 'a\\nb', q{%s/a\\nb} ], [ 'a\\', q{%s/a\\\\ } ]) {
    my ($name, $written) = @$odd;
    $cli->write(conf => "DBDriver sqlite3\nDBDParams "
        . sprintf($written, $cli->{folder}) . "\n");
    is($cli->run('init')->{exit}, 0, "init succeeds with DBDParams $written");
    ok(-s "$cli->{folder}/$name", "DBDParams $written is the file $name");
}

# Wrong lines after three right ones: the message has the number of the line.
my %bad = (
    '<VirtualHost *:80>' => qr/:4: .*section/,
    "  <IfModule x>\n</IfModule>" => qr/:4: .*section/,
    '<' => qr/:4: .*section/,
    'Include other.conf' => qr/:4: .*includes/,
    'includeoptional other.conf' => qr/:4: .*includes/,
    '"Include" other.conf' => qr/:4: .*includes/,
    'ApiKeyPrefix ${PREFIX}' => qr/:4: \$\{/,
    'ServerName ${NAME}' => qr/:4: \$\{/,
    "\n\nApiKeyPrefix \${P}" => qr/:6: \$\{/,
    "Listen \\\n80\\\n\nApiKeyFormat x" => qr/:7: ApiKeyFormat/,
    'ApiKeyPrefix' => qr/:4: ApiKeyPrefix wants one to 16 arguments/,
    "ApiKeyPrefix @{[ 'a' .. 'q' ]}" => qr/:4: ApiKeyPrefix wants one to 16 /,
    'ApiKeyPrefix -a' => qr/:4: ApiKeyPrefix '-a' does not begin/,
    'ApiKeyPrefix a b "c d"' => qr/:4: ApiKeyPrefix 'c d' has a character/,
    'ApiKeyPrefix ""' => qr/:4: ApiKeyPrefix '' is empty/,
    'ApiKeyKeyspace "a b"' => qr/:4: ApiKeyKeyspace has an argument that/,
    'ApiKeyFormat base63' => qr/:4: ApiKeyFormat wants.*base62/,
    'ApiKeyFormat base62 hex64 opaque base62' => qr/:4: ApiKeyFormat wants/,
    'ApiKeyDigest hmac-sha256 md5' => qr/:4: ApiKeyDigest has 'md5', which/,
    'ApiKeyDigest sha256:after=ab' => qr/:4: ApiKeyDigest has 'sha256:after=ab'/,
    'ApiKeyDigest' => qr/:4: ApiKeyDigest wants one to 7/,
    'ApiKeySecretFile ring' => qr{:4: ApiKeySecretFile .*'/'.*ServerRoot},
    'ApiKeySecretFile ""' => qr{:4: ApiKeySecretFile},
    'ApiKeyLifetime soon' => qr/:4: ApiKeyLifetime wants/,
    'ApiKeyLifetime 0d' => qr/:4: ApiKeyLifetime wants/,
    'ApiKeyLifetime 90d 30d' => qr/:4: ApiKeyLifetime wants/,
    'ApiKeyLifetime 90d max=1d max=2d' => qr/:4: ApiKeyLifetime wants/,
    'ApiKeyLifetime 90d min=x' => qr/:4: ApiKeyLifetime wants/,
    'ApiKeyLifetime 90d max=30d' => qr/:4: .*longer than its max/,
    'ApiKeyLifetime never max=30d' => qr/:4: .*longer than its max/,
    'ApiKeyLifetime 90d min=100d' => qr/:4: .*shorter than its min/,
    'ApiKeyLifetime 9d min=3d max=2d' => qr/:4: .*min that is longer/,
);
for my $lines (sort keys %bad) {
    $cli->conf($lines);
    my $done = $cli->run('list');
    is($done->{exit}, 2, "refused: $lines");
    like($done->{err}, qr/^htapikey: \Q$cli->{conf}\E$bad{$lines}/,
         "the message has file, line and fault of: $lines");
}

# CONF without some directives, and files that are no CONF.
$cli->write(conf => "DBDParams $db\n");
like($cli->run('list')->{err}, qr/has no DBDriver/, 'list without DBDriver says so');
$cli->write(conf => "DBDriver sqlite3\n");
like($cli->run('list')->{err}, qr/has no DBDParams/, 'list without DBDParams says so');
$cli->write(conf => "DBDriver sqlite3\nDBDParams $db\n");
is($cli->run('list')->{exit}, 0, 'list succeeds without ApiKeySecretFile');
my $done = $cli->run(qw(create --tenant a --name b));
is($done->{exit}, 2, 'create fails without ApiKeySecretFile');
like($done->{err}, qr/no ApiKeySecretFile/,
     'the message says that there is no ApiKeySecretFile');
$cli->write(conf => "DBDriver sqlite3\nDBDParams keys.db\n");
like($cli->run('list')->{err}, qr{DBDParams does not begin with '/'},
     'a relative path in DBDParams gives a warning');
$cli->write(conf => "DBDriver oracle\nDBDParams x\n");
$done = $cli->run('list');
is($done->{exit}, 3, 'exit status 3 for a driver that htapikey does not know');
like($done->{err}, qr/oracle.*sqlite3, pgsql, mysql, odbc/,
     'the message has the drivers that it knows');
$cli->write(conf => "DBDriver sqlite3\0\n");
is($cli->run('list')->{exit}, 2, 'exit status 2 for a CONF with a NUL');
$cli->write(conf => 'x' x (1024 * 1024 + 1));
is($cli->run('list')->{exit}, 2,
   'exit status 2 for a CONF larger than a megabyte');
is($cli->run('list', { conf => $cli->{folder} })->{exit}, 2,
   'exit status 2 for a CONF that is a folder');

# A secret file that other users can read.
$cli->conf;
chmod 0644, $ring;
$done = $cli->run(qw(create --tenant a --name b));
is($done->{exit}, 2, 'create fails when other users can read the secret file');
like($done->{err}, qr/\Q$ring\E/,
     'the message has the path of the secret file');
unlike($done->{err}, qr/\Q$APIKey::CLI::SECRET\E/,
       'the message does not have the secret');

done_testing;
