# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A database and a copy of it, on two virtual hosts with one cache: neither gets
# a record of the other from the cache, although they have the same identity.

use APIKey::ConfigTest;
use APIKey::Test;
use APIKey::CacheServer;
use APIKey::CacheSite;
use APIKey::Process qw(wait_until);
use JSON::PP ();

my $site = APIKey::ConfigTest->new;
my $dir = $site->{dir};
my %conf = map {
    $_ => $site->file("$_.conf", qq(DBDriver sqlite3\nDBDParams )
        . qq("$dir/db/$_.db"\nApiKeySecretFile "$dir/secret"\n))
} qw(a b);

sub tool { return $site->htapikey('-f', $conf{ +shift }, @_) }

sub sql {
    my ($name, $sql) = @_;
    system('sqlite3', '-batch', '-bail', '-cmd', '.timeout 60000',
           "$dir/db/$name.db", $sql) == 0 or die "sqlite3 $sql";
}

sub key_in {
    my ($name) = @_;
    my $made = JSON::PP->new->utf8->decode(tool($name, qw(--json create
        --tenant), "of-$name", qw(--name n)));
    remember_key($made->{key});
    return $made;
}

# Database a, with a key, and b as a copy of it.
sub clone {
    unlink glob "$dir/db/*.db*";
    tool('a', 'init');
    my $key = key_in('a');
    sql('a', ".backup $dir/db/b.db");
    my @user = getpwnam $site->{user};
    chown @user[2, 3], glob "$dir/db/*" unless $>;
    return $key;
}

sub start {
    my (@lines) = @_;
    unshift @lines, $APIKey::ConfigTest::STATUS_PAGE;
    $site->start(join "\n", <<'EOF_CONF', @lines, <<"EOF_HOSTS");
ApiKeySecretFile "@DIR@/secret"
DBDriver sqlite3
DBDParams "@DIR@/db/a.db"
ApiKeyRevocationPoll 200
ApiKeyCacheTTL 600 600
<Location "/">
    AuthType ApiKey
    Require valid-user
    Header set X-Tenant "%{APIKEY_TENANT}e"
</Location>
EOF_CONF
<VirtualHost 127.0.0.1:*>
    ServerName a.example
</VirtualHost>
<VirtualHost 127.0.0.1:*>
    ServerName b.example
    DBDParams "$dir/db/b.db"
</VirtualHost>
EOF_HOSTS
}

sub polled {
    ok(APIKey::CacheSite::wait_for_polls(sub {
        my $text = get($site->port, '/server-status?auto')->{body};
        my @ages = $text =~ /^ApiKey\d+PollAge: (-?\d+)/mg;
        return @ages == 2 ? @ages : ();
    }), 'both databases have been polled');
}

sub at {
    my ($name, $key) = @_;
    my $got = get($site->port, '/', "Host: $name.example",
                  "X-API-Key: $key->{key}");
    return join ' ', $got->{status}, header_of($got, 'X-Tenant');
}

sub one_key_each {
    clone();
    start(@_);
    polled();
    my ($of_a, $of_b) = map { key_in($_) } qw(a b);
    polled();
    is(at('b', $of_a), '401', '401 at b for a key of a, before a was asked');
    is(at('a', $of_a), '200 of-a', '200 at a for the key of a') for 1, 2;
    is(at('b', $of_a), '401',
       '401 at b for the key of a, after a was asked') for 1, 2;
    is(at('b', $of_b), '200 of-b', '200 at b for a key of b');
    is(at('a', $of_b), '401', '401 at a for the key of b') for 1, 2;
    $site->stop;
}

# The last change that a knows is not older than b's.
sub revoked {
    my $key = clone();
    start(@_);
    polled();
    is(at($_, $key), '200 of-a', "200 at $_ for a key that both have")
        for qw(a b);
    tool('a', 'revoke', $key->{id});
    key_in('b') for 1 .. 3;
    key_in('a') for 1 .. 4;
    polled();
    is(at('a', $key), '401', '401 at a for the key revoked in a');
    is(at('b', $key), '200 of-a',
       '200 at b for the key revoked in a alone') for 1, 2;
    is(at('a', $key), '401', '401 at a again') for 1, 2;
    $site->stop;
}

# The log line about identities that are equal.
sub told { return $site->slurp('error_log') =~ /^(.*APIKEY0180.*)$/m }

my $redis = APIKey::CacheServer->new('redis');
my %cache = (shmcb => 'shmcb', redis => $redis->spec);
for my $kind (sort keys %cache) {
    my $line = "ApiKeyCache $cache{$kind}";
    subtest "$kind: a key of each" => sub { one_key_each($line) };
    subtest "$kind: revoked in production" => sub { revoked($line) };
}

# A reader of a cache that several machines share finds neither the key's digest
# nor anything by which to guess the database's password.
subtest 'what entries are kept under' => sub {
    my $key = clone();
    my @before = $redis->keys;
    start("ApiKeyCache " . $redis->spec);
    polled();
    at($_, $key) for qw(a b);
    $site->stop;
    my %old = map { $_ => 1 } @before;
    my @new = grep { !$old{$_} } $redis->keys;
    is(scalar @new, 2, 'the cache has an entry for each database');
    open my $in, '-|', 'sqlite3', "$dir/db/a.db", 'SELECT digest FROM apikey'
        or die "sqlite3: $!\n";
    chomp(my $digest = readline $in);
    close $in;
    my $raw = pack 'H*', $digest;
    is(scalar(grep { /\Q$raw\E|$digest/i } @new), 0,
       "the entries' names do not contain the digest");
};

subtest 'an identity of its own' => sub {
    my $key = clone();
    unlink "$dir/error_log";
    start('ApiKeyCache shmcb');
    ok(wait_until(60, sub { told() }),
       'equal identities are logged when httpd starts');
    my ($line) = told();
    my $server = qr/of the (?:main server|server at \S+:\d+)/;
    like($line, qr/warn\].*: the database $server has .* one $server:/,
         'the line names both servers');
    unlike($line, qr/\.db/, 'the line does not show their parameters');
    polled();
    is(at('b', $key), '200 of-a',
       '200 at b for a key, which is cached then') for 1, 2;
    sql('b', "DROP TRIGGER apikey_after_update; UPDATE apikey SET revoked = 1");
    polled();
    is(at('b', $key), '200 of-a',
       '200 at b for a key changed without a trigger');
    like(tool('b', qw(init --new-identity)), qr/new identity/,
         'init --new-identity makes a new identity');
    polled();
    is(at('b', $key), '401', '401 at b, since the cached record is void');
    is(at('a', $key), '200 of-a', '200 at a for the same key');
    $site->stop;
    unlink "$dir/error_log";
    start('ApiKeyCache shmcb');
    polled();
    is(scalar(() = told()), 0, 'nothing is logged of identities that differ');
    $site->stop;
};
done_testing;
