# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Misspelt AuthType ApiKey and Require apikey-...: httpd -t refuses them and
# names the right spelling; in an .htaccess the request gets 500, and the log
# names it.  The names of other modules are accepted.

use APIKey::Test;
use APIKey::ConfigTest;

my $site = APIKey::ConfigTest->new;

sub said {
    my ($section, $before) = @_;
    return $site->check(($before // '') . "\@DATABASE\@\n<Location /x>\n"
                        . "$section\n</Location>\n");
}

sub refused {
    my ($section, $words) = @_;
    my $said = said($section);
    ok(!$said->{ok} && $said->{text} =~ $words,
       'httpd -t refuses and corrects: ' . join '; ', split /\n/, $section)
        or diag($said->{text});
}

# ---- AuthType ----
for my $type (qw(ApiKeys apikeys Api-Key API_KEY ApiKye ApKey Apikei),
              'Api Key') {
    refused(qq(AuthType "$type"\nRequire valid-user),
            qr/^APIKEY0191: \S+:\d+: 'AuthType $type' .*'AuthType ApiKey'/m);
}
my $taken = said(join "\n", map { ("<Limit M$_>", "AuthType $_", '</Limit>') }
    qw(ApiKey apikey "ApiKey" Basic Digest Form None Bearer JWT openid-connect
       oauth20 auth-openidc Kerberos GSSAPI Negotiate SSPI NTLM Shibboleth CAS
       Mellon Certificate Cosign OpenID Token HMAC WebAuth ApplicationKey Key
       Api Apache));
ok($taken->{ok} && $taken->{text} !~ /APIKEY/,
   'httpd -t accepts each AuthType of other modules without a message')
    or diag($taken->{text});
my $inner = $site->check("\@DATABASE\@\n<VirtualHost 127.0.0.1:1>\n"
    . "<Directory /x>\n<Files y>\nAuthType ApiKeys\n</Files>\n</Directory>\n"
    . "</VirtualHost>\n");
ok(!$inner->{ok} && $inner->{text} =~ /APIKEY0191: .*'AuthType ApiKey'/,
   'httpd -t refuses AuthType ApiKeys in a section of a virtual host')
    or diag($inner->{text});

# A handler in mod_perl may take any AuthType.
my ($perl) = map { "$_/mod_perl.so" } map { chomp; $_ }
             `@{[ $ENV{APXS} || 'apxs' ]} -q LIBEXECDIR`;
my $handed = said("AuthType ApiKeys\nPerlAuthenHandler Some::Handler",
                  "LoadModule perl_module \"$perl\"\n");
ok($handed->{ok} && $handed->{text} =~ /APIKEY0191: .*'AuthType ApiKeys'/,
   'httpd -t accepts AuthType ApiKeys with a warning if mod_perl has a handler')
    or diag($handed->{text});
my $idle = said('AuthType ApiKeys', "LoadModule perl_module \"$perl\"\n");
ok(!$idle->{ok} && $idle->{text} =~ /APIKEY0191/,
   'httpd -t refuses AuthType ApiKeys if mod_perl has no handler')
    or diag($idle->{text});

# ---- Require ----
for my $case ([ 'apikey-scopes' => 'apikey-scope' ],
              [ 'apikey-scope:' => 'apikey-scope' ],
              [ 'api-key-scope' => 'apikey-scope' ],
              [ 'apikey_scope' => 'apikey-scope' ],
              [ 'APIKEY-SCOPES' => 'apikey-scope' ],
              [ 'not apikeyscope' => 'apikey-scope' ],
              [ 'apikey-tennant' => 'apikey-tenant' ],
              [ 'apikey-tenants' => 'apikey-tenant' ],
              [ 'apikey-envs' => 'apikey-env' ],
              [ 'apikey-nones' => 'apikey-none' ],
              [ 'aipkey-ids' => 'apikey-id' ]) {
    my ($wrong, $right) = @$case;
    refused("AuthType ApiKey\n<RequireAll>\nRequire $wrong a:b\n"
            . 'Require valid-user' . "\n</RequireAll>",
            qr/APIKEY0192: \S+:\d+: .*write 'Require $right'/);
}
refused("AuthType ApiKey\nRequire apikey-permission a:b",
        qr/APIKEY0192: .* with one of .*apikey-scope/);
refused("AuthType ApiKey\nRequire nosuch a:b",
        qr/\A(?!.*APIKEY).*Unknown Authz provider: nosuch/s);
my $alias = "<AuthzProviderAlias %s apikey-scopes a:b>\n"
          . "</AuthzProviderAlias>\n";
my $named = said("AuthType ApiKey\nRequire apikey-scopes",
                 sprintf $alias, 'apikey-scope');
ok($named->{ok} && $named->{text} !~ /APIKEY/,
   'httpd -t accepts Require apikey-scopes if an alias has that name')
    or diag($named->{text});
my $base = said("AuthType ApiKey\nRequire apikey-scopes",
                sprintf $alias, 'apikey-scop');
ok(!$base->{ok} && $base->{text} =~ /APIKEY0192: .*'Require apikey-scop'/,
   'httpd -t refuses an alias of apikey-scop, which is no provider')
    or diag($base->{text});

# ---- .htaccess ----
$site->file("docs/$_/index.html", "A page.\n") for qw(type require other);
$site->file('docs/type/.htaccess',
            "AuthType ApiKeys\nAuthName R\nRequire valid-user\n");
$site->file('docs/require/.htaccess', "AuthType ApiKey\nAuthName R\n"
            . "Require apikey-scopes a:b\n");
$site->file('docs/other/.htaccess', "AuthType Baisc\nAuthName R\n"
            . "Require nosuch\n");
$site->start(<<'EOF');
@DATABASE@
<Directory "@DOCS@">
    AllowOverride AuthConfig
</Directory>
EOF
my $key = $site->create;

# What was logged for a request, without debug and trace. Its Referer has the
# words of httpd about a provider, which must not be taken for its message.
sub log_of {
    my ($path) = @_;
    my $before = length $site->slurp('error_log');
    my $status = get($site->port, $path, "X-API-Key: $key",
                     'Referer: Unknown Authz provider: apikey-ids')->{status};
    is($status, 500, "$path: 500 for a name in its .htaccess");
    return join '', grep { !/:(?:trace\d|debug)\]/ }
           split /^/, substr $site->slurp('error_log'), $before;
}
like(log_of('/type/index.html'), qr/APIKEY0191: .*write 'AuthType ApiKey'/,
     'the log names the right AuthType for an .htaccess');
like(log_of('/require/index.html'),
     qr/APIKEY0192: .*'Require apikey-scopes': write 'Require apikey-scope'/,
     'the log names the right Require for an .htaccess');
unlike(log_of('/other/index.html'), qr/APIKEY/,
       'the log has no message of ours for other names in an .htaccess');
$site->stop;

done_testing;
