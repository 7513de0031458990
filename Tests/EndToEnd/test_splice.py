"""Large flows without TLS go through pipes."""

import json
import os
import unittest

from harness import HOST, cases, relay
from harness.programs import free_port, run

FLOW_BYTES = 1 << 30
# The sink takes up to a gibibyte a message, header and all.
MESSAGES = 2


@unittest.skipUnless(relay.bench_binary(), "mailrace-bench is not there")
class Splice(cases.AdminCase):
    def send(self, flow, *options, **settings):
        """Sends messages of `flow` bytes in all in a session; the sink checks each byte. Gives the bytes that were
        spliced and all that went upstream."""
        upstream = f"{HOST}:{free_port()}"
        mailrace, endpoint = self.relay([upstream], **settings)
        result = run(
            [relay.bench_binary(), "load", "--target", f"{HOST}:{mailrace.port()}", "--sink-listen", upstream]
            + ["--sessions", "1", "--messages", str(MESSAGES), "--size", str(flow // MESSAGES), "--json", *options]
        )
        self.assertEqual(result.returncode, 0, result)
        summary = json.loads(result.stdout.splitlines()[-1])
        arrived = (summary["messages_accepted"], summary["lost"], summary["sink"]["messages"])
        self.assertEqual(arrived, (MESSAGES, 0, MESSAGES))
        mailrace.session()
        passed = endpoint.metric("mailrace_upstream_tx_bytes_total")
        self.assertGreaterEqual(passed, flow)
        return endpoint.metric("mailrace_spliced_bytes_total"), passed

    def test_a_gibibyte(self):
        spliced, passed = self.send(FLOW_BYTES)
        self.assertGreater(spliced, passed * 0.9)
        self.assertLessEqual(spliced, passed)

    def test_not_with_tls(self):
        self.assertEqual(self.send(64 << 20, "--starttls", starttls="require")[0], 0)

    def test_not_where_it_is_switched_off(self):
        self.assertEqual(self.send(64 << 20, runtime="splice = false")[0], 0)
