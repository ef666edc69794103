# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# httpd -t refuses a configuration that cannot work, with a message that says
# what to do, and accepts one that can: the file of secrets, the database,
# virtual hosts, UseCanonicalName.

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
# The directive of the secret file.
my $file = qq(ApiKeySecretFile "\@DIR\@/ring"\n);

# All secrets that were in the file: no message may contain one.
my @secrets = ((split ' ', $line)[1]);

sub said {
    my ($conf, %option) = @_;
    my $said = $site->check($conf, %option);
    my $secrets = join '|', map { quotemeta } @secrets;
    unlike($said->{text}, qr/$secrets|Segmentation|Sanitizer/,
           'the output of httpd -t has no secret: '
           . substr $conf =~ s/\n\s*/; /gr, 0, 70);
    return $said;
}

sub refused {
    my ($what, $said, @words) = @_;
    my @missing = grep { $said->{text} !~ $_ } @words;
    ok(!$said->{ok} && !@missing, "httpd -t refuses $what")
        or diag("without @missing: $said->{text}");
}

sub accepted {
    my ($what, $said) = @_;
    ok($said->{ok}, "httpd -t accepts $what") or diag($said->{text});
}

# ---- The secret file ----
my $no_secret = qr/APIKEY0006: .*htapikey secret.*ApiKeySecretFile/;
refused('AuthType ApiKey without ApiKeySecretFile', said("$dbd$guard"),
        $no_secret);
refused('ApiKeyPrefix without ApiKeySecretFile',
        said("${dbd}ApiKeyPrefix ak\n"), $no_secret);
accepted('a configuration without ApiKey directives', said(''));
accepted('a database without ApiKey directives', said($dbd));

sub with_file {
    my ($text, $mode) = @_;
    push @secrets, grep { length > 15 } split ' ', $text;
    $site->file('ring', $text, $mode // 0600);
    return said("$dbd$file$guard");
}

sub base64 { return encode_base64($_[0], '') }
my $good = base64('a' x 32);
my $refused = qr/APIKEY0005: .*secret file \S+ring is refused: /;
accepted('one secret', with_file("s1 $good\n"));
accepted('a secret file of mode 0400', with_file("s1 $good\n", 0400));
accepted('a secret file of mode 0640', with_file("s1 $good\n", 0640));
accepted('a secret file with comments, empty lines and blanks',
         with_file("# a comment\n\n  \ns1 \t $good\n\n#end"));
accepted('a secret file without a line end', with_file("s1 $good"));
accepted('a secret file with CR LF', with_file("s1 $good\r\n"));
accepted('sixteen secrets', with_file(join '', map {
    "s$_ " . base64(chr($_ + 64) x 32) . "\n" } 1 .. 16));
refused(sprintf('a secret file of mode %04o', $_),
        with_file("s1 $good\n", $_), $refused,
        qr/others .* have access|group may write/, qr/chmod/)
    for 0644, 0604, 0602, 0606, 0666, 0777, 0620, 0660, 0601;
my @lines = (
    [ 'a word', "s1\n", 1 ], [ 'three words', "s1 $good x\n", 1 ],
    [ 'no id', " $good\n", 1 ], [ 'a long id', 'i' x 33 . " $good\n", 1 ],
    [ 'a strange id', "s/1 $good\n", 1 ], [ 'a colon', "s1:$good\n", 1 ],
    [ 'a secret that is not base64', "s1 " . '!' x 44 . "\n", 1 ],
    [ 'a secret of 31 bytes', 's1 ' . base64('a' x 31) . "\n", 1 ],
    [ 'a secret of 129 bytes', 's1 ' . base64('a' x 129) . "\n", 1 ],
    [ 'base64 without padding', 's1 ' . $good =~ s/=+$//r . "\n", 1 ],
    [ 'a wrong second line', "s1 $good\ns2 nonsense\n", 2 ],
    [ 'a wrong line after comments', "# one\n\n\ns1 x\n", 4 ],
    [ 'the same id twice', "s1 $good\ns1 " . base64('b' x 32) . "\n", 2 ],
    [ 'seventeen secrets', join('', map {
        "s$_ " . base64(chr($_ + 64) x 32) . "\n" } 1 .. 17), 17 ],
    [ 'control characters', "\x00\x01\x02\n", 1 ],
    [ 'a UTF-8 mark', "\xef\xbb\xbfs1 $good", 1 ],
);
refused("a secret file with $_->[0]", with_file($_->[1]), $refused,
        qr/line $_->[2] \w/)
    for @lines;
refused('an empty secret file', with_file(''), $refused, qr/no secret in it/,
        qr/htapikey secret/);
refused('a secret file of comments', with_file("# nothing\n"), $refused,
        qr/no secret in it/);
refused('a secret file of more than 64 KiB', with_file('#' x 70_000), $refused,
        qr/64 KiB/);
refused('a folder as secret file',
        said("${dbd}ApiKeySecretFile \"\@DIR\@/docs\"\n$guard"),
        qr/APIKEY0005: .*not a regular file/);
refused('/dev/null as secret file',
        said("${dbd}ApiKeySecretFile /dev/null\n$guard"),
        qr/APIKEY0005: .*(?:not a regular file|others)/);
refused('a secret file that does not exist',
        said("${dbd}ApiKeySecretFile \"\@DIR\@/nowhere\"\n$guard"),
        qr/APIKEY0005: .*nowhere.*cannot be read/, qr/htapikey secret/);
$site->file('ring', "s1 $good\n", 0600);
accepted('a path relative to ServerRoot',
         said("${dbd}ApiKeySecretFile \"@{[ $site->{dir}
              =~ s{^\Q@{[ run_info()->{stage} ]}\E/}{}r ]}/ring\"\n$guard"));

# ---- The database ----
refused('a configuration without mod_dbd', said("$file$guard",
        without => [qw(dbd authn_dbd)]), qr/APIKEY0007: .*mod_dbd/,
        qr/LoadModule dbd_module/);
refused('a configuration without DBDriver', said("$file$guard"),
        qr/APIKEY0008: no database/,
        qr/DBDriver sqlite3/, qr/DBDParams/);
refused('a driver that does not exist',
        said("DBDriver nosuch\nDBDParams x\n$file$guard"),
        qr/nosuch|DBD/);

# ---- Virtual hosts ----
sub host { return "<VirtualHost 127.0.0.1:1>\n@_\n</VirtualHost>\n" }

accepted('a virtual host with section, database and secrets',
         said(host("$dbd$file$guard")));
accepted('a section in a virtual host, the rest in the main server',
         said("$dbd$file" . host($guard)));
accepted('a section in the main server, the rest in a virtual host',
         said($guard . host("$dbd$file") . host('ServerName b')));
accepted('two virtual hosts with a database each',
         said(host("$dbd$file$guard") . host("$dbd$file$guard")));
accepted('a second virtual host without keys',
         said(host("$dbd$file$guard") . host('ServerName b')));
refused('a virtual host with a section and without secrets',
        said(host("$dbd$file$guard") . host("$dbd$guard")), $no_secret);
refused('a virtual host with a section and without a database',
        said(host("$dbd$file$guard") . host("$file$guard")),
        qr/APIKEY0008: no database/);
my $no_database = qr/APIKEY0008: no database is named for this server/;
refused('a section in the main server if no server has a database',
        said("$file$guard" . host('ServerName b')), $no_database);
refused('a section in the main server, secrets in a host, no database',
        said($guard . host($file) . host('ServerName b')), $no_database);
my $half = said("${file}ApiKeyDBDriver sqlite3\n$guard" . host('ServerName b'));
refused('a section in the main server and ApiKeyDBDriver alone', $half,
        qr/APIKEY0009/);
refused('a section in the main server without mod_dbd',
        said("$file$guard" . host('ServerName b'),
             without => [qw(dbd authn_dbd)]), qr/APIKEY0007/);
my $one = said("$file$guard" . host("${dbd}ApiKeyKeyspace a")
               . host("ServerName b\nApiKeyKeyspace b"));
accepted('a section in the main server if one of two hosts has a database',
         $one);
is(scalar(() = $one->{text} =~ /$no_database/g), 1,
   'httpd -t warns of the virtual host without a database');
my $each = said("${file}ApiKeyDBDriver sqlite3\n$guard" . join '', map {
    host("ApiKeyDBDParams \"$site->{db}\"") =~ s/:1/:$_/r } 1, 2);
accepted('ApiKeyDBDriver in the main server, ApiKeyDBDParams in each host',
         $each);
unlike($each->{text}, qr/APIKEY/,
       'httpd -t prints no message if each host has ApiKeyDBDParams');
refused('a section in the main server if no server has secrets',
        said("$dbd$guard" . host('ServerName b')), $no_secret);
refused('a secret file of a second virtual host that does not exist',
        said(host("$dbd$file$guard")
             . host("${dbd}ApiKeySecretFile \"\@DIR\@/nowhere\"")),
        qr/APIKEY0005: .*nowhere/);
accepted('AuthType ApiKey in <Directory>, <Files>, <If>, nested',
         said("$dbd$file" . <<'EOF'));
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
refused('a section without secrets: ' . join('; ', split /\n/),
        said("$dbd<Location /x>\n$_\n</Location>\n"), $no_secret)
    for 'AuthType apikey', 'AuthType "ApiKey"', 'AUTHTYPE APIKEY',
        "<Limit POST>\nAuthType ApiKey\n</Limit>";

# ---- UseCanonicalName in the server or in its sections ----
my $lock = "${dbd}${file}ApiKeyTenant %{SERVER_NAME}\n";
refused('ApiKeyTenant %{SERVER_NAME} without UseCanonicalName On',
        said($lock), qr/APIKEY0003/);
accepted('ApiKeyTenant %{SERVER_NAME} with UseCanonicalName On',
         said("UseCanonicalName On\n$lock"));
accepted('both of them in a virtual host',
         said(host("UseCanonicalName On\n$lock")));
refused('a virtual host with UseCanonicalName Off and that ApiKeyTenant',
        said("UseCanonicalName On\n" . host("UseCanonicalName Off\n$lock")),
        qr/APIKEY0003/);
refused('a section with UseCanonicalName Off',
        said("UseCanonicalName On\n$lock<Location /x>\n"
             . "UseCanonicalName Off\n</Location>\n"), qr/APIKEY0003/);
refused('a virtual host with UseCanonicalName Off that inherits ApiKeyTenant',
        said("UseCanonicalName On\n$lock" . host('UseCanonicalName Off')),
        qr/APIKEY0003/);

done_testing;
