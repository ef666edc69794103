# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Runs when httpd has stopped. The reports of the sanitizers and of valgrind
# name no file of this module; those about the system's libraries are ignored.

use APIKey::Test;
use File::Find qw(find);

my $stage = run_info()->{stage};
my %ours;
find(sub { $ours{$_} = 1 if /\.c$/ && !m{^fuzz_|^replay} },
     "$ENV{APIKEY_SOURCE}/modules");
$ours{'mod_apikey.c'} = 1;
my $names = join '|', map { quotemeta } sort keys %ours;
my $ours = qr/\b(?:$names)\b|mod_apikey\.so/;

# The reports of a text that name a file of ours. Reports are separated by lines
# of "=" or by empty lines.
sub reports {
    my ($text) = @_;
    $text =~ s/^==\d+== ?//mg;
    return grep { /$ours/ } split /^={10,}.*\n|^\s*\n/m, $text;
}

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!\n";
    local $/;
    return scalar(<$in>) // '';
}

my @files = glob "$stage/logs/{tsan,valgrind}.*";
ok(!$ENV{APIKEY_TEST_VALGRIND} || @files,
   'valgrind has written reports if the tests run under it');
is(join("\n", map { reports(slurp($_)) } @files), '',
   'no report of ThreadSanitizer or valgrind names a file of ours');
# Only our files are compiled with these two, so any report is about them. It
# may name no file: the end of its process can cut it short.
is(join("\n", map { slurp($_) } glob "$stage/logs/{asan,ubsan}.*"), '',
   'AddressSanitizer and UBSan reported nothing');

# reports() finds a report of each kind that names our file, and only that.
my ($key) = sort keys %ours;
my %planted = (
    tsan => "==================\nWARNING: ThreadSanitizer: data race (pid=7)\n"
          . "    #0 apikey_x modules/core/$key:7 (mod_apikey.so+0x1)\n",
    valgrind => "==7== Invalid read of size 1\n"
              . "==7==    at 0x1: apikey_x ($key:7)\n==7== \n",
);
for my $kind (sort keys %planted) {
    is(scalar(my @seen = reports("a line\n\n$planted{$kind}")), 1,
       "a planted report of $kind about our file is found");
    (my $other = $planted{$kind}) =~ s/\Q$key\E|mod_apikey\.so/other.c/g;
    is(scalar(my @none = reports($other)), 0,
       "a planted report of $kind about another file is ignored");
}

done_testing;
