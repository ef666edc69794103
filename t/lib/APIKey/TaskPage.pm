# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::TaskPage;

# A page of the manual whose blocks are run as they stand in it, by one shell.
#
#   my $page = APIKey::TaskPage->new('conf/manual/guard-an-api.md', $site);
#   my @wrong = $page->run;         sentences; none is right
#   $page->promises                 how many lines say what a command writes
#
# The pages are written for root on Debian.  What differs here is replaced in
# the text, and only that: folders below /etc, /var and /srv are folders of the
# site, its port stands for 80 and its application's for 9000, and the commands
# that would change the machine (a2enmod, systemctl, chgrp...) are functions of
# the shell.  A command that is followed by "# TEXT" lines must write each TEXT.
# It is asked again until it does, for at most a minute: what the server learns
# within a second takes longer on a busy machine.

use strict;
use warnings;

use APIKey::Blocks;
use APIKey::Guard qw(slurp);

sub new {
    my ($class, $file, $site, %more) = @_;
    my @lines = map { split /\n/ } blocks_of(slurp($file));
    my $self = bless { file => $file, site => $site, more => \%more,
                       commands => [] }, $class;
    while (@lines) {
        my $command = shift @lines;
        $command .= "\n" . shift @lines while $command =~ /\\\z/ && @lines;
        # As many here-documents as a command has: one.
        if ($command =~ /<<'(\w+)'/) {
            my $end = $1;
            $command .= "\n" . (my $line = shift @lines // die
                                "$file: a document does not end.\n");
            redo_document(\$command, \@lines, $end) if $line ne $end;
        }
        # A group in braces goes on to its last line.
        $command .= "\n" . shift @lines
            while @lines && grouped($command) > 0;
        my @expected;
        push @expected, shift(@lines) =~ s/^# //r
            while @lines && $lines[0] =~ /^# /;
        push @{ $self->{commands} }, [ $command, @expected ];
    }
    return $self;
}

sub redo_document {
    my ($command, $lines, $end) = @_;
    while (@$lines) {
        my $line = shift @$lines;
        $$command .= "\n$line";
        return if $line eq $end;
    }
}

# The number of braces that the shell has open, without quoted text and
# here-documents.
sub grouped {
    my ($command) = @_;
    return 0 if $command =~ /<<'/;
    my $bare = $command =~ s/'[^']*'|"[^"]*"//gr;
    return (() = $bare =~ /(?:^|\s)\{(?=\s)/g)
         - (() = $bare =~ /(?:^|;\s|\s)\}(?=\s|\)|$)/g);
}

sub blocks_of {
    my ($text) = @_;
    return map { s/^ {4}//mgr } $text =~ /^((?: {4}\N+\n|\n(?= {4}))+)/mg;
}

sub promises {
    my ($self) = @_;
    return scalar map { @$_[1 .. $#$_] } @{ $self->{commands} };
}

# The text of the page as it is run here.
sub here {
    my ($self, $text) = @_;
    my ($dir, $port) = ($self->{site}{dir}, $self->{site}->port);
    $text =~ s{(?<![\w./])(/(?:etc|srv|var/lib|var/log)/)}{$dir/root$1}g;
    $text =~ s{\Qhttp://localhost\E}{http://127.0.0.1:$port}g;
    $text =~ s{<VirtualHost \*:80>}{<VirtualHost 127.0.0.1:$port>}g;
    $text =~ s{127\.0\.0\.1:9000}{127.0.0.1:$self->{more}{application}}g;
    $text =~ s{host=127\.0\.0\.1}{$self->{more}{database}}g
        if $self->{more}{database};
    return $text;
}

sub script {
    my ($self) = @_;
    my $out = "$self->{site}{dir}/root/out";
    my $number = 0;
    my $script = $self->frame;
    for my $command (@{ $self->{commands} }) {
        my ($text, @expected) = map { $self->here($_) } @$command;
        $number++;
        if (!@expected) {
            $script .= "$text\n";
            next;
        }
        $script .= "step() {\n$text\n}\nuntil_it_says $number "
            . join(' ', map { quoted($_) } @expected) . "\n";
    }
    return $script;
}

sub quoted { return "'" . $_[0] =~ s/'/'\\''/gr . "'" }

# The commands that would change the machine.
sub frame {
    my ($self) = @_;
    my $site = $self->{site};
    my $conf = "$site->{dir}/root/etc/apache2";
    return <<"EOF_SH";
set -eu
cd '$site->{dir}/root'
PATH='$site->{dir}/bin':\$PATH
a2enmod() { :; }
a2enconf() { cp '$conf/conf-available/'"\$1.conf" '$conf/conf-enabled/'; }
systemctl() { tell httpd "\$1"; }
chgrp() { :; }
sudo() { shift 2; "\$@"; }
install() { mkdir -p "\${!#}"; chown '$site->{user}' "\${!#}"; }
# The test restarts httpd, and answers once httpd does.
tell() { echo "\$2" >&3; read -r answer <&4; test "\$answer" = done; }
until_it_says() {
    step=\$1; shift; tries=0
    while :; do
        step >said 2>&1 || :
        missing=
        for text; do grep -qF -- "\$text" said || missing=\$text; done
        test -n "\$missing" || return 0
        tries=\$((tries + 1))
        if [ \$tries -ge 120 ]; then
            echo "step \$step does not say \$missing, but:"; cat said
            exit 1
        fi
        sleep 0.5
    done
}
EOF_SH
}

# Runs it; the site is restarted when the page says so.
sub run {
    my ($self) = @_;
    my $root = "$self->{site}{dir}/root";
    $self->{site}->file('root/page.sh', $self->script, 0600);
    pipe(my $asked, my $ask) or die "pipe: $!\n";
    pipe(my $answer, my $answered) or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        require POSIX;
        POSIX::dup2(fileno $ask, 3) && POSIX::dup2(fileno $answer, 4)
            or POSIX::_exit(126);
        open STDOUT, '>', "$root/log" or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
        exec 'bash', "$root/page.sh" or POSIX::_exit(127);
    }
    close $ask;
    close $answer;
    my $old = select $answered;
    $| = 1;
    select $old;
    my @wrong;
    while (defined(my $line = <$asked>)) {
        chomp $line;
        my $done = eval { $self->{more}{restart}->($line); 1 };
        print {$answered} $done ? "done\n" : "failed\n";
        push @wrong, $@ if !$done;
    }
    waitpid $pid, 0;
    return @wrong if $? == 0;
    open my $log, '<', "$root/log" or die "$root/log: $!\n";
    return (@wrong, "$self->{file}: " . do { local $/; <$log> });
}

1;
