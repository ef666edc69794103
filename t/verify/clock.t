# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The clock is set back by an hour, and forward: revoked keys are refused,
# valid ones granted, expiry follows the clock, uses are written, and the cache
# is used again.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::Faults;
use APIKey::Process qw(wait_until);

my $HOUR = 3600e6;
my $backend = backend('sqlite3');
my $site = APIKey::CacheSite->new($backend, 'own');
$site->init;
my $faults = APIKey::Faults->new($site);
my ($good, $good_row, $good_id) = $site->planned_key;
my ($victim, $victim_row, $victim_id) = $site->planned_key;
my ($ends, $ends_row) = $site->planned_key(expires => int(time) + 1800);
$backend->sql($good_row, $victim_row, $ends_row);
# A TTL of a day, so that no entry is too old after a jump of an hour.
$site->run('ApiKeyCacheTTL 86400 600', 'ApiKeyRevocationPoll 200',
           'ApiKeyUsageFlush 1');
ok($site->polled, 'the first poll ends');

sub answers {
    my ($key) = @_;
    my %seen = map { $_->[0] => 1 } $site->load(3, 0, $key, count => 6);
    return join ' ', sort keys %seen;
}

sub uses {
    return $backend->sql('SELECT COALESCE(SUM(use_count), 0) FROM '
                         . "apikey_usage WHERE id = '$good_id'");
}

my $served = 0;
for my $jump ([ 'as it is', 0 ], [ 'back', -1 ], [ 'forward again', 0 ],
              [ 'forward', 1 ], [ 'back again', 0 ]) {
    my ($what, $by) = @$jump;
    subtest "the clock: $what" => sub {
        $faults->set(clock => $by * $HOUR);
        my $asked = $site->counted(sub {
            is(answers($good), 200, '200 for a valid key') })->{Lookups};
        cmp_ok($asked, '>', 0,
               'entries whose time lies in the future are looked up again')
            if $what eq 'back';
        is(answers($ends), $by > 0 ? 401 : 200,
           $by > 0 ? '401 for a key that has ended by this clock'
                   : '200 for a key that ends in half an hour');
        is(answers($victim), 200, '200 for a key before it is revoked');
        $backend->sql("UPDATE apikey SET revoked = 1 "
                      . "WHERE id = '$victim_id'");
        ok($site->polled, 'a poll ends after the change');
        is(answers($victim), 401, '401 for the revoked key');
        $backend->sql("UPDATE apikey SET revoked = 0 "
                      . "WHERE id = '$victim_id'");
        ok($site->polled, 'a poll ends after the key is given back');
        is(answers($victim), 200, '200 for the key that is given back');
        $site->status($good);
        my $count = $site->counted(sub {
            is($site->status($good), 200, '200 for the valid key again')
                for 1 .. 5;
        });
        is("$count->{Hits} $count->{Lookups}", '5 0',
           'the valid key is served from the cache five times');
        $served += 18 + 6;
        ok(wait_until(60, sub { uses() == $served }), 'the uses are written')
            or diag uses(), " of $served";
    };
}

$site->stop;
unlike($site->errors, qr/APIKEY01[45]/, 'no poll fails');
done_testing;
