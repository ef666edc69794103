# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Backends;

# The six databases that everything must work on, by name.
#
#   for my $name (backend_names()) {
#       my $backend = backend($name);      its server runs until it goes
#       unit_program($backend, 'store_usage', 15);      tests: t/unit's, on an
#   }                                      empty database; more than 15 checks
#   on_each_database(sub { my ($backend, $way) = @_; … });      subtests, through
#                                          mod_dbd and through ApiKeyDBDriver

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

use APIKey::MariaDB;
use APIKey::Postgres;
use APIKey::SQLite;

our @EXPORT_OK = qw(backend backend_names on_each_database unit_program);

my @backends = (
    sqlite3      => sub { APIKey::SQLite->new },
    pgsql        => sub { APIKey::Postgres->new },
    mysql        => sub { APIKey::MariaDB->new },
    odbc_sqlite3 => sub { APIKey::SQLite->new(name => 'SQLite through ODBC',
                                              odbc => 1) },
    odbc_pgsql   => sub { APIKey::Postgres->new(through => 'odbc') },
    odbc_mysql   => sub { APIKey::MariaDB->new(name => 'MariaDB through ODBC',
                                               odbc => 1) },
);

sub backend_names { return @backends[grep { $_ % 2 == 0 } 0 .. $#backends] }

sub backend {
    my ($name) = @_;
    my %make = @backends;
    my $make = $make{$name} or die "There is no database $name; there are: "
        . join(', ', backend_names()) . ".\n";
    return $make->();
}

sub on_each_database {
    my ($test) = @_;
    for my $name (backend_names()) {
        # ODBC on PostgreSQL sets the environment for files of its own.
        local %ENV = %ENV;
        my $backend = backend($name);
        for my $way ('mod_dbd', 'own') {
            subtest "$name, $way" => sub { $test->($backend, $way) };
        }
    }
}

sub unit_program {
    my ($backend, $name, $least) = @_;
    # DBDriver and DBDParams.
    my @arguments = map { /^DBD(?:river|Params) (.*)/
                          ? $1 =~ s/^"(.*)"$/$1/r : () } $backend->fresh;
    # With fewer the program would ask a SQLite database of its own.
    is(scalar @arguments, 2, "$name gets the database's driver and params");
    open my $out, '-|', "$ENV{APIKEY_BUILD}/t/unit/$name", @arguments
        or die "$name: $!\n";
    my @said = readline $out;
    ok(close $out, "the program $name ends well");
    is(join('', grep { !/^(?:ok|1\.\.)/ } @said), '',
       "$name: each line is an ok");
    cmp_ok(scalar @said, '>', $least, "$name: more than $least checks ran");
}

1;
