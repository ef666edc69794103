# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The order of the LoadModule lines makes no difference.  Loaded first or last,
# mod_apikey masks the key before other modules read it, and sets the variables
# and headers of the application after them.

use FindBin qw($Bin);
use lib "$Bin/lib";
use APIKey::ConfigTest;
use APIKey::Test;
use Seen;

package First {
    our @ISA = ('APIKey::ConfigTest');

    sub write_conf {
        my ($self, $conf) = @_;
        $self->SUPER::write_conf($conf);
        my $text = $self->slurp('httpd.conf');
        $text =~ s/^(LoadModule apikey_module .*\n)//m
            or die "no LoadModule line for apikey\n";
        $self->file('httpd.conf', $1 . $text);
    }
}

my $CONF = <<'EOF_CONF';
@DATABASE@
ForensicLog "@DIR@/forensic_log"
<IfModule mod_cgid.c>
    ScriptSock "@DIR@/cgisock"
</IfModule>
AddHandler cgi-script .cgi
SetEnvIf X-API-Key "(.+)" LEAK=$1
SetEnvIf X-Apikey-Id "(.+)" SAID=$1
RequestHeader set X-Apikey-Tenant evil-early early
RequestHeader set X-Leak "expr=%{HTTP:X-API-Key}" early
RewriteEngine On
RewriteRule ^ - [E=APIKEY_TENANT:evil-rewrite]
LogFormat "%{APIKEY_TENANT}e %{X-Apikey-Tenant}i" told
CustomLog "@DIR@/told_log" told
<Directory "@DOCS@">
    Options ExecCGI FollowSymLinks
    RewriteEngine On
    RewriteRule ^ - [E=APIKEY_TENANT:evil-rewrite]
    SetEnv APIKEY_TENANT evil-env
    SetEnv HTTP_X_APIKEY_TENANT evil-env
    SetEnvIf Request_URI . APIKEY_TENANT=evil-setenvif
    RequestHeader set X-Apikey-Tenant evil-headers
    RequestHeader append Connection X-Apikey-Tenant
</Directory>
<Location "/guarded/">
    AuthType ApiKey
    Require valid-user
</Location>
Alias "/guarded/" "@DOCS@/"
EOF_CONF

for my $class (qw(First APIKey::ConfigTest)) {
    my $what = $class eq 'First' ? 'loaded first' : 'loaded last';
    my $site = $class->new;
    open my $in, '<', "$Bin/htdocs/environ.cgi" or die "environ.cgi: $!\n";
    $site->file('docs/environ.cgi', do { local $/; <$in> }, 0755);
    my $key = $site->create(qw(--expires never));
    $site->start($CONF);
    for my $area (qw(guarded open)) {
        my $path = $area eq 'open' ? '/environ.cgi' : '/guarded/environ.cgi';
        my $r = get($site->port, $path, "X-API-Key: $key",
                    'X-Apikey-Id: evil-client');
        my @tenant = map { /^\w*APIKEY_TENANT=(.*)/ } @{ said($r) };
        is_deeply(\@tenant, $area eq 'open' ? [] : [qw(acme acme)],
                  "$what, $area: a CGI gets the true tenant or none")
            or diag($r->{body});
        unlike($r->{body}, qr/evil/,
               "$what, $area: a CGI gets no forged value");
        unlike($r->{body}, qr/\Q$key\E/, "$what, $area: a CGI gets no key");
    }
    $site->stop;
    is($site->slurp('told_log'), "acme acme\n- -\n",
       "$what: the log has the true tenant or none");
    is($site->leaks($key), '', "$what: no log has the key");
    like($site->slurp('forensic_log'), qr/GET .*Host:127/,
         "$what: mod_log_forensic writes the requests");
    unlike($site->slurp('forensic_log'), qr/\Q$key\E|evil-client/,
           "$what: mod_log_forensic writes neither key nor forged header");
}
done_testing;
