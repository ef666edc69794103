# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Uses are written to each of the six databases: batches, by the program of
# t/unit; by four processes of httpd that end at the same time with keys that
# were not used before; and no use is lost when a server goes away and comes
# back.

use APIKey::Test;
use APIKey::Backends qw(backend backend_names unit_program);
use APIKey::Process qw(wait_until);
use APIKey::UsageSite;

my @FOUR = APIKey::UsageSite::four();
my $EACH = 20;

sub exact {
    my ($backend, $way) = @_;
    my $site = APIKey::UsageSite->new($backend, $way);
    $site->init;
    my @keys = map { $site->made } 1 .. 20;
    for my $round (1, 2) {
        $site->run(@FOUR, 'ApiKeyUsageFlush 3600');
        my ($good, $bad) = $site->requests(8, sub {
            my ($client, $n) = @_;
            my $at = $client + 8 * $n;
            return $at < $EACH * @keys ? $keys[$at % @keys]{key} : undef;
        });
        is("$good $bad", $EACH * @keys . ' ', 'each request is granted');
        is(get($site->port, "/?key=$keys[$round]{key}")->{status}, 400,
           '400 for an exposed key');
        $site->stop;
        is_deeply([ sort $site->sql('SELECT id FROM apikey_usage WHERE '
                                    . 'exposed > 0') ],
                  [ sort map { $keys[$_]{id} } 1 .. $round ],
                  'the exposures are recorded');
        is_deeply($site->counts,
                  { map { $_->{id} => $round * $EACH } @keys },
                  "round $round: all uses of each key are written");
        # On mod_dbd's connections MariaDB locks more than on the module's own,
        # so that four processes that write at once may have to begin again.
        my @told = $site->errors =~ /(APIKEY015[0-9])/g;
        is(join(' ', grep { !/^APIKEY015[12]$/ } @told), '',
           'no error but APIKEY0151 is logged');
        is(scalar(grep { $_ eq 'APIKEY0151' } @told),
           scalar(grep { $_ eq 'APIKEY0152' } @told),
           'each APIKEY0151 is followed by APIKEY0152');
    }
}

# A server that does not answer, while the cache does.
sub away {
    my ($backend, $stop, $back, $tells) = @_;
    my $site = APIKey::UsageSite->new($backend, 'own');
    $site->init;
    my $key = $site->made;
    my $some = sub {
        my ($good, $bad) = $site->requests(4, sub {
            return $_[1] < 10 ? $key->{key} : undef });
        is("$good $bad", '40 ', $_[0]);
    };
    my $counted = sub {
        my ($count) = @_;
        ok(wait_until(60, sub { $site->total == $count }),
           "$count uses are written") or diag $site->total;
    };
    $site->run('ApiKeyCache shmcb', 'ApiKeyUsageFlush 1', 'LogLevel warn');
    $some->('40 requests are granted');
    $counted->(40);
    $backend->kill_connections;
    $some->('40 requests are granted after connections were killed');
    $counted->(80);
    $stop->();
    $some->('40 requests are granted while the server is away');
    ok(wait_until(60, sub { $site->errors =~ /APIKEY0151/ }),
       'APIKEY0151 is logged') if $tells;
    $some->('40 more requests are granted while the server is away');
    $back->();
    $counted->(160);
    $site->stop;
    is($site->total, 160, 'no use is counted twice');
}

# What only a database with advisory locks can be made to do: another
# connection writes the same new row at the same time, and a connection ends
# while it commits.
sub uncertain {
    my ($backend) = @_;
    my $site = APIKey::UsageSite->new($backend, 'own');
    $site->init;
    my ($key, $other) = map { $site->made } 1, 2;
    my $holder = $backend->session;
    $site->run('ApiKeyUsageFlush 1');
    my $held = sub { wait_until(60, sub { $backend->waiting > 0 }) };
    $holder->run("BEGIN; INSERT INTO apikey_usage (id, last_used, use_count) "
                 . "VALUES ('$key->{id}', 1, 5)");
    is($site->status($key->{key}), 200, '200 for a key');
    ok($held->(), "the batch waits for another's row");
    $holder->run('COMMIT');
    ok(wait_until(60, sub { $site->uses($key->{id}) == 6 }),
       'the uses of both are counted');
    unlike($site->errors, qr/APIKEY015/, 'no error is logged');

    $site->sql(<<'EOF_SQL');
CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock(9); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER held AFTER INSERT OR UPDATE ON apikey_usage
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION held()
EOF_SQL
    $holder->run('SELECT pg_advisory_lock(9)');
    is($site->status($_->{key}), 200, '200 for a key') for $key, $other, $other;
    ok($held->(), 'the batch is being committed');
    $backend->kill_connections($holder);
    ok(wait_until(60, sub { $site->errors =~ /APIKEY0153/ }),
       'APIKEY0153 is logged after the connection was killed');
    like($site->errors, qr/APIKEY0153: .* while [123] uses of keys were/,
         'the line has the number of uses');
    $holder->run('SELECT pg_advisory_unlock(9)');
    is($site->status($key->{key}), 200, '200 for a key after that');
    $holder->close;
    $site->stop;
    my ($lost) = map { eval $_ } join '+', $site->errors
                     =~ /APIKEY0153: .* while (\d+) uses/g;
    is($site->total, 10 - $lost,
       'no use is counted twice, and no more are lost than logged');
}

for my $name (backend_names()) {
    # ODBC on PostgreSQL sets the environment for files of its own.
    local %ENV = %ENV;
    my $backend = backend($name);
    subtest "$name, batches" => sub {
        unit_program($backend, 'store_usage', 30);
    };
    for my $way (@APIKey::DatabaseSite::WAYS) {
        subtest "$name, $way" => sub { exact($backend, $way) };
    }
    subtest "$name, held" => sub { uncertain($backend) } if $name eq 'pgsql';
    next unless $backend->can('signal');
    my $signal = $backend->trait('stop') // 'TERM';
    subtest "$name is stopped" => sub {
        away($backend, sub { $backend->signal($signal) },
             sub { $backend->start }, 1);
    };
    subtest "$name is frozen" => sub {
        away($backend, sub { $backend->signal('STOP') },
             sub { $backend->signal('CONT') }, 0);
    };
}

done_testing;
