# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::BenchServer;

# An httpd of a benchmark's on 127.0.0.1, with no more modules than it needs.
#
#   in_order();                       signals end what we have started, too
#   my $server = APIKey::BenchServer->new(folder => $folder, docs => $docs,
#       mpm => 'event', processes => 1, threads => 64,
#       modules => ['auth_basic'], conf => $text);
#   $server->port
#   $server->counters                 of the module's first database
#   $server->counted(sub { … })       what something adds to them
#   $server->cpu                      seconds that its processes have had
#   $server->switches                 how often one of their threads has waited
#   $server->shared                   bytes of memory that they share
#   $server->stop
#
# `command` and `arguments` come before and after httpd's own.  HTTPD and
# APXS in the environment: as for configure.

use strict;
use warnings;

use Exporter qw(import);
use POSIX ();
use Time::HiRes qw(sleep);

use APIKey::Config;
use APIKey::ConfigTest;
use APIKey::HTTP;
use APIKey::Process qw(descendants end_process kill_descendants wait_until);

our @EXPORT_OK = qw(httpd in_order);

my @MODULES = qw(authn_core authz_core authz_user dbd mime socache_shmcb status
                 watchdog unixd);

sub httpd { return $ENV{HTTPD} // '/usr/sbin/apache2' }

# No eval may take the end of the run for a failure of its own.
sub in_order {
    my $parent = $$;
    $SIG{$_} = sub {
        kill_descendants($parent) if $$ == $parent;
        $$ == $parent ? exit 130 : POSIX::_exit(130);
    } for qw(INT TERM HUP ALRM);
}

my $made = 0;

sub new {
    my ($class, %option) = @_;
    my $folder = "$option{folder}/httpd" . ++$made;
    my $self = bless { %option, folder => $folder, owner => $$,
                       port => APIKey::ConfigTest::free_port() }, $class;
    mkdir $folder or die "$folder: $!\n";
    my @user = $> ? () : getpwnam 'nobody';
    chown @user[2, 3], $folder if @user;
    APIKey::Config::load_list("$folder/modules.list",
        { httpd => httpd(), mpm => $self->{mpm} },
        @MODULES, @{ $self->{modules} // [] });
    $self->write_conf(@user ? 'Group ' . getgrgid $user[3] : ());
    $self->start;
    return $self;
}

sub write_conf {
    my ($self, $group) = @_;
    my ($folder, $docs) = @{$self}{qw(folder docs)};
    open my $out, '>', "$folder/httpd.conf" or die "httpd.conf: $!\n";
    print $out <<"EOF_CONF", $self->size, $self->{conf} // '';
Include "$folder/modules.list"
ServerRoot "$folder"
DefaultRuntimeDir "$folder"
Listen 127.0.0.1:$self->{port}
ServerName localhost
@{[ defined $group ? "User nobody\n$group" : '' ]}
PidFile "$folder/pid"
ErrorLog "$folder/error_log"
LogLevel warn
TypesConfig /dev/null
DocumentRoot "$docs"
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
ExtendedStatus Off
<Directory "$docs">
    Require all granted
</Directory>
<Location /status>
    SetHandler server-status
</Location>
EOF_CONF
    close $out or die "httpd.conf: $!\n";
}

# As many processes as are asked for, from beginning to end.
sub size {
    my ($self) = @_;
    my $processes = $self->{processes} or return '';
    my $all = $processes * $self->{threads};
    return <<"EOF_CONF";
ServerLimit $processes
StartServers $processes
ThreadLimit $self->{threads}
ThreadsPerChild $self->{threads}
MaxRequestWorkers $all
MinSpareThreads 1
MaxSpareThreads $all
EOF_CONF
}

sub start {
    my ($self) = @_;
    $self->{pid} = fork // die "fork: $!\n";
    if (!$self->{pid}) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$self->{folder}/said";
        open STDERR, '>&', \*STDOUT;
        exec qw(setpriv --pdeathsig TERM), @{ $self->{command} // [] },
            httpd(), '-f', "$self->{folder}/httpd.conf",
            @{ $self->{arguments} // ['-DFOREGROUND'] } or POSIX::_exit(127);
    }
    # Up, and its first look for changes, without which nothing is cached, is
    # over.
    for (1 .. 600) {
        my $said = eval { get($self->{port}, '/status?auto')->{body} } // '';
        return if $said =~ /Scoreboard/ && $said !~ /PollAge: -/;
        last if waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
        sleep 0.1;
    }
    die 'httpd did not start: ', map { slurp("$self->{folder}/$_") }
        qw(said error_log);
}

sub slurp {
    my ($file) = @_;
    open my $in, '<', $file or return '';
    local $/;
    return readline($in) // '';
}

sub port { return $_[0]{port} }

sub counters {
    my ($self) = @_;
    return { get($self->{port}, '/status?auto')->{body}
             =~ /^ApiKey0(\w+): (\d+)$/mg };
}

sub counted {
    my ($self, $do) = @_;
    my $before = $self->counters;
    $do->();
    my $after = $self->counters;
    return { map { $_ => $after->{$_} - ($before->{$_} // 0) } keys %$after };
}

sub cpu {
    my ($self) = @_;
    my $ticks = 0;
    for my $pid ($self->{pid}, descendants($self->{pid})) {
        my @fields = split ' ', slurp("/proc/$pid/stat") =~ s/.*\)//sr;
        $ticks += $fields[11] + $fields[12] if @fields > 12;
    }
    return $ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

sub switches {
    my ($self) = @_;
    my $sum = 0;
    for my $pid (descendants($self->{pid})) {
        $sum += $_ for map { slurp($_) =~ /^voluntary_ctxt_switches:\s+(\d+)/m }
                       glob "/proc/$pid/task/*/status";
    }
    return $sum;
}

# Whether they have touched it or not: scoreboard, caches, mutexes.
sub shared {
    my ($self) = @_;
    my ($child) = descendants($self->{pid});
    my $maps = slurp("/proc/$child/maps");
    my $sum = 0;
    # Addresses are longer than 32 bits.
    no warnings 'portable';
    $sum += hex($2) - hex $1
        while $maps =~ m{^(\w+)-(\w+) rw-s .*/dev/zero}mg;
    return $sum;
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    # httpd -X misses a signal that comes just before it waits.
    for (1 .. 30) {
        kill TERM => $pid;
        return if wait_until(1, sub { waitpid($pid, POSIX::WNOHANG()) });
    }
    end_process($pid, 0);
    die "httpd did not stop within 30 s.\n";
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $@);
    eval { $self->stop } if $self->{owner} == $$;
}

1;
