# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Blocks;

# The blocks of our pages that a reader may copy into httpd's configuration.
#
#   my @blocks = blocks($file, $text, $directives);
#   $block->{file}, $block->{line}, $block->{text}
#   my @texts = section($page, 'Front controllers');    all below a heading
#
# In a *.md: an indented or fenced block, and in a shell's block what stands
# between <<'END' and END.  In a *.conf: the file itself, and in its comments
# each block that is indented by four or begins without a blank ("#ApiKey…").
# Only those whose first line, comments aside, begins with a section or with the
# name of a directive, as httpd spells it.  What says how a directive is written
# ("Syntax: …") and the text of a message in messages.md are none.

use strict;
use warnings;

use Exporter qw(import);

use APIKey::Guard qw(slurp);

our @EXPORT_OK = qw(blocks directive_names section);

# All directives of this httpd with the modules that a configuration loads.
sub directive_names {
    my ($httpd, $conf) = @_;
    my @names = `'$httpd' -L -f '$conf' 2>&1` =~ /^(\w+) \(\w+\.c\)$/mg;
    die "$httpd -L does not know LogFormat.\n"
        unless grep { $_ eq 'LogFormat' } @names;
    return { map { $_ => 1 } @names };
}

sub blocks {
    my ($file, $text, $directives) = @_;
    my @whole = $file =~ /\.conf$/ ? { line => 1, text => $text } : ();
    my @found = @whole ? in_comments($text) : in_markdown($text);
    return map { +{ %$_, file => $file } }
           @whole, grep { is_configuration($_->{text}, $directives) } @found;
}

# The indented blocks of a section of one of our pages, of any kind.
sub section {
    my ($page, $heading) = @_;
    my ($section) = slurp($page) =~ /^## \Q$heading\E\n(.*?)(?:^## |\z)/ms
        or die "$page: no section $heading\n";
    return map { s/^ {4}//mgr } $section =~ /^((?:    \N+\n|\n(?=    ))+)/mg;
}

sub is_configuration {
    my ($text, $directives) = @_;
    return 0 if $text =~ /^[A-Z][\w ]*: /;
    # A line that is continued counts as one line.
    my $joined = $text =~ s/\\\n\s*/ /gr;
    my ($first) = grep { /^\s*[^\s#]/ } split /\n/, $joined;
    return defined $first
           && ($first =~ /^\s*<\/?[A-Z]\w+[ >]/
               || $first =~ /^\s*(\w+)\s+\S/ && $directives->{$1});
}

# Lines of one kind that follow each other.  An empty line ends a block only if
# the next one is of another kind, or stands further to the left than the
# block's first.
sub runs {
    my ($is, @lines) = @_;
    my (@found, $open, $left);
    my $number = 0;
    for my $line (@lines) {
        $number++;
        my $part = $is->($line);
        $open = undef if !defined $part || $part =~ /^( *)\S/
                         && $open && length $1 < $left;
        next unless defined $part && ($open || $part =~ /^( *)\S/);
        if (!$open) {
            $left = length $1;
            push @found, $open = { line => $number, text => '' };
        }
        $open->{text} .= substr($part, length $part < $left ? 0 : $left)
                       . "\n";
    }
    $_->{text} =~ s/\n+\z/\n/ for @found;
    return @found;
}

sub in_markdown {
    my ($text) = @_;
    my ($fenced, $message) = (0, 0);
    my @found = runs(sub {
        my ($line) = @_;
        if ($line =~ /^\s*```/) {
            $fenced = !$fenced;
            return undef;
        }
        return $line if $fenced;
        # The block under the heading of a message is the text of the log.
        $message = $line =~ /APIKEY\d/ if $line =~ /^#/;
        $message = 0 if $line =~ /^\w/;
        return $message ? undef : '' if $line !~ /\S/;
        return !$message && $line =~ /^ {4}(.*)/ ? $1 : undef;
    }, split /\n/, $text);
    return map { here_documents($_) } @found;
}

# Of a shell's block the text that it writes into a file; any other block as it
# is.
sub here_documents {
    my ($block) = @_;
    my $text = $block->{text};
    return $block unless $text =~ /<<'?(\w+)'?\n/;
    my @found;
    while ($text =~ /^(.*<<'?(\w+)'?\n)(.*?)^\2$/msg) {
        push @found, { text => $3, line => $block->{line}
                       + (substr($text, 0, $-[3]) =~ tr/\n//) };
    }
    return @found;
}

sub in_comments {
    my ($text) = @_;
    my @lines = split /\n/, $text;
    my $indented = sub { $_[0] =~ /^# {4}(.*)/ ? $1
                       : $_[0] =~ /^#\s*$/      ? '' : undef };
    my $commented = sub { $_[0] =~ /^#(\w.*)/ ? $1 : undef };
    return runs($indented, @lines), runs($commented, @lines);
}

1;
