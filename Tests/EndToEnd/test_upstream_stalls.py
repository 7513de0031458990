"""Upstreams that lie about TLS, and upstreams that stall at each step: clients are told in time, and told the truth."""

import threading
import time
import unittest

from harness import PATIENCE_S, certificates, relay, scripted
from harness.programs import wait_until

REQUIRED = 'tls = "required"\ntls_verify = false'
OPPORTUNISTIC = 'tls = "opportunistic"'
EHLO_REPLY = "250-upstream.test\r\n250-STARTTLS\r\n250 PIPELINING\r\n"
# More than any of the timeouts that the cases set, and less than any by default.
SOON_S = 20


class Lies(unittest.TestCase):
    """The server lists STARTTLS, and then does something else."""

    def session(self, upstream, after_starttls):
        """One session; returns what the client got, the record and the counters. Later connections are served honestly,
        without TLS."""

        def serve(peer):
            peer.send("220 upstream.test\r\n")
            while line := peer.line():
                if line.startswith(b"STARTTLS"):
                    if after_starttls(peer):
                        continue
                    return peer.rest()
                peer.send(EHLO_REPLY if line.startswith(b"EHLO") else "250 2.0.0 fine\r\n")

        with scripted.Server(serve) as self.server:
            with relay.start([self.server.address], upstream=upstream) as mailrace:
                with scripted.Client(mailrace.port()) as client:
                    client.reply()
                    client.ask("EHLO client.test")
                    try:
                        client.ask("MAIL FROM:<a@client.test>")
                    except OSError:
                        pass
                return bytes(client.received), mailrace.session(), mailrace.end()

    def refuse(self, peer):
        peer.send("502 5.5.1 not now\r\n")
        return True

    def test_it_refuses(self):
        got, record, counters = self.session(REQUIRED, self.refuse)
        self.assertIn(b"421 4.7.5 ", got)
        self.assertNotIn(b"fine", got)
        self.assertEqual((record["end"], record["upstream_tls_failure"]), ("upstream_tls_refused", "command_502"))
        self.assertEqual(counters["sessions_upstream_ssl_command_err"], 1)

    def test_it_refuses_and_need_not_have_it(self):
        """The client is not offered what the server has just refused."""
        got, record, counters = self.session(OPPORTUNISTIC, self.refuse)
        self.assertEqual(got, b"220 upstream.test\r\n250-upstream.test\r\n250 PIPELINING\r\n250 2.0.0 fine\r\n")
        self.assertEqual(counters["sessions_upstream_ssl_command_err"], 1)
        self.assertEqual(len(self.server.connections), 1)

    def babble(self, peer):
        peer.send("220 go ahead\r\n")
        # Once the first record of TLS is there.
        peer.exactly(5)
        peer.send("250 I was joking\r\n" * 10)

    def test_it_speaks_no_tls(self):
        got, record, counters = self.session(REQUIRED, self.babble)
        self.assertIn(b"421 4.7.5 ", got)
        self.assertNotIn(b"joking", got)
        self.assertEqual((record["end"], record["upstream_tls_failure"]), ("upstream_tls_failed", "not_tls"))
        self.assertEqual(counters.of("upstream_tls_failures", reason="not_tls"), 1)
        self.assertEqual(counters["sessions_upstream_ssl_err"], 1)

    def test_it_speaks_no_tls_and_need_not(self):
        """It is dialled again; what the client sees is one session."""
        got, record, counters = self.session(OPPORTUNISTIC, self.babble)
        self.assertEqual(got, b"220 upstream.test\r\n250-upstream.test\r\n250 PIPELINING\r\n250 2.0.0 fine\r\n")
        self.assertEqual(len(self.server.connections), 2)
        self.assertEqual(counters["sessions_upstream_ssl_err"], 0)

    def injected(self, upstream, inject):
        got, record, _ = self.session(upstream, inject)
        self.assertNotIn(b"injected", got)
        self.assertRegex(got, rb"220 upstream.test\r\n421 4\.\d\.\d ")
        [connection] = self.server.connections
        self.assertNotIn(b"MAIL", connection.received)
        return record

    def test_it_injects_behind_its_220(self):
        """In the same segment: no session goes on from there, TLS or not."""

        def inject(peer):
            peer.send("220 go ahead\r\n250-injected\r\n250 AUTH PLAIN\r\n")

        for policy in [REQUIRED, OPPORTUNISTIC]:
            with self.subTest(policy):
                self.assertEqual(self.injected(policy, inject)["end"], "upstream_bad_reply")

    def test_it_injects_in_another_segment(self):
        def inject(peer):
            peer.send("220 go ahead\r\n")
            peer.send("250-injected\r\n250 AUTH PLAIN\r\n")

        self.injected(REQUIRED, inject)

    def test_it_injects_before_a_true_handshake(self):
        """A server that does have TLS, and an attacker in front of it who writes into the plaintext."""

        def inject(peer):
            peer.send("220 go ahead\r\n250-injected\r\n250 AUTH PLAIN\r\n")
            peer.accept_tls(scripted.server_context(certificates.upstream()))

        self.injected(REQUIRED, inject)

    def test_a_client_that_speaks_while_its_tls_is_mirrored(self):
        """Its plaintext behind STARTTLS comes during the server's handshake; nobody takes it for TLS, or for more."""
        client_has_spoken = threading.Event()

        def serve(peer):
            peer.send("220 upstream.test\r\n")
            for reply in [EHLO_REPLY, "220 go ahead\r\n"]:
                peer.line()
                peer.send(reply)
            client_has_spoken.wait(PATIENCE_S)
            peer.accept_tls(scripted.server_context(certificates.upstream()))
            peer.rest()

        with scripted.Server(serve) as server:
            with relay.start([server.address], upstream='tls = "mirror"', starttls="offer") as mailrace:
                with scripted.Client(mailrace.port()) as client:
                    client.reply()
                    client.ask("EHLO client.test")
                    client.send("STARTTLS\r\n")
                    wait_until(lambda: b"STARTTLS" in server.connections[0].received, "STARTTLS at the server")
                    client.send("MAIL FROM:<injected@client.test>\r\n")
                    client_has_spoken.set()
                    self.assertNotIn(b"250 ", client.rest())
                self.assertIn(mailrace.session()["end"], ["client_desync", "bad_pipeline", "tls_failed"])
                mailrace.end()
            self.assertNotIn(b"injected", server.connections[0].received)


class Stalls(unittest.TestCase):
    """The server takes the connection and answers up to some step; then it is silent, and stays."""

    TIMEOUTS = 'greeting = "1s"\nreply = "1s"\ntls_handshake = "1s"'

    def session(self, steps, upstream=REQUIRED, servers=None):
        """The server speaks for so many steps."""

        def serve(peer):
            for step in [
                lambda: peer.send("220 upstream.test\r\n"),
                lambda: (peer.line(), peer.send(EHLO_REPLY)),
                lambda: (peer.line(), peer.send("220 go ahead\r\n")),
                lambda: peer.accept_tls(scripted.server_context(certificates.upstream())),
            ][:steps]:
                step()
            peer.rest()

        with scripted.Server(serve) as server:
            servers = servers or [server.address]
            with relay.start(servers, upstream=upstream, timeouts=self.TIMEOUTS) as mailrace:
                begin = time.monotonic()
                with scripted.Client(mailrace.port()) as client:
                    if steps > 0:
                        client.reply()
                        client.send("EHLO client.test\r\n")
                    last = client.rest()
                self.assertLess(time.monotonic() - begin, SOON_S)
                return last, mailrace.session(), mailrace.end()

    def test_in_the_queue_of_its_socket(self):
        with scripted.FullServer() as full:
            last, record, counters = self.session(0, REQUIRED + '\nconnect_timeout = "400ms"', [full.address])
        self.assertTrue(last.startswith(b"421 4.3.2 "), last)
        self.assertEqual((record["end"], record["phase"]), ("upstream_unreachable", "connect"))
        self.assertEqual(counters["sessions_upstream_connect_fail"], 1)
        self.assertEqual(counters["upstream_server_connect_failures"], 1)

    def stalls(self, steps, phase, counter="sessions_command_timeout", end="reply_timeout", reply=b"421 4.3.2 "):
        last, record, counters = self.session(steps)
        self.assertTrue(last.startswith(reply), last)
        self.assertEqual((record["end"], record["phase"], record["ended_by"]), (end, phase, "upstream"))
        self.assertEqual(counters[counter], 1)
        self.assertEqual(counters["upstream_server_failures"], 1, counters)

    def test_at_the_greeting(self):
        self.stalls(0, "greeting")

    def test_at_ehlo(self):
        self.stalls(1, "ehlo_reply")

    def test_at_starttls(self):
        self.stalls(2, "upstream_starttls")

    def test_in_the_handshake(self):
        self.stalls(3, "upstream_handshake", "sessions_upstream_ssl_err", "upstream_tls_failed", b"421 4.7.5 ")

    def test_at_ehlo_inside_tls(self):
        self.stalls(4, "ehlo_reply")
