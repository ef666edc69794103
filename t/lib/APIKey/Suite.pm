# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Suite;

# The order of a run: programs, guards and command line; then httpd is started
# and the areas that talk to it are tested; then httpd is stopped and t/after
# looks at what it left in the logs.  Nothing stays running, whatever happens.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Spec ();
use File::Temp ();
use List::Util qw(sum0);
use TAP::Formatter::Console;
use TAP::Formatter::File;
use TAP::Harness;
use TAP::Parser::Aggregator;

use APIKey::Instrument;
use APIKey::Process qw(kill_descendants may_enter);
use APIKey::Server;

# Folders of t/ with tests that need no httpd of ours; the first two look at
# sources and need to do so only once.  And folders with no tests to find.
my @ONCE = qw(guard build);
# Tests that take long come first, here and below, so that at the end others
# run beside them.
my @QUIET = qw(db cli);
# Their tests start servers of their own, and wait for those most of the time.
my @APART = qw(faults usage verify apps config manual query);
my %OTHER = map { $_ => 1 } @ONCE, @QUIET,
    qw(unit fuzz after lib conf htdocs bench);

sub new {
    my ($class, %option) = @_;
    my $self = bless {%option}, $class;
    $self->{build} = abs_path($self->{build})
        or die "t/TEST: there is no folder $option{build}; run make first.\n";
    for my $wanted (@{ $self->{wanted} }) {
        -e "$self->{source}/t/" . path_of($wanted)
            or die "t/TEST: there is no test $wanted.\n";
    }
    my $formatter = -t STDOUT ? 'TAP::Formatter::Console'
                              : 'TAP::Formatter::File';
    $self->{formatter} = $formatter->new(
        { verbosity => $self->{verbose} ? 1 : 0, timer => 1 });
    $self->{aggregator} = TAP::Parser::Aggregator->new;
    $self->{commands} = {};
    return $self;
}

sub run {
    my ($self) = @_;
    my $server;
    my $owner = $$;
    my $clean = sub {
        return if $$ != $owner;
        kill_descendants($$);
        $server->release if $server;
    };
    local @SIG{qw(INT TERM HUP)};
    for my $name (qw(INT TERM HUP)) {
        $SIG{$name} = sub {
            $SIG{$_} = 'IGNORE' for qw(INT TERM HUP);
            print STDERR "\nt/TEST: SIG$name, stopping.\n";
            $clean->();
            exit 130;
        };
    }
    $self->{aggregator}->start;
    my $done = eval {
        $self->set_environment;
        $self->run_quiet;
        my @areas = $self->{'no-server'} ? ()
                  : $self->wanted_files($self->areas);
        if (@areas) {
            $server = APIKey::Server->new($self);
            $self->run_server($server, @areas);
        }
        1;
    };
    my $error = $@;
    $clean->();
    $self->{aggregator}->stop;
    print STDERR "t/TEST: $error" unless $done;
    return $self->verdict && $done ? 0 : 1;
}

# What each test has in its environment; t/README has the list.
sub set_environment {
    my ($self) = @_;
    my ($source, $build) = @{$self}{qw(source build)};
    $ENV{APIKEY_SOURCE} = $source;
    $ENV{APIKEY_BUILD}  = $build;
    $ENV{HTAPIKEY}      = $self->place_program;
    $ENV{PERL5LIB} = join ':', "$source/t/lib",
        length($ENV{PERL5LIB} // '') ? $ENV{PERL5LIB} : ();
    # A setting of the caller's must not change what a test finds.
    delete @ENV{qw(APIKEY_CONFIG APIKEY_TEST_PART APIKEY_RUN http_proxy)};
    $ENV{APIKEY_TEST_PART} = 1 if @{ $self->{wanted} };
    # Initial data of the databases' servers: APIKey::PrivateServer.
    $self->{data} = File::Temp->newdir('apikey-data-XXXXXX', TMPDIR => 1);
    $ENV{APIKEY_TEST_DATA} = $self->{data}->dirname;
    $ENV{LC_ALL} = 'C';
    umask 022;
    APIKey::Instrument::environment($source);
}

# htapikey where every user can run it: tests run it as another one, too, and a
# checkout may lie where only root may go.
sub place_program {
    my ($self) = @_;
    my $program = "$self->{build}/htapikey";
    return $program if $> || !-e $program;
    my $folder = $self->{bin} = File::Temp->newdir('apikey-bin-XXXXXX',
                                                   TMPDIR => 1);
    chmod 0755, $folder;
    copy($program, "$folder/htapikey") && chmod 0755, "$folder/htapikey"
        or die "$folder/htapikey: $!\n";
    die 'nobody cannot enter ', File::Spec->tmpdir, '; say TMPDIR=FOLDER of '
        . "one where everybody may.\n" unless may_enter($folder, 'nobody');
    return "$folder/htapikey";
}

sub run_quiet {
    my ($self) = @_;
    my ($source, $build) = @{$self}{qw(source build)};
    my @files = $self->wanted_files(map { glob "$source/t/$_/*.t" }
        @QUIET, APIKey::Instrument::any() ? () : @ONCE);
    for my $file ($self->wanted_files(glob "$source/t/unit/*.c")) {
        my ($name) = $file =~ m{/([^/]+)\.c$};
        $self->{commands}{$file} = [
            APIKey::Instrument::wrapper(), "$build/t/unit/$name" ];
        push @files, $file;
    }
    for my $file ($self->wanted_files(glob "$source/t/fuzz/fuzz_*.c")) {
        my ($name) = $file =~ m{/fuzz_([^/]+)\.c$};
        $self->{commands}{$file} = [
            APIKey::Instrument::wrapper(),
            "$build/t/fuzz/replay_$name", "$source/t/fuzz/corpus/$name" ];
        push @files, $file;
    }
    $self->test(3, @files);
}

sub run_server {
    my ($self, $server, @areas) = @_;
    print "\n";
    $server->start;
    # Those that have hosts in our server one after the other, beside those
    # that have servers of their own.
    my @shared = grep { is_shared($_) } @areas;
    $self->{rules} = { par => [
        { seq => [ map { '**/t/' . path_of($_) } @shared ] },
        { par => [ map { "**/t/$_" } map({ "$_/*.t" } @APART), '**' ] },
    ] };
    $self->test(3, @areas);
    $server->stop;
    $self->test(1, glob "$self->{source}/t/after/*.t");
}

# Whether a test asks our server: it has hosts there, or no server of its own.
sub is_shared {
    my ($file) = @_;
    my $apart = join '|', @APART;
    return 0 if $file =~ m{/t/(?:$apart)/};
    return 1 if -e $file =~ s/\.t$/.conf.in/r;
    open my $in, '<', $file or die "$file: $!\n";
    return !grep { /^use APIKey::ConfigTest\b/ } readline $in;
}

sub areas {
    my ($self) = @_;
    my $t = "$self->{source}/t";
    return map { glob "$t/$_/*.t" }
           grep { !$OTHER{$_} } map { m{([^/]+)/$} } glob "$t/*/";
}

# Below t/.
sub path_of { return $_[0] =~ s{^.*?(?:^|/)t/|/$}{}gr }

# The tests that the command line names, by file or by folder; all if it names
# none.
sub wanted_files {
    my ($self, @files) = @_;
    my @wanted = map { path_of($_) } @{ $self->{wanted} } or return @files;
    my $t = "$self->{source}/t";
    return grep {
        my $file = $_;
        grep { $file eq "$t/$_" || index($file, "$t/$_/") == 0 } @wanted;
    } @files;
}

sub test {
    my ($self, $jobs, @files) = @_;
    return unless @files;
    $self->{formatter}->jobs($jobs);
    my $harness = TAP::Harness->new({
        formatter => $self->{formatter},
        jobs      => $jobs,
        rules     => $self->{rules},
        exec      => sub {
            my ($harness, $file) = @_;
            return $self->{commands}{$file} || [ $^X, '-w', $file ];
        },
    });
    $harness->aggregate_tests($self->{aggregator}, map {
        [ $_, m{^\Q$self->{source}/\E(.*)} ? $1 : $_ ]
    } @files);
}

# A run without tests, or with a file or a test skipped, fails.
sub verdict {
    my ($self) = @_;
    my $all = $self->{aggregator};
    if ($all->total) {
        # Widths for the names of all parts of the run.
        $self->{formatter}->prepare($all->descriptions);
        $self->{formatter}->summary($all);
    }
    my @faults;
    push @faults, 'no test ran' unless $all->total;
    push @faults, map { "skipped: $_" } $self->skips;
    push @faults, 'tests marked TODO: ' . join ' ', $all->todo if $all->todo;
    print "t/TEST: $_; that counts as a failure.\n" for @faults;
    # A file that died without a failed test counts as one failed test.
    my %broken = map { $_ => 1 } $all->exit, $all->wait, $all->parse_errors;
    delete @broken{ $all->failed };
    my $failed = @faults + keys(%broken)
        + sum0(map { scalar $_->failed } $all->parsers);
    my $passed = sum0(map { scalar $_->passed } $all->parsers);
    printf "%d passed, %d failed\n", $passed, $failed;
    make_path("$self->{build}/t");
    if (open my $out, '>', "$self->{build}/t/total") {
        print $out "$passed $failed\n";
    }
    return !$failed && $all->all_passed;
}

sub skips {
    my ($self) = @_;
    my @found;
    for my $name ($self->{aggregator}->descriptions) {
        my ($parser) = $self->{aggregator}->parsers($name);
        push @found, map { "$name ($_)" } $parser->skip_all // (),
                          map { "test $_" } $parser->skipped;
    }
    return @found;
}

1;
