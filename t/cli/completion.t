# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# bash and zsh complete the commands and options of the table; help, the manual
# and the man page name the same ones.

use strict;
use warnings;

use Test::More;
use FindBin;
use lib "$FindBin::Bin/../lib";
use APIKey::CLI;
use APIKey::Guard qw(slurp source_root);

my $cli = APIKey::CLI->bare;
my $program = APIKey::CLI::program();
my $completion = source_root() . '/conf/completion';
my @table = @{ $cli->json('help') };
cmp_ok(scalar @table, '>', 20, 'help has more than 20 commands');

# The output of a program.  The words are passed as arguments, so no shell
# interprets them.
sub written {
    open my $in, '-|', @_ or die "$_[0]: $!\n";
    my @lines = readline $in;
    close $in or die "@_: $?\n";
    chomp @lines;
    return @lines;
}

sub bash {
    return join ' ', sort(written('bash', '--norc', '-c', 'source '
        . '"$0/htapikey.bash"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        . '_htapikey; printf "%s\n" "${COMPREPLY[@]}"', $completion, $program,
        @_));
}

# Stand-ins for the functions of zsh's completion write what they are given.
sub zsh {
    return join ' ', sort(written('zsh', '-f', '-c', '_describe() { local i; '
        . 'for i in ${(P)@[-1]}; do print -r -- ${i%%:*}; done }; compadd() '
        . '{ shift; print -rl -- $@ }; _files() { print FILE }; _message() '
        . '{ print }; words=("$@"); CURRENT=$#; source "$0/_htapikey"',
        $completion, $program, @_));
}

my @global = qw(-f --json -h --help -V --version);
my (%subs, %own);
for my $command (@table) {
    my ($name, $sub) = split / /, $command->{command};
    push @{ $subs{$name} }, $sub // ();
    my @own = map { $_->{option}, $_->{short} || () } @{ $command->{options} };
    $own{ $command->{command} } = join ' ', sort @own, @global;
}
for my $shell ([ 'bash', \&bash ], [ 'zsh', \&zsh ]) {
    my ($which, $complete) = @$shell;
    is($complete->(''), join(' ', sort keys %subs),
       "$which completes the names of all commands");
    for my $name (sort keys %subs) {
        next if !@{ $subs{$name} };
        is($complete->($name, ''), join(' ', sort @{ $subs{$name} }),
           "$which completes the second word of $name");
        is($complete->('help', $name, ''), join(' ', sort @{ $subs{$name} }),
           "$which completes the second word of help $name");
    }
    is($complete->('help', ''), join(' ', sort keys %subs),
       "$which completes the names of commands after help");
    my @wrong = grep {
        $complete->(split(/ /), '-') ne $own{$_}
    } sort keys %own;
    is(join(', ', @wrong), '', "$which completes the options of each command");
    is($complete->('list', '--state', ''),
       'active disabled expired faulty revoked suspended',
       "$which completes the values of --state");
    is($complete->('-f', 'x', '--json', 'tenant', ''), 'list resume set suspend',
       "$which completes commands after -f CONF");
}
is(bash('tenant', 'su'), 'suspend', 'bash completes a word from its beginning');
is(bash('-f', "$cli->{folder}/c"), "$cli->{folder}/conf",
   'bash completes the file after -f');
is(bash('import', "$cli->{folder}/r"), "$cli->{folder}/ring",
   'bash completes the file of import');
is(zsh('-f', ''), 'FILE', 'zsh completes a file after -f');

# help, the manual and the man page name the commands and options of the table.
my $manual = slurp('conf/manual/htapikey.md') =~ s/.*^## Commands$//msr;
my $man = slurp('conf/manual/htapikey.1') =~ s/\\f[BRIP]//gr =~ s/\\-/-/gr;
for my $command (@table) {
    my $name = $command->{command};
    my $help = $cli->run('help', split / /, $name)->{out};
    my $section = join "\n",
        $manual =~ /^\ {4}htapikey\ \Q$name\E\b
                    (.*?)(?=^\#\#|^\ {4}htapikey|^\ {0,3}\S)/gmsx;
    my ($entry) = $man =~ /^(?:\.B\ )?(?:.*,\ )?\Q$name\E\b
                           (.*?)(?=^\.TP|^\.SH)/msx;
    for my $text ([ help => $help ], [ 'the manual' => $section ],
                  [ 'the man page' => $entry ]) {
        my @missing = grep { ($text->[1] // '') !~ /(?<![\w-])$_(?![\w-])/ }
            map { $_->{short} || $_->{option} } @{ $command->{options} };
        is(length($text->[1] // '') ? "@missing" : 'all', '',
           "$text->[0] has the command $name and its options");
    }
    cmp_ok((sort { $b <=> $a } map { length } split /\n/, $help)[0], '<=', 80,
           "no line of help $name is wider than 80 columns");
}

done_testing;
