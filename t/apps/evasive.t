# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# mod_evasive with keys: a client that it denies gets the response of
# mod_evasive, with a key or without, and no word about keys.

use APIKey::Auth;
use APIKey::ConfigTest;
use APIKey::Process qw(wait_until);
use APIKey::Test;

chomp(my $folder = `@{[ $ENV{APXS} || 'apxs' ]} -q LIBEXECDIR`);
my $site = APIKey::ConfigTest->new(
    above => qq(LoadModule evasive20_module "$folder/mod_evasive20.so"\n));
my ($key, $gone) = map { $site->create('--owner', $_) } qw(anna bob);
$site->htapikey(qw(revoke --owner bob));
my $bad = $key =~ s/(.)\z/$1 eq 'a' ? 'b' : 'a'/er;
$site->file("docs/$_/index.html", "A page.\n")
    for qw(api any basic open);
$site->file('none', '');
mkdir "$site->{dir}/evasive";
chmod 0777, "$site->{dir}/evasive";
# mod_evasive counts in each process.  Its interval is that of one page and of
# all pages, so that everything is refused after the first refusal.
$site->start(<<'EOF_CONF');
@DATABASE@
LogLevel apikey:debug
<IfModule mpm_prefork_module>
    MaxRequestWorkers 1
</IfModule>
DOSPageCount 3
DOSPageInterval 600
DOSBlockingPeriod 600
DOSLogDir "@DIR@/evasive"
LogFormat "%>s %{APIKEY_RESULT}e %{apikey-id}n %U" results
CustomLog "@DIR@/results" results
<LocationMatch "^/(?:api|any)/">
    AuthType ApiKey
    AuthName "R"
    Require valid-user
</LocationMatch>
<Location "/any/">
    # Either of address and key is enough for access.
    Satisfy Any
</Location>
<Location "/basic/">
    AuthType Basic
    AuthName "B"
    AuthUserFile "@DIR@/none"
    Require valid-user
</Location>
EOF_CONF

sub ask_for { return get($site->port, "/$_[0]/", @_[1 .. $#_]) }

my $with = "X-API-Key: $key";
ok(granted(ask_for(api => $with)), 'access is granted with a key at first');
my $asked = 1;
1 until ask_for(api => $with)->{status} == 403 || ++$asked == 20;
cmp_ok($asked, '<', 20, 'mod_evasive denies the client after some requests');

my %SENT = ('a key' => [$with], nothing => [],
            'a revoked key' => ["Authorization: Bearer $gone"],
            'a wrong key' => ["X-API-Key: $bad"],
            'a foreign key' => ['Authorization: Bearer x.y']);
for my $what (sort keys %SENT) {
    my $r = ask_for(api => @{ $SENT{$what} });
    is_deeply(refusal($r), expected('denied'),
              "$what: 403 without a challenge and without a word about keys");
}
is_deeply(refusal(ask_for(any => @{ $SENT{$_->[0]} })), expected($_->[1]),
          "where a key is enough, $_->[0]: refused as $_->[1]")
    for [ 'nothing', 'missing' ], [ 'a wrong key', 'invalid' ];
ok(granted(ask_for(any => $with)),
   'where a key is enough, access is granted with a key');
for my $place (qw(open basic)) {
    my $r = ask_for($place => $with);
    is("$r->{status} @{[ header_of($r, 'Content-Type') ]}",
       '403 text/html; charset=iso-8859-1', "$place: the page of httpd");
    is_deeply([ header_of($r, 'WWW-Authenticate') ], [],
              "$place: no challenge");
}

my @log;
wait_until(60, sub {
    @log = split /\n/, $site->slurp('results');
    return @log >= $asked + 1 + keys(%SENT) + 5;
});
is(scalar(grep { /^403 forbidden - .api/ } @log), 1 + keys %SENT,
   'the log has no key for requests that mod_evasive denied');
is(scalar(grep { /^403 - - / } @log), 2,
   'the log has no reason in other places');
like($site->slurp('error_log'), qr/evasive20:error\N+client denied/,
     'the error log has the message of mod_evasive');
like($site->slurp('error_log'),
     qr/APIKEY0200: request refused, forbidden, by no Require apikey-/,
     'the error log says that no Require of mod_apikey refused it');

$site->stop;
is($site->leaks($key, $gone), '', 'no log has a key');
done_testing;
