# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# ApiKeyTenant: httpd starts only if its expression reads nothing that the
# client chooses, in whatever spelling, and nothing whose origin cannot be known
# at start-up.

use APIKey::Test;
use APIKey::ConfigTest;

my $site = APIKey::ConfigTest->new;

# mod_ssl has variables and a function of its own.
my ($modules) = do {
    open my $list, '<', run_info()->{stage} . '/conf/modules.list'
        or die "modules.list: $!\n";
    map { m{"(/.*/)mod_\w+\.so"} ? $1 : () } <$list>;
};
my $base = "LoadModule ssl_module ${modules}mod_ssl.so\n\@DATABASE\@\n";

sub said {
    my ($tenant, @lines) = @_;
    return $site->check($base . join "\n", @lines,
                        qq(ApiKeyTenant "$tenant"));
}

sub refused {
    my ($tenant, $words, @lines) = @_;
    my $said = said($tenant, @lines);
    ok(!$said->{ok} && $said->{text} =~ $words,
       join ' | ', "httpd -t refuses ApiKeyTenant $tenant", @lines)
        or diag($said->{text});
}

# Checks all cases by one httpd -t, each in a virtual host.
sub accepted {
    my (@cases) = @_;
    my $port = 1;
    my $conf = $base;
    for my $case (@cases) {
        my ($tenant, @lines) = ref $case ? @$case : $case;
        $conf .= join "\n", '<VirtualHost 127.0.0.1:' . $port++ . '>', @lines,
                      qq(ApiKeyTenant "$tenant"), '</VirtualHost>', '';
    }
    my $said = $site->check($conf);
    ok($said->{ok}, 'httpd -t accepts ApiKeyTenant '
       . join ', ', map { ref() ? join(' | ', @$_) : $_ } @cases)
        or diag($said->{text});
}

# ---- The Host header, in any spelling, anywhere in the expression ----
my $canonical = 'UseCanonicalName On';
my $host = qr/APIKEY0002: .*: the Host header is the client's choice/;
refused($_, $host, $canonical)
    for '%{http_host}', '%{REQ:host}', '%{HTTP:HOST}', '%{Req_NoVary:host}',
        '%{req: Host}', '%{req:Host }', '%{req:H\\ost}', '%{req:\\110ost}',
        '%{tolower:%{HTTP_HOST}}',
        '%{toupper:%{req_novary:Host}}', '%{escape:%{tolower:%{req:Host}}}',
        'x-%{HTTP_HOST}', '%{SERVER_NAME}%{HTTP_HOST}',
        '%{file:/srv/%{HTTP_HOST}/name}', '%{SSL:HTTP_HOST}',
        '%{ssl:HTTP:Host}', '%{md5:a%{req:Host}b}';

# ---- Other variables and headers that the client chooses ----
my $choice = sub { qr/APIKEY0002: .*: \Q$_[0]\E is the client's choice/ };
refused("%{$_}", $choice->("%{$_}"))
    for qw(THE_REQUEST QUERY_STRING REQUEST_METHOD REMOTE_HOST REMOTE_IDENT
           REMOTE_PORT SSL_TLS_SNI);
refused('%{SSL:SSL_TLS_SNI}', $choice->('%{SSL_TLS_SNI}'));
refused('%{SSL:QUERY_STRING}', $choice->('%{QUERY_STRING}'));
for my $case (['req:X-Forwarded-Host' => 'X-Forwarded-Host'],
              ['req_novary:X-Customer' => 'X-Customer'],
              ['HTTP_FORWARDED' => 'Forwarded'],
              ['HTTP_COOKIE' => 'Cookie'], ['HTTP_REFERER' => 'Referer'],
              ['HTTP_USER_AGENT' => 'User-Agent'],
              ['HTTP_ACCEPT' => 'Accept']) {
    refused("%{$case->[0]}", $choice->("the $case->[1] header"));
}

# A header is accepted if RequestHeader sets it early, to a constant: that is
# before ApiKeyTenant is evaluated.
my $set = 'RequestHeader set X-Customer acme early';
accepted([ '%{req:X-Customer}', $set ], [ '%{tolower:%{http:x-customer}}',
                                          $set ]);
refused('%{req:X-Customer}', $choice->('the X-Customer header'), $_)
    for 'RequestHeader set X-Customer acme',
        'RequestHeader append X-Customer acme early',
        'RequestHeader set X-Other acme early',
        'RequestHeader set X-Customer "%{HOST}e" early',
        'RequestHeader set X-Customer "expr=%{HTTP_HOST}" early';
refused('%{req:Host}', $host, 'RequestHeader set Host acme early');

# ---- A variable: refused if it is set from what the client chooses ----
sub variable {
    my ($name, $from) = @_;
    return qr/APIKEY0002: .* $name, which \S+:\d+ takes from $from, is the /i;
}
accepted([ '%{env:CUSTOMER}' ], [ '%{ENV:CUSTOMER}',
           'SetEnvIf Host . CUSTOMER=acme' ],
         [ '%{reqenv:CUSTOMER}',
           'SetEnvIf Request_URI "^/([^/]+)/" CUSTOMER=$1' ],
         [ '%{env:CUSTOMER}', 'SetEnvIf Remote_Addr (.+) CUSTOMER=$1',
           'SetEnvIf Host (.+) OTHER=$1 CUSTOMER=x XCUSTOMER=$1' ],
         [ '%{env:CUSTOMER}', q(SetEnvIfExpr "-R '127.0.0.0/8' && )
           . q(req('X-Customer') =~ /(.+)/" CUSTOMER=$1) ],
         [ '%{env:CUSTOMER}', '<Location /x>',
           'SetEnvIf Host (.+) CUSTOMER=$1', '</Location>' ]);
refused('%{env:CUSTOMER}', variable('CUSTOMER', $_->[0]), $_->[1])
    for [ 'Host', 'SetEnvIf Host (.+) CUSTOMER=$1' ],
        [ 'host', 'SetEnvIfNoCase host (.+) X=1 customer=a-$1' ],
        [ 'X-Forwarded-Host', 'SetEnvIf X-Forwarded-Host (.+) CUSTOMER=$1' ],
        [ '\\^H', 'SetEnvIf ^H (.+) CUSTOMER=$1' ],
        [ 'User-Agent', 'BrowserMatch (.+) CUSTOMER=$1' ],
        [ 'the Host header',
          'SetEnvIfExpr "%{HTTP_HOST} =~ /(.+)/" CUSTOMER=$1' ],
        [ 'X-Customer',
          q(SetEnvIfExpr "req('X-Customer') =~ /(.+)/" CUSTOMER=$1) ];
refused('%{tolower:%{ENV:CUSTOMER}}', variable('CUSTOMER', 'Host'),
        'SetEnvIf Host (.+) CUSTOMER=$1', "<VirtualHost 127.0.0.1:1>",
        "</VirtualHost>");
my $inner = $site->check($base . join "\n",
    'SetEnvIf Host (.+) CUSTOMER=$1', '<VirtualHost 127.0.0.1:1>',
    'ApiKeyTenant %{env:CUSTOMER}', '</VirtualHost>');
ok(!$inner->{ok} && $inner->{text} =~ variable('CUSTOMER', 'Host'),
   'httpd -t refuses a variable that the main server sets from Host')
    or diag($inner->{text});
accepted([ '%{env:CUSTOMER}' ], [ 'acme', 'SetEnvIf Host (.+) CUSTOMER=$1' ]);

# ---- The server's name and port: only with UseCanonicalName On ----
my $named = qr/APIKEY0003: .*UseCanonicalName On/;
refused($_, $named) for '%{SERVER_NAME}', '%{tolower:%{server_name}}',
                        '%{SERVER_PORT}', '%{SSL:SERVER_NAME}';
refused('%{env:CUSTOMER}', $named,
        'SetEnvIfExpr "%{SERVER_NAME} =~ /(.+)/" CUSTOMER=$1');
accepted(map { [ $_, $canonical ] } '%{SERVER_NAME}', '%{SERVER_PORT}',
         '%{SSL:SERVER_NAME}', '%{tolower:%{SERVER_NAME}}');

# ---- Values whose origin cannot be known at start-up ----
refused($_->[0], qr/APIKEY0190: .*: what \Q$_->[1]\E cannot be known/,
        $canonical)
    for map { [ $_->[0], "$_->[1] reads" ] }
        [ '%{req:%{env:WHICH}}', '%{req:...}' ],
        [ '%{req:Ho%{env:REST}}', '%{req:...}' ],
        [ '%{env:$1}', '%{env:...}' ],
        [ '%{reqenv:%{SERVER_NAME}}', '%{reqenv:...}' ],
        [ '%{note:x%{IPV6}}', '%{note:...}' ],
        [ '%{SSL:%{env:WHICH}}', '%{SSL:...}' ],
        [ '%{resp:X-Customer}', '%{resp:X-Customer}' ];

# ---- Values that the client cannot choose ----
accepted('acme', 'Host HTTP_HOST req:Host', "req('Host')",
         '%{tolower:ACME}', '%{DOCUMENT_ROOT}', '%{REMOTE_ADDR}',
         '%{SERVER_ADMIN}', '%{SSL_CLIENT_S_DN_O}', '%{SSL:SSL_CLIENT_S_DN_O}',
         '%{REQUEST_URI}', '%{osenv:CUSTOMER}', '%{file:/srv/customer}',
         '%{HTTPS}');

# Only expressions of ApiKeyTenant are checked.
my $other = $site->check("${base}ApiKeyTenant acme\n<Location /x>\n"
    . "AuthType ApiKey\nRequire expr \"%{HTTP_HOST} == 'x'\"\n</Location>");
ok($other->{ok}, 'httpd -t accepts the Host header in a Require expr')
    or diag($other->{text});

done_testing;
