"""Envelope depth: Mailrace greets and authenticates, asks an auth_http server, and hands over to Postfix and others."""

import base64
import http.server
import smtplib
import ssl
import tempfile
import threading
import unittest

from harness import HOST, clients, postfix, relay, scripted, sink

CREDENTIALS = base64.b64encode(b"\0joe\0secret").decode()
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE
# Of `secret`, by `openssl passwd -6`.
HASH = "$6$yAAqVdj8POnfkA.o$GNoIccvnxZFqGlGTdGMgx.RYBrVN47CPfvdcQEO4r0PYynAiFrRhdWjyYnwNI9nwFAb2TMlsSiT5nH/KlZCdt."
AUTH = """[listener.mx.auth]
authenticator = "site"
before_tls = true
{auth}
[authenticator.site]
type = "http"
url = "http://{address}/auth"
{site}
"""


class AuthServer:
    """What nginx calls auth_http: joe and no mail for nobody@ is welcome. Keeps the requests' headers."""

    def __init__(self, server=None):
        self.server = server
        self.requests = []

    def __enter__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.requests.append(dict(self.headers))
                self.send_response(200)
                for name, value in outer.answer(self.headers):
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.listener = http.server.ThreadingHTTPServer((HOST, 0), Handler)
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown()
        self.listener.server_close()

    @property
    def address(self):
        return f"{HOST}:{self.listener.server_port}"

    def answer(self, headers):
        if headers["Auth-Method"] == "none":
            is_welcome = "nobody@" not in headers["Auth-SMTP-To"]
        else:
            is_welcome = (headers["Auth-User"], headers["Auth-Pass"]) == ("joe", "secret")
        if not is_welcome:
            return [("Auth-Status", "Go away"), ("Auth-Wait", "1")]
        host, port = self.server.rsplit(":", 1)
        return [("Auth-Status", "OK"), ("Auth-Server", host), ("Auth-Port", port)]


def start(servers, auth=None, auth_lines="", site="", **options):
    """A Mailrace at envelope depth."""
    options["listener"] = 'depth = "envelope"\n' + options.get("listener", "")
    if auth:
        options["tables"] = AUTH.format(address=auth.address, auth=auth_lines, site=site)
    return relay.start(servers, **options)


class Dialogue(unittest.TestCase):
    def test_a_session_without_authentication(self):
        with sink.Sink() as upstream, start([upstream.address]) as mailrace:
            content = clients.message()
            with smtplib.SMTP(HOST, mailrace.port(), local_hostname="client.test") as client:
                self.assertEqual(client.ehlo()[0], 250)
                client.sendmail("a@client.test", ["b@example.com", "c@example.com"], content)
                client.sendmail("a@client.test", ["d@example.com"], content)
            record = mailrace.session()
        self.assertEqual([message.content for message in upstream.messages], [content, content])
        self.assertEqual((record["end"], record["phase"], record["login"]), ("completed", "passthrough", None))

    def test_authentication_names_the_server(self):
        with sink.Sink() as upstream, sink.Sink() as other, AuthServer(upstream.address) as auth:
            with start([other.address], auth, starttls="offer") as mailrace:
                with smtplib.SMTP(HOST, mailrace.port(), local_hostname="client.test") as client:
                    client.starttls(context=CONTEXT)
                    with self.assertRaises(smtplib.SMTPAuthenticationError) as refused:
                        client.login("joe", "wrong")
                    self.assertEqual(refused.exception.smtp_code, 535)
                    client.login("joe", "secret")
                    client.sendmail("a@client.test", ["b@example.com"], b"Subject: x\r\n\r\ntext\r\n")
                record = mailrace.session()
        self.assertEqual((len(upstream.messages), len(other.messages)), (1, 0))
        self.assertEqual((record["login"], record["decision"], record["end"]), ("joe", "accepted", "completed"))
        self.assertEqual(record["upstream"], upstream.address)
        request = auth.requests[-1]
        self.assertEqual((request["Auth-Protocol"], request["Auth-Method"]), ("smtp", "plain"))
        self.assertEqual((request["Client-IP"], request["Auth-SSL"]), (HOST, "on"))
        self.assertNotIn("secret", mailrace.program.output)

    def test_recipients_are_asked_about(self):
        with sink.Sink() as upstream, AuthServer(upstream.address) as auth:
            lines = 'mechanisms = ["PLAIN", "NONE"]'
            with start([upstream.address], auth, auth_lines=lines) as mailrace:
                with scripted.Client(mailrace.port()) as client:
                    client.reply()
                    client.ask("EHLO client.test")
                    client.ask("MAIL FROM:<a@client.test>")
                    self.assertTrue(client.ask("RCPT TO:<nobody@example.com>").startswith(b"535 "))
                    self.assertEqual(client.ask("RCPT TO:<b@example.com>"), b"250 2.0.0 fine\r\n")
                    client.ask("QUIT")
                    client.rest()
        self.assertEqual(auth.requests[-1]["Auth-SMTP-From"], "MAIL FROM:<a@client.test>")

    def test_without_its_server_nobody_is_let_in(self):
        with sink.Sink() as upstream, AuthServer(upstream.address) as auth:
            pass
        with sink.Sink() as upstream, start([upstream.address], auth) as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                client.ask("EHLO client.test")
                self.assertTrue(client.ask(f"AUTH PLAIN {CREDENTIALS}").startswith(b"4"))
                self.assertEqual(client.ask("NOOP"), b"250 2.0.0 Ok\r\n")


class Files(unittest.TestCase):
    def test_a_file_of_passwords_decides(self):
        with tempfile.NamedTemporaryFile("w", suffix=".passwords") as file:
            file.write(f"joe:{HASH}\n")
            file.flush()
            tables = f"""[listener.mx.auth]
authenticator = "users"
[authenticator.users]
type = "file"
file = "{file.name}"
"""
            options = {"listener": 'depth = "envelope"', "tables": tables, "starttls": "require"}
            with sink.Sink() as upstream, relay.start([upstream.address], **options) as mailrace:
                with smtplib.SMTP(HOST, mailrace.port(), local_hostname="client.test") as client:
                    client.starttls(context=CONTEXT)
                    with self.assertRaises(smtplib.SMTPAuthenticationError):
                        client.login("joe", "wrong")
                    client.login("joe", "secret")
                    client.sendmail("a@client.test", ["b@example.com"], b"Subject: x\r\n\r\ntext\r\n")
                self.assertEqual(mailrace.session()["login"], "joe")
        self.assertEqual(len(upstream.messages), 1)


@unittest.skipUnless(postfix.can_run(), "no Postfix to hand over to")
class Postfix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.postfix = cls.enterClassContext(
            postfix.Postfix(
                plain=[f"smtpd_authorized_xclient_hosts={HOST}", "smtpd_delay_reject=no"],
                strict=["smtpd_authorized_xclient_hosts=192.0.2.99"],
            )
        )

    def send(self, mailrace, mark, login=False):
        with smtplib.SMTP(HOST, mailrace.port(), local_hostname="client.test") as client:
            client.ehlo()
            if login:
                client.login("joe", "secret")
            client.sendmail("a@client.test", ["b@example.com"], f"Subject: {mark}\r\n\r\ntext\r\n".encode())
        return self.postfix.arrived(mark.encode())

    def test_it_hears_who_the_client_is(self):
        with start([self.postfix.address_of("plain")]) as mailrace:
            content = self.send(mailrace, "by XCLIENT")
        self.assertIn(b"from client.test", content)

    def test_it_hears_who_has_logged_in(self):
        with AuthServer(self.postfix.address_of("plain")) as auth:
            with start([self.postfix.address_of("strict")], auth) as mailrace:
                self.send(mailrace, "by login", login=True)
        self.postfix.wait_log(r"sasl_username=joe")

    def test_where_it_may_not_hear_it_takes_the_mail_all_the_same(self):
        with start([self.postfix.address_of("strict")]) as mailrace:
            self.assertIn(b"by nobody", self.send(mailrace, "by nobody"))


if __name__ == "__main__":
    unittest.main()
