"""Limits of sessions: of the process, of an address, in time; what a client is told that is over one."""

import time
import unittest

from harness import certificates, proxy, relay, scripted, sink

# By default loopback addresses are not counted.
COUNTED = "limits_exempt = []\n"
TRUSTING = 'proxy_protocol = "required"\nproxy_protocol_trusted = ["127.0.0.0/8"]'


class Case(unittest.TestCase):
    def setUp(self):
        self.upstream = self.enterContext(sink.Sink())

    def start(self, runtime="", **options):
        return self.enterContext(relay.start([self.upstream.address], runtime=COUNTED + runtime, **options))

    def client(self, mailrace, header=b"", **place):
        client = self.enterContext(scripted.Client(mailrace.port(), **place))
        client.send(header)
        return client

    def admitted(self, mailrace, header=b"", **place):
        client = self.client(mailrace, header, **place)
        self.assertEqual(client.reply(), b"220 upstream.test ESMTP\r\n")
        return client

    def refused(self, mailrace, code=b"421 4.7.0 ", header=b"", **place):
        client = self.client(mailrace, header, **place)
        got = client.rest()
        self.assertTrue(got.startswith(code), got)


class Sessions(Case):
    def test_of_the_process(self):
        mailrace = self.start("max_sessions = 3")
        clients = [self.admitted(mailrace) for _ in range(3)]
        self.refused(mailrace, b"421 4.3.2 ")
        clients[0].ask("QUIT")
        clients[0].rest()
        mailrace.sessions(1)
        self.admitted(mailrace)
        counters = mailrace.end()
        self.assertEqual((counters["sessions"], counters["sessions_refused"]), (4, 1))
        self.assertEqual(counters["downstream_cx_total"], 5)

    def test_of_an_address(self):
        mailrace = self.start("max_sessions_per_address = 2")
        clients = [self.admitted(mailrace) for _ in range(2)]
        self.refused(mailrace)
        self.admitted(mailrace, source="127.0.0.9")
        clients[0].ask("QUIT")
        clients[0].rest()
        mailrace.sessions(2)
        self.admitted(mailrace)
        self.refused(mailrace)
        self.assertEqual(mailrace.end()["sessions_refused_address"], 2)

    def test_of_an_address_on_all_shards(self):
        mailrace = self.start("max_sessions_per_address = 3", shards=2)
        for _ in range(3):
            self.admitted(mailrace)
        for _ in range(4):
            self.refused(mailrace)

    def test_of_a_listener(self):
        mailrace = self.start("max_sessions_per_address = 9", listener="max_sessions_per_address = 1")
        self.admitted(mailrace)
        self.refused(mailrace)

    def test_whose_networks_are_exempt(self):
        exempt = 'max_sessions_per_address = 1\nlimits_exempt = ["127.0.0.9"]'
        mailrace = self.enterContext(relay.start([self.upstream.address], runtime=exempt))
        for _ in range(3):
            self.admitted(mailrace, source="127.0.0.9")
        self.admitted(mailrace)
        self.refused(mailrace)

    def test_the_address_is_what_the_proxy_says(self):
        """IPv6 by /64, and IPv4 within IPv6 as IPv4."""
        mailrace = self.start("max_sessions_per_address = 1", listener=TRUSTING)

        def header(source):
            return proxy.version_2((source, 4711), ("2001:db8::1" if ":" in source else "192.0.2.1", 25))

        for source in ["192.0.2.7", "192.0.2.8", "2001:db8:0:1::7", "2001:db8:0:2::7"]:
            self.admitted(mailrace, header(source))
        for source in ["192.0.2.7", "::ffff:192.0.2.8", "2001:db8:0:1::8", "2001:db8:0:2:1::"]:
            self.refused(mailrace, header=header(source))

    def test_inside_tls_that_has_not_begun_there_is_nobody_to_tell(self):
        smtps = {"listener": 'role = "smtps"', "certificate": certificates.ecdsa()}
        mailrace = self.start("max_sessions_per_address = 1", **smtps)
        first = self.client(mailrace)
        first.start_tls()
        self.assertTrue(first.reply().startswith(b"220 "))
        self.assertEqual(self.client(mailrace).rest(), b"")
        self.assertEqual(mailrace.sessions(1)[0]["end"], "refused_address")


class Rate(Case):
    def test_of_an_address(self):
        mailrace = self.start('max_accepts_per_address = "3/1h"')
        for _ in range(3):
            self.admitted(mailrace).ask("QUIT")
        self.refused(mailrace)
        self.admitted(mailrace, source="127.0.0.9")
        self.assertEqual(mailrace.end()["sessions_refused_rate"], 1)

    def test_it_passes(self):
        mailrace = self.start('max_accepts_per_address = "2/1s"')
        for _ in range(2):
            self.admitted(mailrace).ask("QUIT")

        def is_admitted():
            with scripted.Client(mailrace.port()) as client:
                return client.reply().startswith(b"220 ")

        relay.wait_until(is_admitted, "the second to pass")


class Time(Case):
    def ends(self, mailrace, client, end, counter, said=b""):
        got = client.rest()
        self.assertTrue(got.startswith(said) if said else got == b"", got)
        self.assertEqual(mailrace.session()["end"], end)
        self.assertEqual(mailrace.end()[counter], 1)

    def hand_off(self, mailrace):
        client = self.admitted(mailrace)
        client.ask("EHLO client.test")
        client.ask("MAIL FROM:<a@client.test>")
        return client

    def test_for_a_command(self):
        mailrace = self.start(timeouts='command = "300ms"')
        self.ends(mailrace, self.admitted(mailrace), "command_timeout", "sessions_command_timeout", b"421 4.4.2 ")

    def test_without_a_byte(self):
        mailrace = self.start(timeouts='passthrough_idle = "2s"')
        self.ends(mailrace, self.hand_off(mailrace), "idle_timeout", "sessions_idle_timeout")

    def test_of_a_life(self):
        """However busy it is."""
        mailrace = self.start(timeouts='session = "3s"')
        client = self.hand_off(mailrace)
        begin = time.monotonic()
        try:
            while client.ask("NOOP").startswith(b"250"):
                self.assertLess(time.monotonic() - begin, 10)
        except OSError:
            pass
        client.close()
        self.assertEqual(mailrace.session()["end"], "session_timeout")
        self.assertEqual(mailrace.end()["sessions_session_timeout"], 1)

    def test_under_stress(self):
        """From 90 % of the sessions on, who is silent has to go sooner; who came before that may stay."""
        timeouts = 'command = "1h"\nstress_command = "300ms"'
        mailrace = self.start("max_sessions = 10", timeouts=timeouts)
        calm = [self.admitted(mailrace) for _ in range(8)]
        stressed = self.admitted(mailrace)
        self.assertTrue(stressed.rest().startswith(b"421 4.4.2 "))
        self.assertEqual(mailrace.session()["end"], "command_timeout")
        for client in calm:
            self.assertTrue(client.ask("NOOP").startswith(b"250"))
