# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::CLI;

# htapikey in a folder of its own, without httpd.
#
#   my $cli = APIKey::CLI->new('ApiKeyPrefix acme');
#   my $done = $cli->run('show', $id);        exit, signal, out, err
#   my $done = $cli->run('verify', { stdin => "$key\n" });
#   my $key = $cli->create(tenant => 'acme');  what --json create says
#   $cli->sql('SELECT ...');                   rows, '|' between columns
#   $cli->old_rows('UPDATE ...');              past the schema's rules for text
#
# The program is $ENV{HTAPIKEY}; without it, the one in the folder above t.

use strict;
use warnings;

use Carp qw(croak);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use JSON::PP ();
use POSIX ();

our $SECRET = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=';

sub program {
    return $ENV{HTAPIKEY} if length($ENV{HTAPIKEY} // '');
    my $above = dirname(dirname(dirname(dirname(abs_path(__FILE__)))));
    my $program = "$above/htapikey";
    -x $program or die "There is no $program; set HTAPIKEY or run make.\n";
    return $program;
}

# A folder with secrets, CONF and a database; the arguments are further lines
# of CONF.
sub new {
    my ($class, @lines) = @_;
    my $self = $class->bare(@lines);
    my $done = $self->run('init');
    croak "htapikey init: $done->{err}" if $done->{exit};
    return $self;
}

# The same without the database.
sub bare {
    my ($class, @lines) = @_;
    my $self = bless { temp => File::Temp->newdir('apikey-cli-XXXXXX',
                                                 TMPDIR => 1) }, $class;
    my $folder = $self->{folder} = $self->{temp}->dirname;
    @{$self}{qw(conf db ring)} = map { "$folder/$_" } qw(conf keys.db ring);
    $self->write(ring => "k1 $SECRET\n");
    chmod 0600, $self->{ring};
    $self->conf(@lines);
    return $self;
}

sub write {
    my ($self, $which, $text) = @_;
    open my $out, '>:raw', $self->{$which} or die "$which: $!\n";
    print $out $text;
    close $out or die "$which: $!\n";
}

# Writes CONF anew: what it always has, then these lines. Lines in
# $self->{database} name another database than the folder's.
sub conf {
    my ($self, @lines) = @_;
    $self->write(conf => join '', map { "$_\n" }
        @{ $self->{database}
           // ['DBDriver sqlite3', "DBDParams $self->{db}"] },
        "ApiKeySecretFile $self->{ring}", @lines);
}

# Runs it to its end. Options, last: stdin, stdout and stderr (files instead
# of what is read), conf (another CONF, undef: none), env, close (a descriptor
# that is closed).
sub run {
    my ($self, @arguments) = @_;
    my $option = ref $arguments[-1] ? pop @arguments : {};
    my %file = map { $_ => File::Temp->new(DIR => $self->{folder}) }
               qw(in out err);
    binmode $file{in};
    print { $file{in} } $option->{stdin} // '';
    close $file{in};
    my $conf = exists $option->{conf} ? $option->{conf} : $self->{conf};
    unshift @arguments, '-f', $conf if defined $conf;
    utf8::is_utf8($_) && utf8::encode($_) for @arguments;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        delete @ENV{qw(APIKEY_CONF SUDO_USER)};
        %ENV = (%ENV, %{ $option->{env} // {} });
        open STDIN, '<', "$file{in}";
        open STDOUT, '>', $option->{stdout} // "$file{out}";
        open STDERR, '>', "$file{err}";
        POSIX::close($option->{close}) if defined $option->{close};
        exec { program() } 'htapikey', @arguments or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    my %done = (exit => $? >> 8, signal => $? & 127);
    for my $which (qw(out err)) {
        open my $in, '<:raw', "$file{$which}" or die "$which: $!\n";
        local $/;
        $done{$which} = readline($in) // '';
    }
    return \%done;
}

# The JSON that a command prints; dies where the command fails.
sub json {
    my ($self, @arguments) = @_;
    my $done = $self->run('--json', @arguments);
    croak "htapikey @arguments: $done->{exit} $done->{err}"
        if $done->{exit} || $done->{signal};
    return JSON::PP->new->utf8->decode($done->{out});
}

# Makes a key; scope may be a list.
sub create {
    my ($self, %option) = @_;
    $option{tenant} //= 'acme';
    $option{name}   //= 'a test';
    return $self->json('create', map {
        my $name = $_;
        map { ("--$name", $_) }
            ref $option{$name} ? @{ $option{$name} } : $option{$name};
    } sort keys %option);
}

sub show {
    my ($self, $id) = @_;
    return $self->json('show', $id);
}

# 'granted', or the reason.
sub verify {
    my ($self, $key, @arguments) = @_;
    my $done = $self->run('verify', @arguments, { stdin => "$key\n" });
    my ($word) = $done->{out} =~ /^(\w+)$/m;
    return $word // '';
}

# Runs SQL without htapikey, as a person or a dashboard would.
sub sql {
    my ($self, @statements) = @_;
    open my $in, '-|', 'sqlite3', '-batch', '-bail', '-cmd',
        '.timeout 60000', $self->{db}, join('', map { "$_;\n" } @statements)
        or die "sqlite3: $!\n";
    chomp(my @rows = readline($in));
    close $in or croak "sqlite3: @statements";
    return wantarray ? @rows : $rows[0];
}

# The same without the rules of the schema: rows from before there were any.
sub old_rows {
    my ($self, @statements) = @_;
    my $rules = "FROM sqlite_master WHERE type = 'trigger' AND name LIKE "
        . "'%_text_%'";
    my @back = $self->sql("SELECT replace(sql, char(10), ' ') $rules");
    $self->sql((map { "DROP TRIGGER $_" } $self->sql("SELECT name $rules")),
               @statements, @back);
}

1;
