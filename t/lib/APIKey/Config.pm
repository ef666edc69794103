# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Config;

# httpd's configuration, made by Apache::TestConfig from t/conf/*.in and
# t/AREA/*.conf.in.  What is different here: every port is known before the
# first file is written and listens on 127.0.0.1 alone; files are read in a
# fixed order; nothing is inherited from an installed server.

use strict;
use warnings;

use File::Basename qw(basename);
use Apache::TestConfig ();

our @ISA = ('Apache::TestConfig');

# Beside these: the MPM, and mod_cgi or mod_cgid.
my @MODULES = qw(
    dbd authn_core authz_core authz_host authz_user authz_owner authz_dbm
    auth_basic authn_file authn_dbd access_compat alias dir mime rewrite env setenvif
    headers include negotiation autoindex proxy proxy_http log_forensic
    unique_id expires cache cache_socache cache_disk socache_shmcb
    socache_redis socache_memcache socache_dbm actions
    ext_filter vhost_alias macro status reqtimeout watchdog unixd version
    log_config logio http2 remoteip
);

sub make {
    my ($class, $suite, $stage, $user) = @_;
    my $conf = "$stage/t/conf/modules.list";
    load_list($conf, $suite);
    my $self = $class->new(
        save       => 1,
        top_dir    => $stage,
        httpd      => $suite->{httpd},
        httpd_conf => $conf,
        servername => '127.0.0.1',
        port       => free_base(),
        user       => $user,
        group      => (getgrgid((getpwnam $user)[3]))[0],
        remote_addr => '127.0.0.1',
        limitrequestline => 8190,
        maxclients => 100,
    );
    my $vars = $self->{vars};
    $vars->{build}  = $suite->{build};
    $vars->{source} = $suite->{source};
    $vars->{mpm}    = $suite->{mpm};
    return $self->httpd_config;
}

# LoadModule lines and nothing else; what is built in is left out.  Without
# names: what the suite needs.
sub load_list {
    my ($file, $suite, @names) = @_;
    my %static = map { $_ => 1 } `'$suite->{httpd}' -l` =~ /^\s+mod_(\w+)\.c/mg;
    chomp(my $folder = `@{[ $ENV{APXS} || 'apxs' ]} -q LIBEXECDIR`);
    die "apxs -q LIBEXECDIR names no folder.\n" unless -d $folder;
    my $mpm = $suite->{mpm};
    die "There is no MPM named $mpm.\n" unless -e "$folder/mod_mpm_$mpm.so";
    @names = ($mpm eq 'prefork' ? 'cgi' : 'cgid', @MODULES) if !@names;
    open my $out, '>', $file or die "$file: $!\n";
    for my $name ("mpm_$mpm", @names) {
        next if $static{$name};
        next if $name eq 'http2' && $mpm eq 'prefork';
        print $out qq(LoadModule ${name}_module "$folder/mod_$name.so"\n);
    }
    close $out or die "$file: $!\n";
}

# A run has a hundred ports of its own, chosen by its pid: a port that the
# system says is free may be taken by another run meanwhile.
sub free_base {
    for my $try (0 .. 199) {
        my $base = 10000 + ($$ + $try) % 200 * 100;
        return $base
            if 3 == grep { Apache::TestServer->port_available($_) }
               $base, $base + 1, $base + 50;
    }
    die "No free range of ports between 10000 and 30000.\n";
}

sub our_remote_addr { return '127.0.0.1' }

# Overrides Apache::TestConfig's: two passes, in the order of the names.
sub generate_extra_conf {
    my ($self) = @_;
    my $vars = $self->{vars};
    my @in = grep { basename($_) ne 'httpd.conf.in' }
             sort glob "$vars->{t_conf}/*.conf.in";
    $self->{vars}{app_port} = $self->server->select_next_port;
    for my $file (@in) {
        open my $lines, '<', $file or die "$file: $!\n";
        while (<$lines>) {
            my ($host, $name) = virtual_host($_) or next;
            $self->new_vhost($name, $host);
            $vars->{ lc $name . '_port' } = $self->{vhosts}{$name}{port};
        }
    }
    for my $file (@in) {
        local $Apache::TestConfig::File = $file;
        open my $lines, '<', $file or die "$file: $!\n";
        (my $made = $file) =~ s/\.in$//;
        open my $out, '>', $made or die "$made: $!\n";
        $self->replace_vars($lines, $out);
        close $out or die "$made: $!\n";
    }
    return [ map { s/\.in$//r } @in ];
}

# <VirtualHost NAME> or <VirtualHost HOST:NAME>: the host's name, ours.
sub virtual_host {
    my ($line) = @_;
    return unless $line =~ /^\s*<VirtualHost\s+(?:([\w.-]+):)?([a-z]\w*)>/;
    return ($1 // '', $2);
}

# Overrides Apache::TestConfig's: one Listen for each port, on loopback.
sub parse_vhost {
    my ($self, $line) = @_;
    my ($host, $name) = virtual_host($line) or return undef;
    my $port = $self->{vhosts}{$name}{port};
    my $listen = $self->{listening}{$port}++ ? '' : "Listen 127.0.0.1:$port\n";
    return {
        port       => $port,
        out_string => $listen,
        line       => "<VirtualHost 127.0.0.1:$port>",
        in_string  => "    ServerName " . ($host || '127.0.0.1') . ":$port",
    };
}

1;
