# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::CacheSite;

# A DatabaseSite (see there) with a cache and several child processes, and
# clients that send requests all the time.
#
#   my $site = APIKey::CacheSite->new($backend, 'own');
#   $site->init;
#   $site->run('ApiKeyRevocationPoll 500');
#   $site->counters->{Hits}                 of the first database
#   $site->counted(sub { … })->{Lookups}    what something has added to them
#   my $watch = $site->watch(12, $key);     12 clients, until …
#   my @seen = $site->seen($watch);         [child, status, began], by time
#   $site->settles($watch, 401, $from, 1);  a test: each child, within 1 s
#   $site->children                         their pids

use strict;
use warnings;

use POSIX ();
use Time::HiRes qw(sleep time);

use parent 'APIKey::DatabaseSite';
use APIKey::Auth qw(key_digest row_of secrets signed_key);
use APIKey::HTTP;
use APIKey::Process qw(wait_until);

our $CHILDREN = 4;

my $CONF = <<"EOF_CONF";
ApiKeyCache shmcb
ApiKeyUsageFlush 10
<IfModule !mpm_prefork_module>
    ServerLimit $CHILDREN
    StartServers $CHILDREN
    ThreadLimit 8
    ThreadsPerChild 8
    MaxRequestWorkers @{[ 8 * $CHILDREN ]}
    MinSpareThreads 1
    MaxSpareThreads @{[ 8 * $CHILDREN ]}
</IfModule>
<Location /server-status>
    SetHandler server-status
    Require all granted
</Location>
LogFormat "%P %>s %{X-At}i" children
CustomLog children_log children env=!no-log
EOF_CONF

sub run {
    my ($self, @lines) = @_;
    return $self->SUPER::run($CONF, @lines);
}

sub counters {
    my ($self) = @_;
    my $text = get($self->port, '/server-status?auto')->{body};
    return { $text =~ /^ApiKey0(\w+): (.*)$/mg };
}

sub counted {
    my ($self, $do) = @_;
    my $before = $self->counters;
    $do->();
    my $after = $self->counters;
    return { map { $_ => $after->{$_} - $before->{$_} }
             grep { $after->{$_} =~ /^\d+$/ } keys %$after };
}

# Waits until all changes made so far have been polled: until, for each database
# whose age in milliseconds the function asks httpd for, a poll that began after
# this call has ended.  The time is taken before httpd is asked, so that a poll
# is at least as young as it seems, however late the answer comes.
sub wait_for_polls {
    my ($ages) = @_;
    my $began = time;
    return wait_until(60, sub {
        my $now = time;
        my @ages = $ages->();
        return @ages && !grep { $_ < 0 || $_ / 1000 >= $now - $began - 0.05 }
                              @ages;
    });
}

sub polled {
    my ($self) = @_;
    return wait_for_polls(sub { $self->counters->{PollAge} });
}

sub children {
    my ($self) = @_;
    open my $in, '<', "/proc/$self->{pid}/task/$self->{pid}/children"
        or return ();
    return split ' ', readline($in) // '';
}

# A key that is in no database yet, and the INSERT for its row.
sub planned_key {
    my ($self, %of) = @_;
    my ($secret) = secrets("$self->{dir}/secret");
    my $text = join '', map { ('a' .. 'z', 0 .. 9)[ rand 36 ] } 1 .. 43;
    my $key = signed_key($secret, "ak_$text");
    my $id = $of{id} //= substr $text, 0, 12;
    return ($key, row_of(key_digest($secret, $key), %of), $id);
}

sub watch {
    my ($self, $clients, $key) = @_;
    my $watch = { end => "$self->{dir}/end." . ++$self->{watches},
                  log => -s "$self->{dir}/children_log" // 0 };
    for (1 .. $clients) {
        my $pid = fork // die "fork: $!\n";
        push(@{ $watch->{pids} }, $pid), next if $pid;
        my @wrong;
        my $parent = getppid;
        until (-e $watch->{end} || getppid != $parent) {
            my $got = eval { get($self->port, '/api/', "X-API-Key: $key",
                                 sprintf 'X-At: %.4f', time) };
            push @wrong, $got ? '' : $@ || 'closed' if !$got;
            sleep 0.005;
        }
        $self->file("$watch->{end}.$$" =~ s{^\Q$self->{dir}\E/}{}r,
                    join "\n", @wrong) if @wrong;
        POSIX::_exit(0);
    }
    return $watch;
}

# Stops the clients.
sub unwatch {
    my ($self, $watch) = @_;
    $self->file($watch->{end} =~ s{^.*/}{}r, '');
    waitpid $_, 0 for @{ delete $watch->{pids} // [] };
    return grep { -s } glob "$watch->{end}.*";
}

sub seen {
    my ($self, $watch) = @_;
    my $text = substr $self->slurp('children_log'), $watch->{log};
    return sort { $a->[2] <=> $b->[2] }
           map { /^(\d+) (\d+) ([\d.]+)$/ ? [ $1, $2, $3 ] : () }
           split /\n/, $text;
}

# A test: from `$within` seconds after a moment on, each child answers with
# this status. Returns how long the last child took.
sub settles {
    my ($self, $watch, $status, $from, $within, $what) = @_;
    sleep 0.01 while time < $from + $within;
    my (%after, @late);
    wait_until(60, sub {
        %after = map { $_->[0] => 1 }
                 my @after = grep { $_->[2] > $from + $within }
                             $self->seen($watch);
        @late = grep { $_->[1] ne $status } @after;
        return @late || (@after > 40 && keys %after >= $self->least);
    });
    Test::More::is(join(' ', map { "$_->[1] by $_->[0]" } @late), '', $what);
    Test::More::cmp_ok(scalar keys %after, '>=', $self->least,
                       "$what: all child processes have answered");
    my ($last) = map { $_->[2] - $from }
                 grep { $_->[1] ne $status && $_->[2] > $from }
                 reverse $self->seen($watch);
    push @{ $self->{took} }, $last // 0;
    $watch->{log} = -s "$self->{dir}/children_log";
    return $last // 0;
}

sub least {
    my ($self) = @_;
    return $self->{run}{mpm} eq 'prefork' ? 6 : $CHILDREN;
}

1;
