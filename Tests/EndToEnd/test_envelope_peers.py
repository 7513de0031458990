"""Envelope depth between programs that others wrote: clients that authenticate, nginx and Dovecot that decide."""

import hashlib
import hmac
import os
import smtplib
import tempfile
import unittest
import urllib.parse

from harness import HOST, PATIENCE_S, certificates, clients, dovecot, nginx, postfix, relay, scripted, sink
from harness.programs import find, run

TOKEN = "ya29.token"
# What nginx's manual has for a mail proxy, with a password to be right.
WEB = """location /auth {{
    if ($http_auth_pass != "secret") {{
        add_header Auth-Status "Invalid login or password";
        add_header Auth-Wait 1;
        return 204;
    }}
    add_header Auth-Status OK;
    add_header Auth-Server {host};
    add_header Auth-Port {port};
    return 204;
}}"""


class Decider(scripted.Server):
    """An auth server that knows joe by his password, by a token, or by a certificate."""

    def __init__(self, upstream):
        self.upstream, self.requests = upstream, []
        super().__init__(self._answer)

    def _answer(self, peer):
        lines = peer.until(b"\r\n\r\n").decode().split("\r\n")[1:]
        fields = dict(line.split(": ", 1) for line in lines if ": " in line)
        self.requests.append(fields)
        host, port = self.upstream.rsplit(":", 1)
        answer = ["Auth-Status: OK", f"Auth-Server: {host}", f"Auth-Port: {port}"]
        if fields.get("Auth-User") != "joe" or not self._is_right(fields):
            answer = ["Auth-Status: no", "Auth-Wait: 1"]
        peer.send("\r\n".join(["HTTP/1.1 200 OK", "Content-Length: 0", *answer, "", ""]))

    @staticmethod
    def _is_right(fields):
        shown = urllib.parse.unquote(fields.get("Auth-Pass", ""))
        match fields["Auth-Method"]:
            case "plain":
                return shown == "secret"
            case "cram-md5":
                salt = urllib.parse.unquote(fields["Auth-Salt"]).encode()
                return shown == hmac.new(b"secret", salt, hashlib.md5).hexdigest()
            case "xoauth2" | "oauthbearer":
                return shown == TOKEN
            case "external":
                return "relay.client.test" in fields.get("Auth-SSL-Subject", "")
        return False


def configuration(auth, upstream, mechanisms):
    own, authority = certificates.ecdsa(), certificates.authority()
    return f"""hostname = "mailrace.test"
[runtime]
shards = 1
control_socket = ""
user = ""
[admin]
listen = ""
[log]
format = "json"
[tls.default]
certificate = "{own.file}"
key = "{own.key_file}"
client_certificates = "request"
client_ca = "{authority.file}"
[listener.mx]
listen = ["{HOST}:0"]
depth = "envelope"
tls = "default"
upstream = "backend"
[listener.mx.auth]
authenticator = "site"
before_tls = true
require = true
mechanisms = {mechanisms}
[upstream.backend]
servers = ["{upstream}"]
health = {{ probe = "off" }}
tls = "off"
[authenticator.site]
type = "http"
url = "http://{auth}/auth"
"""


ALL = ["PLAIN", "LOGIN", "CRAM-MD5", "EXTERNAL", "XOAUTH2", "OAUTHBEARER"]


@unittest.skipUnless(clients.are_installed() and find("msmtp"), "no swaks or no msmtp")
class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.enterClassContext(sink.Sink())
        cls.auth = cls.enterClassContext(Decider(cls.upstream.address))
        text = configuration(cls.auth.address, cls.upstream.address, ALL)
        cls.mailrace = cls.enterClassContext(relay.Mailrace(text)).wait_ready()

    def setUp(self):
        self.before = len(self.upstream.messages)

    def arrived(self, method):
        self.assertEqual(len(self.upstream.messages) - self.before, 1)
        self.assertEqual(self.auth.requests[-1]["Auth-Method"], method)

    def test_swaks(self):
        for mechanism, method in [("PLAIN", "plain"), ("LOGIN", "plain"), ("CRAM-MD5", "cram-md5")]:
            for tls in [[], ["--tls"]]:
                with self.subTest(f"{mechanism} {tls}"):
                    self.setUp()
                    done = self.swaks(mechanism, "secret", tls)
                    self.assertEqual(done.returncode, 0, done.stdout)
                    self.arrived(method)

    def test_swaks_with_a_wrong_password(self):
        done = self.swaks("CRAM-MD5", "guess", [])
        # Its status for a refused AUTH.
        self.assertEqual(done.returncode, 28, done.stdout)
        self.assertEqual(len(self.upstream.messages), self.before)

    def swaks(self, mechanism, password, more):
        arguments = ["swaks", "--server", HOST, "--port", str(self.mailrace.port()), "--from", clients.SENDER]
        arguments += ["--to", clients.RECIPIENT, "--ehlo", "client.test", "--timeout", str(PATIENCE_S), *more]
        return run(arguments + ["--auth", mechanism, "--auth-user", "joe", "--auth-password", password])

    def test_msmtp(self):
        certificate = certificates.client()
        ways = [("plain", "plain", "secret"), ("login", "plain", "secret"), ("cram-md5", "cram-md5", "secret")]
        ways += [("oauthbearer", "oauthbearer", TOKEN), ("xoauth2", "xoauth2", TOKEN), ("external", "external", "")]
        for way, method, password in ways:
            with self.subTest(way), tempfile.TemporaryDirectory() as folder:
                self.setUp()
                lines = ["account default", f"host {HOST}", f"port {self.mailrace.port()}", "domain client.test"]
                lines += [f"auth {way}", "user joe", f"from {clients.SENDER}", "tls on", "tls_certcheck off"]
                lines += [f"password {password}"] if password else []
                lines += [f"tls_cert_file {certificate.file}", f"tls_key_file {certificate.key_file}"]
                file = os.path.join(folder, "msmtprc")
                with open(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as opened:
                    opened.write("\n".join(lines) + "\n")
                done = run(["msmtp", "-C", file, clients.RECIPIENT], text="Subject: x\n\ntext\n")
                self.assertEqual(done.returncode, 0, done.stdout)
                self.arrived(method)

    def test_smtplib(self):
        for mechanism, method in [("plain", "plain"), ("login", "plain"), ("cram_md5", "cram-md5")]:
            with self.subTest(mechanism), smtplib.SMTP(HOST, self.mailrace.port(), "client.test") as client:
                self.setUp()
                client.ehlo()
                client.user, client.password = "joe", "secret"
                client.auth(mechanism.replace("_", "-").upper(), getattr(client, f"auth_{mechanism}"))
                client.sendmail("a@client.test", ["b@example.com"], b"Subject: x\r\n\r\ntext\r\n")
                self.arrived(method)


@unittest.skipUnless(nginx.is_installed(), "no nginx to ask")
class NginxDecides(unittest.TestCase):
    def test_by_its_http_block(self):
        with sink.Sink() as upstream:
            web = WEB.format(host=HOST, port=upstream.port)
            with nginx.Nginx(web=web) as server:
                text = configuration(f"{HOST}:{server.ports['web']}", "127.0.0.1:1", ["PLAIN"])
                with relay.Mailrace(text).wait_ready() as mailrace:
                    with smtplib.SMTP(HOST, mailrace.port(), "client.test") as client:
                        with self.assertRaises(smtplib.SMTPAuthenticationError) as refused:
                            client.login("joe", "guess")
                        self.assertEqual(refused.exception.smtp_code, 535)
                        self.assertIn(b"Invalid login or password", refused.exception.smtp_error)
                        client.login("joe", "secret")
                        client.sendmail("a@client.test", ["b@example.com"], b"Subject: x\r\n\r\ntext\r\n")
            self.assertEqual(len(upstream.messages), 1)


@unittest.skipUnless(postfix.can_run() and dovecot.can_run(), "no Postfix or no Dovecot")
class PostfixWithAuthentication(unittest.TestCase):
    """Postfix takes mail of those alone that authenticate; Mailrace shows it what the client has shown."""

    def test_it_is_shown_the_clients_credentials(self):
        users = self.enterContext(dovecot.Dovecot())
        options = ["smtpd_sasl_auth_enable=yes", "smtpd_sasl_type=dovecot", f"smtpd_sasl_path={users.socket}"]
        options += ["smtpd_relay_restrictions=permit_sasl_authenticated,reject", "smtpd_delay_reject=yes"]
        server = self.enterContext(postfix.Postfix(login=options))
        auth = self.enterContext(Decider(server.address))
        text = configuration(auth.address, server.address, ["PLAIN", "LOGIN", "NONE"])
        text = text.replace("require = true\n", "")
        text = text.replace("[authenticator.site]", 'auth = "session"\n[authenticator.site]')
        mailrace = self.enterContext(relay.Mailrace(text)).wait_ready()
        with smtplib.SMTP(HOST, mailrace.port(), "client.test") as client:
            client.login("joe", "secret")
            client.sendmail("a@client.test", ["b@example.com"], b"Subject: shown\r\n\r\ntext\r\n")
        server.arrived(b"shown")
        server.wait_log(r"sasl_method=PLAIN, sasl_username=joe")


if __name__ == "__main__":
    unittest.main()
