# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Misspelt AuthType ApiKey and Require apikey-...: httpd -t names the right
# spelling, and so does the log where they stand in an .htaccess.  The names of
# other modules are never refused.

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
    ok(!$said->{ok} && $said->{text} =~ $words, "refused: $section")
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
ok($taken->{ok} && $taken->{text} !~ /APIKEY/, 'the names of others are theirs')
    or diag($taken->{text});
my $inner = $site->check("\@DATABASE\@\n<VirtualHost 127.0.0.1:1>\n"
    . "<Directory /x>\n<Files y>\nAuthType ApiKeys\n</Files>\n</Directory>\n"
    . "</VirtualHost>\n");
ok(!$inner->{ok} && $inner->{text} =~ /APIKEY0191: .*'AuthType ApiKey'/,
   'refused in a section of a virtual host') or diag($inner->{text});

# A handler in mod_perl may take any AuthType.
my ($perl) = map { "$_/mod_perl.so" } map { chomp; $_ }
             `@{[ $ENV{APXS} || 'apxs' ]} -q LIBEXECDIR`;
my $handed = said("AuthType ApiKeys\nPerlAuthenHandler Some::Handler",
                  "LoadModule perl_module \"$perl\"\n");
ok($handed->{ok} && $handed->{text} =~ /APIKEY0191: .*'AuthType ApiKeys'/,
   'a warning where another module takes AuthTypes') or diag($handed->{text});
my $idle = said('AuthType ApiKeys', "LoadModule perl_module \"$perl\"\n");
ok(!$idle->{ok} && $idle->{text} =~ /APIKEY0191/,
   'refused where that module has none') or diag($idle->{text});

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
ok($named->{ok} && $named->{text} !~ /APIKEY/, 'an alias of that name is one')
    or diag($named->{text});
my $base = said("AuthType ApiKey\nRequire apikey-scopes",
                sprintf $alias, 'apikey-scop');
ok(!$base->{ok} && $base->{text} =~ /APIKEY0192: .*'Require apikey-scop'/,
   'refused: an alias of no such thing') or diag($base->{text});

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

sub log_of {
    my ($path) = @_;
    my $before = length $site->slurp('error_log');
    my $status = get($site->port, $path, "X-API-Key: $key",
                     'Referer: Unknown Authz provider: apikey-ids')->{status};
    is($status, 500, "$path: 500");
    return join '', grep { !/:(?:trace\d|debug)\]/ }
           split /^/, substr $site->slurp('error_log'), $before;
}
like(log_of('/type/index.html'), qr/APIKEY0191: .*write 'AuthType ApiKey'/,
     'the log names the right AuthType');
like(log_of('/require/index.html'),
     qr/APIKEY0192: .*'Require apikey-scopes': write 'Require apikey-scope'/,
     'and the right Require');
unlike(log_of('/other/index.html'), qr/APIKEY/, 'and nothing of others\' names');
$site->stop;

done_testing;
