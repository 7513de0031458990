"""Two shards share the connections that one server takes, and each keeps its own for the next message."""

import concurrent.futures
import contextlib
import unittest

from harness import transactions
from harness.mailer import Mailer, message
from harness.upstream import Upstream

MESSAGES = 200
# Far longer than a client waits for a reply: who has to wait for any of them is not served at all.
NEVER = 'idle_timeout = "1h"\nmax_wait = "1h"\nmax_connection_age = "1h"\n'


class SharedConnections(transactions.Case):
    def begin(self, most):
        self.upstream = self.enterContext(Upstream())
        self.mailrace = self.start(
            [self.upstream.address], shards=2,
            upstream=f"{NEVER}idle_connections = 4\nmax_connections = {most}\nmax_messages_per_connection = 10000")

    def send(self, mark):
        with Mailer(self.mailrace.port()) as mailer:
            reply = mailer.deliver(message(mark))
            mailer.leave()
            return reply

    def all_are_delivered(self, replies, sessions=MESSAGES):
        for reply in replies:
            self.assertCode(reply, "250 2.0.0 accepted by upstream")
        self.assertEqual(
            sorted(self.upstream.contents), sorted(message(f"number {number}") for number in range(MESSAGES)))
        records = self.mailrace.sessions(sessions)
        self.assertEqual({record["shard"] for record in records}, {0, 1})
        counters = self.mailrace.end()
        self.assertEqual(counters["sessions_upstream_full"], 0)

    def test_one_client_after_the_other(self):
        """The only connection is kept by the one shard when the other needs it, again and again."""
        self.begin(most=1)
        self.all_are_delivered([self.send(f"number {number}") for number in range(MESSAGES)])
        self.assertGreater(len(self.upstream.connections), 1)

    def test_many_clients_at_once(self):
        for most in (1, 3):
            with self.subTest(most=most):
                self.begin(most)
                with concurrent.futures.ThreadPoolExecutor(8) as clients:
                    marks = [f"number {number}" for number in range(MESSAGES)]
                    self.all_are_delivered(list(clients.map(self.send, marks)))

    def test_clients_that_stay(self):
        """Each sends its messages in one session: nobody waits for a client that has just nothing to send."""
        self.begin(most=1)
        with contextlib.ExitStack() as sessions:
            clients = [sessions.enter_context(Mailer(self.mailrace.port())) for _ in range(8)]
            marks = [f"number {number}" for number in range(MESSAGES)]
            replies = [clients[number % 8].deliver(message(mark)) for number, mark in enumerate(marks)]
            for client in clients:
                client.leave()
        self.all_are_delivered(replies, sessions=8)


if __name__ == "__main__":
    unittest.main()
