"""Servers by name: a name server that is late, wrong, silent, or changes its mind."""

import time
import unittest

from harness import HOST, nameserver, relay, scripted, sink
from harness.nameserver import NXDOMAIN, SERVFAIL, Name
from harness.programs import wait_until

NAME = "upstream.test"


class Names(unittest.TestCase):
    def setUp(self):
        self.names = self.enterContext(nameserver.NameServer())

    def start(self, name, port, upstream="", timeout="5s", tries=2):
        """Mailrace before `upstream.test`, of which the name server knows `name`."""
        self.names.names[NAME] = name
        dns = f'servers = ["{self.names.address}"]\ntimeout = "{timeout}"\ntries = {tries}'
        return self.enterContext(relay.start([f"{NAME}:{port}"], upstream=upstream, dns=dns))

    def greeting(self, mailrace):
        with scripted.Client(mailrace.port()) as client:
            return client.reply()

    def session(self, mailrace):
        """The greeting that a short session gets."""
        with scripted.Client(mailrace.port()) as client:
            greeting = client.reply()
            client.ask("QUIT")
            return greeting

    def unreachable(self, mailrace, within_s):
        begin = time.monotonic()
        self.assertTrue(self.greeting(mailrace).startswith(b"421 4.3.2 "))
        self.assertLess(time.monotonic() - begin, within_s)
        self.assertEqual(mailrace.session()["end"], "upstream_unreachable")
        counters = mailrace.end()
        self.assertEqual(counters["sessions_upstream_connect_fail"], 1)
        self.assertEqual(counters["downstream_cx_no_route"], 1)

    def sink(self, host=HOST, port=0):
        """A server that says in its greeting where it listens."""
        return self.enterContext(sink.Sink(f"220 {host} ESMTP\r\n".encode(), host=host, port=port))

    def test_a_name(self):
        server = self.sink()
        mailrace = self.start(Name([HOST], ttl=60), server.port)
        self.assertEqual(self.session(mailrace), b"220 127.0.0.1 ESMTP\r\n")
        self.assertEqual(mailrace.session()["upstream"], f"{NAME}:{server.port}")

    def test_an_answer_is_kept_for_its_time(self):
        mailrace = self.start(Name([HOST], ttl=60), self.sink().port)
        for _ in range(5):
            self.session(mailrace)
        self.assertEqual(len([kind for _, kind in self.names.questions if kind == "A"]), 1)

    def test_a_time_of_zero_is_asked_for_each_session(self):
        mailrace = self.start(Name([HOST]), self.sink().port)
        for _ in range(5):
            self.session(mailrace)
        self.assertEqual(len([kind for _, kind in self.names.questions if kind == "A"]), 5)

    def test_a_late_answer_is_waited_for(self):
        mailrace = self.start(Name([HOST], ttl=60, delay=0.5), self.sink().port)
        self.assertEqual(self.session(mailrace), b"220 127.0.0.1 ESMTP\r\n")

    def test_an_answer_that_is_too_late(self):
        mailrace = self.start(Name([HOST], delay=60), self.sink().port, 'connect_timeout = "400ms"', timeout="60s")
        self.unreachable(mailrace, 20)

    def test_no_answer(self):
        upstream = 'connect_timeout = "60s"'
        mailrace = self.start(Name(is_silent=True), self.sink().port, upstream, timeout="200ms", tries=2)
        self.unreachable(mailrace, 20)
        self.assertGreaterEqual(len([kind for _, kind in self.names.questions if kind == "A"]), 2)

    def test_a_name_that_is_not_there(self):
        self.unreachable(self.start(Name(code=NXDOMAIN), 25, 'connect_timeout = "60s"', timeout="60s"), 20)

    def test_a_name_without_addresses(self):
        self.unreachable(self.start(Name(), 25, 'connect_timeout = "60s"', timeout="60s"), 20)

    def test_a_server_that_fails(self):
        self.unreachable(self.start(Name(code=SERVFAIL), 25, 'connect_timeout = "60s"', timeout="200ms"), 20)

    def test_ten_addresses_of_which_one_listens(self):
        hosts = [f"127.0.0.{number}" for number in range(31, 41)]
        for alive in [hosts[0], hosts[9]]:
            with self.subTest(alive):
                server = self.sink(alive)
                mailrace = self.start(Name(hosts, ttl=60), server.port)
                for _ in range(3):
                    self.assertEqual(self.session(mailrace), f"220 {alive} ESMTP\r\n".encode())
                self.assertEqual(mailrace.end()["upstream_server_connect_failures"], 0)

    def test_an_address_that_does_not_answer_leaves_time_for_the_others(self):
        """From the second session on the one that answered is tried first."""
        server = self.sink("127.0.0.42")
        self.enterContext(scripted.FullServer("127.0.0.41", server.port))
        mailrace = self.start(Name(["127.0.0.41", "127.0.0.42"], ttl=60), server.port, 'connect_timeout = "1s"')
        self.assertEqual(self.session(mailrace), b"220 127.0.0.42 ESMTP\r\n")

        def is_quick():
            begin = time.monotonic()
            self.assertEqual(self.session(mailrace), b"220 127.0.0.42 ESMTP\r\n")
            return time.monotonic() - begin < 0.4

        wait_until(is_quick, "a session that does not wait for the other one first")

    def test_both_families(self):
        """Whichever of the two does not listen, the other is used."""
        for alive, dead in [("127.0.0.43", "::1"), ("::1", "127.0.0.43")]:
            with self.subTest(alive):
                mailrace = self.start(Name([alive, dead], ttl=60), self.sink(alive).port)
                self.assertEqual(self.session(mailrace), f"220 {alive} ESMTP\r\n".encode())

    def test_an_address_that_changes(self):
        """The session that is open stays where it is."""
        first = self.sink("127.0.0.44")
        self.sink("127.0.0.45", first.port)
        mailrace = self.start(Name(["127.0.0.44"], ttl=1), first.port)
        with scripted.Client(mailrace.port()) as client:
            self.assertEqual(client.reply(), b"220 127.0.0.44 ESMTP\r\n")
            self.names.names[NAME] = Name(["127.0.0.45"], ttl=1)
            wait_until(lambda: self.session(mailrace) == b"220 127.0.0.45 ESMTP\r\n", "sessions at the new address")
            self.assertTrue(client.ask("EHLO client.test").startswith(b"250-"))

    def test_the_last_answer_serves_while_there_is_none(self):
        for name in [Name(code=SERVFAIL), Name(is_silent=True)]:
            with self.subTest(code=name.code, is_silent=name.is_silent):
                mailrace = self.start(Name([HOST]), self.sink().port, 'connect_timeout = "20s"', timeout="500ms")
                self.assertEqual(self.session(mailrace), b"220 127.0.0.1 ESMTP\r\n")
                self.names.names[NAME] = name
                self.assertEqual(self.session(mailrace), b"220 127.0.0.1 ESMTP\r\n")

    def test_a_name_that_is_gone(self):
        """That there is no such name is an answer; what was known before holds no more."""
        mailrace = self.start(Name([HOST]), self.sink().port)
        self.assertEqual(self.session(mailrace), b"220 127.0.0.1 ESMTP\r\n")
        self.names.names[NAME] = Name(code=NXDOMAIN)
        self.assertTrue(self.session(mailrace).startswith(b"421 4.3.2 "))

    def test_a_silent_name_server_with_the_last_answer_known(self):
        """However long its tries would go on, the time to connect is not used up by them."""
        mailrace = self.start(Name([HOST]), self.sink().port, 'connect_timeout = "2s"', timeout="30s")
        self.assertEqual(self.session(mailrace), b"220 127.0.0.1 ESMTP\r\n")
        self.names.names[NAME] = Name(is_silent=True)
        self.assertEqual(self.session(mailrace), b"220 127.0.0.1 ESMTP\r\n")

    def test_the_hosts_file_counts(self):
        server = self.sink()
        mailrace = self.enterContext(
            relay.start([f"localhost:{server.port}"], dns=f'servers = ["{self.names.address}"]')
        )
        self.assertEqual(self.session(mailrace), b"220 127.0.0.1 ESMTP\r\n")
        self.assertEqual(self.names.questions, [])
