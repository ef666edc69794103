# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# 16 clients send 20 000 requests with good and bad keys, half of them over
# persistent connections, while htapikey creates and revokes keys. Each request
# gets the answer of its key, each change is in the database and in the audit,
# and each request that starts after `revoke` has returned is refused.
#
# APIKEY_TEST_SLOW=N sends the Nth part: httpd is slow under an instrument.

use APIKey::Test;
use APIKey::Auth;
use APIKey::Instrument;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

my $instrumented = APIKey::Instrument::any();
my $slow = $ENV{APIKEY_TEST_SLOW} || ($instrumented ? 20 : 1);
my $clients = 16;
my $total = $clients * int(20_000 / $slow / $clients);
my $host = 'auth_load';

# ---- The keys, and the answer for each ----
my ($secret) = secrets();
my $rivals = create_key($host, tenant => 'rival', scope => 'a:b')->{key};
my %made = map { $_ => create_key($host, tenant => "t-$_", scope => 'a:*') }
           map({ "good$_" } 1 .. 6), qw(revoked disabled expired suspended);
$made{scope} = create_key($host, tenant => 't-scope', scope => 'c:d');
$made{invalid} = create_key($host, tenant => 't-ks', scope => 'a:b',
                            keyspace => 'elsewhere');
tell($host, 'revoke', $made{revoked}{id});
tell($host, 'disable', $made{disabled}{id});
tell($host, qw(tenant suspend t-suspended));
sql($host, "UPDATE apikey SET expires = 1 WHERE id = '$made{expired}{id}'");

my %status = (granted => 200, scope => 403, suspended => 403,
              ambiguous => 400);
sub kind {
    my ($reason, @headers) = @_;
    return { reason => $reason, status => $status{$reason} // 401,
             bytes => join "\r\n", 'GET /index.html HTTP/1.1', 'Host: a',
                                   @headers, '', '' };
}
my @kinds = (
    (map { kind('granted', "X-API-Key: $made{$_}{key}") }
         map { "good$_" } 1 .. 3),
    (map { kind('granted', "Authorization: Bearer $made{$_}{key}") }
         map { "good$_" } 4 .. 6),
    (map { kind($_, "X-API-Key: $made{$_}{key}") } qw(revoked disabled expired
         suspended scope invalid)),
    kind('invalid', 'X-API-Key: ' . unknown_key($secret)),
    kind('invalid', 'X-API-Key: ' . substr($rivals, 0, -1) . '-'),
    kind('missing'),
    kind('ambiguous', "X-API-Key: $rivals",
         "Authorization: Bearer $made{good1}{key}"),
);

# Sends a request over a persistent connection. If httpd has closed the
# connection as idle before the first byte of the response, the request is sent
# again over a new one, as HTTP clients do.
sub exchange {
    my ($connection, $bytes) = @_;
    my $reused = $$connection;
    for my $try (1, 2) {
        $$connection ||= connection($host);
        my $r = eval { $$connection->send($bytes)->response };
        if ($r) {
            undef $$connection if grep { lc eq 'close' }
                                  header_of($r, 'Connection');
            return $r;
        }
        undef $$connection;
        return { status => "no answer: $@", body => '' } if $@ || !$reused;
        undef $reused;
    }
}

# ---- A client: this many requests, in a random order ----
sub run_client {
    my ($number, $requests) = @_;
    srand $number;
    my %seen = (right => 0);
    my $connection;
    for (1 .. $requests) {
        undef $connection if $number % 2;
        my $kind = $kinds[ rand @kinds ];
        my $r = exchange(\$connection, $kind->{bytes});
        my $body = $kind->{status} == 200 ? 'for everybody'
                                          : qq("code":"$kind->{reason}");
        if ($r->{status} == $kind->{status} && $r->{body} =~ /\Q$body\E/) {
            $seen{right}++;
        }
        else {
            $seen{"$r->{status} where $kind->{reason} was due: $r->{body}"}++;
        }
    }
    return \%seen;
}

# Runs a function in a process; join_process() returns the function's result.
sub start {
    my ($function, @arguments) = @_;
    pipe my $from, my $to or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        close $from;
        my $result = eval { $function->(@arguments) } // { "died: $@" => 1 };
        print $to JSON::PP::encode_json($result);
        close $to;
        POSIX::_exit(0);
    }
    return { pid => $pid, from => $from };
}

sub join_process {
    my ($process) = @_;
    my $text = do { local $/; readline $process->{from} };
    waitpid $process->{pid}, 0;
    return eval { JSON::PP::decode_json($text) }
        // { "ended with status $?" => 1 };
}

# ---- Another process: keys are created and granted, revoked and refused ----
my $done = run_info()->{stage} . '/state/load-done';
unlink $done;

sub churn {
    my (%seen, @made);
    my $connection;
    until (-e $done && @made >= 20) {
        my $one = create_key($host, tenant => 'churn', scope => 'a:b');
        my $bytes = "GET /index.html HTTP/1.1\r\nHost: a\r\n"
                  . "X-API-Key: $one->{key}\r\n\r\n";
        my $ask = sub { return exchange(\$connection, $bytes)->{status} };
        my $status = $ask->();
        $seen{"$status after create"}++ if $status != 200;
        # Every third key is not revoked and must be good in the end.
        my $stays = @made % 3 == 2;
        push @made, [ $one->{id}, $stays ? 'stays' : 'revoked' ];
        next if $stays;
        my $told = htapikey($host, 'revoke', $one->{id});
        $seen{"revoke failed: $told->{err}"}++ if $told->{exit};
        for (1 .. 3) {
            $status = $ask->();
            $seen{"$status after revoke"}++ if $status != 401;
        }
    }
    return { made => \@made, wrong => \%seen };
}

my $begin = time;
my $churn = start(\&churn);
my @running = map { start(\&run_client, $_, $total / $clients) }
              1 .. $clients;
my %seen;
for my $process (@running) {
    my $one = join_process($process);
    $seen{$_} += $one->{$_} for keys %$one;
}
my $took = time - $begin;
open my $flag, '>', $done or die "$done: $!\n";
close $flag;
my $changes = join_process($churn);

is_deeply(\%seen, { right => $total },
          "each of $total requests gets the answer of its key")
    or diag explain(\%seen);
is_deeply($changes->{wrong}, {},
          'meanwhile a key is granted after create and refused after revoke');
my @made = @{ $changes->{made} || [] };
cmp_ok(scalar @made, '>=', 20, @made . ' keys were made meanwhile');
note(sprintf '%d requests in %.1f s', $total, $took);

# ---- No lost change ----
my %in_database = map { split /\|/, $_, 2 } sql($host,
    "SELECT id, CASE WHEN revoked > 0 THEN 'revoked' ELSE 'stays' END
     FROM apikey WHERE tenant = 'churn'");
is_deeply(\%in_database, { map { @$_ } @made },
          'the database has each key that was made and each revocation');
my ($audit) = sql($host, "SELECT COUNT(*) FROM apikey_audit
                          WHERE tenant = 'churn' AND action = 'create'");
is($audit, scalar @made, 'the audit has an entry for each key that was made');

# ---- A request that starts after `revoke` has returned ----
my %late;
for my $round (1 .. ($instrumented ? 10 : 60)) {
    my $one = create_key($host, tenant => 'late', scope => 'a:b');
    my @open = map { connection($host) } 1 .. 4;
    my $bytes = "GET /index.html HTTP/1.1\r\nHost: a\r\n"
              . "X-API-Key: $one->{key}\r\n\r\n";
    $late{before}{ $_->send($bytes)->response->{status} }++ for @open;
    tell($host, 'revoke', $one->{id});
    # Over the connections that were open before and a new one, all at once.
    push @open, connection($host);
    $_->send($bytes) for @open;
    $late{after}{ $_->response->{status} }++ for @open;
}
is_deeply([ map { join ',', keys %{ $late{$_} } } qw(before after) ],
          [ 200, 401 ],
          '200 for each request before revoke, 401 for each one after it')
    or diag(explain(\%late));

key_nowhere_in_logs($rivals);
key_nowhere_in_logs($_) for @made{qw(good1 revoked)};

done_testing;
