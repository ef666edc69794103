# Licensed under the Apache License, Version 2.0; see LICENSE.
package APIKey::ManySite;

# A site with a SQLite file for each of many virtual hosts, and the threads and
# files that each of httpd's processes uses for them.
#
#   my $site = APIKey::ManySite->new;
#   $site->many(200);                h1.example … h200.example, databases
#   $site->run(@lines);              further lines of the configuration
#   $site->asked($host, $key)        the status
#   my @used = $site->used;          of each process with an httpd in it: pid,
#                                    threads, files
#   $site->files($pid, qr/keys/)     open ones of that name

use strict;
use warnings;

use parent 'APIKey::ConfigTest';
use APIKey::HTTP;

sub many {
    my ($self, $count) = @_;
    $self->{hosts} = [ map { "h$_.example" } 1 .. $count ];
    $self->{key} = $self->create;
    system('sqlite3', $self->{db}, 'PRAGMA wal_checkpoint(TRUNCATE)') == 0
        or die "sqlite3 failed.\n";
    open my $in, '<:raw', $self->{db} or die "$self->{db}: $!\n";
    my $database = do { local $/; <$in> };
    open my $sql, '|-', 'sqlite3 -batch >/dev/null' or die "sqlite3: $!\n";
    for my $host (@{ $self->{hosts} }) {
        my $file = $self->file("db/$host.db", $database);
        print $sql ".open $file\n", "UPDATE apikey_identity SET uuid = "
            . "'$host' || substr(uuid, length('$host') + 1);\n";
    }
    close $sql or die "sqlite3 failed.\n";
    my @user = getpwnam $self->{user};
    chown @user[2, 3], glob "$self->{dir}/db/*" unless $>;
}

sub host {
    my ($name, @lines) = @_;
    return join '', map { "$_\n" } '<VirtualHost *>', "ServerName $name",
                                   @lines, '</VirtualHost>';
}

sub run {
    my ($self, @lines) = @_;
    return $self->start(join "\n", <<'EOF_CONF', @lines,
LogLevel warn
ApiKeySecretFile "@DIR@/secret"
ApiKeyCache shmcb
ApiKeyUsageFlush 10
<Location "/">
    AuthType ApiKey
    Require valid-user
</Location>
EOF_CONF
        $APIKey::ConfigTest::STATUS_PAGE,
        map { host($_, 'ApiKeyDBDriver sqlite3', 'ApiKeyDBDParams '
                       . qq("$self->{dir}/db/$_.db")) } @{ $self->{hosts} });
}

sub asked {
    my ($self, $host, $key) = @_;
    my $got = get($self->port, '/', "Host: $host",
                  'X-API-Key: ' . ($key // $self->{key}));
    return $got->{status};
}

# The child processes. mod_cgid's daemon has no watchdog thread.
sub used {
    my ($self) = @_;
    my @used;
    open my $in, '<', "/proc/$self->{pid}/task/$self->{pid}/children"
        or die "/proc: $!\n";
    for my $pid (split ' ', readline($in) // '') {
        my @threads = glob "/proc/$pid/task/*";
        push @used, { pid => $pid, threads => scalar @threads,
                      files => scalar $self->files($pid, qr/./) }
            if @threads > 1;
    }
    return @used;
}

sub files {
    my ($self, $pid, $pattern) = @_;
    return grep { (readlink($_) // '') =~ $pattern } glob "/proc/$pid/fd/*";
}

1;
