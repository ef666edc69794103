# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Databases are frozen while httpd is restarted or stopped, with look-ups under
# way: no process crashes, and httpd answers as soon as the databases do.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::DatabaseSite;
use APIKey::Process qw(descendants wait_until);
use Time::HiRes qw(sleep);

my @backends = map { backend($_) } qw(pgsql mysql);
my $site = APIKey::DatabaseSite->new($backends[0], 'own');
my %key;

# Each database twice: through mod_dbd, which does not connect when a process
# starts, and through ApiKeyDBDriver.
sub hosts {
    my @hosts;
    for my $backend (@backends) {
        my @lines = $site->{backend} == $backend ? @{ $site->{lines} }
                                                 : $backend->fresh;
        my $name = $backend->trait('name') =~ s/\W.*//r;
        $site->file('cli.conf', join '', map { "$_\n" } @lines,
                    qq(ApiKeySecretFile "$site->{dir}/secret"));
        $site->htapikey('init');
        my $key = $site->create;
        for my $way (@APIKey::DatabaseSite::WAYS) {
            my $host = lc "$name-$way" =~ s/_//r;
            $key{$host} = $key;
            my @said = $way eq 'own' ? map { s/^DBD/ApiKeyDBD/r } @lines
                                     : (@lines, 'DBDMin 0');
            push @hosts, '<VirtualHost *>', "ServerName $host", @said,
                qq(ApiKeySecretFile "$site->{dir}/secret"), '</VirtualHost>';
        }
    }
    return @hosts;
}

# A request whose answer does not matter.
sub send_one {
    my ($host) = @_;
    return connection($site->port)->send("GET /api/ HTTP/1.1\r\nHost: $host"
        . "\r\nX-API-Key: $key{$host}\r\nConnection: close\r\n\r\n");
}

sub status_of {
    my ($host) = @_;
    my $got = eval { get($site->port, '/api/', "Host: $host",
                         "X-API-Key: $key{$host}") };
    return $got ? $got->{status} : 'none';
}

sub ended_well {
    my ($what) = @_;
    my $bad = qr/exit signal|Assertion|AH00046/;
    is(join('', grep { /$bad/ } split /^/, $site->errors), '', $what);
}

# Look-ups are under way. Without a number of seconds, the databases are frozen
# until the process that asked them has ended.
sub round {
    my ($what, $seconds, @hosts) = @_;
    ok(wait_until(60, sub { !grep { status_of($_) ne '200' } keys %key }),
       "$what: 200 from all hosts before");
    $_->signal('STOP') for @backends;
    my @waiting = map { send_one($_) } @hosts, @hosts;
    sleep 0.3;
    my @before = descendants($site->{pid});
    kill USR1 => $site->{pid};
    $seconds ? sleep $seconds
             : ok(wait_until(60, sub { grep { !kill 0, $_ } @before }),
                  "$what: the process that asked them ends");
    $_->signal('CONT') for @backends;
    eval { $_->response } for @waiting;
    ended_well("$what: no crash");
}

$site->{before} = 0;
$site->start(join "\n", hosts(), <<'EOF_CONF');
LogLevel info
<Location /api/>
    AuthType ApiKey
    Require valid-user
</Location>
EOF_CONF
my @pooled = grep { /moddbd/ } sort keys %key;
my @own = grep { /own/ } sort keys %key;
is(@pooled + @own, 4,
   'there are four hosts: two databases, each through both ways');
round('a short freeze', 0.3, @pooled, @own);
round('a freeze that outlasts the process, mod_dbd', 0, @pooled);
round('a freeze that outlasts the process, ApiKeyDBDriver', 0, @own);
round('another short one', 1.2, @pooled, @own);
round('one at the end of the deadline', 1.9, @pooled, @own);

ok(wait_until(60, sub { !grep { status_of($_) ne '200' } keys %key }),
   '200 from all hosts at the end');
$_->signal('STOP') for @backends;
my @waiting = map { send_one($_) } @pooled, @own;
sleep 0.3;
$site->stop;
$_->signal('CONT') for @backends;
ended_well('no crash when httpd is stopped while they are frozen');

done_testing;
