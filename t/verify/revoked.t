# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Each change in the database, by any program, takes effect in each child
# process within ApiKeyRevocationPoll and half a second.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use List::Util qw(max min);
use Time::HiRes qw(sleep time);

my $POLL = 0.5;
my $WITHIN = $POLL + 0.5
    + ($ENV{APIKEY_TEST_VALGRIND} || ($ENV{APIKEY_TEST_SANITIZER} // 'no')
       ne 'no' ? 5 : 0);

# One change after the other while twelve clients ask.
sub changes {
    my ($site, $backend) = @_;
    my ($key, $row, $id) = $site->planned_key(tenant => 'acme');
    my $where = "WHERE id = '$id'";
    my $sql = sub { my @lines = @_; sub { $backend->sql(@lines) } };
    my $tell = sub { my @words = @_; sub { $site->htapikey(@words) } };
    my $watch = $site->watch(12, $key);
    $site->settles($watch, 401, time, 0, '401 before the key is made');
    my @steps = (
        [ 200, 'the key is created', $sql->($row) ],
        [ 403, 'its tenant is suspended', $tell->(qw(tenant suspend acme)) ],
        [ 200, "its tenant's row is deleted",
          $sql->('DELETE FROM apikey_tenant') ],
        [ 401, 'the key is disabled', $tell->('disable', $id) ],
        [ 200, 'the key is enabled', $tell->('enable', $id) ],
        [ 401, 'the key is revoked by SQL',
          $sql->("UPDATE apikey SET revoked = 5 $where") ],
        [ 200, 'the key is given back by SQL',
          $sql->("UPDATE apikey SET revoked = 0 $where") ],
        [ 401, 'the key is deleted', $sql->("DELETE FROM apikey $where") ],
        [ 200, 'the key is inserted again', $sql->($row) ],
        [ 401, 'the key is revoked', $tell->('revoke', $id) ],
    );
    for my $step (@steps) {
        my ($status, $what, $do) = @$step;
        $do->();
        $site->settles($watch, $status, time, $WITHIN, $what);
    }
    is_deeply([ $site->unwatch($watch) ], [], 'each request has an answer');
}

for my $name (qw(sqlite3 pgsql mysql)) {
    my $backend = backend($name);
    subtest $name => sub {
        my $site = APIKey::CacheSite->new($backend, 'own');
        $site->init;
        $site->run('ApiKeyCache shmcb', 'ApiKeyCacheTTL 600 600');
        ok($site->polled, 'the first poll ends');
        my $count = $site->counted(sub { changes($site, $backend) });
        cmp_ok($count->{Hits}, '>', 0, 'keys were served from the cache');
        cmp_ok($count->{NegativeHits}, '>', 0,
               'unknown keys were answered from the cache');
        my @took = sort { $a <=> $b } @{ $site->{took} };
        note sprintf '%s: %d changes, seconds until the last child knew: '
            . 'min %.2f, median %.2f, max %.2f', $name, scalar @took,
            $took[1], $took[ $#took / 2 ], $took[-1];
        $site->stop;
    };
}

done_testing;
