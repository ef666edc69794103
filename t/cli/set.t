# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey set, revoke, disable, enable and rotate, and what the audit keeps.

use strict;
use warnings;

use Test::More;
use JSON::PP ();
use Time::Local qw(timegm);
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my $day = 86400;

sub epoch {
    my ($time) = @_;
    my @part = $time =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z$/ or return 0;
    return timegm(@part[5, 4, 3, 2], $part[1] - 1, $part[0]);
}

sub audited {
    my ($id) = @_;
    return @{ $cli->json('audit', '--key', $id) };
}

sub near {
    my ($got, $want, $name) = @_;
    ok(abs($got - $want) < 900, $name) or diag "$got is not near $want";
}

# set
my $key = $cli->create(name => 'old', scope => 'a:b');
my $id = $key->{id};
my $done = $cli->run('set', $id, '--name', 'new "x"', '--scope', 'c',
                     '--scope', 'd:*', '--expires', '10d', '--env', 'test');
is($done->{exit}, 0, 'set');
like($done->{out}, qr/$id.*new "x".*active/, 'it says what it is now');
my $now = $cli->show($id);
is($now->{name}, 'new "x"', 'the name');
is(join(' ', @{ $now->{scopes} }), 'c d:*', 'the scopes, all replaced');
is($now->{env}, 'test', 'the env');
near(epoch($now->{expires}), time + 10 * $day, 'the expiry, from now');
my $last = (audited($id))[-1];
is($last->{action}, 'set', 'the audit has it');
is_deeply($last->{was}, { name => 'old', scopes => ['a:b'], env => 'live',
                          expires => $key->{expires} }, 'and what it was');
is_deeply($last->{now}, { name => 'new "x"', scopes => [qw(c d:*)],
                          env => 'test', expires => $now->{expires} },
          'and what it is');
is($cli->verify($key->{key}, '--scope', 'd:x'), 'granted',
   'the key itself is the same');
$cli->run('set', $id, '--name', 'alone');
is($cli->show($id)->{env}, 'test', 'what is not given stays');
my $entries = audited($id);
is($cli->run('set', $id, '--name', 'alone')->{exit}, 0, 'to what it is');
is(scalar audited($id), $entries, 'is no change');
is($cli->json('set', $id, '--name', 'json')->{name}, 'json', 'in JSON');
for my $bad ([ '--name', '' ], [ '--name', "a\nb" ], [ '--env', 'a b' ],
             [ '--scope', 'a b' ], [ '--scope', 'a*' ],
             [ '--expires', '2001-01-01' ]) {
    $done = $cli->run('set', $id, @$bad);
    is($done->{exit}, 1, "refused: @$bad" =~ s/\n/?/r);
    like($done->{err}, qr/^htapikey: \w+/, 'with a sentence');
}
is($cli->run('set', $id, '--expires', 'soon')->{exit}, 2, 'no time at all');
$cli->conf('ApiKeyLifetime 90d max=100d');
is($cli->run('set', $id, '--expires', 'never')->{exit}, 1, 'beyond max');
is($cli->run('set', $id, '--expires', '101d')->{exit}, 1, 'beyond max');
is($cli->run('set', $id, '--expires', '99d')->{exit}, 0, 'within max');
$cli->sql("UPDATE apikey SET created = created - 50 * $day WHERE id = '$id'");
is($cli->run('set', $id, '--expires', '99d')->{exit}, 1,
   'its whole life counts, not what is left');
is($cli->run('set', $id, '--expires', '49d')->{exit}, 0, 'within its life');
$cli->conf;

$cli->run(qw(scope add c));
is($cli->run('set', $id, '--scope', 'e')->{exit}, 1, 'not in the catalogue');
is($cli->run('set', $id, '--scope', 'c')->{exit}, 0, 'in the catalogue');
is($cli->run('set', $id, '--name', 'still')->{exit}, 0, 'no scope at all');
$cli->run(qw(scope remove c));

# disable and enable
is($cli->verify($key->{key}), 'granted', 'granted');
$done = $cli->run('disable', $id);
is($done->{exit}, 0, 'disable');
like($done->{out}, qr/disabled/, 'it says so');
is($cli->verify($key->{key}), 'disabled', 'disabled');
is($cli->run('disable', $id)->{exit}, 0, 'once more');
is($cli->run('enable', $id)->{exit}, 0, 'enable');
is($cli->verify($key->{key}), 'granted', 'granted again');
is($cli->run('enable', $id)->{exit}, 0, 'once more');
is(join(' ', map { $_->{action} } (audited($id))[-2, -1]), 'disable enable',
   'each stands in the audit once');

# rotate
sub rotated {
    my ($old, @option) = @_;
    my @in = ('--keyspace', $old->{keyspace});
    my $new = $cli->json('rotate', $old->{id}, @in, @option);
    return ($new, $cli->json('show', $old->{id}, @in));
}
my $old = $cli->create(name => 'r', scope => [qw(a:b c)], env => 'test',
                       keyspace => 'ks', prefix => 'rot', expires => '30d');
my ($new, $ended) = rotated($old);
is($new->{$_}, $old->{$_}, "the same $_")
    for qw(tenant name env keyspace prefix format);
is_deeply($new->{scopes}, $old->{scopes}, 'the same scopes');
isnt($new->{id}, $old->{id}, 'another id');
like($new->{key}, qr/^rot_\w{49}$/, 'a key of the same shape');
near(epoch($ended->{expires}), time + $day, 'the old one has a day');
near(epoch($new->{expires}), time + 30 * $day, 'the new one as long a life');
($new, $ended) = rotated($new, '--overlap', '2h');
near(epoch($ended->{expires}), time + 7200, '--overlap 2h');
my $short = $cli->create(expires => '1h');
($new, $ended) = rotated($short);
is($ended->{expires}, $short->{expires}, 'it never lives longer for it');
near(epoch($new->{expires}), time + 3600, 'nor does the new one');
($new, $ended) = rotated($cli->create(expires => 'never'), '--overlap', '7d');
near(epoch($ended->{expires}), time + 7 * $day, 'what never ended does now');
is($new->{expires}, undef, 'and the new one never does');
($new, $ended) = rotated($new, '--overlap', '0s');
is($ended->{state}, 'expired', '--overlap 0s: at once');
is($cli->verify($new->{key}), 'granted', 'the new key works');
my $quiet = $cli->run('rotate', $new->{id}, '-q');
like($quiet->{out}, qr/^ak_\w{49}\n\z/, '-q: the key and no more');
my $human = $cli->create;
$done = $cli->run('rotate', $human->{id});
like($done->{out}, qr/$human->{id} ends 20\S+Z.*^key +ak_\w{49}$/ms,
     'for people: both');
is($cli->verify($human->{key}), 'granted', 'both work');
is($cli->verify($done->{out} =~ /^key +(\w+)/m), 'granted', 'until then');
my @trail = audited($human->{id});
is($trail[-1]{action}, 'rotate', 'the audit has the rotation');
like($trail[-1]{reason}, qr/replaced by \w{12}/, 'and the new id');
is_deeply([ @{ $trail[-1] }{qw(was now)} ],
          [ map { { expires => $_->{expires} } } $human,
            $cli->show($human->{id}) ], 'when it ended, and when it does');
$cli->conf('ApiKeyLifetime 20d max=20d');
($new) = rotated($cli->show($done->{out} =~ /^id +(\w+)/m));
near(epoch($new->{expires}), time + 20 * $day, 'no longer than max');
$cli->conf;

# revoke
$done = $cli->run('revoke', $id, '--reason', 'seen in a chat');
is($done->{exit}, 0, 'revoke');
like($done->{out}, qr/revoked/, 'it says so');
is($cli->verify($key->{key}), 'revoked', 'at once');
is($cli->show($id)->{reason}, 'seen in a chat', 'with its reason');
my $when = $cli->show($id)->{revoked};
is($cli->run('revoke', $id, '--reason', 'again')->{exit}, 0, 'once more');
is($cli->show($id)->{reason}, 'seen in a chat', 'the first reason stays');
is($cli->run('revoke', $cli->create->{id}, '--reason', "a\nb")->{exit}, 1,
   'a reason with a line end');
for my $command ([qw(disable)], [qw(enable)], [qw(set --name x)],
                 [qw(rotate)]) {
    $done = $cli->run($command->[0], $id, @$command[1 .. $#$command]);
    is($done->{exit}, 1, "what is revoked: no $command->[0]");
    like($done->{err}, qr/revoked/, 'and why');
}

# Keys that cannot be rotated.
my %dead = (disabled => 'disabled = 1', expired => 'expires = 1',
            imported => "format = 'opaque'");
for my $why (sort keys %dead) {
    my $made = $cli->create;
    $cli->sql("UPDATE apikey SET $dead{$why} WHERE id = '$made->{id}'");
    my $count = $cli->sql('SELECT COUNT(*) FROM apikey');
    $done = $cli->run('rotate', $made->{id});
    is($done->{exit}, 1, "$why: not rotated");
    like($done->{err}, qr/$why/, 'and why');
    is($cli->sql('SELECT COUNT(*) FROM apikey'), $count, 'no key came');
}

# No successor is made that the server would refuse.
$old = $cli->create;
for (['ApiKeyPrefix acme', qr/it begins with no ApiKeyPrefix/],
     ['ApiKeyFormat hex64', qr/none of the forms that ApiKeyFormat/]) {
    my ($line, $why) = @$_;
    $cli->conf($line);
    my $count = $cli->sql('SELECT COUNT(*) FROM apikey');
    $done = $cli->run('rotate', $old->{id});
    is($done->{exit}, 1, "$line: not rotated");
    like($done->{err}, $why, 'and why');
    is($cli->sql('SELECT COUNT(*) FROM apikey'), $count, 'no key came');
}
$cli->conf;

# A new key that could not be shown is revoked; the old one keeps its end.
$old = $cli->create;
$done = $cli->run('rotate', $old->{id}, { stdout => '/dev/full' });
is($done->{exit}, 1, 'rotate into a full disk');
my ($unseen) = $done->{err} =~ /nobody has seen the key (\w{12})/;
is($cli->show($unseen)->{state}, 'revoked', 'the new key is revoked');
is($cli->verify($old->{key}), 'granted', 'the old one works');

# Unknown ids.
for my $command ([qw(set nobody --name x)], [qw(revoke nobody)],
                 [qw(disable nobody)], [qw(enable nobody)],
                 [qw(rotate nobody)], [ 'revoke', lc $old->{id} ],
                 [ 'revoke', "' OR ''='" ], [ 'revoke', '' ]) {
    $done = $cli->run(@$command);
    is($done->{exit}, 1, "not found: @$command");
    like($done->{err}, qr/no key/, 'it says so');
}
is($cli->show($old->{id})->{state}, 'active', 'and nothing was touched');

# Rows of the audit cannot be changed.
my @before = $cli->sql('SELECT * FROM apikey_audit');
for my $sql ("UPDATE apikey_audit SET who = 'nobody'",
             'DELETE FROM apikey_audit') {
    open my $keep, '>&', \*STDERR or die "STDERR: $!\n";
    open STDERR, '>', '/dev/null' or die "STDERR: $!\n";
    my $done = eval { $cli->sql($sql); 1 };
    open STDERR, '>&', $keep or die "STDERR: $!\n";
    ok(!$done, "refused: $sql");
}
is_deeply([ $cli->sql('SELECT * FROM apikey_audit') ], \@before,
          'the audit is as it was');

done_testing;
