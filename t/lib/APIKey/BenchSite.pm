# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::BenchSite;

# What the benchmarks ask for: a file of 1 KiB, open or guarded by a key or a
# password, and the ways to guard it.
#
#   my $site = APIKey::BenchSite->new($build);
#   my %row = $site->rows(@lines);        by name; further lines for ours
#   my $conf = $site->keyed($cli, @lines);    with the keys of an APIKey::CLI
#   my $cli = $site->keys($rows, @keys);  a SQLite database of so many keys,
#                                         of which these are known
#   fresh(7), signed(7)                   what looks like a key, and a key
#   my $server = $site->server($row, mpm => 'event', …);    a BenchServer
#
# A row: name; path (/open, or else /keyed); status; conf and modules of httpd;
# field->($i), the header of the i-th request, of which there are `many`.

use strict;
use warnings;

use Digest::SHA qw(sha1_base64 sha256_hex);
use Exporter qw(import);
use File::Temp ();
use MIME::Base64 qw(decode_base64 encode_base64);

use APIKey::Auth ();
use APIKey::BenchServer;
use APIKey::CLI;

our @EXPORT_OK = qw(fresh signed keyed_by);

my $SECRET = decode_base64($APIKey::CLI::SECRET);

# Keys that no request before had: SHA-256 makes them the same in each run.
sub fresh {
    my ($i) = @_;
    return 'ak_' . substr sha256_hex("key $i"), 0, 43;
}

# The same with right check characters.
sub signed {
    my ($i) = @_;
    my $key = fresh($i);
    return $key . APIKey::Auth::check_characters($SECRET, $key);
}

sub keyed_by { return "X-API-Key: $_[0]" }

sub new {
    my ($class, $build) = @_;
    $ENV{HTAPIKEY} = "$build/htapikey";
    my $cli = APIKey::CLI->new;
    my $self = bless { cli => $cli, folder => $cli->{folder},
                       module => "$build/.libs/mod_apikey.so" }, $class;
    $self->{key} = $cli->create(tenant => 'acme',
                                scope => ['a:b', 'c:d'])->{key};
    $self->documents;
    $self->users;
    $self->give_away($cli);
    return $self;
}

sub documents {
    my ($self) = @_;
    my $docs = $self->{docs} = "$self->{folder}/docs";
    mkdir $_ for $docs, "$docs/open", "$docs/keyed";
    for my $file (map { "$docs/$_/f.txt" } qw(open keyed)) {
        open my $out, '>', $file or die "$file: $!\n";
        print $out 'x' x 1024;
        close $out or die "$file: $!\n";
    }
}

# Basic's: their names say how their password is stored.
sub users {
    my ($self) = @_;
    my %hash = (sha    => '{SHA}' . sha1_base64('secret') . '=',
                bcrypt => crypt('secret', '$2y$05$abcdefghijklmnopqrstuu'));
    $hash{bcrypt} =~ /^\$2y\$05\$.{53}$/
        or die "crypt() of this machine has no bcrypt.\n";
    system('sqlite3', "$self->{folder}/basic.db", 'CREATE TABLE authn (user '
           . 'TEXT PRIMARY KEY, password TEXT); INSERT INTO authn VALUES '
           . join ',', map { "('$_', '$hash{$_}')" } sort keys %hash) == 0
        or die "sqlite3 failed.\n";
}

# httpd's user writes into databases, and into the folder around them.
sub give_away {
    my ($self, $cli) = @_;
    chmod 0755, $cli->{folder};
    return if $>;
    $self->keep_back($cli) if $cli->{ring};
    my @files = ($cli->{folder}, glob "$cli->{folder}/*.db*");
    chown((getpwnam 'nobody')[2, 3], @files) == @files
        or die "$cli->{folder}: $!\n";
}

# Secrets and CONF are not read from a folder of httpd's user.
sub keep_back {
    my ($self, $cli) = @_;
    my $own = $cli->{own} = File::Temp->newdir('apikey-own-XXXXXX',
                                               TMPDIR => 1);
    $cli->{$_} = "$own/$_" for qw(ring conf);
    $cli->write(ring => "k1 $APIKey::CLI::SECRET\n");
    chmod 0600, $cli->{ring};
    $cli->conf;
}

sub keyed {
    my ($self, $cli, @lines) = @_;
    my $database = join "\n", @{ $cli->{database}
                     // [ 'DBDriver sqlite3', qq(DBDParams "$cli->{db}") ] };
    return <<"EOF_CONF" . join '', map { "$_\n" } @lines;
LoadModule apikey_module "$self->{module}"
$database
ApiKeySecretFile "$cli->{ring}"
<Location /keyed>
    AuthType ApiKey
    AuthName R
    Require apikey-scope a:b
</Location>
EOF_CONF
}

sub basic {
    my ($self, $user, $provider, @lines) = @_;
    my $conf = <<"EOF_CONF" . join '', map { "$_\n" } @lines;
DBDriver sqlite3
DBDParams "$self->{folder}/basic.db"
<Location /keyed>
    AuthType Basic
    AuthName R
    AuthBasicProvider $provider
    AuthDBDUserPWQuery "SELECT password FROM authn WHERE user = %s"
    Require valid-user
</Location>
EOF_CONF
    my $field = 'Authorization: Basic ' . encode_base64("$user:secret", '');
    return (conf => $conf, field => sub { $field },
            modules => [qw(auth_basic authn_dbd authn_socache)]);
}

sub rows {
    my ($self, @lines) = @_;
    my ($cli, $key) = @{$self}{qw(cli key)};
    my $conf = $self->keyed($cli, @lines);
    my @cached = ('socache dbd', 'AuthnCacheEnable', '<Location /keyed>',
                  'AuthnCacheProvideFor dbd', '</Location>');
    return (
        none     => { name => 'open, without the module', path => '/open' },
        open     => { name => 'open', path => '/open', conf => $conf },
        dbd      => { name => 'Basic, authn_dbd, {SHA}',
                      $self->basic('sha', 'dbd') },
        socache  => { name => 'Basic, authn_socache, authn_dbd, {SHA}',
                      $self->basic('sha', @cached) },
        bcrypt   => { name => 'Basic, authn_socache, authn_dbd, bcrypt 5',
                      $self->basic('bcrypt', @cached) },
        uncached => { name => 'SQLite, not cached',
                      conf => "${conf}ApiKeyCache off\n",
                      field => sub { keyed_by($key) } },
        cached   => { name => 'cached', conf => $conf,
                      field => sub { keyed_by($key) } },
        forged   => { name => 'forged: wrong check characters', status => 401,
                      conf => $conf, many => 10_000,
                      field => sub { keyed_by(fresh($_[0]) . '0WrOng') } },
        unknown  => { name => 'unknown, each for the first time',
                      status => 401, conf => $conf, many => 200_000,
                      field => sub { keyed_by(signed($_[0])) } },
        again    => { name => 'unknown, again', status => 401, conf => $conf,
                      field => sub { keyed_by(signed(0)) } },
    );
}

sub server {
    my ($self, $row, %option) = @_;
    return APIKey::BenchServer->new(folder => $self->{folder},
        docs => $self->{docs}, conf => $row->{conf},
        modules => $row->{modules}, %option);
}

# Rows in the order in which they will lie in the table and its indexes, which
# makes a million a matter of seconds; no key has their digests.
my $FILL = <<'EOF_SQL';
.bail on
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA ignore_check_constraints = ON;
BEGIN;
WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n
                        WHERE i + 1 < ROWS)
INSERT INTO apikey (digest, id, tenant, name, scopes, secret_id, prefix, hint,
                    creator, created)
SELECT printf('%08x', i * (4294967296 / ROWS)) || lower(hex(randomblob(28))),
       printf('K%011d', i), printf('tenant-%07d', i / 100), 'Data sync',
       'a:b c:d', 'k1', 'ak', 'ak_...wxyz', 'bench', 1700000000 + i / 100
FROM n WHERE ROWS > 0;
EOF_SQL

sub keys {
    my ($self, $rows, @keys) = @_;
    my $cli = APIKey::CLI->new;
    my $others = $rows - @keys;
    my ($mode) = $cli->sql('PRAGMA journal_mode');
    # httpd, which would have to learn of changes, does not run yet.
    my @triggers = $cli->sql("SELECT replace(sql, char(10), ' ') FROM"
        . " sqlite_master WHERE type = 'trigger' AND tbl_name = 'apikey'");
    my @names = map { /^CREATE TRIGGER (\w+)/ } @triggers;
    my $file = "$cli->{folder}/fill.sql";
    open my $out, '>', $file or die "$file: $!\n";
    print $out map({ "DROP TRIGGER $_;\n" } @names),
        $FILL =~ s/ROWS/$others/gr;
    my $number = 0;
    for my $key (@keys) {
        print $out APIKey::Auth::row_of(
            APIKey::Auth::key_digest($SECRET, $key),
            id => sprintf('U%011d', $number++), tenant => 'acme',
            name => 'Data sync', scopes => 'a:b c:d', secret_id => 'k1',
            prefix => 'ak', hint => 'ak_...' . substr($key, -4),
            creator => 'bench', created => 1700000000), ";\n";
    }
    print $out map({ "$_;\n" } @triggers),
        "COMMIT;\nPRAGMA journal_mode = $mode;\n";
    close $out or die "$file: $!\n";
    open my $in, '-|', 'sqlite3', '-batch', $cli->{db}, ".read '$file'"
        or die "sqlite3: $!\n";
    1 while readline $in;
    close $in or die "sqlite3 cannot make $rows keys.\n";
    $self->give_away($cli);
    return $cli;
}

1;
