# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Test;

# What a test of an area uses: `use APIKey::Test;` brings strict, warnings,
# Test::More and the functions below.  httpd runs already; t/TEST saw to it.

use strict;
use warnings;

use Exporter ();
use JSON::PP ();
use Test::More ();

use APIKey::Check;
use APIKey::HTTP;
use APIKey::Keys;
use APIKey::Logs;

our @EXPORT = (qw(port run_info),
    @APIKey::Check::EXPORT, @APIKey::HTTP::EXPORT,
    @APIKey::Keys::EXPORT, @APIKey::Logs::EXPORT);

# A test that hangs ends.  The longest takes a minute or two, and several times
# as long on a busy machine.
my $LIMIT = 900;

sub import {
    my ($class) = @_;
    strict->import;
    warnings->import;
    binmode $_, ':utf8'
        for map { Test::More->builder->$_ } qw(output failure_output);
    my $caller = caller;
    Test::More->export_to_level(1, 'Test::More');
    no strict 'refs';
    for my $name (@EXPORT) {
        *{"${caller}::$name"} = \&{$name};
    }
    alarm $LIMIT;
}

my $run;

# The run's facts: mpm, user, stage (the folder with htdocs, logs and state)
# and ports.
sub run_info {
    return $run ||= do {
        my $file = $ENV{APIKEY_RUN}
            or die "No httpd is running; use t/TEST or make check TESTS=…\n";
        open my $in, '<', $file or die "$file: $!\n";
        local $/;
        JSON::PP::decode_json(<$in>);
    };
}

# The port of a virtual host; 'default' is the main server, 'app' the proxied
# application.
sub port {
    my ($name) = @_;
    return run_info()->{ports}{$name}
        // die "There is no virtual host named $name.\n";
}

1;
