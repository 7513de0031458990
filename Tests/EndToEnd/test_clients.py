"""Real clients through Mailrace to real servers: each pair carries one message, unchanged, over STARTTLS where the client can."""

import unittest

from harness import clients, peers, postfix, relay, sink


class OwnSink(sink.Sink):
    """The tests' own sink, in the manner of the other servers."""

    def contents(self, count):
        self.wait_finished(count)
        return [message.content for message in self.messages]


class Pairs:
    """The tests of one server; `server` and, if it may be missing, `is_there` come from the subclasses."""

    @staticmethod
    def is_there():
        return True

    def setUp(self):
        if not clients.are_installed():
            self.fail("swaks, openssl and postfix (smtp-source) must be installed")
        if not self.is_there():
            self.skipTest(f"{self.server.__name__} cannot run here")

    def carry(self, client, tls):
        content = clients.message()
        with self.server() as upstream:
            with relay.start([upstream.address], starttls="offer" if tls else None) as mailrace:
                client(mailrace.port(), content, tls)
                [carried] = upstream.contents(1)
                record = mailrace.session()
        self.assertTrue(carried.endswith(content), f"the message arrived changed: {carried[:1000]!r}")
        self.assertEqual(record["end"], "completed")
        self.assertEqual(bool(record["tls"]), tls)

    def test_swaks(self):
        self.carry(clients.swaks, False)

    def test_swaks_starttls(self):
        self.carry(clients.swaks, True)

    def test_smtplib(self):
        self.carry(clients.smtplib_client, False)

    def test_smtplib_starttls(self):
        self.carry(clients.smtplib_client, True)

    def test_openssl_starttls(self):
        self.carry(clients.openssl_s_client, True)

    def test_smtp_source(self):
        """It makes its own messages: 20 of them over 4 sessions at a time."""
        with self.server() as upstream, relay.start([upstream.address]) as mailrace:
            clients.smtp_source(mailrace.port(), count=20, sessions=4)
            contents = upstream.contents(20)
        self.assertEqual(len(contents), 20)
        for content in contents:
            self.assertIn(b"XXXXXXXX", content)


class ToOwnSink(Pairs, unittest.TestCase):
    server = OwnSink


class ToPostfixSink(Pairs, unittest.TestCase):
    server = peers.PostfixSink


class ToPostfix(Pairs, unittest.TestCase):
    server = postfix.Postfix

    @staticmethod
    def is_there():
        return postfix.can_run()


class ToBundledSink(Pairs, unittest.TestCase):
    server = peers.BundledSink

    @staticmethod
    def is_there():
        return relay.bench_binary() is not None
