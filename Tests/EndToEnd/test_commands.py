"""What a client may say before the session is handed off, and what it is told otherwise."""

import unittest

from harness import relay, scripted, sink


class BeforeTheHandOff(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(sink.Sink())
        self.mailrace = self.enterContext(relay.start([self.upstream.address], starttls="offer"))
        self.client = self.enterContext(scripted.Client(self.mailrace.port()))

    def greeted(self):
        self.assertEqual(self.client.reply(), b"220 upstream.test ESMTP\r\n")

    def ends(self, code, end, upstream_saw=b""):
        """The client is told `code` and nothing more, the log says `end`, the upstream saw no more than that and QUIT."""
        last_words = self.client.rest()
        self.assertTrue(last_words.startswith(code), last_words)
        self.client.close()
        self.assertEqual(self.mailrace.session()["end"], end)
        [connection] = self.upstream.wait_finished()
        self.assertEqual(connection.received.removesuffix(b"QUIT\r\n"), upstream_saw.removesuffix(b"QUIT\r\n"))

    def test_quit_before_ehlo(self):
        self.greeted()
        self.client.send("QUIT\r\n")
        self.ends(b"221 ", "quit")

    def test_noop_and_rset_before_ehlo(self):
        self.greeted()
        self.assertTrue(self.client.ask("NOOP").startswith(b"250 "))
        self.assertTrue(self.client.ask("rset").startswith(b"250 "))
        self.assertTrue(self.client.ask("EHLO client.test").startswith(b"250-"))

    def test_helo_is_passed_on(self):
        self.greeted()
        self.assertEqual(self.client.ask("HELO client.test"), b"250 2.0.0 fine\r\n")
        self.client.send("QUIT\r\n")
        self.ends(b"221 2.0.0 bye\r\n", "completed", b"HELO client.test\r\nQUIT\r\n")
        self.assertEqual(self.mailrace.session()["greeting"], "HELO")

    def test_another_first_command(self):
        self.greeted()
        self.client.send("MAIL FROM:<a@client.test>\r\n")
        self.ends(b"503 ", "bad_sequence")

    def bad_twice(self, line):
        """One bad line is answered, the session goes on; the second ends it."""
        self.greeted()
        self.assertTrue(self.client.ask(line).startswith(b"500 "))
        self.assertTrue(self.client.ask("NOOP").startswith(b"250 "))
        self.client.send(line + "\r\n")
        self.ends(b"421 ", "bad_line")

    def test_an_empty_line(self):
        self.bad_twice("")

    def test_a_line_over_the_limit(self):
        self.bad_twice("EHLO " + "x" * 2000)

    def test_a_line_without_an_end(self):
        """It is read and dropped for a while, then the session is given up."""
        self.greeted()
        try:
            self.client.send(b"x" * 1_000_000)
        except ConnectionError:
            pass
        self.client.rest()
        self.client.close()
        self.assertEqual(self.mailrace.session()["end"], "bad_line")

    def test_a_line_of_the_longest_length(self):
        self.greeted()
        hello = b"EHLO ".ljust(1022, b"x") + b"\r\n"
        self.client.send(hello)
        self.assertTrue(self.client.reply().startswith(b"250-"))

    def test_a_line_end_of_lf_alone_is_none(self):
        self.greeted()
        self.client.send(b"EHLO client.test\nQUIT\r\n")
        self.client.socket.shutdown(1)
        self.client.rest()
        [connection] = self.upstream.wait_finished()
        self.assertIn(bytes(connection.received), [b"", b"EHLO client.test\nQUIT\r\n"])

    def test_commands_behind_ehlo(self):
        self.greeted()
        self.client.send("EHLO client.test\r\nQUIT\r\n")
        self.ends(b"503 ", "bad_pipeline")

    def test_a_client_that_does_not_wait_for_the_greeting(self):
        # The upstream keeps its greeting back until the session is over.
        with scripted.Server(lambda peer: peer.rest()) as slow, relay.start([slow.address]) as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.send("EHLO client.test\r\n")
                self.assertEqual(client.rest(), b"")
            self.assertEqual(mailrace.session()["end"], "client_desync")
            [connection] = slow.wait_finished()
            self.assertEqual(connection.received, b"")

    def test_a_group_after_ehlo_is_passed_whole(self):
        self.greeted()
        self.client.ask("EHLO client.test")
        group = b"MAIL FROM:<a@client.test>\r\nRCPT TO:<b@upstream.test>\r\nDATA\r\n"
        self.client.send(group)
        replies = [self.client.reply() for _ in range(3)]
        self.assertEqual([reply[:3] for reply in replies], [b"250", b"250", b"354"])
        self.client.send(b"x\r\n.\r\nQUIT\r\n")
        self.assertEqual(self.client.reply(), b"250 2.0.0 accepted\r\n")
        self.ends(b"221 ", "completed", b"EHLO client.test\r\n" + group + b"x\r\n.\r\nQUIT\r\n")
