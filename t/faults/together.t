# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Many virtual hosts in one httpd: databases of four drivers, through mod_dbd
# and through ApiKeyDBDriver, shared and not, with keyspaces. A key is granted
# for its database and keyspace alone, and a database that is down affects no
# virtual hosts but its own.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::DatabaseSite;
use APIKey::Process qw(wait_until);
use JSON::PP ();
use List::Util qw(shuffle);
use POSIX ();

# The databases. Those of one driver lie in the same server or folder.
my @NAMES = qw(sqlite3 sqlite3-b pgsql pgsql-b mysql odbc_sqlite3);
my %backend = map { $_ => backend($_) } grep { !/-b/ } @NAMES;
my $site = APIKey::ConfigTest->new;
$site->file("docs/api/index.html", "A page.\n");

# The database and keyspace of each key, and of each virtual host.
my (%home, %host);

sub manage {
    my ($name, @arguments) = @_;
    open my $out, '-|', $ENV{HTAPIKEY}, '-f', "$site->{dir}/$name.conf",
        @arguments or die "$ENV{HTAPIKEY}: $!\n";
    chomp(my $text = do { local $/; <$out> } // '');
    close $out or die "htapikey @arguments failed.\n";
    return $text;
}

sub make_database {
    my ($name) = @_;
    my $backend = $backend{ $name =~ s/-b//r };
    my @lines = $backend->fresh;
    $site->file("$name.conf", join "\n", @lines,
                qq(ApiKeySecretFile "$site->{dir}/secret"), '');
    manage($name, 'init');
    if ($backend->{file} && !$>) {
        my $folder = $backend->{temp}->dirname;
        chown +(getpwnam $site->{run}{user})[2, 3], $folder, glob "$folder/*"
            or die "$folder: $!\n";
    }
    for my $space (qw(default other)) {
        my $key = manage($name, qw(create -q --tenant), $name, '--name', 'n',
                           '--keyspace', $space);
        APIKey::Keys::remember_key($key);
        $home{$key} = [ $name, $space ];
    }
    return map { qq($_\n) } @lines;
}

sub virtual_hosts {
    my $text = q();
    for my $name (@NAMES) {
        my $lines = join '', make_database($name);
        for my $way (@APIKey::DatabaseSite::WAYS) {
            for my $space (qw(default other)) {
                my $host = join('-', $name, $way, $space) =~ tr/_/-/r;
                my $own = $way eq 'own' ? $lines =~ s/^DBD/ApiKeyDBD/mgr
                                        : $lines;
                $host{$host} = [ $name, $space ];
                $text .= <<"EOF_HOST";
<VirtualHost *>
    ServerName $host
    $own
    ApiKeySecretFile "\@DIR\@/secret"
    ApiKeyKeyspace $space
</VirtualHost>
EOF_HOST
            }
        }
    }
    return $text;
}

# The status and tenant that a virtual host answers with.
sub ask {
    my ($host, $key) = @_;
    my $answer = eval { get($site->port, '/api/', "Host: $host",
                            "X-API-Key: $key") } or return "no answer: $@";
    return join ' ', $answer->{status},
        map { (header_of($answer, $_))[0] // '' } 'X-Tenant';
}

sub wanted {
    my ($host, $key, %away) = @_;
    my ($name, $space) = @{ $host{$host} };
    return '503 ' if $away{ $name =~ s/-b//r };
    return "@{ $home{$key} }" eq "$name $space" ? "200 $name" : '401 ';
}

# Four clients ask every virtual host with every key, each in a random order.
sub wrong {
    my (%away) = @_;
    my @pairs = map { my $host = $_; map { [ $host, $_ ] } keys %home }
                keys %host;
    my @clients = map {
        srand $_;
        my $pid = open(my $in, '-|') // die "fork: $!\n";
        if (!$pid) {
            for my $pair (shuffle @pairs) {
                my $want = wanted(@$pair, %away);
                my $got = ask(@$pair);
                # If the machine is too busy for 1.5 seconds, the response is
                # 503 with Retry-After.
                for (1 .. 5) {
                    last if $got eq $want || $got ne '503 ';
                    sleep 1;
                    $got = ask(@$pair);
                }
                print "$pair->[0]: $got, not $want\n" if $got ne $want;
            }
            print scalar(@pairs), " asked\n";
            close STDOUT;
            POSIX::_exit(0);
        }
        $in;
    } 1 .. 4;
    my @said = map { readline $_ } @clients;
    # Each client prints this line last: a client without it ended early.
    return join('', @said, "ended early\n")
        if 4 != grep { $_ eq @pairs . " asked\n" } @said;
    return join '', grep { !/ asked$/ } @said;
}

$site->start(virtual_hosts() . <<'EOF');
DBDMax 4
<Location /api/>
    AuthType ApiKey
    Require valid-user
    Header set X-Tenant "%{APIKEY_TENANT}e"
</Location>
EOF
is(keys %host, 24, 'there are twenty-four virtual hosts');
is(wrong(), '', 'each host grants the keys of its database and keyspace alone');

for my $name (qw(mysql pgsql)) {
    my $backend = $backend{$name};
    $backend->signal($backend->trait('stop'));
    is(wrong($name => 1), '',
       "$name is away: 503 from its hosts, others as before");
    $backend->start;
    ok(wait_until(60, sub { wrong() eq '' }),
       "$name is back: all hosts as before");
}
$site->stop;
unlike($site->slurp('error_log'), qr/exit signal|Assertion/,
       'no process crashed');
is($site->leaks(keys %home), '', 'no key is in the logs');

done_testing;
