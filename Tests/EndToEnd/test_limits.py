"""The limits of sessions and descriptors."""

import resource
import unittest

from harness import relay, scripted, sink


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


class Limits(unittest.TestCase):
    def test_descriptors_cap_the_sessions_with_a_warning(self):
        with sink.Sink() as upstream:
            text = relay.configuration([upstream.address], runtime="max_sessions = 10000")
            with relay.Mailrace(text, preexec=few_descriptors).wait_ready() as mailrace:
                warning = mailrace.program.wait_for_line("LimitNOFILE").string
                self.assertIn("max_sessions", warning)
                with scripted.Client(mailrace.port()) as client:
                    self.assertEqual(client.reply(), b"220 upstream.test ESMTP\r\n")

    def test_enough_descriptors_need_no_warning(self):
        with sink.Sink() as upstream, relay.start([upstream.address], runtime="max_sessions = 10") as mailrace:
            self.assertNotIn("LimitNOFILE", mailrace.program.output)

    def test_the_soft_limit_is_raised(self):
        def lower():
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))

        with sink.Sink() as upstream:
            text = relay.configuration([upstream.address], runtime="max_sessions = 200")
            with relay.Mailrace(text, preexec=lower).wait_ready() as mailrace:
                clients = [self.enterContext(scripted.Client(mailrace.port())) for _ in range(100)]
                for client in clients:
                    self.assertEqual(client.reply(), b"220 upstream.test ESMTP\r\n")

    def test_a_session_too_many_is_refused_and_a_place_is_freed(self):
        with sink.Sink() as upstream, relay.start([upstream.address], runtime="max_sessions = 2") as mailrace:
            clients = [self.enterContext(scripted.Client(mailrace.port())) for _ in range(2)]
            for client in clients:
                self.assertTrue(client.reply().startswith(b"220 "))
            with scripted.Client(mailrace.port()) as refused:
                self.assertTrue(refused.rest().startswith(b"421 "))
            clients[0].ask("QUIT")
            clients[0].rest()
            mailrace.sessions(1)
            with scripted.Client(mailrace.port()) as admitted:
                self.assertTrue(admitted.reply().startswith(b"220 "))
