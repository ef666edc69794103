# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Where each directive may stand: server, virtual host, section, .htaccess; and
# what a virtual host inherits.

use APIKey::Test;
use APIKey::Auth;
use APIKey::ConfigTest;

my $site = APIKey::ConfigTest->new;

# A line of each that is accepted where its context is.
my %server_only = (
    ApiKeySecretFile => '"@DIR@/secret"', ApiKeyKeyspace => 'default',
    ApiKeyTenant => 'acme', ApiKeyPrefix => 'ak', ApiKeyFormat => 'base62',
    ApiKeyDigest => 'hmac-sha256', ApiKeyLifetime => '90d',
    ApiKeyHeaders => 'On', ApiKeyPassKey => 'Off',
    ApiKeyCache => 'off', ApiKeyUsageFlush => '10', ApiKeyEnforce => 'On',
    ApiKeyQuery => '"SELECT id, tenant FROM apikey WHERE digest = %s"',
    ApiKeyChangesQuery => '"SELECT number, value FROM apikey_change WHERE '
                        . 'number > %s"',
    ApiKeyCacheTTL => '60 5', ApiKeyRevocationPoll => '500',
    ApiKeyStaleLimit => '60', ApiKeyDBDriver => 'sqlite3',
    ApiKeyDBDParams => '/x', ApiKeyRetention => '90',
);
my %anywhere = (
    ApiKeyFrom => 'bearer', ApiKeyUser => 'id', ApiKeyErrorFormat => 'none',
    ApiKeyErrorBody => '401 text/plain x',
);

my $base = "\@DATABASE\@\n";
my %around = (
    server => "%s\n",
    'virtual host' => "<VirtualHost 127.0.0.1:1>\n%s\n</VirtualHost>\n",
    Directory => "<Directory \"\@DOCS\@\">\n%s\n</Directory>\n",
    Location => "<Location />\n%s\n</Location>\n",
    Files => "<Files x>\n%s\n</Files>\n",
    'Directory in a virtual host' => "<VirtualHost 127.0.0.1:1>\n"
        . "<Directory \"\@DOCS\@\">\n%s\n</Directory>\n</VirtualHost>\n",
    If => "<If \"true\">\n%s\n</If>\n",
    Limit => "<Location />\n<Limit POST>\n%s\n</Limit>\n</Location>\n",
);
my @outer = ('server', 'virtual host');
my @inner = grep { my $at = $_; !grep { $_ eq $at } @outer } sort keys %around;

sub said {
    my ($at, @lines) = @_;
    return $site->check($base . sprintf $around{$at}, join "\n", @lines);
}

for my $at (@outer) {
    my @lines = map { "$_ $server_only{$_}" } sort keys %server_only;
    push @lines, map { "$_ $anywhere{$_}" } sort keys %anywhere;
    my $said = said($at, @lines);
    ok($said->{ok}, "all of this version in a $at") or diag($said->{text});
}
for my $at (@inner) {
    next if $at eq 'Limit';
    my $said = said($at, map { "$_ $anywhere{$_}" } sort keys %anywhere);
    ok($said->{ok}, "those of directories in $at") or diag($said->{text});
}
for my $name (sort keys %server_only) {
    for my $at (@inner) {
        my $said = said($at, "$name $server_only{$name}");
        ok(!$said->{ok} && $said->{text} =~ /\b$name (?:not allowed|cannot)/,
           "$name is not allowed in $at") or diag($said->{text});
    }
}

# ---- .htaccess: read when a request comes ----
my $guard = <<'EOF';
    AuthType ApiKey
    AuthName "R"
    Require valid-user
EOF
$site->file("docs/$_/index.html", "A page.\n") for qw(open shut);
$site->start(<<"EOF");
\@DATABASE\@
<Directory "\@DOCS\@">
$guard
</Directory>
<Directory "\@DOCS\@/open">
    AllowOverride AuthConfig
</Directory>
<Directory "\@DOCS\@/shut">
    AllowOverride FileInfo Indexes Limit Options
</Directory>
EOF
my $key = $site->create;

# What an .htaccess of these lines makes of a request, and what the log says.
sub with_htaccess {
    my ($folder, $lines, @headers) = @_;
    $site->file("docs/$folder/.htaccess", "$lines\n");
    my $before = length $site->slurp('error_log');
    my $r = get($site->port, "/$folder/index.html", @headers);
    my $log = substr $site->slurp('error_log'), $before;
    return ($r, join '', grep { !/:(?:trace\d|debug)\]/ } split /^/, $log);
}

my ($r, $log) = with_htaccess('open', '', "X-API-Key: $key");
is($r->{status}, 200, 'an empty .htaccess');
for my $name (sort keys %server_only) {
    ($r, $log) = with_htaccess('open', "$name $server_only{$name}"
                               =~ s/\@DIR\@/$site->{dir}/r);
    is($r->{status}, 500, "$name: not in .htaccess");
    like($log, qr/\.htaccess: $name not allowed here/, 'the log says so');
}
my %effect = (
    ApiKeyFrom => sub { join(',', header_of($_[0], 'WWW-Authenticate'))
                            eq 'Bearer realm="R"' },
    ApiKeyUser => sub { $_[0]{status} == 401 },
    ApiKeyErrorFormat => sub { $_[0]{body} =~ /<html>/ },
    ApiKeyErrorBody => sub { $_[0]{body} eq 'x' },
);
for my $name (sort keys %anywhere) {
    ($r, $log) = with_htaccess('open', "$name $anywhere{$name}");
    is($r->{status}, 401, "$name: in .htaccess with AllowOverride AuthConfig");
    ok($effect{$name}->($r), 'it works there') or diag(explain($r));
    ($r, $log) = with_htaccess('shut', "$name $anywhere{$name}");
    is($r->{status}, 500, "$name: not with other AllowOverride words");
    like($log, qr/\.htaccess: $name not allowed here/, 'the log says so');
}
for my $line ('ApiKeyUser name', 'ApiKeyErrorFormat xml', 'ApiKeyFrom query',
              'ApiKeyErrorBody 401 text/plain "%{user}"',
              'Require apikey-scope "a b"') {
    ($r, $log) = with_htaccess('open', $line);
    is($r->{status}, 500, ".htaccess: $line");
    like($log, qr/\.htaccess: \w/, 'a message of its own') or diag($log);
}
$site->stop;

# ---- What a virtual host inherits, and what it says itself ----
sub names {
    my ($r) = @_;
    return $r->{status} == 200 ? 'granted'
         : $r->{body} =~ /"code":\s*"(\w+)"/ ? $1 : $r->{body};
}
$site->file('cli.conf', $site->database_lines . "ApiKeyFormat base62 hex64\n");
my %made = (ak => $key, hex => $site->create(qw(--format hex64)),
            zz => $site->create(qw(--prefix zz)),
            two => $site->create(qw(--keyspace two)));
$site->start(<<"EOF");
\@DATABASE\@
ApiKeyPrefix ak
ApiKeyFrom header bearer
ApiKeyFormat base62
ApiKeyErrorBody 403 text/plain "outer %{reason}"
<Directory "\@DOCS\@">
$guard
</Directory>
<VirtualHost 127.0.0.1:*>
    ServerName inherits.example
</VirtualHost>
<VirtualHost 127.0.0.1:*>
    ServerName prefix.example
    ApiKeyPrefix zz
</VirtualHost>
<VirtualHost 127.0.0.1:*>
    ServerName hex.example
    ApiKeyFormat hex64
</VirtualHost>
<VirtualHost 127.0.0.1:*>
    ServerName keyspace.example
    ApiKeyKeyspace two
</VirtualHost>
<VirtualHost 127.0.0.1:*>
    ServerName from.example
    ApiKeyFrom header:X-Other
</VirtualHost>
<VirtualHost 127.0.0.1:*>
    ServerName lock.example
    ApiKeyTenant globex
</VirtualHost>
<VirtualHost 127.0.0.1:*>
    ServerName body.example
    ApiKeyErrorBody 403 text/plain "inner %{reason}"
    ApiKeyTenant globex
</VirtualHost>
EOF
for my $case ([ 'inherits', 'granted', 'invalid', 'invalid', 'invalid' ],
              [ 'prefix', 'invalid', 'invalid', 'granted', 'invalid' ],
              [ 'hex', 'invalid', 'granted', 'invalid', 'invalid' ],
              [ 'keyspace', 'invalid', 'invalid', 'invalid', 'granted' ],
              [ 'lock', 'outer tenant', 'invalid', 'invalid', 'invalid' ],
              [ 'body', 'inner tenant', 'invalid', 'invalid', 'invalid' ]) {
    my ($name, @want) = @$case;
    my @got = map { names(get($site->port, '/index.html',
                              "Host: $name.example", "X-API-Key: $made{$_}"))
              } qw(ak hex zz two);
    is_deeply(\@got, \@want, "$name.example: ak, hex, zz, keyspace two");
}
is(names(get($site->port, '/index.html', 'Host: from.example',
             "X-Other: $key")), 'granted', 'ApiKeyFrom of its own');
is(names(get($site->port, '/index.html', 'Host: from.example',
             "X-API-Key: $key")), 'missing', 'not beside the outer one');
$site->stop;
is($site->leaks(values %made), '', 'no key in their logs');

done_testing;
