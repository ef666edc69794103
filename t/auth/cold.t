# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Each request with a good key is granted while the SQLite database is opened
# and closed by httpd and by htapikey, which often is another user. Eight
# clients ask, and two processes run htapikey until they are done.

use APIKey::Test;
use APIKey::Auth;
use APIKey::Instrument;
use JSON::PP ();
use POSIX ();

my $host = 'auth_cold';
my $rounds = APIKey::Instrument::any() ? 10 : 100;
my $key = create_key($host)->{key};
my $bytes = "GET /index.html HTTP/1.1\r\nHost: a\r\nX-API-Key: $key\r\n\r\n";

my $done = run_info()->{stage} . '/state/cold-done';
unlink $done;
my @managers = map {
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        until (-e $done) {
            htapikey($host, $_ == 1 ? 'list' : ('create', '-q', '--tenant',
                                                'cold', '--name', 'cold'));
        }
        POSIX::_exit(0);
    }
    $pid;
} 1, 2;

my %seen;
my @clients = map { connection($host) } 1 .. 8;
for my $round (1 .. $rounds) {
    $_->send($bytes) for @clients;
    for my $client (@clients) {
        my $r = $client->response // { status => 'no answer' };
        $seen{ $r->{status} }++;
        $client = connection($host) if $r->{status} ne 200;
    }
}
open my $flag, '>', $done or die "$done: $!\n";
close $flag;
waitpid $_, 0 for @managers;
is_deeply(\%seen, { 200 => 8 * $rounds },
          '200 for each request while htapikey opens and closes the database')
    or diag(explain(\%seen));
key_nowhere_in_logs($key);

done_testing;
