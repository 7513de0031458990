"""Authentication by Dovecot's own service."""

import base64
import smtplib
import unittest

from harness import HOST, dovecot, relay, scripted, sink
from harness.programs import wait_until

TABLES = """[listener.mx.auth]
mechanisms = ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"]
authenticator = "dovecot"
before_tls = true
[authenticator.dovecot]
type = "dovecot"
socket = "{socket}"
"""


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def logins(mailrace):
    return [record["login"] for record in mailrace.sessions(0)]


@unittest.skipUnless(dovecot.can_run(), "no Dovecot to ask")
class Dovecot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dovecot = cls.enterClassContext(dovecot.Dovecot())
        cls.upstream = cls.enterClassContext(sink.Sink())
        tables = TABLES.format(socket=cls.dovecot.socket)
        cls.mailrace = cls.enterClassContext(
            relay.start([cls.upstream.address], listener='depth = "envelope"', tables=tables)
        )

    def connect(self):
        client = self.enterContext(smtplib.SMTP(HOST, self.mailrace.port(), local_hostname="client.test"))
        client.ehlo()
        client.user, client.password = "joe", "secret"
        return client

    def test_each_mechanism(self):
        for mechanism, method in [("PLAIN", "auth_plain"), ("LOGIN", "auth_login"), ("CRAM-MD5", "auth_cram_md5")]:
            with self.subTest(mechanism):
                client = self.connect()
                client.password = "wrong"
                with self.assertRaises(smtplib.SMTPAuthenticationError) as refused:
                    client.auth(mechanism, getattr(client, method))
                self.assertEqual(refused.exception.smtp_code, 535)
                client.password = "secret"
                self.assertEqual(client.auth(mechanism, getattr(client, method))[0], 235)
                client.sendmail("a@client.test", ["b@example.com"], f"Subject: {mechanism}\r\n\r\ntext\r\n")
                client.quit()
        wait_until(lambda: logins(self.mailrace).count("joe") >= 3, "three sessions of joe's")

    def test_a_token_that_is_not_taken(self):
        with scripted.Client(self.mailrace.port()) as client:
            client.reply()
            client.ask("EHLO client.test")
            reason = client.ask("AUTH XOAUTH2 " + encoded("user=joe\1auth=Bearer t0k\1\1"))
            self.assertIn(b'"status":"401"', base64.b64decode(reason[4:]))
            self.assertTrue(client.ask("").startswith(b"535 5.7.8 "))

    def test_it_goes_and_comes_back(self):
        self.dovecot.stop()
        try:
            with scripted.Client(self.mailrace.port()) as client:
                client.reply()
                client.ask("EHLO client.test")
                for line in ["AUTH PLAIN " + encoded("\0joe\0secret"), "AUTH CRAM-MD5"]:
                    self.assertTrue(client.ask(line).startswith(b"454 4.7.0 "))
        finally:
            self.dovecot.start()
        client = self.connect()
        self.assertEqual(client.auth("PLAIN", client.auth_plain)[0], 235)


if __name__ == "__main__":
    unittest.main()
