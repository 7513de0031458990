"""After the hand-off: every byte arrives, in order, both ways; and no message gets an end that its client did not send."""

import hashlib
import os
import socket
import threading
import unittest

from harness import relay, scripted, sink
from harness.programs import wait_until

BULK_BYTES = 8 * 1024 * 1024


def begin_data(client, tls):
    """From the greeting to 354."""
    client.reply()
    client.ask("EHLO client.test")
    if tls:
        client.ask("STARTTLS")
        client.start_tls()
        client.ask("EHLO client.test")
    client.ask("MAIL FROM:<a@client.test>")
    client.ask("RCPT TO:<b@upstream.test>")
    reply = client.ask("DATA")
    assert reply.startswith(b"354"), reply


class Bytes(unittest.TestCase):
    def exchange(self, starttls):
        """Random bytes go both ways at once; each side compares what it got with what the other sent."""
        upward, downward = os.urandom(BULK_BYTES), os.urandom(BULK_BYTES)
        got = {}

        def serve(peer):
            peer.send("220 upstream.test\r\n")
            peer.line()
            peer.send("250 upstream.test\r\n")
            if starttls:
                peer.line()
                peer.send("250 upstream.test\r\n")
            peer.line()
            sender = threading.Thread(target=peer.send, args=[downward])
            sender.start()
            got["upward"] = peer.exactly(BULK_BYTES)
            sender.join()
            peer.rest()

        with scripted.Server(serve) as server, relay.start([server.address], starttls=starttls) as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                client.ask("EHLO client.test")
                if starttls:
                    client.ask("STARTTLS")
                    client.start_tls()
                    client.ask("EHLO client.test")
                client.send("XBULK\r\n")
                got["downward"] = client.exchange(upward, BULK_BYTES)
                wait_until(lambda: "upward" in got, "the upstream's share")
            record = mailrace.session()
        digests = [hashlib.sha256(data).hexdigest() for data in (got["upward"], got["downward"])]
        self.assertEqual(digests, [hashlib.sha256(data).hexdigest() for data in (upward, downward)])
        self.assertGreaterEqual(record["bytes_up"], BULK_BYTES)
        self.assertGreaterEqual(record["bytes_down"], BULK_BYTES)

    def test_plaintext(self):
        self.exchange(None)

    def test_tls(self):
        self.exchange("offer")

    def test_a_half_close_is_carried_through(self):
        """The client ends its side, the upstream answers after that, and the client still gets the answer."""

        def serve(peer):
            peer.send("220 upstream.test\r\n")
            peer.line()
            peer.send("250 upstream.test\r\n")
            everything = peer.rest()
            peer.send(b"got %d bytes\r\n" % len(everything))

        with scripted.Server(serve) as server, relay.start([server.address]) as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                client.ask("EHLO client.test")
                client.send(b"x" * 100_000)
                client.socket.shutdown(socket.SHUT_WR)
                self.assertEqual(client.rest(), b"got 100000 bytes\r\n")
            self.assertEqual(mailrace.session()["end"], "completed")


class Truncation(unittest.TestCase):
    """Invariant 2: never a terminator for half a message. The client stops in the middle of DATA in every way it can."""

    HALF = b"Subject: half\r\n\r\n" + b"a line of the message\r\n" * 2000 + b".\r"

    def attack(self, tls, stop):
        with sink.Sink() as upstream:
            with relay.start([upstream.address], starttls="offer" if tls else None) as mailrace:
                with scripted.Client(mailrace.port()) as client:
                    begin_data(client, tls)
                    client.send(self.HALF)
                    stop(client)
                    [connection] = upstream.wait_finished()
                    record = mailrace.session()
                self.assertEqual(upstream.messages, [])
        message = bytes(connection.received).partition(b"DATA\r\n")[2]
        self.assertTrue(self.HALF.startswith(message), "the upstream got what the client did not send")
        return record

    def test_reset(self):
        for tls in [False, True]:
            with self.subTest(tls=tls):
                record = self.attack(tls, lambda client: client.reset())
                self.assertEqual(record["ended_by"], "client")

    def test_close(self):
        for tls in [False, True]:
            with self.subTest(tls=tls):
                self.attack(tls, lambda client: client.close())

    def test_close_with_close_notify(self):
        self.attack(True, lambda client: client.socket.unwrap())

    def test_end_of_one_direction(self):
        self.attack(False, lambda client: client.socket.shutdown(socket.SHUT_WR))

    def test_stall(self):
        """The client says nothing more; the idle deadline closes both sides without a word."""
        with sink.Sink() as upstream:
            with relay.start([upstream.address], timeouts='passthrough_idle = "2s"') as mailrace:
                with scripted.Client(mailrace.port()) as client:
                    begin_data(client, False)
                    client.send(self.HALF)
                    self.assertEqual(client.rest(), b"")
                    [connection] = upstream.wait_finished()
                    record = mailrace.session()
        self.assertEqual(record["end"], "idle_timeout")
        self.assertEqual(upstream.messages, [])
        self.assertEqual(bytes(connection.received).partition(b"DATA\r\n")[2], self.HALF)

    def test_the_upstream_resets_in_data(self):
        """The client is not told that its message was accepted."""

        def serve(peer):
            peer.send("220 upstream.test\r\n")
            for reply in ["250 upstream.test\r\n", "250 fine\r\n", "250 fine\r\n", "354 go on\r\n"]:
                peer.line()
                peer.send(reply)
            peer.line()
            peer.reset()

        with scripted.Server(serve) as server, relay.start([server.address]) as mailrace:
            with scripted.Client(mailrace.port()) as client:
                begin_data(client, False)
                try:
                    client.send(self.HALF + b"\n")
                except ConnectionError:
                    pass
                self.assertNotIn(b"250", client.rest())
            record = mailrace.session()
        self.assertEqual((record["end"], record["ended_by"]), ("upstream_reset", "upstream"))
