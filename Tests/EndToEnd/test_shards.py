"""Two shards share the load: each runs half of the sessions, within 20 %."""

import collections
import unittest

from harness import relay, scripted, sink

SESSIONS = 600


class Shards(unittest.TestCase):
    def test_two_shards_share_evenly(self):
        with sink.Sink() as upstream, relay.start([upstream.address], shards=2) as mailrace:
            port = mailrace.port()
            for _ in range(SESSIONS):
                with scripted.Client(port) as client:
                    client.reply()
                    client.ask("QUIT")
            records = mailrace.sessions(SESSIONS)
        shares = collections.Counter(record["shard"] for record in records)
        self.assertEqual(sorted(shares), [0, 1])
        for share in shares.values():
            self.assertAlmostEqual(share, SESSIONS / 2, delta=SESSIONS / 2 * 0.2)

    def test_session_ids_are_unique(self):
        with sink.Sink() as upstream, relay.start([upstream.address], shards=2) as mailrace:
            for _ in range(50):
                with scripted.Client(mailrace.port()) as client:
                    client.reply()
                    client.ask("QUIT")
            ids = [record["session"] for record in mailrace.sessions(50)]
        self.assertEqual(len(set(ids)), 50)
