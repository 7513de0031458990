"""Two shards share the connections that one server takes, and each keeps its own for the next message."""

import concurrent.futures
import contextlib
import threading
import unittest

from harness import PATIENCE_S, transactions
from harness.mailer import Mailer, RECIPIENT, message, stuffed
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

    def test_a_client_that_never_rests(self):
        """Its next message is there before the answer to the last one is: others have their turns all the same."""
        for shards in (1, 2):
            with self.subTest(shards=shards):
                self.never_rests(shards)

    def never_rests(self, shards):
        upstream = self.enterContext(Upstream())
        mailrace = self.start(
            [upstream.address], shards=shards,
            upstream='max_wait = "10s"\nidle_connections = 4\nmax_connections = 1\nmax_messages_per_connection = 100000')
        is_over, begun, told = threading.Event(), threading.Event(), []
        envelope = f"MAIL FROM:<busy@client.test>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n".encode()
        wire = stuffed(message("busy")) + b".\r\n"

        def be_busy():
            with Mailer(mailrace.port()) as client:
                client.send(envelope)
                while not is_over.is_set():
                    told.extend(client.reply()[:3] for _ in range(3))
                    client.send(wire + envelope)
                    told.append(client.reply()[:3])
                    begun.set()

        busy = threading.Thread(target=be_busy, daemon=True)
        busy.start()
        self.assertTrue(begun.wait(PATIENCE_S))
        try:
            with Mailer(mailrace.port()) as other:
                for number in range(3):
                    self.assertCode(other.deliver(message(f"number {number}")), "250")
        finally:
            is_over.set()
            busy.join(PATIENCE_S)
        self.assertEqual(set(told), {b"250", b"354"})
        self.assertEqual(upstream.contents.count(message("busy")), told.count(b"354"))
        self.assertEqual(len(upstream.whole), told.count(b"354") + 3)


if __name__ == "__main__":
    unittest.main()
