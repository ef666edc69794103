# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Standby;

# A replica of an APIKey::Postgres, by streaming replication: read-only, and it
# lags while the test has it paused.
#
#   my $replica = APIKey::Standby->new($primary);    once tables are made
#   $replica->pause;                                 nothing is replayed
#   $replica->resume; $replica->catch_up;            up to what the primary has
#   my $pool = APIKey::Standby::pool($primary);      a folder for host=
#   $pool->leads_to($replica);                       connections from now on
#
# A pool is a symbolic link to a server's socket: a new connection goes to the
# server that it points to then, and stays there.

use strict;
use warnings;
use parent -norequire, 'APIKey::Postgres';

use File::Temp ();

use APIKey::Postgres;
use APIKey::Process qw(wait_until);

sub new {
    my ($class, $primary) = @_;
    my $temp = File::Temp->newdir('akpg-XXXXXX', TMPDIR => 1);
    my $folder = $temp->dirname;
    my $self = bless { %$primary, temp => $temp, folder => $folder,
                       pid => undef, primary => $primary }, $class;
    if ($> == 0) {
        chown +(getpwnam 'nobody')[2, 3], $folder or die "$folder: $!\n";
    }
    chmod 0711, $folder;
    $self->command(APIKey::Postgres::program('pg_basebackup'), '-R',
                   qw(-U postgres -c fast -X stream --no-sync),
                   '-h', $primary->{folder}, '-D', "$folder/data");
    $self->start;
    return $self;
}

sub pause {
    my ($self) = @_;
    $self->sql('SELECT pg_wal_replay_pause()');
    wait_until(60, sub {
        $self->sql('SELECT pg_get_wal_replay_pause_state()') eq 'paused';
    }) or die "the replica does not pause\n";
}

sub resume { $_[0]->sql('SELECT pg_wal_replay_resume()') }

sub catch_up {
    my ($self) = @_;
    my $goal = $self->{primary}->sql('SELECT pg_current_wal_lsn()');
    wait_until(60, sub {
        $self->sql("SELECT pg_last_wal_replay_lsn() >= '$goal'") eq 't';
    }) or die "the replica does not catch up\n";
}

sub pool {
    my ($server) = @_;
    my $temp = File::Temp->newdir('akpool-XXXXXX', TMPDIR => 1);
    chmod 0711, $temp->dirname;
    my $pool = bless { temp => $temp, folder => $temp->dirname },
                     'APIKey::Standby::Pool';
    $pool->leads_to($server);
    return $pool;
}

package APIKey::Standby::Pool;

my $SOCKET = '.s.PGSQL.5432';

sub leads_to {
    my ($self, $server) = @_;
    symlink "$server->{folder}/$SOCKET", "$self->{folder}/new"
        and rename "$self->{folder}/new", "$self->{folder}/$SOCKET"
        or die "$self->{folder}: $!\n";
}

1;
