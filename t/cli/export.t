# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Keys go from one server to another: --map for CSV files of any origin,
# --dry-run, and export, whose file import reads.

use strict;
use utf8;
use warnings;

use Test::More;
use Digest::SHA qw(sha256_hex sha512_hex);
use Encode qw(encode_utf8);
use FindBin;
use JSON::PP qw(decode_json);
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my @DIGESTS = 'ApiKeyDigest hmac-sha256 sha256 sha512';
my $cli = APIKey::CLI->new('ApiKeyFormat base62 opaque', @DIGESTS);
my $other = APIKey::CLI->new('ApiKeyFormat base62 opaque', @DIGESTS);
$_->{csv} = "$_->{folder}/keys.csv" for $cli, $other;
my $at = time;

# Key number N, strong enough for an import without --weak.
sub key { return 'sk_' . substr sha256_hex("key $_[0]"), 0, 40 }

sub import_into {
    my ($into, $text, @option) = @_;
    $into->write(csv => encode_utf8($text));
    return $into->run('import', @option, $into->{csv});
}

sub rows { return $cli->sql('SELECT COUNT(*) FROM apikey') }

# All columns of a key except those that count its use.
my $ALL = 'SELECT digest, id, keyspace, tenant, name, env, scopes, secret_id,'
        . ' format, prefix, hint, creator, created, expires, revoked,'
        . ' disabled, lifetime, bits, reason, root, rotated_from, owner,'
        . ' networks, meta FROM apikey ORDER BY id';

# ---- --map: CSV files of other programs ----
# As PostgreSQL's COPY writes Kong's table.
my $done = import_into($cli, 'id,created_at,consumer_id,key,tags,ttl' . "\n"
    . 'kong-1,2026-01-01 12:00:00+00,acme,' . key(1) . ",{},\n"
    . 'kong-2,2026-01-01 12:00:00.123+01,acme,' . key(2)
    . ",,2100-01-01 00:00:00+00\n",
    map { ('--map', $_) } qw(created_at=created consumer_id=tenant
                             id=id id=name tags=- ttl=expires));
is($done->{exit}, 0, '--map reads the table of Kong') or diag $done->{err};
is(join(' ', $cli->sql('SELECT tenant, name, created, expires FROM apikey '
                       . "WHERE id LIKE 'kong%' ORDER BY id")),
   join(' ', map { "acme|$_" } 'kong-1|1767268800|'
        . $cli->sql("SELECT expires FROM apikey WHERE id = 'kong-1'"),
        'kong-2|1767265200|4102444800'),
   '--map keeps the times and the ids of Kong');
is($cli->verify(key($_)), 'granted', "key $_ of Kong is granted") for 1, 2;

$done = import_into($cli, "Name,Key,Description,Enabled,usageplanIds\n"
    . 'app,' . key(3) . ",x,True,a\nweb," . key(4) . ",,false,\n",
    map { ('--map', $_) } qw(Name=tenant Name=name Description=- 
                             usageplanIds=-));
is($done->{exit}, 0, '--map reads the keys of AWS') or diag $done->{err};
is($cli->verify(key(3)), 'granted', 'a key that AWS has as enabled is granted');
is($cli->verify(key(4)), 'disabled',
   'a key that AWS has as disabled is disabled');

for my $bad ([ qr/line 1: column 4 \("colour"\) is none of.*--map COLUMN=-/ ],
             [ qr/--map tint=-: the header has no such/, 'colour=-',
               'tint=-' ],
             [ qr/--map wants COLUMN=NAME/, 'colour=shade' ],
             [ qr/--map wants COLUMN=NAME/, 'colour' ],
             [ qr/the header names tenant twice/, 'colour=tenant' ]) {
    my ($why, @map) = @$bad;
    my $before = rows();
    my $refused = import_into($cli, "key,tenant,name,colour\n" . key(9)
                              . ",t,n,red\n", map { ('--map', $_) } @map);
    is("$refused->{exit} " . (rows() - $before), '1 0',
       "import with --map @map is refused and stores nothing");
    like($refused->{err}, $why,
         "the message says what is wrong with --map @map");
}

# ---- State and details ----
my $head = 'key,tenant,name,disabled,revoked,reason,owner,networks,meta,env';
$done = import_into($cli, "$head\n"
    . key(5) . ",t,a,yes,,,Ann,\"192.0.2.0/24, 2001:db8::1\",plan=gold;x=1,test\n"
    . key(6) . ",t,b,,2026-01-01,leaked,,,,\n"
    . key(7) . ",t,c,0,false,,,,,\n" . key(8) . ",t,d,1767225600,,,,,,\n");
is($done->{exit}, 0,
   'import reads the state and the details of keys') or diag $done->{err};
is($cli->verify(key(5)), 'disabled',
   'yes in the column disabled makes a disabled key');
is($cli->verify(key(6)), 'revoked',
   'a date in the column revoked makes a revoked key');
is($cli->verify(key(7)), 'granted',
   '0 and false in these columns make a key that is granted');
is($cli->sql("SELECT owner, networks, meta, env FROM apikey WHERE name = 'a'"),
   'Ann|192.0.2.0/24 2001:db8::1|plan=gold;x=1|test',
   'import stores owner, networks, meta and env');
is($cli->sql("SELECT revoked, reason FROM apikey WHERE name = 'b'"),
   '1767225600|leaked',
   'import stores the time of the revocation and its reason');
is($cli->sql("SELECT disabled FROM apikey WHERE name = 'd'"), 1767225600,
   'import stores the time since when a key is disabled');
for my $bad ([ 'disabled,maybe', qr/line 2: disabled wants a date/ ],
             [ 'revoked,soon', qr/line 2: revoked wants a date/ ],
             [ 'networks,10.0.0.0/33', qr/line 2: .*networks\b/ ],
             [ 'meta,gold', qr/line 2: .*meta\b/ ],
             [ 'lifetime,x', qr/line 2: lifetime wants a number/ ]) {
    my ($column, $value) = split /,/, $bad->[0];
    my $refused = import_into($cli, "key,tenant,name,$column\n" . key(9)
                              . ",t,n,$value\n");
    is($refused->{exit}, 1, "import refuses $value in the column $column");
    like($refused->{err}, $bad->[1],
         "the message names the line and the column $column");
}

# ---- --dry-run ----
my $before = rows();
my $text = "key,tenant,name,expires\n" . key(20) . ",t,good,2100-01-01\nx,t,n,\n"
    . key(21) . ",t\n" . key(22) . ",t,n,soon\n" . key(20) . ",t,again,\n"
    . key(1) . ",t,there,\n" . key(23) . ",\"t\nu\",n,\n" . key(24) . ",t,ok,\n";
$done = import_into($cli, $text, '--dry-run');
is($done->{exit}, 1, 'exit status 1 of --dry-run for a file with faults');
is(rows(), $before, '--dry-run of a file with faults stores nothing');
my @lines = $done->{err} =~ /^htapikey: \Q$cli->{csv}\E, line (\d+): /mg;
is("@lines", '3 4 5 6 7 8', '--dry-run reports each fault with its line');
like($done->{err}, qr/line $_->[0]: .*$_->[1]/,
     "--dry-run reports the fault of line $_->[0]: $_->[1]")
    for [ 3, 'can be guessed' ], [ 4, '2 fields' ], [ 5, 'expires wants' ],
        [ 6, 'earlier line' ], [ 7, 'in the database already.*kong-1' ],
        [ 8, 'control' ];
like($done->{out}, qr/^line 2\ntenant +t\nname +good\n.*^expires +2100-01-01/ms,
     '--dry-run shows the first keys');
like($done->{out}, qr/^8 keys have been read, 6 faults found, and nothing/m,
     '--dry-run counts keys and faults');
unlike("$done->{out}$done->{err}", qr/sk_|\b[0-9a-f]{32}/,
       '--dry-run shows no key and no digest');
my $json = decode_json($cli->run('--json', 'import', '--dry-run',
                               $cli->{csv})->{out});
is(join(' ', $json->{rows}, map { $_->{line} } @{ $json->{faults} }),
   '8 3 4 5 6 7 8', 'JSON of --dry-run has the count and the lines of faults');
$done = import_into($cli, "key,tenant,name\n" . key(20) . ",new,n\n",
                    '--dry-run');
is("$done->{exit} $done->{err}" . rows(), "0 $before",
   '--dry-run of a file without faults ends with 0 and stores nothing');
is($cli->sql("SELECT COUNT(*) FROM apikey_tenant WHERE tenant = 'new'"), 0,
   '--dry-run stores no tenant');
like(import_into($cli, "key,tenant,name\n" . key(20) . ",t,\"n\n" . key(21),
                 '--dry-run')->{err}, qr/line 2: it begins a row whose last/,
     '--dry-run ends where the end of a row cannot be known');

# ---- export, and import of its file ----
my @spoil = ('=1+1', '+a', '-1', '@SUM(A1)', "'=x", "''-y", "it's", "'",
             'a "b", c', 'Zürich ☺', '-');
my $made = $cli->create;
$cli->run('rotate', $made->{id});
is(import_into($cli, "digest,tenant,name,owner,scopes\n" . join('', map {
        sha512_hex(key(100 + $_)) . ',"' . $spoil[$_] =~ s/^('*[=+\-@])/'$1/r
        =~ s/"/""/gr . "\",n $_,o,a:b\n" } 0 .. $#spoil),
        '--digest', 'sha512')->{err}, '',
   'import takes texts that a spreadsheet would run as formulas');
is_deeply([ sort map { encode_utf8($_) } @spoil ],
          [ sort $cli->sql('SELECT tenant FROM apikey WHERE '
                                            . "owner = 'o'") ],
          'import removes the apostrophe before such texts and no other');
$done = $cli->run('export');
is($done->{exit}, 0, 'export succeeds') or diag $done->{err};
is($done->{err}, '', 'export writes nothing to standard error');
my $file = $done->{out};
my ($first) = $file =~ /^(.*?)\r\n/;
is($first, 'digest,secret,id,tenant,name,scopes,env,keyspace,format,prefix,'
   . 'hint,creator,created,expires,revoked,reason,disabled,owner,networks,'
   . 'meta,root,rotated_from,lifetime,bits',
   'export writes these columns, none of which has a key');
unlike($file, qr/(?:^|,)"?[=+\-@]/m,
       'no field of the file begins as a formula does');
unlike($file, qr/\Q$made->{key}\E|\Q@{[ key(1) ]}\E/, 'the file has no key');
open my $out, '>:raw', $other->{csv} or die "$other->{csv}: $!\n";
print $out $file;
close $out;
my $dry = $other->run('import', '--dry-run', $other->{csv});
is("$dry->{exit} $dry->{err}", '0 ',
   'import --dry-run finds no fault in the file of export');
$done = $other->run('import', $other->{csv});
is($done->{exit}, 0,
   'import of the file into another database succeeds') or diag $done->{err};
my @there = $other->sql($ALL);
is_deeply(\@there, [ $cli->sql($ALL) ],
          'the other database has the same columns of every key');
cmp_ok(scalar @there, '==', rows(), 'the other database has all keys');
is($other->verify($made->{key}), 'granted',
   'a key that was made here is granted there');
is($other->verify(key(100)), 'granted',
   'a key with a SHA-512 digest is granted there');
is($other->run('export')->{out}, $file,
   'export from there writes the same file');
my @acme = split /\r\n/, $cli->run(qw(export --tenant app))->{out};
is(scalar(@acme), 2, 'export --tenant writes the keys of one tenant');
is($cli->run(qw(--json export))->{exit}, 2,
   'export refuses --json, since import reads CSV');
$cli->sql("UPDATE apikey SET networks = 'nowhere' WHERE id = 'kong-1'");
$done = $cli->run('export');
is($done->{exit}, 1, 'exit status 1 of export when a key is left out');
like($done->{err}, qr/the key kong-1 is left out.*networks/,
     'the message names the key that is left out, and the reason');
is(($done->{out} =~ tr/\n//), rows(), 'export writes the other keys');

done_testing;
