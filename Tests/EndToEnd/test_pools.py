"""Pools of servers: who gets a session, who is left out, and who comes back."""

import collections
import tempfile
import time
import unittest

from harness import HOST, relay, scripted, sink
from harness.programs import free_port, wait_until


class Pool(unittest.TestCase):
    def sinks(self, count=3):
        return [self.enterContext(sink.Sink(f"220 {number} ESMTP\r\n".encode())) for number in range(count)]

    def start(self, servers, upstream="", **options):
        addresses = [server if isinstance(server, str) else server.address for server in servers]
        return self.enterContext(relay.start(addresses, upstream=upstream, **options))

    def open(self, mailrace, source=None):
        """A session that stays open, with the number of its server."""
        client = self.enterContext(scripted.Client(mailrace.port(), source=source))
        return client, int(client.reply()[4:5])

    def session(self, mailrace, source=None):
        """The number of the server of a short session."""
        with scripted.Client(mailrace.port(), source=source) as client:
            number = int(client.reply()[4:5])
            # A server that answers this is well.
            client.ask("EHLO client.test")
            client.ask("QUIT")
            client.rest()
        return number


class Balance(Pool):
    def test_round_robin(self):
        mailrace = self.start(self.sinks(), 'balance = "round-robin"')
        numbers = [self.session(mailrace) for _ in range(9)]
        self.assertEqual(collections.Counter(numbers), {0: 3, 1: 3, 2: 3})
        self.assertEqual(numbers[:3], numbers[3:6])

    def test_first(self):
        mailrace = self.start(self.sinks(), 'balance = "first"')
        self.assertEqual({self.session(mailrace) for _ in range(6)}, {0})

    def test_least_sessions(self):
        mailrace = self.start(self.sinks(), 'balance = "least-sessions"')
        sessions = [self.open(mailrace) for _ in range(6)]
        self.assertEqual(collections.Counter(number for _, number in sessions), {0: 2, 1: 2, 2: 2})
        for client, number in sessions:
            if number == 1:
                client.ask("QUIT")
                client.rest()
        mailrace.sessions(2)
        self.assertEqual([self.open(mailrace)[1] for _ in range(2)], [1, 1])

    def test_hash_client(self):
        """One client has one server, on each shard and in each process; many clients have them all."""
        servers = self.sinks()
        sources = [f"127.0.1.{number}" for number in range(1, 31)]
        first = self.start(servers, 'balance = "hash-client"', shards=2)
        homes = {source: self.session(first, source) for source in sources}
        self.assertEqual(set(homes.values()), {0, 1, 2})
        for source in sources[:8]:
            self.assertEqual({self.session(first, source) for _ in range(4)}, {homes[source]})
        second = self.start(servers, 'balance = "hash-client"')
        self.assertEqual({source: self.session(second, source) for source in sources}, homes)
        # Without one server only its own clients move.
        servers[0].stop()
        moved = {source: self.session(second, source) for source in sources}
        self.assertEqual({moved[source] for source in sources if homes[source] == 0} - {1, 2}, set())
        for source in sources:
            if homes[source] != 0:
                self.assertEqual(moved[source], homes[source])


class Places(Pool):
    def test_a_unix_socket(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        server = self.enterContext(sink.Sink(b"220 0 ESMTP\r\n", path=f"{directory}/smtp"))
        mailrace = self.start([server])
        self.assertEqual(self.session(mailrace), 0)
        self.assertEqual(mailrace.session()["upstream"], f"unix:{directory}/smtp")

    def test_ipv6(self):
        server = self.enterContext(sink.Sink(b"220 0 ESMTP\r\n", host="::1"))
        mailrace = self.start([server])
        self.assertEqual(self.session(mailrace), 0)
        self.assertEqual(mailrace.session()["upstream"], f"[::1]:{server.port}")

    def test_local_addresses_in_turns(self):
        seen = []

        def serve(peer):
            seen.append(peer.socket.getpeername()[0])
            peer.send("220 0 ESMTP\r\n")
            for reply in ["250 upstream.test\r\n", "221 bye\r\n"]:
                peer.line()
                peer.send(reply)

        server = self.enterContext(scripted.Server(serve))
        mailrace = self.start([server], 'source = ["127.0.0.51", "127.0.0.52"]')
        for _ in range(4):
            self.session(mailrace)
        self.assertEqual(collections.Counter(seen), {"127.0.0.51": 2, "127.0.0.52": 2})


class Retry(Pool):
    """Until a greeting was shown, another server can take the session."""

    def failing(self, serve):
        return self.enterContext(scripted.Server(serve))

    def test_a_server_that_fails_before_its_greeting(self):
        def stall(peer):
            peer.rest()

        leave, reset = scripted.Connection.close, scripted.Connection.reset
        for name, serve in [("leaves", leave), ("resets", reset), ("stalls", stall)]:
            with self.subTest(name):
                good = self.sinks(1)[0]
                mailrace = self.start([self.failing(serve), good], timeouts='greeting = "1500ms"')
                self.assertEqual(self.session(mailrace), 0)
                self.assertEqual(mailrace.session()["upstream"], good.address)
                self.assertEqual(mailrace.end()["upstream_server_failures"], 1)

    def test_a_temporary_refusal(self):
        def decline(peer):
            peer.send("450 4.3.2 not now\r\n")
            peer.rest()

        mailrace = self.start([self.failing(decline), self.sinks(1)[0]])
        self.assertEqual(self.session(mailrace), 0)

    def test_as_often_as_is_configured(self):
        servers = [self.failing(lambda peer: peer.close()) for _ in range(3)] + self.sinks(1)
        mailrace = self.start(servers, "retry = 3")
        self.assertEqual(self.session(mailrace), 0)
        for retry, dialled in [(0, 1), (2, 3)]:
            with self.subTest(retry=retry):
                before = sum(len(server.connections) for server in servers[:3])
                mailrace = self.start(servers, f"retry = {retry}")
                with scripted.Client(mailrace.port()) as client:
                    self.assertTrue(client.rest().startswith(b"421 "))
                self.assertEqual(sum(len(server.connections) for server in servers[:3]) - before, dialled)

    def test_not_behind_the_greeting(self):
        def leave(peer):
            peer.send("220 0 ESMTP\r\n")
            peer.line()

        good = self.sinks(1)[0]
        mailrace = self.start([self.failing(leave), good])
        with scripted.Client(mailrace.port()) as client:
            client.reply()
            client.send("EHLO client.test\r\n")
            self.assertTrue(client.rest().startswith(b"421 "))
        self.assertEqual(good.connections, [])


class Health(Pool):
    """Who does not answer is left out, and comes back when it does."""

    def test_sessions_find_out(self):
        """Passive: after `fall` failures nobody has to wait for the dead one; after the interval one tries it again."""
        port = free_port()
        dead = f"{HOST}:{port}"
        health = 'health = { probe = "off", fall = 2, interval = "500ms", timeout = "500ms" }'
        mailrace = self.start([dead, self.sinks(1)[0]], health)
        begin = time.monotonic()
        for _ in range(6):
            self.assertEqual(self.session(mailrace), 0)
        mailrace.wait_message("upstream server is down")
        mailrace.wait_counter("upstream_server_ejections", 1, server=dead)
        with sink.Sink(b"220 1 ESMTP\r\n", port=port):
            tries = 1 + (time.monotonic() - begin) // 0.5
            wait_until(lambda: self.session(mailrace) == 1, "the first server to be used again")
            mailrace.wait_message("upstream server is up again")
        failures = mailrace.end().of("upstream_server_connect_failures", server=dead)
        self.assertGreaterEqual(failures, 2)
        self.assertLessEqual(failures, 2 + tries)

    def probing(self, probe, time="300ms"):
        return f'health = {{ probe = "{probe}", interval = "{time}", timeout = "{time}", fall = 2, rise = 2 }}'

    def test_probes_find_out(self):
        """Active, without a session: down, up again, and down once more."""
        for probe in ["connect", "ehlo"]:
            with self.subTest(probe):
                port = free_port()
                spare = self.sinks(1)[0]
                # Who is well has to answer in that time.
                mailrace = self.start([f"{HOST}:{port}", spare], self.probing(probe, "1s"))
                mailrace.wait_message("upstream server is down")
                self.assertEqual(self.session(mailrace), 0)
                with sink.Sink(b"220 1 ESMTP\r\n", port=port):
                    mailrace.wait_message("upstream server is up again")
                    self.assertEqual(self.session(mailrace), 1)
                mailrace.wait_message("upstream server is down", 2)
                self.assertEqual(self.session(mailrace), 0)
                counters = mailrace.end()
                self.assertEqual(counters.of("upstream_server_ejections", server=f"{HOST}:{port}"), 2)
                self.assertGreaterEqual(counters.of("upstream_server_failed_checks", server=f"{HOST}:{port}"), 4)
                self.assertEqual(counters.of("upstream_server_ejections", server=spare.address), 0)

    def test_a_server_that_takes_connections_and_says_nothing(self):
        """Only a check that waits for an answer finds out."""
        silent = self.enterContext(scripted.Server(lambda peer: peer.rest()))
        mailrace = self.start([silent, self.sinks(1)[0]], self.probing("ehlo"))
        mailrace.wait_message("upstream server is down")
        self.assertEqual(self.session(mailrace), 0)
        mailrace = self.start([silent], self.probing("connect"))
        wait_until(lambda: len(silent.connections) > 8, "some checks")
        self.assertEqual(mailrace.end()["upstream_server_failed_checks"], 0)

    def test_a_server_that_refuses_everybody(self):
        def refuse(peer):
            peer.send("554 5.3.2 go away\r\n")
            peer.rest()

        refusing = self.enterContext(scripted.Server(refuse))
        mailrace = self.start([refusing, self.sinks(1)[0]], self.probing("ehlo"))
        mailrace.wait_message("upstream server is down")
        self.assertEqual(self.session(mailrace), 0)

    def test_all_are_down(self):
        """Then one that is down is better than none."""
        port = free_port()
        health = 'health = { probe = "ehlo", interval = "2s", timeout = "1s", fall = 1 }'
        mailrace = self.start([f"{HOST}:{port}"], health)
        mailrace.wait_message("upstream server is down")
        with sink.Sink(b"220 0 ESMTP\r\n", port=port):
            self.assertEqual(self.session(mailrace), 0)


class Room(Pool):
    """`max_connections` of a server."""

    def test_the_next_server_has_room(self):
        mailrace = self.start(self.sinks(2), "max_connections = 1")
        self.assertEqual([self.open(mailrace)[1] for _ in range(2)], [0, 1])

    def test_a_session_waits_for_a_place(self):
        server = self.sinks(1)[0]
        mailrace = self.start([server], 'max_connections = 1\nmax_wait = "30s"')
        first, _ = self.open(mailrace)
        with scripted.Client(mailrace.port()) as second:
            mailrace.wait_counter("sessions", 2)
            self.assertEqual(len(server.connections), 1)
            first.ask("QUIT")
            first.rest()
            self.assertEqual(second.reply(), b"220 0 ESMTP\r\n")

    def test_it_waits_no_longer_than_it_may(self):
        mailrace = self.start(self.sinks(1), 'max_connections = 1\nmax_wait = "400ms"')
        self.open(mailrace)
        begin = time.monotonic()
        with scripted.Client(mailrace.port()) as second:
            self.assertTrue(second.rest().startswith(b"421 4.3.2 "))
        waited = time.monotonic() - begin
        self.assertTrue(0.3 < waited < 20, waited)
        self.assertEqual(mailrace.session()["end"], "upstream_full")
        counters = mailrace.end()
        self.assertEqual(counters["sessions_upstream_full"], 1)
        self.assertEqual(counters["downstream_cx_no_route"], 1)

    def test_who_leaves_while_waiting_takes_no_place(self):
        server = self.sinks(1)[0]
        mailrace = self.start([server], 'max_connections = 1\nmax_wait = "30s"')
        first, _ = self.open(mailrace)
        with scripted.Client(mailrace.port()):
            mailrace.wait_counter("sessions", 2)
        first.ask("QUIT")
        first.rest()
        self.assertEqual(self.session(mailrace), 0)
