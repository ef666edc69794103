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

# Runs explain for an id or, with "-", for the key on standard input: the JSON;
# exit status and result must agree.
sub explained {
    my ($word, $stdin) = @_;
    my $done = $cli->run('--json', 'explain', $word,
                         defined $stdin ? { stdin => "$stdin\n" } : {});
    my $said = eval { JSON::PP->new->utf8->decode($done->{out}) }
        // die "explain $word: $done->{exit} $done->{err}";
    is($done->{exit}, $said->{result} eq 'good' ? 0 : 1,
       "explain $word: the exit status agrees with the result $said->{result}");
    ok(!(grep { index($done->{out} . $done->{err}, $_) >= 0 } @all),
       "explain $word writes no key");
    return $said;
}

# explain gives this result and these reasons in order, both for the id and for
# the key itself.
sub finds {
    my ($key, $result, $why, $promise) = @_;
    for my $said (explained($key->{id}), explained('-', $key->{key})) {
        is($said->{result}, $result, "the result is $result for $promise");
        is(scalar @{ $said->{why_not} }, scalar @$why,
           "explain has the number of reasons for $promise")
            or diag explain $said;
        like($said->{why_not}[$_], $why->[$_], "reason $_ for $promise")
            for 0 .. $#$why;
        is("$said->{id} $said->{tenant}", "$key->{id} $key->{tenant}",
           "explain has id and tenant of $promise");
    }
}

my $key = made(scope => [qw(a:* b)], env => 'test');
finds($key, 'good', [], 'a key without a fault');
my $said = explained('-', $key->{key});
is($said->{signed_by}, 'k1',
   'explain has the id of the secret that signed the key');
is_deeply([ @{$said}{qw(format prefix env keyspace state)} ],
          [qw(base62 ak test default active)],
          'explain has format, prefix, env, keyspace and state');
is_deeply($said->{scopes}, [qw(a:* b)], 'explain has the scopes');
like($cli->run('explain', $key->{id})->{out}, qr/^networks +any$/m,
     'the text of explain says that any network may use the key');
$cli->sql("UPDATE apikey SET networks = '192.0.2.7 10.0.0.0/8', meta = "
          . "'plan=gold; seats=25' WHERE id = '$key->{id}'");
like($cli->run('explain', $key->{id})->{out}, qr{^networks \ +\Q192.0.2.7 \E
     \Q10.0.0.0/8; from elsewhere it is refused: network (403)\E\n
     meta\ +APIKEY_META_PLAN=gold\n\ +APIKEY_META_SEATS=25\n}mx,
     'the text has the networks, and the variables made of meta');
$cli->sql("UPDATE apikey SET networks = 'home' WHERE id = '$key->{id}'");
finds($key, 'unavailable', [qr/^its row cannot be used: its networks has /],
      'a row with networks that are none');
$cli->sql("UPDATE apikey SET networks = '', meta = '' WHERE id = "
          . "'$key->{id}'");
is($said->{status}, undef,
   'a good key has no status: that depends on the server');

my $done = $cli->run('explain', $key->{id});
like($done->{out}, qr/^result +good$/m, 'the text of explain has the result');
like($done->{out}, qr/^scopes +a:\*  every scope that begins with a:\n +b$/m,
     'the text of explain says what a scope with * covers');
like($done->{out}, qr/^signed by +k1$/m, 'the text of explain has the secret');
like($done->{out}, qr/^server .*LogLevel apikey:debug/m,
     'the text of explain says how to ask the server');
is($done->{err}, '', 'explain of a good key writes nothing to standard error');
$done = $cli->run('explain', made(scope => '*')->{id});
like($done->{out}, qr/^scopes +\*  every scope$/m,
     'the text of explain says that * covers every scope');
$done = $cli->run('explain', made()->{id});
like($done->{out}, qr/^scopes +none/m,
     'the text of explain says that a key has no scope');

# Keyspaces, prefixes, formats and digests that CONF does not accept.
$cli->conf('ApiKeyKeyspace other');
finds($key, 'invalid', [qr/keyspace "default", not of "other"/],
      'a key of another keyspace');
$cli->conf('ApiKeyPrefix zz');
finds($key, 'invalid', [qr/ApiKeyPrefix is zz/], 'a key of another prefix');
$cli->conf('ApiKeyFormat hex64');
finds($key, 'invalid', [qr/ApiKeyFormat .*base62/], 'a key of another format');
$cli->conf('ApiKeyDigest sha256');
finds($key, 'invalid', [qr/no digest by a secret; write hmac-sha256 after/],
      'an HMAC digest where ApiKeyDigest names none');
$cli->conf('ApiKeyFormat hex64', 'ApiKeyPrefix zz', 'ApiKeyKeyspace other');
is(scalar @{ explained($_->[0], $_->[1])->{why_not} }, 3,
   'explain has all three reasons that CONF has against the key')
    for [ $key->{id} ], [ '-', $key->{key} ];
$cli->conf;
$cli->write(ring => 'k2 ' . 'A' x 43 . "=\n");
$said = explained($key->{id});
is($said->{result}, 'invalid',
   'the id of a key whose secret is not in the file: result invalid');
like("@{ $said->{why_not} }", qr/secret "k1".*not in ApiKeySecretFile/,
     'the reason is the secret that is not in the file');
$said = explained('-', $key->{key});
is($said->{result}, 'invalid',
   'the key whose secret is not in the file: result invalid');
like("@{ $said->{why_not} }", qr/check characters .*no secret.*no such key/,
     'the reason is that no secret finds the key');
$cli->write(ring => "k2 " . 'A' x 43 . "=\nk1 $APIKey::CLI::SECRET\n");
is(explained('-', $key->{key})->{signed_by}, 'k1',
   'explain has the second secret of the file');
$cli->write(ring => "k1 $APIKey::CLI::SECRET\n");

# A row without a prefix: only the server can know whether it accepts the key.
$cli->conf('ApiKeyPrefix ak');
$cli->sql("UPDATE apikey SET prefix = '' WHERE id = '$key->{id}'");
finds($key, 'good', [], 'a key whose row has no prefix');
$cli->sql("UPDATE apikey SET prefix = 'ak' WHERE id = '$key->{id}'");
$cli->conf;

# Reasons from the row and its tenant: all of them, in the server's order.
$cli->run(qw(tenant suspend acme --reason bill));
finds($key, 'suspended', [qr/^its tenant was suspended 20\S+Z: bill$/],
      'a key of a suspended tenant');
$cli->sql("UPDATE apikey SET expires = 1000 WHERE id = '$key->{id}'");
finds($key, 'expired', [qr/^it expired 1970-01-01T/, qr/suspended/],
      'an expired key of a suspended tenant');
$cli->run('disable', $key->{id});
finds($key, 'disabled', [qr/^it was disabled 20/, qr/expired/, qr/suspended/],
      'a disabled and expired key');
$cli->run('revoke', $key->{id}, '--reason', 'lost');
finds($key, 'revoked', [ qr/^it was revoked 20\S+Z: lost$/, qr/disabled/,
                         qr/expired/, qr/suspended/ ],
      'a revoked, disabled and expired key');
is(explained($key->{id})->{status}, 401,
   'explain has the status 401 of a revoked key');
like($cli->run('explain', $key->{id})->{out}, qr/^result\ +revoked\ \(401\)\n
     why\ not\ +it\ was\ revoked\ .*lost\n\ +it\ was\ disabled/mx,
     'the text has the result with its status, and all reasons');
my $broken = made(tenant => 'bob');
$cli->old_rows('UPDATE apikey SET name = char(7) WHERE id = '
          . "'$broken->{id}'");
finds($broken, 'unavailable', [qr/its name has a control/],
      'a row whose name has a control character');

# Keys that are not in the database, and text that is no key.
my $gone = made(tenant => 'bob');
$cli->sql("DELETE FROM apikey WHERE id = '$gone->{id}'");
$said = explained('-', $gone->{key});
is_deeply([ @{$said}{qw(result signed_by format id)} ],
          [ 'invalid', 'k1', 'base62', undef ],
          'a deleted key is invalid, and its secret and format are known');
like("@{ $said->{why_not} }", qr/\Athe database has no such key\z/,
     'the reason is that the database has no such key');
my $typo = $gone->{key} =~ s/(.)\z/$1 eq 'a' ? 'b' : 'a'/er;
push @all, $typo;
like(explained('-', $typo)->{why_not}[0], qr/check characters.*mistyped/,
     'the reason is a wrong check character');
like(explained('-', $_->[0])->{why_not}[0], qr/no key: it $_->[1]/,
     "the reason is that it is no key: it $_->[1]")
    for [ '', 'is empty' ], [ 'a b', 'has a blank' ],
        [ "a\x7f", 'has .*another byte' ], [ 'a,b', 'has a comma' ],
        [ 'x' x 2049, 'is longer than 2048' ];
is($cli->run('explain', 'nobody')->{exit}, 1,
   'exit status 1 for an id that is not there');
like($cli->run('explain', 'nobody')->{err}, qr/no key with the id/,
     'the message says that no key has the id');

# For any CONF and any key explain says good where verify grants, and otherwise
# the result of verify.
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
            # The row of an opaque key does not have the beginning of the key.
            next if "@$more" =~ /Prefix/;
            ($result) = $cli->run('explain', $id{$which})->{out}
                =~ /^result +(\w+)/;
            $by_id++, diag "$formats @$more: $id{$which}: $verdict, $result"
                if ($result eq 'good') ne ($verdict eq 'granted');
        }
    }
}
is($other, 0, 'explain of a key gives the result of verify under each CONF');
is($by_id, 0, 'explain of an id says good where verify grants');

# htapikey does not read the configuration of httpd.
for my $option (qw(--httpd --url --method)) {
    is($cli->run('explain', $key->{id}, $option, 'x')->{exit}, 2,
       "explain has no option $option");
}
is($cli->run('doctor', '--httpd', 'x')->{exit}, 2,
   'doctor has no option --httpd');

done_testing;
