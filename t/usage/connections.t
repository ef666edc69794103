# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Batches of uses are written over one connection, which is kept from one batch
# to the next with the default of ApiKeyUsageFlush.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::Process qw(wait_until);
use APIKey::UsageSite;

# Longer than the default of 10 seconds, so that a connection that is closed
# too early is closed before the next batch, and shorter than a connection is
# kept.
my $FLUSH = 12;

my $backend = backend('pgsql');
my $site = APIKey::UsageSite->new($backend, 'own');
$site->init;
my $key = $site->made;
# One process; neither a poll nor a look-up asks the database meanwhile.
my $one = run_info()->{mpm} eq 'prefork' ? 1 : 8;
$site->run('ServerLimit 1', $one > 1 ? ("ThreadLimit $one",
           "ThreadsPerChild $one") : (), "MaxRequestWorkers $one",
           'ApiKeyCacheTTL 600 5', 'ApiKeyRevocationPoll 60000',
           "ApiKeyUsageFlush $FLUSH");

# PostgreSQL's processes that were there at any time since: one for each
# connection.
my %seen;
sub is_written {
    my ($count) = @_;
    my $total = $site->total;
    $seen{$_}++ for $site->sql('SELECT pid FROM pg_stat_activity WHERE '
        . "datname = current_database() AND backend_type = 'client backend' "
        . 'AND pid <> pg_backend_pid()');
    return $total == $count;
}

is($site->status($key->{key}), 200, '200 for a key that is looked up');
ok(wait_until(3 * $FLUSH, sub { is_written(1) }), 'the use is written');
my $opened = keys %seen;
cmp_ok($opened, '>', 0, 'the use is written over a connection');
# A busy machine may write a batch so late that the connection has been closed
# meanwhile: then the next batch shows it. A connection that is not kept is
# opened anew for every batch.
my $kept = 0;
for my $round (1 .. 6) {
    my $before = keys %seen;
    is($site->status($key->{key}), 200, '200 for the key, from the cache');
    ok(wait_until(3 * $FLUSH, sub { is_written(1 + $round) }),
       "use $round after the first is written");
    $kept = keys %seen == $before;
    last if $kept;
}
ok($kept, 'a batch is written over the connection of the batch before')
    or diag explain \%seen;
$site->stop;

done_testing;
