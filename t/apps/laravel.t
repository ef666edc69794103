# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Front controllers as in conf/manual/applications.md, as Laravel and Symfony
# have them: an .htaccess passes everything that is no file to index.php, which
# reads the path itself.  This one is a small program in PHP-FPM.

use APIKey::Apps;
use APIKey::Blocks qw(section);
use APIKey::Test;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);

package Site {
    our @ISA = ('APIKey::Apps');

    sub new {
        my ($class, %more) = @_;
        my $self = APIKey::ConfigTest::new($class, %more);
        $self->php;
        return $self;
    }
}

chomp(my $folder = `@{[ $ENV{APXS} || 'apxs' ]} -q LIBEXECDIR`);
my $site = Site->new(above => join '', map {
    qq(LoadModule ${_}_module "$folder/mod_$_.so"\n)
} qw(proxy_fcgi));
my $key = $site->create;
my $bad = $key =~ s/(.)\z/$1 eq 'a' ? 'b' : 'a'/er;
my ($whole, $programs, $asks) =
    section('conf/manual/applications.md', 'Front controllers');

# ---- The application ----

# Reads the path as these frameworks do, from REQUEST_URI with any base, and as
# older ones do, from the query.  Answers with the values that it got and with
# the owner of the orders.
$site->file("docs/$_/index.php", <<'EOF_PHP') for qw(rules fallback);
<?php
$uri = explode('?', $_SERVER['REQUEST_URI'], 2);
$path = preg_replace('#^/+index\.php(?=/|$)#', '', $uri[0]);
if (($uri[1][0] ?? '') === '/') {
    $path = $uri[1];
}
$path = trim(preg_replace('#/+#', '/', rawurldecode($path)), '/');
$names = ['REMOTE_USER', 'AUTH_TYPE', 'APIKEY_TENANT', 'APIKEY_SCOPES',
          'HTTP_X_APIKEY_TENANT', 'HTTP_X_APIKEY_SCOPES'];
header("X-Told: " . json_encode((object) 
    array_intersect_key($_SERVER, array_flip($names))));
header('X-Key: ' . (preg_match('/ak_/', serialize([$_SERVER, getenv(),
    apache_request_headers()])) ? 'seen' : 'none'));
if (strpos($_SERVER['HTTP_HOST'], 'asks.') === 0 && strpos($path, 'api') === 0
    && !isset($_SERVER['HTTP_X_APIKEY_TENANT'])) {
    http_response_code(401);
    echo 'An API key is needed.';
} elseif ($path === 'api/orders') {
    echo 'orders of ', $_SERVER['HTTP_X_APIKEY_TENANT'] ?? 'all';
} else {
    echo "page $path";
}
EOF_PHP
$site->file("docs/$_/a.css", "a { color: red }\n") for qw(rules fallback);
# The rules of Laravel's public/.htaccess: Authorization and the token of a form
# for CGI, no slash at the end, and the front controller for everything that is
# no file.
$site->file('docs/rules/.htaccess', <<'EOF_HTACCESS');
Options -MultiViews -Indexes
RewriteEngine On
RewriteCond %{HTTP:Authorization} .
RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
RewriteCond %{HTTP:X-XSRF-Token} .
RewriteRule .* - [E=HTTP_X_XSRF_TOKEN:%{HTTP:X-XSRF-Token}]
RewriteCond %{REQUEST_FILENAME} !-d
RewriteCond %{REQUEST_URI} (.+)/$
RewriteRule ^ %1 [L,R=301]
RewriteCond %{REQUEST_FILENAME} !-d
RewriteCond %{REQUEST_FILENAME} !-f
RewriteRule ^ index.php [L]
EOF_HTACCESS
# The rule of Symfony's documentation.
$site->file('docs/fallback/.htaccess', "FallbackResource /index.php\n");

# ---- Hosts: one guard each, for both ways to the front controller ----

my $users = $site->file('users', 'eve:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=');
my $location = <<'EOF_LOCATION';
<Location "/api">
    AuthType ApiKey
    AuthName "API"
    Require valid-user
</Location>
EOF_LOCATION
my %says = (plain => '', location => $location, whole => $whole,
    programs => $programs, asks => $asks, users => $location . <<"EOF_USERS");
# A front controller that has its own users.
<Files "index.php">
    AuthType Basic
    AuthName "People"
    AuthUserFile "$users"
    Require all granted
</Files>
EOF_USERS
my @WAYS = qw(rules fallback);
$site->start(join "\n", <<'EOF_CONF', map { my $way = $_; map { <<"EOF_HOST" } sort keys %says } @WAYS);
@DATABASE@
LogLevel notice
DirectoryIndex index.php
<FilesMatch ".+\.ph(?:ar|p|tml)$">
    SetHandler "proxy:unix:@DIR@/fpm.sock|fcgi://localhost"
</FilesMatch>
<Directory "@DOCS@">
    Options FollowSymLinks MultiViews
    AllowOverride FileInfo Options=MultiViews,Indexes Indexes
    CGIPassAuth On
</Directory>
EOF_CONF
<VirtualHost *>
    ServerName $_.$way
    DocumentRoot "\@DOCS\@/$way"
    @{[ $says{$_} =~ s{/srv/www/site}{\@DOCS\@/$way}gr ]}
</VirtualHost>
EOF_HOST

sub ask {
    my ($host, $path, @headers) = @_;
    return get($site->port, $path, "Host: $host", @headers);
}
sub has_orders { return $_[0]{status} == 200 && $_[0]{body} =~ /^orders/ }
sub told {
    my ($r) = @_;
    my ($told) = header_of($r, 'X-Told');
    return JSON::PP->new->decode($told // '{}');
}

my @WITH = map { "$_$key" } 'X-API-Key: ', 'Authorization: Bearer ';
# Paths that are the same for the application.  httpd also reads /api in the
# first ones.
my @READ = qw(/api/orders //api/orders /%61pi/orders /api//orders);
my @OTHER = ('/index.php/api/orders', '/index.php//api/orders',
             '/index.php/%61pi/orders', '//index.php/api/orders',
             '/index.php?/api/orders', '/?/api/orders',
             '/none.css?/api/orders');
my %TOLD = (REMOTE_USER => 'acme', AUTH_TYPE => 'ApiKey',
            APIKEY_TENANT => 'acme', APIKEY_SCOPES => '',
            HTTP_X_APIKEY_TENANT => 'acme', HTTP_X_APIKEY_SCOPES => '');

for my $way (@WAYS) {
    subtest "$way: several URLs are one to the front controller" => sub {
        my @found = grep { has_orders(ask("plain.$way", $_)) } @READ, @OTHER;
        is_deeply(\@found, [ @READ, @OTHER ],
                  'all of these URLs are one to the front controller');
        is(ask("plain.$way", '/api/orders/')->{status},
           $way eq 'rules' ? 301 : 200,
           'the status of a URL with a slash at its end');
    };
    subtest "$way: a Location of the API guards some of these URLs" => sub {
        for my $path (@READ, '/api/orders/') {
            is(ask("location.$way", $path)->{status}, 401,
               "$path: 401 without a key");
            is(ask("location.$way", $path, "X-API-Key: $bad")->{status}, 401,
               "$path: 401 with a bad key");
        }
        ok(has_orders(ask("location.$way", $_)),
           "$_: the orders are sent without a key") for @OTHER;
        for my $path (@READ) {
            for my $with (@WITH) {
                my $r = ask("location.$way", $path, $with);
                is($r->{body}, 'orders of acme',
                   "$path: the orders are sent with a key");
                is_deeply(told($r), \%TOLD,
                          "$path: the program gets all values of the key");
                is_deeply([ header_of($r, 'X-Key') ], ['none'],
                          "$path: the program gets no key");
            }
        }
        is_deeply(told(ask("location.$way", '/x', @WITH)), {},
                  'the program gets no value outside of the area');
    };
    subtest "$way: users of another AuthType in the front controller" => sub {
        my $r = ask("users.$way", '/api/orders', $WITH[0]);
        is($r->{body}, 'orders of acme', 'the orders are sent with a key');
        # FallbackResource makes a fast redirect, which leaves the request as it
        # is, with its user.
        is(told($r)->{REMOTE_USER}, $way eq 'rules' ? undef : 'acme',
           'the user is the tenant only if the request stays one');
        is(ask("users.$way", '/api/orders')->{status}, 401,
           '401 without a key');
    };
    for my $host (qw(whole programs asks)) {
        subtest "$way: the guard '$host' covers all of these URLs" => sub {
            for my $path (@READ, @OTHER) {
                my $r = ask("$host.$way", $path);
                is($r->{status}, 401, "$path without a key: 401");
                is(ask("$host.$way", $path, "X-API-Key: $bad")->{status}, 401,
                   "$path with a bad key: 401");
                $r = ask("$host.$way", $path, $WITH[1]);
                is($r->{body}, 'orders of acme',
                   "$path with a key: the orders are sent");
                is_deeply(told($r), \%TOLD,
                          "$path: the program gets all values of the key");
            }
            my $r = ask("$host.$way", '/api/orders/');
            ok(!has_orders($r),
               "no orders without a key by a URL with a slash: $r->{status}");
            is(ask("$host.$way", '/a.css')->{status}, 200,
               'a file is sent without a key');
            is(ask("$host.$way", '/')->{status}, $host eq 'asks' ? 200 : 401,
               'the status of a page, without a key');
        };
    }
}

$site->stop;
is($site->leaks($key), '', 'no log has a key');
done_testing;
