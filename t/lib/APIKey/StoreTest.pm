# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::StoreTest;

# What htapikey and the tables do on each kind of database.
#
#   APIKey::StoreTest->new($backend)->run;
#
# A backend (APIKey::MariaDB is one) has
#   fresh              an empty database from now on; gives the lines of CONF
#   sql(@statements)   past htapikey; rows, '|' between columns; dies of errors
#   session            an APIKey::Session, a person's shell
#   waiting            how many sessions wait for a lock now
#   kill_connections(@sessions)   all but these; how many it killed
#   structure          tables and triggers as a text, to compare two databases
#   trait($name)       in what it differs:
#     name             for the output
#     folder           in conf/schema
#     ddl_stays        a table stays made where what made it is rolled back
#     forge            SQL that must not change the audit, UPDATE and DELETE
#                      aside
#     idle_blocks      a transaction that changed a key and does not end holds
#                      up the change of another key
#     blocked          qr// of the error that names who holds a lock
#     hold_audit, release_audit   SQL for a session: who writes into the audit
#                      waits, until it is released; undef: there is no such
#     reads            SQL: how often statements have read from the table
#                      apikey; undef: that is not counted
#     silenced         see APIKey::StoreTriggers, which wants more of it
#     counted          further [SQL, changes that it leaves]; %a and %c are
#                      digests, of the row 'one' and of no row

use strict;
use utf8;
use warnings;

use Cwd qw(abs_path);
use Encode qw(encode_utf8);
use File::Basename qw(dirname);
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

use APIKey::CLI;
use APIKey::StoreChanges qw(digest insert);
use APIKey::StoreRows;
use APIKey::StoreTriggers;

our @ISA = qw(APIKey::StoreRows APIKey::StoreTriggers);

sub new {
    my ($class, $backend) = @_;
    return bless { backend => $backend, cli => APIKey::CLI->bare }, $class;
}

sub run {
    my ($self) = @_;
    for my $part (qw(no_tables init new_identity half_init versions commands
                     bytes exact pages sorted append_only refused_texts details upgrade
                     earlier lines at_once milliseconds bulk counted blocked deleted
                     crowd order cut_off triggers),
                  $self->trait('hold_audit') ? qw(half_done broken) : ()) {
        subtest "$part: " . $self->trait('name') => sub { $self->$part };
    }
    done_testing;
}

sub trait { return $_[0]{backend}->trait($_[1]) }
sub sql { my $self = shift; return $self->{backend}->sql(@_) }
sub cli { return $_[0]{cli} }

# A new, empty database for what follows.
sub empty {
    my ($self) = @_;
    $self->cli->{database} = [ $self->{backend}->fresh ];
    $self->cli->conf;
}

sub fresh {
    my ($self) = @_;
    $self->empty;
    my $done = $self->cli->run('init');
    $done->{exit} and die "htapikey init: $done->{err}";
}

sub count {
    my ($self, $table) = @_;
    return $self->sql("SELECT COUNT(*) FROM $table");
}

# ---- Tables ----

sub no_tables {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->empty;
    for my $command ([qw(list)], [qw(show x)], [qw(revoke x)], [qw(verify)],
                     [qw(create --tenant a --name b)], [qw(tenant list)],
                     [qw(scope add a)], [qw(audit)]) {
        my $done = $cli->run(@$command, { stdin => "ak_" . 'x' x 49 . "\n" });
        next if "@$command" eq 'verify' && $done->{exit} == 1;
        is($done->{exit}, 3, "status 3 without tables: @$command");
        like($done->{err}, qr/none of mod_apikey's tables.*htapikey init/,
             "the error without tables names htapikey init: @$command");
    }
}

sub init {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->empty;
    my $done = $cli->run('init');
    is($done->{exit}, 0, 'init works') or diag $done->{err};
    is($done->{err}, '', 'init prints nothing on standard error');
    like($done->{out}, qr/made/, 'init says that it made the tables');
    my $structure = $self->{backend}->structure;
    my @identity = $self->sql('SELECT uuid, epoch, schema_version FROM '
                              . 'apikey_identity');
    like("@identity", qr/^[0-9a-f-]{36}\|\d+\|\d+$/,
         'the database has an identity');
    my $version = (split /\|/, $identity[0])[2];
    $cli->create;
    $done = $cli->run('init');
    is($done->{exit}, 0, 'a second init works');
    like($done->{out}, qr/already/,
         'a second init says that the tables are there');
    is_deeply($cli->json('init'), { from => $version + 0,
              version => $version + 0 },
              'a second init gives the version in JSON');
    is($self->{backend}->structure, $structure,
       'a second init changes no table');
    is_deeply([ $self->sql('SELECT uuid, epoch, schema_version FROM '
              . 'apikey_identity') ], \@identity,
              'a second init keeps the identity');
    is($self->count('apikey'), 1, 'a second init keeps the keys');
    $self->empty;
    my @jobs = map { $self->begin('init') } 1 .. 3;
    is($_->{exit}, 0, 'three inits at once all work') || diag $_->{err}
        for map { $self->finish($_) } @jobs;
    is($self->{backend}->structure, $structure,
       'three inits at once make the same tables');
    is($self->count('apikey_identity'), 1,
       'three inits at once make one identity');
    is($self->count('apikey_audit'), $version,
       'three inits at once make one audit entry per version');
}

# For a copy of a database: a new identity changes nothing else.
sub new_identity {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    $cli->create;
    my $all = sub { join "\n", $self->sql("SELECT * FROM $_[0] ORDER BY 1") };
    my %before = map { $_ => $all->("apikey$_") } '', qw(_tenant _change);
    my @row = ('SELECT epoch, schema_version, kept_since FROM apikey_identity');
    my $uuid = $self->sql('SELECT uuid FROM apikey_identity');
    my ($rest) = $self->sql(@row);
    my $done = $cli->run(qw(init --new-identity));
    is($done->{exit}, 0, 'init --new-identity works') or diag $done->{err};
    is($done->{err}, '',
       'init --new-identity prints nothing on standard error');
    my $new = $self->sql('SELECT uuid FROM apikey_identity');
    like($new, qr/^[0-9a-f-]{36}$/, 'the database has a UUID');
    isnt($new, $uuid, 'the UUID is another one');
    like($done->{out}, qr/new identity, \Q$new\E;/,
         'init --new-identity prints the UUID');
    is(($self->sql(@row))[0], $rest, 'the rest of the identity row stays');
    is($all->("apikey$_"), $before{$_}, "apikey$_ is not changed")
        for sort keys %before;
    is($self->sql("SELECT action, reason, was FROM apikey_audit WHERE number ="
                  . ' (SELECT MAX(number) FROM apikey_audit)'),
       qq(init|new identity $new|{"uuid":"$uuid"}), 'the audit has both UUIDs');
    my $json = $cli->json(qw(init --new-identity));
    is($json->{identity}, $self->sql('SELECT uuid FROM apikey_identity'),
       'init --new-identity gives the UUID in JSON');
    isnt($json->{identity}, $new, 'a second new identity is another one');
    $self->empty;
    $done = $cli->run(qw(init --new-identity));
    is($done->{exit}, 0, 'init --new-identity works without tables')
        or diag $done->{err};
    is($self->count('apikey_identity'), 1,
       'init --new-identity makes the tables');
}

# Every statement of the schema, in order: number (of its file) and sql.
sub schema {
    my ($self) = @_;
    my $schema = abs_path(dirname(__FILE__) . '/../../../conf/schema');
    my $folder = "$schema/" . $self->trait('folder');
    return map {
        my ($number) = m{/(\d+)_[^/]*$};
        open my $in, '<', $_ or die "$_: $!\n";
        my $text = do { local $/; readline $in };
        map { { number => $number, sql => $_ } }
            grep { /\S/ } split /^--;\s*$/m, $text =~ s/^--(?!;).*\n//mgr;
    } sort glob "$folder/*.sql";
}

sub statements { return map { $_->{sql} } $_[0]->schema }

# An init that was killed may leave any part of its work; the next one
# completes it.
sub half_init {
    my ($self) = @_;
    $self->fresh;
    my $structure = $self->{backend}->structure;
    my @statements = $self->statements;
    cmp_ok(scalar @statements, '>', 10, 'the schema has statements');
    @statements = () if !$self->trait('ddl_stays');
    # A statement that only removes something cannot be the last one of a part.
    for my $n (grep { $statements[$_ - 1] !~ /^\s*DROP/ } 1 .. @statements) {
        $self->empty;
        $self->sql(@statements[0 .. $n - 1]);
        my $done = $self->cli->run('init');
        is($done->{exit}, 0, "init after the first $n statements works")
            or diag $done->{err};
        is($self->{backend}->structure, $structure,
           "the tables are complete after the first $n statements and init");
    }
    my $cut = 0;
    for my $ms (map { $_ * 8 } 1 .. 10) {
        $self->empty;
        my $job = $self->begin('init');
        sleep $ms / 1000;
        kill KILL => $job->{pid};
        $cut++ if $self->finish($job)->{signal};
        my $done = $self->cli->run('init');
        is($done->{exit}, 0,
           "init after one that was killed after $ms ms works")
            or diag $done->{err};
        is($self->{backend}->structure, $structure,
           "the tables are complete after init was killed after $ms ms");
        is($self->count('apikey_identity'), 1,
           "the identity is there once after init was killed after $ms ms");
    }
    cmp_ok($cut, '>', 0, 'at least one init was killed before its end');
}

sub versions {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    $self->sql('UPDATE apikey_identity SET schema_version = 1');
    my $done = $cli->run('list');
    is($done->{exit}, 3, 'status 3 with tables of an older version');
    like($done->{err}, qr/version 1.*htapikey init/,
         'the error for an older version names htapikey init');
    $self->sql('UPDATE apikey_identity SET schema_version = 99');
    for my $command (qw(list init)) {
        $done = $cli->run($command);
        is($done->{exit}, 3,
           "status 3 with tables of a newer version: $command");
        like($done->{err}, qr/version 99.*newer/,
             "the error for a newer version says newer: $command");
    }
}

# ---- Commands ----

sub commands {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    my $key = $cli->create(scope => [qw(a:b c)], env => 'test');
    is($cli->verify($key->{key}), 'granted', 'a key that is made is granted');
    is($cli->verify($key->{key}, '--scope', 'a:b'), 'granted',
       'a scope of the key is granted');
    is($cli->verify($key->{key}, '--scope', 'x'), 'scope',
       'a scope that the key does not have is refused');
    is($cli->run('set', $key->{id}, '--name', 'other', '--expires', 'never')
       ->{exit}, 0, 'set works');
    my $shown = $cli->show($key->{id});
    is("$shown->{name} @{[ $shown->{expires} // 'never' ]}", 'other never',
       'set has changed the name and the expiry');
    is($cli->run('set', $key->{id}, '--name', 'other')->{exit}, 0,
       'set to what is there already works');
    for my $pair ([qw(disable disabled)], [qw(enable granted)]) {
        is($cli->run($pair->[0], $key->{id})->{exit}, 0, "$pair->[0] works");
        is($cli->run($pair->[0], $key->{id})->{exit}, 0,
           "$pair->[0] works a second time");
        is($cli->verify($key->{key}), $pair->[1],
           "$pair->[1] after $pair->[0]");
    }
    for my $pair ([qw(suspend suspended)], [qw(resume granted)]) {
        is($cli->run('tenant', $pair->[0], 'acme')->{exit}, 0,
           "tenant $pair->[0] works");
        is($cli->verify($key->{key}), $pair->[1],
           "$pair->[1] after tenant $pair->[0]");
    }
    my $new = $cli->json('rotate', $key->{id}, '--overlap', '1h');
    is($cli->verify($new->{key}), 'granted',
       'the new key is granted after rotate');
    is($cli->verify($key->{key}), 'granted',
       'the old key is granted during the overlap');
    is($cli->run('revoke', $key->{id}, '--reason', 'lost')->{exit}, 0,
       'revoke works');
    is($cli->run('revoke', $key->{id})->{exit}, 0,
       'revoke works a second time');
    is($cli->verify($key->{key}), 'revoked', 'a revoked key is refused');
    is($cli->run('set', $key->{id}, '--name', 'x')->{exit}, 1,
       'status 1 for set of a revoked key');
    is($cli->run('show', 'nobody')->{exit}, 1,
       'status 1 for an id that is not there');
    $self->catalogue;
    my @trail = map { $_->{action} } @{ $cli->json('audit') };
    is(join(' ', grep { $_ ne 'init' } @trail), 'create set disable enable '
       . 'suspend resume rotate create revoke scope-add scope-add scope-add '
       . 'scope-remove', 'the audit has all actions');
    is_deeply([ map { $_->{action} } @{ $cli->json('audit', '--key',
              $new->{id}) } ], ['create'],
              'audit --key has the actions of one key');
    my ($entry) = grep { $_->{action} eq 'set' } @{ $cli->json('audit') };
    like(JSON::PP->new->canonical->encode($entry), qr/a test/,
         'an audit entry has what was changed');
}

sub catalogue {
    my ($self) = @_;
    my $cli = $self->cli;
    is($cli->run(qw(scope add a:b), 'first')->{exit}, 0, 'scope add works');
    is($cli->run(qw(scope add a:b), 'first')->{exit}, 0,
       'scope add works a second time');
    is($cli->run(qw(scope add a:b), 'second')->{exit}, 0,
       'scope add changes a description');
    is($cli->run(qw(scope add c))->{exit}, 0, 'scope add adds another scope');
    is($cli->run(qw(create --tenant t --name n --scope d))->{exit}, 1,
       'a scope that is not in the catalogue is refused');
    is($cli->run(qw(scope remove c))->{exit}, 0, 'scope remove works');
    is($cli->run(qw(scope remove c))->{exit}, 1,
       'status 1 for scope remove a second time');
    is_deeply([ $self->sql('SELECT name, description FROM apikey_scope') ],
              ['a:b|second'], 'the catalogue has the scope that is left');
}

# Texts are stored and read back as they are, up to the greatest length.
sub bytes {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    for my $text (q{O'Brien "&" Söhne <b>; DROP TABLE apikey --}, '%s%n%d?',
                  '$1 :x @y', '\\', "a\\'b", '日本語 😀', 'x' x 255,
                  'é' x 127) {
        my $bytes = encode_utf8($text);
        my $made = $cli->create(tenant => $bytes, name => $bytes);
        my $name = substr $bytes, 0, 40;
        is($cli->show($made->{id})->{tenant}, $text,
           "show has the tenant: $name");
        is($cli->verify($made->{key}, '--tenant', $bytes), 'granted',
           "verify finds the tenant: $name");
        is(scalar @{ $cli->json('list', '--tenant', $bytes) }, 1,
           "list finds the tenant: $name");
        my ($tenant) = $self->sql('SELECT tenant FROM apikey WHERE id = '
                                  . "'$made->{id}' AND tenant = name");
        is($tenant, $bytes, "the table has the tenant: $name");
    }
    my @scopes = map { sprintf 's%03d%s', $_, 'x' x 26 } 1 .. 128;
    my $made = $cli->create(scope => \@scopes);
    is_deeply($cli->show($made->{id})->{scopes}, \@scopes,
              'a key with 128 scopes has them all');
    is($cli->verify($made->{key}, '--scope', $scopes[-1]), 'granted',
       'the last of 128 scopes is granted');
    is($cli->run('set', $made->{id}, '--name', 'x' x 255)->{exit}, 0,
       'a name of 255 characters is set');
    is($cli->run('set', $made->{id}, '--scope', 'one', '--name', 'n')->{exit},
       0, '128 scopes are replaced by one');
    my ($entry) = grep { $_->{action} eq 'set' && $_->{was}{scopes} }
                  @{ $cli->json('audit') };
    is_deeply($entry->{was}{scopes}, \@scopes,
              'the audit has the 128 scopes that were replaced');
    $self->sql("UPDATE apikey SET expires = 9007199254740993 WHERE id = "
               . "'$made->{id}'");
    is($self->sql("SELECT COUNT(*) FROM apikey WHERE expires = "
                  . '9007199254740993'), 1, 'a number beyond 2^53 is stored');
    is($cli->run('set', $made->{id}, '--name', 'm')->{exit}, 0,
       'a name is set beside it');
    is($self->sql("SELECT COUNT(*) FROM apikey WHERE expires = "
                  . '9007199254740993'), 1,
       'the number beyond 2^53 is not rounded');
}

# Ids and tenants are compared to the byte: 'K1' is neither 'k1' nor 'k1 '.
sub exact {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    my @alike = ('k1', 'K1', 'k1 ', ' k1', 'ķ1', "k\x{131}", 'ki', "k1\x{2003}");
    my $n = 0;
    $self->sql(map { insert($_, $_, ++$n) } @alike);
    is($self->count('apikey'), @alike,
       'ids that are nearly the same are different keys');
    $self->sql(map { 'INSERT INTO apikey_tenant (tenant, suspended) VALUES '
                     . "('$_', " . (ord == 75 ? 1 : 0) . ')' } @alike);
    $self->sql(map { "INSERT INTO apikey_scope (name) VALUES ('$_')" } @alike);
    $n = 0;
    for my $id (@alike) {
        my $found = $self->sql("SELECT digest FROM apikey WHERE id = '$id'");
        is($found, digest(++$n), encode_utf8("SQL finds '$id' alone"));
        is($cli->show(encode_utf8($id))->{id}, $id,
           encode_utf8("show finds '$id' alone"));
        is(join('', map { $_->{id} } @{ $cli->json('list', '--tenant',
           encode_utf8($id)) }), $id, encode_utf8("list finds '$id' alone"));
    }
    is($cli->run('show', $_)->{exit}, 1, "show finds no key '$_'")
        for 'k1  ', 'Ki', 'k';
    is($cli->run('revoke', 'K1')->{exit}, 0, 'one of the keys is revoked');
    is(join(',', $self->sql('SELECT id FROM apikey WHERE revoked > 0')), 'K1',
       'no other of the keys is revoked');
    is(join(',', map { $_->{tenant} } grep { $_->{suspended} }
       @{ $cli->json('tenant', 'list') }), 'K1',
       'one of the tenants is suspended');
}

# Lists of more than a page.
sub pages {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    my @tenants = map { sprintf 't%03d', $_ } 1 .. 600;
    my $n = 0;
    $self->sql(map { insert("i$_", $_, ++$n) } @tenants);
    is(join(' ', map { $_->{tenant} } @{ $cli->json('list') }), "@tenants",
       'list has all keys, each once');
    is(join(' ', map { $_->{tenant} } @{ $cli->json('tenant', 'list') }),
       "@tenants", 'tenant list has all tenants, each once');
    $self->sql(map { 'INSERT INTO apikey_audit (happened, who, action) VALUES '
                     . "(1, 'me', '$_')" } @tenants);
    is(join(' ', grep { /^t/ } map { $_->{action} } @{ $cli->json('audit') }),
       "@tenants", 'audit has all entries, each once');
}

# The order is the same on each database, whatever its collation, and no key is
# read twice.
sub sorted {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    my @odd = ('a', 'B', 'b', 'a b', 'a_b', 'aa', 'Ä', 'ä', 'z', '~', '0', '10',
               '9', '-', 'ß', 'ss', '日本');
    my %name = map { sprintf('i%03d', $_) => $odd[$_ * 7 % @odd] } 1 .. 600;
    my @ids = sort keys %name;
    my $n = 0;
    $self->sql((map { insert($_, 'T', ++$n) } @ids),
               map { "UPDATE apikey SET name = '$name{$_}', expires = "
                     . (substr($_, 1) % 3 && '4000000' . substr $_, 1)
                     . " WHERE id = '$_'" } @ids);
    my %key = map { $_->{id} => $_ } @{ $cli->json('list') };
    my $reads = $self->trait('reads');
    for my $case ([ 'name', sub { encode_utf8($_[0]{name}) } ],
                  [ 'expires', sub { $_[0]{expires} // '~' } ]) {
        my ($column, $value) = @$case;
        my @want = sort { $value->($key{$a}) cmp $value->($key{$b})
                          || $a cmp $b } @ids;
        my $before = $reads && $self->sql($reads);
        is(join(' ', map { $_->{id} } @{ $cli->json('list', '--sort', $column) }),
           "@want", "list --sort $column");
        # Three pages, and the program's other queries.
        cmp_ok($self->sql($reads) - $before, '<', 30,
               "list --sort $column reads no key twice")
            if $reads;
        my $table = $cli->run('list', '--sort', "-$column", '--columns', 'id,name');
        is(join(' ', $table->{out} =~ /^(i\d+)/mg), join(' ', reverse @want),
           "list --sort -$column");
    }
}

# An import stores all keys of a file or none, and makes one change.
sub bulk {
    my ($self) = @_;
    my $cli = $self->cli;
    $self->fresh;
    my $last = $self->last_change;
    my @lines = map { sprintf '%s,Söhne %d,n%d,a:b', 'skeleton-key-no-' . $_,
                      $_ % 7, $_ } 1 .. 700;
    my $import = sub {
        $cli->{csv} = "$cli->{folder}/keys.csv";
        $cli->write(csv => encode_utf8(join "\n", 'key,tenant,name,scopes',
                                       @_, ''));
        return $cli->run('import', $cli->{csv});
    };
    $cli->conf('ApiKeyFormat opaque');
    my $done = $import->(@lines[0 .. 9], $lines[3], @lines[10 .. 19]);
    is($done->{exit}, 1, 'status 1 for an import of a file with a key twice');
    like($done->{err}, qr/\b12\b/, 'the error names the line');
    is($self->count('apikey') + $self->count('apikey_tenant'), 0,
       'nothing is stored of a file with a key twice');
    is_deeply([ $self->changes($last) ], [],
              'no change is made by a refused import');
    $done = $import->(@lines);
    is($done->{exit}, 0, 'an import works') or diag $done->{err};
    is($self->count('apikey'), 700, 'all keys are stored');
    is(join(' ', map { s/ $//r } $self->changes($last)), 'all',
       'an import makes one change');
    is($cli->verify('skeleton-key-no-700', '--tenant', encode_utf8('Söhne 0')),
       'granted', 'the last key of the import is granted');
    $last = $self->last_change;
    my ($id) = $self->sql("SELECT id FROM apikey WHERE name = 'n1'");
    is($cli->run('revoke', $id)->{exit}, 0, 'an imported key is revoked');
    is(scalar $self->changes($last), 1, 'the revocation makes one change');
    is($import->($lines[5])->{exit}, 1,
       'status 1 for an import of a key that is there already');
    is(scalar $self->changes($last), 1, 'the refused import makes no change');
    $cli->conf;
}

sub append_only {
    my ($self) = @_;
    $self->fresh;
    my $all = join "\n", $self->sql('SELECT * FROM apikey_audit');
    for my $sql ("UPDATE apikey_audit SET who = 'nobody'",
                 'UPDATE apikey_audit SET number = number + 100',
                 'DELETE FROM apikey_audit',
                 @{ $self->trait('forge') // [] }) {
        open my $err, '>&', \*STDERR or die "stderr: $!\n";
        open STDERR, '>', '/dev/null';
        my $done = eval { $self->sql($sql); 1 };
        open STDERR, '>&', $err or die "stderr: $!\n";
        ok(!$done, "refused: $sql");
    }
    is(join("\n", $self->sql('SELECT * FROM apikey_audit')), $all,
       'no refused statement has changed the audit');
    $self->sql('UPDATE apikey_identity SET kept_since = 9999999999',
               'DELETE FROM apikey_audit');
    is($self->count('apikey_audit'), 0,
       'audit entries before the date of retention may be removed');
}

1;
