# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Changes of keys and the counting of their uses do not wait for each other:
# with all rows of apikey_usage held by a transaction that does not end,
# everything that htapikey changes of a key is done; with all rows of apikey
# held, uses are written.  SQLite has one writer, so that there only the program
# of t/unit tells: no change fails while batches are written all the time.

use APIKey::Test;
use APIKey::Backends qw(backend backend_names unit_program);
use APIKey::UsageSite;

# Each with the number of its key, and its arguments.
my @CHANGES = (
    [ set => 0, qw(--name new) ], [ rotate => 1 ], [ disable => 2 ],
    [ enable => 2 ], [ revoke => 3 ],
);

# What waits for a lock waits for five seconds, and then fails.
sub usage_held {
    my ($site, @ids) = @_;
    my $holder = $site->{backend}->session;
    $holder->run('BEGIN');
    $holder->run('UPDATE apikey_usage SET exposed = 1');
    for my $change (@CHANGES) {
        my ($command, $number, @arguments) = @$change;
        my $id = $ids[$number];
        ok(eval { $site->htapikey($command, $id, @arguments); 1 },
           "apikey_usage is held: $command");
        is($site->sql("SELECT COUNT(*) FROM apikey_audit WHERE id = '$id'"
                      . " AND action = '$command'"), 1, 'is done');
    }
    for my $command ('suspend', 'resume') {
        ok(eval { $site->htapikey('tenant', $command, 'acme'); 1 },
           "apikey_usage is held: tenant $command");
    }
    $holder->run('ROLLBACK');
    $holder->close;
}

sub keys_held {
    my ($site, $key) = @_;
    my $before = $site->uses($key->{id});
    my $holder = $site->{backend}->session;
    $holder->run('BEGIN');
    $holder->run("UPDATE apikey SET name = 'held'");
    $site->run('ApiKeyUsageFlush 3600');
    is($site->status($key->{key}), 200, 'apikey is held: a request');
    is(get($site->port, "/?key=$key->{key}")->{status}, 400,
       'and one that exposes the key');
    $site->stop;
    is($site->uses($key->{id}), $before + 1, 'the use is written');
    is($site->sql("SELECT COUNT(*) FROM apikey_usage WHERE exposed > 0"), 1,
       'and the exposure');
    unlike($site->errors, qr/APIKEY015/, 'without a complaint');
    $holder->run('ROLLBACK');
    $holder->close;
}

for my $name (backend_names()) {
    # ODBC on PostgreSQL brings files of its own for the driver manager.
    local %ENV = %ENV;
    my $backend = backend($name);
    subtest "$name, batches" => sub {
        unit_program($backend, 'store_revoke', 8);
    };
    next if $backend->{file};
    for my $way (@APIKey::DatabaseSite::WAYS) {
        subtest "$name, $way" => sub {
            my $site = APIKey::UsageSite->new($backend, $way);
            $site->init;
            my @keys = map { $site->made } 0 .. 4;
            $site->sql(map { 'INSERT INTO apikey_usage (id, use_count) VALUES '
                             . "('$_->{id}', 1)" } @keys);
            usage_held($site, map { $_->{id} } @keys) if $way eq 'own';
            keys_held($site, $keys[-1]);
        };
    }
}

done_testing;
