# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Changes by ApiKeyChangesQuery on each database: by the program of t/unit, and
# by the tables and triggers that the manual has.

use APIKey::Test;
use APIKey::Backends qw(backend backend_names unit_program);
use APIKey::OwnTable;

# The rows of the manual's query after a number, digests shortened.
sub changes {
    my ($backend, $table, $since) = @_;
    my ($query) = $table->lines =~ /^ApiKeyChangesQuery "(.*?)"$/ms;
    $query =~ s/\\\n\s*/ /g;
    return join ' ', map { s/^(\d+\|\w{4}).*/$1/r }
           $backend->sql($query =~ s/%s/'$since'/r);
}

sub triggers {
    my ($backend) = @_;
    my $table = APIKey::OwnTable->new($backend);
    my $sql = sub { $backend->sql(@_) };
    my ($a, $b) = map { $_ x 64 } qw(a b);
    $table->add(key_sha256 => $a);
    $table->add(key_sha256 => $b);
    is(changes($backend, $table, 0), '1|aaaa 2|bbbb',
       'two keys that are made are two changes');
    $sql->('UPDATE api_client SET active = FALSE WHERE number = 1');
    is(changes($backend, $table, 2), '3|aaaa 4|aaaa',
       'a key that is changed is a change');
    $sql->("UPDATE api_client SET key_sha256 = '" . 'c' x 64
           . "' WHERE number = 2", 'DELETE FROM api_client WHERE number = 1');
    is(changes($backend, $table, 4), '5|bbbb 6|cccc 7|aaaa',
       'a changed digest is a change of both, a deleted key of its own');
}

for my $name (backend_names()) {
    local %ENV = %ENV;
    my $backend = backend($name);
    subtest $name => sub {
        unit_program($backend, 'store_changes_custom', 20);
        triggers($backend);
    };
}

done_testing;
