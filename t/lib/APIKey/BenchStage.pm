# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::BenchStage;

# What a run of the suite puts into the environment for APIKey::DatabaseSite and
# others, for programs of t/bench that start httpd with them.
#
#   my $stage = bench_stage($build);            on event
#   my $stage = bench_stage($build, 'prefork');
#
# The folder goes when the program forgets it.

use strict;
use warnings;

use File::Temp ();
use JSON::PP ();

use APIKey::Config;
use Exporter 'import';

our @EXPORT_OK = qw(bench_stage);

sub bench_stage {
    my ($build, $mpm) = @_;
    $mpm //= 'event';
    my $stage = File::Temp->newdir('akbench-XXXXXX', TMPDIR => 1);
    chmod 0755, "$stage";
    mkdir "$stage/$_" for qw(conf logs state own);
    my $httpd = $ENV{HTTPD} // '/usr/sbin/apache2';
    APIKey::Config::load_list("$stage/conf/modules.list",
                              { httpd => $httpd, mpm => $mpm });
    my $user = $> ? scalar getpwuid $> : 'nobody';
    open my $out, '>', "$stage/conf/run.json" or die "$stage: $!\n";
    print $out JSON::PP::encode_json({ mpm => $mpm, user => $user,
        httpd => $httpd, module => "$build/.libs/mod_apikey.so",
        stage => "$stage", ports => {} });
    close $out or die "$stage: $!\n";
    @ENV{qw(APIKEY_RUN HTAPIKEY)} = ("$stage/conf/run.json",
                                     "$build/htapikey");
    return $stage;
}

1;
