# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Server;

# httpd under test, the proxied application beside it, and the folder that
# they are served from: a copy of what they need under the temporary folder,
# because a checkout may lie where httpd's user must not go (/root), and
# because a ScriptSock has a short path.  The logs come back to t/logs of the
# build folder when all is over.

use strict;
use warnings;

use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use File::Spec ();
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();

use APIKey::Config;
use APIKey::Instrument;
use APIKey::Process qw(end_process may_enter wait_until);

sub new {
    my ($class, $suite) = @_;
    my $self = bless { suite => $suite }, $class;
    for my $made (qw(htapikey .libs/mod_apikey.so)) {
        die "$suite->{build}/$made is not there; run make first.\n"
            unless -e "$suite->{build}/$made";
    }
    $self->{user} = $> ? scalar getpwuid($>) : 'nobody';
    die "There is no user nobody, whom httpd could run as.\n"
        unless defined getpwnam $self->{user};
    $self->{stage} = $self->make_stage;
    return $self;
}

# 0755 and owned by us; what httpd writes to belongs to its user.
sub make_stage {
    my ($self) = @_;
    my $tmp = File::Spec->tmpdir;
    my $stage = tempdir('apikey-t.XXXXXX', DIR => $tmp, CLEANUP => 0);
    chmod 0755, $stage;
    $self->{stage} = $stage;
    my @user = getpwnam $self->{user};
    die "$self->{user} cannot enter $tmp; say TMPDIR=FOLDER of one where "
        . "everybody may.\n" unless may_enter($stage, $self->{user});
    my $t = "$self->{suite}{source}/t";
    make_path("$stage/t/conf");
    $self->copy_tree("$t/htdocs", "$stage/t/htdocs");
    copy($_, "$stage/t/conf/") for glob "$t/conf/*.in";
    for my $area (map { m{([^/]+)/$} } glob "$t/*/") {
        next if $area eq 'conf';
        for my $in (glob "$t/$area/*.conf.in") {
            my ($name) = $in =~ m{([^/]+)$};
            copy($in, "$stage/t/conf/$area-$name") or die "$in: $!\n";
        }
        $self->copy_tree("$t/$area/htdocs", "$stage/t/htdocs/$area")
            if -d "$t/$area/htdocs";
    }
    for my $folder (qw(logs state)) {
        make_path("$stage/t/$folder");
        chown @user[2, 3], "$stage/t/$folder" unless $>;
    }
    # Files that httpd's user must not be able to replace: secrets, CONF files.
    make_path("$stage/t/own");
    return $stage;
}

# Like cp -R, with modes that let httpd's user read, whatever the umask is.
sub copy_tree {
    my ($self, $from, $to) = @_;
    make_path($to);
    opendir my $dir, $from or die "$from: $!\n";
    for my $name (grep { !/^\.\.?$/ } readdir $dir) {
        if (-d "$from/$name") {
            $self->copy_tree("$from/$name", "$to/$name");
            next;
        }
        copy("$from/$name", "$to/$name") or die "$from/$name: $!\n";
        # A script is known by its name: in an archive or on another file
        # system the mode may be lost.
        chmod $name =~ /\.(?:cgi|pl|sh)$/ ? 0755 : 0644, "$to/$name";
    }
}

sub start {
    my ($self) = @_;
    my ($suite, $stage) = @{$self}{qw(suite stage)};
    my $config = APIKey::Config->make($suite, $stage, $self->{user});
    my $vars = $self->{vars} = $config->{vars};
    chdir $stage or die "$stage: $!\n";
    $config->generate_httpd_conf;
    $config->save;
    $self->note_run($config);
    $self->make_databases;
    $self->start_app;
    $self->start_httpd($config);
}

# The facts that the tests need, in their environment and in one JSON file.
sub note_run {
    my ($self, $config) = @_;
    my $hosts = $config->{vhosts};
    my %note = (
        mpm   => $self->{suite}{mpm},
        user  => $self->{user},
        httpd => $self->{vars}{httpd},
        module => "$self->{suite}{build}/.libs/mod_apikey.so",
        stage => "$self->{stage}/t",
        ports => { default => 0 + $self->{vars}{port},
                   app => 0 + $self->{vars}{app_port},
                   map { $_ => 0 + $hosts->{$_}{port} } keys %$hosts },
    );
    my $file = "$self->{stage}/t/conf/run.json";
    open my $out, '>', $file or die "$file: $!\n";
    print $out JSON::PP->new->canonical->pretty->encode(\%note);
    close $out or die "$file: $!\n";
    $ENV{APIKEY_RUN} = $file;
}

# A virtual host that includes @t_state@/NAME.db.conf has a database of its
# own; own/NAME.conf is what `htapikey -f` gets: the same, and what that
# virtual host says of new keys.
sub make_databases {
    my ($self) = @_;
    my $state = $self->{vars}{t_state};
    my $secret = $self->htapikey('secret');
    $self->write_file('own/secret', $secret, 0600);
    for my $file (glob "$self->{stage}/t/conf/*.conf") {
        open my $in, '<', $file or die "$file: $!\n";
        my ($name, @own);
        while (<$in>) {
            ($name, @own) = () if /^\s*<VirtualHost/;
            $name = $1 if m{^\s*Include\s+"?\Q$state\E/(\w+)\.db\.conf};
            push @own, s/^\s+//r
                if /^\s*ApiKey(?:Keyspace|Prefix|Format|Lifetime)\s/;
            next unless m{^\s*</VirtualHost>} && $name;
            $self->make_database($name, @own);
        }
    }
}

sub make_database {
    my ($self, $name, @own) = @_;
    my $state = $self->{vars}{t_state};
    my $conf = qq(DBDriver sqlite3\nDBDParams "$state/$name.db"\n)
             . qq(ApiKeySecretFile "$self->{stage}/t/own/secret"\n);
    $self->write_file("state/$name.db.conf", $conf, 0644);
    $self->write_file("own/$name.conf", join('', $conf, @own), 0644);
    $self->htapikey('-f', "$self->{stage}/t/own/$name.conf", 'init');
    my @user = getpwnam $self->{user};
    chown @user[2, 3], "$state/$name.db" unless $>;
}

sub write_file {
    my ($self, $name, $text, $mode) = @_;
    my $file = "$self->{stage}/t/$name";
    open my $out, '>', $file or die "$file: $!\n";
    chmod $mode, $file;
    print $out $text;
    close $out or die "$file: $!\n";
}

sub htapikey {
    my ($self, @arguments) = @_;
    open my $in, '-|', $ENV{HTAPIKEY}, @arguments
        or die "$ENV{HTAPIKEY}: $!\n";
    my $text = do { local $/; <$in> };
    close $in or die "htapikey @arguments failed.\n";
    return $text;
}

sub start_app {
    my ($self) = @_;
    my $port = $self->{vars}{app_port};
    $self->{app} = fork // die "fork: $!\n";
    if (!$self->{app}) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        exec $^X, "$self->{suite}{source}/t/lib/app.pl", $port
            or POSIX::_exit(127);
    }
    $self->wait_for($port, $self->{app}, 10)
        or die "The proxied application did not start on port $port.\n";
}

sub start_httpd {
    my ($self, $config) = @_;
    my $vars = $self->{vars};
    my @command = (APIKey::Instrument::command($vars->{t_logs}),
        $vars->{httpd},
        '-d', $vars->{serverroot}, '-f', $vars->{t_conf_file},
        '-D', 'FOREGROUND');
    $self->{httpd} = fork // die "fork: $!\n";
    if (!$self->{httpd}) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        # In a session of its own: a terminal that is resized sends SIGWINCH,
        # which is httpd's graceful stop.
        POSIX::setsid();
        APIKey::Instrument::httpd_environment(@{$vars}{qw(t_logs t_state)});
        open STDERR, '>>', "$vars->{t_logs}/start_log";
        open STDOUT, '>&', \*STDERR;
        exec @command or POSIX::_exit(127);
    }
    if (!$self->wait_for($vars->{port}, $self->{httpd}, 60)) {
        my @why = grep { !/:(?:debug|trace\d)\] / } map { lines($_) }
                  map { "$vars->{t_logs}/$_" } qw(start_log error_log);
        die "httpd did not start:\n", @why;
    }
    APIKey::Instrument::verify($self->{httpd});
    print "httpd ($self->{suite}{mpm}) as $self->{user} on 127.0.0.1:",
        "$vars->{port}-, from $self->{stage}\n";
}

# Waits until a port accepts connections; false if the process has ended.
sub wait_for {
    my ($self, $port, $pid, $seconds) = @_;
    my $up;
    wait_until($seconds, sub {
        $up = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") and return 1;
        return waitpid($pid, POSIX::WNOHANG()) != 0;
    });
    return $up;
}

sub stop {
    my ($self) = @_;
    my $status = end_process(delete $self->{httpd}, 120);
    die "httpd did not stop within 120 s and was killed.\n"
        unless defined $status;
    die "httpd ended with wait status $status; see t/logs/error_log.\n"
        if $status && !$ENV{APIKEY_TEST_VALGRIND};
    end_process(delete $self->{app}, 10);
    APIKey::Instrument::collect($self->{suite}{build},
        $self->{vars}{t_state});
}

# Copies the logs back and removes the folder.
sub release {
    my ($self) = @_;
    my $stage = delete $self->{stage} or return;
    chdir $self->{suite}{build};
    my $logs = "$self->{suite}{build}/t/logs";
    remove_tree($logs);
    $self->copy_tree("$stage/t/logs", $logs) if make_path($logs);
    if ($self->{suite}{keep}) {
        print "Kept: $stage\n";
        return;
    }
    remove_tree($stage);
}

sub lines {
    my ($file) = @_;
    open my $in, '<', $file or return ();
    return <$in>;
}

1;
