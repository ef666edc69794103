# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Established connections do not answer any more, new ones work: a pooler that
# hangs, or a firewall that has lost its state.  The database is asked again over
# new connections while the old ones still hang.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::DatabaseSite;
use APIKey::Process qw(descendants wait_until);
use APIKey::Relay;

my $backend = backend('pgsql');
my $relay = APIKey::Relay->new("$backend->{folder}/.s.PGSQL.5432");

# How many requests have no answer of the database until one has; undef where
# none ever has.
sub refused {
    my ($site, $key) = @_;
    my $refused = 0;
    return wait_until(60, sub {
        my $status = $site->status($key);
        $refused++ if $status eq '503';
        return $status eq '200';
    }) ? $refused : undef;
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
            ok(defined $refused, 'connections are silent: over new ones there '
               . 'are answers, while the old ones stay silent');
            cmp_ok($refused // 0, '>', 0, 'and until then 503');
        }
        my $hung = threads($site);
        $relay->break;
        ok(wait_until(60, sub { threads($site) < $hung }),
           'the old ones break: their threads end');
        is(scalar(grep { $_->[0] ne 200 }
                  $site->load(8, 0, $key, count => 3)), 0, 'all is well');
        $site->stop;
        unlike($site->errors, qr/exit signal|Assertion|sending a SIGKILL/,
               'in order');
    };
}

done_testing;
