# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::WordPress;

# A site (see APIKey::ConfigTest) with Debian's WordPress in mod_php, which
# needs prefork, and a MariaDB of its own.
#
#   my $site = APIKey::WordPress->new;
#   $site->start($conf);            @WORDPRESS@ is its folder
#   $site->stop;
#
# WordPress is reached under any host name, with the .htaccess that it writes
# for permalinks.  $site->plugin($name, $php) makes a program of its mu-plugins.

use strict;
use warnings;

use parent 'APIKey::ConfigTest';
use APIKey::MariaDB;

my $FROM = '/usr/share/wordpress';

# The .htaccess that WordPress writes for permalinks.
my $HTACCESS = <<'EOF_HTACCESS';
RewriteEngine On
RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
RewriteBase /
RewriteRule ^index\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /index.php [L]
EOF_HTACCESS

sub new {
    my ($class, %more) = @_;
    my ($php) = glob '/usr/lib/apache2/modules/libphp*.so';
    die "There is no mod_php.\n" unless $php;
    my $self = $class->SUPER::new(
        mpm => 'prefork', %more, above => ($more{above} // '')
        . qq(LoadModule php_module "$php"\n));
    $self->{database} = APIKey::MariaDB->new;
    $self->{database}->sql('CREATE DATABASE wordpress');
    $self->tree;
    $self->install;
    return $self;
}

# A copy of all programs, since each looks for its configuration beside itself.
sub tree {
    my ($self) = @_;
    my $to = "$self->{dir}/wordpress";
    mkdir $to;
    system('cp', '-R', "$FROM/wp-admin", glob("$FROM/*.php"), $to) == 0
        or die "$FROM cannot be copied.\n";
    symlink "$FROM/wp-includes", "$to/wp-includes" or die "symlink: $!\n";
    $self->file('wordpress/.htaccess', $HTACCESS);
    $self->file('wordpress/wp-content/a.css', "a { color: red }\n");
    my $socket = $self->{database}{socket};
    $self->file('wordpress/wp-config.php', <<"EOF_PHP");
<?php
define('DB_NAME', 'wordpress');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:$socket');
define('WP_HOME', 'http://' . (\$_SERVER['HTTP_HOST'] ?? 'x.example'));
define('WP_SITEURL', WP_HOME);
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
\$table_prefix = 'wp_';
defined('ABSPATH') || define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
EOF_PHP
}

# Sets WordPress up as its installer does, with permalinks.
sub install {
    my ($self) = @_;
    my $program = $self->file('install.php', <<"EOF_PHP");
<?php
define('WP_INSTALLING', true);
function wp_mail() { return true; }
require '$self->{dir}/wordpress/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('A site', 'admin', 'admin\@x.example', true, '', 'sesame');
update_option('permalink_structure', '/%postname%/');
flush_rewrite_rules(false);
EOF_PHP
    my $said = `php '$program' 2>&1`;
    die "WordPress could not be installed: $said\n"
        if $? || $said =~ /error|warning/i;
}

sub plugin {
    my ($self, $name, $php) = @_;
    return $self->file("wordpress/wp-content/mu-plugins/$name.php", $php);
}

sub fill {
    my ($self, $conf) = @_;
    return $self->SUPER::fill($conf =~ s/\@WORDPRESS\@/$self->{dir}\/wordpress/gr);
}

sub stop {
    my ($self) = @_;
    $self->SUPER::stop;
    delete $self->{database};
}

1;
