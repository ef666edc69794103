# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# ApiKeyRetention: a command that changes something removes older rows.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my $day = 86400;
my @rows = ('SELECT COUNT(*) FROM apikey_change WHERE changed < strftime('
            . "'%s', 'now') - ", 'SELECT COUNT(*) FROM apikey_audit WHERE '
            . "happened < strftime('%s', 'now') - ");

# How many changes and entries are older than this many days.
sub older {
    my ($days) = @_;
    return join ' ', map { $cli->sql($_ . $days * $day) } @rows;
}

# Rows of both tables of 100, 50 and 20 days ago; the last removal was long ago.
sub fill {
    my $now = time;
    $cli->sql('UPDATE apikey_identity SET kept_since = 9999999999',
              'DELETE FROM apikey_audit', 'DELETE FROM apikey_change',
              'UPDATE apikey_identity SET kept_since = 0, pruned = 0',
              map { ("INSERT INTO apikey_change (kind, changed) VALUES ('all',"
                     . " $now - $_ * $day)",
                     'INSERT INTO apikey_audit (happened, who, action) VALUES '
                     . "($now - $_ * $day, 'me', 'x')") } 100, 50, 20);
}

my $key = $cli->create;
$cli->create(tenant => 't');
my %changing = (
    'create'         => [qw(create --tenant t --name n)],
    'set'            => [qw(set ID --name other)],
    'disable'        => [qw(disable ID)],
    'enable'         => [qw(enable ID)],
    'rotate'         => [qw(rotate ID)],
    'scope add'      => [qw(scope add a:b)],
    'tenant suspend' => [qw(tenant suspend acme)],
    'tenant resume'  => [qw(tenant resume acme)],
    'tenant set'     => [qw(tenant set acme --meta plan=gold)],
    'scope remove'   => [qw(scope remove a:b)],
    'revoke'         => [qw(revoke ID)],
);
for my $name ('create', 'set', 'disable', 'enable', 'rotate', 'scope add',
              'scope remove', 'tenant suspend', 'tenant resume', 'tenant set',
              'revoke') {
    my @command = map { $_ eq 'ID' ? $key->{id} : $_ } @{ $changing{$name} };
    fill();
    my $done = $cli->run(@command);
    is("$done->{exit} $done->{err}", '0 ', "$name works");
    is(older(90), '0 0', 'and what is older than 90 days is gone');
    is(older(40), '1 1', 'what is younger is not');
}
fill();
$cli->run('list');
$cli->run('show', $key->{id});
$cli->run('audit');
$cli->run('verify', { stdin => 'x' });
$cli->run('doctor');
$cli->run('revoke', 'none');
is(older(90), '1 1', 'what only reads, or fails, removes nothing');

# Rows are kept as long as the directive says; removed at most once a day.
$cli->conf('ApiKeyRetention 30');
$cli->create;
is(older(30), '0 0', 'ApiKeyRetention 30');
is(older(10), '1 1', 'keeps thirty days');
$cli->conf('ApiKeyRetention 10');
$cli->sql("UPDATE apikey_identity SET kept_since = strftime('%s', 'now') - "
          . "10 * $day - $day + 600");
$cli->create;
is(older(15), '1 1', 'not yet a day later: nothing');
$cli->sql("UPDATE apikey_identity SET kept_since = strftime('%s', 'now') - "
          . "11 * $day - 5");
$cli->create;
is(older(15), '0 0', 'a day later: again');
is($cli->sql("SELECT abs(kept_since - strftime('%s', 'now') + 10 * $day) < "
   . "$day / 2 FROM apikey_identity"), 1, 'and is remembered');
$cli->conf('ApiKeyRetention 36500');
fill();
is($cli->run(qw(create --tenant t --name n))->{exit}, 0, 'a hundred years');
is(older(90), '1 1', 'keep all');

# A failure to remove rows does not undo the change.
$cli->conf;
fill();
$cli->sql('CREATE TRIGGER t BEFORE DELETE ON apikey_change BEGIN SELECT '
          . "RAISE(ABORT, 'not mine'); END");
my $done = $cli->run(qw(create --tenant t --name n -q));
is($done->{exit}, 0, 'rows that cannot be removed');
like($done->{err}, qr/^htapikey: done; .*ApiKeyRetention.*not mine/,
     'are told of');
chomp $done->{out};
is($cli->verify($done->{out}), 'granted', 'the key is there');
is(older(90), '1 1', 'and so are they');

for my $wrong ('0', '-1', '36501', '90d', 'never', '""', '99999999999') {
    $cli->conf("ApiKeyRetention $wrong");
    $done = $cli->run('list');
    is($done->{exit}, 2, "ApiKeyRetention $wrong");
    like($done->{err}, qr/:4: ApiKeyRetention wants a number of days/,
         'is refused');
}

done_testing;
