# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::HealTest;

# The connection of a long command is lost while the command runs.
#
#   APIKey::HealTest->new($backend)->run;
#
# `htapikey list` reads keys page by page; while its output is not read, it
# waits between two pages.  The backend is one of APIKey::StoreTest; further
# traits:
#     stop    the signal that stops the server at once (TERM)
#     alter   SQL that changes the result's type of a select from apikey

use strict;
use warnings;

use IO::Select;
use JSON::PP ();
use POSIX ();
use Test::More;

use APIKey::CLI;

# Several pages, each of more bytes than a pipe holds.
my $KEYS = 900;

sub new {
    my ($class, $backend) = @_;
    my $self = bless { backend => $backend, cli => APIKey::CLI->bare }, $class;
    $self->{cli}{database} = [ $backend->fresh ];
    $self->{cli}->conf;
    my $done = $self->{cli}->run('init');
    $done->{exit} and die "htapikey init: $done->{err}";
    $backend->sql(map { sprintf "INSERT INTO apikey (digest, id, tenant, name)"
        . " VALUES ('%064x', 'i%05d', 't', '%s')", $_, $_, 'n' x 200 }
        1 .. $KEYS);
    return $self;
}

sub run {
    my ($self) = @_;
    my $backend = $self->{backend};
    my $stop = $backend->trait('stop') // 'TERM';
    subtest 'healing: ' . $backend->trait('name') => sub {
        $self->whole('no fault', sub { });
        $self->whole('the connection is killed', sub {
            is($backend->kill_connections, 1, 'one connection is killed');
        });
        $self->whole('the server is restarted', sub {
            $backend->signal($stop);
            $backend->start;
        });
        $self->whole('the table is changed', sub {
            $backend->sql($backend->trait('alter'));
        });
        $self->gone($stop);
    };
}

# Starts a list, does something in the middle of it, and reads the rest.
sub list {
    my ($self, $fault) = @_;
    my $error = File::Temp->new;
    my $pid = open(my $in, '-|') // die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>', "$error";
        exec APIKey::CLI::program(), '-f', $self->{cli}{conf}, '--json', 'list'
            or POSIX::_exit(127);
    }
    sysread $in, my $text, 1 or die "htapikey list is silent\n";
    $fault->();
    # Kills a program that does not end.
    my $reads = IO::Select->new($in);
    do {
        kill KILL => $pid if !$reads->can_read(120);
    } while (sysread $in, $text, 65536, length $text);
    close $in;
    return { exit => $? >> 8, signal => $? & 127, out => $text,
             err => do { local $/; readline($error) // '' } };
}

sub whole {
    my ($self, $what, $fault) = @_;
    my $done = $self->list($fault);
    is("$done->{exit} $done->{signal}", '0 0', "$what: list works")
        or diag $done->{err};
    my $keys = eval { JSON::PP->new->utf8->decode($done->{out}) };
    is(join(' ', map { $_->{id} } @{ $keys // [] }),
       join(' ', map { sprintf 'i%05d', $_ } 1 .. $KEYS),
       "$what: each key is listed once");
}

# The server does not start again: the list ends with an error.
sub gone {
    my ($self, $stop) = @_;
    my $backend = $self->{backend};
    my $done = $self->list(sub { $backend->signal($stop) });
    is("$done->{exit} $done->{signal}", '3 0',
       'the server is gone: list fails');
    # The ODBC driver prints a message of its own first.
    like($done->{err}, qr/^htapikey: the database [^\t]*\S\n\z/m,
         'the server is gone: the error is one line') or diag $done->{err};
    $done = $self->{cli}->run('list');
    is($done->{exit}, 3, 'the server is gone: status 3 for the next list');
    like($done->{err}, qr/^htapikey: the database cannot be opened/m,
         'the server is gone: the error says that it cannot be opened');
    $backend->start;
    is($self->{cli}->run('list')->{exit}, 0, 'the server is back: list works');
}

1;
