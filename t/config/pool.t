# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# mod_dbd's connections compared with httpd's threads, wherever they are
# configured: httpd -t warns, and logs at level info how many connections a
# database must allow.  It does not connect.

use APIKey::Test;
use APIKey::ConfigTest;

my $site = APIKey::ConfigTest->new;
my $prefork = run_info()->{mpm} eq 'prefork';
my $ring = qq(LogLevel info\nApiKeySecretFile "$site->{dir}/secret"\n);
my $remote = qq(DBDriver pgsql\nDBDParams "host=/nowhere"\n);

# The messages about connections, by number.
sub said {
    my ($conf, $lines) = @_;
    my $said = $site->check($ring . ($lines // $remote) . $conf);
    ok($said->{ok}, 'httpd goes on') or diag($said->{text});
    return { map { $_ => [ $said->{text} =~ /^APIKEY$_: (.*)/mg ] }
             qw(0194 0195) };
}

# Lines of a configuration: how many connections are too few, and all of them.
# prefork's processes have one thread.
my @cases = $prefork ? (
    [ "MaxRequestWorkers 150\n", undef, 1500 ],
    [ "DBDMax 1\nMaxRequestWorkers 150\n", undef, 150 ],
) : (
    [ "ThreadsPerChild 25\nMaxRequestWorkers 400\n", undef, 160 ],
    [ "DBDMax 7\nThreadsPerChild 25\nMaxRequestWorkers 400\n", [ 8, 7 ], 112 ],
    [ "DBDMax 8\nThreadsPerChild 25\nMaxRequestWorkers 400\n", undef, 128 ],
    [ "dbdmax 64\nThreadsPerChild 64\nMaxRequestWorkers 256\n", undef, 256 ],
    [ "<IfModule mod_dbd.c>\nDBDMax \"3\"\n</IfModule>\n"
      . "<IfModule nosuch.c>\nDBDMax 64\n</IfModule>\n"
      . "ThreadsPerChild 4\nMaxRequestWorkers 20\n", [ 4, 3 ], 15 ],
    [ "DBDMax 5\nDefine many 30\nDBDMax \${many}\nThreadsPerChild 25\n"
      . "MaxRequestWorkers 75\n", undef, 90 ],
);
for my $case (@cases) {
    my ($conf, $few, $all) = @$case;
    my $told = said($conf);
    is(scalar @{ $told->{'0194'} }, $few ? 1 : 0, "a warning? $conf")
        or diag("@{ $told->{'0194'} }");
    my ($wanted, $has) = @{ $few // [] };
    like($told->{'0194'}[0],
         qr/as many as $wanted .* main server gives it $has, .*Max $wanted or/,
         'with both numbers') if $few;
    is(scalar @{ $told->{'0195'} }, 1, 'one database');
    like($told->{'0195'}[0], qr/at most $all connections/, 'and all of them');
}

# ---- Virtual hosts have a DBDMax of their own ----
sub host {
    my ($port, @lines) = @_;
    return join "\n", "<VirtualHost 127.0.0.1:$port>", "ApiKeyKeyspace k$port",
                      @lines, "</VirtualHost>\n";
}
my $threads = $prefork ? '' : "ThreadsPerChild 25\nMaxRequestWorkers 50\n";
my $hosts = said($threads . host(1, 'DBDMax 2') . host(2)
                 . host(3, 'DBDMax 2') . host(4, 'DBDMax 3')
                 . host(5, 'DBDMax 30'));
is(scalar @{ $hosts->{'0194'} }, $prefork ? 0 : 2, 'each small one once');
is(join(' ', sort map { /of the server at \S+:\d+ gives it (\d),/ }
        @{ $hosts->{'0194'} }), $prefork ? '' : '2 3', 'and the host is named');
is(scalar @{ $hosts->{'0195'} }, 4, 'each size is told');

# ---- Where mod_dbd's pool is not used ----
my $few = "DBDMax 1\n$threads";
for my $case ([ 'DBDPersist Off', "DBDPersist Off\n$remote", 1 ],
              [ 'connections of our own', $remote =~ s/^DBD/ApiKeyDBD/gmr, 1 ],
              [ 'SQLite', "DBDriver sqlite3\nDBDParams \"$site->{db}\"\n", 0 ]) {
    my ($what, $lines, $told) = @$case;
    my $none = said($few, $lines);
    is(scalar @{ $none->{'0194'} }, 0, "$what: no warning")
        or diag("@{ $none->{'0194'} }");
    is(scalar @{ $none->{'0195'} }, $told, "$what: told of at level info");
}
my $quiet = $site->check($remote . $few);
ok($quiet->{ok} && $quiet->{text} !~ /APIKEY/, 'not a word without secrets')
    or diag($quiet->{text});

done_testing;
