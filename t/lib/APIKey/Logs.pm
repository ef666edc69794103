# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Logs;

# httpd's logs, while it runs.
#
#   my $mark = mark_logs();
#   …requests…
#   like(logs_since($mark, 'error'), qr/APIKEY0042/, …);
#   ok(wait_for_log($mark, 'access', qr/result=granted/), …);
#   key_nowhere_in_logs($key, …);       a test line of its own
#
# httpd writes its access log after the response: wait_for_log() where a line
# must come, and where none may come, first wait for one that must.

use strict;
use warnings;

use Exporter qw(import);
use MIME::Base64 qw(encode_base64);
use Test::More ();

use APIKey::Process qw(wait_until);

our @EXPORT = qw(mark_logs logs_since wait_for_log key_nowhere_in_logs);
our @EXPORT_OK = qw(log_files key_pattern key_words);

sub log_files { return glob APIKey::Test::run_info()->{stage} . '/logs/*_log' }

sub mark_logs {
    return { map { m{([^/]+)_log$} => -s $_ } log_files() };
}

sub logs_since {
    my ($mark, $name) = @_;
    my $file = APIKey::Test::run_info()->{stage} . "/logs/${name}_log";
    open my $in, '<:raw', $file or die "$file: $!\n";
    seek $in, $mark->{$name} // 0, 0;
    local $/;
    return scalar(<$in>) // '';
}

sub wait_for_log {
    my ($mark, $name, $pattern) = @_;
    return wait_until(60, sub { logs_since($mark, $name) =~ $pattern });
}

# The texts that must not be found of a key: the key, the key without its
# prefix, half of that, and the key as Basic credentials have it.
sub key_words {
    my (@keys) = @_;
    my %words;
    for my $key (@keys) {
        $words{$key} = 1;
        if ($key =~ /^\S+?_(\S{32,})$/) {
            my $secret = $1;
            $words{ substr $secret, 0, length($secret) / 2 } = 1;
            $words{ substr $secret, length($secret) / 2 } = 1;
        }
        # The last four characters of base64 depend on what follows the key.
        $words{ substr encode_base64($key, ''), 0, -4 } = 1;
    }
    # Half of 'AAAA…' is no secret, and is part of other words.
    return sort keys %{ { map { substr($_, 0, 64) => 1 }
                          grep { distinct($_) > 5 } keys %words } };
}

sub key_pattern {
    my $any = join '|', map { quotemeta } key_words(@_);
    return qr/($any)/;
}

sub distinct { return scalar keys %{ { map { $_ => 1 } split //, $_[0] } } }

sub key_nowhere_in_logs {
    my ($key, $promise) = @_;
    my $pattern = key_pattern(ref $key ? $key->{key} : $key);
    my @found;
    for my $file (log_files()) {
        open my $in, '<:raw', $file or die "$file: $!\n";
        while (defined(my $line = <$in>)) {
            push @found, "$file:$.: $line" if $line =~ $pattern;
        }
    }
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::ok(!@found, $promise // 'the key is in no log')
        or Test::More::diag(@found > 10 ? @found[0 .. 9] : @found);
}

1;
