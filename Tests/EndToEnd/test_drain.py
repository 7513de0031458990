"""The end of the process: sessions before the hand-off are told 421, later ones may finish until the deadline."""

import signal
import unittest

from harness import HOST, relay, scripted, sink
from harness.programs import wait_for_refusal


class Drain(unittest.TestCase):
    def begin(self, drain_timeout="30s"):
        self.upstream = self.enterContext(sink.Sink())
        self.mailrace = self.enterContext(
            relay.start([self.upstream.address], runtime=f'drain_timeout = "{drain_timeout}"')
        )
        self.port = self.mailrace.port()
        self.client = self.enterContext(scripted.Client(self.port))
        self.client.reply()

    def end(self):
        """How the client's session ended, once the process has."""
        self.assertEqual(self.mailrace.program.wait(), 0)
        [record] = self.mailrace.sessions(1)
        return record["end"]

    def hand_off(self):
        self.client.ask("EHLO client.test")
        self.client.ask("MAIL FROM:<a@client.test>")

    def test_without_sessions_it_ends_at_once(self):
        for number in [signal.SIGTERM, signal.SIGINT]:
            with self.subTest(number.name), relay.start([f"{HOST}:1"]) as mailrace:
                mailrace.program.signal(number)
                self.assertEqual(mailrace.program.wait(), 0)

    def test_before_the_hand_off_the_client_is_told(self):
        self.begin()
        self.mailrace.program.signal(signal.SIGTERM)
        self.assertTrue(self.client.rest().startswith(b"421 4.3.2 "))
        self.assertEqual(self.end(), "drained")

    def test_after_the_hand_off_the_session_may_finish(self):
        self.begin()
        self.hand_off()
        self.mailrace.program.signal(signal.SIGTERM)
        # Nobody is accepted any more: the drain has begun.
        wait_for_refusal(self.port)
        for command in ["RCPT TO:<b@upstream.test>", "DATA", "Subject: late\r\n\r\ntext\r\n.", "QUIT"]:
            self.assertIn(self.client.ask(command)[:1], b"23")
        self.assertEqual(self.client.rest(), b"")
        self.client.close()
        self.assertEqual(self.end(), "completed")
        self.assertEqual([message.content for message in self.upstream.messages], [b"Subject: late\r\n\r\ntext\r\n"])

    def test_at_the_deadline_both_sides_close_without_a_word(self):
        self.begin(drain_timeout="500ms")
        self.hand_off()
        self.mailrace.program.signal(signal.SIGTERM)
        self.assertEqual(self.client.rest(), b"")
        self.assertEqual(self.end(), "drained")
        [connection] = self.upstream.wait_finished()
        self.assertTrue(connection.received.endswith(b"MAIL FROM:<a@client.test>\r\n"))

    def test_a_second_signal_ends_it_at_once(self):
        self.begin()
        self.hand_off()
        self.mailrace.program.signal(signal.SIGTERM)
        # Nobody is accepted any more: the drain has begun.
        wait_for_refusal(self.port)
        self.mailrace.program.signal(signal.SIGTERM)
        self.mailrace.program.wait()
        self.assertEqual(self.client.rest(), b"")
