# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# httpd -t compares DBDMax with the threads of httpd, wherever both are
# configured.  It warns of too few connections (APIKEY0194) and prints at level
# info how many a database must allow (APIKEY0195).  It does not connect.

use APIKey::Test;
use APIKey::ConfigTest;

my $site = APIKey::ConfigTest->new;
my $prefork = run_info()->{mpm} eq 'prefork';
my $secrets = qq(LogLevel info\nApiKeySecretFile "$site->{dir}/secret"\n);
my $remote = qq(DBDriver pgsql\nDBDParams "host=/nowhere"\n);

# Number of a message => what httpd -t prints with it.
sub said {
    my ($conf, $lines) = @_;
    my $said = $site->check($secrets . ($lines // $remote) . $conf);
    ok($said->{ok}, 'httpd -t accepts: '
       . join '; ', split /\n/, ($lines // '') . $conf) or diag($said->{text});
    return { map { $_ => [ $said->{text} =~ /^APIKEY$_: (.*)/mg ] }
             qw(0194 0195) };
}

# [lines, [connections that are needed, connections of a process] if these are
# too few, connections of all processes]. prefork's processes have one thread.
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
    my $what = join '; ', split /\n/, $conf;
    is(scalar @{ $told->{'0194'} }, $few ? 1 : 0,
       ($few ? 'a warning: ' : 'no warning: ') . $what)
        or diag("@{ $told->{'0194'} }");
    my ($wanted, $has) = @{ $few // [] };
    like($told->{'0194'}[0],
         qr/as many as $wanted .* main server gives it $has, .*Max $wanted or/,
         "the warning has both numbers: $what") if $few;
    is(scalar @{ $told->{'0195'} }, 1, "one line about the database: $what");
    like($told->{'0195'}[0], qr/at most $all connections/,
         "at most $all connections: $what");
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
is(scalar @{ $hosts->{'0194'} }, $prefork ? 0 : 2,
   'one warning for each DBDMax of virtual hosts that is too small');
is(join(' ', sort map { /of the server at \S+:\d+ gives it (\d),/ }
        @{ $hosts->{'0194'} }), $prefork ? '' : '2 3',
   'each warning names the file and line of a host');
is(scalar @{ $hosts->{'0195'} }, 4,
   'one line about the database for each DBDMax');

# ---- Where mod_dbd's pool is not used ----
my $few = "DBDMax 1\n$threads";
for my $case ([ 'DBDPersist Off', "DBDPersist Off\n$remote", 1 ],
              [ 'ApiKeyDBDriver', $remote =~ s/^DBD/ApiKeyDBD/gmr, 1 ],
              [ 'SQLite', "DBDriver sqlite3\nDBDParams \"$site->{db}\"\n",
                0 ]) {
    my ($what, $lines, $told) = @$case;
    my $none = said($few, $lines);
    is(scalar @{ $none->{'0194'} }, 0, "$what: no warning")
        or diag("@{ $none->{'0194'} }");
    is(scalar @{ $none->{'0195'} }, $told,
       "$what: " . ($told ? 'one line' : 'no line') . ' about the database');
}
my $quiet = $site->check($remote . $few);
ok($quiet->{ok} && $quiet->{text} !~ /APIKEY/,
   'httpd -t prints no message without ApiKeySecretFile')
    or diag($quiet->{text});

done_testing;
