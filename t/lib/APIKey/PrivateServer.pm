# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::PrivateServer;

# The base of the tests' own servers: a process as user nobody (if the tests run
# as root) that ends with the test and writes its messages to {folder}/log.
#
#   {folder}  its own        {as}   setpriv's options for its user
#   {dies_by} the signal that it gets when we are gone
#   client()  the program, and its arguments, that reads statements
#   {trait}   what differs between databases, for tests: trait(NAME)

use strict;
use warnings;

use Carp qw(croak);
use File::Path qw(remove_tree);
use File::Temp ();
use POSIX ();

use APIKey::Process qw(wait_until);

sub child {
    my ($self, @command) = @_;
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;
    open STDIN, '<', '/dev/null';
    open STDOUT, '>>', "$self->{folder}/log";
    open STDERR, '>&', \*STDOUT;
    chdir '/';
    exec 'setpriv', '--pdeathsig', $self->{dies_by}, @{ $self->{as} // [] },
        @command or POSIX::_exit(127);
}

sub command {
    my ($self, @command) = @_;
    waitpid $self->child(@command), 0;
    die "$command[0] failed:\n" . $self->log if $?;
}

# Runs the command that makes {folder}/data. It takes seconds and always has
# the same result, so the first test of a run leaves a copy for the others.
sub prepare {
    my ($self, $name, @command) = @_;
    my $data = "$self->{folder}/data";
    my $kept = $ENV{APIKEY_TEST_DATA} && "$ENV{APIKEY_TEST_DATA}/$name";
    if ($kept && -d $kept) {
        copy_tree($kept, $data);
        return;
    }
    $self->command(@command);
    return if !$kept;
    copy_tree($data, "$kept.$$");
    # Another test may have made it meanwhile.
    rename "$kept.$$", $kept or remove_tree("$kept.$$");
}

sub copy_tree {
    my ($from, $to) = @_;
    system('cp', '-a', $from, $to) == 0 or die "$from cannot be copied.\n";
}

sub log {
    my ($self) = @_;
    open my $in, '<', "$self->{folder}/log" or return '';
    local $/;
    return readline($in) // '';
}

# Starts the server, and waits until it answers.
sub run {
    my ($self, $answers, @command) = @_;
    $self->{pid} = $self->child(@command);
    wait_until(60, sub {
        die "$command[0] ended:\n" . $self->log
            if waitpid($self->{pid}, POSIX::WNOHANG()) > 0;
        $answers->();
    }) or die "$command[0] does not answer:\n" . $self->log;
}

# The output of client() for these lines.
sub tell_client {
    my ($self, @lines) = @_;
    my $text = File::Temp->new;
    binmode $text;
    for my $line (@lines) {
        my $bytes = $line;
        utf8::encode($bytes) if utf8::is_utf8($bytes);
        print $text $bytes;
    }
    close $text;
    my $pid = open(my $in, '-|') // die "fork: $!\n";
    if (!$pid) {
        open STDIN, '<', "$text";
        exec $self->client or POSIX::_exit(127);
    }
    chomp(my @rows = readline $in);
    close $in or croak(($self->client)[0] . ": @lines");
    return @rows;
}

sub trait {
    my ($self, $name) = @_;
    return $self->{trait}{$name};
}

1;
