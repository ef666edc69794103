# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The command line: help, exit status and message of each mistake, and CONF.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;

my @commands = qw(secret init create list show set revoke disable enable
    rotate verify audit explain);
push @commands, 'scope add', 'scope list', 'scope remove', 'tenant list',
    'tenant suspend', 'tenant resume', 'tenant set';

for my $option (qw(-h --help)) {
    my $done = $cli->run($option);
    is($done->{exit}, 0, "$option ends with exit status 0");
    is($done->{err}, '', "$option writes nothing to standard error");
    like($done->{out}, qr/^  \Q$_\E /m,
         "$option lists the command $_") for @commands;
}
for my $option (qw(-V --version)) {
    my $done = $cli->run($option, { conf => undef });
    is($done->{exit}, 0, "$option ends with exit status 0");
    like($done->{out}, qr/^htapikey \d+\.\d+/, "$option writes the version");
}
my $help = $cli->run('create', '--help');
is($help->{exit}, 0, 'create --help ends with exit status 0');
like($help->{out}, qr/--tenant T --name N/,
     'create --help has the usage of create');
unlike($help->{out}, qr/rotate/, 'create --help has no other command');

# Wrong usage: the arguments, and what the message must have.
my @wrong = (
    [ [], qr/no command/ ],
    [ ['explode'], qr/explode/ ],
    [ ['Create'], qr/Create/ ],
    [ ['scope'], qr/add, list, remove/ ],
    [ ['scope', 'explode'], qr/add, list, remove/ ],
    [ ['tenant'], qr/list, suspend, resume/ ],
    [ ['--explode'], qr/explode/ ],
    [ ['-x', 'list'], qr/x/ ],
    [ ['list', '--explode'], qr/explode/ ],
    [ ['list', '-t', 'acme'], qr/t/ ],
    [ ['list', 'word'], qr/htapikey list/ ],
    [ ['list', '--name', 'x'], qr/name/ ],
    [ ['list', '--tenant'], qr/tenant/ ],
    [ ['list', '--tenant', 'a', '--tenant', 'b'], qr/--tenant.*twice/ ],
    [ ['create'], qr/create --tenant T --name N/ ],
    [ ['create', '--tenant', 'a'], qr/create --tenant T --name N/ ],
    [ ['create', '--name', 'a'], qr/create --tenant T --name N/ ],
    [ ['create', '--tenant', 'a', '--name', 'b', 'ak_key'],
      qr/htapikey create/ ],
    [ ['create', '--tenant', 'a', '--name', 'b', '--expires', 'soon'],
      qr/--expires.*90d/ ],
    [ ['create', '--tenant', 'a', '--name', 'b', '--format', 'rot13'],
      qr/--format.*base62/ ],
    [ ['show'], qr/htapikey show ID/ ],
    [ ['show', 'a', 'b'], qr/htapikey show ID/ ],
    [ ['set', 'a'], qr/at least one/ ],
    [ ['revoke'], qr/wants IDs, or - alone, or --tenant, or --owner/ ],
    [ ['revoke', '-', 'a'], qr/- alone/ ],
    [ ['revoke', 'a', '-'], qr/- alone/ ],
    [ ['revoke', 'a', '--tenant', 'b'], qr/wants IDs/ ],
    [ ['set', 'a', '--scope', 'b', '--add-scope', 'c'], qr/the one or the/ ],
    [ ['list', '--state', 'dead'], qr/--state.*active/ ],
    [ ['list', '--state', 'active|revoked'], qr/--state.*active/ ],
    [ ['list', '--state', ''], qr/--state.*active/ ],
    [ ['list', '--sort', 'colour'], qr/no column "colour".*last_used/ ],
    [ ['list', '--sort', ''], qr/no column ""/ ],
    [ ['list', '--columns', 'id,colour'], qr/no column "colour"/ ],
    [ ['list', '--columns', ''], qr/no column ""/ ],
    [ ['list', '--columns', 'id,'], qr/no column ""/ ],
    [ ['list', '--columns', join(',', ('id') x 30)], qr/twice/ ],
    [ ['list', '--expiring', 'soon'], qr/--expiring.*14d/ ],
    [ ['list', '--expiring', 'never'], qr/--expiring.*14d/ ],
    [ ['list', '--unused', 'soon'], qr/--unused.*90d/ ],
    [ ['audit', '--since', 'soon'], qr/--since.*90d/ ],
    [ ['revoke', '-', 'x'], qr/wants IDs, or - alone/ ],
    [ ['revoke', 'x', '-'], qr/wants IDs, or - alone/ ],
    [ ['help', 'explode'], qr/"explode"/ ],
    [ ['help', 'scope', 'explode'], qr/"scope explode"/ ],
    [ ['help', 'create', 'add'], qr/"create add"/ ],
    [ ['rotate', 'a', '--overlap', 'long'], qr/--overlap.*24h/ ],
    [ ['rotate', 'a', '--overlap', '-1h'], qr/--overlap.*24h/ ],
    [ ['verify', 'ak_key'], qr/htapikey verify/ ],
    [ ['verify', '--scope', 'a', '--scope', 'b'], qr/one --scope/ ],
    [ ['scope', 'add'], qr/scope add NAME/ ],
    [ ['tenant', 'suspend'], qr/tenant suspend TENANT/ ],
);
for my $case (@wrong) {
    my ($arguments, $says) = @$case;
    my $done = $cli->run(@$arguments);
    is($done->{exit}, 2, "exit status 2 for the wrong usage: @$arguments");
    is($done->{out}, '', "nothing on standard output for: @$arguments");
    like($done->{err}, $says, "the message says what is wrong in: @$arguments");
    unlike($done->{err}, qr/^(?!htapikey: )./m,
           "each line of the message begins with htapikey: @$arguments");
}

# Without CONF.
for my $command (@commands) {
    next if $command eq 'secret';
    my @more = $command eq 'create' ? qw(--tenant a --name b)
             : $command eq 'set' ? qw(x --name y)
             : $command eq 'tenant set' ? qw(x --meta a=b)
             : $command =~ /list|init|verify|audit/ ? () : 'x';
    my $done = $cli->run(split(/ /, $command), @more, { conf => undef });
    is($done->{exit}, 2, "$command without CONF ends with exit status 2");
    like($done->{err}, qr/-f CONF.*APIKEY_CONF/,
         "$command without CONF names -f and APIKEY_CONF");
}
is($cli->run('list', { conf => undef, env => { APIKEY_CONF => '' } })->{exit},
   2, 'an empty APIKEY_CONF counts as none');
is($cli->run('list', { conf => undef,
                       env => { APIKEY_CONF => $cli->{conf} } })->{exit},
   0, 'APIKEY_CONF names CONF');
is($cli->run('list', { env => { APIKEY_CONF => '/nowhere' } })->{exit},
   0, '-f has precedence over APIKEY_CONF');
is($cli->run('list', '-f', $cli->{conf}, { conf => '/nowhere' })->{exit}, 0,
   '-f may come after the command, too');
is($cli->run('list', '--json')->{out}, "[]\n",
   '--json may come after the command, too');
my $gone = $cli->run('list', { conf => "$cli->{folder}/none" });
is($gone->{exit}, 2, 'exit status 2 when CONF is not there');
like($gone->{err}, qr{\Q$cli->{folder}\E/none},
     'the message names the CONF that is not there');

# Control characters of an argument are escaped in the message.
my $raw = $cli->run('show', "\e[31mred\r\n");
is($raw->{exit}, 1, 'show of an id with control characters ends with 1');
like($raw->{err}, qr/\\x1B\[31mred\\x0D\\x0A/,
     'the message has the control characters as escapes');

done_testing;
