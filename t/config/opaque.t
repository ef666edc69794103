# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# ApiKeyFormat opaque without ApiKeyPrefix: in that virtual host, and in no
# other, every credential in a place of ApiKeyFrom is taken for a key, masked
# and not passed on; httpd logs a warning (APIKEY0330) when it starts.

use APIKey::Test;
use APIKey::ConfigTest;

my $site = APIKey::ConfigTest->new;
my $app = 'http://127.0.0.1:' . port('app');
my $conf = join '', "\@DATABASE\@\nProxyPass / $app/\n",
    map { "<VirtualHost 127.0.0.1:*>\nServerName $_->[0].example\n$_->[1]\n"
          . "</VirtualHost>\n" }
    [ main => '' ], [ all => 'ApiKeyFormat base62 opaque' ],
    [ two => 'ApiKeyFormat opaque' ],
    [ begin => "ApiKeyFormat opaque\nApiKeyPrefix sk_live" ];
my $said = $site->check($conf);
ok($said->{ok}, 'httpd -t accepts opaque keys without a prefix');
is(scalar(() = $said->{text} =~ /APIKEY0330/g), 1,
   'httpd -t prints APIKEY0330 once for two such servers');
like($said->{text}, qr/APIKEY0330: .*of the server at \S+:\d+ and 1 more:/,
     'APIKEY0330 names the file and line of one server and counts the others');
unlike($site->check($conf =~ s/ApiKeyFormat.* ?opaque/ApiKeyPrefix ak/gr)
       ->{text}, qr/APIKEY0330/, 'httpd -t prints no APIKEY0330 with a prefix');

$site->start($conf);
my $secret = 'a1b2c3d4e5f6g7h8i9j0';
# [host, header, value, whether the application gets it, what the access log has
# instead].
my @rows = (
    [ main => 'X-API-Key', 'own', 1 ],
    [ main => 'Authorization', "Bearer $secret", 1 ],
    [ begin => 'X-API-Key', $secret, 1 ],
    [ begin => 'Authorization', "Bearer $secret", 1 ],
    [ begin => 'X-API-Key', "sk_live_$secret", 0, 'sk_live_...i9j0' ],
    [ begin => 'Authorization', "Token sk_live_$secret", 0,
      'Token sk_live_...i9j0' ],
    map({ ([ $_ => 'X-API-Key', 'own', 0, '...***' ],
           [ $_ => 'X-API-Key', $secret, 0, '...i9j0' ],
           [ $_ => 'Authorization', "Bearer $secret", 0, 'Bearer ...i9j0' ],
           # Places that ApiKeyFrom does not name.
           [ $_ => 'Authorization', 'Basic Ym9iOmJ1aWxkZXI=', 1 ],
           [ $_ => 'Authorization', "Token $secret", 1 ],
           [ $_ => 'X-Other', $secret, 1 ],
           [ $_ => 'Cookie', "k=$secret", 1 ]) } qw(all two)),
);
for (@rows) {
    my ($host, $header, $value, $gets) = @$_;
    my $body = get($site->port, '/', "Host: $host.example", "$header: $value")
        ->{body};
    is_deeply([ $body =~ /^\Q$header\E: (.*?)\r?$/mgi ], $gets ? [$value] : [],
              "$host: $header: $value is " . ($gets ? '' : 'not ')
              . 'passed on');
}
$site->stop;
my $log = $site->slurp('access_log');
for (grep { !$_->[3] } @rows) {
    my ($host, $header, $value, $gets, $shown) = @$_;
    like($log, qr/ (?:key|auth)=\Q$shown\E/,
         "$host: the access log has $shown for $value");
}
is($site->leaks("sk_live_$secret"), '', 'the logs contain no key');
my $start = $site->slurp('error_log') . $site->slurp('said');
is(scalar(() = $start =~ /APIKEY0330/g), 1,
   'httpd logs APIKEY0330 once when it starts');
done_testing;
