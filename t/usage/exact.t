# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Every use of a key is counted once although httpd stops, restarts, gracefully
# or not, or ends a child after some connections; a child that is killed loses
# its batch alone. Refused requests are not counted.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::Instrument;
use APIKey::Process qw(descendants wait_until);
use APIKey::UsageSite;
use JSON::PP ();
use Time::HiRes qw(sleep time);

# More keys than one transaction takes.
my $KEYS = 250;
# 10 000 requests; an instrument makes each ten times slower.
my $EACH = APIKey::Instrument::any() ? 4 : 40;
my @FOUR = APIKey::UsageSite::four();

my $site;

sub new_site {
    $site = APIKey::UsageSite->new(backend('sqlite3'), 'own');
    $site->init;
}

# Asks with each key $EACH times, from eight clients.
sub all_of {
    my (@keys) = @_;
    return $site->requests(8, sub {
        my ($client, $n) = @_;
        my $at = $client + 8 * $n;
        return $at < $EACH * @keys ? $keys[$at % @keys]{key} : undef;
    });
}

sub clean_stop {
    new_site();
    my @keys = map { $site->made } 1 .. $KEYS;
    my $revoked = $site->made;
    $site->htapikey(revoke => $revoked->{id});
    my $since = time;
    $site->run(@FOUR, 'ApiKeyUsageFlush 3600');
    my ($good, $bad) = all_of(@keys);
    is($bad, '', 'no request fails');
    is($good, $EACH * $KEYS, "@{[ $EACH * $KEYS ]} requests are granted");
    is($site->status($revoked->{key}), 401, '401 for a revoked key');
    is($site->status($site->unknown), 401, '401 for an unknown key');
    is($site->status('ak_' . 'x' x 49), 401, '401 for a forged key');
    is($site->status($keys[0]{key}, '/scoped/'), 403,
       '403 for a key without the scope');
    cmp_ok($site->total, '<', $EACH * $KEYS,
           'not all uses are written before the stop');
    $site->stop;
    is_deeply($site->counts, { map { $_->{id} => $EACH } @keys },
              'after a clean stop each use of each key is counted, and '
              . 'nothing else');
    my $shown = JSON::PP->new->decode($site->htapikey('--json', 'show',
                                                      $keys[0]{id}));
    is($shown->{uses}, $EACH, 'htapikey show has the count');
    like($site->htapikey('show', $keys[0]{id}), qr/^last used\s+20\d\d-/m,
         'htapikey show has the time');
    my ($first, $last) = split /\|/, $site->sql(
        'SELECT MIN(last_used), MAX(last_used) FROM apikey_usage');
    ok($first >= int $since && $last <= time,
       'the times are those of the requests');
    unlike($site->errors, qr/APIKEY015/, 'no error is logged');
    $site->run(@FOUR, 'ApiKeyUsageFlush 3600');
    is(get($site->port, "/?k=$keys[1]{key}")->{status}, 400,
       '400 for an exposed key');
    $site->stop;
    is_deeply([ $site->sql('SELECT id FROM apikey_usage WHERE exposed > 0') ],
              [ $keys[1]{id} ], 'after a clean stop the exposure is recorded');
    is_deeply($site->counts, { map { $_->{id} => $EACH } @keys },
              'an exposure is not counted as a use');
}

# Restarts, and children that end by themselves. A restart that is not graceful
# ends connections: those requests have no answer, but none has a wrong one.
sub restarts {
    my ($signal) = @_;
    new_site();
    my @keys = map { $site->made } 1 .. 5;
    my $revoked = $site->made;
    $site->htapikey(revoke => $revoked->{id});
    $site->run(@FOUR, 'ApiKeyUsageFlush 3600', 'MaxConnectionsPerChild 40');
    my $ends = "$site->{dir}/ends";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        for (1 .. 4) {
            sleep 0.7;
            kill $signal => $site->{pid};
        }
        open my $out, '>', $ends;
        POSIX::_exit(0);
    }
    my $end = time + 600;
    my $refused = $site->client(0, $revoked->{key}, until => $ends);
    my ($good, $bad) = $site->requests(4, sub {
        my ($client, $n) = @_;
        return -e $ends && $n > 100 || time > $end
               ? undef : $keys[$n % @keys]{key};
    });
    waitpid $pid, 0;
    cmp_ok($good, '>', 100,
           'more than 100 requests are granted during restarts');
    my @answers = map { $_->[0] } $site->collect($refused);
    is(join(' ', grep { /^\d+$/ && $_ ne 401 } @answers), '',
       'the revoked key is never granted');
    cmp_ok(scalar(grep { $_ eq 401 } @answers), '>', 0,
           '401 for the revoked key');
    $site->stop;
    my $lost = () = $bad =~ /none/g;   # may have been counted
    unlike($bad, qr/\d/, 'no valid key is refused');
    my $count = $site->total;
    ok($count >= $good && $count <= $good + $lost,
       'all requests that were granted are counted')
        or diag "$count, not $good (+ $lost without an answer)";
    unlike($site->errors, qr/APIKEY015|exit signal/,
           'no error is logged and no process crashes');
}

# Children are killed: each loses the uses that it had not written, and no
# more.
sub killed {
    new_site();
    my @keys = map { $site->made } 1 .. 10;
    $site->run(@FOUR, 'ApiKeyUsageFlush 1');
    my $next = sub { my ($client, $n) = @_;
                     return $n < 50 ? $keys[$n % 10]{key} : undef };
    my ($first) = $site->requests(8, $next);
    ok(wait_until(60, sub { $site->total == $first }),
       'all uses are written after a second')
        or diag $site->total, " of $first";
    my $log = $site->{backend}{file} . '-wal';
    ok(wait_until(60, sub { -e $log && -z $log }),
       'the log of the database is empty: another file may be copied over it');
    my ($second) = $site->requests(8, $next);
    kill KILL => descendants($site->{pid});
    ok(wait_until(60, sub { $site->status('') eq 401 }),
       'httpd goes on after all children were killed');
    my ($third) = $site->requests(8, $next);
    $site->stop;
    my $count = $site->total;
    cmp_ok($count, '>=', $first + $third,
           'uses that were written are not lost');
    cmp_ok($count, '<=', $first + $second + $third, 'no use is counted twice');
}

for my $case ([ 'a clean stop', \&clean_stop ],
              [ 'graceful restarts', sub { restarts('USR1') } ],
              [ 'restarts that are not graceful', sub { restarts('HUP') } ],
              [ 'children are killed', \&killed ]) {
    subtest $case->[0] => $case->[1];
}

done_testing;
