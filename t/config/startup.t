# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A configuration that cannot work is refused by httpd -t with a sentence that
# says what to do: secrets, database, modules.

use APIKey::Test;
use APIKey::ConfigTest;
use MIME::Base64 qw(encode_base64);

my $site = APIKey::ConfigTest->new;
my $line = $site->slurp('secret');
chomp $line;
my $guard = <<'EOF';
<Location /api>
    AuthType ApiKey
    Require valid-user
</Location>
EOF
my $dbd = qq(DBDriver sqlite3\nDBDParams "$site->{db}"\n);
my $ring = qq(ApiKeySecretFile "\@DIR\@/ring"\n);

# All secrets that the file has had: no message may have one in it.
my @secrets = ((split ' ', $line)[1]);

sub said {
    my ($conf, %option) = @_;
    my $said = $site->check($conf, %option);
    my $secrets = join '|', map { quotemeta } @secrets;
    unlike($said->{text}, qr/$secrets|Segmentation|Sanitizer/,
           'the message below has no secret');
    return $said;
}

sub refused {
    my ($what, $said, @words) = @_;
    my @missing = grep { $said->{text} !~ $_ } @words;
    ok(!$said->{ok} && !@missing, "refused: $what")
        or diag("without @missing: $said->{text}");
}

sub accepted {
    my ($what, $said) = @_;
    ok($said->{ok}, "accepted: $what") or diag($said->{text});
}

# ---- The secret file ----
my $no_secret = qr/APIKEY0006: .*htapikey secret.*ApiKeySecretFile/;
refused('AuthType ApiKey without ApiKeySecretFile', said("$dbd$guard"),
        $no_secret);
refused('another ApiKey directive alone', said("${dbd}ApiKeyPrefix ak\n"),
        $no_secret);
accepted('nothing of ours at all', said(''));
accepted('a database alone', said($dbd));

sub with_ring {
    my ($text, $mode) = @_;
    push @secrets, grep { length > 15 } split ' ', $text;
    $site->file('ring', $text, $mode // 0600);
    return said("$dbd$ring$guard");
}

sub base64 { return encode_base64($_[0], '') }
my $good = base64('a' x 32);
my $refused = qr/APIKEY0005: .*secret file \S+ring is refused: /;
accepted('one secret', with_ring("s1 $good\n"));
accepted('mode 0400', with_ring("s1 $good\n", 0400));
accepted('mode 0640', with_ring("s1 $good\n", 0640));
accepted('comments, empty lines, blanks',
         with_ring("# a comment\n\n  \ns1 \t $good\n\n#end"));
accepted('no line end', with_ring("s1 $good"));
accepted('CR LF', with_ring("s1 $good\r\n"));
accepted('sixteen', with_ring(join '', map {
    "s$_ " . base64(chr($_ + 64) x 32) . "\n" } 1 .. 16));
refused(sprintf('mode %04o', $_), with_ring("s1 $good\n", $_), $refused,
        qr/others .* have access|group may write/, qr/chmod/)
    for 0644, 0604, 0602, 0606, 0666, 0777, 0620, 0660, 0601;
my @lines = (
    [ 'a word', "s1\n", 1 ], [ 'three words', "s1 $good x\n", 1 ],
    [ 'no id', " $good\n", 1 ], [ 'a long id', 'i' x 33 . " $good\n", 1 ],
    [ 'a strange id', "s/1 $good\n", 1 ], [ 'a colon', "s1:$good\n", 1 ],
    [ 'no base64', "s1 " . '!' x 44 . "\n", 1 ],
    [ 'a short secret', 's1 ' . base64('a' x 31) . "\n", 1 ],
    [ 'a long secret', 's1 ' . base64('a' x 129) . "\n", 1 ],
    [ 'no padding', 's1 ' . $good =~ s/=+$//r . "\n", 1 ],
    [ 'a line below', "s1 $good\ns2 nonsense\n", 2 ],
    [ 'below comments', "# one\n\n\ns1 x\n", 4 ],
    [ 'one id twice', "s1 $good\ns1 " . base64('b' x 32) . "\n", 2 ],
    [ 'seventeen', join('', map { "s$_ " . base64(chr($_ + 64) x 32) . "\n" }
                            1 .. 17), 17 ],
    [ 'binary', "\x00\x01\x02\n", 1 ], [ 'a UTF-8 mark', "\xef\xbb\xbfs1 $good",
      1 ],
);
refused($_->[0], with_ring($_->[1]), $refused, qr/line $_->[2] \w/)
    for @lines;
refused('an empty file', with_ring(''), $refused, qr/no secret in it/,
        qr/htapikey secret/);
refused('comments alone', with_ring("# nothing\n"), $refused,
        qr/no secret in it/);
refused('a large file', with_ring('#' x 70_000), $refused, qr/64 KiB/);
refused('a folder', said("${dbd}ApiKeySecretFile \"\@DIR\@/docs\"\n$guard"),
        qr/APIKEY0005: .*not a regular file/);
refused('/dev/null', said("${dbd}ApiKeySecretFile /dev/null\n$guard"),
        qr/APIKEY0005: .*(?:not a regular file|others)/);
refused('a file that is not there',
        said("${dbd}ApiKeySecretFile \"\@DIR\@/nowhere\"\n$guard"),
        qr/APIKEY0005: .*nowhere.*cannot be read/, qr/htapikey secret/);
$site->file('ring', "s1 $good\n", 0600);
accepted('a relative path is ServerRoot\'s',
         said("${dbd}ApiKeySecretFile \"@{[ $site->{dir}
              =~ s{^\Q@{[ run_info()->{stage} ]}\E/}{}r ]}/ring\"\n$guard"));

# ---- The database ----
refused('mod_dbd not loaded', said("$ring$guard",
        without => [qw(dbd authn_dbd)]), qr/APIKEY0007: .*mod_dbd/,
        qr/LoadModule dbd_module/);
refused('no DBDriver', said("$ring$guard"), qr/APIKEY0008: no database/,
        qr/DBDriver sqlite3/, qr/DBDParams/);
refused('a driver that is not there',
        said("DBDriver nosuch\nDBDParams x\n$ring$guard"),
        qr/nosuch|DBD/);

# ---- Virtual hosts ----
sub host { return "<VirtualHost 127.0.0.1:1>\n@_\n</VirtualHost>\n" }

accepted('all in one virtual host', said(host("$dbd$ring$guard")));
accepted('guarded in a virtual host, the rest outside',
         said("$dbd$ring" . host($guard)));
accepted('guarded outside, the rest in a virtual host',
         said($guard . host("$dbd$ring") . host('ServerName b')));
accepted('two virtual hosts, a database each',
         said(host("$dbd$ring$guard") . host("$dbd$ring$guard")));
accepted('another virtual host without keys',
         said(host("$dbd$ring$guard") . host('ServerName b')));
refused('a virtual host that is guarded and has no secrets',
        said(host("$dbd$ring$guard") . host("$dbd$guard")), $no_secret);
refused('a virtual host that is guarded and has no database',
        said(host("$dbd$ring$guard") . host("$ring$guard")),
        qr/APIKEY0008: no database/);
my $no_database = qr/APIKEY0008: no database is named for this server/;
refused('guarded outside, and no server has a database',
        said("$ring$guard" . host('ServerName b')), $no_database);
refused('guarded outside, secrets in a virtual host, no database',
        said($guard . host($ring) . host('ServerName b')), $no_database);
my $half = said("${ring}ApiKeyDBDriver sqlite3\n$guard" . host('ServerName b'));
refused('guarded outside, half of a database', $half, qr/APIKEY0009/);
refused('guarded outside, no mod_dbd', said("$ring$guard" . host('ServerName b'),
        without => [qw(dbd authn_dbd)]), qr/APIKEY0007/);
my $one = said("$ring$guard" . host("${dbd}ApiKeyKeyspace a")
               . host("ServerName b\nApiKeyKeyspace b"));
accepted('guarded outside, one of two virtual hosts has a database', $one);
is(scalar(() = $one->{text} =~ /$no_database/g), 1, 'the other is warned of');
my $each = said("${ring}ApiKeyDBDriver sqlite3\n$guard" . join '', map {
    host("ApiKeyDBDParams \"$site->{db}\"") =~ s/:1/:$_/r } 1, 2);
accepted('a driver outside, parameters in each virtual host', $each);
unlike($each->{text}, qr/APIKEY/, 'and no word about it');
refused('guarded outside, and nobody has secrets',
        said("$dbd$guard" . host('ServerName b')), $no_secret);
refused('a bad ring in the second virtual host',
        said(host("$dbd$ring$guard")
             . host("${dbd}ApiKeySecretFile \"\@DIR\@/nowhere\"")),
        qr/APIKEY0005: .*nowhere/);
accepted('AuthType ApiKey in <Directory>, <Files>, <If>, nested',
         said("$dbd$ring" . <<'EOF'));
<Directory "@DOCS@">
    <Files "*.html">
        AuthType apikey
        Require apikey-scope a:b
    </Files>
    <If "%{REQUEST_URI} =~ m#^/x#">
        AuthType "ApiKey"
        Require apikey-tenant acme
    </If>
</Directory>
EOF
refused("$_: without secrets", said("$dbd<Location /x>\n$_\n</Location>\n"),
        $no_secret)
    for 'AuthType apikey', 'AuthType "ApiKey"', 'AUTHTYPE APIKEY',
        "<Limit POST>\nAuthType ApiKey\n</Limit>";

# ---- UseCanonicalName in the server or in its sections ----
my $lock = "${dbd}${ring}ApiKeyTenant %{SERVER_NAME}\n";
refused('without UseCanonicalName', said($lock), qr/APIKEY0003/);
accepted('with it', said("UseCanonicalName On\n$lock"));
accepted('with it in the virtual host',
         said(host("UseCanonicalName On\n$lock")));
refused('the virtual host takes it back',
        said("UseCanonicalName On\n" . host("UseCanonicalName Off\n$lock")),
        qr/APIKEY0003/);
refused('a section takes it back',
        said("UseCanonicalName On\n$lock<Location /x>\n"
             . "UseCanonicalName Off\n</Location>\n"), qr/APIKEY0003/);
refused('inherited, but the virtual host takes it back',
        said("UseCanonicalName On\n$lock" . host('UseCanonicalName Off')),
        qr/APIKEY0003/);

done_testing;
