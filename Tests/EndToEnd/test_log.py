"""The line that the log gets for each session."""

import fcntl
import os
import pathlib
import re
import signal
import tempfile
import unittest

from harness import HOST, clients, relay, scripted, sink
from harness.programs import free_port, wait_for_port, wait_until

FIELDS = (
    "session shard listener start duration_ms client proxy upstream greeting tls cipher resumed tls_failure"
    " client_certificate upstream_tls upstream_cipher upstream_tls_failure bytes_up bytes_down phase end ended_by"
)


class SessionLine(unittest.TestCase):
    def test_json(self):
        with sink.Sink() as upstream, relay.start([upstream.address], starttls="offer") as mailrace:
            clients.smtplib_client(mailrace.port(), clients.message(), True)
            [connection] = upstream.wait_finished()
            record = mailrace.session()
        self.assertEqual([name for name in record if name not in ("time", "level")], FIELDS.split())
        self.assertRegex(record["session"], r"^[A-Z2-7]{13,16}$")
        self.assertRegex(record["start"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertRegex(record["client"], rf"^{re.escape(HOST)}:\d+$")
        self.assertEqual(record["bytes_up"], len(connection.received))
        expected = {
            "listener": "mx",
            "upstream": upstream.address,
            "greeting": "EHLO",
            "tls": "TLSv1.3",
            "resumed": False,
            "tls_failure": None,
            "phase": "passthrough",
            "end": "completed",
        }
        self.assertEqual({name: record[name] for name in expected}, expected)

    def test_text(self):
        with sink.Sink() as upstream, relay.start([upstream.address], log='format = "text"') as mailrace:
            with scripted.Client(mailrace.port()) as client:
                client.reply()
                client.ask("QUIT")
            line = mailrace.program.wait_for_line(r"session=[A-Z2-7]{13,16} ").string
        pairs = dict(pair.split("=", 1) for pair in line.split() if "=" in pair)
        self.assertEqual(list(pairs), FIELDS.split())
        self.assertEqual((pairs["tls"], pairs["end"]), ("-", "quit"))

    def test_a_file(self):
        with tempfile.TemporaryDirectory() as directory, sink.Sink() as upstream:
            path = os.path.join(directory, "log")
            text = relay.configuration([upstream.address], log=f'file = "{path}"')
            with relay.Mailrace(text) as mailrace:
                wait_until(lambda: os.path.exists(path) and " ready" in pathlib.Path(path).read_text(), "the log file")
                self.assertNotIn("listening", mailrace.program.output)


class Reader(unittest.TestCase):
    def test_one_who_has_stopped_does_not_hold_up_the_end(self):
        """The pipe is full before the process is told to end; nobody reads it."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(writing, False)
        os.write(writing, b"x" * 4096)
        os.set_blocking(writing, True)
        with sink.Sink() as upstream:
            port = free_port()
            text = relay.configuration([upstream.address], port=port)
            with relay.Mailrace(text, preexec=lambda: os.dup2(writing, 2)) as mailrace:
                os.close(writing)
                wait_for_port(port, mailrace.program)
                with scripted.Client(port) as client:
                    self.assertTrue(client.reply().startswith(b"220 "))
                    client.ask("QUIT")
                mailrace.program.signal(signal.SIGTERM)
                self.assertEqual(mailrace.program.wait(), 0)

    def test_closed_standard_streams_are_nobodys_socket(self):
        with tempfile.TemporaryDirectory() as directory, sink.Sink() as upstream:
            path = os.path.join(directory, "log")
            text = relay.configuration([upstream.address], log=f'file = "{path}"')
            with relay.Mailrace(text, preexec=lambda: os.closerange(0, 3)) as mailrace:
                wait_until(lambda: os.path.exists(path) and " ready" in pathlib.Path(path).read_text(), "the log file")
                folder = f"/proc/{mailrace.program.process.pid}/fd"
                self.assertEqual([os.readlink(f"{folder}/{number}") for number in range(3)], ["/dev/null"] * 3)
