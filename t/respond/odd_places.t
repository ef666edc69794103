# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A key with text before or after it, a part of a key, and Basic that only some
# decoders accept: no such key is accepted, and no log and no application gets
# it.

use APIKey::ConfigTest;
use APIKey::Test;
use MIME::Base64 qw(encode_base64);

chomp(my $folder = `@{[ $ENV{APXS} || 'apxs' ]} -q LIBEXECDIR`);
my $app = 'http://127.0.0.1:' . port('app');
my $site = APIKey::ConfigTest->new(
    above => qq(LoadModule security2_module "$folder/mod_security2.so"\n));
my $usual = $site->create(qw(--expires never));
my $acme = $site->create(qw(--expires never --prefix acme));
sub base64 { return encode_base64($_[0], '') }

$site->start(<<"EOF_CONF");
\@DATABASE\@
LogLevel core:info
MergeTrailers On
LimitRequestFieldSize 100000
SecRuleEngine On
SecAuditEngine On
SecAuditLogType Serial
SecAuditLogParts ABCDEFGHIJKZ
SecAuditLog "\@DIR\@/audit_log"
SecDebugLog "\@DIR\@/sec_log"
SecDebugLogLevel 9
TraceEnable On
ProxyPass / $app/
LogFormat "k=%{X-API-Key}i a=%{Authorization}i \\
p=%{Proxy-Authorization}i t=%{X-API-Key}^ti%{X_API_Key}^ti%{x.api.key}^ti \\
u=%{X_API_Key}i" seen
CustomLog "\@DIR\@/seen_log" seen
<VirtualHost 127.0.0.1:*>
    ServerName any.example
</VirtualHost>
<VirtualHost 127.0.0.1:*>
    ServerName own.example
    ApiKeyPrefix ak acme
    ApiKeyFrom header:X-API-Key bearer basic scheme:Token
</VirtualHost>
<VirtualHost 127.0.0.1:*>
    ServerName opaque.example
    ApiKeyFormat base62 opaque
</VirtualHost>
EOF_CONF

# Values that contain the whole key, for servers of any prefix.
sub whole {
    my ($key) = @_;
    my $code = base64("$key:");
    my ($first, $second) = map { (substr($code, 0, $_), substr $code, $_) } 21;
    my $url = $code =~ tr{+/}{-_}r =~ s/=+\z//r;
    return (map({ "X-API-Key: $_" }
                "'$key'", "<$key>", "($key)", "$key.", "$key;", "\t$key\t",
                "$key\x0b", "$key\xc2\xa0", "\xe2\x80\x9c$key\xe2\x80\x9d",
                "\r\n $key", "own, $key", qq({"key":"$key"}), "key=$key"),
            map({ "Authorization: $_" }
                "Bearer\r\n\t$key", "bEARER $key", "Bearer:$key",
                "Bearer \xef\xbb\xbf$key", "$key Bearer",
                "Digest username='$key', x=\"y\"",
                "Basic $code", "basic\t$code", "Basic $url", "Basic $code===",
                "Basic \"$code\"", "Basic $first\r\n $second",
                "Basic $first!$second", "Digest a=b, Basic $first $second",
                map { 'Basic ' . base64($_) }
                    "$key\n", "bob:$key\n", "$key:\n", "bob:'$key'"),
            "X_API_Key: '$key'", "x.api.key: $key",
            "X-API-Key: own\r\nX-API-Key: '$key'",
            "Proxy-Authorization: Basic $code", "Proxy-Authorization: '$key'",
            'X-API-Key: ' . '<' x 60_000 . "$key>");
}

# Values that begin with a prefix of the server and are no key of it.
sub cut {
    my ($key) = @_;
    my $short = substr $key, 0, -1;
    return ("X-API-Key: own\r\nX-API-Key: $short", "X-API-Key: \"$short\"",
            "X-API-Key: '${short}'", "X_API_Key: own, $short",
            "Authorization: Token token=\"$short\"",
            "Authorization: Other token=\"$short\"",
            "Authorization: Bearer x, Bearer $short",
            'Authorization: Basic ' . base64("bob:x $short"));
}

# Neither the application nor a log gets the characters that identify the key.
sub hidden_in {
    my ($host, $key, $sent) = @_;
    my $text = $sent =~ s/\Q$key\E/KEY/r =~ s/([^ -~]|(.)\2{20,})/?/gr;
    my $part = substr $key, 8, 40;
    my $code = substr base64("$key:"), 24, 32;
    my $r = get($site->port, '/x', "Host: $host.example", $sent);
    unlike($r->{body}, qr/\Q$part\E|\Q$code\E/,
           "$host: the application gets no part of the key in $text");
}

my %KEYS = (any => [ $usual, $acme ], own => [ $usual, $acme ],
            opaque => [ $acme ]);
for my $host (sort keys %KEYS) {
    for my $key (@{ $KEYS{$host} }) {
        my @more = $host eq 'own' || $key eq $usual ? cut($key) : ();
        hidden_in($host, $key, $_) for whole($key), @more;
    }
}

# The key in a trailer, by any name that is merged into the header.
for my $name (qw(X-API-Key x_api_key X.API.Key Authorization
                 Proxy-Authorization)) {
    my $r = connection($site->port)->send(join "\r\n", 'POST /x HTTP/1.1',
        'Host: any.example', 'Transfer-Encoding: chunked',
        'Connection: close', '', '1', 'a', '0', 'X-Also: here', "$name: $acme",
        "$name: $usual", '', '')->response;
    is($r->{status}, 200, "200 for a request with a key in the trailer $name");
    unlike($r->{body}, qr/\Q$acme\E|\Q$usual\E/,
           "the application gets no key of the trailer $name");
}
my $secret = 'hunter2butlonger';
for (['X-API-Key', "$secret x"], ['Authorization', "Bearer $secret x"]) {
    my ($name, $value) = @$_;
    my $r = get($site->port, '/x', 'Host: opaque.example', "$name: $value");
    unlike($r->{body}, qr/$secret/,
           "$name: where opaque keys are accepted, the application gets no "
           . 'word');
}

# Requests with foreign credentials, none of which is a key.
my @FOREIGN = ('Authorization: Basic Ym9iOmJ1aWxkZXI=',
    'Authorization: Basic Ym9i Om J1aWxkZXI=',
    'Authorization: Digest username="ak_joe", uri="/a-long_path/and.more-"',
    "X-API-Key: <sk_live_4eC39HqLyjWDarjtT1zdp7dc>",
    'Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.x_y-z');
for my $header (@FOREIGN) {
    like(get($site->port, '/x', 'Host: own.example', $header)->{body},
         qr/^\Q$header\E\r?$/m,
         "the application gets a foreign credential as it was sent: $header");
}

$site->stop;
my $secrets = join '|', map { my $k = $_; map { quotemeta }
    substr($k, 8, 40), substr(base64("$k:"), 24, 32) } $usual, $acme;
for my $name (qw(access_log error_log seen_log audit_log sec_log)) {
    my $log = $site->slurp($name);
    cmp_ok(length $log, '>', 1000, "$name has been written");
    is_deeply([ $log =~ /^(.*(?:$secrets|$secret).*)$/mg ], [],
              "$name has no part of a key");
}
done_testing;
