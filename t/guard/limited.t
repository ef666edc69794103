# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A message at level warning or above that a request, a poll or a batch may log
# again and again is limited (modules/config/limited_log.h), or it is listed
# here with the reason why a client cannot repeat it.

use strict;
use warnings;

use Test::More;
use APIKey::Guard qw(files slurp);

my %EXEMPT = (
    '0109' => 'once, when a child process begins',
    '0144' => 'once in a process, which goes without its lock for good',
    '0153' => 'a batch lost: a number of its own each, and as often as there '
            . 'are batches',
    '0155' => 'once, when a child process ends',
    '0156' => 'once, when a child process begins',
    '0280' => 'once, of a database',
    '0260' => 'once, when a child process ends',
);

# Numbers and levels of the limited messages: limited_log.h.
my %limited = map { /\(\w+, (\d+), (\w+),/ ? (sprintf('%04d', $1) => $2) : () }
              slurp('modules/config/limited_log.h')
                  =~ /^    L(\(\w+, \d+, \w+,)/mg;

# Messages of a source that are neither limited nor listed.
sub unlimited {
    my ($file, $text) = @_;
    my @wrong;
    while ($text =~ /^(\w[^\n;]*\([^;{}]*\))\n\{\n(.*?)^\}/msg) {
        my ($head, $body) = ($1, $2);
        my $asked = '';
        while ($body =~ /(\bap_log_[rcp]?error\(
                          |\bapikey_log_(?:is_due|count)\(
                          |\bis_(?:said|\w+_logged)\()(.*?;)/xsg) {
            my ($call, $rest) = ($1, $2);
            $asked = $call, pos($body) = $+[1], next if $call !~ /ap_log/;
            next if $rest =~ /APLOG_STARTUP/
                 || $rest =~ /^APLOG_MARK,\s*APLOG_(?:NOTICE|INFO|DEBUG|TRACE)/;
            my ($level) = $rest =~ /^APLOG_MARK,\s*APLOG_(\w+)/;
            my ($number) = $rest =~ /APIKEY(\d{4})/;
            next if $number && $EXEMPT{$number};
            push @wrong, "$file: APIKEY" . ($number // '') . " is not limited"
                if !$asked || $number
                   && ($limited{$number} // '') ne ($level // '-');
        }
    }
    return @wrong;
}

my @files = grep { !m{^modules/(?:core|store|cli)/} && !m{/limited_log\.c$} }
            files(qr{^(?:modules/.*|mod_apikey)\.c$});
cmp_ok(scalar keys %limited, '>', 15, 'there is a list of limited messages');
is(join("\n", map { unlimited($_, slurp($_)) } @files), '',
   'each message that may be repeated is limited');
my $all = join '', map { slurp($_) } @files;
is(join(' ', grep { $all !~ /APIKEY$_/ } sort keys %limited, keys %EXEMPT), '',
   'the lists have no number that no source has');

sub planted {
    my ($level, $number, $before) = @_;
    return unlimited('x.c', "static void x(request_rec *r)\n{\n    $before\n"
        . "    ap_log_rerror(APLOG_MARK, $level, 0, r,\n"
        . "                  \"APIKEY$number: x\");\n}\n");
}
for ([ 'APLOG_ERR', '0106', '' ], [ 'APLOG_WARNING', '0999', '' ],
     [ 'APLOG_ERR', '0999', 'if (apikey_log_is_due(&event))' ],
     [ 'APLOG_WARNING', '0106', 'if (apikey_log_is_due(&event))' ]) {
    is(scalar(my @wrong = planted(@$_)), 1, "found: @$_");
}
for ([ 'APLOG_INFO', '0999', '' ], [ 'APLOG_ERR | APLOG_STARTUP', '0999', '' ],
     [ 'APLOG_ERR', '0106', 'if (apikey_log_is_due(&event))' ],
     [ 'APLOG_ERR', '0155', '' ]) {
    is(scalar(my @wrong = planted(@$_)), 0, "allowed: @$_");
}

done_testing;
