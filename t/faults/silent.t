# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Established connections do not answer any more while new ones work: a pooler
# hangs, or a firewall has lost its state. The database is asked over new
# connections while the old ones still hang.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::DatabaseSite;
use APIKey::Process qw(descendants wait_until);
use APIKey::Relay;

my $backend = backend('pgsql');
my $relay = APIKey::Relay->new("$backend->{folder}/.s.PGSQL.5432");

# The number of requests that get 503 until one gets 200; undef where none
# does.
sub refused {
    my ($site, $key) = @_;
    my $refused = 0;
    return wait_until(60, sub {
        my $status = $site->status($key);
        $refused++ if $status eq '503';
        return $status eq '200';
    }) ? $refused : undef;
}

# The number of threads of all processes.
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
        # A pool of mod_dbd's needs room for the connections that hang.
        $site->run($way eq 'own' ? () : 'DBDMax 30');
        for my $round (1, 2) {
            my @before = $site->load(8, 0, $key, count => 3);
            is(scalar(grep { $_->[0] ne 200 } @before), 0,
               "200 for all requests in round $round");
            $relay->silence;
            my $refused = refused($site, $key);
            ok(defined $refused, '200 over new connections while the old ones '
               . 'are silent');
            cmp_ok($refused // 0, '>', 0, '503 until then');
        }
        my $hung = threads($site);
        $relay->break;
        ok(wait_until(60, sub { threads($site) < $hung }),
           'threads end when their connections break');
        is(scalar(grep { $_->[0] ne 200 }
                  $site->load(8, 0, $key, count => 3)), 0,
           '200 for all requests after that');
        $site->stop;
        unlike($site->errors, qr/exit signal|Assertion|sending a SIGKILL/,
               'no process crashed or had to be killed');
    };
}

done_testing;
