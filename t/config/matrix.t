# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Every directive in every context: accepted where the table below allows it,
# refused with httpd's message elsewhere.  mod_info lists the directives of the
# built module; one that the table does not have fails the test.

use APIKey::ConfigTest;
use APIKey::Test;

my $site = APIKey::ConfigTest->new;

# Directive => [contexts, a valid argument]. S: server and virtual host; P: also
# sections; D: also .htaccess.
my %MATRIX = (
    ApiKeySecretFile => [ S => '"@DIR@/secret"' ],
    ApiKeyKeyspace => [ S => 'default' ], ApiKeyTenant => [ S => 'acme' ],
    ApiKeyPrefix => [ S => 'ak' ], ApiKeyFormat => [ S => 'base62' ],
    ApiKeyDigest => [ S => 'hmac-sha256' ], ApiKeyLifetime => [ S => '90d' ],
    ApiKeyHeaders => [ S => 'On' ], ApiKeyPassKey => [ S => 'Off' ],
    ApiKeyCache => [ S => 'off' ], ApiKeyUsageFlush => [ S => '10' ],
    ApiKeyEnforce => [ S => 'On' ], ApiKeyCacheTTL => [ S => '60 5' ],
    ApiKeyRevocationPoll => [ S => '500' ], ApiKeyStaleLimit => [ S => '60' ],
    ApiKeyDBDriver => [ S => 'sqlite3' ],
    ApiKeyDBDParams => [ S => '"@DIR@/db/keys.db"' ],
    ApiKeyRetention => [ S => '90' ],
    ApiKeyQuery =>
        [ S => '"SELECT id, tenant FROM apikey WHERE digest = %s"' ],
    ApiKeyChangesQuery => [ S => '"SELECT number, value FROM apikey_change '
                               . 'WHERE number > %s"' ],
    ApiKeyFrom => [ D => 'bearer' ],
    ApiKeyChallenge => [ P => 'Bearer a=b' ], ApiKeyUser => [ D => 'id' ],
    ApiKeyErrorFormat => [ D => 'none' ],
    ApiKeyErrorBody => [ D => '401 text/plain x' ],
);
my @ALL = sort keys %MATRIX;
my @SERVER = grep { $MATRIX{$_}[0] eq 'S' } @ALL;
my @ANYWHERE = grep { $MATRIX{$_}[0] ne 'S' } @ALL;

# httpd's message about a directive in a wrong context.
my $NOT = qr/(?:not allowed (?:here|in <)|cannot occur within )/;

sub line { return "$_[0] $MATRIX{$_[0]}[1]" }

sub within {
    my ($text, @around) = @_;
    $text = "<$_>\n$text\n</" . (/^(\w+)/)[0] . '>' for reverse @around;
    return "$text\n";
}

# ---- The configuration file ----
my $host = 'VirtualHost 127.0.0.1:1';
my @SECTIONS = (
    ['Directory "@DOCS@"'], ['DirectoryMatch "^/x"'], ['Location "/x"'],
    ['LocationMatch "^/x"'], ['Files "x"'], ['FilesMatch "x"'],
    ['If "true"'], ['Proxy "http://x/"'], [ $host, 'Directory "@DOCS@"' ],
    [ $host, 'Location "/x"' ], [ 'Location "/x"', 'If "true"' ],
    [ 'Directory "@DOCS@"', 'Files "x"' ], [ 'Location "/x"', 'Limit POST' ],
    [ 'Location "/x"', 'LimitExcept POST' ], [ 'Location "/x"', 'RequireAll' ],
);
for my $at ([], [$host]) {
    my $said = $site->check("\@DATABASE\@\n"
        . within(join("\n", map { line($_) } @ALL), @$at));
    ok($said->{ok}, 'all directives are accepted in '
                    . ("@$at" || 'the server'))
        or diag($said->{text});
}

# Runs httpd -t for many configurations in one shell and returns what it says of
# each. A few modules are enough: httpd checks the context of a directive before
# anything else.
my ($modules) = $site->{run}{stage} . '/conf/modules.list';
open my $list, '<', $modules or die "$modules: $!\n";
my @LOAD = grep { /(?:mpm_\w+|auth[nz]_core|dbd|socache_shmcb|proxy)_module/ }
           <$list>;
sub batch {
    my @texts = @_;
    my @files = map {
        $site->file("batch/$_.conf", join '', @LOAD,
            qq(LoadModule apikey_module "$site->{run}{module}"\n),
            "ServerName x\nErrorLog \"\@DIR\@/batch_log\"\n",
            "Listen 127.0.0.1:1\n", $texts[$_])
    } 0 .. $#texts;
    for my $file (@files) {
        my $text = $site->slurp($file =~ s{^\Q$site->{dir}\E/}{}r);
        $site->file($file =~ s{^\Q$site->{dir}\E/}{}r, $site->fill($text));
    }
    my $pid = open(my $out, '-|') // die "fork: $!\n";
    if (!$pid) {
        my $stage = $site->{run}{stage};
        APIKey::Instrument::httpd_environment("$stage/logs", "$stage/state");
        open STDERR, '>&', \*STDOUT;
        exec 'sh', '-c', 'for c in "$@"; do echo "== "; "$0" -t -f "$c"; done',
            $site->{run}{httpd}, @files or POSIX::_exit(127);
    }
    my $text = do { local $/; <$out> } // '';
    close $out;
    return (split /^== \n/m, $text)[ 1 .. @texts ];
}

my @asked = map { my $at = $_; map { [ $_, @$at ] } @SERVER } @SECTIONS;
my @said = batch(map { within(line($_->[0]), @$_[ 1 .. $#$_ ]) } @asked);
for my $i (0 .. $#asked) {
    my ($name, @at) = @{ $asked[$i] };
    like($said[$i], qr/^$name $NOT/m, "$name is refused in @at");
}
my @plain = grep { "@$_" !~ /RequireAll/ } @SECTIONS;
@said = batch(map { within(join("\n", map { line($_) } @ANYWHERE), @$_) }
              @plain);
for my $i (0 .. $#plain) {
    unlike($said[$i], qr/Syntax error|not allowed/,
           "the directives for sections are accepted in @{ $plain[$i] }");
}

# ---- .htaccess, with each AllowOverride; and the list of all directives ----
my %OVERRIDE = (
    none => 'None', authconfig => 'AuthConfig', all => 'All',
    others => 'FileInfo Indexes Limit Options=Indexes',
    nonfatal => 'AuthConfig Nonfatal=Override',
    list => "None\n    AllowOverrideList @ALL",
);
my %AROUND = ('' => [], if => ['If "true"'], files => ['FilesMatch "."'],
              limit => ['Limit GET']);
my @at = (map({ [ $_, '' ] } sort keys %OVERRIDE),
          map({ [ 'all', $_ ] } grep { $_ } sort keys %AROUND));
for my $at (@at) {
    my ($override, $around) = @$at;
    for my $name (@ALL) {
        my $folder = "docs/$override/$name$around";
        $site->file("$folder/index.html", "A page.\n");
        $site->file("$folder/.htaccess", within(line($name)
            =~ s/\@DIR\@/$site->{dir}/r, @{ $AROUND{$around} }));
    }
}
my ($info) = map { m{"(.*/)mod_} ? "$1mod_info.so" : () } @LOAD;
$site->start(<<"EOF_CONF" . join '', map { <<"EOF_FOLDER" } sort keys %OVERRIDE);
LoadModule info_module "$info"
LogLevel error
\@DATABASE\@
<Location "/info">
    SetHandler server-info
    Require all granted
</Location>
<Directory "\@DOCS\@">
    AuthType ApiKey
    AuthName R
    Require valid-user
</Directory>
EOF_CONF
<Directory "\@DOCS\@/$_">
    AllowOverride $OVERRIDE{$_}
</Directory>
EOF_FOLDER
my $told = get($site->port, '/info?mod_apikey.c')->{body};
my %has = map { $_ => 1 } $told =~ /\b(ApiKey\w+)\b/g;
is(join(' ', sort keys %has), "@ALL",
   'the built module has these directives and no other');

my %EFFECT = (
    ApiKeyFrom => sub { join(',', header_of($_[0], 'WWW-Authenticate'))
                            eq 'Bearer realm="R"' },
    ApiKeyUser => sub { 1 },
    ApiKeyErrorFormat => sub { $_[0]{body} =~ /<html>/ },
    ApiKeyErrorBody => sub { $_[0]{body} eq 'x' },
);
my %ALLOWED = map { $_ => 1 } qw(authconfig all nonfatal list);
for my $at (@at) {
    my ($override, $around) = @$at;
    for my $name (@ALL) {
        my $server = $MATRIX{$name}[0] ne 'D';
        my $what = "$name in .htaccess, AllowOverride $override"
                 . ($around && ", in <$around>");
        my $from = length $site->slurp('error_log');
        my $r = get($site->port, "/$override/$name$around/index.html");
        my $log = substr $site->slurp('error_log'), $from;
        if ($override eq 'none' || $server && $override eq 'nonfatal') {
            like($r->{body}, qr/"code":"missing"/, "$what: ignored");
        }
        elsif ($server || !$ALLOWED{$override}) {
            is($r->{status}, 500, "$what: 500");
            like($log, qr/\.htaccess: $name $NOT/,
                 "$what: the log says that it is not allowed");
        }
        else {
            is($r->{status}, 401, "$what: accepted");
            ok($EFFECT{$name}->($r), "$what: has its effect")
                or diag(explain($r));
        }
    }
}
$site->stop;
done_testing;
