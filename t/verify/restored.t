# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The database is replaced: by an older state of itself, in which numbers are
# given again, or by another database.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::CacheSite;
use APIKey::CacheServer;

my $backend = backend('sqlite3');
my $site = APIKey::CacheSite->new($backend, 'own');
$site->init;
$site->run('ApiKeyCache shmcb', 'ApiKeyCacheTTL 600 600',
           'ApiKeyRevocationPoll 200');
my ($victim, $row, $id) = $site->planned_key;
$backend->sql($row);
my $backup = $backend->{temp}->dirname . '/backup';
my $number = sub { $backend->sql('SELECT MAX(number) FROM apikey_change') };
my $revoke = "UPDATE apikey SET revoked = 1 WHERE id = '$id'";

# Commands of sqlite3's shell; backend->sql() would put a ';' after them.
sub shell {
    my ($file, @commands) = @_;
    system('sqlite3', '-batch', '-bail', '-cmd', '.timeout 60000', $file,
           join "\n", @commands) == 0 or die "sqlite3 $file @commands";
}

# Makes some changes, then asks for the key, so that it is cached.
sub prepare {
    shell($backend->{file}, ".backup $backup");
    my @rows = map { ($site->planned_key)[1] } 1, 2;
    # The last change is of the key itself, so that it is looked up after it.
    $backend->sql(@rows, "UPDATE apikey SET name = name || 'x' WHERE "
                         . "id = '$id'");
    $site->polled;
    is($site->status($victim), 200, '200 for a key, which is cached') for 1, 2;
    return $number->();
}

# Restores the backup at once, between two polls.
sub restore {
    my (@sql) = @_;
    shell($backup, map { "$_;" } @sql) if @sql;
    shell($backend->{file}, ".restore $backup");
    $site->open_file;
    $site->polled;
}

# Changes made to the backup. Its last change has the number that was the last
# but is another one; has that number and is of all; has a smaller or a greater
# number.
my $everything = "INSERT INTO apikey_change (number, changed, kind, value) "
    . "SELECT MAX(number) + 1, 0, 'all', '' FROM apikey_change";
my %then = (
    'as many changes' => [ $revoke, map { ($site->planned_key)[1] } 1, 2 ],
    'as many, the last of everything' => [ $revoke,
        ($site->planned_key)[1], $everything ],
    'fewer' => [ $revoke ],
    'more' => [ $revoke, map { ($site->planned_key)[1] } 1 .. 4 ],
);
for my $what (sort keys %then) {
    subtest "an older state, and $what" => sub {
        my $before = prepare();
        restore(@{ $then{$what} });
        my $now = $number->();
        is($now <=> $before, $what =~ /^as/ ? 0 : $what eq 'more' ? 1 : -1,
           "the last number was $before and is $now");
        is($site->status($victim), 401,
           '401 for a key that is revoked in the restored state');
        $backend->sql("UPDATE apikey SET revoked = 0 WHERE id = '$id'");
        $site->polled;
        is($site->status($victim), 200, '200 once the key is given back');
        my $count = $site->counted(sub { $site->status($victim) });
        is($count->{Hits}, 1, 'the key is served from the cache');
    };
}

subtest 'an older state, nothing else' => sub {
    prepare();
    $backend->sql($revoke);
    $site->polled;
    is($site->status($victim), 401, '401 for a revoked key');
    restore();
    is($site->status($victim), 200,
       '200 for a key that is not revoked in the restored state');
};

subtest 'another database' => sub {
    is($site->status($victim), 200, '200 for a key, which is cached') for 1, 2;
    my $elsewhere = backend('sqlite3');
    my $there = APIKey::CacheSite->new($elsewhere, 'own');
    $there->init;
    $elsewhere->sql($row, $revoke);
    shell($elsewhere->{file}, ".backup $backup");
    restore();
    is($site->status($victim), 401,
       '401 for a key that is revoked in the other database');
};

# A shared cache's entries outlive httpd, and their numbers are also those of
# the backup.
subtest 'an older state, put there while httpd is stopped' => sub {
    my $redis = APIKey::CacheServer->new('redis');
    $site->stop;
    my $run = sub {
        $site->run('ApiKeyCache ' . $redis->spec, 'ApiKeyCacheTTL 600 600');
        ok($site->polled, 'the first poll ends');
    };
    $run->();
    $backend->sql("UPDATE apikey SET revoked = 0 WHERE id = '$id'");
    shell($backend->{file}, ".backup $backup");
    $backend->sql("UPDATE apikey SET name = 'y' WHERE id = '$id'");
    $site->polled;
    is($site->status($victim), 200, '200 for a key, which is cached') for 1, 2;
    my $before = $number->();
    $site->stop;
    cmp_ok(scalar(() = $redis->keys), '>', 0,
           'the shared cache has entries after httpd has stopped');
    shell($backup, "$revoke;");
    shell($backend->{file}, ".restore $backup");
    $site->open_file;
    is($number->(), $before,
       'the last number is the same in the restored state');
    $run->();
    is($site->status($victim), 401,
       '401 for a key that is revoked in the restored state');
};

$site->stop;
done_testing;
