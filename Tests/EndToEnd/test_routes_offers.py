"""Clients are offered what all servers have that a file of routes names, and that follows the file."""

import json
import signal
import tempfile
import unittest

from harness import HOST, certificates, scripted, sink
from harness.mailer import Mailer, message
from harness.programs import free_port, wait_until
from harness.routes import Routes, configuration
from harness.upstream import Upstream

SOON = '{ interval = "1s", timeout = "1s" }'
# Once, and not again while a test lasts.
ONCE = '{ interval = "600s", timeout = "20s" }'
OLD = ("PIPELINING", "DSN")
NEW = ("PIPELINING", "8BITMIME", "DSN")


def verified():
    """Keys of an upstream whose servers must have a certificate of the authority."""
    return {
        "tls": '"required"',
        "tls_ca": json.dumps(certificates.authority().file),
        "tls_server_name": '"upstream.test"',
    }


class Offers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Of the upstream whose settings hold; no mail goes there, so that nobody misses what it has not.
        cls.unused = cls.enterClassContext(Upstream(offers=()))

    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory(prefix="mailrace-routes-"))
        self.old, self.new = (self.enterContext(Upstream(offers=offers)) for offers in (OLD, NEW))

    def settings(self, health=SOON, **keys):
        return {"settings": {"servers": json.dumps([self.unused.address]), "health": health} | keys}

    def start(self, pairs, health=SOON, upstream=None, **options):
        upstreams = self.settings(health, **(upstream or {}))
        return self.enterContext(Routes(upstreams, pairs, self.directory, **options))

    def offered(self, mailrace, listener="mx"):
        """What is listed behind the name, apart from what Mailrace does by itself."""
        with scripted.Client(mailrace.port(listener)) as client:
            client.reply()
            lines = client.ask("EHLO client.test").decode().splitlines()[1:]
            client.ask("QUIT")
        known = ("PIPELINING", "SIZE", "ENHANCEDSTATUSCODES", "CHUNKING", "LIMITS")
        return [line[4:] for line in lines if line[4:].split()[0] not in known]

    def wait_offered(self, mailrace, *expected, **options):
        found = []

        def is_offered():
            found[:] = self.offered(mailrace, **options)
            return found == list(expected)

        wait_until(is_offered, f"an offer of {expected}, not {found}")

    def test_the_offer_follows_the_file(self):
        old, new = ("old.test", self.old.address), ("new.test", self.new.address)
        mailrace = self.start([old, new])
        self.wait_offered(mailrace, "DSN")
        mailrace.write_map([new])
        self.wait_offered(mailrace, "8BITMIME", "DSN")
        client = self.enterContext(Mailer(mailrace.port()))
        reply = client.deliver(message("eight bits"), ["joe@new.test"], parameters=" BODY=8BITMIME")
        self.assertTrue(reply.startswith(b"250 "), reply)
        self.assertIn(b"BODY=8BITMIME", self.new.whole[0].sender)
        # A server that is named no more is left alone, apart from a probe that was on its way.
        before, probes = len(self.old.connections), len(self.new.connections)
        wait_until(lambda: len(self.new.connections) >= probes + 3, "more probes")
        self.assertLessEqual(len(self.old.connections), before + 1)
        mailrace.write_map([new, old])
        self.wait_offered(mailrace, "DSN")

    def test_a_server_whose_row_has_come_is_asked_before_its_first_message(self):
        mailrace = self.start([("new.test", self.new.address)], health=ONCE)
        self.wait_offered(mailrace, "8BITMIME", "DSN")
        mailrace.write_map([("new.test", self.new.address), ("old.test", self.old.address)])
        mailrace.wait_message("the file of a map was read again")
        # Whoever comes first waits for it, though not for ever.
        self.assertIn(self.offered(mailrace), [["DSN"], []])
        self.wait_offered(mailrace, "DSN")
        self.assertEqual([line[:4] for line in self.old.connections[0].commands], [b"EHLO", b"QUIT"])

    def test_each_server_is_asked_once_by_each_shard(self):
        rows = [(f"{number}.test", self.new.address) for number in range(50)]
        more = f'[listener.other]\nlisten = ["{HOST}:0"]\ndepth = "envelope"\n[[listener.other.route]]\nmap = "customers"'
        mailrace = self.start(rows, health=ONCE, shards=2, tables=more)
        for _ in range(4):
            for listener in ("mx", "other"):
                self.wait_offered(mailrace, "8BITMIME", "DSN", listener=listener)
        wait_until(lambda: len(self.new.connections) >= 2, "the probes of both shards")
        self.assertEqual(len(self.new.connections), 2)

    def test_a_server_that_is_away_has_no_say(self):
        away = f"{HOST}:{free_port()}"
        mailrace = self.start([("new.test", self.new.address), ("away.test", away)])
        self.wait_offered(mailrace, "8BITMIME", "DSN")
        # It is no upstream's: nobody is told that one is down.
        self.assertNotIn("upstream server", mailrace.program.output)

    def test_more_servers_than_are_asked(self):
        away = [(f"{number}.test", f"127.0.{number}.1:1") for number in range(1, 65)]
        mailrace = self.start([("new.test", self.new.address), *away[:63]])
        self.wait_offered(mailrace, "8BITMIME", "DSN")
        mailrace.write_map([("new.test", self.new.address), *away])
        self.wait_offered(mailrace)
        mailrace.write_map([("new.test", self.new.address), *away[1:]])
        self.wait_offered(mailrace, "8BITMIME", "DSN")

    def test_servers_that_nobody_asks_offer_what_sessions_find(self):
        mailrace = self.start([("new.test", self.new.address)], health='{ probe = "off" }')
        self.assertEqual(self.offered(mailrace), [])
        client = self.enterContext(Mailer(mailrace.port()))
        reply = client.deliver(message("found out"), ["joe@new.test"])
        self.assertTrue(reply.startswith(b"250 "), reply)
        self.assertEqual(self.offered(mailrace), ["8BITMIME", "DSN"])

    def test_the_offer_survives_a_reload(self):
        rows = [("new.test", self.new.address)]
        mailrace = self.start(rows)
        self.wait_offered(mailrace, "8BITMIME", "DSN")
        for connect_timeout in ("4s", "3s"):
            asked = len(self.new.connections)
            upstreams = self.settings(SOON, connect_timeout=f'"{connect_timeout}"')
            mailrace.rewrite(configuration(upstreams, file=mailrace.map_file, port=mailrace.port()))
            mailrace.program.signal(signal.SIGHUP)
            wait_until(lambda: len(self.new.connections) > asked, "a probe of the new settings")
            self.wait_offered(mailrace, "8BITMIME", "DSN")

    def test_what_a_server_says_inside_tls_counts(self):
        reply = b"250-upstream.test\r\n250-8BITMIME\r\n250 REQUIRETLS\r\n"
        context = scripted.server_context(certificates.upstream())
        server = self.enterContext(sink.Sink(ehlo_reply=reply, tls=context))
        mailrace = self.start([("new.test", server.address)], upstream=verified(), certificate=certificates.ecdsa())
        self.wait_offered(mailrace, "8BITMIME", "STARTTLS")
        with scripted.Client(mailrace.port()) as client:
            client.reply()
            client.ask("EHLO client.test")
            client.ask("STARTTLS")
            client.start_tls()
            self.assertIn(b"REQUIRETLS", client.ask("EHLO client.test"))

    def test_whose_certificate_is_not_valid_counts_where_it_need_not_be(self):
        context = scripted.server_context(certificates.ecdsa())
        server = self.enterContext(sink.Sink(ehlo_reply=b"250-upstream.test\r\n250 DSN\r\n", tls=context))
        rows = [("new.test", f"{server.address};true")]
        mailrace = self.start(rows, upstream=verified())
        wait_until(lambda: any(peer.tls_error or peer.end for peer in server.connections), "a failed handshake")
        self.assertEqual(self.offered(mailrace), [])
        mailrace.write_map([("new.test", f"{server.address};false")])
        self.wait_offered(mailrace, "DSN")


if __name__ == "__main__":
    unittest.main()
