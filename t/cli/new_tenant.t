# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# create names a new tenant, and at a terminal asks first; times as people write
# them; names of directives that CONF accepts.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;
use APIKey::Guard qw(slurp directives);

my $cli = APIKey::CLI->new;

# create without a terminal: a new tenant is made and named in a message.
my @new = qw(create --name n -q --tenant);
my $done = $cli->run(@new, 'acme');
is($done->{exit}, 0, 'create without a terminal makes a new tenant');
is($done->{err}, qq(htapikey: the tenant "acme" is new\n),
   'the message says that the tenant is new');
is($cli->run(@new, 'acme')->{err}, '',
   'no message for a tenant that is there already');
$cli->sql("INSERT INTO apikey (digest, id, tenant, name) VALUES ('"
          . ('cd' x 32) . "', 'hand', 'by hand', 'n')");
is($cli->run(@new, 'by hand')->{err}, '',
   'no message for a tenant that has keys and no row of its own');
is($cli->run(@new, 'Acme')->{err}, qq(htapikey: the tenant "Acme" is new\n),
   'names of tenants are compared with upper and lower case');
is($cli->run(@new, 'none', '--expires', '2001-01-01')->{err} =~ /is new/, '',
   'no message about a tenant when no key was made');

# create at a terminal, which script(1) makes, asks first: output and exit
# status.
sub terminal {
    my ($typed, @command) = @_;
    my $words = join ' ', map { "'$_'" } APIKey::CLI::program(), '-f',
                                         $cli->{conf}, @command;
    open my $in, '-|', 'sh', '-c', '(sleep 0.3; printf %s "$0"; sleep 0.3) | '
        . 'script -qec "$1" /dev/null', $typed, $words or die "sh: $!\n";
    my $shown = join '', readline $in;
    close $in;
    return ($shown, $? >> 8);
}
sub tenants { return $cli->sql('SELECT COUNT(*) FROM apikey_tenant') }
my $before = tenants();
for my $no ("n\n", "\n", "nay\n", "\cD") {
    my ($shown, $exit) = terminal($no, @new, 'acmee');
    like($shown, qr/There is no tenant "acmee" yet\..*\[y\/N\]/,
         'at a terminal create asks whether the new tenant is meant');
    like($shown, qr/no key was made/,
         'no key is made after any answer but yes');
    is($exit, 1, 'exit status 1 after any answer but yes');
}
is(tenants(), $before, 'no tenant is made after any answer but yes');
my ($shown, $exit) = terminal("y\n", @new, 'acmee');
is($exit, 0, 'create succeeds after the answer yes') or diag $shown;
like($shown, qr/ak_\w{49}/, 'the key is written after the answer yes');
is(tenants(), $before + 1, 'the tenant is made after the answer yes');
($shown, $exit) = terminal('', @new, 'acmee');
is($exit, 0,
   'create succeeds at a terminal for a tenant that is there') or diag $shown;
unlike($shown, qr/There is no tenant/,
       'create does not ask about a tenant that is there');

# Times for --expires; core_text.c has the other forms.
for my $case ([ '2100-01-01T02:00:00+02:00', qr/^2100-01-01T00:00:00Z$/ ],
              [ '2100-01-01 00:00Z', qr/^2100-01-01T00:00:00Z$/ ],
              [ '3mo', qr/^20/ ], [ 'tomorrow', qr/^20/ ]) {
    like($cli->create(expires => $case->[0])->{expires}, $case->[1],
         "create accepts --expires $case->[0]");
}
$done = $cli->run(@new, 'acme', '--expires', '2100-01-01T00:00:00');
is($done->{exit}, 2, 'exit status 2 for a time of day without an offset');
like($done->{err}, qr/3mo.*tomorrow.*\+01:00/,
     'the message has examples of times');

# CONF accepts every directive of the module, and no other ApiKey name.
my @known = grep { /^ApiKey/ } sort keys %{ directives(slurp('mod_apikey.c')) };
cmp_ok(scalar @known, '>', 20, 'the test has read the names of the directives');
for my $name (@known) {
    $cli->conf("$name x");
    unlike($cli->run('list')->{err}, qr/no directive/, "CONF may have $name");
}
for my $wrong ('ApiKeyPrefx ak', 'apikeyfoo', 'ApiKey x', 'ApiKeyCacheTLL 60') {
    $cli->conf($wrong);
    $done = $cli->run('list');
    is($done->{exit}, 2, "CONF with $wrong is refused");
    my ($name) = $wrong =~ /^(\w+)/;
    like($done->{err}, qr/:4: there is no directive "$name"/,
         "the message has file, line and the name in $wrong");
}

done_testing;
