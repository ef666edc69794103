# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The pages of conf/manual/start.md are pasted, block by block, into a shell,
# and each command writes what its page says (APIKey::TaskPage).

use APIKey::Backends qw(backend);
use APIKey::ConfigTest;
use APIKey::Guard qw(slurp);
use APIKey::Process qw(end_process wait_until);
use APIKey::RecipeSite;
use APIKey::TaskPage;
use APIKey::Test;
use POSIX ();

my %PAGES = map { $_ => 1 } slurp('conf/manual/start.md') =~ /\]\(([\w-]+\.md)\)/g;
my @TASKS = grep { slurp("conf/manual/$_") =~ /^    a2enmod /m }
            sort keys %PAGES;
cmp_ok(scalar @TASKS, '>=', 6, 'the start page has six tasks or more');
is_deeply([ sort keys %PAGES ],
          [ sort grep { $_ ne 'start.md' } manual_pages() ],
          'the start page names every page of the manual');

sub manual_pages {
    my $folder = APIKey::Guard::source_root() . '/conf/manual';
    opendir my $all, $folder or die "$folder: $!\n";
    return grep { /\.md$/ } readdir $all;
}

my $CONF = <<'EOF_CONF';
IncludeOptional "@DIR@/root/etc/apache2/conf-enabled/*.conf"
EOF_CONF

# The first restart of a page starts httpd, on the port that its text has.  A
# later one makes httpd read its configuration anew, and waits until the log
# says so.
sub restart {
    my ($site) = @_;
    if (!$site->{pid}) {
        my $port = $site->port;
        no warnings 'redefine';
        local *APIKey::ConfigTest::free_port = sub { $port };
        return $site->start($CONF);
    }
    my $times = sub {
        scalar(() = $site->slurp('error_log')
                    =~ /resuming normal operations/g)
    };
    # httpd listens before it handles signals, so the test waits for its first
    # message.
    wait_until(60, sub { $times->() }) or die "httpd did not start.\n";
    my $before = $times->();
    kill USR1 => $site->{pid};
    my $ended;
    wait_until(60, sub {
        $times->() > $before
            || ($ended = waitpid($site->{pid}, POSIX::WNOHANG()) != 0)
    });
    die 'httpd did not restart: ', $site->slurp('said'),
        $site->slurp('error_log') =~ s/^.*:trace\d\].*\n//mgr, "\n"
        if $ended || $times->() == $before;
}

# Starts a private PostgreSQL, which the commands of the page find as they find
# Debian's.
sub with_postgresql {
    my ($site) = @_;
    my $backend = backend('pgsql');
    for my $program (qw(psql createdb)) {
        symlink APIKey::Postgres::program($program), "$site->{dir}/bin/$program"
            or die "symlink: $!\n";
    }
    return (database => "host=$backend->{folder}", backend => $backend,
            environment => { PGHOST => $backend->{folder},
                             PGUSER => 'postgres' });
}

sub run_page {
    my ($name) = @_;
    my $site = APIKey::ConfigTest->new;
    $site->file('reached', '');
    APIKey::RecipeSite::start_app($site);
    my $root = "$site->{dir}/root";
    $site->file("root/etc/apache2/$_", '')
        for qw(conf-available/none conf-enabled/none.conf);
    $site->file('root/var/log/apache2/none', '');
    symlink "$site->{dir}/error_log", "$root/var/log/apache2/error.log"
        or die "symlink: $!\n";
    mkdir "$site->{dir}/bin";
    symlink $ENV{HTAPIKEY}, "$site->{dir}/bin/htapikey" or die "symlink: $!\n";
    my %more = slurp("conf/manual/$name") =~ /DBDriver pgsql/
             ? with_postgresql($site) : ();
    $site->{port} = APIKey::ConfigTest::free_port();
    my $page = APIKey::TaskPage->new(
        "conf/manual/$name", $site, application => $site->{app_port},
        restart => sub { restart($site) }, %more);
    cmp_ok($page->promises, '>=', 2, 'the page says what its commands write');
    local @ENV{keys %{ $more{environment} // {} }}
        = values %{ $more{environment} // {} };
    is(join('', $page->run), '', 'the commands write what the page says');
    $site->stop;
    end_process($site->{app}, 20);
}

for my $name (@TASKS) {
    subtest $name => sub { run_page($name) };
}

done_testing;
