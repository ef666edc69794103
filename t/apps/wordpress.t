# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Front controllers as in conf/manual/applications.md, on a WordPress in
# mod_php: which guard is enough, and which is not.

use APIKey::Blocks qw(section);
use APIKey::Process qw(wait_until);
use APIKey::Test;
use APIKey::WordPress;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);

# The blocks of that section: the three guards and the plug-in.
my ($whole, $file, $asks, $plugin) =
    section('conf/manual/applications.md', 'Front controllers');
my $site = APIKey::WordPress->new;
my $key = $site->create;
my $bad = $key =~ s/(.)\z/$1 eq 'a' ? 'b' : 'a'/er;

# By the name of the host, so that one WordPress serves all of them.
$site->plugin(asks => <<"EOF_PHP" . $plugin =~ s/<\?php//r);
<?php
add_filter('rest_pre_echo_response', function (\$answer) {
    header('X-Told: ' . json_encode(array_intersect_key(\$_SERVER, array_flip([
        'REMOTE_USER', 'AUTH_TYPE', 'APIKEY_TENANT', 'HTTP_X_APIKEY_TENANT',
        'PHP_AUTH_USER']))));
    header('X-Key: ' . (strpos(serialize([\$_SERVER, getenv(),
        apache_request_headers()]), '$key') === false ? 'none' : 'seen'));
    return \$answer;
});
if (strpos(\$_SERVER['HTTP_HOST'] ?? '', 'asks') !== 0) {
    return;
}
EOF_PHP
$site->file('wordpress/users.php', <<'EOF_PHP');
<?php
$of = $_SERVER + ['X' => $_SERVER['HTTP_X_APIKEY_TENANT'] ?? null];
$said = [];
foreach (['REMOTE_USER', 'PHP_AUTH_USER', 'PHP_AUTH_PW', 'X'] as $name) {
    if (isset($of[$name])) {
        $said[] = "$name=$of[$name]";
    }
}
echo implode(' ', $said);
EOF_PHP
my %says = (plain => '', location => <<'EOF_LOCATION',
<Location "/wp-json">
    AuthType ApiKey
    AuthName "API"
    Require valid-user
</Location>
EOF_LOCATION
            whole => $whole, file => $file, asks => $asks);
$site->start(join "\n", <<'EOF_CONF', map { <<"EOF_HOST" } sort keys %says);
@DATABASE@
LogLevel notice
DirectoryIndex index.php
LogFormat "%V %u %{apikey-tenant}n" users
SetEnvIf Request_URI "^/users" users
CustomLog "@DIR@/users_log" users env=users
<FilesMatch ".+\.ph(?:ar|p|tml)$">
    SetHandler application/x-httpd-php
</FilesMatch>
<Directory "@WORDPRESS@">
    Options FollowSymLinks
    AllowOverride FileInfo
    Require all granted
</Directory>
EOF_CONF
<VirtualHost *>
    ServerName $_.example
    DocumentRoot "\@WORDPRESS\@"
    @{[ $says{$_} =~ s{/srv/www/site}{\@WORDPRESS\@}gr ]}
</VirtualHost>
EOF_HOST

sub ask {
    my ($host, $path, @headers) = @_;
    return get($site->port, $path, "Host: $host.example", @headers);
}

# Posts of WordPress' API.
sub has_posts {
    my ($r) = @_;
    my $posts = eval { JSON::PP->new->utf8->decode($r->{body}) };
    return ref $posts eq 'ARRAY' && ($posts->[0]{slug} // '') eq 'hello-world';
}

my @WITH = ("X-API-Key: $key");
my $posts = '/wp-json/wp/v2/posts';
# Paths that are the same for WordPress, and the programs beside index.php.
my @SAME = ($posts, '/?rest_route=/wp/v2/posts', "/index.php$posts",
    '/index.php?rest_route=/wp/v2/posts', '/hello-world/?rest_route=/wp/v2/posts',
    '/wp-content/none.css?rest_route=/wp/v2/posts', "/index.php/$posts",
    '/none.css?rest_route=/wp/v2/posts', '//?rest_route=/wp/v2/posts');
my @BESIDE = map { "/$_?rest_route=/wp/v2/posts" }
    qw(wp-activate.php wp-signup.php wp-trackback.php wp-blog-header.php
       wp-login.php wp-admin/admin-ajax.php xmlrpc.php);

subtest 'URLs that are one to WordPress' => sub {
    my $first = ask('plain', $posts);
    ok(has_posts($first), 'its API answers') or diag($first->{body});
    ok(has_posts(ask('plain', $_)), $_) for @SAME;
    is(join(' ', map { m{^/(\S+)\?} } grep { has_posts(ask('plain', $_)) }
                 @BESIDE),
       'wp-activate.php wp-signup.php wp-trackback.php wp-blog-header.php',
       'index.php is not the only program that answers');
};

subtest 'a Location of the API guards nothing' => sub {
    is(ask('location', $posts)->{status}, 401, 'the URL of the manual');
    for my $path (@SAME[1 .. 4]) {
        ok(has_posts(ask('location', $path)), "$path is open");
    }
};

# The identity that a program outside of the section gets.
subtest 'behind the rewrite to index.php' => sub {
    my $r = ask('location', $posts, @WITH);
    ok(has_posts($r), 'WordPress answers');
    is_deeply(told($r), { REMOTE_USER => 'acme', AUTH_TYPE => 'ApiKey',
                          APIKEY_TENANT => 'acme',
                          HTTP_X_APIKEY_TENANT => 'acme',
                          PHP_AUTH_USER => 'acme' }, 'and knows whose');
    $r = ask('location', $posts, "Authorization: Bearer $key");
    is_deeply([ header_of($r, 'X-Key') ], ['none'],
              'its .htaccess copies Authorization, and no key is in it');
};

sub told {
    my ($r) = @_;
    my ($told) = header_of($r, 'X-Told');
    my $of = JSON::PP->new->decode($told // '{}');
    return ref $of eq 'HASH' ? $of : {};
}

# A user and password that no module has checked; mod_php passes them on.
subtest 'Basic credentials beside a key, in mod_php' => sub {
    my $basic = 'Authorization: Basic ' . encode_base64('eve:secret', '');
    my %users = map { $_->[0] => get($site->port, '/users.php',
                      "Host: $_->[0].example", @$_[1 .. $#$_])->{body} }
        [ whole => @WITH, $basic ], [ plain => $basic ], [ file => @WITH ];
    is_deeply(\%users, { whole => 'REMOTE_USER=acme PHP_AUTH_USER=eve '
                                . 'PHP_AUTH_PW=secret X=acme',
                         plain => 'PHP_AUTH_USER=eve PHP_AUTH_PW=secret',
                         file => 'REMOTE_USER=acme PHP_AUTH_USER=acme X=acme' },
              'REMOTE_USER is the tenant, PHP_AUTH_USER is not checked');
    my $log;
    wait_until(60, sub {
        $log = $site->slurp('users_log');
        return 3 == (() = $log =~ /^/mg);
    });
    is_deeply([ sort map { s/\.example//r } split /\n/, $log ],
              [ sort 'whole eve acme', 'plain eve -', 'file acme acme' ],
              '%u is not either; the note is');
};

for my $host (qw(whole file asks)) {
    subtest "a guard that holds: $host" => sub {
        for my $path (@SAME, @BESIDE) {
            my $r = ask($host, $path);
            ok(!has_posts($r), "$path without a key: $r->{status}");
            is(ask($host, $path, "X-API-Key: $bad")->{status}, 401,
               "$path with a bad one")
                unless $path =~ /none\.css/ && $host ne 'asks';
        }
        for my $path ($host eq 'asks' ? @SAME : @SAME[0 .. 2]) {
            my $r = ask($host, $path, @WITH);
            ok(has_posts($r), "$path with one") or diag($r->{body});
            is(told($r)->{REMOTE_USER}, 'acme', 'of which WordPress knows');
            is_deeply([ header_of($r, 'X-Key') ], ['none'], 'whose, no more');
        }
        is(ask($host, '/wp-content/a.css')->{status}, 200,
           'a file is open to all');
        is(ask($host, '/wp-login.php')->{status}, $host eq 'whole' ? 401 : 200,
           'the page where people log in');
        is(ask($host, '/hello-world/')->{status}, $host eq 'asks' ? 200 : 401,
           'pages');
    };
}

$site->stop;
is($site->leaks($key), '', 'no key in a log');
done_testing;
