# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::RecipeSite;

# A site (see APIKey::ConfigTest) on which each recipe of our pages has an
# address of its own, and an application that writes down which requests
# reached it.
#
#   my $site = APIKey::RecipeSite->new;
#   $site->place($recipe, 'MergeSlashes Off');     before it is started
#   $site->run;
#   $site->ask_edges($place, qr/%2f/);             those that look so; or all
#   my @open = $site->open_edges($place);          sentences; none is right
#   my @closed = $site->closed($place);
#
# A recipe has
#   name
#   text       what stands in its virtual host
#   host       true if the text has the <VirtualHost> itself
#   server     its ServerName
#   guards     { 'GET /path' => [names of those who may] }; '* /path'
#   keys       { name => [header] }; default: those of keys()
#   below      what of a path the application does not get
#   answers    what only the guarded answer has, where httpd serves a file
#
# In a text @AT@ is its address and port, @APP@ the application's port, and
# names of places on a real machine are those of a folder of this site.

use strict;
use warnings;

use POSIX ();

use parent 'APIKey::ConfigTest';
use APIKey::Edges qw(edges readings decides);
use APIKey::HTTP;
use APIKey::Keys qw(remember_key);
use APIKey::Process qw(end_process wait_until);

sub new {
    my ($class) = @_;
    my $self = $class->SUPER::new;
    $self->{places} = [];
    $self->{port} = APIKey::ConfigTest::free_port();
    $self->file('reached', '');
    $self->start_app;
    return $self;
}

sub start_app {
    my ($self) = @_;
    my $port = $self->{app_port} = APIKey::ConfigTest::free_port();
    $self->{app} = fork // die "fork: $!\n";
    if (!$self->{app}) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        exec 'setpriv', '--pdeathsig', 'TERM', $^X,
            "$ENV{APIKEY_SOURCE}/t/lib/app.pl", $port, "$self->{dir}/reached"
            or POSIX::_exit(127);
    }
    wait_until(60, sub {
        IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
    }) or die "The application did not start.\n";
}

# Customers' keys, by the first part of their names. Of each the scopes, and the
# details as NAME=VALUE.
sub keys_of {
    my ($self, $conf, $header, %of) = @_;
    my %key;
    for my $tenant (sort keys %of) {
        my @command = ($ENV{HTAPIKEY}, '-f', $conf, qw(create -q --name edges),
            '--tenant', $tenant,
            map { (/=/ ? '--meta' : '--scope', $_) } @{ $of{$tenant} });
        open my $out, '-|', @command or die "@command: $!\n";
        chomp(my $key = <$out> // '');
        close $out or die "@command failed.\n";
        remember_key($key);
        $key{ $tenant =~ s/\..*//r } = "$header$key";
    }
    return \%key;
}

# Paths of a machine and ports of an application, in a recipe's own text.
sub here {
    my ($self, $text) = @_;
    my $dir = $self->{dir};
    $text =~ s{127\.0\.0\.1:9\d\d\d\b}{127.0.0.1:$self->{app_port}}g;
    $text =~ s{(?<![\w@])/var/lib/apikey/}{$dir/db/}g;
    $text =~ s{(?<![\w@])/var/log/apache2/}{$dir/}g;
    $text =~ s{(?<![\w@])/run/httpd/}{$dir/db/}g;
    $text =~ s{(?<![\w@])/srv/}{$dir/srv/}g;
    $text =~ s{(?<![\w@])/etc/apikey(?=[/.])}{$dir/etc/apikey}g;
    return $text;
}

sub place {
    my ($self, $recipe, $variant) = @_;
    my $number = @{ $self->{places} };
    my $address = '127.8.' . (1 + $number >> 8) . '.' . (1 + $number & 255);
    my $at = "$address:$self->{port}";
    my %place = (%$recipe, at => $at, number => $number,
                 what => join(', ', $recipe->{name}, $variant || ()));
    my $text = $self->here($recipe->{text}) =~ s/\@AT\@/$at/gr
               =~ s/\@NUMBER\@/$number/gr;
    $text = "<VirtualHost $at>\nServerName @{[ $recipe->{server} // 'edges.example' ]}\n"
          . "$text</VirtualHost>\n" unless $recipe->{host};
    # Within the virtual host, before the lines of the recipe.
    $text =~ s/^(<VirtualHost [^\n]*\n)/$1$variant\n/mg if $variant;
    $place{conf} = "Listen $at\n$text";
    $place{guards} = [ map {
        my ($method, $path) = split ' ';
        { method => $method, path => $path,
          may => { map { $_ => 1 } @{ $recipe->{guards}{$_} } } }
    } sort keys %{ $recipe->{guards} } ];
    push @{ $self->{places} }, \%place;
    return \%place;
}

# Overrides ConfigTest's: the port was chosen when the first address was.
sub run {
    my ($self, @lines) = @_;
    no warnings 'redefine';
    local *APIKey::ConfigTest::free_port = sub { return $self->{port} };
    $self->start(join "\n", "\@DATABASE\@", 'LogLevel notice', @lines,
                 map { $_->{conf} } @{ $self->{places} });
}

# ---- Requests ----

# On one connection, as long as the server keeps it.
sub ask {
    my ($self, $place, $method, $edge, $who) = @_;
    my ($at, $bare) = ($place->{at}, $place->{at} =~ s/:.*//r);
    my $target = $edge->{target} =~ s/HOST/$at/r;
    my $host = ($edge->{host} // $at) =~ s/HOST/$bare/r;
    my $version = $edge->{version} // '1.1';
    my $key = $place->{keys}{$who};
    my %ask = (method => $method, who => $who, target => $target, status => 0,
               body => '', number => $self->{asked}++);
    my $bytes = join "\r\n", "$method $target HTTP/$version",
        length $host ? "Host: $host" : (), defined $key ? $key : (),
        "X-Ask: $ask{number}", '', '';
    # A connection that was kept may have been closed in between.
    for my $try (1, 2) {
        my $open = $self->{open}{$at} //= connection($at);
        my $response = eval { $open->send($bytes)->response($method) };
        delete $self->{open}{$at}
            if !$response || $version ne '1.1'
               || grep { lc eq 'close' } header_of($response, 'Connection');
        next if !$response;
        @ask{qw(status body)} = @{$response}{qw(status body)};
        last;
    }
    push @{ $place->{asks} }, \%ask;
    return \%ask;
}

# The requests of clients that may not, at the edges of all that a place
# guards; then one request of each client that may, which must reach the place.
sub ask_edges {
    my ($self, $place, $like) = @_;
    my @paths = map { $_->{path} } @{ $place->{guards} };
    for my $guard (@{ $place->{guards} }) {
        my $method = $guard->{method} eq '*' ? 'GET' : $guard->{method};
        my $path = $guard->{path} eq '/' ? '/x' : "$guard->{path}/x";
        my @edges = (edges($path, grep { $_ ne $guard->{path} && $_ ne '/' }
                           @paths), { target => $guard->{path} });
        @edges = grep { $_->{target} =~ $like } @edges if $like;
        for my $who ('none', sort keys %{ $place->{keys} }) {
            next if $guard->{may}{$who};
            $self->ask($place, $method, $_, $who) for @edges;
        }
        push @{ $place->{granted} },
            map { $self->ask($place, $method, { target => $path }, $_) }
            sort keys %{ $guard->{may} };
    }
    delete $self->{open};
}

# The target of each request that reached the application, as it arrived there.
sub reached {
    my ($self) = @_;
    return { map { /^(\d+) \S+ (\S+)/ ? ($1 => $2) : () }
             split /\n/, $self->slurp('reached') };
}

# Requests that reached something they must not reach, a sentence for each.
sub open_edges {
    my ($self, $place, $reached) = @_;
    my @wrong;
    for my $ask (@{ $place->{asks} }) {
        my $what = "$ask->{who}: $ask->{method} $ask->{target}";
        push @wrong, "$what is shown the page"
            if $place->{answers} && $ask->{body} =~ $place->{answers}
               && !$place->{guards}[0]{may}{ $ask->{who} };
        my $there = $reached->{ $ask->{number} } // next;
        $there = ($place->{below} // '') . $there;
        my ($path) = grep {
            # Without a key, other spellings are tried, too.
            my $guard = decides($place->{guards}, $ask->{method},
                                $ask->{who} eq 'none' ? lc : $_);
            $guard && !$guard->{may}{ $ask->{who} };
        } readings($there);
        push @wrong, "$what is answered $ask->{status} by $there, which may be"
                   . " $path" if defined $path;
    }
    return @wrong;
}

# Clients that may and did not reach it.
sub closed {
    my ($self, $place) = @_;
    return map { "$_->{who}: $_->{method} $_->{target} is $_->{status}" }
           grep { $_->{status} != 200 } @{ $place->{granted} };
}

sub stop {
    my ($self) = @_;
    $self->SUPER::stop;
    my $app = delete $self->{app} or return;
    end_process($app, 10);
}

1;
