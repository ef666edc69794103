# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# A Tomcat by way of AJP, as in conf/manual/applications.md.

use APIKey::ConfigTest;
use APIKey::Process qw(end_process wait_until);
use APIKey::Test;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();

my $HOME = '/usr/share/tomcat10';
my $site = APIKey::ConfigTest->new;
my $base = "$site->{dir}/tomcat";
my ($folder) = $site->slurp('../../conf/modules.list') =~ m{"(.*)/mod_\w+\.so"};
my %port = map { $_ => APIKey::ConfigTest::free_port() } qw(plain told open);

# ---- A Tomcat with three connectors and one page ----

my %says = (plain => '', told => 'tomcatAuthentication="false"',
            open => 'allowedRequestAttributesPattern="NOTE"');
my $connectors = join '', map { <<"EOF_CONNECTOR" } sort keys %says;
    <Connector protocol="AJP/1.3" address="127.0.0.1" port="$port{$_}"
               secret="sesame" $says{$_}/>
EOF_CONNECTOR
$site->file('tomcat/conf/server.xml', <<"EOF_SERVER");
<Server port="-1">
  <Service name="Catalina">
$connectors
    <Engine name="Catalina" defaultHost="localhost">
      <Host name="localhost" appBase="webapps" autoDeploy="false"/>
    </Engine>
  </Service>
</Server>
EOF_SERVER
$site->file('tomcat/webapps/ROOT/WEB-INF/web.xml', <<'EOF_WEB');
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0"
         metadata-complete="true">
  <servlet>
    <servlet-name>jsp</servlet-name>
    <servlet-class>org.apache.jasper.servlet.JspServlet</servlet-class>
  </servlet>
  <servlet-mapping>
    <servlet-name>jsp</servlet-name>
    <url-pattern>*.jsp</url-pattern>
  </servlet-mapping>
</web-app>
EOF_WEB
$site->file('tomcat/webapps/ROOT/show.jsp', <<'EOF_JSP');
<%@page contentType="text/plain" session="false"%><%
out.print("user=" + request.getRemoteUser() + "\ntype="
    + request.getAuthType() + "\nnote=" + request.getAttribute("NOTE") + "\n");
for (String name : java.util.Collections.list(request.getHeaderNames())) {
    out.print(name.toLowerCase() + ": " + request.getHeader(name) + "\n");
}
%>
EOF_JSP
mkdir "$base/$_" for qw(temp work logs);
my $tomcat = fork // die "fork: $!\n";
if (!$tomcat) {
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', "$base/said";
    open STDERR, '>&', \*STDOUT;
    delete $ENV{LD_PRELOAD};
    # Java ends with this test.
    exec 'setpriv', '--pdeathsig', 'KILL', 'java', '-Xmx128m',
        '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC',
        '-Dtomcat.util.scan.StandardJarScanFilter.jarsToSkip=*',
        "-Dcatalina.home=$HOME", "-Dcatalina.base=$base",
        "-Djava.io.tmpdir=$base/temp",
        '-cp', "$HOME/bin/bootstrap.jar:$HOME/bin/tomcat-juli.jar",
        'org.apache.catalina.startup.Bootstrap', 'start'
        or POSIX::_exit(127);
}

my $hosts = join '', map { <<"EOF_HOST" } sort keys %port;
<VirtualHost *>
    ServerName $_.example
    ProxyPass "/guarded/" "ajp://127.0.0.1:$port{$_}/" secret=sesame
    ProxyPass "/open/" "ajp://127.0.0.1:$port{$_}/" secret=sesame
    ProxyPass "/noted/" "ajp://127.0.0.1:$port{$_}/" secret=sesame
</VirtualHost>
EOF_HOST
$site->start(<<"EOF_CONF");
LoadModule proxy_ajp_module "$folder/mod_proxy_ajp.so"
\@DATABASE\@
LogLevel notice
RequestHeader unset X-Key-Name early
RequestHeader set X-Key-Name "%{APIKEY_NAME}e" env=APIKEY_NAME
<LocationMatch "^/(?:guarded|noted)/">
    AuthType ApiKey
    AuthName "R"
    Require valid-user
</LocationMatch>
<Location "/noted/">
    SetEnvIf Request_URI . AJP_NOTE=a
</Location>
$hosts
EOF_CONF

my $key = JSON::PP->new->decode($site->htapikey(qw(--json create --tenant acme
    --name Sync --scope a:b)));
remember_key($key->{key});
my $with = "X-API-Key: $key->{key}";
wait_until(120, sub {
    waitpid($tomcat, POSIX::WNOHANG()) == 0 or die $site->slurp('tomcat/said');
    3 == grep { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$_") } values %port;
}) or die 'Tomcat did not start: ', $site->slurp('tomcat/said');

sub ask {
    my ($host, $area, @headers) = @_;
    my $r = get($site->port, "/$area/show.jsp", "Host: $host.example",
                @headers);
    return $r->{status} if $r->{status} != 200;
    return { $r->{body} =~ /^(user|type|note)=(.*)$/mg,
             $r->{body} =~ /^(x-\w*-?key\S*|authorization): (.*)$/mg };
}

my %carried = ('x-apikey-tenant' => 'acme', 'x-apikey-id' => $key->{id},
               'x-apikey-scopes' => 'a:b', 'x-apikey-env' => 'live',
               'x-key-name' => 'Sync');
my %nobody = (user => 'null', type => 'null', note => 'null');
is_deeply(ask('plain', guarded => $with), { %nobody, %carried },
          'Tomcat gets the four headers and one made of a variable, and no '
          . 'user');
is_deeply(ask('told', guarded => $with),
          { %carried, user => 'acme', type => 'ApiKey', note => 'null' },
          'with tomcatAuthentication="false" the user is the tenant');
is_deeply(ask('told', open => $with, 'X-Apikey-Tenant: evil',
              'X-Key-Name: evil'), \%nobody,
          'an open place of Tomcat gets nothing of the key');
is(ask('plain', guarded => ()), 401,
   '401 without a key: Tomcat does not get the request');
is(ask('plain', noted => $with), 403,
   'Tomcat answers 403 to an attribute that it does not expect');
is_deeply(ask('open', noted => $with), { %nobody, %carried, note => 'a' },
          'allowedRequestAttributesPattern lets Tomcat accept the attribute');
is_deeply(ask('open', guarded => $with), { %nobody, %carried },
          'no value of mod_apikey is such an attribute');

$site->stop;
end_process($tomcat, 30);
is($site->leaks($key->{key}), '', 'no log of httpd has a key');
unlike($site->slurp('tomcat/said'), qr/\Q$key->{key}\E/,
       'the output of Tomcat has no key');
done_testing;
