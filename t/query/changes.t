# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Changes by a query of one's own, read on each database: the program of
# t/unit, and then the manual's tables with their triggers, written by hand.

use APIKey::Test;
use APIKey::Backends qw(backend backend_names unit_program);
use APIKey::OwnTable;

# As text, the manual's query behind a number.
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
    is(changes($backend, $table, 0), '1|aaaa 2|bbbb', 'two keys are made');
    $sql->('UPDATE api_client SET active = FALSE WHERE number = 1');
    is(changes($backend, $table, 2), '3|aaaa 4|aaaa', 'one is changed');
    $sql->("UPDATE api_client SET key_sha256 = '" . 'c' x 64
           . "' WHERE number = 2", 'DELETE FROM api_client WHERE number = 1');
    is(changes($backend, $table, 4), '5|bbbb 6|cccc 7|aaaa',
       'one gets another digest, one goes');
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
