# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::BenchReport;

# What a benchmark has found, as a part of a page of the manual.
#
#   my $report = APIKey::BenchReport->new;
#   $report->goal($what, $goal, $measured, $kept);
#   $report->table($sentences, [ 'head', … ], [ 'cell', … ], …);
#   $report->text($command)            all of it
#   $report->write($file, $command)    between the two lines that say so there

use strict;
use warnings;

use POSIX ();

use APIKey::BenchServer ();
use APIKey::MariaDB ();
use APIKey::Postgres ();

my ($FIRST, $LAST) = map { "<!-- t/bench/run: $_ of what it writes. -->" }
                     'beginning', 'end';

sub new {
    my ($class) = @_;
    return bless { goals => [], tables => [], load => load_average(),
                   began => time }, $class;
}

sub load_average {
    open my $in, '<', '/proc/loadavg' or return '?';
    return (split ' ', readline $in)[0];
}

sub goal {
    my ($self, $what, $goal, $measured, $kept) = @_;
    push @{ $self->{goals} }, [ $what, $goal, $measured,
                                $kept ? 'yes' : '**no**' ];
}

sub table {
    my ($self, $text, $head, @rows) = @_;
    push @{ $self->{tables} }, wrap($text) . "\n" . rows_of($head, @rows);
}

sub rows_of {
    my ($head, @rows) = @_;
    return join '', map { '| ' . join(' | ', @$_) . " |\n" }
                    $head, [ map { '---' } @$head ], @rows;
}

sub wrap {
    my ($text) = @_;
    my ($done, $line) = ('', '');
    for my $word (split ' ', $text) {
        if (length "$line $word" > 80) {
            $done .= "$line\n";
            $line = '';
        }
        $line .= length $line ? " $word" : $word;
    }
    return "$done$line\n";
}

# The first line that a program says of its version, or what of it matters.
sub version {
    my ($pattern, @command) = @_;
    my $pid = open(my $in, '-|') // die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }
    my ($found) = map { /$pattern/ ? $1 : () } readline $in;
    close $in;
    return $found // '?';
}

sub machine {
    open my $in, '<', '/proc/cpuinfo' or return 'an unknown machine';
    my $text = do { local $/; readline $in };
    my @models = $text =~ /^model name\s*:\s*(.*)/mg;
    my $sha = $text =~ /\bsha_ni\b/ ? ' (with SHA instructions)' : '';
    return @models . " x $models[0]$sha, " . join ' ', (POSIX::uname())[0, 2];
}

sub versions {
    my $httpd = APIKey::BenchServer::httpd();
    my $number = qr/(\d+\.\d+[\d.]*)/;
    my $apr = version(qr/(APR.*?), PCRE/, $httpd, '-V');
    return join ', ',
        'httpd ' . version(qr{Apache/([\d.]+)}, $httpd, '-v'), $apr,
        version(qr/^(OpenSSL [\d.]+\w*)/, 'openssl', 'version'),
        'SQLite ' . version(qr/^([\d.]+)/, 'sqlite3', '--version'),
        'PostgreSQL ' . version($number,
                                APIKey::Postgres::program('postgres'), '-V'),
        'MariaDB ' . version(qr/Ver ([\d.]+)/, 'mariadbd', '--version'),
        'wrk ' . version(qr/^wrk (?:debian\/)?([\d.]+)/, 'wrk', '-v');
}

sub text {
    my ($self, $command) = @_;
    my $minutes = sprintf '%.0f', (time - $self->{began}) / 60;
    my $about = sprintf 'On %s, %s; %s. The load average was %s before it '
        . 'began; it took %s minutes.',
        POSIX::strftime('%Y-%m-%d', gmtime), machine(), versions(),
        $self->{load}, $minutes;
    my @goals = @{ $self->{goals} };
    unshift @goals, [ '', 'goal', 'measured', 'kept' ] if @goals;
    return join "\n", "    $command\n", wrap($about),
        @goals ? rows_of(@goals) : (), @{ $self->{tables} };
}

sub write {
    my ($self, $file, $command) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    my $page = do { local $/; readline $in };
    my $text = $self->text($command);
    $page =~ s/\Q$FIRST\E\n.*?\Q$LAST\E\n/$FIRST\n\n$text\n$LAST\n/s
        or die "$file does not say where the figures belong.\n";
    open my $out, '>', "$file.new" or die "$file.new: $!\n";
    print $out $page;
    close $out or die "$file.new: $!\n";
    rename "$file.new", $file or die "$file: $!\n";
}

1;
