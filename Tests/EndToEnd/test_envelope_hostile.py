"""Envelope depth against clients and auth servers that mean harm."""

import base64
import resource
import unittest

from harness import HOST, programs, relay, scripted, sink
from harness.sidebyside import AuthServer

TABLES = """[listener.mx.auth]
authenticator = "site"
before_tls = true
mechanisms = ["PLAIN", "LOGIN", "NONE"]
[authenticator.site]
type = "http"
url = "http://{address}/auth"
timeout = "{timeout}"
"""
DOWN = b"454 4.7.0 Temporary authentication failure"
# Those that the authenticator writes, in its order; what is not among them came from a client.
OWN_FIELDS = ["Host", "Auth-Method", "Auth-User", "Auth-Pass", "Auth-Protocol", "Auth-Login-Attempt", "Client-IP"]
OWN_FIELDS += ["Client-Host", "Auth-SMTP-Helo", "Auth-SMTP-From", "Auth-SMTP-To", "Accept", "Connection", "User-Agent"]


def b64(text):
    return base64.b64encode(text.encode("latin-1")).decode()


GOOD = f"AUTH PLAIN {b64(chr(0) + 'joe' + chr(0) + 'secret')}"


class Case(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(sink.Sink())
        self.auth = self.enterContext(AuthServer())
        self.auth.place = (HOST, self.upstream.port)
        self.mailrace = self.enterContext(self.start(self.auth.address))

    def start(self, address, timeout="30s", **options):
        options["tables"] = TABLES.format(address=address, timeout=timeout)
        return relay.start([self.upstream.address], listener='depth = "envelope"', **options)

    def client(self, mailrace=None):
        client = self.enterContext(scripted.Client((mailrace or self.mailrace).port()))
        client.reply()
        client.ask("EHLO c.test")
        return client

    def stays(self, client):
        self.assertEqual(client.ask("NOOP"), b"250 2.0.0 Ok\r\n")


class Clients(Case):
    def test_names_that_are_more_than_one_line(self):
        client = self.client()
        for user in ["joe\r\nX: 1", "joe\nX: 1", "joe\rX", "joe\0boss"]:
            self.assertEqual(client.ask("AUTH LOGIN"), b"334 VXNlcm5hbWU6\r\n")
            self.assertTrue(client.ask(b64(user)).startswith(b"501 5.5.2 "), user)
        for message in ["\0joe\r\nX: 1\0secret", "\0joe\0sec\0ret", "\r\nX: 1\0joe\0secret", "joe"]:
            self.assertTrue(client.ask(f"AUTH PLAIN {b64(message)}").startswith(b"501 5.5.2 "), message)
        self.assertEqual(self.auth.requests, [])
        self.stays(client)

    def test_64_kib_of_base64(self):
        client = self.client()
        flood = "QUFB" * 16384
        # RFC 4954 section 4 has a code for a line of the exchange.
        self.assertTrue(client.ask(f"AUTH PLAIN {flood}").startswith(b"500 5.5.2 "))
        self.assertEqual(client.ask("AUTH PLAIN"), b"334 \r\n")
        self.assertTrue(client.ask(flood).startswith(b"500 5.5.6 "))
        self.assertEqual(client.ask("AUTH LOGIN"), b"334 VXNlcm5hbWU6\r\n")
        self.assertTrue(client.ask(flood).startswith(b"500 5.5.6 "))
        self.assertEqual(self.auth.requests, [])
        self.stays(client)

    def test_auth_within_a_transaction(self):
        client = self.client()
        client.ask("MAIL FROM:<a@x>")
        self.assertTrue(client.ask(GOOD).startswith(b"503 5.5.1 "))
        self.assertEqual(self.auth.requests, [])

    def test_what_comes_behind_auth_is_the_upstreams(self):
        client = self.client()
        self.assertTrue(client.ask(GOOD).startswith(b"235 "))
        for command in [GOOD, "STARTTLS", "XCLIENT LOGIN=boss"]:
            self.assertEqual(client.ask(command), b"250 2.0.0 fine\r\n")
        self.assertEqual(len(self.auth.requests), 1)
        client.ask("QUIT")
        client.rest()
        client.close()
        self.assertEqual(self.mailrace.session()["login"], "joe")

    def test_nothing_is_injected_into_the_request(self):
        self.auth.answer = ["Auth-Status: no"]
        evil = "\r\nAuth-User: boss\r\nX-Evil: 1"
        talks = [
            [f"AUTH PLAIN {b64(chr(0) + 'joe%0d%0aX-Evil: 1' + chr(0) + 'x' + chr(9) + ': y')}"],
            [f"AUTH PLAIN {b64(chr(0) + 'joe' + chr(0) + 'x' + evil)}"],
            ["EHLO c.test Auth-Status: OK", "EHLO c\x0bX-Evil:1", "MAIL FROM:<a@x> X-EVIL=1", "RCPT TO:<b@y>"],
            ['MAIL FROM:<"a\tX-Evil: 1"@x>', "MAIL FROM:<a@x>", "RCPT TO:<b@y>\tX-Evil: 1", "RCPT TO:<b@y>"],
            ["MAIL FROM:<a@x>\nX-Evil: 1", "MAIL FROM:<a@x>\rX-Evil: 1", "MAIL FROM:<a@x>", "RCPT TO:<b\n@y>"],
            ["MAIL FROM:<a@x>\0", "MAIL FROM:<\x7f@x>", "MAIL FROM:<a@x>", "RCPT TO:<\x1b[2J@y>", "RCPT TO:<b@y>"],
        ]
        for talk in talks:
            client = self.client()
            client.send("".join(f"{line}\r\n" for line in [*talk, "QUIT"]).encode("latin-1"))
            client.rest()
        self.assertGreater(len(self.auth.requests), 3)
        for request in self.auth.requests:
            for line in request[1:]:
                name, colon, value = line.partition(":")
                self.assertIn(name, OWN_FIELDS, request)
                self.assertTrue(colon and all(" " <= byte for byte in value), request)


class AuthServers(Case):
    def refused_for_now(self, client=None):
        client = client or self.client()
        self.assertTrue(client.ask(GOOD).startswith(DOWN))
        self.stays(client)
        return client

    def test_one_that_stalls(self):
        with scripted.Server(
            lambda peer: (peer.until(b"\r\n\r\n"), peer.send("HTTP/1.0 200 OK\r\nA"), peer.rest())
        ) as auth:
            self.refused_for_now(self.client(self.enterContext(self.start(auth.address, timeout="300ms"))))

    def test_one_that_sends_garbage(self):
        for garbage in [
            b"\0" * 5000,
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"\r\n\r\n",
            b"\xff",
        ]:
            self.auth.answer = garbage
            self.refused_for_now()

    def test_one_that_sends_10_mib_of_headers(self):
        def flood(peer):
            peer.until(b"\r\n\r\n")
            peer.send(b"HTTP/1.0 200 OK\r\nAuth-Status: OK\r\n")
            for number in range(10 << 10):
                peer.send(b"X-%d: " % number + b"x" * 1000 + b"\r\n")
            peer.send(b"\r\n")

        with scripted.Server(flood) as auth:
            mailrace = self.enterContext(self.start(auth.address))
            client = self.client(mailrace)
            before = self.resident(mailrace)
            self.refused_for_now(client)
            # The limit is far below: what may be kept of an answer.
            self.assertLess(self.resident(mailrace) - before, 4 << 20)

    @staticmethod
    def resident(mailrace):
        """In bytes."""
        with open(f"/proc/{mailrace.program.process.pid}/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    def test_one_that_dies_between_two_sessions(self):
        port = programs.free_port()
        auth = AuthServer(port=port)
        auth.place = self.auth.place
        mailrace = self.enterContext(self.start(f"{HOST}:{port}"))
        self.assertTrue(self.client(mailrace).ask(GOOD).startswith(b"235 "))
        auth.stop()
        client = self.refused_for_now(self.client(mailrace))
        again = self.enterContext(AuthServer(port=port))
        again.place = self.auth.place
        self.assertTrue(client.ask(GOOD).startswith(b"235 "))


if __name__ == "__main__":
    unittest.main()
