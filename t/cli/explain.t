# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# htapikey explain: the result for a key and every reason against it.  With the
# key on standard input the result is the one that verify gives.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex sha256_hex sha512_hex);
use MIME::Base64 qw(decode_base64);
use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;

my $cli = APIKey::CLI->new;
my @all;

sub made {
    my $key = $cli->create(@_);
    push @all, $key->{key};
    return $key;
}

# The JSON for a key; exit status and result must agree.
sub explained {
    my ($word, $stdin) = @_;
    my $done = $cli->run('--json', 'explain', $word,
                         defined $stdin ? { stdin => "$stdin\n" } : {});
    my $said = eval { JSON::PP->new->utf8->decode($done->{out}) }
        // die "explain $word: $done->{exit} $done->{err}";
    is($done->{exit}, $said->{result} eq 'good' ? 0 : 1,
       "explain $word: $said->{result}, its exit status");
    ok(!(grep { index($done->{out} . $done->{err}, $_) >= 0 } @all),
       'and no key is told');
    return $said;
}

# By its id, and by the key itself: the result, and each reason in order.
sub finds {
    my ($key, $result, $why, $promise) = @_;
    for my $said (explained($key->{id}), explained('-', $key->{key})) {
        is($said->{result}, $result, $promise);
        is(scalar @{ $said->{why_not} }, scalar @$why, 'as many reasons')
            or diag explain $said;
        like($said->{why_not}[$_], $why->[$_], 'why') for 0 .. $#$why;
        is("$said->{id} $said->{tenant}", "$key->{id} $key->{tenant}",
           'which key');
    }
}

my $key = made(scope => [qw(a:* b)], env => 'test');
finds($key, 'good', [], 'a key that is good');
my $said = explained('-', $key->{key});
is($said->{signed_by}, 'k1', 'the secret that signed it');
is_deeply([ @{$said}{qw(format prefix env keyspace state)} ],
          [qw(base62 ak test default active)], 'what it is');
is_deeply($said->{scopes}, [qw(a:* b)], 'its scopes');
like($cli->run('explain', $key->{id})->{out}, qr/^networks +any$/m,
     'from anywhere');
$cli->sql("UPDATE apikey SET networks = '192.0.2.7 10.0.0.0/8', meta = "
          . "'plan=gold; seats=25' WHERE id = '$key->{id}'");
like($cli->run('explain', $key->{id})->{out}, qr{^networks \ +\Q192.0.2.7 \E
     \Q10.0.0.0/8; from elsewhere it is refused: network (403)\E\n
     meta\ +APIKEY_META_PLAN=gold\n\ +APIKEY_META_SEATS=25\n}mx,
     'from where it may be used, and what an application is told');
$cli->sql("UPDATE apikey SET networks = 'home' WHERE id = '$key->{id}'");
finds($key, 'unavailable', [qr/^its row cannot be used: its networks has /],
      'networks that are none');
$cli->sql("UPDATE apikey SET networks = '', meta = '' WHERE id = "
          . "'$key->{id}'");
is($said->{status}, undef, 'no status: that is the server\'s to say');

my $done = $cli->run('explain', $key->{id});
like($done->{out}, qr/^result +good$/m, 'for people: the result');
like($done->{out}, qr/^scopes +a:\*  every scope that begins with a:\n +b$/m,
     'what its scopes cover');
like($done->{out}, qr/^signed by +k1$/m, 'the secret');
like($done->{out}, qr/^server .*LogLevel apikey:debug/m, 'who knows more');
is($done->{err}, '', 'nothing on standard error');
$done = $cli->run('explain', made(scope => '*')->{id});
like($done->{out}, qr/^scopes +\*  every scope$/m, 'all scopes');
$done = $cli->run('explain', made()->{id});
like($done->{out}, qr/^scopes +none/m, 'no scope');

# Prefixes, formats and digests that CONF does not accept.
$cli->conf('ApiKeyKeyspace other');
finds($key, 'invalid', [qr/keyspace "default", not of "other"/],
      'of another keyspace');
$cli->conf('ApiKeyPrefix zz');
finds($key, 'invalid', [qr/ApiKeyPrefix is zz/], 'of another prefix');
$cli->conf('ApiKeyFormat hex64');
finds($key, 'invalid', [qr/ApiKeyFormat .*base62/], 'of another format');
$cli->conf('ApiKeyDigest sha256');
finds($key, 'invalid', [qr/no digest by a secret; write hmac-sha256 after/],
      'by a secret, where ApiKeyDigest names none of these');
$cli->conf('ApiKeyFormat hex64', 'ApiKeyPrefix zz', 'ApiKeyKeyspace other');
is(scalar @{ explained($_->[0], $_->[1])->{why_not} }, 3, 'all at once')
    for [ $key->{id} ], [ '-', $key->{key} ];
$cli->conf;
$cli->write(ring => 'k2 ' . 'A' x 43 . "=\n");
$said = explained($key->{id});
is($said->{result}, 'invalid', 'signed by a secret that is gone');
like("@{ $said->{why_not} }", qr/secret "k1".*not in ApiKeySecretFile/, 'why');
$said = explained('-', $key->{key});
is($said->{result}, 'invalid', 'the same by the key');
like("@{ $said->{why_not} }", qr/check characters .*no secret.*no such key/,
     'which cannot be found without it');
$cli->write(ring => "k2 " . 'A' x 43 . "=\nk1 $APIKey::CLI::SECRET\n");
is(explained('-', $key->{key})->{signed_by}, 'k1', 'the second of a ring');
$cli->write(ring => "k1 $APIKey::CLI::SECRET\n");

# A row without a prefix: only the server can tell whether it accepts the key.
$cli->conf('ApiKeyPrefix ak');
$cli->sql("UPDATE apikey SET prefix = '' WHERE id = '$key->{id}'");
finds($key, 'good', [], 'of a prefix that is not known');
$cli->sql("UPDATE apikey SET prefix = 'ak' WHERE id = '$key->{id}'");
$cli->conf;

# Reasons from its row: all of them, in the server's order.
$cli->run(qw(tenant suspend acme --reason bill));
finds($key, 'suspended', [qr/^its tenant was suspended 20\S+Z: bill$/],
      'a suspended tenant');
$cli->sql("UPDATE apikey SET expires = 1000 WHERE id = '$key->{id}'");
finds($key, 'expired', [qr/^it expired 1970-01-01T/, qr/suspended/],
      'an expired key');
$cli->run('disable', $key->{id});
finds($key, 'disabled', [qr/^it was disabled 20/, qr/expired/, qr/suspended/],
      'a disabled one');
$cli->run('revoke', $key->{id}, '--reason', 'lost');
finds($key, 'revoked', [ qr/^it was revoked 20\S+Z: lost$/, qr/disabled/,
                         qr/expired/, qr/suspended/ ], 'a revoked one');
is(explained($key->{id})->{status}, 401, 'which status that is');
like($cli->run('explain', $key->{id})->{out}, qr/^result\ +revoked\ \(401\)\n
     why\ not\ +it\ was\ revoked\ .*lost\n\ +it\ was\ disabled/mx,
     'for people');
my $broken = made(tenant => 'bob');
$cli->old_rows('UPDATE apikey SET name = char(7) WHERE id = '
          . "'$broken->{id}'");
finds($broken, 'unavailable', [qr/its name has a control/], 'a broken row');

# Keys that are not in the database, and text that is no key.
my $gone = made(tenant => 'bob');
$cli->sql("DELETE FROM apikey WHERE id = '$gone->{id}'");
$said = explained('-', $gone->{key});
is_deeply([ @{$said}{qw(result signed_by format id)} ],
          [ 'invalid', 'k1', 'base62', undef ], 'deleted');
like("@{ $said->{why_not} }", qr/\Athe database has no such key\z/, 'why');
my $typo = $gone->{key} =~ s/(.)\z/$1 eq 'a' ? 'b' : 'a'/er;
push @all, $typo;
like(explained('-', $typo)->{why_not}[0], qr/check characters.*mistyped/,
     'mistyped');
like(explained('-', $_->[0])->{why_not}[0], qr/no key: it $_->[1]/, 'no key')
    for [ '', 'is empty' ], [ 'a b', 'has a blank' ],
        [ "a\x7f", 'has .*another byte' ], [ 'a,b', 'has a comma' ],
        [ 'x' x 2049, 'is longer than 2048' ];
is($cli->run('explain', 'nobody')->{exit}, 1, 'an id that is not there');
like($cli->run('explain', 'nobody')->{err}, qr/no key with the id/, 'says so');

# For any CONF and any key: good where verify grants, else verify's reason.
my $secret = decode_base64($APIKey::CLI::SECRET);
my $insert = 'INSERT INTO apikey (digest, id, tenant, name, secret_id, format)'
           . ' VALUES ';
my %known = (base62 => made(tenant => 'bob')->{key},
             zz => made(tenant => 'bob', prefix => 'zz')->{key});
$cli->conf('ApiKeyFormat hex64');
$known{hex64} = made(tenant => 'bob')->{key};
my $like = 'ak_' . 'x' x 49;
$cli->sql($insert . "('" . hmac_sha256_hex('an-opaque-key-of-24-bytes',
          $secret) . "', 'mac', 'bob', 'n', 'k1', 'opaque')",
          $insert . "('" . sha256_hex('a-digest-of-an-old-key') . "', 'sha', "
          . "'bob', 'n', '', 'opaque')",
          $insert . "('" . sha512_hex('a-long-digest-of-a-key') . "', 'long', "
          . "'bob', 'n', '', 'opaque')",
          $insert . "('" . hmac_sha256_hex($like, $secret) . "', 'like', "
          . "'bob', 'n', 'k1', 'opaque')");
@known{qw(opaque sha long like)} = ('an-opaque-key-of-24-bytes',
    'a-digest-of-an-old-key', 'a-long-digest-of-a-key', $like);
my %id = (map({ my $key = $known{$_}; my ($id) = map { $_->{id} } grep {
                  substr($_->{hint}, -4) eq substr $key, -4 }
                  @{ $cli->json('list') }; ($_ => $id) } qw(base62 zz hex64)),
          opaque => 'mac', sha => 'sha', long => 'long', like => 'like');
push @all, values %known;
my ($other, $by_id) = (0, 0);
for my $formats ('base62', 'hex64', 'opaque', 'base62 opaque',
                 'hex64 opaque base62') {
    for my $more ([], ['ApiKeyPrefix ak'], ['ApiKeyPrefix zz'],
                  ['ApiKeyDigest hmac-sha256 sha256'],
                  ['ApiKeyDigest hmac-sha256 sha512'],
                  ['ApiKeyDigest sha256']) {
        $cli->conf("ApiKeyFormat $formats", @$more);
        for my $which (sort keys %known) {
            my $verdict = $cli->verify($known{$which});
            my $done = $cli->run('explain', '-',
                                 { stdin => "$known{$which}\n" });
            my ($result) = $done->{out} =~ /^result +(\w+)/;
            my ($why) = $done->{out} =~ /^(why not)/m;
            $other++, diag "$formats @$more: $which: $verdict, $done->{out}"
                if $result ne ($verdict eq 'granted' ? 'good' : $verdict)
                   || !!$why ne ($verdict ne 'granted');
            # Of an opaque key the row does not know how it begins.
            next if "@$more" =~ /Prefix/;
            ($result) = $cli->run('explain', $id{$which})->{out}
                =~ /^result +(\w+)/;
            $by_id++, diag "$formats @$more: $id{$which}: $verdict, $result"
                if ($result eq 'good') ne ($verdict eq 'granted');
        }
    }
}
is($other, 0, 'explain and verify agree about each key under each CONF');
is($by_id, 0, 'and so does explain of its id');

# What only httpd knows.
for my $option (qw(--httpd --url --method)) {
    is($cli->run('explain', $key->{id}, $option, 'x')->{exit}, 2,
       "no $option: a configuration of httpd's is httpd's to read");
}
is($cli->run('doctor', '--httpd', 'x')->{exit}, 2, 'nor for doctor');

done_testing;
