# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A clean stop writes each use of each key, with a database that is 2 ms away
# and several processes that used the same keys. So that it can, uses are
# written before it is time where many keys wait. A database that does not
# answer takes no time from another one.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::Instrument;
use APIKey::Process qw(wait_until);
use APIKey::Relay;
use APIKey::UsageSite;

my $KEYS = 2000 / (APIKey::Instrument::any() ? 5 : 1);

my $prefork = APIKey::Test::run_info()->{mpm} eq 'prefork';
my @KEPT = ('LogLevel warn', 'MaxKeepAliveRequests 0');

# This number of processes at most, of which four run.
sub many_processes {
    my ($most) = @_;
    return ("ServerLimit $most", 'StartServers 4',
            $prefork ? ('MinSpareServers 4', 'MaxSpareServers 4')
                     : ('ThreadsPerChild 2', 'MinSpareThreads 8',
                        'MaxSpareThreads 8'),
            'MaxRequestWorkers ' . ($prefork ? 1 : 2) * $most);
}

sub far {
    my ($name, $delay) = @_;
    my $backend = backend($name);
    my $site = APIKey::UsageSite->new($backend, 'own');
    $site->init;
    return ($site, APIKey::Relay->to($backend, $delay));
}

sub exact {
    my ($name) = @_;
    my ($site, $relay) = far($name, 0.002);
    my @keys = $site->many($KEYS);
    $site->far($relay);
    # A child has some seconds for it. If the machine is too busy for that, the
    # stop is repeated.
    for (1 .. 5) {
        $site->sql('DELETE FROM apikey_usage');
        $site->run(@KEPT, many_processes(4), 'ApiKeyUsageFlush 3600');
        my ($good, $bad) = $site->burst(4, @keys);
        is("$good $bad", 4 * $KEYS . ' ', 'four connections use each key');
        $site->stop;
        last if $site->errors !~ /APIKEY0155/;
    }
    is($site->total, 4 * $KEYS, 'each use is counted');
    is($site->sql('SELECT COUNT(*) FROM apikey_usage WHERE use_count = 4'),
       $KEYS, 'each key is counted four times');
    unlike($site->errors, qr/APIKEY015/, 'no error is logged');
}

# The more processes there may be, the fewer keys may wait in each.
sub early {
    my $site = APIKey::UsageSite->new(backend('sqlite3'), 'own');
    $site->init;
    my @keys = $site->many(250);
    $site->run(@KEPT, many_processes(80), 'ApiKeyUsageFlush 3600');
    my ($good, $bad) = $site->burst(1, @keys);
    is("$good $bad", '250 ', 'one connection uses 250 keys');
    ok(wait_until(60, sub { $site->total >= 200 }),
       'uses are written before it is time where more than 200 keys wait');
    $site->stop;
}

# One database out of four is held; which one is asked first is left to chance.
sub one_held {
    my $site = APIKey::UsageSite->new(backend('sqlite3'), 'own');
    $site->init;
    my $key = $site->made;
    my $file = $site->{backend}{file};
    my @files = map { "$file.$_" } 1 .. 3;
    my (@ports, @hosts);
    for my $other (@files) {
        $site->sql("VACUUM INTO '$other'", 'SELECT 1');
        push @ports, APIKey::ConfigTest::free_port();
        push @hosts, "Listen 127.0.0.1:$ports[-1]",
            "<VirtualHost 127.0.0.1:$ports[-1]>", 'ApiKeyDBDriver sqlite3',
            "ApiKeyDBDParams $other", '</VirtualHost>';
    }
    $site->open_file;
    $site->run(@KEPT, 'ApiKeyUsageFlush 3600', @hosts,
               $prefork ? ('ServerLimit 1', 'StartServers 1',
                           'MaxRequestWorkers 1') : ());
    for my $port ($site->port, @ports) {
        is(get($port, '/api/', "X-API-Key: $key->{key}")->{status}, 200,
           '200 for a key') for 1 .. 2;
    }
    my $writer = $site->{backend}->session;
    $writer->run('BEGIN IMMEDIATE');
    $site->stop;
    $writer->close;
    like($site->errors, qr/APIKEY0155: .* taken 2 uses of keys: [02] are/,
         'the uses of the database that is held are lost, none or both of '
         . 'others');
    for my $other (@files) {
        local $site->{backend}{file} = $other;
        is($site->total, 2, 'all uses of each other database are written');
    }
}

for my $name ('pgsql', 'mysql') {
    subtest "$name, 2 ms away" => sub { exact($name) };
}
subtest 'many keys wait' => \&early;
subtest 'one database out of four does not answer' => \&one_held;

done_testing;
