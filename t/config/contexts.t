# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# An error in an .htaccess is a 500 whose message is logged; a virtual host
# inherits each directive of the main server or replaces it.  The contexts in
# which a directive is allowed are tested in matrix.t.

use APIKey::Test;
use APIKey::Auth;
use APIKey::ConfigTest;

my $site = APIKey::ConfigTest->new;

# ---- .htaccess: read at each request ----
my $guard = <<'EOF';
    AuthType ApiKey
    AuthName "R"
    Require valid-user
EOF
$site->file('docs/open/index.html', "A page.\n");
$site->start(<<"EOF");
\@DATABASE\@
<Directory "\@DOCS\@">
$guard
</Directory>
<Directory "\@DOCS\@/open">
    AllowOverride AuthConfig
</Directory>
EOF
my $key = $site->create;

# The response to a request to a folder with this .htaccess, and what was logged
# meanwhile, without debug and trace.
sub with_htaccess {
    my ($folder, $lines, @headers) = @_;
    $site->file("docs/$folder/.htaccess", "$lines\n");
    my $before = length $site->slurp('error_log');
    my $r = get($site->port, "/$folder/index.html", @headers);
    my $log = substr $site->slurp('error_log'), $before;
    return ($r, join '', grep { !/:(?:trace\d|debug)\]/ } split /^/, $log);
}

my ($r, $log) = with_htaccess('open', '', "X-API-Key: $key");
is($r->{status}, 200, '200 for a good key with an empty .htaccess');
for my $line ('ApiKeyUser name', 'ApiKeyErrorFormat xml', 'ApiKeyFrom query',
              'ApiKeyErrorBody 401 text/plain "%{user}"',
              'Require apikey-scope "a b"') {
    ($r, $log) = with_htaccess('open', $line);
    is($r->{status}, 500, "500 with $line in an .htaccess");
    like($log, qr/\.htaccess: \w/, "the log says what is wrong with $line")
        or diag($log);
}
$site->stop;

# ---- What a virtual host inherits, and what it replaces ----
# "granted", the code of a problem body, or the body.
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
    is_deeply(\@got, \@want,
              "$name.example: the answers to keys ak, hex, zz, two");
}
is(names(get($site->port, '/index.html', 'Host: from.example',
             "X-Other: $key")), 'granted',
   'from.example: granted for a key in the header of its own ApiKeyFrom');
is(names(get($site->port, '/index.html', 'Host: from.example',
             "X-API-Key: $key")), 'missing',
   'from.example: missing for a key in the header of the main ApiKeyFrom');
$site->stop;
# Not the hex64 key: it has no check characters, so a server with another prefix
# does not recognize it and logs it.
is($site->leaks(@made{qw(ak zz two)}), '', 'the logs contain no base62 key');

done_testing;
