# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Apps;

# A site (see APIKey::ConfigTest) with an application of each kind that httpd
# knows, and what each of them is given of a request, in one form:
#
#   my $site = APIKey::Apps->new;
#   for my $app ($site->apps) {
#       my $saw = $site->ask($app, 'guarded', ["X-API-Key: $key"]);
#       $saw->{status}, $saw->{text}     the answer as it came
#       $saw->{env}       { NAME => value }: variables, but HTTP_*
#       $saw->{headers}   { name => value }: headers, however they came
#       $saw->{body}
#   }
#   $site->reached          how many requests reached an application so far
#
# Options of ask: method, body (a string, or a list of chunks), trailers (after
# chunks), front (h2 for HTTP/2), host (pass, where ApiKeyPassKey is On; own,
# where ApiKeyHeaders is Acme-Caller-).
#
# Areas are the first part of a path: guarded (AuthType ApiKey), scoped (the
# same, with a scope that no key has), basic (AuthType Basic, eve:secret), open
# (no AuthType) and kept (the same, where programs get no Authorization).

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path);
use IO::Socket::INET;
use JSON::PP ();
use Socket qw(INADDR_LOOPBACK PF_INET SOCK_STREAM pack_sockaddr_in
              unpack_sockaddr_in);

use parent 'APIKey::ConfigTest';
use APIKey::HTTP;
use APIKey::Keys qw(remember_key);
use APIKey::Process qw(wait_until);
use APIKey::SuExec;

# path:    of the application, below its area
# carries: vars (APIKEY_*), headers (X-Apikey-*), user (REMOTE_USER)
# folds:   headers arrive as HTTP_*
# takes:   bodies; chunked ones, too
my %APPS = (
    cgi      => { path => 'show.cgi', carries => 'vars headers user',
                  folds => 1, takes => 'body chunks' },
    suexec   => { path => 'suexec.cgi', carries => 'headers user',
                  folds => 1, takes => 'body chunks' },
    ssi      => { path => 'show.shtml', carries => 'vars headers user',
                  folds => 1, takes => '' },
    include  => { path => 'include.shtml', carries => 'vars headers user',
                  folds => 1, takes => '' },
    lua      => { path => 'show.lua', carries => 'vars headers user',
                  takes => 'body' },
    php      => { path => 'show.php', carries => 'vars headers user',
                  folds => 1, takes => 'body chunks' },
    wsgi     => { path => 'show.wsgi', carries => 'vars headers user',
                  folds => 1, takes => 'body chunks' },
    fcgid    => { path => 'show.fcgi', carries => 'vars headers user',
                  folds => 1, takes => 'body chunks' },
    scgi     => { path => 'scgi', carries => 'vars headers user',
                  folds => 1, takes => 'body' },
    uwsgi    => { path => 'uwsgi', carries => 'vars headers user',
                  folds => 1, takes => 'body' },
    ajp      => { path => 'ajp', carries => 'headers user',
                  takes => 'body chunks' },
    http     => { path => 'http', carries => 'headers',
                  takes => 'body chunks' },
    balancer => { path => 'balancer', carries => 'headers',
                  takes => 'body chunks' },
    socket   => { path => 'socket', carries => 'headers', takes => 'frames' },
    tunnel   => { path => 'tunnel', carries => 'headers', takes => 'frames' },
);

sub new {
    my ($class) = @_;
    my $run = APIKey::Test::run_info();
    # Root alone can run httpd as the user that suEXEC expects.
    my $suexec = $> ? undef : APIKey::SuExec->new($run->{httpd});
    # A signal must not end the test before everything is cleaned up.
    $SIG{$_} = sub { exit 1 } for qw(INT TERM HUP ALRM);
    my $self = $class->SUPER::new(
        suexec => $suexec, user => $suexec ? $suexec->{server} : $run->{user});
    $self->file('reached', '', 0666);
    $self->programs;
    $self->peers;
    $self->php;
    $self->start($self->conf);
    return $self;
}

sub apps {
    my ($self, $takes) = @_;
    return grep { !$takes || $APPS{$_}{takes} =~ $takes }
           grep { $_ ne 'suexec' || $self->{suexec} } sort keys %APPS;
}

sub carries { return $APPS{ $_[1] }{carries} =~ $_[2] }

sub folds { return $APPS{ $_[1] }{folds} }

# ---- The applications ----

sub programs {
    my ($self) = @_;
    my ($from) = map { "$_/t" } $ENV{APIKEY_SOURCE};
    $self->file('docs/env.pl', slurp_file("$from/htdocs/env.cgi"));
    for my $path (glob "$from/apps/programs/*") {
        my ($name) = $path =~ m{([^/]+)$};
        my $text = slurp_file($path);
        my $filled = sub { $text =~ s/\@NAME\@/$_[0]/gr
                               =~ s/\@DIR\@/$self->{dir}/gr
                               =~ s{\@DOCS\@}{$self->{dir}/docs}gr };
        $self->file("docs/$name", $filled->('cgi'), 0755);
        $self->{suexec}->program('suexec.cgi', $filled->('suexec'))
            if $name eq 'show.cgi' && $self->{suexec};
    }
}

sub slurp_file {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return scalar <$in>;
}

# Starts a program that ends with this test; its output goes into a file.
sub run_beside {
    my ($self, $name, @command) = @_;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP ALRM);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$self->{dir}/$name.said";
        open STDERR, '>&', \*STDOUT;
        exec 'setpriv', '--pdeathsig', 'TERM', @command
            or POSIX::_exit(127);
    }
    push @{ $self->{beside} }, $pid;
    return $pid;
}

sub peers {
    my ($self) = @_;
    $self->run_beside('peers', $^X, "$ENV{APIKEY_SOURCE}/t/lib/peers.pl",
                      "$self->{dir}/reached");
    wait_until(60, sub {
        $self->{peer} = { $self->slurp('peers.said') =~ /^(\w+) (\d+)$/mg };
        return keys %{ $self->{peer} } == 4;
    }) or die 'peers.pl: ', $self->slurp('peers.said');
    # A port on which no program listens, and which no other can take.
    socket my $dead, PF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
    bind $dead, pack_sockaddr_in(0, INADDR_LOOPBACK) or die "bind: $!\n";
    $self->{dead} = $dead;
    ($self->{peer}{dead}) = unpack_sockaddr_in(getsockname $dead);
}

sub php {
    my ($self) = @_;
    my ($fpm) = grep { -x } glob '/usr/sbin/php-fpm*';
    die "There is no php-fpm.\n" unless $fpm;
    my $as = $> ? '' : "user = $self->{user}\nlisten.owner = $self->{user}\n";
    my $conf = $self->file('fpm.conf', <<"EOF_FPM");
[global]
daemonize = no
error_log = $self->{dir}/fpm.log
[www]
$as
listen = $self->{dir}/fpm.sock
pm = static
pm.max_children = 1
EOF_FPM
    $self->run_beside('fpm', $fpm, '-n', '-y', $conf);
    wait_until(60, sub { -S "$self->{dir}/fpm.sock" })
        or die 'php-fpm: ', $self->slurp('fpm.said'), $self->slurp('fpm.log');
}

# A site with PHP-FPM and no other application.
sub with_php {
    my ($class, %more) = @_;
    my $self = $class->SUPER::new(%more);
    $self->php;
    return $self;
}

# What Debian has httpd do for this PHP-FPM.
sub debian_fpm {
    my ($self) = @_;
    my ($path) = glob '/etc/apache2/conf-available/php*-fpm.conf';
    die "There is no php-fpm.conf of Debian's.\n" unless defined $path;
    return slurp_file($path)
        =~ s{"proxy:unix:[^|]*\|}{"proxy:unix:$self->{dir}/fpm.sock|}r;
}

# ---- The server ----

sub modules {
    my ($self) = @_;
    my $list = slurp_file("$self->{run}{stage}/conf/modules.list");
    my ($folder) = $list =~ m{"(.*)/mod_\w+\.so"};
    return map { qq(LoadModule ${_}_module "$folder/mod_$_.so"\n) }
           grep { $_ ne 'suexec' || $self->{suexec} }
           qw(suexec lua proxy_fcgi proxy_scgi proxy_uwsgi proxy_ajp
              proxy_wstunnel proxy_balancer slotmem_shm lbmethod_byrequests wsgi fcgid);
}

sub conf {
    my ($self) = @_;
    make_path("$self->{dir}/fcgid");
    my @user = getpwnam $self->{user};
    chown @user[2, 3], "$self->{dir}/fcgid" unless $>;
    # eve:secret
    $self->file('users', "eve:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
    my $port = $self->{peer};
    my $conf = join '', $self->modules,
        slurp_file("$ENV{APIKEY_SOURCE}/t/apps/apps.conf"), $self->hosts;
    $conf =~ s/\@([A-Z]+)_PORT\@/$port->{lc $1}/g;
    return $conf;
}

# They have names on one port; SuexecUserGroup applies to a whole virtual host.
sub hosts {
    my ($self) = @_;
    my %says = (plain => '', pass => 'ApiKeyPassKey On',
                own => 'ApiKeyHeaders Acme-Caller-');
    my %as = ('' => '', $self->{suexec} ? ('suexec-' => $self->as) : ());
    return map { my $kind = $_; map { <<"EOF_HOST" } sort keys %says }
<VirtualHost *>
    ServerName $kind$_.example
    $says{$_}
$as{$kind}
</VirtualHost>
EOF_HOST
           sort keys %as;
}

sub as {
    my ($self) = @_;
    my $suexec = $self->{suexec};
    return <<"EOF_AS";
    SuexecUserGroup $suexec->{user} $suexec->{group}
    AliasMatch "^/\\w+/(suexec\\.cgi)\$" "$suexec->{folder}/\$1"
    <Directory "$suexec->{folder}">
        Options ExecCGI
        Require all granted
    </Directory>
EOF_AS
}

# What create_key() of APIKey::Keys returns, for this site's database.
sub key {
    my ($self, @arguments) = @_;
    my $made = JSON::PP->new->utf8->decode(
        $self->htapikey('--json', 'create', @arguments));
    remember_key($made->{key});
    return $made;
}

sub reached {
    my ($self) = @_;
    return scalar(my @lines = split /\n/, $self->slurp('reached'));
}

# ---- Requests ----

sub ask {
    my ($self, $app, $area, $headers, %how) = @_;
    my $host = ($app eq 'suexec' ? 'suexec-' : '') . ($how{host} // 'plain');
    my $path = "/$area/$APPS{$app}{path}";
    my @headers = ("Host: $host.example", @$headers);
    my $got = $APPS{$app}{takes} eq 'frames'
                  ? $self->upgrade($path, @headers)
            : ($how{front} // '') eq 'h2' ? $self->curl($path, \%how, @headers)
            : ref $how{body} ? $self->chunked($path, \%how, @headers)
            : request($self->port, $how{method} // 'GET', $path, \@headers,
                      $how{body});
    return $self->normal($app, $got);
}

sub chunked {
    my ($self, $path, $how, @headers) = @_;
    my $connection = connection($self->port);
    $connection->send(join "\r\n", "POST $path HTTP/1.1", @headers,
                      'Transfer-Encoding: chunked', '', '');
    $connection->send(sprintf("%x\r\n%s\r\n", length, $_))
        for @{ $how->{body} };
    return $connection->send(join "\r\n", 0, @{ $how->{trailers} // [] },
                             '', '')->response;
}

# What the application sends in its first frame; what it echoes is the body.
sub upgrade {
    my ($self, $path, @headers) = @_;
    my $connection = connection($self->port);
    $connection->send(join "\r\n", "GET $path HTTP/1.1", @headers,
        'Connection: Upgrade', 'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', '');
    my $line = $connection->line;
    if ($line !~ m{^HTTP/1.1 101 }) {
        $connection->{got} = "$line\r\n$connection->{got}";
        my $response = $connection->response;
        $response->{status} = 'not upgraded' if $response->{status} == 200;
        return $response;
    }
    my %head;
    while (length(my $field = $connection->line)) {
        $head{ lc $1 } = $2 if $field =~ /^([^:]+): (.*)/;
    }
    my $accepted = $head{'sec-websocket-accept'} // '';
    return { status => 101, body => "not accepted: $accepted" }
        if $accepted ne 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
    my $text = frame($connection);
    my $mask = "\1\2\3\4";
    my $echo = "there and back \0\xff";
    $connection->send(pack 'CCa4a*', 0x82, 0x80 | length $echo, $mask,
                      $echo ^ substr $mask x 9, 0, length $echo);
    $text .= frame($connection);
    $connection->send(pack 'CCa4', 0x88, 0x80, $mask);
    return { status => 200, body => $text };
}

sub frame {
    my ($connection) = @_;
    $connection->bytes(2);
    return $connection->bytes(unpack 'n', $connection->bytes(2));
}

sub curl {
    my ($self, $path, $how, @headers) = @_;
    my @with = map { ('-H', s/^([^:]+):$/$1;/r) } @headers;
    push @with, '-X', $how->{method} if $how->{method};
    if (defined $how->{body}) {
        push @with, '-H', 'Content-Type: text/plain', '--data-binary',
            '@' . $self->file('body', ref $how->{body}
                              ? join '', @{ $how->{body} } : $how->{body});
    }
    open my $from, '-|', qw(curl -sS --http2-prior-knowledge -w %{http_code}),
        @with, "http://127.0.0.1:$self->{port}$path" or die "curl: $!\n";
    binmode $from;
    my $text = do { local $/; <$from> } // '';
    close $from or die "curl ended with $?: $text\n";
    $text =~ s/(\d{3})\z//;
    return { status => $1, body => $text };
}

sub normal {
    my ($self, $app, $got) = @_;
    my $text = $got->{body};
    if ($app eq 'ssi') {
        my %is = (lt => '<', gt => '>', amp => '&', quot => '"');
        $text =~ s/&(lt|gt|amp|quot);/$is{$1}/g;
    }
    my ($head, $body) = split /\n\n/, $text, 2;
    my (%env, %headers);
    for my $line (split /\n/, $head // '') {
        my ($name, $is, $value) = $line =~ /^([^=:]+)(=|: ?)(.*)/s or next;
        $value =~ s/\\x([0-9a-f]{2})|\\(\\)/$1 ? chr hex $1 : $2/ge
            if $app =~ /^(?:cgi|suexec|include|php|wsgi|fcgid)$/;
        if ($is eq '=' && $name !~ s/^HTTP_(.*)/$1 =~ tr{_}{-}r/e) {
            $env{$name} = $value;
            next;
        }
        $name = lc $name;
        $headers{$name} = join ', ', $headers{$name} // (), $value;
    }
    return { status => $got->{status}, text => $text, env => \%env,
             headers => \%headers, body => $body // '' };
}

sub stop {
    my ($self) = @_;
    $self->SUPER::stop;
    for my $pid (splice @{ $self->{beside} }) {
        APIKey::Process::end_process($pid, 10);
    }
}

1;
