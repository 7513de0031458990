"""Upstreams that are not there, that refuse, and that misbehave before the hand-off."""

import threading
import unittest

from harness import HOST, PATIENCE_S, relay, scripted, sink
from harness.programs import free_port


class Reaching(unittest.TestCase):
    def test_no_upstream_answers(self):
        servers = [f"{HOST}:{free_port()}", f"{HOST}:{free_port()}"]
        with relay.start(servers) as mailrace, scripted.Client(mailrace.port()) as client:
            self.assertTrue(client.rest().startswith(b"421 4.3.2 "))
            record = mailrace.session()
        self.assertEqual((record["end"], record["upstream"], record["phase"]), ("upstream_unreachable", None, "connect"))

    def test_the_second_server_is_used_when_the_first_refuses(self):
        with sink.Sink() as upstream, relay.start([f"{HOST}:{free_port()}", upstream.address]) as mailrace:
            with scripted.Client(mailrace.port()) as client:
                self.assertEqual(client.reply(), b"220 upstream.test ESMTP\r\n")
                client.ask("QUIT")
                client.rest()
            self.assertEqual(mailrace.session()["upstream"], upstream.address)

    def test_the_first_server_is_used_while_it_answers(self):
        with sink.Sink() as first, sink.Sink() as second:
            with relay.start([first.address, second.address]) as mailrace:
                for _ in range(5):
                    with scripted.Client(mailrace.port()) as client:
                        client.reply()
                        client.ask("QUIT")
                first.wait_finished(5)
            self.assertEqual(second.connections, [])


class Misbehaving(unittest.TestCase):
    def converse(self, upstream, *commands):
        """Runs a session; returns all that the client got, and the log's record."""
        with scripted.Server(upstream) as server, relay.start([server.address], starttls="offer") as mailrace:
            with scripted.Client(mailrace.port()) as client:
                for command in commands:
                    client.reply()
                    client.send(command + "\r\n")
                client.rest()
                return bytes(client.received), mailrace.session()

    def test_a_greeting_that_refuses_is_relayed(self):
        def refuse(peer):
            peer.send("554-no service for you\r\n554 5.7.1 none\r\n")
            peer.rest()

        got, _ = self.converse(refuse, "QUIT")
        self.assertTrue(got.startswith(b"554-no service for you\r\n554 5.7.1 none\r\n"))

    def test_a_421_while_the_client_thinks_is_relayed(self):
        hello_answered = threading.Event()

        def time_out(peer):
            peer.send("220 upstream.test\r\n")
            peer.line()
            peer.send("250 upstream.test\r\n")
            hello_answered.wait(PATIENCE_S)
            peer.send("421 4.4.2 too slow\r\n")

        with scripted.Server(time_out) as server, relay.start([server.address], starttls="offer") as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                client.ask("EHLO client.test")
                hello_answered.set()
                self.assertEqual(client.rest(), b"421 4.4.2 too slow\r\n")
            self.assertEqual(mailrace.session()["end"], "upstream_421")

    def test_a_reply_that_is_none(self):
        def babble(peer):
            peer.send("hello\r\n")
            peer.rest()

        got, record = self.converse(babble)
        self.assertTrue(got.startswith(b"421 4.3.0 "), got)
        self.assertEqual(record["end"], "upstream_bad_reply")

    def test_bytes_behind_a_reply(self):
        def hurry(peer):
            peer.send("220 upstream.test\r\n")
            peer.line()
            peer.send("250 upstream.test\r\n250 and more\r\n")
            peer.rest()

        got, record = self.converse(hurry, "EHLO client.test")
        self.assertNotIn(b"and more", got)
        self.assertIn(record["end"], ["upstream_bad_reply", "upstream_desync"])

    def test_an_upstream_that_leaves_at_once(self):
        got, record = self.converse(lambda peer: peer.close())
        self.assertIn(got[:4], [b"", b"421 ", b"451 "])
        self.assertEqual((record["end"], record["ended_by"]), ("upstream_closed", "upstream"))

    def test_an_upstream_that_resets_at_once(self):
        def reset(peer):
            peer.send("220 upstream.test\r\n")
            peer.line()
            peer.reset()

        got, record = self.converse(reset, "EHLO client.test")
        self.assertTrue(got.startswith(b"220 "))
        self.assertEqual((record["end"], record["ended_by"]), ("upstream_reset", "upstream"))
