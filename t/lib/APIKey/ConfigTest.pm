# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::ConfigTest;

# A site of a test's own: a folder with a secret, a database and documents,
# what `httpd -t` says of configurations for it, and an httpd that runs one.
#
#   my $site = APIKey::ConfigTest->new;
#   my $said = $site->check($conf, without => ['dbd']);
#   $said->{ok}, $said->{text}
#   $site->file('ring', "s1 …\n", 0600);     its path
#   $site->start($conf);                     on $site->port
#   my $key = $site->create(qw(--scope a:b));
#   $site->slurp('error_log'), $site->leaks($key)
#   $site->stop;
#
# new(mpm => 'prefork') has that MPM instead of the run's.
# new(ahead => 1) loads mod_apikey ahead of all other modules;
# new(above => $lines) has these lines, LoadModule of others, above ours.
# new(bare => 1) does not load ours.
#
# In a configuration, @DIR@ is the site's folder, @DOCS@ its documents and
# @DATABASE@ the lines for its secret file and database.  All of it goes with
# the run's own folder.

use strict;
use warnings;

use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep);

use APIKey::Check;
use APIKey::Instrument;
use APIKey::Keys qw(remember_key);
use APIKey::Logs qw(key_pattern);
use APIKey::Process qw(end_process wait_until);

# The status page with the counters, for sites where all else needs a key.
our $STATUS_PAGE = <<'EOF_CONF';
<Location "/server-status">
    SetHandler server-status
    AuthType None
    Require all granted
</Location>
EOF_CONF

sub new {
    my ($class, %more) = @_;
    my $run = APIKey::Test::run_info();
    my $dir = tempdir("$run->{stage}/own/site.XXXXXX", CLEANUP => 0);
    my $self = bless { dir => $dir, run => $run, owner => $$,
                       db => "$dir/db/keys.db", user => $run->{user},
                       %more }, $class;
    make_path("$dir/docs", "$dir/db");
    chmod 0755, $dir;
    # Another user than the run's has reports to write, too.
    chmod 01777, map { "$run->{stage}/$_" } qw(logs state)
        if $self->{user} ne $run->{user};
    chomp(my $secret = `'$ENV{HTAPIKEY}' secret`);
    $self->file('secret', "$secret\n", 0600);
    $self->file('docs/index.html', "A page.\n");
    $self->file('cli.conf', $self->database_lines);
    $self->init;
    return $self;
}

# Makes the database; httpd's user writes to it and to the folder around it.
sub init {
    my ($self) = @_;
    $self->htapikey('init');
    my @user = getpwnam $self->{user};
    chown @user[2, 3], "$self->{dir}/db", glob "$self->{db}*" unless $>;
}

# What a command prints; a failure ends the test.
sub htapikey {
    my ($self, @arguments) = @_;
    open my $out, '-|', $ENV{HTAPIKEY}, '-f', "$self->{dir}/cli.conf",
        @arguments or die "$ENV{HTAPIKEY}: $!\n";
    my $text = do { local $/; <$out> } // '';
    close $out or die "htapikey @arguments failed.\n";
    return $text;
}

# A key of acme's; further arguments are those of create.
sub create {
    my ($self, @arguments) = @_;
    chomp(my $key = $self->htapikey(qw(create -q --tenant acme --name site),
                                    @arguments));
    remember_key($key);
    return $key;
}

sub database_lines {
    my ($self) = @_;
    return qq(DBDriver sqlite3\nDBDParams "$self->{db}"\n)
         . qq(ApiKeySecretFile "$self->{dir}/secret"\n);
}

sub file {
    my ($self, $name, $text, $mode) = @_;
    my $path = "$self->{dir}/$name";
    make_path($path =~ s{/[^/]+$}{}r);
    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
    chmod $mode // 0644, $path;
    return $path;
}

sub fill {
    my ($self, $conf) = @_;
    my $dir = $self->{dir};
    my %fill = (DIR => $dir, DOCS => "$dir/docs",
                DATABASE => $self->database_lines);
    $conf =~ s/\@(DIR|DOCS|DATABASE)\@/$fill{$1}/g;
    return qq(DocumentRoot "$dir/docs"\n$conf\n);
}

# Options are check_config()'s. Under valgrind one in ten checks is made: each
# takes two seconds there, nearly all of it httpd's own start.
sub check {
    my ($self, $conf, %option) = @_;
    local $ENV{APIKEY_TEST_VALGRIND} = $ENV{APIKEY_TEST_VALGRIND};
    delete $ENV{APIKEY_TEST_VALGRIND} if $self->{checks}++ % 10;
    my $done = check_config($self->fill($conf), %option);
    return { ok => $done->{exit} == 0, text => $done->{out} };
}

# A line of LoadModule, for the MPM that a test wants.
sub other_mpm {
    my ($mpm, $line) = @_;
    return $line if !$mpm;
    return '' if $mpm eq 'prefork' && $line =~ /http2_module/;
    return $line =~ s/mpm_(?:event|worker|prefork)/mpm_$mpm/gr;
}

sub write_conf {
    my ($self, $conf) = @_;
    my ($run, $dir) = @{$self}{qw(run dir)};
    open my $in, '<', "$run->{stage}/conf/modules.list"
        or die "modules.list: $!\n";
    my $modules = join '', map { other_mpm($self->{mpm}, $_) } <$in>;
    my $user = $> ? '' : "User $self->{user}\n"
        . 'Group ' . getgrgid((getpwnam $self->{user})[3]);
    my @load = ($modules, $self->{above} // '', $self->{bare} ? ''
                : qq(LoadModule apikey_module "$run->{module}"\n));
    @load = reverse @load if $self->{ahead};
    $self->file('httpd.conf', <<"EOF" . $self->fill($conf));
@{[ join '', @load ]}
# Each request asks the database, unless a test wants it otherwise.
<IfModule mod_apikey.c>
    ApiKeyCache off
    ApiKeyUsageFlush off
</IfModule>
ServerRoot "$dir"
ServerName 127.0.0.1
Listen 127.0.0.1:$self->{port}
$user
PidFile "$dir/pid"
DefaultRuntimeDir "$dir"
ErrorLog "$dir/error_log"
LogLevel trace8
LogFormat "%r %>s key=%{X-API-Key}i auth=%{Authorization}i" all
CustomLog "$dir/access_log" all
TypesConfig /dev/null
StartServers 1
ServerLimit 8
<IfModule !mpm_prefork_module>
    ServerLimit 1
    ThreadsPerChild 8
    MaxRequestWorkers 8
</IfModule>
<Directory "$dir/docs">
    Require all granted
</Directory>
EOF
}

sub start {
    my ($self, $conf) = @_;
    $self->{port} = free_port();
    $self->write_conf($conf);
    my ($logs, $state) = map { "$self->{run}{stage}/$_" } qw(logs state);
    my @command = (APIKey::Instrument::command($logs), $self->{run}{httpd},
                   '-d', $self->{dir}, '-f', "$self->{dir}/httpd.conf",
                   '-D', 'FOREGROUND');
    $self->{pid} = fork // die "fork: $!\n";
    if (!$self->{pid}) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        POSIX::setsid();
        open STDOUT, '>', "$self->{dir}/said";
        open STDERR, '>&', \*STDOUT;
        APIKey::Instrument::httpd_environment($logs, $state);
        $self->set_environment;
        exec @command or POSIX::_exit(127);
    }
    my $ended;
    my $up = wait_until(60, sub {
        return 1 if IO::Socket::INET->new(
            PeerAddr => "127.0.0.1:$self->{port}");
        return $ended = waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
    });
    return $self if $up && !$ended;
    delete $self->{pid} if $ended;
    die "httpd did not start: ", $self->slurp('said'),
        $self->slurp('error_log') =~ s/^.*:trace\d\].*\n//mgr, "\n";
}

# {environment} of a site is for its httpd alone; what its instrument preloads
# comes first.
sub set_environment {
    my ($self) = @_;
    my %more = %{ $self->{environment} // {} };
    $ENV{$_} = $_ eq 'LD_PRELOAD' ? join ' ', grep { length }
                                    $ENV{$_} // '', $more{$_}
                                  : $more{$_} for keys %more;
}

# Neither one of those that the system gives to outgoing connections, which could
# take it while httpd restarts, nor one of the run's own (APIKey::Config).
my ($FIRST_PORT, $PORTS) = (30_000, 2700);
my $asked = 0;

sub free_port {
    for (1 .. $PORTS) {
        my $port = $FIRST_PORT + ($$ * 31 + $asked++) % $PORTS;
        return $port if IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port",
                                              Listen => 1, ReuseAddr => 1);
    }
    die "no port from $FIRST_PORT on is free.\n";
}

sub port { return $_[0]{port} }

# Stops httpd with SIGTERM.  A child of the event MPM then closes the sockets of
# its threads' connections without a lock, and crashes if a thread is just
# freeing its connection (httpd 2.4.71, close_worker_sockets() in event.c; seen
# in a core).  The last client may have its answer before the thread has done
# so, hence the pause; httpd offers nothing that could be waited for.
sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    sleep 0.15;
    defined end_process($pid, 120) or die "httpd did not stop within 120 s.\n";
}

sub slurp {
    my ($self, $name) = @_;
    open my $in, '<:raw', "$self->{dir}/$name" or return '';
    local $/;
    return scalar(<$in>) // '';
}

# The lines of its logs that hold one of these keys.
sub leaks {
    my ($self, @keys) = @_;
    my $pattern = key_pattern(@keys);
    return join '', grep { /$pattern/ }
           map { split /^/, $self->slurp($_) } qw(error_log access_log said);
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $@);
    eval { $self->stop } if $self->{owner} == $$;
}

1;
