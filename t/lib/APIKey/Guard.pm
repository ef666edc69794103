# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Guard;

# House rules that a script can check. Each check is a function of text that
# returns a list of faults, so that t/guard/*.t can give it the tree's files
# and, to show that it works, a planted fault.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp qw(tempdir);

our @EXPORT_OK = qw(source_root files slurp includes may_know exports directives
    setters fields messages width lengths licence foreign binary);

sub source_root {
    return $ENV{APIKEY_SOURCE} // do {
        require FindBin;
        require Cwd;
        Cwd::abs_path("$FindBin::RealBin/../..");
    };
}

# The project's files, relative to its root: what git tracks or would add. In
# an unpacked archive an empty repository is used.
my $empty;

sub files {
    my ($pattern, @what) = @_;
    my $root = source_root();
    @what = qw(--cached --others --exclude-standard) unless @what;
    my @git = ('git', '-c', "safe.directory=$root", '-C', $root);
    if (!-e "$root/.git") {
        if (!$empty) {
            $empty = tempdir(CLEANUP => 1);
            system('git', 'init', '-q', '--bare', $empty) == 0
                or die "git does not work here.\n";
        }
        push @git, "--git-dir=$empty", "--work-tree=$root";
    }
    open my $list, '-|', @git, 'ls-files', '-z', @what or die "git: $!\n";
    local $/ = "\0";
    chomp(my @files = <$list>);
    close $list or die "git ls-files failed.\n";
    return sort grep { $_ =~ $pattern && -e "$root/$_" } @files;
}

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', source_root() . "/$file" or die "$file: $!\n";
    local $/;
    return scalar(<$in>) // '';
}

# The folders that each folder of modules/ may include. Includes point one way.
my %MAY = (
    core    => [],
    store   => [qw(core)],
    cli     => [qw(store core)],
    config  => [qw(core)],
    db      => [qw(config store core)],
    verify  => [qw(db config store core)],
    usage   => [qw(db config store core)],
    request => [qw(config core)],
    respond => [qw(request config core)],
    auth    => [qw(respond request verify usage db config store core)],
    admin   => [qw(respond request verify usage db config store core)],
);
# Whether a file of modules/ may include another one.
sub may_know {
    my ($layer, $other) = map { m{^modules/([^/]+)/} } @_;
    return $layer eq $other || grep { $_ eq $other } @{ $MAY{$layer} // [] };
}
my %NO_HTTPD = map { $_ => 1 } qw(core store cli);
my $HTTPD = qr{^(?:apache2?/|httpd/)
              |^(?:httpd|ap_\w+|http_\w+|util_\w+|mod_\w+|mpm_\w+|scoreboard
                 |unixd|os|heartbeat|cache_common)\.h$}x;

# Faults of a file's includes.
sub includes {
    my ($file, $text) = @_;
    my ($layer) = $file =~ m{^modules/([^/]+)/} or return;
    my $may = $MAY{$layer}
        or return "$file: t/guard does not know the layer $layer";
    my @wrong;
    while ($text =~ /^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]/mg) {
        my $what = $1;
        if ($what =~ m{^(?:\.\./|modules/)([^/.]+)/}) {
            push @wrong, "$file includes $what of another layer"
                unless grep { $_ eq $1 } $layer, @$may;
        }
        elsif ($what =~ m{\.\./}) {
            push @wrong, "$file includes $what, outside modules/";
        }
        elsif ($NO_HTTPD{$layer} && $what =~ $HTTPD) {
            push @wrong, "$file includes httpd's $what";
        }
    }
    return @wrong;
}

# The symbols that `nm -D --defined-only` shows beside the module symbol.
sub exports {
    my ($nm) = @_;
    my @names = map { (split)[-1] } grep { /\S/ } split /\n/, $nm;
    # Sanitizers and gcov add symbols of their own.
    @names = grep { !/^(?:__asan_|__odr_asan|__gcov|mangle_path)/ } @names;
    return ('apikey_module is not exported')
        unless grep { $_ eq 'apikey_module' } @names;
    return map { "$_ is exported" } grep { $_ ne 'apikey_module' } @names;
}

# The directive table in mod_apikey.c: name => function, undef for those that
# a later version fills.
sub directives {
    my ($text) = @_;
    my %table;
    $table{$1} = $2
        while $text =~ /AP_INIT_\w+\(\s*"(\w+)",\s*(\w+)/g;
    $table{$1} = undef while $text =~ /\bLATER\(\s*"(\w+)"/g;
    return \%table;
}

# The fields of an X-macro list: field => the directive its comment names.
sub fields {
    my ($text, $list) = @_;
    my ($body) = $text =~ /^#define $list\(F\)((?:.*\\\n)+.*)/m or return {};
    my %fields;
    $fields{$2} = $3
        while $body =~ m{F\(([^,]+), (\w+),[^()]*\)\s*(?:/\*\s*(\w+))?}g;
    return \%fields;
}

# The fields that each function names after a pointer.
sub setters {
    my ($text) = @_;
    my %writes;
    while ($text =~ /^[^\n;{}#]*?\b(\w+)\([^;{}]*\)\n\{\n(.*?)^\}/msg) {
        my ($name, $body) = ($1, $2);
        $writes{$name} = { map { $_ => 1 } $body =~ /->(\w+)/g };
    }
    return \%writes;
}

# Faults of message numbers: used twice, not documented, left over.
sub messages {
    my ($sources, $manual) = @_;
    my (%used, %told, @wrong);
    for my $file (sort keys %$sources) {
        my $code = $sources->{$file} =~ s{/\*.*?\*/}{}gsr;
        my @strings = $code =~ /"((?:[^"\\\n]|\\.)*)"/g;
        push @{ $used{$_} }, $file
            for map { /\b(APIKEY\d{4})\b/g } @strings;
    }
    $told{$_}++ for $manual =~ /^#+ .*?\b(APIKEY\d{4})\b/mg;
    for my $number (sort keys %used) {
        push @wrong, "$number is used more than once: @{ $used{$number} }"
            if @{ $used{$number} } > 1;
        push @wrong, "$number has no heading in conf/manual/messages.md"
            unless $told{$number};
    }
    for my $number (sort keys %told) {
        push @wrong, "$number is documented, but no source uses it"
            unless $used{$number};
        push @wrong, "$number has more than one heading" if $told{$number} > 1;
    }
    return @wrong;
}

# Lines wider than 80 columns; a tab is eight, UTF-8 counts characters.
sub width {
    my ($file, $text) = @_;
    utf8::decode($text);
    my @wrong;
    my $number = 0;
    for my $line (split /\n/, $text) {
        $number++;
        1 while $line =~ s/^([^\t]*)\t/$1 . ' ' x (8 - length($1) % 8)/e;
        push @wrong, "$file:$number: " . length($line) . ' columns'
            if length $line > 80;
    }
    return @wrong;
}

# Files over 600 lines, functions over 60 from brace to brace.
sub lengths {
    my ($file, $text) = @_;
    my @lines = split /\n/, $text;
    my @wrong;
    push @wrong, "$file: " . @lines . ' lines' if @lines > 600;
    my $begin = $file =~ /\.[ch]$/ ? qr/^\{/ : qr/^(?:sub \w+|\w+\(\)) *\{/;
    my $start;
    for my $i (0 .. $#lines) {
        $start = $i if $lines[$i] =~ $begin;
        next unless defined $start && $lines[$i] =~ /^\}/;
        my $length = $i - $start + 1;
        push @wrong, "$file:" . ($start + 1) . ": a function of $length lines"
            if $length > 60;
        $start = undef;
    }
    return @wrong;
}

# The licence is named in the first line, or after #! in the second.
sub licence {
    my ($file, $text) = @_;
    my $line = 'Licensed under the Apache License, Version 2.0; see LICENSE.';
    return if $text =~ m{\A(?:\#!.*\n)?[^\w\n]*(?:dnl )?\Q$line\E};
    return "$file: the first line does not say: $line";
}

# Paths of a machine, hosts of package registries.
my @MACHINE = map { qr{(?<![\w.\$\}@])/$_/\w} }
              qw(work home root mnt Users tmp var/tmp workspace);
my @REGISTRY = map { qr/\b\Q$_\E\b/i } map { join '.', @$_ }
    [qw(deb debian org)], [qw(archive ubuntu com)], [qw(pypi org)],
    [qw(pythonhosted org)], [qw(npmjs org)], [qw(npmjs com)],
    [qw(crates io)], [qw(rubygems org)], [qw(proxy golang org)],
    [qw(docker io)], [qw(ghcr io)], [qw(cpan org)], [qw(maven org)];

sub foreign {
    my ($file, $text) = @_;
    my @wrong;
    my $number = 0;
    for my $line (split /\n/, $text) {
        $number++;
        $line =~ s{/\w+(/[\w.-]+X{6}\b)}{$1}g;    # mkdtemp's template
        push @wrong, "$file:$number: a path of a machine: $line"
            if grep { $line =~ $_ } @MACHINE;
        push @wrong, "$file:$number: a registry's host: $line"
            if grep { $line =~ $_ } @REGISTRY;
    }
    return @wrong;
}

sub binary {
    my ($file, $text) = @_;
    # A file that fuzzing found may hold any byte.
    return if $file =~ m{^t/fuzz/corpus/};
    return index(substr($text, 0, 8000), "\0") >= 0 ? "$file is binary" : ();
}

1;
