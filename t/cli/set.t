# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey set, revoke, disable, enable and rotate, and their entries in the
# audit.

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

# set changes what is given, and the audit records the old values.
my $key = $cli->create(name => 'old', scope => 'a:b');
my $id = $key->{id};
my $done = $cli->run('set', $id, '--name', 'new "x"', '--scope', 'c',
                     '--scope', 'd:*', '--expires', '10d', '--env', 'test');
is($done->{exit}, 0, 'set of name, scopes, end and env succeeds');
like($done->{out}, qr/$id.*new "x".*active/,
     'set writes the new name and the state');
my $now = $cli->show($id);
is($now->{name}, 'new "x"', 'set stores the name');
is(join(' ', @{ $now->{scopes} }), 'c d:*', 'set replaces all scopes');
is($now->{env}, 'test', 'set stores the env');
near(epoch($now->{expires}), time + 10 * $day,
     '--expires 10d of set counts from now');
my $last = (audited($id))[-1];
is($last->{action}, 'set', 'the audit has the action set');
is_deeply($last->{was}, { name => 'old', scopes => ['a:b'], env => 'live',
                          expires => $key->{expires} },
          'the audit has the old values');
is_deeply($last->{now}, { name => 'new "x"', scopes => [qw(c d:*)],
                          env => 'test', expires => $now->{expires} },
          'the audit has the new values');
is($cli->verify($key->{key}, '--scope', 'd:x'), 'granted',
   'the key itself stays the same');
$cli->run('set', $id, '--name', 'alone');
is($cli->show($id)->{env}, 'test', 'set --name leaves the env as it was');
my $entries = audited($id);
is($cli->run('set', $id, '--name', 'alone')->{exit}, 0,
   'set of the name that the key has succeeds');
is(scalar audited($id), $entries,
   'set of the name that the key has leaves no entry in the audit');
is($cli->json('set', $id, '--name', 'json')->{name}, 'json',
   'JSON of set has the new name');
for my $bad ([ '--name', '' ], [ '--name', "a\nb" ], [ '--env', 'a b' ],
             [ '--scope', 'a b' ], [ '--scope', 'a*' ],
             [ '--expires', '2001-01-01' ]) {
    $done = $cli->run('set', $id, @$bad);
    is($done->{exit}, 1, "set refuses @$bad" =~ s/\n/?/r);
    like($done->{err}, qr/^htapikey: \w+/,
         "the message is a sentence for a wrong $bad->[0]");
}
is($cli->run('set', $id, '--expires', 'soon')->{exit}, 2,
   'exit status 2 for an --expires that is no time');
$cli->conf('ApiKeyLifetime 90d max=100d');
is($cli->run('set', $id, '--expires', 'never')->{exit}, 1,
   'set refuses --expires never when ApiKeyLifetime has a max');
is($cli->run('set', $id, '--expires', '101d')->{exit}, 1,
   'set refuses --expires after the max of ApiKeyLifetime');
is($cli->run('set', $id, '--expires', '99d')->{exit}, 0,
   'set accepts --expires before the max of ApiKeyLifetime');
$cli->sql("UPDATE apikey SET created = created - 50 * $day WHERE id = '$id'");
is($cli->run('set', $id, '--expires', '99d')->{exit}, 1,
   'the max of ApiKeyLifetime counts from the time the key was made');
is($cli->run('set', $id, '--expires', '49d')->{exit}, 0,
   'set accepts an end within the max since the key was made');
$cli->conf;

$cli->run(qw(scope add c));
is($cli->run('set', $id, '--scope', 'e')->{exit}, 1,
   'set refuses a scope that the catalogue does not have');
is($cli->run('set', $id, '--scope', 'c')->{exit}, 0,
   'set accepts a scope of the catalogue');
is($cli->run('set', $id, '--name', 'still')->{exit}, 0,
   'set without --scope succeeds when there is a catalogue');
$cli->run(qw(scope remove c));

# disable and enable: a key is not granted between them.
is($cli->verify($key->{key}), 'granted', 'the key is granted before disable');
$done = $cli->run('disable', $id);
is($done->{exit}, 0, 'disable succeeds');
like($done->{out}, qr/disabled/, 'disable says that the key is disabled');
is($cli->verify($key->{key}), 'disabled',
   'verify answers disabled after disable');
is($cli->run('disable', $id)->{exit}, 0, 'a second disable succeeds');
is($cli->run('enable', $id)->{exit}, 0, 'enable succeeds');
is($cli->verify($key->{key}), 'granted', 'the key is granted after enable');
is($cli->run('enable', $id)->{exit}, 0, 'a second enable succeeds');
is(join(' ', map { $_->{action} } (audited($id))[-2, -1]), 'disable enable',
   'the audit has disable and enable once each');

# rotate makes a key like the old one, which ends after the overlap.
sub rotated {
    my ($old, @option) = @_;
    my @in = ('--keyspace', $old->{keyspace});
    my $new = $cli->json('rotate', $old->{id}, @in, @option);
    return ($new, $cli->json('show', $old->{id}, @in));
}
my $old = $cli->create(name => 'r', scope => [qw(a:b c)], env => 'test',
                       keyspace => 'ks', prefix => 'rot', expires => '30d');
my ($new, $ended) = rotated($old);
is($new->{$_}, $old->{$_}, "the new key has the same $_")
    for qw(tenant name env keyspace prefix format);
is_deeply($new->{scopes}, $old->{scopes}, 'the new key has the same scopes');
isnt($new->{id}, $old->{id}, 'the new key has another id');
like($new->{key}, qr/^rot_\w{49}$/, 'the new key has the same prefix and form');
near(epoch($ended->{expires}), time + $day,
     'the old key ends after a day by default');
near(epoch($new->{expires}), time + 30 * $day,
     'the new key lives as long as the old one did');
($new, $ended) = rotated($new, '--overlap', '2h');
near(epoch($ended->{expires}), time + 7200,
     '--overlap 2h ends the old key after two hours');
my $short = $cli->create(expires => '1h');
($new, $ended) = rotated($short);
is($ended->{expires}, $short->{expires},
   'the overlap does not make the life of the old key longer');
near(epoch($new->{expires}), time + 3600,
     'the new key of a key for one hour lives for an hour');
($new, $ended) = rotated($cli->create(expires => 'never'), '--overlap', '7d');
near(epoch($ended->{expires}), time + 7 * $day,
     '--overlap 7d gives a key without an end one');
is($new->{expires}, undef, 'the new key of a key without an end has none');
($new, $ended) = rotated($new, '--overlap', '0s');
is($ended->{state}, 'expired', '--overlap 0s ends the old key at once');
is($cli->verify($new->{key}), 'granted', 'the new key is granted');
my $quiet = $cli->run('rotate', $new->{id}, '-q');
like($quiet->{out}, qr/^ak_\w{49}\n\z/,
     'rotate -q writes the new key and nothing else');
my $human = $cli->create;
$done = $cli->run('rotate', $human->{id});
like($done->{out}, qr/$human->{id} ends 20\S+Z.*^key +ak_\w{49}$/ms,
     'the text of rotate has the end of the old key, and the new key');
is($cli->verify($human->{key}), 'granted',
   'the old key is granted until its end');
is($cli->verify($done->{out} =~ /^key +(\w+)/m), 'granted',
   'the new key is granted before the old one has ended');
my @trail = audited($human->{id});
is($trail[-1]{action}, 'rotate', 'the audit has the action rotate');
like($trail[-1]{reason}, qr/replaced by \w{12}/,
     'the audit has the id of the new key');
is_deeply([ @{ $trail[-1] }{qw(was now)} ],
          [ map { { expires => $_->{expires} } } $human,
            $cli->show($human->{id}) ],
          'the audit has the old and the new end of the old key');
$cli->conf('ApiKeyLifetime 20d max=20d');
($new) = rotated($cli->show($done->{out} =~ /^id +(\w+)/m));
near(epoch($new->{expires}), time + 20 * $day,
     'the new key does not live longer than the max of ApiKeyLifetime');
$cli->conf;

# revoke is final.
$done = $cli->run('revoke', $id, '--reason', 'seen in a chat');
is($done->{exit}, 0, 'revoke succeeds');
like($done->{out}, qr/revoked/, 'revoke says that the key is revoked');
is($cli->verify($key->{key}), 'revoked', 'verify answers revoked after revoke');
is($cli->show($id)->{reason}, 'seen in a chat',
   'show has the reason of the revocation');
my $when = $cli->show($id)->{revoked};
is($cli->run('revoke', $id, '--reason', 'again')->{exit}, 0,
   'a second revoke succeeds');
is($cli->show($id)->{reason}, 'seen in a chat',
   'the reason of the first revocation stays');
is($cli->run('revoke', $cli->create->{id}, '--reason', "a\nb")->{exit}, 1,
   'revoke refuses a reason with a line end');
for my $command ([qw(disable)], [qw(enable)], [qw(set --name x)],
                 [qw(rotate)]) {
    $done = $cli->run($command->[0], $id, @$command[1 .. $#$command]);
    is($done->{exit}, 1, "$command->[0] is refused for a revoked key");
    like($done->{err}, qr/revoked/,
         "the message of $command->[0] says that the key is revoked");
}

# Keys that rotate refuses.
my %dead = (disabled => 'disabled = 1', expired => 'expires = 1',
            imported => "format = 'opaque'");
for my $why (sort keys %dead) {
    my $made = $cli->create;
    $cli->sql("UPDATE apikey SET $dead{$why} WHERE id = '$made->{id}'");
    my $count = $cli->sql('SELECT COUNT(*) FROM apikey');
    $done = $cli->run('rotate', $made->{id});
    is($done->{exit}, 1, "rotate refuses a key that is $why");
    like($done->{err}, qr/$why/,
         "the message of rotate says that the key is $why");
    is($cli->sql('SELECT COUNT(*) FROM apikey'), $count,
       "no key is made for a key that is $why");
}

# rotate makes no key that the server would refuse.
$old = $cli->create;
for (['ApiKeyPrefix acme', qr/it begins with no ApiKeyPrefix/],
     ['ApiKeyFormat hex64', qr/none of the forms that ApiKeyFormat/]) {
    my ($line, $why) = @$_;
    $cli->conf($line);
    my $count = $cli->sql('SELECT COUNT(*) FROM apikey');
    $done = $cli->run('rotate', $old->{id});
    is($done->{exit}, 1, "rotate is refused with $line");
    like($done->{err}, $why, "the message has the reason with $line");
    is($cli->sql('SELECT COUNT(*) FROM apikey'), $count,
       "no key is made with $line");
}
$cli->conf;

# A new key that could not be written is revoked; the old one ends as it would
# have.
$old = $cli->create;
$done = $cli->run('rotate', $old->{id}, { stdout => '/dev/full' });
is($done->{exit}, 1,
   'exit status 1 of rotate when the new key cannot be written');
my ($unseen) = $done->{err} =~ /the key (\w{12}) was not shown/;
is($cli->show($unseen)->{state}, 'revoked',
   'a new key that was not written is revoked');
is($cli->verify($old->{key}), 'granted',
   'the old key is granted after a rotate that failed');

# Ids that are not in the database.
for my $command ([qw(set nobody --name x)], [qw(revoke nobody)],
                 [qw(disable nobody)], [qw(enable nobody)],
                 [qw(rotate nobody)], [ 'revoke', lc $old->{id} ],
                 [ 'revoke', "' OR ''='" ], [ 'revoke', '' ]) {
    $done = $cli->run(@$command);
    is($done->{exit}, 1, "exit status 1 for an unknown id: @$command");
    like($done->{err}, qr/no key/,
         "the message says that there is no such key: @$command");
}
is($cli->show($old->{id})->{state}, 'active',
   'commands with unknown ids have changed no other key');

# Entries of the audit cannot be changed or deleted.
my @before = $cli->sql('SELECT * FROM apikey_audit');
for my $sql ("UPDATE apikey_audit SET who = 'nobody'",
             'DELETE FROM apikey_audit') {
    open my $keep, '>&', \*STDERR or die "STDERR: $!\n";
    open STDERR, '>', '/dev/null' or die "STDERR: $!\n";
    my $done = eval { $cli->sql($sql); 1 };
    open STDERR, '>&', $keep or die "STDERR: $!\n";
    ok(!$done, "the database refuses: $sql");
}
is_deeply([ $cli->sql('SELECT * FROM apikey_audit') ], \@before,
          'the audit has the same entries as before');

done_testing;
