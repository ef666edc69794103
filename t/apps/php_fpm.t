# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# PHP-FPM as Debian configures it: SetEnvIf sets HTTP_AUTHORIZATION, because
# mod_proxy_fcgi does not send it to PHP.  With ApiKeyPassKey its value is the
# key, without it is not set; likewise with the .htaccess of a front controller.

use APIKey::Apps;
use APIKey::Test;
use MIME::Base64 qw(encode_base64);

my $site = APIKey::Apps->with_php(above => do {
    chomp(my $folder = `@{[ $ENV{APXS} || 'apxs' ]} -q LIBEXECDIR`);
    qq(LoadModule proxy_fcgi_module "$folder/mod_proxy_fcgi.so"\n) });
my $key = $site->create(qw(--expires never));
chomp(my $poor = $site->htapikey(qw(create -q --tenant poor --name site
                                    --expires never)));
remember_key($poor);
my $hint = qr/ak_\.\.\./;

$site->file('docs/show.php', <<'EOF_PHP');
<?php
header('Content-Type: text/plain');
foreach ($_SERVER as $name => $value) {
    if (preg_match('/AUTH|KEY|SEEN|TENANT/', $name)) {
        echo "$name=$value\n";
    }
}
EOF_PHP
# The rules of Laravel and WordPress.
$site->file('docs/front/.htaccess', <<'EOF_HTACCESS');
RewriteEngine On
RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteRule ^ index.php [L]
EOF_HTACCESS
$site->file('docs/front/index.php', $site->slurp('docs/show.php'));

my $fpm = $site->debian_fpm;
like($fpm, qr/SetEnvIfNoCase \^Authorization\$/,
     'the configuration of Debian sets HTTP_AUTHORIZATION');
my %HOSTS = (on => 'ApiKeyPassKey On', off => '');
$site->start(join '', <<"EOF_CONF", map { <<"EOF_HOST" } sort keys %HOSTS);
\@DATABASE\@
# This level logs what is sent to PHP, which may be a key.
LogLevel trace8 proxy_fcgi:trace7
LogFormat "%U auth=%{Authorization}i env=%{HTTP_AUTHORIZATION}e \\
%{REDIRECT_HTTP_AUTHORIZATION}e seen=%{SEEN}e" told
CustomLog "\@DIR\@/told_log" told
SetEnvIf Authorization "(.+)" SEEN=\$1
ApiKeyFrom header bearer basic
AliasMatch "^/(?:api|open|less|set|denied)/(show\\.php)\$" "\@DOCS\@/\$1"
<Directory "\@DOCS\@/front">
    AllowOverride FileInfo
</Directory>
<LocationMatch "^/(?:api|less|set|denied|front)/">
    AuthType ApiKey
    Require apikey-tenant acme
</LocationMatch>
<Location "/less/">
    RequestHeader unset Authorization
</Location>
<Location "/set/">
    RequestHeader set Authorization "Basic theirs"
</Location>
$fpm
EOF_CONF
<VirtualHost 127.0.0.1:*>
    ServerName $_.example
    $HOSTS{$_}
</VirtualHost>
EOF_HOST

# What PHP gets of keys and users, by name.
sub seen {
    my ($host, $path, @headers) = @_;
    my $r = get($site->port, $path, "Host: $host.example", @headers);
    my %env = map { /^(\w+)=(.*)/ } split /\n/, $r->{body};
    my @told = grep { $env{$_} =~ /\Q$key\E|$hint|^(?:Basic|Bearer) / }
               keys %env;
    return join ' ', $r->{status}, map { "$_=$env{$_}" } sort @told;
}

my $basic = 'Basic ' . encode_base64("$key:", '');
for my $value ("Bearer $key", "bearer   $key", $basic) {
    my $header = "Authorization: $value";
    my $what = $value =~ s/\s.*//r;
    my $kept = $value =~ s/^bearer +/bearer /r;
    my $user = $value eq $basic ? " PHP_AUTH_USER=$key" : '';
    like(seen('on', '/api/show.php', $header),
         qr/^200 HTTP_AUTHORIZATION=\Q$value\E\Q$user\E$/,
         "$what: with ApiKeyPassKey PHP gets the key");
    like(seen('on', '/front/some/where', $header),
         qr/ HTTP_AUTHORIZATION=\Q$value\E.* REDIRECT_HTTP_AUTHORIZATION=\Q$value\E/,
         "$what: with ApiKeyPassKey a front controller gets it by both names");
    is(seen('off', $_, $header), '200',
       "$what: without ApiKeyPassKey $_ gets neither key nor hint")
        for qw(/api/show.php /front/some/where);
    is(seen('on', '/open/show.php', $header), '200',
       "$what: an open place gets neither key nor hint");
    unlike(seen('on', '/less/show.php', $header), qr/\Q$key\E|$hint/,
           "$what: PHP does not get a header that the administrator removes");
    unlike(seen('on', '/set/show.php', $header), qr/\Q$key\E|$hint/,
           "$what: PHP gets neither key nor hint of a header that is replaced");
}
is(seen('on', '/api/show.php', "X-API-Key: $key"), "200 HTTP_X_API_KEY=$key",
   'a key in X-API-Key sets no HTTP_AUTHORIZATION');
like(seen('on', '/api/show.php', "Authorization: Bearer $poor"), qr/^403$/,
     'a refused request with a key does not reach PHP');
like(seen($_, '/open/show.php', 'Authorization: Bearer a.b.c'),
     qr/^200 HTTP_AUTHORIZATION=Bearer a\.b\.c/,
     "$_: PHP gets a foreign credential as it was sent")
    for qw(on off);

$site->stop;
unlike($site->slurp('told_log'), qr/\Q$key\E|\Q$basic\E/,
       'no variable in the log has the key');
is($site->leaks($key, $poor), '', 'no log has a key');
done_testing;
