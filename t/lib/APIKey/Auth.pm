# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Auth;

# What the tests of a guarded request share: refusals as CONTRACT.md has them,
# the access log's line of a request, keys and rows that are made without
# htapikey.
#
#   my $r = ask('auth_table', '/api/', "X-API-Key: $key");
#   is_deeply(refusal($r), expected('expired'), …);
#   is_deeply(log_of($r), { status => 401, … }, …);
#   my $key = signed_key(secrets(), 'ak_' . 'x' x 43);
#   sql('auth_table', "UPDATE apikey SET disabled = 1 WHERE …");

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 hmac_sha256_hex);
use Exporter qw(import);
use JSON::PP ();
use MIME::Base64 qw(decode_base64);

use APIKey::HTTP;
use APIKey::Keys;
use APIKey::Logs;
use APIKey::Process qw(wait_until);

our @EXPORT = qw(ask ask_as log_of refusal expected granted secrets
    signed_key unknown_key key_digest row_of sql tell);

# Status, title and sentence of each reason.
my %REASON = (
    missing => [ 401, 'Unauthorized', 'This resource needs an API key.' ],
    invalid => [ 401, 'Unauthorized', 'The API key is not valid.' ],
    expired => [ 401, 'Unauthorized', 'The API key has expired.' ],
    revoked => [ 401, 'Unauthorized', 'The API key has been revoked.' ],
    disabled => [ 401, 'Unauthorized', 'The API key is disabled.' ],
    suspended => [ 403, 'Forbidden',
                   'The account of this API key has no API access.' ],
    ambiguous => [ 400, 'Bad Request',
                   'The request carries more than one API key.' ],
    tenant => [ 403, 'Forbidden', 'The API key belongs to another account.' ],
    env => [ 403, 'Forbidden', 'The API key is for another environment.' ],
    id => [ 403, 'Forbidden',
            'This API key is not among those allowed here.' ],
    network => [ 403, 'Forbidden',
                 'The API key may not be used from this address.' ],
    meta => [ 403, 'Forbidden',
              'The API key lacks a property that is needed here.' ],
    scope => [ 403, 'Forbidden',
               'The API key lacks the scope that is needed here.' ],
    forbidden => [ 403, 'Forbidden',
                   'The API key gives no access to this resource.' ],
    # The same code where no key has been examined.
    denied => [ 403, 'Forbidden', 'Access is denied.' ],
    unavailable => [ 503, 'Service Unavailable',
                     'API keys cannot be checked at the moment. '
                     . 'Please try again later.' ],
    exposed => [ 400, 'Bad Request', 'An API key must not stand in a URL. '
                                     . 'Please replace this key.' ],
);
my %ERROR = (
    (map { $_ => 'invalid_token' } qw(invalid expired revoked disabled)),
    ambiguous => 'invalid_request', scope => 'insufficient_scope',
);
my %DESCRIBED = map { $_ => 1 } qw(expired revoked disabled);

my $count = 0;

# A request with a number of its own in the query, by which log_of() finds it.
sub ask {
    my ($host, $path, @headers) = @_;
    return ask_as('GET', $host, $path, @headers);
}

sub ask_as {
    my ($method, $host, $path, @headers) = @_;
    my $number = sprintf '%d.%d', $$, ++$count;
    $path .= ($path =~ /\?/ ? '&' : '?') . "n=$number";
    my $mark = mark_logs();
    my $response = request($host, $method, $path, \@headers);
    @{$response}{qw(number mark)} = ($number, $mark);
    return $response;
}

# The request's line in the access log; '-' where httpd logs no value.
sub log_of {
    my ($response) = @_;
    my $line;
    wait_until(60, sub {
        ($line) = logs_since($response->{mark}, 'access')
                  =~ /^(.*[?&]n=\Q$response->{number}\E[& ].*)$/m;
    });
    my ($status) = ($line // '') =~ /" (\d{3}) key=/ or return $line;
    my %of = $line =~ /\b(key|auth|id|tenant|result|env|user)=(\S*)/g;
    return { %of, status => $status };
}

# What a client sees of a refusal, each field with all of its values.
sub refusal {
    my ($response) = @_;
    my %of = (
        status    => $response->{status},
        challenge => [ header_of($response, 'WWW-Authenticate') ],
        cache     => [ header_of($response, 'Cache-Control') ],
        retry     => [ header_of($response, 'Retry-After') ],
        type      => [ header_of($response, 'Content-Type') ],
        vary      => [ sort map { split /\s*,\s*/ }
                       header_of($response, 'Vary') ],
    );
    if (length $response->{body}) {
        $of{problem} =
            eval { JSON::PP->new->utf8->decode($response->{body}) }
            // $response->{body};
    }
    return \%of;
}

# What a client is to see for a reason. With: realm, scope (the first
# challenge's), ways (the challenges of `missing`), vary, body (0: none, as for
# HEAD).
sub expected {
    my ($reason, %with) = @_;
    my ($status, $title, $detail) = @{ $REASON{$reason} };
    my $realm = $with{realm} // 'R';
    my @challenge;
    if (my $error = $ERROR{$reason}) {
        @challenge = qq(Bearer realm="$realm", error="$error");
        $challenge[0] .= qq(, error_description="$detail")
            if $DESCRIBED{$reason};
        $challenge[0] .= qq(, scope="$with{scope}") if $with{scope};
    }
    elsif ($status == 401) {
        @challenge = @{ $with{ways}
            // [ qq(Bearer realm="$realm")
                 . ($with{scope} ? qq(, scope="$with{scope}") : ''),
                 qq(ApiKey realm="$realm", header="X-API-Key") ] };
    }
    my %of = (
        status    => $status,
        challenge => \@challenge,
        cache     => ['no-store'],
        retry     => [ $status == 503 ? 5 : () ],
        type      => ['application/problem+json'],
        vary      => [ @{ $with{vary} // [qw(Authorization X-API-Key)] } ],
    );
    $of{problem} = {
        type => 'about:blank', title => $title, status => $status,
        detail => $detail, code => $reason eq 'denied' ? 'forbidden' : $reason,
    } unless defined $with{body} && !$with{body};
    return \%of;
}

# True where the response is the application's.
sub granted {
    my ($response) = @_;
    return $response->{status} == 200
        && !header_of($response, 'WWW-Authenticate');
}

# The secrets of a file, in its order; default: the file of all tests.
sub secrets {
    my ($file) = @_;
    $file //= APIKey::Test::run_info()->{stage} . '/own/secret';
    open my $in, '<', $file or die "$file: $!\n";
    return map { /^[\w.-]+\s+(\S+)/ ? decode_base64($1) : () } <$in>;
}

my @BASE62 = ('0' .. '9', 'A' .. 'Z', 'a' .. 'z');

# The check characters that CONTRACT.md puts after the rest of a key.
sub check_characters {
    my ($secret, $rest) = @_;
    my $number = unpack 'N', hmac_sha256($rest, $secret);
    my $check = '';
    for (1 .. 6) {
        $check = $BASE62[ $number % 62 ] . $check;
        $number = int($number / 62);
    }
    return $check;
}

sub signed_key {
    my ($secret, $rest) = @_;
    my $key = $rest . check_characters($secret, $rest);
    remember_key($key);
    return $key;
}

# A key that was signed with the secret and is in no database.
sub unknown_key {
    my ($secret, $prefix) = @_;
    return signed_key($secret, ($prefix // 'ak') . '_'
                               . join '', map { $BASE62[ rand 62 ] } 1 .. 43);
}

# The digest that a base62 key is stored under.
sub key_digest {
    my ($secret, $key) = @_;
    return hmac_sha256_hex(substr($key, 0, -6), $secret);
}

# An INSERT for a key that htapikey did not make.
sub row_of {
    my ($digest, %of) = @_;
    my %row = (digest => $digest, tenant => 'acme', name => 'imported',
               env => 'live', scopes => '', %of);
    my @names = sort keys %row;
    return sprintf 'INSERT INTO apikey (%s) VALUES (%s)', join(',', @names),
        join ',', map { "'" . s/'/''/gr . "'" } @row{@names};
}

# Statements for a virtual host's database; the rows, '|' between columns.
sub sql {
    my ($host, @statements) = @_;
    my $db = APIKey::Test::run_info()->{stage} . "/state/$host.db";
    my $text = join '', map { "$_;\n" } @statements;
    open my $in, '-|', 'sqlite3', '-batch', '-bail', '-cmd',
        '.timeout 60000', $db, $text or die "sqlite3: $!\n";
    my @rows = <$in>;
    close $in or die "sqlite3 $db: $text";
    chomp @rows;
    return @rows;
}

# htapikey, or die: where a test needs that it worked.
sub tell {
    my ($host, @arguments) = @_;
    my $done = htapikey($host, @arguments);
    die "htapikey @arguments: $done->{exit} $done->{err}" if $done->{exit};
    return $done->{out};
}

1;
