"""The line that the log gets for each session."""

import fcntl
import os
import pathlib
import re
import signal
import tempfile
import unittest

from harness import HOST, clients, journal, relay, scripted, sink
from harness.programs import free_port, wait_for_port, wait_until

FIELDS = (
    "session shard listener start duration_ms client proxy upstream greeting name login decision tls cipher resumed"
    " tls_failure client_certificate upstream_tls upstream_cipher upstream_tls_failure bytes_up bytes_down phase end"
    " ended_by"
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
            "name": "client.test",
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


class Rotation(unittest.TestCase):
    def test_a_signal_opens_all_files_anew(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        upstream = self.enterContext(sink.Sink())
        log, transcript = folder / "log", folder / "transcript"
        text = relay.configuration(
            [upstream.address],
            starttls="offer",
            log=f'file = "{log}"\ntranscript = "commands"\ntranscript_file = "{transcript}"',
        )
        mailrace = self.enterContext(relay.Mailrace(text))
        wait_until(lambda: log.exists() and " ready" in log.read_text(), "the log")
        port = int(re.search(r"listening on \S*:(\d+)", log.read_text()).group(1))

        def session(name):
            with scripted.Client(port) as client:
                client.reply()
                client.ask(f"EHLO {name}")
                client.ask("AUTH PLAIN c2VjcmV0")
            wait_until(lambda: f"EHLO {name}" in transcript.read_text(), f"{name} in the transcript")
            wait_until(lambda: " end=" in log.read_text(), "the session in the log")

        session("first.test")
        for path in (log, transcript):
            self.assertEqual(path.stat().st_mode & 0o777, 0o640)
            path.rename(f"{path}.1")
        mailrace.program.signal(signal.SIGUSR1)
        wait_until(lambda: log.exists() and transcript.exists(), "new files")
        session("second.test")
        former = pathlib.Path(f"{transcript}.1").read_text()
        self.assertNotIn("second.test", former)
        self.assertIn('line="C: AUTH PLAIN [redacted]"', former)
        self.assertNotIn("c2VjcmV0", former + transcript.read_text())
        self.assertEqual(len(re.findall(r" end=", log.read_text())), 1)
        self.assertNotIn("first.test", transcript.read_text())


class Journal(unittest.TestCase):
    def setUp(self):
        if not journal.is_possible():
            self.skipTest("no mount namespace is allowed here, and so no journal of the test's own")
        self.journal = self.enterContext(journal.Journal())
        self.upstream = self.enterContext(sink.Sink())

    def start(self, **options):
        text = relay.configuration([self.upstream.address], runtime="max_sessions = 100", **options)
        return self.enterContext(
            relay.Mailrace(text, variables=self.journal.variables, preexec=self.journal.preexec)
        )

    def port(self):
        self.journal.wait_for(MESSAGE="ready shards=1 max_sessions=100")
        [line] = [entry["MESSAGE"] for entry in self.journal.seen if "listening on" in entry["MESSAGE"]]
        return int(re.search(r":(\d+) ", line).group(1))

    def test_a_session_is_an_entry_with_fields(self):
        mailrace = self.start(log='format = "text"')
        with scripted.Client(self.port()) as client:
            client.reply()
            client.ask("QUIT")
        entry = self.journal.wait_for(MESSAGE_ID="5e9c8e7f28d94b658f6f49ea71bf50b9")
        expected = {
            "PRIORITY": "6",
            "SYSLOG_IDENTIFIER": "mailrace",
            "MAILRACE_LISTENER": "mx",
            "MAILRACE_SHARD": "0",
            "MAILRACE_UPSTREAM": self.upstream.address,
            "MAILRACE_END": "quit",
        }
        self.assertEqual({name: entry[name] for name in expected}, expected)
        self.assertNotIn("MAILRACE_TLS", entry)
        self.assertNotIn("CODE_FILE", entry)
        self.assertTrue(entry["MESSAGE"].startswith(f"session={entry['MAILRACE_SESSION']} shard=0 listener=mx "))
        mailrace.rewrite("nonsense")
        mailrace.program.signal(signal.SIGHUP)
        refusal = self.journal.wait_for(MESSAGE_ID="4dd1d1257ab94053b7c568ba348bd480")
        self.assertEqual(refusal["PRIORITY"], "3")
        mailrace.program.signal(signal.SIGTERM)
        self.assertEqual(mailrace.program.wait(), 0)
        self.journal.wait_for(MESSAGE="ended sessions_left=0", MAILRACE_SESSIONS_LEFT="0")

    def test_a_file_is_a_file(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "log")
            self.start(log=f'file = "{path}"')
            wait_until(lambda: os.path.exists(path) and " ready" in pathlib.Path(path).read_text(), "the log file")
            self.assertEqual(self.journal.seen, [])


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
