# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Every use of a key is counted once, whatever httpd does meanwhile: stops,
# restarts gracefully or not, ends a child after some connections; a child that
# is killed loses its batch.  Refused requests are not counted.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::Instrument;
use APIKey::Process qw(descendants wait_until);
use APIKey::UsageSite;
use JSON::PP ();
use Time::HiRes qw(sleep time);

# More than one transaction takes.
my $KEYS = 250;
# 10 000 requests; an instrument makes each ten times slower.
my $EACH = APIKey::Instrument::any() ? 4 : 40;
my @FOUR = APIKey::UsageSite::four();

my $site;

sub new_site {
    $site = APIKey::UsageSite->new(backend('sqlite3'), 'own');
    $site->init;
}

# Each key $EACH times, from eight clients.
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
    is($bad, '', 'no request failed');
    is($good, $EACH * $KEYS, "@{[ $EACH * $KEYS ]} requests");
    is($site->status($revoked->{key}), 401, 'a revoked key');
    is($site->status($site->unknown), 401, 'an unknown one');
    is($site->status('ak_' . 'x' x 49), 401, 'a forged one');
    is($site->status($keys[0]{key}, '/scoped/'), 403, 'one without the scope');
    cmp_ok($site->total, '<', $EACH * $KEYS, 'not all are written yet');
    $site->stop;
    is_deeply($site->counts, { map { $_->{id} => $EACH } @keys },
              'a clean stop: each use of each key, and nothing else');
    my $shown = JSON::PP->new->decode($site->htapikey('--json', 'show',
                                                      $keys[0]{id}));
    is($shown->{uses}, $EACH, 'show has the count');
    like($site->htapikey('show', $keys[0]{id}), qr/^last used\s+20\d\d-/m,
         'and the time');
    my ($first, $last) = split /\|/, $site->sql(
        'SELECT MIN(last_used), MAX(last_used) FROM apikey_usage');
    ok($first >= int $since && $last <= time, 'which is that of the request');
    unlike($site->errors, qr/APIKEY015/, 'without a complaint');
    $site->run(@FOUR, 'ApiKeyUsageFlush 3600');
    is(get($site->port, "/?k=$keys[1]{key}")->{status}, 400, 'an exposed key');
    $site->stop;
    is_deeply([ $site->sql('SELECT id FROM apikey_usage WHERE exposed > 0') ],
              [ $keys[1]{id} ], 'a clean stop records it, without any use');
    is_deeply($site->counts, { map { $_->{id} => $EACH } @keys },
              'it is no use');
}

# Restarts, and children that end by themselves. One that is not graceful cuts
# connections off: those requests have no answer, but none has a wrong one.
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
    cmp_ok($good, '>', 100, 'requests during restarts');
    my @answers = map { $_->[0] } $site->collect($refused);
    is(join(' ', grep { /^\d+$/ && $_ ne 401 } @answers), '',
       'what is revoked is never accepted');
    cmp_ok(scalar(grep { $_ eq 401 } @answers), '>', 0, 'but refused');
    $site->stop;
    my $lost = () = $bad =~ /none/g;   # perhaps served, perhaps not
    unlike($bad, qr/\d/, 'none was refused');
    my $count = $site->total;
    ok($count >= $good && $count <= $good + $lost, 'all of them are counted')
        or diag "$count, not $good (+ $lost without an answer)";
    unlike($site->errors, qr/APIKEY015|exit signal/, 'without a complaint');
}

# One child is killed: it loses what it had not written, and no more.
sub killed {
    new_site();
    my @keys = map { $site->made } 1 .. 10;
    $site->run(@FOUR, 'ApiKeyUsageFlush 1');
    my $next = sub { my ($client, $n) = @_;
                     return $n < 50 ? $keys[$n % 10]{key} : undef };
    my ($first) = $site->requests(8, $next);
    ok(wait_until(60, sub { $site->total == $first }), 'all are written in time')
        or diag $site->total, " of $first";
    my $log = $site->{backend}{file} . '-wal';
    ok(wait_until(60, sub { -e $log && -z $log }),
       'and in the file: another may be copied over it');
    my ($second) = $site->requests(8, $next);
    kill KILL => descendants($site->{pid});
    ok(wait_until(60, sub { $site->status('') eq 401 }), 'httpd goes on');
    my ($third) = $site->requests(8, $next);
    $site->stop;
    my $count = $site->total;
    cmp_ok($count, '>=', $first + $third, 'what was written is not lost');
    cmp_ok($count, '<=', $first + $second + $third, 'nothing counts twice');
}

for my $case ([ 'a clean stop', \&clean_stop ],
              [ 'graceful restarts', sub { restarts('USR1') } ],
              [ 'restarts that are not', sub { restarts('HUP') } ],
              [ 'children are killed', \&killed ]) {
    subtest $case->[0] => $case->[1];
}

done_testing;
