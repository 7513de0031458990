"""STARTTLS on the client's side: offered, required, off; what the upstream gets to see of it, and what it must not."""

import socket
import ssl
import statistics
import time
import unittest

from harness import relay, scripted, sink
from harness.programs import wait_until

LISTS_STARTTLS = b"250-upstream.test\r\n250-STARTTLS\r\n250-STARTTLSX\r\n250 HELP\r\n"


class Offer(unittest.TestCase):
    def test_starttls_is_added_and_the_rest_left_alone(self):
        with sink.Sink() as upstream, relay.start([upstream.address], starttls="offer") as mailrace:
            with scripted.Client(mailrace.port()) as client:
                self.assertEqual(client.reply(), b"220 upstream.test ESMTP\r\n")
                reply = client.ask("EHLO client.test")
                self.assertEqual(reply, sink.EHLO_REPLY.replace(b"250 SIZE", b"250-SIZE") + b"250 STARTTLS\r\n")

    def test_starttls_of_the_upstream_is_not_listed_twice(self):
        with sink.Sink(ehlo_reply=LISTS_STARTTLS) as upstream:
            with relay.start([upstream.address], starttls="offer") as mailrace:
                with scripted.Client(mailrace.port()) as client:
                    client.reply()
                    self.assertEqual(client.ask("EHLO client.test"), LISTS_STARTTLS)

    def test_a_refused_ehlo_is_passed_and_may_be_repeated_as_helo(self):
        with sink.Sink(ehlo_reply=b"502 5.5.1 no ESMTP here\r\n") as upstream:
            with relay.start([upstream.address], starttls="offer") as mailrace:
                with scripted.Client(mailrace.port()) as client:
                    client.reply()
                    self.assertEqual(client.ask("EHLO client.test"), b"502 5.5.1 no ESMTP here\r\n")
                    self.assertEqual(client.ask("HELO client.test"), b"250 2.0.0 fine\r\n")

    def test_starttls_is_stripped_inside_tls(self):
        with sink.Sink(ehlo_reply=LISTS_STARTTLS) as upstream:
            with relay.start([upstream.address], starttls="offer") as mailrace:
                with scripted.Client(mailrace.port()) as client:
                    begin_tls(client)
                    self.assertEqual(
                        client.ask("EHLO again.test"), b"250-upstream.test\r\n250-STARTTLSX\r\n250 HELP\r\n"
                    )

    def test_a_client_may_go_on_without(self):
        with sink.Sink() as upstream, relay.start([upstream.address], starttls="offer") as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                client.ask("EHLO client.test")
                self.assertEqual(client.ask("MAIL FROM:<a@client.test>"), b"250 2.0.0 fine\r\n")
                self.assertEqual(client.ask("QUIT"), b"221 2.0.0 bye\r\n")
                client.rest()
            record = mailrace.session()
        self.assertEqual((record["end"], record["phase"], record["tls"]), ("completed", "passthrough", None))

    def test_the_upstream_sees_the_session_without_its_tls(self):
        for version, name in [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")]:
            with self.subTest(name):
                with sink.Sink() as upstream, relay.start([upstream.address], starttls="offer") as mailrace:
                    with scripted.Client(mailrace.port()) as client:
                        agreed = begin_tls(client, version)
                        client.ask("EHLO again.test")
                        client.ask("QUIT")
                        client.rest()
                    [connection] = upstream.wait_finished()
                    record = mailrace.session()
                self.assertEqual(connection.received, b"EHLO client.test\r\nEHLO again.test\r\nQUIT\r\n")
                self.assertEqual(agreed[0], name)
                self.assertEqual((record["tls"], record["cipher"]), agreed)

    def test_a_client_that_gathers_its_bytes_does_not_wait_behind_the_handshake(self):
        """With Nagle's algorithm on, EHLO waits until the client's last words of the handshake are acknowledged."""

        def wait_s():
            with scripted.Client(mailrace.port()) as client:
                client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
                begin_tls(client)
                begin = time.monotonic()
                client.ask("EHLO again.test")
                return time.monotonic() - begin

        with sink.Sink() as upstream, relay.start([upstream.address], starttls="offer") as mailrace:
            # An acknowledgement that nothing carries comes after 40 ms; so does all else where the machine is busy.
            wait_until(lambda: statistics.median(wait_s() for _ in range(11)) < 0.03, "clients that do not wait")

    def test_tls_older_than_1_2_is_refused(self):
        with sink.Sink() as upstream, relay.start([upstream.address], starttls="offer") as mailrace:
            with scripted.Client(mailrace.port()) as client:
                with self.assertRaises((ssl.SSLError, ConnectionError)):
                    begin_tls(client, ssl.TLSVersion.TLSv1_1)
            self.assertEqual(mailrace.session()["end"], "tls_failed")

    def test_plaintext_behind_starttls_is_refused(self):
        with sink.Sink() as upstream, relay.start([upstream.address], starttls="offer") as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                client.ask("EHLO client.test")
                client.send(b"STARTTLS\r\nMAIL FROM:<injected@client.test>\r\n")
                self.assertTrue(client.rest().startswith(b"503 "))
            [connection] = upstream.wait_finished()
            self.assertEqual(mailrace.session()["end"], "bad_pipeline")
        self.assertNotIn(b"injected", connection.received)

    def test_a_handshake_of_garbage_ends_the_session(self):
        with sink.Sink() as upstream, relay.start([upstream.address], starttls="offer") as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                client.ask("EHLO client.test")
                self.assertTrue(client.ask("STARTTLS").startswith(b"220 "))
                client.send(b"MAIL FROM:<plain@client.test>\r\n")
                self.assertNotIn(b"250 ", client.rest())
            [connection] = upstream.wait_finished()
            record = mailrace.session()
        self.assertEqual(connection.received, b"EHLO client.test\r\n")
        self.assertEqual((record["end"], record["phase"]), ("tls_failed", "handshake"))
        self.assertTrue(record["tls_failure"])


class Require(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(sink.Sink())
        self.mailrace = self.enterContext(relay.start([self.upstream.address], starttls="require"))
        self.client = self.enterContext(scripted.Client(self.mailrace.port()))
        self.client.reply()

    def refused(self, hello):
        reply = self.client.ask("MAIL FROM:<a@client.test>")
        self.assertTrue(reply.startswith(b"530 "), reply)
        self.client.close()
        [connection] = self.upstream.wait_finished()
        self.assertEqual(connection.received, hello)

    def test_mail_without_tls_is_refused(self):
        self.client.ask("EHLO client.test")
        self.refused(b"EHLO client.test\r\n")

    def test_helo_is_no_way_around(self):
        self.assertTrue(self.client.ask("HELO client.test").startswith(b"250 "))
        self.refused(b"HELO client.test\r\n")

    def test_quit_is_always_allowed(self):
        self.client.ask("EHLO client.test")
        self.assertTrue(self.client.ask("QUIT").startswith(b"221 "))
        self.client.rest()
        self.assertEqual(self.mailrace.session()["end"], "quit")

    def test_with_tls_the_session_goes_on(self):
        self.client.ask("EHLO client.test")
        self.client.ask("STARTTLS")
        self.client.start_tls()
        self.client.ask("EHLO client.test")
        self.assertEqual(self.client.ask("MAIL FROM:<a@client.test>"), b"250 2.0.0 fine\r\n")


class Off(unittest.TestCase):
    def test_the_upstreams_reply_is_passed_unchanged(self):
        with sink.Sink(ehlo_reply=LISTS_STARTTLS) as upstream, relay.start([upstream.address]) as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                self.assertEqual(client.ask("EHLO client.test"), LISTS_STARTTLS)
                self.assertEqual(client.ask("STARTTLS"), b"250 2.0.0 fine\r\n")


class Policy(unittest.TestCase):
    """What becomes of the upstream's capabilities, before the client's TLS and inside it."""

    def replies(self, starttls, listener):
        """The replies to EHLO before TLS, and inside it where it is offered."""
        with sink.Sink(ehlo_reply=LISTS_STARTTLS) as upstream:
            with relay.start([upstream.address], starttls=starttls, listener=listener) as mailrace:
                with scripted.Client(mailrace.port()) as client:
                    client.reply()
                    replies = [client.ask("EHLO client.test")]
                    if starttls:
                        client.ask("STARTTLS")
                        client.start_tls()
                        replies.append(client.ask("EHLO client.test"))
                return replies

    STRIPPED = b"250-upstream.test\r\n250-STARTTLSX\r\n250 HELP\r\n"

    def test_strip_without_tls(self):
        self.assertEqual(self.replies(None, 'ehlo_before_tls = "strip"'), [self.STRIPPED])

    def test_pass_inside_tls(self):
        self.assertEqual(self.replies("offer", 'ehlo_inside_tls = "pass"')[1], LISTS_STARTTLS)

    def test_hidden_capabilities(self):
        """In any case of letters, whole words alone, and the last line as well."""
        hidden = 'hide_capabilities = ["help", "STARTTL"]'
        self.assertEqual(self.replies(None, hidden), [b"250-upstream.test\r\n250-STARTTLS\r\n250 STARTTLSX\r\n"])
        before, inside = self.replies("offer", hidden)
        self.assertEqual(inside, b"250-upstream.test\r\n250 STARTTLSX\r\n")
        self.assertNotIn(b"HELP", before)


def begin_tls(client, version=None):
    """From the greeting to the end of the handshake. Returns version and cipher."""
    client.reply()
    client.ask("EHLO client.test")
    reply = client.ask("STARTTLS")
    assert reply.startswith(b"220 "), reply
    return client.start_tls(version)
