# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# What conf/manual/directives.md says about httpd, curl and the programs of the
# server is tried.

use APIKey::Guard qw(slurp);
use APIKey::RecipeSite;
use APIKey::Test;

my $MANUAL = slurp('conf/manual/directives.md') =~ s/\s+/ /gr;
my $HTTP2 = run_info()->{mpm} ne 'prefork';
my $site = APIKey::RecipeSite->new;
my $dir = $site->{dir};
my ($folder) = $site->slurp('../../conf/modules.list') =~ m{"(.*)/mod_\w+\.so"};
my ($opener) = slurp('conf/manual/directives.md')
    =~ /^((?:    AuthType None\n)(?:    \N+\n)+)/m;
$site->file('docs/opened/.htaccess', $opener =~ s/^    //mgr);
$site->file('docs/opened/page', "Opened.\n");
$site->file('docs/change.cgi', <<"EOF_CGI", 0755);
#!/bin/sh
echo Content-Type: text/plain
echo
sqlite3 "$dir/db/keys.db" "UPDATE apikey SET scopes = '*'" 2>&1 && echo changed
cat "$dir/secret" 2>&1 && echo read
EOF_CGI
# No log is searched for this key: one gets it on purpose.
chomp(my $key = $site->htapikey(qw(create -q --tenant acme --name x)));

# The manual has this text, whatever its line breaks.
sub says {
    my ($text) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(index($MANUAL, $text) >= 0, "the manual says: $text");
}

my $app = "127.0.0.1:$site->{app_port}";
my $at = "127.8.0.1:$site->{port}";
$site->run(<<"EOF_CONF", $HTTP2 ? <<"EOF_HTTP2" : ());
LoadModule info_module "$folder/mod_info.so"
<Location "/server-info">
    SetHandler server-info
</Location>
<VirtualHost 127.0.0.1:*>
    RedirectMatch 307 "^/moved/(.*)" "http://localhost:$site->{app_port}/\$1"
    ProxyPass "/api" "http://$app/api"
    <Location "/api/limit">
        AuthType ApiKey
        <Limit POST>
            Require valid-user
        </Limit>
    </Location>
    <Location "/api/merged">
        AuthType ApiKey
        Require apikey-scope none:has
    </Location>
    <Location "/api/merged/and">
        AuthMerging And
        Require all granted
    </Location>
    <Location "/api/merged/or">
        AuthMerging Or
        Require all granted
    </Location>
    <Location "/api/merged/off">
        Require all granted
    </Location>
    <Location "/api/scoped">
        AuthType ApiKey
        Require apikey-scope any:thing
    </Location>
    <Directory "$dir/docs">
        AllowOverride AuthConfig
        Options ExecCGI
        AddHandler cgi-script .cgi
    </Directory>
    <Directory "$dir/docs/opened">
        AuthType ApiKey
        Require valid-user
        Header set X-Told "%{APIKEY_TENANT}e"
    </Directory>
</VirtualHost>
<VirtualHost 127.0.0.1:1>
    ApiKeyDBDriver pgsql
    ApiKeyDBDParams "host=127.0.0.1 port=1 password=sesame connect_timeout=1"
</VirtualHost>
<IfModule mod_cgid.c>
    ScriptSock "$dir/cgisock"
</IfModule>
EOF_CONF
Listen $at
LogLevel http2:trace1
Protocols h2c http/1.1
<VirtualHost $at>
    LogLevel http2:trace2
</VirtualHost>
EOF_HTTP2
my $port = $site->port;

sub curl {
    my (@with) = @_;
    open my $from, '-|', qw(curl -sS), @with or die "curl: $!\n";
    local $/;
    return scalar(<$from>) // '';
}

subtest 'what mod_info shows' => sub {
    my $shown = get($port, '/server-info')->{body};
    like($shown, qr/sesame/, 'mod_info shows the password of ApiKeyDBDParams');
    like($shown, qr/ApiKeySecretFile.*\Q$dir\E\/secret/,
         'mod_info shows the path of the secret file');
    my ($secret) = $site->slurp('secret') =~ /(\S+)$/m;
    unlike($shown, qr/\Q$secret\E/, 'mod_info does not show the secrets');
    says('**mod_info shows** the configuration');
};

subtest '<Limit> and AuthMerging' => sub {
    is(request($port, $_, '/api/limit/x')->{status}, /POST/ ? 401 : 200,
       "<Limit POST>: the status of $_") for qw(GET PUT DELETE FOO POST);
    says('**`<Limit>` leaves all other methods open.**');
    my %status = (and => 401, or => 200, off => 200);
    is(get($port, "/api/merged/$_")->{status}, $status{$_},
       "the status with AuthMerging $_")
        for sort keys %status;
    says('`AuthMerging And`; that alone narrows.');
};

subtest 'redirects' => sub {
    my $url = "http://127.0.0.1:$port/moved/api";
    like(curl('-L', '-H', "X-API-Key: $key", $url), qr/^X-API-Key: \Q$key\E/m,
         'curl -L sends X-API-Key to the other host');
    my $bearer = curl('-L', '-H', "Authorization: Bearer $key", $url);
    like($bearer, qr{^GET /api },
         'curl -L follows the redirect with a key in Authorization');
    unlike($bearer, qr/\Q$key\E/,
           'curl -L does not send Authorization to the other host');
    says('`curl -L` sends `X-API-Key`');
};

subtest 'CGI programs and the database' => sub {
    is(get($port, '/api/scoped/x', "X-API-Key: $key")->{status}, 403,
       '403 for a key without the scope');
    my $said = get($port, '/change.cgi')->{body};
    like($said, qr/^changed$/m, 'a CGI program can give all scopes to the key');
    is(get($port, '/api/scoped/x', "X-API-Key: $key")->{status}, 200,
       '200 for the key with all scopes');
    $> ? like($said, qr/^read$/m,
              'a CGI program of the same user reads the secrets')
       : like($said, qr/Permission denied/,
              'a CGI program of another user than root does not read the '
              . 'secrets');
    says('can write it, too');
};

subtest 'an .htaccess that opens its directory' => sub {
    my $opened = get($port, '/opened/page');
    is($opened->{status}, 200, 'an .htaccess can open its directory');
    is(join(' ', header_of($opened, 'X-Told')), '(null)',
       'in an opened directory the application gets no tenant');
};

subtest 'mod_http2 at trace1 and trace2' => sub {
    my @h2 = ('--http2-prior-knowledge', '-o', "$dir/answer");
    my ($in_header, $in_url) = map { $key =~ s/....\z/$_/r } qw(aaaa bbbb);
    my $log = sub {
        my ($address) = @_;
        my $from = -s "$dir/error_log" // 0;
        curl(@h2, '-H', "X-API-Key: $in_header",
             "http://$address/api/scoped?x=$in_url");
        return substr $site->slurp('error_log'), $from;
    };
    my $trace1 = $log->("127.0.0.1:$port");
    like($trace1, qr/http2:trace1\b.*\Q$in_url\E/,
         'mod_http2 logs URLs at trace1');
    unlike($trace1, qr/\Q$in_header\E/, 'mod_http2 logs no headers at trace1');
    like($log->($at), qr/http2:trace2\b.*\Q$in_header\E/,
         'mod_http2 logs headers at trace2');
    says('URLs at `http2:trace1`, headers at `http2:trace2`');
} if $HTTP2;

$site->stop;
done_testing;
