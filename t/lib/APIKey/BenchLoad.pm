# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::BenchLoad;

# Clients of a benchmark's, all on 127.0.0.1.
#
#   my $load = APIKey::BenchLoad->new($folder);      for what they write
#
# As many requests as httpd answers (wrk), with the headers in a file:
#   my $run = $load->flood($port, path => '/open/f.txt', fields => $file,
#                          connections => 16, seconds => 3);
#   my $got = $load->flooded($run);    rate, p50, p99 (ms), requests, refused
#
# Requests at a pace (load.c): clients, a pause in ms, seconds or a count.
#   my $run = $load->begin($port, $path, $key, 64, 50, seconds => 4);
#   my @answers = $load->results($run);        ends it; true: lets it end
#   [ when it was asked, how long it took, its status ], in seconds

use strict;
use warnings;

use Exporter qw(import);
use File::Temp ();
use FindBin;
use POSIX ();

our @EXPORT_OK = qw(median percentile);

my $NEVER = 1_000_000_000;

sub new {
    my ($class, $folder) = @_;
    return bless { folder => $folder }, $class;
}

# A process of ours whose output is kept.
sub spawn {
    my ($self, @command) = @_;
    my $out = File::Temp->new(DIR => $self->{folder});
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', "$out";
        open STDERR, '>&', \*STDOUT;
        exec qw(setpriv --pdeathsig TERM), @command or POSIX::_exit(127);
    }
    return { pid => $pid, out => $out };
}

sub said {
    my ($run) = @_;
    waitpid $run->{pid}, 0;
    open my $in, '<', "$run->{out}" or die "$run->{out}: $!\n";
    return readline $in;
}

sub flood {
    my ($self, $port, %option) = @_;
    return $self->spawn('wrk', '-t1', "-c$option{connections}",
                        "-d$option{seconds}s", '-s', "$FindBin::Bin/wrk.lua",
                        "http://127.0.0.1:$port/", '--',
                        @option{qw(path fields)});
}

sub flooded {
    my ($self, $run) = @_;
    my @said = said($run);
    my ($requests, $us, $p50, $p99, $refused, $broken) =
        map { /^figures: (.*)/ ? split ' ', $1 : () } @said;
    die "wrk failed:\n@said" if !$requests;
    # event closes a kept connection now and then, when all threads of its
    # process are busy.
    die "$broken requests of wrk had no answer:\n@said"
        if $broken > 0.01 * $requests;
    return { requests => $requests, rate => $requests / $us * 1e6,
             p50 => $p50 / 1000, p99 => $p99 / 1000, refused => $refused };
}

sub begin {
    my ($self, $port, $path, $key, $clients, $pause, %option) = @_;
    my $program = "$self->{folder}/load";
    if (!-e $program) {
        system('cc', '-O2', '-o', $program, "$FindBin::Bin/load.c") == 0
            or die "cc cannot compile t/bench/load.c.\n";
    }
    return $self->spawn($program, $port, $path, $key, $clients, $pause,
                        $option{seconds} // 600, $option{count} // $NEVER);
}

sub results {
    my ($self, $run, $wait) = @_;
    kill TERM => $run->{pid} if !$wait;
    return map { my @f = split; [ $f[0] / 1e6, $f[1] / 1e6, $f[2] ] }
           said($run);
}

# Of answers of results().
sub percentile {
    my ($part, @answers) = @_;
    my @times = sort { $a <=> $b } map { $_->[1] } @answers;
    return @times ? $times[$part * $#times] : 0;
}

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return ($sorted[$#sorted / 2] + $sorted[@sorted / 2]) / 2;
}

1;
