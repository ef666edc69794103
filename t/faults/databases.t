# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Each of the six databases answers httpd, through mod_dbd and through a
# connection of the module's own: a change in the database takes effect with
# the next request.

use APIKey::Test;
use APIKey::Backends qw(on_each_database);
use APIKey::DatabaseSite;
use APIKey::Process qw(wait_until);

# Makes a key; returns the key and its id, which SQL finds.
sub made {
    my ($site, @arguments) = @_;
    my $key = $site->create(@arguments);
    my ($id) = grep { !$site->{seen}{$_}++ }
               $site->{backend}->sql('SELECT id FROM apikey');
    return ($key, $id);
}

sub changes {
    my ($site) = @_;
    my ($sql, $tool) = (sub { $site->{backend}->sql(@_) },
                        sub { $site->htapikey(@_) });
    my ($key, $id) = made($site);
    for my $case (
        [ 'disable', 401, sub { $tool->(disable => $id) } ],
        [ 'enable', 200, sub { $tool->(enable => $id) } ],
        [ 'a tenant is suspended', 403,
          sub { $tool->(qw(tenant suspend acme)) } ],
        [ 'a tenant is resumed', 200, sub { $tool->(qw(tenant resume acme)) } ],
        [ 'revoke', 401, sub { $tool->(revoke => $id) } ],
    ) {
        my ($what, $status, $change) = @$case;
        $change->();
        is($site->status($key), $status, "htapikey: $what");
    }
    ($key, $id) = made($site);
    for my $case (
        [ 'UPDATE apikey SET disabled = 1', 401 ],
        [ 'UPDATE apikey SET disabled = 0', 200 ],
        [ 'UPDATE apikey SET expires = 1', 401 ],
        [ 'UPDATE apikey SET expires = 0', 200 ],
        [ "UPDATE apikey_tenant SET suspended = 1 WHERE tenant = 'acme'",
          403 ],
        [ "DELETE FROM apikey_tenant WHERE tenant = 'acme'", 200 ],
        [ 'UPDATE apikey SET revoked = 1', 401 ],
        [ 'UPDATE apikey SET revoked = 0', 200 ],
        [ 'DELETE FROM apikey', 401 ],
    ) {
        my ($statement, $status) = @$case;
        $sql->($statement =~ /apikey_tenant/ ? $statement
                                             : "$statement WHERE id = '$id'");
        is($site->status($key), $status, $statement);
    }
}

sub scopes {
    my ($site) = @_;
    my ($narrow) = made($site);
    my ($wide, $id) = made($site, qw(--scope a:b));
    is($site->status($narrow, '/scoped/'), 403,
       '403 for a key without the scope');
    is($site->status($wide, '/scoped/'), 200, '200 for a key with the scope');
    $site->{backend}->sql("UPDATE apikey SET scopes = 'a:c' WHERE id = '$id'");
    is($site->status($wide, '/scoped/'), 403,
       '403 after the scope was taken away');
}

# Several connections are used, and all of them see the change.
sub everywhere {
    my ($site) = @_;
    my ($key, $id) = made($site);
    my @answers = $site->load(8, 0, $key, count => 10);
    is_deeply([ grep { $_->[0] ne 200 || $_->[3] ne 'acme' } @answers ], [],
              'eight clients get the tenant each time');
    is(scalar @answers, 80, 'all 80 requests have an answer');
    $site->htapikey(revoke => $id);
    is_deeply([ grep { $_->[0] ne 401 }
                $site->load(8, 0, $key, count => 10) ], [],
              '401 for a revoked key over all connections');
}

sub all_of {
    my ($backend, $way) = @_;
    my $site = APIKey::DatabaseSite->new($backend, $way);
    $site->without_tables(sub { $site->run });
    my $unknown = $site->unknown;
    my $answer = $site->answer($unknown);
    is("$answer->[0] $answer->[2]", '503 5',
       '503 with Retry-After 5 without tables');
    like($site->errors, qr/APIKEY0105: .*htapikey init/,
         'APIKEY0105 is logged and names htapikey init');
    is($site->status(''), 401, '401 without a key, without tables');
    is($site->status('', '/'), 200, '200 for an open page, without tables');
    $site->init;
    ok(wait_until(60, sub { $site->status($unknown) eq 401 }),
       '401 for an unknown key after htapikey init, without a restart');
    my ($key) = made($site);
    $answer = $site->answer($key);
    is("$answer->[0] $answer->[3]", '200 acme',
       '200 for a key, with its tenant');
    is($site->status($unknown), 401, '401 for an unknown key');
    changes($site);
    scopes($site);
    everywhere($site);
    $site->stop;
    unlike($site->errors, qr/exit signal|APIKEY0106/,
           'no look-up failed and no process crashed');
    is($site->leaks($key, $unknown), '', 'no key is in the logs');
}

on_each_database(\&all_of);

done_testing;
