# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Names with characters that are not seen, or that look like others, are
# refused; a row that has one is shown with escapes.

use strict;
use utf8;
use warnings;

use Encode qw(encode_utf8);
use JSON::PP ();
use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new('ApiKeyFormat base62 opaque');
my $key = $cli->create(tenant => 'acme', name => 'good');
my %odd = (
    'no-break space'  => "a\x{a0}b",      'zero width'     => "acme\x{200b}",
    'soft hyphen'     => "ac\x{ad}me",    'word joiner'    => "\x{2060}acme",
    'bidi override'   => "a\x{202e}b",    'tag'            => "acme\x{e0041}",
    'variation'       => "acme\x{fe0f}",  'Hangul filler'  => "\x{3164}",
    'line separator'  => "a\x{2028}b",    'em space'       => "a\x{2003}b",
    'combining first' => "\x{301}acme",   'blank first'    => ' acme',
    'blank last'      => 'acme ',         'escape'         => "acme\e[2J",
    'byte order mark' => "\x{feff}acme",  'isolate'        => "a\x{2066}b",
);
my $why = qr/is not seen|belongs to the character before|blank|control/;

sub refused {
    my ($what, $done) = @_;
    is($done->{exit}, 1, "refused: $what") or diag $done->{out};
    like($done->{err}, $why, "the message has the reason: $what");
}

for my $kind (sort keys %odd) {
    my $name = encode_utf8($odd{$kind});
    refused("a tenant with a $kind",
            $cli->run('create', '--tenant', $name, '--name', 'n'));
    refused("a name with a $kind",
            $cli->run('create', '--tenant', 'acme', '--name', $name));
    refused("set, with a $kind",
            $cli->run('set', $key->{id}, '--name', $name));
    $cli->{csv} = "$cli->{folder}/keys.csv";
    for my $row ("$name,n,", "acme,$name,", "acme,n,$name") {
        $cli->write(csv => "key,tenant,name,creator\nQ1w2e3r4t5y6u7i8,$row\n");
        refused("import, with a $kind", $cli->run('import', $cli->{csv}));
    }
    refused("a scope with a $kind", do {
        my $done = $cli->run('scope', 'add', $name);
        +{ %$done, err => $done->{err} =~ s/RFC 6749 does not/is not seen/r };
    });
}
is($cli->run('create', '--tenant', "M\xfcller", '--name', 'n')->{exit}, 1,
   'a name that is no UTF-8 is refused');
is($cli->sql('SELECT COUNT(*) FROM apikey'), 1,
   'refused commands have made no key');
is($cli->sql('SELECT COUNT(*) FROM apikey_tenant'), 1,
   'refused commands have made no tenant');
is($cli->sql('SELECT COUNT(*) FROM apikey_scope'), 0,
   'refused commands have made no scope');
is($cli->create(tenant => encode_utf8('Müller 日本 😀'))->{state}, 'active',
   'a name of letters beyond ASCII and a picture is accepted');

# A key that has such a name already keeps working, and is shown with escapes.
my $old = $cli->create(tenant => 'old', name => 'old');
$cli->sql(map { encode_utf8($_) }
    "UPDATE apikey SET tenant = 'acme\x{200b}', name = 'a\x{a0}b\x{e0041}' "
    . "WHERE id = '$old->{id}'",
    "INSERT INTO apikey_tenant (tenant) VALUES ('acme\x{200b}')",
    "INSERT INTO apikey_audit (happened, who, action) VALUES (1, "
    . "'root\x{202e}', 'x')",
    "INSERT INTO apikey_scope (name, description) VALUES ('s', 'a\x{200d}b')");
is($cli->verify($old->{key}), 'granted',
   'a key that has such a name already is granted');
my %shown = (
    'list --columns tenant,name' => [
                       qr/acme\\xE2\\x80\\x8B +a\\xC2\\xA0b\\xF3\\xA0\\x81\\x81/,
                       "acme\x{200b}" ],
    "show $old->{id}" => [ qr/^tenant +acme\\xE2\\x80\\x8B$/m,
                           "acme\x{200b}" ],
    'tenant list' => [ qr/^acme\\xE2\\x80\\x8B +1/m, "acme\x{200b}" ],
    'audit'       => [ qr/root\\xE2\\x80\\xAE/, "root\x{202e}" ],
    'scope list'  => [ qr/a\\xE2\\x80\\x8Db/, "a\x{200d}b" ],
);
for my $command (sort keys %shown) {
    my ($pattern, $value) = @{ $shown{$command} };
    like($cli->run(split / /, $command)->{out}, $pattern,
         "$command shows the character as an escape");
    my $json = $cli->run('--json', split / /, $command)->{out};
    utf8::decode($json);
    unlike($json, qr/[\x{200b}\x{a0}\x{202e}\x{200d}\x{e0041}]/,
           "JSON of $command has the character as an escape");
    like(join("\0", values_of(JSON::PP->new->decode($json))), qr/\Q$value\E/,
         "JSON of $command is valid and has the value");
}

sub values_of {
    my ($in) = @_;
    return ref $in eq 'ARRAY' ? map { values_of($_) } @$in
         : ref $in eq 'HASH' ? map { values_of($_) } values %$in : $in // '';
}
like($cli->run('--json', 'list')->{out}, qr/a\\u00a0b\\udb40\\udc41/,
     'JSON has a character above U+FFFF as two escapes');
is($cli->json('rotate', $old->{id})->{name}, "a\x{a0}b\x{e0041}",
   'a key with such a name can be rotated');
is($cli->run('set', $old->{id}, '--env', 'test')->{exit}, 0,
   'a key with such a name can be changed');
is($cli->create(tenant => encode_utf8("acme\x{200b}"))->{state}, 'active',
   'a tenant with such a name that is there gets another key');

done_testing;
