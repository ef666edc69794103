# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Other modules use mod_dbd in the same server with the same database:
# passwords (mod_authn_dbd) and groups (mod_authz_dbd). They do not disturb
# this module, nor it them. Through mod_dbd a missing table of one makes the
# other fail; with ApiKeyDBDriver it does not.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::DatabaseSite;
use APIKey::Process qw(wait_until);
use MIME::Base64 qw(encode_base64);

my ($site, $database, $backend);

my @TABLES = (
    'CREATE TABLE site_user (login VARCHAR(40), password VARCHAR(80))',
    'CREATE TABLE site_group (login VARCHAR(40), name VARCHAR(40))',
    # "secret"
    "INSERT INTO site_user VALUES ('alice',"
    . " '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=')",
    "INSERT INTO site_user VALUES ('bob', '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=')",
    "INSERT INTO site_group VALUES ('alice', 'staff')",
    "INSERT INTO site_group VALUES ('acme', 'staff')",
);
my @GONE = ('DROP TABLE site_user', 'DROP TABLE site_group');

my $THEIRS = <<'EOF';
<Location /basic/>
    AuthType Basic
    AuthName basic
    AuthBasicProvider dbd
    AuthDBDUserPWQuery "SELECT password FROM site_user WHERE login = %s"
    Require valid-user
</Location>
<Location /group/>
    AuthType Basic
    AuthName group
    AuthBasicProvider dbd
    AuthDBDUserPWQuery "SELECT password FROM site_user WHERE login = %s"
    AuthzDBDQuery "SELECT name FROM site_group WHERE login = %s"
    Require dbd-group staff
</Location>
EOF
my $OURS = <<'EOF';
<Location /api/>
    AuthType ApiKey
    Require valid-user
</Location>
EOF
# The tenant of a key is looked up in the groups of mod_authz_dbd.
my $MIXED = <<'EOF';
<Location /mixed/>
    AuthType ApiKey
    AuthzDBDQuery "SELECT name FROM site_group WHERE login = %s"
    Require dbd-group staff
</Location>
EOF

# Virtual hosts with the same database and the same sizes share a pool and the
# statements of all of them. `alone` has a pool of its own because of its size.
sub host {
    my ($name, @lines) = @_;
    return join "\n", '<VirtualHost *>', "ServerName $name", 'DBDMin 1',
        'DBDKeep 1', 'DBDMax 2', @lines, '</VirtualHost>', '';
}

sub modules {
    chomp(my $folder = `@{[ $ENV{APXS} || 'apxs' ]} -q LIBEXECDIR`);
    return qq(LoadModule authz_dbd_module "$folder/mod_authz_dbd.so"\n);
}

# ODBC's connections to SQLite wait for a lock as long as Timeout says;
# mod_authn_dbd does not set one.
sub lines { return map { s/Timeout=1\b/Timeout=1000/r } @{ $site->{lines} } }

# The lines of a database for connections of the module's own.
sub own {
    my (@lines) = @_;
    return map { s/^DBD/ApiKeyDBD/r } @lines;
}

sub hosts {
    my @dbd = lines();
    my @ours = (qq(ApiKeySecretFile "$site->{dir}/secret"), $OURS);
    return join "\n", modules(),
        host('shared', @dbd, @ours, $THEIRS, $MIXED),
        host('apart', @dbd, own(@dbd), @ours, $THEIRS, $MIXED),
        host('pooled', @dbd, @ours),
        host('alone', @dbd, @ours, 'DBDMax 3'),
        host('theirs', @dbd, $THEIRS);
}

sub status {
    my ($host, $path, $who) = @_;
    my @header = $who =~ /:/ ? 'Authorization: Basic '
                               . encode_base64($who, '')
               : "X-API-Key: $who";
    my $answer = eval { get($site->port, $path, "Host: $host", @header) };
    return $answer ? $answer->{status} : "no answer: $@";
}

# The requests that get another status than they should; each is sent twice,
# since connections are reused. On a machine that stands still for 1.5 seconds
# the module answers 503: such a request is repeated.
sub wrong {
    my (@wanted) = @_;
    my @wrong;
    for my $case (@wanted, @wanted) {
        my ($host, $path, $who, $status) = @$case;
        my $got = status($host, $path, $who);
        for (1 .. 5) {
            last if $got ne '503' || $status ne '200';
            sleep 1;
            $got = status($host, $path, $who);
        }
        push @wrong, "$host$path: $got, not $status" if $got !~ /^$status$/;
    }
    push @wrong, $site->errors if @wrong;
    return join "\n", @wrong;
}

sub passwords {
    my (@hosts) = @_;
    return map {
        ([ $_, '/basic/', 'alice:secret', 200 ],
         [ $_, '/basic/', 'alice:wrong', 401 ],
         [ $_, '/group/', 'alice:secret', 200 ],
         [ $_, '/group/', 'bob:secret', 401 ])
    } @hosts;
}

sub keys_of {
    my ($key, $unknown, @hosts) = @_;
    return map { ([ $_, '/api/', $key, 200 ], [ $_, '/api/', $unknown, 401 ]) }
           @hosts;
}

sub start {
    my ($conf) = @_;
    $site->{before} = length $site->slurp('error_log');
    $site->start($conf);
}

sub ours_missing {
    my $unknown = $site->unknown;
    $backend->sql(@TABLES);
    $site->without_tables(sub { start(hosts()) });
    # The driver sqlite3 does not prepare a statement again that was made for
    # the tables of before; the module does that for its own.
    is(wrong($database eq 'sqlite3' ? () : passwords(qw(shared apart theirs)),
             map { [ $_, '/api/', $unknown, 503 ] }
                 qw(shared apart pooled alone)), '',
       "without this module's tables, passwords and groups work and keys get "
       . "503");
    like($site->errors, qr/APIKEY0105: .*htapikey init/,
         'APIKEY0105 is logged');
    $site->init;
    my $key = $site->create;
    my @ours = keys_of($key, $unknown, qw(shared apart pooled alone));
    ok(wait_until(60, sub { wrong(@ours) eq '' }),
       'keys work once the tables are there');
    if ($backend->{file}) {
        $site->stop;
        start(hosts());
    }
    my @all = (@ours, passwords(qw(shared apart theirs)),
               map { [ $_, '/mixed/', $key, 200 ] } qw(shared apart));
    is(wrong(@all), '', 'keys, passwords and groups work together');
    $site->stop;
    return ($key, @all);
}

sub theirs_missing {
    my ($key, @all) = @_;
    $backend->sql(@GONE);
    start(hosts());
    is(wrong(keys_of($key, $site->unknown, qw(apart alone)),
             map { [ $_, '/basic/', 'alice:secret', '5..' ] }
                 qw(shared apart theirs)), '',
       "without their tables: 200 for keys over connections of the module's "
       . "own and in other virtual hosts");
    my $borrows = borrows();
    is(wrong(map { [ $_, '/api/', $key, $borrows ? 503 : 200 ] }
                 qw(pooled shared)), '',
       $borrows ? '503 for keys over a pool with statements of both: mod_dbd '
                  . 'gives no connection'
                : '200 for keys from a SQLite file, which the module opens '
                  . 'itself');
    like($site->errors, qr/AH00632: .*site_/, 'mod_dbd logs the reason');
    my $says = qr/APIKEY0106: .*mod_dbd gave no connection/;
    is(scalar($site->errors =~ $says), $borrows,
       'APIKEY0106 is logged where mod_dbd gave no connection');
    $backend->sql(@TABLES);
    ok(wait_until(60, sub { wrong(@all) eq '' }),
       'all work once the tables are back')
        or diag wrong(@all);
    $site->stop;
}

# Whether the module asks mod_dbd for connections: it opens a SQLite file
# itself.
sub borrows { return $database eq 'sqlite3' ? '' : 1 }

# Statements set outside of all virtual hosts are prepared in the database of
# each.
sub inherited {
    my ($key) = @_;
    my @dbd = lines();
    my $secret = qq(ApiKeySecretFile "$site->{dir}/secret");
    $backend->sql(@GONE);
    start(join "\n", modules(), $OURS, $THEIRS, host('through', @dbd, $secret),
                     host('apart', own(@dbd), $secret));
    is(wrong([ 'apart', '/api/', $key, 200 ],
             [ 'through', '/api/', $key, borrows() ? 503 : 200 ],
             [ 'apart', '/api/', $site->unknown, 401 ]), '',
       'statements of the main server without their tables: 503 through '
       . 'mod_dbd alone');
    like($site->errors, qr/AH00632: .*site_/, 'mod_dbd logs the reason');
    $site->stop;
}

for my $name (qw(sqlite3 pgsql mysql odbc_sqlite3)) {
    subtest $name => sub {
        $database = $name;
        $backend = backend($name);
        $site = APIKey::DatabaseSite->new($backend, 'mod_dbd');
        $site->file("docs/$_/index.html", "A page.\n")
            for qw(basic group mixed);
        my @key_and_wanted = ours_missing();
        theirs_missing(@key_and_wanted);
        inherited(@key_and_wanted);
        is($site->leaks($key_and_wanted[0], $site->unknown), '',
           'no key is in the logs');
        unlike($site->slurp('error_log'), qr/exit signal|Assertion/,
               'no process crashed');
    };
}

done_testing;
