# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::Check;

# `httpd -t` with a configuration of the test's own.
#
#   my $done = check_config(<<'CONF', without => ['dbd']);
#   ApiKeySecretFile /nowhere
#   CONF
#   is($done->{exit}, 1);  like($done->{out}, qr/APIKEY0001/);
#
# The modules of the run are loaded, but for those of `without`; server name,
# folders, a Listen and, for root, the run's user stand before the text.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp ();

use APIKey::Instrument;

our @EXPORT = qw(check_config);

sub check_config {
    my ($text, %option) = @_;
    my $run = APIKey::Test::run_info();
    my $stage = $run->{stage};
    my $without = join '|', map { quotemeta } @{ $option{without} || [] };
    open my $list, '<', "$stage/conf/modules.list" or die "modules.list: $!\n";
    my @modules = grep { !$without || !/LoadModule (?:$without)_module/ }
                  <$list>, qq(LoadModule apikey_module "$run->{module}"\n);
    my $conf = File::Temp->new(SUFFIX => '.conf');
    print $conf @modules, qq(ServerRoot "$stage"\nServerName 127.0.0.1\n),
        "Listen 127.0.0.1:$run->{ports}{default}\n",
        qq(DefaultRuntimeDir "$stage/state"\nPidFile "$stage/state/t.pid"\n),
        qq(TypesConfig /dev/null\nErrorLog "$stage/logs/check_log"\n),
        $> ? '' : "User $run->{user}\nGroup "
            . getgrgid((getpwnam $run->{user})[3]) . "\n", $text;
    close $conf or die "$conf: $!\n";
    open my $out, '-|', sub_command($run, "$conf") or die "httpd: $!\n";
    local $/;
    my $said = <$out> // '';
    close $out;
    return { exit => $? & 127 ? -($? & 127) : $? >> 8, out => $said };
}

# Through a perl of its own, which alone gets the sanitizer's environment.
sub sub_command {
    my ($run, $conf) = @_;
    my $program = 'use APIKey::Instrument; my ($stage, @command) = @ARGV; '
        . 'APIKey::Instrument::httpd_environment("$stage/logs", '
        . '"$stage/state"); open STDERR, ">&", \*STDOUT; exec @command';
    return ($^X, '-e', $program, $run->{stage},
        APIKey::Instrument::command("$run->{stage}/logs"),
        $run->{httpd}, '-t', '-d', $run->{stage}, '-f', $conf);
}

1;
