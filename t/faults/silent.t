# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Established connections say nothing any more, new ones are as they should be:
# a pooler that hangs, a firewall that has forgotten them.  The database is
# asked again over new ones, though the old ones stay as they are.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::DatabaseSite;
use APIKey::Process qw(descendants wait_until);
use APIKey::Relay;
use Time::HiRes qw(sleep);

my $backend = backend('pgsql');
my $relay = APIKey::Relay->new("$backend->{folder}/.s.PGSQL.5432");

# Requests without an answer of the database until there is one; each of them
# waits for 1.5 seconds, or the breaker is open for half a second.
my $MOST = 40;

sub refused {
    my ($site, $key) = @_;
    my $refused = 0;
    while ($refused < $MOST && $site->status($key) eq '503') {
        $refused++;
        sleep 0.1;
    }
    return $refused;
}

# Of all its processes.
sub threads {
    my ($site) = @_;
    return scalar map { glob "/proc/$_/task/*" } descendants($site->{pid});
}

for my $way (@APIKey::DatabaseSite::WAYS) {
    subtest $way => sub {
        my $site = APIKey::DatabaseSite->new($backend, $way);
        $site->{mpm} = 'event';
        $site->init;
        my $key = $site->create;
        s/host=\S+/"host=127.0.0.1 port=" . $relay->port
                   . ' sslmode=disable gssencmode=disable'/e
            for @{ $site->{lines} };
        # A pool of mod_dbd's must have room for those that hang.
        $site->run($way eq 'own' ? () : 'DBDMax 30');
        for my $round (1, 2) {
            my @before = $site->load(8, 0, $key, count => 3);
            is(scalar(grep { $_->[0] ne 200 } @before), 0, 'all is well');
            $relay->silence;
            my $refused = refused($site, $key);
            cmp_ok($refused, '>', 0, 'connections are silent: 503');
            cmp_ok($refused, '<', $MOST, 'and no longer, over new ones');
        }
        my $hung = threads($site);
        $relay->break;
        ok(wait_until(20, sub { threads($site) < $hung }),
           'the old ones break: their threads end');
        is(scalar(grep { $_->[0] ne 200 }
                  $site->load(8, 0, $key, count => 3)), 0, 'all is well');
        $site->stop;
        unlike($site->errors, qr/exit signal|Assertion|sending a SIGKILL/,
               'in order');
    };
}

done_testing;
