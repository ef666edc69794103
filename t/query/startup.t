# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A query that the database refuses is found when httpd starts, on each
# database. Where the database cannot be asked, httpd starts with a warning.

use APIKey::Test;
use APIKey::Backends qw(backend backend_names);
use APIKey::DatabaseSite;
use APIKey::OwnTable;
use APIKey::Process qw(wait_until);

my $FROM = 'FROM api_client WHERE key_sha256 = %s';
my $GOOD = "SELECT number AS id, customer AS tenant $FROM";
my $PAIR = 'SELECT number, key_sha256 FROM api_client_change WHERE';

# The result of `httpd -t` with these lines.
sub said {
    my ($site, $way, $query, $changes) = @_;
    my $database = $site->database_lines;
    $database =~ s/^DBD/ApiKeyDBD/mg if $way eq 'own';
    return $site->check($database . join '', map { "$_\n" }
        qq(ApiKeyQuery "$query"), $changes ? qq(ApiKeyChangesQuery "$changes")
                                           : ());
}

sub refused {
    my ($site, $way, $what, $words, @queries) = @_;
    my $said = said($site, $way, @queries);
    ok(!$said->{ok} && $said->{text} =~ /APIKEY0121: ApiKey\w*Query of the /
       && $said->{text} =~ $words, "$way: $what") or diag($said->{text});
}

sub wrong_queries {
    my ($site, $way) = @_;
    my $mark = $site->{backend}->trait('folder') eq 'pgsql'
        ? 'number > CAST(%s AS BIGINT)' : 'number > %s';
    my $said = said($site, $way, $GOOD, "$PAIR $mark");
    ok($said->{ok}, "$way: two right queries are accepted")
        or diag($said->{text});
    unlike($said->{text}, qr/APIKEY/,
           "$way: nothing is logged about two right queries");
    refused($site, $way, 'no such table',
            qr/ApiKeyQuery .*the database says: .*api_nobody/s,
            $GOOD =~ s/api_client/api_nobody/r);
    refused($site, $way, 'no such column',
            qr/ApiKeyQuery .*the database says: .*key_md5/s,
            $GOOD =~ s/key_sha256/key_md5/r);
    refused($site, $way, 'no tenant', qr/ApiKeyQuery .*no column tenant/,
            "SELECT number AS id $FROM");
    refused($site, $way, 'two of a name',
            qr/both would be APIKEY_META_PLAN/,
            $GOOD =~ s/ FROM/, plan, label AS PLAN FROM/r);
    refused($site, $way, 'changes of no table',
            qr/ApiKeyChangesQuery .*the database says: .*api_nobody/s,
            $GOOD, "SELECT number, x FROM api_nobody WHERE $mark");
    refused($site, $way, 'changes of one column',
            qr/ApiKeyChangesQuery .*must give two columns/,
            $GOOD, "SELECT number FROM api_client_change WHERE $mark");
}

# The query of a second server is checked like the first one's.
sub second_server {
    my ($site, $way) = @_;
    my $good = said($site, $way, "$GOOD\"\n<VirtualHost 127.0.0.1:1>\n"
        . "ApiKeyQuery \"$GOOD AND plan IS NULL\"\n</VirtualHost>\n#");
    ok($good->{ok}, "$way: a virtual host's right query is accepted")
        or diag($good->{text});
    refused($site, $way, 'a wrong one', qr/of the server at \S+:\d+ .*nobody/,
            "$GOOD\"\n<VirtualHost 127.0.0.1:1>\nApiKeyQuery \"$GOOD AND "
            . "nobody IS NULL\"\n</VirtualHost>\n#");
}

# A virtual host inherits both queries. One with an ApiKeyQuery of its own does
# not inherit ApiKeyChangesQuery, which belongs to the outer query. Its
# database here has no table of changes.
sub inherited {
    my ($site) = @_;
    my $file = "$site->{backend}{temp}/other.db";
    system('sqlite3', $file, 'PRAGMA journal_mode = WAL; CREATE TABLE '
           . 'api_client (number, customer, key_sha256)') == 0
        or die "sqlite3: $?\n";
    $site->open_file;
    my $of = sub {
        my ($lines) = @_;
        return said($site, 'own', $GOOD, "$PAIR number > %s\"\n"
            . "<VirtualHost 127.0.0.1:1>\nApiKeyDBDParams $file\n$lines\n"
            . "</VirtualHost>\n#");
    };
    my $said = $of->('');
    ok(!$said->{ok} && $said->{text} =~ /ApiKeyChangesQuery of the server at /,
       'a virtual host inherits both queries') or diag($said->{text});
    $said = $of->(qq(ApiKeyQuery "$GOOD"));
    ok($said->{ok},
       "a virtual host with a query of its own does not inherit the "
       . "changes' query") or diag($said->{text});
    $said = $of->(qq(ApiKeyQuery "$GOOD"\nApiKeyChangesQuery ")
                  . 'SELECT number, x FROM own_changes WHERE number > %s"');
    ok(!$said->{ok} && $said->{text} =~ /no such table: own_changes/,
       'a virtual host may have both queries of its own')
        or diag($said->{text});
    $said = $of->('ApiKeyChangesQuery "SELECT number, customer FROM '
                  . 'api_client WHERE number > %s"');
    ok($said->{ok},
       "a virtual host may have a changes' query of its own beside the "
       . "inherited query")
        or diag($said->{text});
    $said = $site->check($site->database_lines . 'ApiKeyChangesQuery "SELECT'
                         . ' a, b FROM c WHERE a > %s"');
    ok(!$said->{ok} && $said->{text} =~ /APIKEY0123/,
       'ApiKeyChangesQuery without ApiKeyQuery is refused')
        or diag($said->{text});
}

# The query is checked with the rights of httpd's children.
sub rights {
    my ($site) = @_;
    my ($file) = $site->{backend}{file};
    chmod 0, $file;
    chown 0, 0, $file unless $>;
    my $said = said($site, 'own', $GOOD);
    chmod 0644, $file;
    $site->open_file;
    ok(!$said->{ok} && $said->{text} =~
       /APIKEY0193: .*user $site->{run}{user} cannot read the file $file/,
       "a file that httpd's user cannot read is refused")
        or diag($said->{text});
}

# The database's server does not answer. Checks what is logged and printed, and
# that the key is granted once the server is back.
sub without_server {
    my ($backend, $site, $table, $what, $words) = @_;
    my $key = $table->add;
    $backend->signal($what);
    my $said = said($site, 'own', $GOOD);
    ok($said->{ok}, 'httpd -t accepts the configuration')
        or diag($said->{text});
    like($said->{text}, qr/APIKEY0122: ApiKeyQuery .*$words/,
         'httpd -t prints the warning APIKEY0122');
    $site->run("ApiKeyDigest hmac-sha256 sha256\nApiKeyFormat opaque",
               "ApiKeyQuery \"$GOOD\"");
    is($site->status($key), 503, 'httpd starts, and a key gets 503');
    is($site->status('', '/'), 200, '200 for a page that needs no key');
    is(scalar(() = $site->errors =~ /APIKEY0122: /g), 1,
       'the warning is logged once');
    like($site->slurp('said'), qr/APIKEY0122/,
         'the warning is printed when httpd starts');
    $what eq 'STOP' ? $backend->signal('CONT') : $backend->start;
    ok(wait_until(60, sub { $site->status($key) eq 200 }),
       '200 for the key once the server answers');
    $site->stop;
}

for my $name (backend_names()) {
    local %ENV = %ENV;
    my $backend = backend($name);
    my $site = APIKey::DatabaseSite->new($backend, 'own');
    my $table = APIKey::OwnTable->new($backend);
    $site->open_file if $backend->{file};
    subtest "$name: wrong queries" => sub {
        wrong_queries($site, $_) for @APIKey::DatabaseSite::WAYS;
        second_server($site, 'own');
        if ($name eq 'sqlite3') {
            inherited($site);
            rights($site);
        }
    };
    if ($name =~ /^(?:pgsql|mysql)$/) {
        subtest "$name: its server is stopped" => sub {
            without_server($backend, $site, $table,
                           $backend->trait('stop') // 'TERM', qr/opened/);
        };
        subtest "$name: its server is frozen" => sub {
            without_server($backend, $site, $table, 'STOP',
                           qr/not answered within 3 seconds/);
        };
    }
}

done_testing;
