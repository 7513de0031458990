"""What mailrace-bench can send and take, with Mailrace in between: every message arrives once, in any of these ways."""

import json
import os
import tempfile
import unittest

from harness import HOST, certificates, relay
from harness.programs import free_port, run

TRUSTING = 'proxy_protocol = "required"\nproxy_protocol_trusted = ["127.0.0.0/8"]'


def bench(*arguments):
    """The exit status and the summary."""
    result = run([relay.bench_binary(), *map(str, arguments), "--json"])
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    assert lines, result
    return result.returncode, json.loads(lines[-1])


@unittest.skipUnless(relay.bench_binary(), "mailrace-bench is not there")
class ThroughMailrace(unittest.TestCase):
    def load(self, *options, sink=(), **settings):
        """A small load through a Mailrace with these settings; returns the summary, which must be clean."""
        upstream = f"{HOST}:{free_port()}"
        with relay.Mailrace(relay.configuration([upstream], **settings)) as mailrace:
            target = f"{HOST}:{mailrace.port()}"
            status, summary = bench(
                "load", "--target", target, "--sink-listen", upstream, "--sessions", 30, "--messages", 3,
                *sink, *options,
            )  # fmt: skip
        self.assertEqual(status, 0, summary)
        self.assertEqual((summary["messages_accepted"], summary["lost"], summary["sink"]["messages"]), (90, 0, 90))
        return summary

    def test_by_chunks(self):
        for more in [[], ["--pipelining"]]:
            with self.subTest(more):
                summary = self.load("--bdat", "3k", "--recipients", 3, "--size-mix", "1k:3,100k:1", *more)
                self.assertGreater(summary["sink"]["chunks"], 90)

    def test_logged_in(self):
        self.assertEqual(self.load("--user", "somebody")["sink"]["authentications"], 30)

    def test_resumed(self):
        for version in ["TLS1.2", "TLS1.3"]:
            with self.subTest(version):
                options = ["--starttls", "--resume", "--tls-version", version, "--concurrency", 1]
                self.assertEqual(self.load(*options, starttls="require")["tls_resumed"], 29)

    def test_implicit_tls(self):
        summary = self.load("--tls", listener='role = "smtps"', certificate=certificates.ecdsa())
        self.assertEqual(summary["tls_sessions"], 30)
        self.assertEqual(summary["tls_versions"], {"TLSv1.3": 30})

    def test_proxy_headers_in_and_out(self):
        for version in ["v1", "v2"]:
            with self.subTest(version):
                upstream = f'proxy_protocol = "{version}"'
                summary = self.load("--proxy", version, sink=["--sink-proxy"], listener=TRUSTING, upstream=upstream)
                self.assertEqual(summary["sink"]["proxied"], 30)

    def test_at_a_rate(self):
        summary = self.load("--rate", 300, "--ramp", "50ms")
        self.assertGreaterEqual(summary["session_due_milliseconds"]["max"], summary["session_milliseconds"]["p50"])

    def test_files_of_the_course(self):
        with tempfile.TemporaryDirectory() as directory:
            csv, svg = os.path.join(directory, "load.csv"), os.path.join(directory, "load.svg")
            self.load("--csv", csv, "--svg", svg)
            with open(csv) as file:
                columns = file.readline().strip().split(",")
                sums = [dict(zip(columns, line.strip().split(","))) for line in file]
            self.assertEqual(sum(int(line["messages"]) for line in sums), 90)
            with open(svg) as file:
                self.assertIn("</svg>", file.read())

    def test_comparison(self):
        upstream = f"{HOST}:{free_port()}"
        text = relay.configuration([upstream], upstream='proxy_protocol = "v2"')
        with relay.Mailrace(text) as one, relay.Mailrace(text) as other:
            targets = [
                word
                for name, mailrace in [("one", one), ("other", other)]
                for word in ["--target", f"{HOST}:{mailrace.port()}={name},{mailrace.program.process.pid}"]
            ]
            status, summary = bench(
                "compare", *targets, "--rounds", 2, "--sessions", 500, "--sink-listen", upstream, "--sink-proxy"
            )
        self.assertEqual(status, 0, summary)
        self.assertEqual([target["lost"] for target in summary["targets"]], [0, 0])
        self.assertEqual(summary["sink"]["messages"], 2000)
        for target in summary["targets"]:
            self.assertGreater(target["figures"]["cpu_microseconds_per_session"]["median"], 0)
            self.assertGreater(target["figures"]["pss_mebibytes"]["median"], 0)
