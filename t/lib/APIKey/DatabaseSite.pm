# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::DatabaseSite;

# A site with its keys in one of the six databases (APIKey::Backends), through
# mod_dbd or, with 'own', through ApiKeyDBDriver.
#
#   my $site = APIKey::DatabaseSite->new($backend, 'own');   no tables yet
#   $site->init;
#   $site->run(@lines);             httpd; /api needs a key, /scoped a:b, too
#   $site->without_tables(sub { $site->run });
#   $site->status($key), $site->status($key, '/scoped/')
#   my @answers = $site->load(16, 3, $key);      16 clients, for 3 seconds
#
# An answer is [status, seconds, Retry-After, tenant]; one without a status is
# an error of the client.  '' as a key: no key.
#
# Signals end the test in order, so that nothing stays running.

use strict;
use warnings;

use POSIX ();
use Time::HiRes qw(time);

use parent 'APIKey::ConfigTest';
use APIKey::Auth qw(secrets unknown_key);
use APIKey::HTTP;

our @WAYS = ('mod_dbd', 'own');

# So that DESTROY runs, which stops the servers.
$SIG{$_} = sub { die "a signal, or the time is over\n" }
    for qw(INT TERM HUP ALRM);

my $CONF = <<'EOF_CONF';
<IfModule !mpm_prefork_module>
    ThreadsPerChild 32
    MaxRequestWorkers 32
</IfModule>
<IfModule mpm_prefork_module>
    ServerLimit 24
    StartServers 24
    MinSpareServers 1
    MaxSpareServers 24
    MaxRequestWorkers 24
</IfModule>
<LocationMatch "^/(api|scoped)/">
    AuthType ApiKey
    Require valid-user
    Header set X-Tenant "%{APIKEY_TENANT}e"
</LocationMatch>
<Location /scoped/>
    Require apikey-scope a:b
</Location>
EOF_CONF

sub new {
    my ($class, $backend, $way) = @_;
    my @lines = $backend->fresh;
    my $self = $class->SUPER::new(backend => $backend, way => $way,
                                  lines => \@lines, empty => 1);
    $self->{empty} = 0;
    $self->file("docs/$_/index.html", "A page.\n") for qw(api scoped);
    $self->open_file if $backend->{file};
    return $self;
}

# Makes no tables, as ConfigTest's new() would.
sub init {
    my ($self) = @_;
    return if $self->{empty};
    $self->htapikey('init');
    $self->open_file if $self->{backend}{file};
}

# httpd's user needs access to SQLite's files, too.
sub open_file {
    my ($self) = @_;
    my $folder = $self->{backend}{temp}->dirname;
    my @user = getpwnam $self->{run}{user};
    return if $>;
    chown @user[2, 3], $folder, glob "$folder/*" or die "$folder: $!\n";
}

# The lines of the CONF for htapikey.
sub database_lines {
    my ($self) = @_;
    return join '', map { "$_\n" } @{ $self->{lines} },
        qq(ApiKeySecretFile "$self->{dir}/secret");
}

sub run {
    my ($self, @lines) = @_;
    my $database = $self->database_lines;
    $database =~ s/^DBD/ApiKeyDBD/mg if $self->{way} eq 'own';
    $self->{before} = length $self->slurp('error_log');
    return $self->start(join "\n", $database, $CONF, @lines);
}

# Runs httpd without tables.  With SQLite httpd would not start then, so the
# tables are removed after the start.
sub without_tables {
    my ($self, $start) = @_;
    my $backend = $self->{backend};
    $self->init if $backend->{file};
    $start->();
    return if !$backend->{file};
    my @tables = $backend->sql("SELECT name FROM sqlite_master WHERE type = "
                               . "'table' AND name LIKE 'apikey%'");
    $backend->sql(map { "DROP TABLE $_" } @tables);
}

# A well-formed key of these secrets that is not in the database.
sub unknown {
    my ($self) = @_;
    return unknown_key((secrets("$self->{dir}/secret"))[0]);
}

# The messages in the log since run(), without those of the trace levels.
sub errors {
    my ($self) = @_;
    my $text = substr $self->slurp('error_log'), $self->{before};
    return $text =~ s/^.*:(?:trace\d|debug)\].*\n//mgr;
}

sub answer {
    my ($self, $key, $path) = @_;
    my $began = time;
    my $got = eval {
        get($self->port, $path // '/api/', length $key ? "X-API-Key: $key"
                                                       : ());
    };
    return [ $@ || 'no answer', time - $began ] if !$got;
    return [ $got->{status}, time - $began,
             map { (header_of($got, $_))[0] // '' } 'Retry-After',
                                                    'X-Tenant' ];
}

sub status { return $_[0]->answer(@_[1, 2])->[0] }

# Clients side by side, each with request after request until the time is
# over (and one at least); with `count`, that many requests each; with `until`,
# until that file is there, and one more.
sub load {
    my ($self, $clients, $seconds, $key, %option) = @_;
    my @pipes = map { $self->client($seconds, $key, %option) } 1 .. $clients;
    return map { $self->collect($_) } @pipes;
}

# One such client; collect() reads its results.
sub client {
    my ($self, $seconds, $key, %option) = @_;
    my $pid = open(my $in, '-|') // die "fork: $!\n";
    return $in if $pid;
    my $end = time + $seconds;
    my ($count, $over) = (0);
    do {
        $over = $option{until} && -e $option{until};
        my @answer = @{ $self->answer($key, $option{path}) };
        s/\s+/ /g for @answer;
        syswrite STDOUT, join("\t", @answer) . "\n";
        $count++;
    } while ($option{count} ? $count < $option{count} :
             $option{until} ? !$over : time < $end);
    # Without DESTROY and END, which would stop the parent's servers.
    POSIX::_exit(0);
}

sub collect {
    my ($self, $in) = @_;
    chomp(my @lines = readline $in);
    close $in or die "a client ended early\n";
    return map { [ split /\t/, $_, -1 ] } @lines;
}

1;
