# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::OwnTable;

# The table of conf/manual/own-table.md: the tests run what a reader would copy
# from there.
#
#   my $table = APIKey::OwnTable->new($backend);    the tables are made
#   my $key = $table->add(plan => 'gold');          a key of acme's
#   $table->lines                                   for httpd's configuration

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter qw(import);

use APIKey::Guard qw(slurp);
use APIKey::Keys qw(remember_key);

our @EXPORT_OK = qw(page);

# The backends' folders in conf/schema, and the headings.
my %HEADING = (sqlite3 => 'SQLite', pgsql => 'PostgreSQL',
               mysql => 'MariaDB and MySQL');

# A section's indented paragraphs: statements, and lines of httpd's.
sub page {
    my ($heading) = @_;
    my ($section) = slurp('conf/manual/own-table.md')
        =~ /^## \Q$heading\E\n(.*?)(?=^## |\z)/ms
        or die "The manual has no section $heading.\n";
    my @blocks = $section =~ /((?:^    .*\n)+)/mg;
    s/^    //mg for @blocks;
    my @lines = grep { /^ApiKey/ } @blocks;
    return (join('', @lines), map { s/;\s*\z//r } grep { !/^ApiKey/ } @blocks);
}

sub new {
    my ($class, $backend) = @_;
    my ($lines, @statements) = page($HEADING{ $backend->trait('folder') });
    # The shell sqlite3 needs the ';' of a trigger's body, and adds its own.
    $backend->sql(@statements);
    return bless { backend => $backend, lines => $lines, keys => 0 }, $class;
}

sub lines { return $_[0]{lines} }

# The text of another column as an SQL expression.
sub literal {
    my ($value) = @_;
    return !defined $value ? 'NULL'
         : $value =~ /^(?:TRUE|FALSE)$/ ? $value : "'$value'";
}

sub add {
    my ($self, %column) = @_;
    my $number = ++$self->{keys};
    my $key = sprintf 'shop-%04d-%s', $number,
                      substr sha256_hex("$$ $number $self"), 0, 32;
    remember_key($key);
    %column = (number => $number, customer => 'acme', active => 'TRUE',
               key_sha256 => sha256_hex($key), %column);
    my @names = sort keys %column;
    $self->{backend}->sql('INSERT INTO api_client (' . join(', ', @names)
        . ') VALUES (' . join(', ', map { literal($_) } @column{@names})
        . ')');
    return $key;
}

1;
