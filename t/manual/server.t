# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# conf/examples/quickstart/site.conf, which is the configuration of a whole
# server: it starts and opens nothing.  recipes.t does the same with all other
# configurations.

use APIKey::Guard qw(files slurp);
use APIKey::RecipeSite;
use APIKey::Test;

my $site = APIKey::RecipeSite->new;
my $dir = $site->{dir};
my $from = 'conf/examples/quickstart';
for my $file (files(qr{^\Q$from\E/})) {
    $site->file('demo' . substr($file, length $from), slurp($file),
                $file =~ /cgi-bin/ ? 0755 : 0644);
}
$site->file('demo/run/.keep', '');
$site->file('demo/keys.conf', $site->database_lines);
symlink run_info()->{module}, "$dir/demo/mod_apikey.so" or die "symlink: $!\n";

my $keys = $site->keys_of("$dir/cli.conf", 'X-API-Key: ',
                          acme => ['demo:read'], globex => ['demo:admin']);
my $port = APIKey::ConfigTest::free_port();
my $conf = <<"EOF_CONF";
Define DEMO "$dir/demo"
Define PORT $port
Define APP_PORT $site->{app_port}
Include "$dir/demo/site.conf"
EOF_CONF
my %common = (at => "127.0.0.1:$port", keys => $keys);
my @places = (
    { %common, what => 'the application', below => '/app', conf => $conf,
      guards => [ { method => '*', path => '/app', may => { acme => 1 } },
                  { method => '*', path => '/app/admin',
                    may => { globex => 1 } } ] },
    { %common, what => 'the CGI', conf => '', answers => qr/^the CGI: /,
      guards => [ { method => '*', path => '/cgi/whoami',
                    may => { acme => 1 } } ] },
);
$site->{places} = \@places;
$site->run;
for my $place (@places) {
    $site->ask_edges($place);
}
my $reached = $site->reached;
for my $place (@places) {
    is(join("\n", $site->open_edges($place, $reached)), '',
       "$place->{what}: nothing is open to requests that may not have it");
    is(join("\n", $site->closed($place)), '',
       "$place->{what}: a key that is allowed is granted access");
}
is(get($port, '/')->{status}, 200, 'the page at / needs no key');
$site->stop;
done_testing;
