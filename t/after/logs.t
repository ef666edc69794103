# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Runs when httpd has stopped. Its logs, written at trace8 for all requests of
# the tests before, have no sign of a crash and no key of any test.

use APIKey::Test;
use APIKey::Keys qw(remembered_keys);
use APIKey::Logs qw(log_files key_words);

my $stage = run_info()->{stage};
my %file = map { m{([^/]+)$} => $_ } log_files();
for my $name (qw(error_log access_log forensic_log)) {
    ok(-s ($file{$name} // '') || $ENV{APIKEY_TEST_PART},
       "$name was written");
}

# The lines of a file that match, the first ten at most.
sub found {
    my ($file, $pattern) = @_;
    my @found;
    open my $in, '<:raw', $file or die "$file: $!\n";
    while (defined(my $line = <$in>)) {
        push @found, "line $.: $line" if $line =~ $pattern;
        last if @found == 10;
    }
    return join '', @found;
}

my $crash = qr/Segmentation\ fault|assertion\ .*failed|exit\ signal
              |pool\ concurrency\ check|Sanitizer|runtime\ error:
              |free\(\):|malloc\(\):|stack\ smashing/xi;
is(found($file{$_}, $crash), '', "$_ has no sign of a crash")
    for qw(error_log start_log);

# This key is no test's; below it is planted, to show that keys are found.
my $bait = 'ak_' . join '', ('0' .. '9', 'a' .. 'z', 'A' .. 'M');
my @keys = remembered_keys();
# grep searches for all words at once; Perl would try them one by one.
my $words = "$stage/state/words-of-keys";
open my $list, '>:raw', $words or die "$words: $!\n";
print $list map { "$_\n" } key_words(@keys, $bait);
close $list or die "$words: $!\n";

sub with_a_key {
    my ($file) = @_;
    my $found = `LC_ALL=C grep -a -n -m 10 -F -f '$words' '$file'`;
    die "grep failed.\n" if $? >> 8 > 1 || $? & 127;
    return $found;
}

ok(@keys || $ENV{APIKEY_TEST_PART}, 'keys were made in this run');
note(@keys . ' keys');
is(with_a_key($file{$_}), '', "$_ contains no key of this run")
    for sort keys %file;

require MIME::Base64;
my %planted = (
    'whole'      => "X-API-Key: $bait",
    'first half' => substr($bait, 3, 24),
    'last half'  => substr($bait, -25),
    'as Basic'   => 'Basic ' . MIME::Base64::encode_base64("$bait:", ''),
);
for my $how (sort keys %planted) {
    my $plant = "$stage/state/planted";
    open my $out, '>', $plant or die "$plant: $!\n";
    print $out "a line\n[trace8] $planted{$how}\n";
    close $out;
    like(with_a_key($plant), qr/^2:/,
         "a planted key, $how, is found");
}

done_testing;
