# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Each directive is in the table, in conf/apikey.conf and in the manual; what
# it writes is in a list of fields, and the lists make creation and merging.

use strict;
use warnings;

use Test::More;
use APIKey::Guard qw(files slurp directives fields setters);

# The names that configurations are written against.
my @promised = map { "ApiKey$_" } qw(
    SecretFile Keyspace Tenant Prefix Format Query ChangesQuery Digest Cache
    CacheTTL RevocationPoll StaleLimit UsageFlush Lifetime DBDriver DBDParams
    Retention From Challenge User Headers PassKey ErrorFormat ErrorBody Enforce);
my $table = directives(slurp('mod_apikey.c'));
# mod_dbd's, which its own manual explains.
my @shared = grep { exists $table->{$_} }
             qw(DBDriver DBDParams DBDInitSQL DBDMax DBDPersist);
is(scalar @shared, 5, 'what mod_dbd is told is known here, too');
my %set_shared = map { $_ => delete $table->{$_} } @shared;
ok(delete $table->{Require}, 'and what mod_authz_core is');
is_deeply([ sort keys %$table ], [ sort @promised ],
          'the table has every promised directive and no other');

# Directives without an entry: a line of its own in apikey.conf, commented out
# or not; a heading in the manual.
sub undocumented {
    my ($conf, $manual, @names) = @_;
    return ((grep { $conf !~ /^\s*#?\s*$_\b/m } @names),
            (grep { $manual !~ /^#+ .*\b$_\b/m } @names));
}
is(join(' ', undocumented(slurp('conf/apikey.conf'),
                          slurp('conf/manual/directives.md'), @promised)), '',
   'each is explained in conf/apikey.conf and conf/manual/directives.md');
is(join(' ', undocumented("# ApiKeyA\nApiKeyB x\n", "## ApiKeyA, ApiKeyC\n",
                          qw(ApiKeyA ApiKeyB ApiKeyC))), 'ApiKeyC ApiKeyB',
   'one without an entry is seen');

my $config = slurp('modules/config/config.h');
my %lists = map { $_ => fields($config, "APIKEY_${_}_FIELDS") }
            qw(SERVER DIR);
my %known = map { %{ $lists{$_} } } keys %lists;
cmp_ok(scalar keys %known, '>', 10, 'the lists of fields were read');

# Directives that htapikey reads and the server only checks.
my %checked_only = (ApiKeyLifetime => 1);
my $writes = setters(join "\n", map { slurp($_) }
    files(qr{^modules/config/directives.*\.c$}));

# Directives whose function exists not, or writes no field of a list.
sub unkept {
    my ($table, $writes, $fields) = @_;
    my %named = map { $_ => 1 } grep { defined } values %$fields;
    return grep {
        my $set = $table->{$_};
        my $wrote = defined $set ? $writes->{$set} : {};
        defined $set && (!$wrote || !$named{$_}
                         || !grep { exists $fields->{$_} } keys %$wrote);
    } grep { !$checked_only{$_} } sort keys %$table;
}
is(join(' ', unkept($table, $writes, \%known)), '',
   'each has a function that writes a field which names it');
is(join(' ', unkept(\%set_shared, $writes, \%known)), '',
   'and so have those of mod_dbd');
ok($writes->{ $table->{$_} }, "$_ has a function") for sort keys %checked_only;
is(join(' ', unkept({ ApiKeyA => 'a', ApiKeyB => 'b', ApiKeyC => undef },
                    { a => { from => 1 }, b => { other => 1 } },
                    { from => 'ApiKeyA', to => 'ApiKeyB' })), 'ApiKeyB',
   'one that writes nothing is seen');
is_deeply(setters("const char *set(cmd_parms *c,\n        void *d)\n{\n"
                . "    conf->from = x;\n}\n"), { set => { from => 1 } },
          'what a function writes is read');
is_deeply(fields("#define L(F) \\\n    F(int, a, -1, last) /* ApiKeyA */ \\\n"
               . "    F(int, b, -1, last)\n", 'L'),
          { a => 'ApiKeyA', b => undef },
          'what a list holds is read');

# Creation and merging that pass a list over, or name a field by hand.
sub unmerged {
    my ($text) = @_;
    my @calls = map { ("${_}(CREATE)", "${_}(MERGE)") }
                map { "APIKEY_${_}_FIELDS" } qw(SERVER DIR);
    return ((grep { index($text, "    $_\n") < 0 } @calls),
            $text =~ /^    (conf->(?!(?:field|owner)\b)\w+ = .*)$/mg);
}
my $code = slurp('modules/config/config.c');
is(join("\n", unmerged($code)), '',
   'creation and merging are made from the lists');
is(scalar(my @gone = unmerged($code =~ s/_DIR_FIELDS\(MERGE\)//r)), 1,
   'a list that is not merged is seen');

done_testing;
