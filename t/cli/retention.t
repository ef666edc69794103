# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# ApiKeyRetention: a command that changes something removes changes and entries
# of the audit that are older.

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

# The numbers of changes and of entries that are older than this many days.
sub older {
    my ($days) = @_;
    return join ' ', map { $cli->sql($_ . $days * $day) } @rows;
}

# Writes rows of 100, 50 and 20 days ago into both tables, as if the last
# removal were long ago.
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
    is("$done->{exit} $done->{err}", '0 ', "$name succeeds");
    is(older(90), '0 0', "$name removes rows older than 90 days");
    is(older(40), '1 1', "$name keeps rows younger than 90 days");
}
fill();
$cli->run('list');
$cli->run('show', $key->{id});
$cli->run('audit');
$cli->run('verify', { stdin => 'x' });
$cli->run('doctor');
$cli->run('revoke', 'none');
is(older(90), '1 1', 'commands that only read, or that fail, remove no rows');

# Rows are removed once they are older than the directive says, and at most once
# a day.
$cli->conf('ApiKeyRetention 30');
$cli->create;
is(older(30), '0 0', 'ApiKeyRetention 30 removes rows older than thirty days');
is(older(10), '1 1', 'ApiKeyRetention 30 keeps younger rows');
$cli->conf('ApiKeyRetention 10');
$cli->sql("UPDATE apikey_identity SET kept_since = strftime('%s', 'now') - "
          . "10 * $day - $day + 600");
$cli->create;
is(older(15), '1 1', 'no rows are removed within a day after the last removal');
$cli->sql("UPDATE apikey_identity SET kept_since = strftime('%s', 'now') - "
          . "11 * $day - 5");
$cli->create;
is(older(15), '0 0', 'rows are removed again a day after the last removal');
is($cli->sql("SELECT abs(kept_since - strftime('%s', 'now') + 10 * $day) < "
   . "$day / 2 FROM apikey_identity"), 1,
   'the database has the time of the last removal');
$cli->conf('ApiKeyRetention 36500');
fill();
is($cli->run(qw(create --tenant t --name n))->{exit}, 0,
   'ApiKeyRetention 36500 is accepted');
is(older(90), '1 1', 'ApiKeyRetention 36500 keeps the rows');

# A failure to remove rows does not undo the change.
$cli->conf;
fill();
$cli->sql('CREATE TRIGGER t BEFORE DELETE ON apikey_change BEGIN SELECT '
          . "RAISE(ABORT, 'not mine'); END");
my $done = $cli->run(qw(create --tenant t --name n -q));
is($done->{exit}, 0, 'create succeeds when old rows cannot be removed');
like($done->{err}, qr/^htapikey: done; .*ApiKeyRetention.*not mine/,
     'the message names ApiKeyRetention and the reason');
chomp $done->{out};
is($cli->verify($done->{out}), 'granted',
   'the new key is granted although old rows were not removed');
is(older(90), '1 1', 'rows that could not be removed are still there');

for my $wrong ('0', '-1', '36501', '90d', 'never', '""', '99999999999') {
    $cli->conf("ApiKeyRetention $wrong");
    $done = $cli->run('list');
    is($done->{exit}, 2, "exit status 2 for ApiKeyRetention $wrong");
    like($done->{err}, qr/:4: ApiKeyRetention wants a number of days/,
         "the message has the line of ApiKeyRetention $wrong");
}

done_testing;
