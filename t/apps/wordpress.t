# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Front controllers as in conf/manual/applications.md, with a WordPress in
# mod_php: which section guards the API, and which does not.

use APIKey::Blocks qw(section);
use APIKey::Process qw(wait_until);
use APIKey::Test;
use APIKey::WordPress;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);

# The blocks of that section of the manual: the three guards and the plug-in.
my ($whole, $file, $asks, $plugin) =
    section('conf/manual/applications.md', 'Front controllers');
my $site = APIKey::WordPress->new;
my $key = $site->create;
my $bad = $key =~ s/(.)\z/$1 eq 'a' ? 'b' : 'a'/er;

# The plug-in acts by the name of the host, so that one WordPress serves all of
# them.
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

# The response is the list of posts of WordPress' API.
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

subtest 'WordPress answers in the same way by several URLs' => sub {
    my $first = ask('plain', $posts);
    ok(has_posts($first),
       'the API of WordPress answers') or diag($first->{body});
    ok(has_posts(ask('plain', $_)), $_) for @SAME;
    is(join(' ', map { m{^/(\S+)\?} } grep { has_posts(ask('plain', $_)) }
                 @BESIDE),
       'wp-activate.php wp-signup.php wp-trackback.php wp-blog-header.php',
       'WordPress answers the API by four other programs, too');
};

subtest 'a Location of the API guards one of these URLs only' => sub {
    is(ask('location', $posts)->{status}, 401,
       '401 for the URL of the Location');
    for my $path (@SAME[1 .. 4]) {
        ok(has_posts(ask('location', $path)),
           "$path has the posts without a key");
    }
};

# The values that a program outside of the section gets.
subtest 'WordPress gets the tenant after the rewrite to index.php' => sub {
    my $r = ask('location', $posts, @WITH);
    ok(has_posts($r), 'WordPress answers a request with a key');
    is_deeply(told($r), { REMOTE_USER => 'acme', AUTH_TYPE => 'ApiKey',
                          APIKEY_TENANT => 'acme',
                          HTTP_X_APIKEY_TENANT => 'acme',
                          PHP_AUTH_USER => 'acme' },
              'WordPress gets the tenant of the key');
    $r = ask('location', $posts, "Authorization: Bearer $key");
    is_deeply([ header_of($r, 'X-Key') ], ['none'],
              'the .htaccess copies Authorization, and WordPress gets no key');
};

sub told {
    my ($r) = @_;
    my ($told) = header_of($r, 'X-Told');
    my $of = JSON::PP->new->decode($told // '{}');
    return ref $of eq 'HASH' ? $of : {};
}

# A user and a password that no module has checked; mod_php passes them on.
subtest 'Basic credentials beside a key, in mod_php' => sub {
    my $basic = 'Authorization: Basic ' . encode_base64('eve:secret', '');
    my %users = map { $_->[0] => get($site->port, '/users.php',
                      "Host: $_->[0].example", @$_[1 .. $#$_])->{body} }
        [ whole => @WITH, $basic ], [ plain => $basic ], [ file => @WITH ];
    is_deeply(\%users, { whole => 'REMOTE_USER=acme PHP_AUTH_USER=eve '
                                . 'PHP_AUTH_PW=secret X=acme',
                         plain => 'PHP_AUTH_USER=eve PHP_AUTH_PW=secret',
                         file => 'REMOTE_USER=acme PHP_AUTH_USER=acme X=acme' },
              'REMOTE_USER is the tenant, PHP_AUTH_USER is what the client '
              . 'sends');
    my $log;
    wait_until(60, sub {
        $log = $site->slurp('users_log');
        return 3 == (() = $log =~ /^/mg);
    });
    is_deeply([ sort map { s/\.example//r } split /\n/, $log ],
              [ sort 'whole eve acme', 'plain eve -', 'file acme acme' ],
              "%u in the log may be the client's word, the note is the tenant");
};

for my $host (qw(whole file asks)) {
    subtest "the guard '$host' covers all of these URLs" => sub {
        for my $path (@SAME, @BESIDE) {
            my $r = ask($host, $path);
            ok(!has_posts($r),
               "$path without a key has no posts: $r->{status}");
            is(ask($host, $path, "X-API-Key: $bad")->{status}, 401,
               "$path with a bad key: 401")
                unless $path =~ /none\.css/ && $host ne 'asks';
        }
        for my $path ($host eq 'asks' ? @SAME : @SAME[0 .. 2]) {
            my $r = ask($host, $path, @WITH);
            ok(has_posts($r),
               "$path with a key has the posts") or diag($r->{body});
            is(told($r)->{REMOTE_USER}, 'acme',
               "$path: WordPress gets the tenant");
            is_deeply([ header_of($r, 'X-Key') ], ['none'],
                      "$path: WordPress gets no key");
        }
        is(ask($host, '/wp-content/a.css')->{status}, 200,
           'a file is sent without a key');
        is(ask($host, '/wp-login.php')->{status}, $host eq 'whole' ? 401 : 200,
           'the status of the page where people log in, without a key');
        is(ask($host, '/hello-world/')->{status}, $host eq 'asks' ? 200 : 401,
           'the status of a page, without a key');
    };
}

$site->stop;
is($site->leaks($key), '', 'no log has a key');
done_testing;
