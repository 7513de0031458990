"""`dial = "starttls"`: Mailrace greets alone, and dials when the client has TLS or does without."""

import unittest

from harness import HOST, certificates, relay, scripted, sink
from harness.programs import free_port

OWN_REPLY = b"250-mailrace.test\r\n250 STARTTLS\r\n"


class Dial(unittest.TestCase):
    def start(self, servers, starttls="offer", **options):
        listener = 'dial = "starttls"\n' + options.pop("listener", "")
        return self.enterContext(relay.start(servers, starttls=starttls, listener=listener, **options))

    def begin(self, mailrace):
        """A client that has been greeted, and answered."""
        client = self.enterContext(scripted.Client(mailrace.port()))
        self.assertEqual(client.reply(), b"220 mailrace.test ESMTP\r\n")
        self.assertEqual(client.ask("EHLO client.test"), OWN_REPLY)
        return client

    def secure(self, client):
        self.assertTrue(client.ask("STARTTLS").startswith(b"220 "))
        client.start_tls()

    def test_with_tls_the_server_hears_the_second_greeting_alone(self):
        with sink.Sink() as server:
            client = self.begin(self.start([server.address]))
            self.secure(client)
            self.assertEqual(client.ask("EHLO again.test"), sink.EHLO_REPLY)
            client.ask("QUIT")
            [connection] = server.wait_finished()
        self.assertEqual(connection.received, b"EHLO again.test\r\nQUIT\r\n")

    def test_without_tls_the_server_hears_it_all(self):
        with sink.Sink() as server:
            client = self.begin(self.start([server.address]))
            self.assertEqual(client.ask("MAIL FROM:<a@client.test>"), b"250 2.0.0 fine\r\n")
            client.ask("QUIT")
            [connection] = server.wait_finished()
        self.assertEqual(connection.received, b"EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nQUIT\r\n")

    def test_who_leaves_before_has_dialled_nobody(self):
        with sink.Sink() as server:
            mailrace = self.start([server.address])
            client = self.begin(mailrace)
            self.assertTrue(client.ask("QUIT").startswith(b"221 "))
            client.rest()
            self.assertEqual(mailrace.session()["end"], "quit")
            self.assertEqual(server.connections, [])

    def test_tls_required(self):
        with sink.Sink() as server:
            mailrace = self.start([server.address], "require")
            client = self.begin(mailrace)
            self.assertTrue(client.ask("MAIL FROM:<a@client.test>").startswith(b"530 5.7.0 "))
            client.rest()
            self.assertEqual(mailrace.session()["end"], "tls_required")
            self.assertEqual(server.connections, [])

    def fails(self, servers, end, counter, code=b"421 4.3.2 "):
        """What the client, which has been greeted, is told of a server that does not take it; with TLS and without."""
        for tls in [True, False]:
            with self.subTest(tls=tls):
                mailrace = self.start(servers)
                client = self.begin(mailrace)
                if tls:
                    self.secure(client)
                client.send("EHLO client.test\r\n" if tls else "MAIL FROM:<a@client.test>\r\n")
                got = client.rest()
                client.close()
                self.assertTrue(got.startswith(code), got)
                self.assertEqual(mailrace.session()["end"], end)
                self.assertEqual(mailrace.end()[counter], 1)

    def test_no_server_answers(self):
        self.fails([f"{HOST}:{free_port()}"], "upstream_unreachable", "sessions_upstream_connect_fail")

    def test_the_server_does_not_want_the_client(self):
        def refuse(peer):
            peer.send("554 5.3.2 go away\r\n")
            peer.rest()

        with scripted.Server(refuse) as server:
            self.fails([server.address], "upstream_refused", "sessions_upstream_refused")

    def test_with_tls_on_both_sides(self):
        context = scripted.server_context(certificates.upstream())
        upstream = f'tls = "required"\ntls_ca = "{certificates.authority().file}"\ntls_server_name = "upstream.test"'
        with sink.Sink(tls=context) as server:
            mailrace = self.start([server.address], upstream=upstream)
            client = self.begin(mailrace)
            self.secure(client)
            self.assertEqual(client.ask("EHLO again.test"), sink.EHLO_REPLY)
            client.ask("QUIT")
            client.close()
            record = mailrace.session()
        self.assertEqual((record["tls"], record["upstream_tls"]), ("TLSv1.3", "TLSv1.3"))
