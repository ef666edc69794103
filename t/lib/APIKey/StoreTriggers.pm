# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::StoreTriggers;

# What `htapikey doctor` says of triggers, on any database; a part of
# APIKey::StoreTest.  Of a backend it wants
#   dump_command       a program that writes the database as SQL
#   emptied            statements that leave all triggers there, doing nothing
#   trait('silenced')  ways in which triggers are there and do not work, each a
#                      [promise, level and check, qr// of the finding, SQL...];
#                      a list of such for each database that is made

use strict;
use warnings;

use POSIX ();
use Test::More;

# Runs doctor and collects its findings, by level and check; a trigger with a
# fault has a line of its own.
sub doctored {
    my ($self) = @_;
    my $done = $self->cli->run('doctor', '--user', scalar getpwuid $>);
    while ($done->{out} =~ /^(ok|warn|fail) +(\w+) +(\S.*)$/mg) {
        push @{ $done->{found}{"$1 $2"} }, $3;
    }
    return $done;
}

# Findings of another level than ok.
sub wrong {
    my ($done) = @_;
    return join "\n", grep { !/^ok/ } split /\n/, $done->{out};
}

sub triggers {
    my ($self) = @_;
    my $backend = $self->{backend};
    $self->fresh;
    is(wrong($self->doctored), '', 'doctor finds nothing wrong after init');
    $self->copied($backend);
    $self->silenced(@$_) for @{ $self->trait('silenced') };
    $self->none_works($backend);
}

sub silenced {
    my ($self, @cases) = @_;
    $self->fresh;
    $self->sql(map { @$_[3 .. $#$_] } @cases);
    my $done = $self->doctored;
    my @other = split /\n/, wrong($done);
    for my $case (@cases) {
        my ($promise, $where, $like) = @$case;
        like("@{ $done->{found}{$where} // ['nothing'] }", $like,
             "doctor finds $promise: $where");
        @other = grep { !/$like/ } @other;
    }
    is("@other", '', 'doctor finds nothing else wrong') or diag $done->{out};
    is($done->{exit}, (grep { $_->[1] =~ /^fail/ } @cases) ? 1 : 0,
       'the exit status of doctor');
}

# Triggers that a dump writes in the database's own words count as the same.
sub copied {
    my ($self, $backend) = @_;
    $self->cli->create;
    open my $in, '-|', $backend->dump_command or die "dump: $!\n";
    my $text = do { local $/; readline $in };
    close $in or die "the dump failed\n";
    $self->empty;
    my $pid = open(my $out, '|-') // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', '/dev/null';
        exec $backend->client or POSIX::_exit(127);
    }
    print $out $text;
    close $out or die "the dump cannot be read\n";
    is(wrong($self->doctored), '',
       'doctor finds nothing wrong in a copy made from a dump');
    is($self->count('apikey'), 1, 'the copy has the key');
}

# Triggers that do nothing: doctor names each of them.
sub none_works {
    my ($self, $backend) = @_;
    $self->fresh;
    $self->sql($backend->emptied);
    my $last = $self->last_change;
    $self->cli->create;
    is(scalar(my @seen = $self->changes($last)), 0,
       'with emptied triggers no change is recorded');
    my $done = $self->doctored;
    my ($names) = wrong($done) =~ /^fail +triggers +These are not as .*: (.*);/;
    my @want = map { / FUNCTION (\w+)\(/ ? "$1()"
                     : / TRIGGER (\w+) .*? ON (\w+)/s ? "$1 on $2" : () }
               grep { /^\s*CREATE/ } $self->statements;
    my %want = map { $_ => 1 } $backend->trait('folder') eq 'pgsql'
               ? grep { /\(\)$/ } @want : grep { / on / } @want;
    is(join(', ', sort split /, /, $names // ''), join(', ', sort keys %want),
       'doctor names each emptied trigger') or diag $done->{out};
}

1;
