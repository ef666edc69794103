# Licensed under the Apache License, Version 2.0; see LICENSE.
package Product;

# The application to which httpd forwards requests in the tests of the four
# products, and assertions for what a page of documentation promises.
#
#   product('introw', 'api.introw.io', sub { "x-api-key: $_[0]" });
#   page '"A sentence of the page."' => sub { ...assertions... };
#   granted(ask($key, 'GET', '/api/v1/partners'), 'acme');
#   refused(ask(undef, 'GET', '/api/v1/partners'), 401, 'missing');
#
# A key is what create_key() returned, a string, or undef for no key.

use APIKey::Test;

use Exporter qw(import);
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX ();

our @EXPORT = qw(product page ask ask_with granted refused new_key rotate
                 command admin shown database catalogue example is_gone);

# The data of two customers; each has one record in each collection.
my %RECORDS = (acme => 'a record of acme', globex => 'a record of globex');

my ($name, $host, $credential, $app, $owner);

sub product {
    ($name, $host, $credential) = @_;
    $owner = $$;
    start_app(run_info()->{stage} . "/state/$name.sock");
    is_deeply([ directives(run_info()->{stage} . "/own/$name.conf") ],
              [ directives(example("$name.keys.conf")) ],
              "httpd and htapikey read the directives of $name.keys.conf");
}

sub page {
    my ($sentence, $code) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    subtest($sentence, $code);
}

sub example { return "$ENV{APIKEY_SOURCE}/conf/examples/$_[0]" }

# The directives of a file that htapikey reads; of paths the last part only.
sub directives {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    return sort map { s{^(ApiKeySecretFile) .*}{$1}r }
           map { s{^(DBDParams) ".*/([^/"]+)"}{$1 $2}r }
           map { s/\s+/ /gr } grep { /^\s*[^#\s]/ } <$in>;
}

# ---- The application: it reads the tenant in X-Apikey-Tenant ----

sub start_app {
    my ($path) = @_;
    unlink $path;
    my $listener = IO::Socket::UNIX->new(Local => $path, Listen => 64)
        or die "$path: $!\n";
    chmod 0777, $path;
    $app = fork // die "fork: $!\n";
    return if $app;
    alarm 900;
    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);
    $SIG{PIPE} = 'IGNORE';
    while (1) {
        my $client = $listener->accept or next;
        serve($client);
        close $client;
    }
}

END {
    if ($app && $owner == $$) {
        local $?;
        kill TERM => $app;
        waitpid $app, 0;
    }
}

sub serve {
    my ($client) = @_;
    my $head = '';
    until ($head =~ /\r\n\r\n/) {
        sysread($client, $head, 65536, length $head) or return;
    }
    ($head, my $rest) = split /(?<=\r\n)\r\n/, $head, 2;
    my %field = map { /^([^:]+):\s*(.*)$/ ? (lc $1 => $2) : () }
                split /\r\n/, $head;
    # Reads the whole body, since a connection that is closed before would be
    # reset.
    while (length($rest) < ($field{'content-length'} // 0)) {
        sysread($client, $rest, 65536, length $rest) or return;
    }
    my ($method, $uri) = $head =~ /^(\S+) (\S+)/;
    my $tenant = $field{'x-apikey-tenant'} // '';
    my $body = JSON::PP->new->canonical->encode({
        method => $method, uri => $uri, head => $head,
        (map { $_ => $field{"x-apikey-$_"} } qw(tenant id scopes env)),
        records => [ exists $RECORDS{$tenant} ? $RECORDS{$tenant} : () ],
    });
    print $client join "\r\n", 'HTTP/1.1 200 OK',
        'Content-Type: application/json', 'Content-Length: ' . length $body,
        'Connection: close', '', $body;
}

# ---- Requests ----

# Sends a request with the headers of the test.
sub ask_with {
    my ($method, $path, @headers) = @_;
    my $at = ref $headers[-1] ? ${ pop @headers } : $host;
    return request($name, $method, $path, [ "Host: $at", @headers ],
                   $method =~ /^(?:POST|PUT|PATCH)$/ ? '{}' : undef);
}

# Sends a request with a key in the place that the page documents.
sub ask {
    my ($key, $method, $path, @headers) = @_;
    $key = $key->{key} if ref $key;
    return ask_with($method, $path,
                    defined $key ? $credential->($key) : (), @headers);
}

# The application has answered with the records of this tenant, and its request
# did not have the key.
sub granted {
    my ($response, $tenant, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $what //= "a key of $tenant";
    is($response->{status}, 200, "$what: access is granted") or return undef;
    my $told = JSON::PP::decode_json($response->{body});
    is_deeply([ $told->{tenant}, @{ $told->{records} } ],
              [ $tenant, $RECORDS{$tenant} ],
              "$what: the application sends the data of $tenant");
    unlike($told->{head}, qr/^(?:authorization|x-api-key)\s*:/mi,
           "$what: the application does not get the key");
    return $told;
}

# httpd has refused the request with this status and reason.
sub refused {
    my ($response, $status, $reason, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $body = eval { JSON::PP::decode_json($response->{body}) } || {};
    is_deeply([ $response->{status}, $body->{code} ], [ $status, $reason ],
              ($what // 'the request') . " gets $status, $reason")
        or diag($response->{body});
}

# ---- htapikey ----

# Runs a command that must succeed; returns its output.
sub admin {
    my $done = htapikey($name, @_);
    die "htapikey @_: $done->{err}" if $done->{exit};
    return $done->{out};
}

# Runs a command that may fail; returns {exit}, {out}, {err}.
sub command { return htapikey($name, @_) }

sub new_key {
    my (%option) = (tenant => 'acme', name => 'Production', @_);
    return create_key($name, %option);
}

sub rotate {
    my ($key, @option) = @_;
    my $new = JSON::PP::decode_json(admin('--json', 'rotate', $key->{id},
                                          @option));
    remember_key($new->{key});
    return $new;
}

sub shown {
    my ($key) = @_;
    return JSON::PP::decode_json(admin('--json', 'show', $key->{id}));
}

# The result of a statement; without a statement, a dump of the database as SQL.
sub database {
    my ($sql) = @_;
    my $file = run_info()->{stage} . "/state/$name.db";
    open my $in, '-|', qw(sqlite3 -cmd), '.timeout 60000', $file,
        $sql // '.dump' or die "sqlite3: $!\n";
    my $text = join '', <$in>;
    close $in or die "sqlite3 $file failed.\n";
    return $text =~ s/\n\z//r;
}

# Fills the catalogue by the commands in the comment of the example.
sub catalogue {
    open my $in, '<', example("$name.conf") or die "$name.conf: $!\n";
    my @lines = grep { s/^#   htapikey (?=scope add )// } <$in>;
    chomp @lines;
    for my $line (@lines) {
        my @words = $line =~ /("[^"]*"|\S+)/g;
        admin(map { s/^"|"$//gr } @words);
    }
    return JSON::PP::decode_json(admin('--json', 'scope', 'list'));
}

# Neither the database nor any output of htapikey has the key itself.
sub is_gone {
    my ($key) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($secret) = $key->{key} =~ /_(\w+)$/ or die "No key.\n";
    my %places = (
        'the database' => database(),
        list           => admin('list', '--all'),
        'list --json'  => admin('--json', 'list', '--all'),
        show           => admin('show', $key->{id}),
        'show --json'  => admin('--json', 'show', $key->{id}),
        audit          => admin('audit'),
    );
    for my $place (sort keys %places) {
        like($places{$place}, qr/\Q$key->{id}\E/,
             "$place has the id of the key");
        unlike($places{$place},
               qr/\Q@{[ substr $secret, 0, 16 ]}\E|\Q@{[ substr $secret, -16 ]}\E/,
               "$place does not have the key");
    }
}

1;
