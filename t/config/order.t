# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# The order of hooks: ours run before those of mod_security and mod_perl,
# whatever is loaded first, so that these see no key, and our fixup runs last,
# so that none changes the identity.  A module whose hooks run before ours
# nevertheless is named in a warning when httpd starts.

use APIKey::Test;
use APIKey::ConfigTest;
use APIKey::Process qw(wait_until);

chomp(my $folder = `@{[ $ENV{APXS} || 'apxs' ]} -q LIBEXECDIR`);

sub load { return qq(LoadModule $_[0]_module "$folder/mod_$_[0].so"\n) }

my $area = <<'EOF';
@DATABASE@
<Location /api>
    AuthType ApiKey
    AuthName R
    Require valid-user
</Location>
Alias /api "@DOCS@"
Header always set X-Told "expr=[%{HTTP:X-Apikey-Tenant}]"
EOF

# mod_security with every part of the audit log, the most verbose debug log, and
# rules that write what they see to httpd's log.
my $security = <<'EOF';
SecRuleEngine On
SecRequestBodyAccess On
SecAuditEngine On
SecAuditLogType Serial
SecAuditLogParts ABCDEFGHIJKZ
SecAuditLog "@DIR@/audit_log"
SecDebugLog "@DIR@/sec_log"
SecDebugLogLevel 9
SecRule REQUEST_HEADERS:X-API-Key "." \
    "id:1,phase:1,pass,log,logdata:'%{MATCHED_VAR}'"
SecRule REQUEST_HEADERS "." \
    "id:2,phase:1,pass,log,logdata:'%{MATCHED_VAR}'"
SecRule REQUEST_LINE "." \
    "id:3,phase:1,pass,log,logdata:'%{MATCHED_VAR}'"
EOF

my $perl = <<'EOF';
PerlRequire "@DIR@/Seen.pm"
PerlPostReadRequestHandler Seen::early
PerlFixupHandler Seen::late
PerlLogHandler Seen::end
EOF

# A handler of mod_perl that logs all headers. It opens its log when httpd
# starts, as root if need be.
my $seen = <<'EOF';
package Seen;
use strict;
use Apache2::RequestRec ();
use Apache2::RequestUtil ();
use APR::Table ();
use Apache2::Const -compile => qw(DECLINED);
open my $log, '>>', '@DIR@/perl_log' or die "perl_log: $!";
sub note {
    my ($where, $r) = @_;
    syswrite $log, join '', "$where ", $r->the_request, "\n",
        map { "  $_: " . $r->headers_in->get($_) . "\n" }
        sort keys %{ $r->headers_in };
    return Apache2::Const::DECLINED;
}
sub early { return note('early', @_) }
sub late {
    my ($r) = @_;
    $r->headers_in->set('X-Apikey-Tenant', 'forged');
    $r->subprocess_env->set('APIKEY_TENANT', 'forged');
    return note('late', $r);
}
sub end { return note('end', @_) }
1;
EOF

sub ask {
    my ($site, $target, @headers) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $site->port)
        or die "httpd: $!\n";
    print $socket join "\r\n", "GET $target HTTP/1.1", 'Host: 127.0.0.1',
        'Connection: close', 'X-Mark: marked', @headers, '', '';
    local $/;
    return scalar(<$socket>) // '';
}

sub ordered {
    my ($how, $above, $below) = @_;
    my $site = APIKey::ConfigTest->new(above => $above);
    $site->file('Seen.pm', $site->fill($seen) =~ s/^DocumentRoot.*\n//r);
    my $key = $site->create;
    $site->start("${below}LogLevel trace8 core:trace4\n"
                 . "$area$security$perl");
    my $told = ask($site, '/api/index.html', "X-API-Key: $key");
    like($told, qr{^HTTP/1\.1 200 }, "$how: 200 for a good key");
    like($told, qr/^X-Told: \[acme\]\r$/m,
         "$how: the tenant is the key's, not that of another fixup");
    like(ask($site, '/index.html'), qr/^X-Told: \[\]\r$/m,
         "$how: without a key, there is no tenant of another fixup");
    ask($site, '/api/index.html', "Authorization: Bearer $key");
    ask($site, '/index.html', "X-API-Key: $key", "Referer: http://h/?k=$key");
    ask($site, "/api/index.html?key=$key");
    ask($site, '/there/is/none', "X-API-Key: $key, $key");
    ask($site, '/index.html', "X-API-Key: $key", 'no colon');
    ask($site, '/end');
    ok(wait_until(60, sub { $site->slurp('audit_log') =~ m{GET /end }
                            && $site->slurp('perl_log') =~ m{end GET /end } }),
       "$how: mod_security and mod_perl have logged the last request");
    $site->stop;
    my @logs = qw(error_log access_log audit_log sec_log perl_log said);
    like($site->slurp($_), qr/marked/, "$how: $_ has a request's headers")
        for qw(audit_log sec_log perl_log error_log);
    my $pattern = APIKey::Logs::key_pattern($key);
    is(join('', grep { /$pattern/ } map { split /^/, $site->slurp($_) } @logs),
       '', "$how: no log has a part of the key");
    unlike(join('', map { $site->slurp($_) } @logs), qr/APIKEY022[01]/,
           "$how: no module is warned of");
}

my $others = load('security2') . load('perl');
ordered('above', $others, '');
ordered('below', '', $others);

# ---- A module whose hooks run before ours nevertheless ----
my $early = qq(LoadModule early_module "$ENV{APIKEY_BUILD}/.libs/mod_early.so"
LoadModule insisting_module "$ENV{APIKEY_BUILD}/.libs/mod_early.so"
);
my $site = APIKey::ConfigTest->new;
my @named = (
    qr/APIKEY0220: mod_early\.c runs ahead of .*post_read_request/,
    qr/APIKEY0220: mod_insisting\.c runs ahead of .*post_read_request/,
    qr/APIKEY0220: mod_early\.c runs ahead of .*auth_checker/,
    qr/APIKEY0220: mod_early\.c runs ahead of .*insert_error_filter/,
    qr/APIKEY0220: mod_early\.c runs ahead of .*log_transaction/,
    qr/APIKEY0221: mod_early\.c runs after .*fixups/,
);
my $said = $site->check("$early$area");
ok($said->{ok}, 'httpd -t accepts a module that runs ahead of ours');
like($said->{text}, $_, "httpd -t warns of such a module: $_") for @named;
is(scalar(() = $said->{text} =~ /APIKEY022[01]/g), scalar @named,
   'httpd -t warns once of each hook, and of no other');
unlike($site->check($early)->{text}, qr/APIKEY022/,
       'httpd -t does not warn of such a module in a server without keys');
unlike($site->check($area)->{text}, qr/APIKEY022[01]/,
       'httpd -t does not warn in a server without such a module');

# The warning is true: such a module sees keys and sets another tenant.
my $key = $site->create;
$site->start("$early$area");
my $answer = ask($site, '/api/index.html', "X-API-Key: $key");
like($answer, qr/^X-Early: saw a key\r$/m,
     'a module that runs ahead of ours sees the key');
like($answer, qr/^X-Told: \[forged\]\r$/m,
     'a module whose fixup runs after ours sets another tenant');
$site->stop;
my $start = join '', grep { /APIKEY022/ } map { split /^/, $site->slurp($_) }
            qw(error_log said);
like($start, $_, "httpd warns when it starts: $_") for $named[0], $named[-1];
is(scalar(() = $start =~ /APIKEY0221/g), 1,
   'httpd warns once when it starts');

# ---- Log levels at which httpd logs keys before any hook runs ----
sub levels {
    my ($conf) = @_;
    my $text = $site->check("$conf\n$area")->{text};
    return [ sort $text =~ /APIKEY0222: LogLevel (\S+)/g ];
}
my $http2 = APIKey::Test::run_info()->{mpm} eq 'prefork' ? load('http2') : '';
is_deeply(levels('LogLevel info'), [], 'no warning with LogLevel info');
is_deeply(levels('LogLevel core:trace4'), [],
          'no warning with LogLevel core:trace4');
is_deeply(levels('LogLevel core:trace5'), ['core:trace5'],
          'a warning with LogLevel core:trace5');
is_deeply(levels("LogLevel info\n<VirtualHost *>\nServerName x\n"
                 . "LogLevel core:trace6\n</VirtualHost>"), ['core:trace5'],
          'a warning with LogLevel core:trace6 in a virtual host');
is_deeply(levels("${http2}LogLevel http2:trace1"), ['http2:trace1'],
          'a warning with LogLevel http2:trace1');
is_deeply(levels(load('dumpio') . 'LogLevel dumpio:trace7'),
          ['dumpio:trace7'], 'a warning with LogLevel dumpio:trace7');

done_testing;
