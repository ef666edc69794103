# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Changes of keys and the counting of their uses do not wait for each other:
# while a transaction holds all rows of apikey_usage, every command of htapikey
# works, and while one holds all rows of apikey, uses are written. SQLite has
# one writer, so that there the program of t/unit alone shows it: no change
# fails while batches are written.
use APIKey::Test;
use APIKey::Backends qw(backend backend_names unit_program);
use APIKey::UsageSite;

# The command, the number of its key, and its arguments.
my @CHANGES = (
    [ set => 0, qw(--name new) ], [ rotate => 1 ], [ disable => 2 ],
    [ enable => 2 ], [ revoke => 3 ],
);

# A change that waited for a lock would fail after five seconds.
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
                      . " AND action = '$command'"), 1,
           "apikey_usage is held: the audit has $command");
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
    is($site->status($key->{key}), 200, 'apikey is held: 200 for a request');
    is(get($site->port, "/?key=$key->{key}")->{status}, 400,
       'apikey is held: 400 for a request that exposes the key');
    $site->stop;
    is($site->uses($key->{id}), $before + 1,
       'apikey is held: the use is written');
    is($site->sql("SELECT COUNT(*) FROM apikey_usage WHERE exposed > 0"), 1,
       'apikey is held: the exposure is written');
    unlike($site->errors, qr/APIKEY015/, 'apikey is held: no error is logged');
    $holder->run('ROLLBACK');
    $holder->close;
}

for my $name (backend_names()) {
    # ODBC on PostgreSQL sets the environment for files of its own.
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
