# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Which keys each virtual host accepts.  A host inherits all lines of the main
# server and replaces one.  The expected answer of every host to every key is
# computed from that, and every key is sent to every host several times: what
# one host has cached must not be used for another.

use APIKey::ConfigTest;
use APIKey::Test;
use APIKey::Backends qw(backend);

my $ROUNDS = 2;
my $site = APIKey::ConfigTest->new;
my $dir = $site->{dir};
chomp(my $second = `'$ENV{HTAPIKEY}' secret`);
$site->file('other', "$second\n", 0600);

# Setting => its line with the first value, and with the second.
my %VALUES = (
    secret   => [ map { qq(ApiKeySecretFile "$dir/$_") } 'secret', 'other' ],
    driver   => [ 'DBDriver sqlite3', 'DBDriver pgsql' ],
    params   => [ map { qq(DBDParams "$dir/db/$_.db") } 'keys', 'b' ],
    keyspace => [ 'ApiKeyKeyspace default', 'ApiKeyKeyspace other' ],
    prefix   => [ 'ApiKeyPrefix ak', 'ApiKeyPrefix bk' ],
    cache    => [ 'ApiKeyCache shmcb', 'ApiKeyCache off' ],
);
my @SETTINGS = sort keys %VALUES;

# Keys of each database: one made with the first value of all other settings,
# some with the second value of one, one with that of all.
my @keys;
for my $params (0, 1) {
    for my $of ([0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]) {
        my %of = (params => $params);
        @of{qw(secret keyspace prefix)} = @$of;
        my $conf = $site->file('tool.conf', join "\n", 'DBDriver sqlite3', '',
                               map { $VALUES{$_}[ $of{$_} ] }
                                   qw(secret params prefix keyspace));
        $site->htapikey('-f', $conf, 'init');
        $of{tenant} = 'tenant-' . @keys;
        chomp($of{key} = $site->htapikey('-f', $conf, qw(create -q --name n),
                                         '--tenant', $of{tenant}));
        remember_key($of{key});
        push @keys, \%of;
    }
}
my @user = getpwnam $site->{user};
chown @user[2, 3], glob "$dir/db/*" unless $>;

# The expected status and tenant: a host that has another value than the key was
# made with refuses the key.
sub expected {
    my ($host, $key) = @_;
    my %has = %{ $host->{has} };
    return '401 -' if grep { $has{$_} != $key->{$_} } qw(secret prefix);
    return '503 -' if $has{driver} || $has{half};
    return '401 -' if grep { $has{$_} != $key->{$_} } qw(params keyspace);
    return "200 $key->{tenant}";
}

# The virtual hosts have a port of their own, so that the main server can be
# asked on the other one.
my $port = APIKey::ConfigTest::free_port();

sub asked {
    my ($host, $key) = @_;
    my $got = get($host->{name} eq 'main' ? $site->port : $port, '/',
                  "Host: $host->{name}.example", "X-API-Key: $key->{key}");
    my ($tenant) = header_of($got, 'X-Tenant');
    return "$got->{status} " . ($tenant // '-');
}

sub hits {
    my $text = get($site->port, '/server-status?auto')->{body};
    my $sum = 0;
    $sum += $_ for $text =~ /^ApiKey\d+Hits: (\d+)/mg;
    return $sum;
}

my $AREA = <<'EOF_CONF' . $APIKey::ConfigTest::STATUS_PAGE;
<Location "/">
    AuthType ApiKey
    AuthName R
    Require valid-user
    Header set X-Tenant "%{APIKEY_TENANT}e"
</Location>
EOF_CONF

sub host {
    my ($name, @lines) = @_;
    return join "\n    ", "<VirtualHost 127.0.0.1:$port>",
        "ServerName $name.example",
                          @lines, "\n</VirtualHost>\n";
}

sub matrix {
    my ($main) = @_;
    my @hosts = ({ name => 'main', has => { %$main } },
                 { name => 'none', has => { %$main } });
    for my $set (@SETTINGS) {
        push @hosts, { name => $set,
                       lines => [ $VALUES{$set}[ 1 - $main->{$set} ] ],
                       has => { %$main, $set => 1 - $main->{$set} } };
    }
    push @hosts, { name => 'half', has => { %$main, half => 1 },
                   lines => [ qq(ApiKeyDBDParams "$dir/db/keys.db") ] };
    $site->start(join "\n", "Listen 127.0.0.1:$port",
        (map { $VALUES{$_}[ $main->{$_} ] } @SETTINGS),
        $AREA, map { host($_->{name}, @{ $_->{lines} // [] }) }
               grep { $_->{name} ne 'main' } @hosts);
    return @hosts;
}

sub rounds {
    my ($hosts, $keys, $answer) = @_;
    for my $round (1 .. $ROUNDS) {
        my @wrong;
        for my $key (@$keys) {
            for my $host (@$hosts) {
                my $got = asked($host, $key);
                my $want = $answer->($host, $key);
                push @wrong, "$key->{tenant} at $host->{name}: $got, not $want"
                    if $got ne $want;
            }
        }
        is(join("\n", @wrong), '',
           "round $round: each host gives the expected answer to each key");
    }
}

for my $value (0, 1) {
    subtest 'hosts that replace one line of the main server, which has value '
            . "$value of each setting, give the expected answers" => sub {
        my %main = map { $_ => $_ eq 'driver' ? 0 : $value } @SETTINGS;
        my @hosts = matrix(\%main);
        rounds(\@hosts, \@keys, \&expected);
        for my $host (@hosts) {
            my ($good) = grep { expected($host, $_) =~ /^200/ } @keys
                or next;
            my $before = hits();
            asked($host, $good) for 1, 2;
            is(hits() - $before, $host->{has}{cache} ? 0 : 2,
               "$host->{name}: "
               . ($host->{has}{cache} ? 'ApiKeyCache off, no hit'
                                      : 'both answers are hits'));
        }
        $site->stop;
    };
}

# Makes the database of these lines and a key in it.
sub made {
    my ($name, @lines) = @_;
    my $conf = $site->file("$name.conf", join "\n", @lines,
                           $VALUES{secret}[0], '');
    $site->htapikey('-f', $conf, 'init');
    chomp(my $key = $site->htapikey('-f', $conf, qw(create -q --name n),
                                    '--tenant', "t-$name"));
    remember_key($key);
    return { tenant => "t-$name", key => $key, of => $name };
}

sub of_own {
    my ($host, $key) = @_;
    return ($host->{of} // $host->{name}) eq $key->{of}
           ? "200 $key->{tenant}" : '401 -';
}

# Hosts one and two use schemas of one database, selected by DBDInitSQL.
# mod_dbd shares a pool between hosts whose DBD lines are equal but for
# DBDInitSQL, so two has another DBDExptime.
subtest 'hosts with a database of mod_dbd each accept their own key' => sub {
    my $server = backend('pgsql');
    my (@made, @hosts);
    for my $name (qw(main a b)) {
        my ($driver, $params) = $server->fresh;
        push @made, made($name, $driver, $params);
        push @hosts, { name => $name, lines => [$params] };
    }
    my ($driver, $params) = $server->fresh;
    for my $schema (qw(one two)) {
        $server->sql("CREATE SCHEMA $schema");
        push @made, made($schema, $driver,
            $params =~ s/"$/ options='-c search_path=$schema'"/r);
        push @hosts, { name => $schema, lines => [ $params,
            qq(DBDInitSQL "SET search_path TO $schema"),
            $schema eq 'two' ? 'DBDExptime 301' : () ] };
    }
    $site->start(join "\n", $driver, @{ $hosts[0]{lines} },
        $VALUES{secret}[0], 'ApiKeyCache shmcb', "Listen 127.0.0.1:$port",
        $AREA, host('none'), map { host($_->{name}, @{ $_->{lines} }) }
                             @hosts[ 1 .. $#hosts ]);
    rounds([ @hosts, { name => 'none', of => 'main' } ], \@made, \&of_own);
    $site->stop;
};

# One file is included for each host, so all hosts have the same file and line;
# they must be told apart nevertheless.
subtest 'hosts of one included file each accept their own key' => sub {
    my @names = qw(a b c);
    my @made = map { made($_, 'DBDriver sqlite3',
                          qq(DBDParams "$dir/db/of-$_.db")) } @names;
    chown @user[2, 3], glob "$dir/db/*" unless $>;
    $site->file('host.conf', host('${N}', 'UseCanonicalName On',
        "DBDParams \"$dir/db/of-\${N}.db\"", 'ApiKeyTenant "t-${N}"',
        '<IfDefine LAX>', '<Location "/x">', 'UseCanonicalName Off',
        '</Location>', 'ApiKeyTenant %{SERVER_NAME}', '</IfDefine>'));
    my @main = ('DBDriver sqlite3', $VALUES{secret}[0], "Listen "
                . "127.0.0.1:$port", $AREA);
    my @include = map { ("Define N $_", 'Include "@DIR@/host.conf"') } @names;
    $site->start(join "\n", @main, @include);
    rounds([ map { { name => $_ } } @names ], \@made, \&of_own);
    $site->stop;
    my $said = $site->check(join "\n", @main, @include);
    ok($said->{ok}, 'httpd -t accepts hosts of one file')
        or diag($said->{text});
    for my $at (0 .. $#names) {
        my @lax = @include;
        $lax[2 * $at] .= "\nDefine LAX";
        $lax[2 * $at + 1] .= "\nUnDefine LAX";
        like($site->check(join "\n", @main, @lax)->{text}, qr/APIKEY0003/,
             "httpd -t refuses a line that only host '$names[$at]' has");
    }
};

# A directive of mod_dbd without mod_dbd: the message says what to load.
for my $line ('DBDriver sqlite3', 'DBDParams /x', 'DBDInitSQL "SELECT 1"') {
    my $said = $site->check("$line\n", without => ['dbd']);
    ok(!$said->{ok}, "httpd -t refuses $line without mod_dbd")
        or diag($said->{text});
    like($said->{text}, qr/DBD\w+ is a directive of mod_dbd, which is not/,
         "the message says that mod_dbd is not loaded: $line");
}
done_testing;
