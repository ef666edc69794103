# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The arguments of each directive: which of them httpd -t accepts, and which it
# refuses with a message that says what to write instead.

use APIKey::Test;
use APIKey::ConfigTest;

my $site = APIKey::ConfigTest->new;
my $base = <<'EOF';
@DATABASE@
<Location /api>
    AuthType ApiKey
    AuthName "R"
    Require valid-user
</Location>
EOF
my $secret = (split ' ', $site->slurp('secret'))[1];

my @accepted;
sub accepted { push @accepted, join "\n", @_ }

# Checks all accepted lines by one httpd -t, each in a virtual host; one by one
# if that fails.
sub check_accepted {
    my $all = $site->check(join "\n", $base, map {
        "<VirtualHost 127.0.0.1:1>\n$_\n</VirtualHost>"
    } @accepted);
    for my $lines (@accepted) {
        my $said = $all->{ok} ? $all : $site->check("$base\n$lines");
        ok($said->{ok}, 'httpd -t accepts: '
                        . substr $lines =~ s/\n/; /gr, 0, 70)
            or diag($said->{text});
    }
    ok($all->{ok}, 'httpd -t accepts all accepted lines together')
        or diag($all->{text});
}

# httpd -t refuses the line, and its message has these words.
sub refused {
    my ($line, @words) = @_;
    my $said = $site->check("$base\n$line");
    my $shown = substr $line =~ s/\n\s*/; /gr, 0, 70;
    my @missing = grep { $said->{text} !~ $_ } @words;
    ok(!$said->{ok} && !@missing, "httpd -t refuses: $shown")
        or diag("without @missing: $said->{text}");
    unlike($said->{text}, qr/\Q$secret\E|Segmentation|Sanitizer/,
           "the message has no secret: $shown");
}

ok($site->check($base)->{ok}, 'httpd -t accepts the lines around the others');

# ---- ApiKeySecretFile, Keyspace, Prefix ----
refused('ApiKeySecretFile', qr/ApiKeySecretFile takes one argument/);
accepted("ApiKeyKeyspace $_") for 'customer1', 'a.b_c-1', 'x' x 64;
refused("ApiKeyKeyspace $_", qr/ApiKeyKeyspace: '.*' (?:has|is)/,
        qr/give a word such as/)
    for '"a b"', 'x' x 65, 'a/b', "\xc3\xa9", '*', "it's";
accepted("ApiKeyPrefix $_") for 'ak', 'sk-live', 'a_b-c', 'x' x 32, '0',
    'ak_', 'glpat-', 'SG.', 'sk_live sk_test glpat-', "@{[ 'a' .. 'p' ]}";
refused("ApiKeyPrefix $_", qr/ApiKeyPrefix: '.*' (?:has|is|does)/,
        qr/write it as 'ak' for ak_\.\.\., or with its last character/)
    for '_ak', '-ak', '.', '"a b"', 'x' x 33, "\xc3\xa9", 'a%s', 'a=', 'a.b',
        'a:', 'ak _ak', '"" ak';
refused("ApiKeyPrefix $_->[0]", qr/ApiKeyPrefix: wants $_->[1]/)
    for ['', 'one or more'], ['""', 'one or more'], ["@{[ 'a' .. 'q' ]}", '16 prefixes at most'];

# ---- ApiKeyFormat, Digest, Lifetime ----
accepted("ApiKeyFormat $_") for qw(base62 hex64 opaque),
    'base62 hex64', 'opaque base62 hex64 base62';
refused("ApiKeyFormat $_", qr/ApiKeyFormat: '.*' is none of/,
        qr/'base62', 'hex64', 'opaque'/)
    for 'base64', 'base62,hex64', 'hex64 uuid', 'none';
refused('ApiKeyFormat', qr/ApiKeyFormat/);
accepted("ApiKeyDigest $_") for 'hmac-sha256', 'hmac-sha256 sha256',
    'SHA256 HMAC-SHA256', 'sha256', 'sha512', 'sha256:after=|',
    'hmac-sha256 sha256:after=_ sha512:after=.', 'hmac-sha256:after=_',
    'sha256:after=a sha256:after=b sha256:after=c sha256:after=d';
refused("ApiKeyDigest $_", qr/ApiKeyDigest: '.*' is none of/,
        qr/'hmac-sha256', 'sha256', 'sha512'/)
    for 'md5', 'sha1', 'hmac-sha256 none', 'bcrypt', 'sha256:', 'sha256|';
refused("ApiKeyDigest $_", qr/ApiKeyDigest: '.*' must have one character/)
    for 'sha256:after=', 'sha256:after=ab', '"sha512:after= "';
refused('ApiKeyDigest hmac-sha256:after=_ hmac-sha256:after=.',
        qr/is the second of 'hmac-sha256:after='/);
refused('ApiKeyDigest ' . join(' ', map { "sha512:after=$_" } 1 .. 5),
        qr/is the fifth/);
refused('ApiKeyDigest', qr/ApiKeyDigest: write 'hmac-sha256'/);
accepted("ApiKeyLifetime $_") for '90d', 'never', '365d', '1h', '90d min=30d',
    '90d max=365d', '90d min=30d max=365d', '1y', '12w max=1y',
    'never min=1d';
refused("ApiKeyLifetime $_", qr/ApiKeyLifetime/,
        qr/such as|wants|longer|shorter|never/)
    for '', '90', '90days', '-1d', '0', '90d 30d', '90d min=400d',
        '90d max=30d', '90d min=30d max=10d', '90d foo=1', '90d min=',
        'never max=365d', '99999999999999999999d', 'min=1d', '1d 2d 3d 4d';

# ---- ApiKeyFrom ----
accepted("ApiKeyFrom $_") for qw(header bearer basic header:X-Partner-Key),
    'bearer header basic', 'HEADER Bearer BASIC', 'header:A header:B bearer',
    'header header:X-API-Key', 'header:Api-Token', 'header:api_key',
    'header:X.Key', "\"header:X'Y\"", 'header:!#$%&*+-.^_`|~9',
    'authorization', 'scheme:Token scheme:Api-Key SCHEME:ApiKey',
    'scheme:Bearer bearer', 'header bearer scheme:x_y authorization basic';
refused("ApiKeyFrom $_", qr/ApiKeyFrom: '.*' is none of/,
        qr/'header', 'header:NAME', 'bearer', 'scheme:NAME', 'authorization'/)
    for 'query', 'cookie', 'headers', 'header=X', 'bearer digest', 'scheme',
        'authorization:x', 'scheme=Token';
refused("ApiKeyFrom scheme:$_", qr/ApiKeyFrom: 'scheme:.*' (?:has|names|is)/)
    for '', 'a/b', 'a:b', 'Basic', 'basic', 'Digest', 'negotiate', 'NTLM',
        "\xc3\xa9";
refused('ApiKeyFrom', qr/ApiKeyFrom: name where keys may stand/);
refused("ApiKeyFrom header:$_", qr/ApiKeyFrom: 'header:.*' (?:has|names)/)
    for '', 'X:Key', "X\xc3\xa9", 'X/Key', 'X=Key', 'X@Key';
refused("ApiKeyFrom \"header:$_\"", qr/ApiKeyFrom: 'header:.*' (?:has|names)/)
    for 'X Key', "X\tKey", 'X,Y', 'X(Y)', 'X[Y]', 'X;Y', 'X?Y';
refused("ApiKeyFrom header:$_", qr/a meaning of its own/,
        qr/for Authorization write 'bearer', 'scheme:NAME'/)
    for qw(Authorization authorization Cookie Host Connection Content-Length
           Content-Type Transfer-Encoding TE Upgrade Proxy-Authorization
           Referer User-Agent user_agent Proxy_Authorization Content.Type);
refused("ApiKeyFrom header:$_", qr/header that the tenant is exported in/)
    for qw(X-Apikey-Tenant x-apikey-id X-Apikey-Key X_Apikey_Tenant
           x_apikey-key X.ApiKey.Id);

# ---- ApiKeyFrom in a section: may remove ways, not add any ----
my $section = "<Location /in>\n%s\n</Location>";
accepted('ApiKeyFrom header bearer basic',
         sprintf $section, 'ApiKeyFrom basic');
accepted(sprintf($section, 'ApiKeyFrom basic'),
         'ApiKeyFrom header bearer basic');
accepted(sprintf $section, "ApiKeyFrom $_") for qw(header bearer),
    'bearer header', 'header:x-api-key', 'scheme:apikey',
    'scheme:ApiKey bearer';
refused(sprintf($section, "ApiKeyFrom $_->[0]"),
        qr/APIKEY0001: \S+:\d+: ApiKeyFrom in a section can only drop/,
        qr/does not accept '$_->[1]': add it to the server's ApiKeyFrom/)
    for [ 'basic', 'basic' ], [ 'header bearer basic', 'basic' ],
        [ 'header:X-Other', 'header:X-Other' ],
        [ 'header:X_API_Key', 'header:X_API_Key' ],
        [ 'scheme:Token', 'scheme:Token' ],
        [ 'authorization', 'authorization' ];
refused("ApiKeyFrom header scheme:Token\n"
        . sprintf($section, 'ApiKeyFrom scheme:ApiKey'),
        qr/APIKEY0001/, qr/accept 'scheme:ApiKey'/);
refused("ApiKeyFrom bearer\n" . sprintf($section, 'ApiKeyFrom header'),
        qr/APIKEY0001/, qr/X-API-Key/);
refused("ApiKeyFrom header\n" . sprintf($section, 'ApiKeyFrom bearer'),
        qr/APIKEY0001/, qr/accept 'bearer'/);
refused(sprintf($section, 'ApiKeyFrom query'), qr/is none of/);

# ---- ApiKeyChallenge ----
accepted("ApiKeyChallenge $_") for 'Bearer a=b', 'bearer a=b c=d',
    'ApiKey docs=https://a.example/?x=y', 'Token scope=', "X a='b'",
    'Basic charset="UTF-8"', 'Bearer "title=two words, and a comma"',
    "Bearer a=b\nApiKeyChallenge Bearer c=d\nApiKeyChallenge Basic a=b";
refused("ApiKeyChallenge $_", qr/ApiKeyChallenge: write a scheme and param/)
    for '', 'Bearer';
refused("ApiKeyChallenge $_ a=b", qr/ApiKeyChallenge: '.*' is no scheme/)
    for 'a/b', '"a b"', 'scheme:Token', '""';
refused("ApiKeyChallenge Bearer $_", qr/ApiKeyChallenge: '.*' is no NAME=VALUE/)
    for 'a', '=b', '"a b=c"', 'a/b=c', 'a=b c';
refused("ApiKeyChallenge Bearer $_=x", qr/names a parameter that this module/)
    for qw(realm Realm error error_description header);
refused("ApiKeyChallenge Bearer $_", qr/has a character that no header can/)
    for "a=\xc3\xa9", "a=\x01", "\"a=b\tc\"";
refused("ApiKeyChallenge Bearer $_", qr/names a parameter that this section/)
    for 'a=b A=c', "a=b\nApiKeyChallenge bearer a=c";
accepted("ApiKeyChallenge Bearer a=b\n"
         . sprintf $section, 'ApiKeyChallenge Bearer a=c');

# ---- ApiKeyUser, ApiKeyPassKey ----
accepted("ApiKeyUser $_") for qw(tenant id Tenant ID);
refused("ApiKeyUser $_", qr/ApiKeyUser: write 'tenant' or 'id'/)
    for qw(name On both);
accepted("ApiKeyPassKey $_") for qw(On Off on off);
refused("ApiKeyPassKey $_", qr/ApiKeyPassKey must be On or Off/)
    for qw(yes 1 always);

# ---- ApiKeyHeaders ----
accepted("ApiKeyHeaders $_")
    for qw(On Off on X-Apikey- X-Customer- Acme-Auth- X-Caller-);
refused("ApiKeyHeaders $_", qr/ApiKeyHeaders: '.*' would swallow headers/)
    for qw(X-Api- x-api- X-Forwarded- X-Forwarded-For- X-Real- X-Request-
           Content- Content-Apikey- If-Apikey- Sec- Sec-Fetch- Proxy- Cache-
           User- X-Csrf- X-Http- X-Requested- Transfer- Accept- Upgrade-
           Access- Access-Control- Keep- Max- Last- Early- Client- True-
           X-Auth- X-Xsrf- X-Original- X-Correlation- X-Client-);
refused("ApiKeyHeaders $_", qr/ApiKeyHeaders: '.*' (?:is|has|would)/)
    for qw(X- X If- X-Api X-Api-Key X-API-KEY Author Authorization Cookie
           Host X_Api_ A- - -- X:), '"X Y-"', "X\xc3\xa9-";
refused("ApiKeyHeaders X-Customer-\nApiKeyFrom header:$_", qr/APIKEY0004/,
        qr/would remove the header $_ .*choose another prefix/)
    for qw(X-Customer-Key x-customer- X_Customer_Key);
accepted('ApiKeyHeaders X-Customer-', 'ApiKeyFrom header:X-Custom-Key');
accepted('ApiKeyHeaders Off', 'ApiKeyFrom header:X-Customer-Key');

# ---- ApiKeyErrorFormat, ApiKeyErrorBody ----
accepted("ApiKeyErrorFormat $_") for qw(problem none Problem);
refused("ApiKeyErrorFormat $_",
        qr/ApiKeyErrorFormat: write 'problem' \(RFC 9457\) or 'none'/)
    for qw(json xml html On);
accepted("ApiKeyErrorBody $_ text/plain x") for qw(400 401 403 503);
accepted(q(ApiKeyErrorBody 401 application/json ) . $_)
    for '"{\"e\":\"%{reason}\"}"', '%{reason}%{message}%{status}%{request_id}',
        '"100% of %reason {reason}"', '"% {x}"';
accepted('ApiKeyErrorBody 401 "text/html; charset=utf-8" x');
refused("ApiKeyErrorBody $_ text/plain x",
        qr/ApiKeyErrorBody: '.*' is no status/, qr/400, 401, 403 or 503/)
    for qw(200 404 500 40 4010 401x 0401 abc -401 +401), '" 401"';
refused("ApiKeyErrorBody 401 $_ x", qr/ApiKeyErrorBody: '.*' is no content/,
        qr{such as application/json})
    for 'json', '/json', 'text/', 'text/;q', "\"text/x\x01\"";
refused("ApiKeyErrorBody 401 text/plain $_",
        qr/ApiKeyErrorBody: '.*' is not filled in/,
        qr/only %\{reason\}, %\{message\}, %\{status\} and %\{request_id\}/)
    for '%{tenant}', '%{REMOTE_USER}', '"a %{reason} b %{user} c"', '%{',
        '%{reason', '%{Reason}', '"%{reason }"', '"%{ reason}"', '%{}',
        '%{reasons}', '%{%{reason}}';
refused("ApiKeyErrorBody $_", qr/ApiKeyErrorBody takes three arguments/)
    for '', '401', '401 text/plain', '401 text/plain a b';

refused("$_ \"\"", qr/$_(?:: name where|: wants| takes | requires at least one)/)
    for map { "ApiKey$_" } qw(SecretFile Keyspace Tenant Prefix Format From
                              User Headers ErrorFormat);

# ---- ApiKeyTenant ----
accepted("ApiKeyTenant $_")
    for 'acme', '"Acme Corp"', '%{ENV:TENANT}', '"%{tolower:%{ENV:T}}"';
refused("ApiKeyTenant $_", qr/ApiKeyTenant: cannot read the expression/)
    for '"%{nofunction:x}"', '"%{"', '"%{tolower:"';
accepted('UseCanonicalName On', "ApiKeyTenant $_")
    for '%{SERVER_NAME}', '"%{tolower:%{SERVER_NAME}}"', 'x-%{SERVER_NAME}';
refused("${_}ApiKeyTenant %{SERVER_NAME}", qr/APIKEY0003/,
        qr/UseCanonicalName On/, qr/client's Host header/)
    for '', "UseCanonicalName Off\n", "UseCanonicalName DNS\n";
# Which expressions ApiKeyTenant accepts is tested in tenant.t.

# ---- Require ----
sub require_refused {
    my ($line, @words) = @_;
    refused(sprintf($section, "AuthType ApiKey\nRequire $line"), @words);
}
accepted(sprintf $section, "AuthType ApiKey\nRequire $_") for
    'apikey-scope a:b', 'apikey-scope a b c', 'apikey-scope *',
    'apikey-tenant "Acme Corp" x', "apikey-tenant \"\xc3\xa9\"",
    'apikey-env live', 'apikey-id abc', 'apikey-scope "%{tolower:A}"';
require_refused("apikey-$_->[0] $_->[1]", qr/Require apikey-$_->[0]: '/,
                $_->[2]) for
    [ 'scope', '"a b"', qr/has a blank/ ],
    [ 'scope', 'a\\b', qr/RFC 6749/ ], [ 'scope', '\'a"b\'', qr/RFC 6749/ ],
    [ 'scope', "a\xc3\xa9", qr/RFC 6749/ ],
    [ 'scope', 'x' x 129, qr/longer than 128/ ],
    [ 'scope', 'ok "not ok"', qr/has a blank/ ],
    [ 'env', '"a b"', qr/has a character/ ], [ 'env', 'a/b', qr/has a char/ ],
    [ 'tenant', '" acme"', qr/begins or ends with a blank/ ],
    [ 'tenant', "\xff", qr/not UTF-8/ ],
    [ 'tenant', 'x' x 256, qr/longer than 255/ ],
    [ 'id', "\"a\x01\"", qr/control character/ ],
    [ 'scope', '"%{nofunction:x}"', qr/nofunction|does not exist|error/i ];
require_refused("apikey-$_", qr/Require apikey-$_: name at least one/)
    for qw(scope tenant env id);
accepted(sprintf $section, "AuthType ApiKey\nRequire apikey-none");
require_refused('apikey-none any', qr/apikey-none takes no argument/);
require_refused('apikey-scopes x', qr/APIKEY0192: .*apikey-scopes/);

# ---- ApiKeyDBDriver, DBDParams, Retention ----
accepted("ApiKeyDBDriver sqlite3\nApiKeyDBDParams \"$site->{db}\"");
refused($_, qr/APIKEY0009: ApiKeyDBDriver and ApiKeyDBDParams go together/,
        qr/write the other/)
    for 'ApiKeyDBDriver sqlite3', 'ApiKeyDBDParams /x';
refused("ApiKeyDBDriver nosuch\nApiKeyDBDParams /x",
        qr/ApiKeyDBDriver: APR has no driver 'nosuch'/, qr/install it/);
refused($_, qr/takes one argument/)
    for 'ApiKeyDBDriver', 'ApiKeyDBDParams', 'ApiKeyRetention';
accepted("ApiKeyRetention $_") for 1, 90, 3650;
refused("ApiKeyRetention $_", qr/ApiKeyRetention: /)
    for '0', '-1', '90x', 'never';

# ---- ApiKeyQuery, ApiKeyChangesQuery: the text; t/query runs them ----
for my $name ('ApiKeyQuery', 'ApiKeyChangesQuery') {
    refused(qq($name "$_->[0]"), qr/$name: the query .*$_->[1]/)
        for [ 'SELECT 1', qr/has no %s/ ], [ ' ', qr/is no SELECT/ ],
            [ 'DELETE FROM x WHERE y = %s', qr/is no SELECT/ ],
            [ 'SELECT a FROM b WHERE c = %s OR d = %s', qr/more than one/ ],
            [ "SELECT a FROM b WHERE c = '%s'", qr/within quotes/ ],
            [ "SELECT 'a%' FROM b WHERE c = %s", qr/write %% for a percent/ ],
            [ 'SELECT a FROM b WHERE c = %s; ', qr/ends with a ';'/ ];
    refused($_, qr/$name takes one argument/)
        for $name, "$name SELECT a FROM b WHERE c = %s";
}
refused('ApiKeyChangesQuery "SELECT a, b FROM c WHERE a > %s"',
        qr/APIKEY0123: .*without an ApiKeyQuery/);

# ---- ApiKeyUsageFlush ----
accepted("ApiKeyUsageFlush $_") for qw(off Off 1 10 3600);
refused("ApiKeyUsageFlush $_", qr/ApiKeyUsageFlush: '\Q$_\E' is not a whole /,
        qr/from 1 to 3600: give seconds, or 'off'/)
    for qw(0 3601 -1 1.5 10s on 99999999999999999999);
refused('ApiKeyUsageFlush', qr/takes one argument/);
refused('ApiKeyUsageFlush 1 2', qr/takes one argument/);

# ---- ApiKeyEnforce ----
accepted("ApiKeyEnforce $_") for qw(On on Log LOG);
refused("ApiKeyEnforce $_", qr/ApiKeyEnforce: '\Q$_\E' is neither On nor Log/)
    for qw(Off 1 warn);
refused('ApiKeyEnforce', qr/takes one argument/);

# ---- ApiKeyCache, CacheTTL, RevocationPoll, StaleLimit ----
accepted("ApiKeyCache $_") for qw(shmcb off OFF redis:127.0.0.1:6379
    memcache:127.0.0.1:11211 dbm:/x), '"shmcb:/x(512000)"';
refused("ApiKeyCache $_->[0]", qr/ApiKeyCache.*$_->[1]/)
    for [ 'nonsense', qr/no provider 'nonsense': load mod_socache_nonsense/ ],
        [ 'on', qr/no provider 'on'/ ], [ ':x', qr/no provider ''/ ],
        [ '""', qr/takes one argument/ ], [ '', qr/takes one argument/ ],
        [ 'shmcb off', qr/takes one argument/ ],
        [ '"shmcb:/x(12"', qr/ shmcb:.*no closing parenthesis/ ],
        [ '"shmcb:/x(12)"', qr/size has to be >= 8192/ ],
        [ 'redis', qr/List of server names required/ ];
for my $name (qw(redis shmcb)) {
    my $said = $site->check("$base\nApiKeyCache $name:127.0.0.1:1",
                            without => ["socache_$name"]);
    like($said->{text}, qr/APIKEY0010: .*load mod_socache_$name, or/,
         "httpd -t refuses ApiKeyCache $name without mod_socache_$name");
}
my $said = $site->check($base, without => ['socache_shmcb']);
ok($said->{ok},
   'httpd -t accepts no ApiKeyCache without mod_socache_shmcb');
like($said->{text}, qr/APIKEY0140: .*load mod_socache_shmcb/,
     'httpd -t says to load mod_socache_shmcb without ApiKeyCache');
accepted("ApiKeyCacheTTL $_") for '1', '60 5', '86400 86400', '60 0';
refused("ApiKeyCacheTTL $_->[0]", qr/ApiKeyCacheTTL.*$_->[1]/)
    for ( map { [ $_, qr/is not a whole number from 1 to 86400/ ] }
          qw(0 -1 86401 60s 1.5 x 99999999999999999999) ),
        ( map { [ "60 $_", qr/is not a whole number from 0 to 86400/ ] }
          qw(-1 86401 5s) ),
        [ '', qr/takes 1-2 arguments/ ], [ '1 2 3', qr/takes 1-2 arguments/ ];
accepted("ApiKeyRevocationPoll $_") for 100, 500, 60000;
refused("ApiKeyRevocationPoll $_", qr/ApiKeyRevocationPoll: '$_' is not a /,
        qr/from 100 to 60000: give milliseconds/)
    for qw(0 99 60001 500ms -500);
accepted("ApiKeyStaleLimit $_") for 0, 60, 86400;
refused("ApiKeyStaleLimit $_", qr/ApiKeyStaleLimit: '$_' is not a /,
        qr/from 0 to 86400: give seconds/) for qw(-1 86401 60s off);

check_accepted();

done_testing;
