# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::SuExec;

# A place where suEXEC runs CGI programs: a folder below the document root that
# it was compiled with, whose owner is neither root nor httpd's user. It lies
# outside of the tests' own folder, so it goes with this object, and one that a
# killed test has left goes with the next.
#
#   my $suexec = APIKey::SuExec->new($httpd);
#   $suexec->{server}       the user as whom httpd must run
#   $suexec->{user}, {group}, {folder}
#   $suexec->program('x.cgi', $text);

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);

my $OURS = 'apikey-t';

sub new {
    my ($class, $httpd) = @_;
    my ($bin) = `'$httpd' -V 2>&1` =~ /SUEXEC_BIN="([^"]+)"/
        or die "$httpd knows no suEXEC.\n";
    my %is = `'$bin' -V 2>&1` =~ /-D AP_(\w+)="?([^"\n]*)/g;
    $is{DOC_ROOT} or die "$bin does not say what it was compiled with.\n";
    # nobody: neither a system's user, by its number, nor httpd's.
    my @user = getpwnam 'nobody';
    my $self = bless {
        server => $is{HTTPD_USER}, user => 'nobody',
        group => scalar getgrgid($user[3]), ids => [ @user[2, 3] ],
        root => $is{DOC_ROOT}, log => $is{LOG_EXEC}, owner => $$,
        folder => "$is{DOC_ROOT}/$OURS.$$",
    }, $class;
    my $lock = locked();
    $self->make($_) for $self->{root}, dirname($self->{log});
    $self->tidy;
    make_path($self->{folder});
    chown @{ $self->{ids} }, $self->{folder};
    chmod 0755, $self->{folder};
    return $self;
}

# Tests of several runs may make the same folders.
sub locked {
    open my $lock, '<', '/' or die "/: $!\n";
    flock $lock, LOCK_EX or die "flock: $!\n";
    return $lock;
}

# A folder that was not there gets a note that it may be removed.
sub make {
    my ($self, $folder) = @_;
    return if -d $folder;
    make_path($folder);
    open my $note, '>', "$folder/$OURS" or die "$folder: $!\n";
}

# Removes the folders of tests that have ended.
sub tidy {
    my ($self) = @_;
    for my $folder (glob "$self->{root}/$OURS.*") {
        my ($pid) = $folder =~ /\.(\d+)$/ or next;
        remove_tree($folder) unless -d "/proc/$pid";
    }
}

sub program {
    my ($self, $name, $text) = @_;
    my $path = "$self->{folder}/$name";
    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
    chown @{ $self->{ids} }, $path;
    chmod 0755, $path;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($?, $@, $!);
    my $lock = locked();
    remove_tree($self->{folder});
    $self->tidy;
    return if glob "$self->{root}/$OURS.*";
    for my $folder ($self->{root}, my $logs = dirname($self->{log})) {
        next unless -e "$folder/$OURS";
        unlink "$folder/$OURS", $folder eq $logs ? $self->{log} : ();
        rmdir $folder;
    }
}

1;
