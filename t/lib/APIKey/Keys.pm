# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Keys;

# htapikey on the database of a virtual host.
#
#   my $k = create_key('auth', tenant => 'acme', scope => ['a:b', 'c']);
#   $k->{key}, $k->{id}
#   my $done = htapikey('auth', 'revoke', $k->{id});      exit, out, err
#   htapikey('auth', 'verify', { stdin => "$key\n" });
#   hint_of($k->{key})      what is shown instead: ak_...Jlm6
#
# Every key that create_key() made is remembered, and t/after looks for all of
# them in all logs; remember_key() adds one that came about in another way.

use strict;
use warnings;

use Carp qw(croak);
use Exporter qw(import);
use Fcntl qw(:flock);
use File::Temp ();
use JSON::PP ();

our @EXPORT = qw(htapikey create_key remember_key hint_of);
our @EXPORT_OK = qw(remembered_keys);

sub file_of_run {
    my ($name) = @_;
    return APIKey::Test::run_info()->{stage} . "/$name";
}

sub htapikey {
    my ($name, @arguments) = @_;
    my $option = ref $arguments[-1] ? pop @arguments : {};
    my %file = map { $_ => File::Temp->new } qw(in out err);
    print { $file{in} } $option->{stdin} // '';
    close $file{in};
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDIN, '<', "$file{in}";
        open STDOUT, '>', "$file{out}";
        open STDERR, '>', "$file{err}";
        exec { $ENV{HTAPIKEY} } 'htapikey', '-f', file_of_run("own/$name.conf"),
            @arguments or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    my %done = (exit => $? & 127 ? -($? & 127) : $? >> 8);
    for my $which (qw(out err)) {
        seek $file{$which}, 0, 0;
        local $/;
        $done{$which} = readline($file{$which}) // '';
    }
    return \%done;
}

# Options are create's own: tenant, name, env, expires, prefix, format,
# keyspace; scope may be a list.
sub create_key {
    my ($name, %option) = @_;
    $option{tenant} //= 'acme';
    $option{name}   //= 'a test';
    my @arguments = map {
        my $key = $_;
        map { ("--$key", $_) }
            ref $option{$key} ? @{ $option{$key} } : $option{$key};
    } sort keys %option;
    my $done = htapikey($name, '--json', 'create', @arguments);
    croak "htapikey create @arguments: $done->{err}" if $done->{exit};
    my $made = JSON::PP->new->utf8->decode($done->{out});
    remember_key($made->{key});
    return $made;
}

sub hint_of {
    my ($key) = @_;
    my ($prefix, $tail) = $key =~ /^(.*_)\w+(....)$/
        or croak 'no key: ', length $key, ' characters';
    return "$prefix...$tail";
}

sub remember_key {
    my ($key) = @_;
    open my $out, '>>', file_of_run('state/keys-made') or die "keys-made: $!\n";
    flock $out, LOCK_EX;
    print $out "$key\n";
    close $out or die "keys-made: $!\n";
}

sub remembered_keys {
    open my $in, '<', file_of_run('state/keys-made') or return;
    chomp(my @keys = <$in>);
    return @keys;
}

1;
