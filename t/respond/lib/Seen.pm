# Licensed under the Apache License, Version 2.0; see LICENSE.
package Seen;

# What an application got, as lines "NAME=VALUE" (a CGI) or "Name: value" (a
# proxied application), byte by byte and with all repetitions.
#
#   said($r)      the sorted lines that are about keys, tenants and users
#   head($r)      the whole head that the proxied application received
#   told($k, …)   the lines that a CGI gets for a granted key
#   carried($k)   the lines that a proxied application gets

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(said head told carried in_stage said_of);

my $OURS = qr/api.?key|acme.caller|authorization|remote.?user|auth.?type/i;

sub head {
    my ($response) = @_;
    my ($head) = $response->{body} =~ /\A(.*?\r\n)\r\n/s
        or return "no head: $response->{body}";
    return $head;
}

sub said_of {
    my ($text) = @_;
    return [ sort grep { /^[^=:]*$OURS/ && !m{ HTTP/1\.[01]$} }
             split /\r?\n/, $text ];
}

# A response that comes from neither application is shown in the test's output.
sub said {
    my ($response) = @_;
    return "$response->{status}: $response->{body}"
        unless $response->{body} =~ /\A(?:environment\n|[A-Z]+ \S+ HTTP)/;
    my ($lines) = $response->{body} =~ /\A(.*?)\r?\n\r?\n/s;
    return said_of($lines // $response->{body});
}

# $k has the arguments and the result of create_key(): tenant, name, env, scope,
# id, expires.
sub told {
    my ($k, %also) = @_;
    my %told = (
        AUTH_TYPE => 'ApiKey', REMOTE_USER => $k->{tenant},
        APIKEY_RESULT => 'granted', APIKEY_KEYSPACE => 'default',
        APIKEY_ID => $k->{id}, APIKEY_TENANT => $k->{tenant},
        APIKEY_NAME => $k->{name}, APIKEY_ENV => $k->{env},
        APIKEY_SCOPES => "@{ $k->{scope} }",
        HTTP_X_APIKEY_ID => $k->{id}, HTTP_X_APIKEY_TENANT => $k->{tenant},
        HTTP_X_APIKEY_SCOPES => "@{ $k->{scope} }",
        HTTP_X_APIKEY_ENV => $k->{env},
        $k->{expires} ? (APIKEY_EXPIRES => $k->{expires}) : (), %also);
    return [ sort map { "$_=" . ($told{$_} =~ s/\\/\\x5c/gr) }
             grep { defined $told{$_} } keys %told ];
}

sub carried {
    my ($k, $prefix) = @_;
    $prefix //= 'X-Apikey-';
    return [ sort "${prefix}Tenant: $k->{tenant}", "${prefix}Id: $k->{id}",
             "${prefix}Scopes: @{ $k->{scope} }", "${prefix}Env: $k->{env}" ];
}

# Writes a file below the virtual hosts' document root, readable by httpd.
sub in_stage {
    my ($name, $text) = @_;
    my $file = APIKey::Test::run_info()->{stage} . "/htdocs/respond/$name";
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
    chmod 0644, $file;
}

1;
