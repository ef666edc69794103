# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# No request waits for the writing of uses: while another holds the database
# for writing, or has taken it away, requests go on, uses are kept, and are
# written as soon as that is over.  And with ApiKeyUsageFlush off
# nothing is counted.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::HTTP;
use APIKey::Process qw(wait_until);
use APIKey::UsageSite;
use List::Util qw(max);
use Time::HiRes qw(time);

# A writer that waits for a lock gives up after so many seconds.
my $GIVES_UP = 5;
my $AGAIN = 72;

my ($site, $backend, $key, $id);

sub made { return @{ $site->made }{qw(key id)} }

sub uses { return $site->uses($_[0] // $id) }

sub scene {
    my (@lines) = @_;
    $backend = backend('sqlite3');
    $site = APIKey::UsageSite->new($backend, 'own');
    $site->init;
    ($key, $id) = made();
    $site->run('ApiKeyUsageFlush 1', 'LogLevel warn', @lines);
}

my $longest = 0;                # an answer of these took, seconds

sub served {
    my ($clients, $count, $what) = @_;
    my @answers = $site->load($clients, 0, $key, count => $count);
    my @wrong = grep { $_->[0] ne 200 } @answers;
    is(scalar @wrong, 0, $what) or diag "@{ $wrong[0] }";
    $longest = max $longest, map { $_->[1] } @answers;
    return scalar @answers;
}

# How many uses wait in this process, as mod_status says (of one process).
sub waiting {
    my ($form) = @_;
    my $page = get($site->port, "/server-status$form")->{body};
    return $form ? $page =~ /^ApiKey0UsageWaiting: (\d+)$/m
                 : $page =~ m{<h2>API\ keys</h2>.*<th>UsageWaiting.*
                              <td>(\d+)</td><td>closed</td></tr>}sx;
}

my $STATUS = <<'EOF_CONF';
ExtendedStatus On
<Location /server-status>
    SetHandler server-status
</Location>
EOF_CONF

sub locked {
    scene('ApiKeyCache shmcb', $STATUS);
    my $sum = served(4, 5, 'requests');
    ok(wait_until($AGAIN, sub { uses() == $sum }), 'their uses are written');
    my $writer = $backend->session;
    $writer->run('BEGIN IMMEDIATE');
    my $before = $sum;
    # In seven seconds one attempt to write has begun and has been given up.
    # Seconds in which the machine stands still for as long as an attempt takes
    # prove nothing, and others are taken.
    for (1 .. 10) {
        $longest = 0;
        my $end = time + 7;
        while (time < $end) {
            $sum += served(4, 10, 'a writer holds the database: requests '
                                  . 'are served');
        }
        last if $longest < $GIVES_UP - 1;
    }
    cmp_ok($longest, '<', $GIVES_UP - 1, 'none waits until it gives up');
    is(uses(), $before, 'nothing is written meanwhile');
    ok(wait_until($AGAIN, sub {
        $site->errors =~ /APIKEY0151: .*holds a lock on the database/ }),
       'the log says why');
    if ($site->{run}{mpm} ne 'prefork') {
        is((waiting('?auto'))[0], $sum - $before, 'mod_status: uses waiting');
        is((waiting(''))[0], $sum - $before, 'in HTML, too');
    }
    $writer->run('COMMIT');
    $writer->close;
    ok(wait_until($AGAIN, sub { uses() == $sum }), 'then all are written')
        or diag uses(), " of $sum";
    ok(wait_until($AGAIN, sub { $site->errors =~ /APIKEY0152/ }),
       'and the log says so');
    ok(wait_until($AGAIN, sub { (waiting('?auto'))[0] == 0 }),
       'none is waiting');
    $site->stop;
    is(uses(), $sum, 'none counts twice');
}

# The table is renamed, and renamed back.
sub broken {
    scene();
    my $sum = served(2, 5, 'requests');
    ok(wait_until($AGAIN, sub { uses() == $sum }), 'are counted');
    $backend->sql('ALTER TABLE apikey_usage RENAME TO elsewhere');
    $sum += served(2, 5, 'the table is renamed');
    ok(wait_until($AGAIN, sub { $site->errors =~ /APIKEY0151: .*no such table/
                       }), 'the log has the words of the database');
    $sum += served(2, 5, 'requests are served as ever');
    $backend->sql('ALTER TABLE elsewhere RENAME TO apikey_usage');
    ok(wait_until($AGAIN, sub { uses() == $sum }), 'it is back')
        or diag uses(), " of $sum";
    $backend->sql('ALTER TABLE apikey_usage RENAME TO elsewhere');
    served(2, 5, 'once more');
    $site->stop;
    like($site->errors, qr/APIKEY0155: .* taken \d+ uses of keys/,
         'what cannot be written at the end is told');
}

# A key that is deleted before its use is written.
sub deleted {
    scene('ApiKeyUsageFlush 3600');
    my ($other, $other_id) = made();
    is($site->status($other), 200, 'a key');
    served(1, 3, 'another');
    $backend->sql("DELETE FROM apikey WHERE id = '$other_id'");
    $site->stop;
    is(join(' ', $backend->sql('SELECT id, use_count FROM apikey_usage')),
       "$id|3", 'leaves no row of its own');
    unlike($site->errors, qr/APIKEY015/, 'nor a complaint');
}

# One request of a client is one use, whatever it becomes here.
sub once {
    scene('ApiKeyUsageFlush 3600', <<'EOF_CONF');
RewriteEngine On
RewriteRule ^/rewritten$ /api/ [PT]
<Location /api/twice>
    ErrorDocument 404 /api/index.html
</Location>
<Location /refused/>
    AuthType ApiKey
    Require apikey-scope none
    ErrorDocument 403 /api/index.html
</Location>
<Location /granted/>
    AuthType ApiKey
    Require all granted
</Location>
<Location /any/>
    AuthType ApiKey
    Require valid-user
    Require all granted
    Satisfy Any
</Location>
<Directory "@DOCS@">
    Options +Includes
    AddOutputFilter INCLUDES .shtml
</Directory>
EOF_CONF
    $site->file('docs/granted/index.html', "A page.\n");
    $site->file('docs/any/index.html', "A page.\n");
    $site->file('docs/api/many.shtml',
                '<!--#include virtual="/api/index.html" -->' x 3);
    $site->file('docs/open.shtml',
                '<!--#include virtual="/api/index.html" -->' x 3);
    my @keys;
    for my $case ([ '/api/', 200, 1 ], [ '/rewritten', 200, 1 ],
                  [ '/api/many.shtml', 200, 1 ], [ '/open.shtml', 200, 1 ],
                  [ '/api/twice', 404, 1 ], [ '/granted/', 200, 1 ],
                  [ '/any/', 200, 1 ], [ '/', 200, 0 ],
                  [ '/refused/', 403, 0 ], [ '/scoped/', 403, 0 ]) {
        my ($path, $status, $uses) = @$case;
        my ($its_key, $its_id) = made();
        is($site->status($its_key, $path), $status, "$path: $status");
        push @keys, [ $path, $its_id, $uses ];
    }
    $site->stop;
    is(uses($_->[1]), $_->[2], "$_->[0]: uses") for @keys;
}

# ApiKeyUsageFlush off, of one server out of two.
sub off {
    my $port = APIKey::ConfigTest::free_port();
    scene('ApiKeyUsageFlush off');
    served(2, 5, 'off');
    $site->stop;
    is($backend->sql('SELECT COUNT(*) FROM apikey_usage'), 0,
       'nothing is counted');
    $site->run('ApiKeyUsageFlush off', "Listen 127.0.0.1:$port",
               "<VirtualHost 127.0.0.1:$port>", 'ApiKeyUsageFlush 3600',
               '</VirtualHost>');
    is($site->status($key), 200, 'the main server');
    is(get($port, '/api/', "X-API-Key: $key")->{status}, 200,
       'a virtual host that counts');
    $site->stop;
    is(uses(), 1, 'counts its own');
    $site->run('ApiKeyUsageFlush 3600', 'ApiKeyQuery "SELECT id, tenant FROM '
               . 'apikey WHERE digest = %s"');
    is($site->status($key), 200, 'ApiKeyQuery');
    $site->stop;
    is(uses(), 1, 'has no place for uses');
    unlike($site->errors, qr/APIKEY015/, 'and nothing to complain of');
}

for my $case ([ 'a writer holds the database', \&locked ],
              [ 'the table is away', \&broken ],
              [ 'a key is deleted', \&deleted ],
              [ 'one request, one use', \&once ],
              [ 'off', \&off ]) {
    subtest $case->[0] => $case->[1];
}

done_testing;
