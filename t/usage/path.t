# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# No request waits for the writing of uses: while another connection holds the
# database's lock, or the table is away, requests are served, uses are kept,
# and are written as soon as that is over. With ApiKeyUsageFlush off nothing is
# counted.

use APIKey::Test;
use APIKey::Backends qw(backend);
use APIKey::HTTP;
use APIKey::Process qw(wait_until);
use APIKey::UsageSite;
use List::Util qw(max);
use Time::HiRes qw(time);

# A connection that waits for a lock gives up after these seconds.
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

my $longest = 0;                # seconds that an answer of these took

sub served {
    my ($clients, $count, $what) = @_;
    my @answers = $site->load($clients, 0, $key, count => $count);
    my @wrong = grep { $_->[0] ne 200 } @answers;
    is(scalar @wrong, 0, $what) or diag "@{ $wrong[0] }";
    $longest = max $longest, map { $_->[1] } @answers;
    return scalar @answers;
}

# The number of uses that wait in this process, as mod_status shows it.
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
    my $sum = served(4, 5, '200 for all requests');
    ok(wait_until($AGAIN, sub { uses() == $sum }), 'the uses are written');
    my $writer = $backend->session;
    $writer->run('BEGIN IMMEDIATE');
    my $before = $sum;
    # In seven seconds one attempt to write begins and is given up. If the
    # machine stands still for as long as an attempt takes, that proves
    # nothing, and another seven seconds are taken.
    for (1 .. 10) {
        $longest = 0;
        my $end = time + 7;
        while (time < $end) {
            $sum += served(4, 10, '200 for all requests while another '
                                  . 'connection holds the lock');
        }
        last if $longest < $GIVES_UP - 1;
    }
    cmp_ok($longest, '<', $GIVES_UP - 1,
           'no request waits until the attempt is given up');
    is(uses(), $before, 'no use is written while another holds the lock');
    ok(wait_until($AGAIN, sub {
        $site->errors =~ /APIKEY0151: .*holds a lock on the database/ }),
       'APIKEY0151 is logged with the reason');
    if ($site->{run}{mpm} ne 'prefork') {
        is((waiting('?auto'))[0], $sum - $before,
           'mod_status shows the number of uses that wait');
        is((waiting(''))[0], $sum - $before,
           'mod_status shows it in HTML, too');
    }
    $writer->run('COMMIT');
    $writer->close;
    ok(wait_until($AGAIN, sub { uses() == $sum }),
       'all uses are written once the lock is free')
        or diag uses(), " of $sum";
    ok(wait_until($AGAIN, sub { $site->errors =~ /APIKEY0152/ }),
       'APIKEY0152 is logged then');
    ok(wait_until($AGAIN, sub { (waiting('?auto'))[0] == 0 }),
       'mod_status shows that no use waits');
    $site->stop;
    is(uses(), $sum, 'no use is counted twice after the stop');
}

# The table is renamed, and renamed back.
sub broken {
    scene();
    my $sum = served(2, 5, '200 for all requests');
    ok(wait_until($AGAIN, sub { uses() == $sum }), 'the uses are written');
    $backend->sql('ALTER TABLE apikey_usage RENAME TO elsewhere');
    $sum += served(2, 5, '200 for all requests without the table');
    ok(wait_until($AGAIN, sub { $site->errors =~ /APIKEY0151: .*no such table/
                       }), 'APIKEY0151 is logged with the reason');
    $sum += served(2, 5, '200 for more requests without the table');
    $backend->sql('ALTER TABLE elsewhere RENAME TO apikey_usage');
    ok(wait_until($AGAIN, sub { uses() == $sum }),
       'all uses are written once the table is back')
        or diag uses(), " of $sum";
    $backend->sql('ALTER TABLE apikey_usage RENAME TO elsewhere');
    served(2, 5, '200 for all requests without the table again');
    $site->stop;
    like($site->errors, qr/APIKEY0155: .* taken \d+ uses of keys/,
         'APIKEY0155 is logged with the number of uses lost at the end');
}

# A key that is deleted before its use is written.
sub deleted {
    scene('ApiKeyUsageFlush 3600');
    my ($other, $other_id) = made();
    is($site->status($other), 200, '200 for a key that will be deleted');
    served(1, 3, '200 for another key');
    $backend->sql("DELETE FROM apikey WHERE id = '$other_id'");
    $site->stop;
    is(join(' ', $backend->sql('SELECT id, use_count FROM apikey_usage')),
       "$id|3", 'the deleted key gets no row');
    unlike($site->errors, qr/APIKEY015/,
           'no error is logged for the deleted key');
}

# One request of a client is one use, whatever redirects and sub-requests it
# has.
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
    is(uses($_->[1]), $_->[2], "$_->[0]: $_->[2] uses") for @keys;
}

# ApiKeyUsageFlush off, then off in one server out of two.
sub off {
    my $port = APIKey::ConfigTest::free_port();
    scene('ApiKeyUsageFlush off');
    served(2, 5, '200 for all requests with ApiKeyUsageFlush off');
    $site->stop;
    is($backend->sql('SELECT COUNT(*) FROM apikey_usage'), 0,
       'no use is counted with ApiKeyUsageFlush off');
    $site->run('ApiKeyUsageFlush off', "Listen 127.0.0.1:$port",
               "<VirtualHost 127.0.0.1:$port>", 'ApiKeyUsageFlush 3600',
               '</VirtualHost>');
    is($site->status($key), 200,
       '200 from the main server, which counts nothing');
    is(get($port, '/api/', "X-API-Key: $key")->{status}, 200,
       '200 from a virtual host that counts');
    $site->stop;
    is(uses(), 1, "the virtual host's use alone is counted");
    $site->run('ApiKeyUsageFlush 3600', 'ApiKeyQuery "SELECT id, tenant FROM '
               . 'apikey WHERE digest = %s"');
    is($site->status($key), 200, '200 by ApiKeyQuery');
    $site->stop;
    is(uses(), 1, 'no use is counted beside an ApiKeyQuery');
    unlike($site->errors, qr/APIKEY015/, 'no error is logged');
}

for my $case ([ 'a writer holds the database', \&locked ],
              [ 'the table is away', \&broken ],
              [ 'a key is deleted', \&deleted ],
              [ 'one request, one use', \&once ],
              [ 'off', \&off ]) {
    subtest $case->[0] => $case->[1];
}

done_testing;
