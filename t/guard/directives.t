# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Each directive is in the table, in conf/apikey.conf and in the manual. What
# it writes is in a list of fields, and the lists make creation and merging.

use strict;
use warnings;

use Test::More;
use APIKey::Guard qw(files slurp directives fields setters);

# The directives that configurations may use: none may disappear.
my @promised = map { "ApiKey$_" } qw(
    SecretFile Keyspace Tenant Prefix Format Query ChangesQuery Digest Cache
    CacheTTL RevocationPoll StaleLimit UsageFlush Lifetime DBDriver DBDParams
    Retention From Challenge User Headers PassKey ErrorFormat ErrorBody Enforce);
my $table = directives(slurp('mod_apikey.c'));
# mod_dbd's directives, which its own manual explains.
my @shared = grep { exists $table->{$_} }
             qw(DBDriver DBDParams DBDInitSQL DBDMax DBDPersist);
is(scalar @shared, 5, 'five directives of mod_dbd are in the table');
my %set_shared = map { $_ => delete $table->{$_} } @shared;
ok(delete $table->{Require}, 'Require of mod_authz_core is in the table');
is_deeply([ sort keys %$table ], [ sort @promised ],
          'the table has every promised directive and no other');

# Directives without an entry: a line of their own in apikey.conf, commented
# out or not, or a heading in the manual.
sub undocumented {
    my ($conf, $manual, @names) = @_;
    return ((grep { $conf !~ /^\s*#?\s*$_\b/m } @names),
            (grep { $manual !~ /^#+ .*\b$_\b/m } @names));
}
is(join(' ', undocumented(slurp('conf/apikey.conf'),
                          slurp('conf/manual/directives.md'), @promised)), '',
   'each directive is explained in conf/apikey.conf and '
   . 'conf/manual/directives.md');
is(join(' ', undocumented("# ApiKeyA\nApiKeyB x\n", "## ApiKeyA, ApiKeyC\n",
                          qw(ApiKeyA ApiKeyB ApiKeyC))), 'ApiKeyC ApiKeyB',
   'a directive without an entry is found');

my $config = slurp('modules/config/config.h');
my %lists = map { $_ => fields($config, "APIKEY_${_}_FIELDS") }
            qw(SERVER DIR);
my %known = map { %{ $lists{$_} } } keys %lists;
cmp_ok(scalar keys %known, '>', 10, 'the lists of fields were read');

# Directives that htapikey reads and the server checks alone.
my %checked_only = (ApiKeyLifetime => 1);
my $writes = setters(join "\n", map { slurp($_) }
    files(qr{^modules/config/directives.*\.c$}));

# Directives without a function, or with one that writes no field of a list.
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
   'each directive has a function that writes a field which names it');
is(join(' ', unkept(\%set_shared, $writes, \%known)), '',
   "mod_dbd's directives have such functions, too");
ok($writes->{ $table->{$_} }, "$_ has a function") for sort keys %checked_only;
is(join(' ', unkept({ ApiKeyA => 'a', ApiKeyB => 'b', ApiKeyC => undef },
                    { a => { from => 1 }, b => { other => 1 } },
                    { from => 'ApiKeyA', to => 'ApiKeyB' })), 'ApiKeyB',
   'a directive that writes nothing is found');
is_deeply(setters("const char *set(cmd_parms *c,\n        void *d)\n{\n"
                . "    conf->from = x;\n}\n"), { set => { from => 1 } },
          'the fields that a function writes are read');
is_deeply(fields("#define L(F) \\\n    F(int, a, -1, last) /* ApiKeyA */ \\\n"
               . "    F(int, b, -1, last)\n", 'L'),
          { a => 'ApiKeyA', b => undef },
          'the fields of a list are read');

# What creation and merging leave out of the lists, or name by hand.
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
   'a list that is not merged is found');

done_testing;
