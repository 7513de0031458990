"""Clients that go, or say nothing more, in the midst of a message, where each message goes its own way.

Nothing is delivered in part, wherever it ends.
"""

import socket
import threading
import unittest

from harness import PATIENCE_S
from harness.mailer import Mailer, message, stuffed
from harness.programs import wait_until
from harness.transactions import FaultCase


class ClientLost(FaultCase):
    """T1: the client goes in the middle of its message, in every way it can, and wherever that ends."""

    HALF = b"Subject: half\r\n\r\n" + b"a line of the message\r\n" * 500
    # What the upstream must not take for an end, whatever comes behind it.
    TAILS = [b"", b"a", b"\r", b".", b".\r", b"..", b"..\r\n", b"\r\n", b"\r\n.", b"\r\n.\r", b"QUIT\r\n", b"RSET\r\n"]
    WAYS = {
        "reset": lambda client: client.reset(),
        "close": lambda client: client.close(),
        "the end of one direction": lambda client: (client.socket.shutdown(socket.SHUT_WR), client.rest()),
    }

    def lost(self, begin, sent, note):
        """`begin` connects a client, has it do its part and go; `sent` is what of a message there was."""
        begin()
        wait_until(lambda: self.upstream.finished == len(self.upstream.connections), f"the end at the upstream: {note}")
        self.nothing_is_whole(sent, note)
        for connection in self.upstream.connections:
            in_message = bytes(connection.received).partition(b"DATA\r\n")[2]
            self.assertNotIn(b"\r\n.\r\n", in_message, note)
            if b"QUIT" not in sent:
                self.assertNotIn(b"QUIT", in_message, note)
        self.upstream.forget()

    def test_in_the_body(self):
        for way, go in self.WAYS.items():
            for tail in self.TAILS:
                for head in (b"", self.HALF):
                    # A message that begins with a dot and CRLF is an empty one, and whole.
                    sent = head + tail

                    def begin():
                        mailer = Mailer(self.mailrace.port()).begun()
                        mailer.send(sent)
                        # So that it is not lost with a reset.
                        if len(head) and way != "reset":
                            wait_until(lambda: self.upstream.partial, "the message at the upstream")
                        go(mailer)

                    with self.subTest(way=way, tail=tail, head=len(head)):
                        self.lost(begin, sent, f"{way} after {tail!r}")

    def test_before_the_body(self):
        commands = ["MAIL FROM:<a@client.test>", "RCPT TO:<b@upstream.test>", "DATA"]
        for way, go in self.WAYS.items():
            for count in range(len(commands) + 1):
                for waits in (True, False):

                    def begin():
                        mailer = Mailer(self.mailrace.port())
                        for command in commands[:count]:
                            mailer.send(command + "\r\n")
                            if waits or command != commands[count - 1]:
                                mailer.reply()
                        go(mailer)

                    with self.subTest(way=way, count=count, waits=waits):
                        self.lost(begin, b"", f"{way} after {commands[:count]}")

    def test_in_a_chunk(self):
        """By BDAT: in the middle of a chunk, between two, and in the middle of the last."""
        first = b"BDAT 20\r\nSubject: half a one\r\n"
        texts = [first[:7], first[:9], first[:-11], first, first + b"BDAT 30 LAST\r\n", first + b"BDAT 30 LAST\r\nto",
                 first.replace(b"20", b"20 LAST")[:-1], first + b"BDAT 5 LAST\r\n.\r\n\r"]
        for way, go in self.WAYS.items():
            for text in texts:

                def begin():
                    mailer = Mailer(self.mailrace.port())
                    mailer.begin()
                    mailer.send(text)
                    go(mailer)

                with self.subTest(way=way, text=text):
                    begin()
                    note = f"{way} after {text!r}"
                    wait_until(lambda: self.upstream.finished == len(self.upstream.connections), note)
                    self.assertEqual(self.upstream.whole, [], note)
                    self.upstream.forget()

    def test_when_the_upstream_has_it_all(self):
        """Behind the dot a client's leaving changes nothing: the message is delivered, and once."""
        for way, go in self.WAYS.items():
            with self.subTest(way):
                answering = threading.Event()

                def late(peer):
                    answering.wait(PATIENCE_S)
                    peer.send(b"250 2.0.0 accepted by upstream\r\n")

                self.upstream.faults = {"end": late}
                mailer = Mailer(self.mailrace.port()).begun()
                mailer.send(stuffed(message("all")) + b".\r\n")
                wait_until(lambda: self.upstream.whole, "the message at the upstream")
                # It reads nothing more where it waits for the answer; the half close comes with it.
                answering.set() if way.startswith("the end") else None
                go(mailer)
                answering.set()
                self.upstream.wait_finished()
                self.assertEqual(self.upstream.contents, [message("all")])
                self.upstream.forget()


class ClientLostWithoutChunking(ClientLost):
    """The same where chunks become DATA."""

    OFFERS = ("PIPELINING", "8BITMIME", "SIZE 52428800")


class ClientLostInTLS(FaultCase):
    """The same inside TLS, where an end can be told from a truncation, and is none of a message either way."""

    OPTIONS = {"starttls": "offer"}
    WAYS = {
        "reset": lambda client: client.reset(),
        "close": lambda client: client.close(),
        "close_notify": lambda client: client.socket.unwrap(),
    }

    def begun(self):
        mailer = Mailer(self.mailrace.port())
        mailer.ask("STARTTLS")
        mailer.start_tls()
        mailer.ask("EHLO client.test")
        return mailer.begun()

    def test_in_the_body(self):
        for way, go in self.WAYS.items():
            for tail in (b"", b"\r\n", b"\r\n.", b"\r\n.\r", b".\r"):
                with self.subTest(way=way, tail=tail):
                    sent = ClientLost.HALF + tail
                    mailer = self.begun()
                    mailer.send(sent)
                    try:
                        go(mailer)
                    except OSError:  # What it did not wait for.
                        pass
                    note = f"{way} after {tail!r}"
                    wait_until(lambda: self.upstream.finished == len(self.upstream.connections), note)
                    self.nothing_is_whole(sent, note)
                    mailer.close()
                    self.upstream.forget()


class ClientStalls(FaultCase):
    OPTIONS = {"timeouts": 'data = "2s"\ncommand = "2s"', "listener": 'max_message_size = "64KiB"'}

    def test_in_the_body(self):
        """The seed's fault: 10 s of silence made a truncated message a whole one."""
        for half in (b"Subject: half\r\n\r\n", b"Subject: half\r\n\r\n.", b"Subject: half\r\n\r\n.\r", b""):
            with self.subTest(half), Mailer(self.mailrace.port()) as mailer:
                mailer.begun()
                mailer.send(half)
                self.assertCode(mailer.rest(), "421 4.4.2")
                self.upstream.wait_finished()
                self.nothing_is_whole(half)
                self.upstream.forget()

    def test_in_a_chunk(self):
        for text in (b"BDAT 20\r\nSubject: ", b"BDAT 4 LAST\r\nSub"):
            with self.subTest(text), Mailer(self.mailrace.port()) as mailer:
                mailer.begin()
                mailer.send(text)
                self.assertIn(b"421 4.4.2", mailer.rest())
                self.upstream.wait_finished()
                self.assertEqual(self.upstream.whole, [])
                self.upstream.forget()

    def test_between_commands(self):
        with Mailer(self.mailrace.port()) as mailer:
            mailer.begin()
            self.assertCode(mailer.rest(), "421 4.4.2")
            self.upstream.wait_finished()
            self.nothing_is_whole()

    def test_too_much(self):
        """The seed's other fault: what was cut off at the limit became a whole message."""
        for lines in (5_000, 30_000):
            content = message("large", lines)
            with self.subTest(lines), Mailer(self.mailrace.port()) as mailer:
                mailer.begun()
                self.assertCode(mailer.finish(content), "552 5.3.4")
                self.upstream.wait_finished()
                self.nothing_is_whole(stuffed(content))
                self.goes_on(mailer)
            self.upstream.forget()

    def test_too_much_in_chunks(self):
        piece = b"x" * 70 + b"\r\n"
        with Mailer(self.mailrace.port()) as mailer:
            mailer.begin()
            replies = [mailer.chunk(piece * 500) for _ in range(4)]
            self.assertCode(replies[0], "250")
            self.assertCode(replies[1], "552 5.3.4")
            self.assertCode(replies[3], "503 5.5.1")
            self.assertCode(mailer.chunk(piece, is_last=True), "503 5.5.1")
            mailer.ask("RSET")
            self.assertEqual(self.upstream.whole, [])
            self.goes_on(mailer)

    def test_much_too_much(self):
        """There is an end to what is read of it."""
        with Mailer(self.mailrace.port()) as mailer:
            mailer.begun()
            try:
                for _ in range(300):
                    mailer.send(b"x" * 70 + b"\r\n" + b"y" * 16_000 + b"\r\n")
            except ConnectionError:
                pass
            self.assertNotIn(b"\r\n250", mailer.rest())
            self.upstream.wait_finished()
            self.assertEqual(self.upstream.whole, [])


if __name__ == "__main__":
    unittest.main()
