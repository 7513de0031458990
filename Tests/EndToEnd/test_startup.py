"""The command line, the configuration's errors, and what a machine may refuse."""

import os
import resource
import signal
import tempfile
import unittest

from harness import HOST, relay, scripted, seccomp, sink
from harness.programs import Program, wait_until

# A user that nobody is.
LONELY_ID = 64_123
UNAVAILABLE, USAGE, CONFIGURATION = 69, 64, 78


class CommandLine(unittest.TestCase):
    def test_help_and_version(self):
        done = relay.mailrace("--help")
        self.assertEqual(done.returncode, 0)
        for word in ["run", "check", "--help", "--version"]:
            self.assertIn(word, done.stdout)
        self.assertIn("--config", relay.mailrace("run", "--help").stdout)
        done = relay.mailrace("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^mailrace \d+\.\d+\.\d+")

    def test_an_unknown_command_is_a_usage_error(self):
        self.assertEqual(relay.mailrace("walk").returncode, USAGE)
        self.assertEqual(relay.mailrace("run", "--fast").returncode, USAGE)


class Configuration(unittest.TestCase):
    def write(self, text):
        file = tempfile.NamedTemporaryFile("w", suffix=".toml")
        self.addCleanup(file.close)
        file.write(text)
        file.flush()
        return file.name

    def line_of(self, text, start):
        return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(start))

    def test_a_good_one_passes(self):
        file = self.write(relay.configuration([f"{HOST}:25"], starttls="offer"))
        done = relay.mailrace("check", "--config", file)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_check_prints_the_effective_values(self):
        file = self.write(relay.configuration([f"{HOST}:25"]))
        done = relay.mailrace("check", "--print", "--config", file, "--set", "runtime.max_sessions=77")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("77", done.stdout)

    def test_all_errors_are_named_with_their_place(self):
        text = relay.configuration([f"{HOST}:25"], listener='starttsl = "off"').replace(
            'upstream = "backend"', 'upstream = "backand"'
        )
        file = self.write(text)
        for command in ["check", "run"]:
            with self.subTest(command):
                done = relay.mailrace(command, "--config", file)
                self.assertEqual(done.returncode, CONFIGURATION, done.stdout)
                for start, nearest in [("starttsl", "starttls"), ("upstream = ", "backend")]:
                    place = f"{file}:{self.line_of(text, start)}:"
                    [line] = [line for line in done.stdout.splitlines() if place in line]
                    self.assertIn(nearest, line)

    def test_a_file_that_is_no_toml(self):
        file = self.write("[listener\n")
        done = relay.mailrace("run", "--config", file)
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertIn(f"{file}:1:", done.stdout)

    def test_environment_and_set_are_stronger_than_the_file(self):
        """--set before the environment before the file."""
        with sink.Sink() as wanted:
            for variables, arguments in [
                ({"MAILRACE_UPSTREAM__BACKEND__SERVERS": wanted.address}, []),
                (
                    {"MAILRACE_UPSTREAM__BACKEND__SERVERS": f"{HOST}:1"},
                    ["--set", f"upstream.backend.servers={wanted.address}"],
                ),
            ]:
                with self.subTest(arguments=arguments):
                    text = relay.configuration([f"{HOST}:1"])
                    with relay.Mailrace(text, arguments, variables).wait_ready() as mailrace:
                        with scripted.Client(mailrace.port()) as client:
                            self.assertEqual(client.reply(), b"220 upstream.test ESMTP\r\n")


class Signals(unittest.TestCase):
    """During a start that lasts: the configuration comes through a pipe, until all of it is written."""

    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.pipe = os.path.join(folder, "mailrace.toml")
        os.mkfifo(self.pipe)
        # With a writer from the first moment on: a pipe without one is an empty file.
        self.writer = self.enterContext(open(self.pipe, "r+b", buffering=0))
        self.program = Program([relay.binary(), "run", "--config", self.pipe])
        self.addCleanup(self.program.stop)
        wait_until(self.is_reading, "the configuration to be read")

    def is_reading(self):
        self.program.check_alive()
        folder = f"/proc/{self.program.process.pid}/fd"
        try:
            return self.pipe in [os.readlink(f"{folder}/{name}") for name in os.listdir(folder)]
        except FileNotFoundError:
            return False

    def test_those_that_ask_for_something_wait_for_the_service(self):
        for number in (signal.SIGHUP, signal.SIGUSR1):
            self.program.signal(number)
        self.writer.write(relay.configuration([f"{HOST}:1"]).encode())
        self.writer.close()
        self.program.wait_for_line(relay.READY)
        # The pipe has no writer any more: that what is read now is wrong shows that it is read.
        self.program.wait_for_line("reload refused")
        self.program.check_alive()

    def test_an_end_does_not(self):
        self.program.signal(signal.SIGTERM)
        self.assertEqual(self.program.wait(), -signal.SIGTERM)


class Machine(unittest.TestCase):
    def test_an_address_in_use_is_named_beside_the_log(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        other = self.enterContext(scripted.Server(lambda peer: peer.close()))
        text = relay.configuration([f"{HOST}:1"], listen=[other.address], log=f'file = "{folder}/log"')
        file = os.path.join(folder, "mailrace.toml")
        with open(file, "w") as written:
            written.write(text)
        done = relay.mailrace("run", "--config", file)
        self.assertEqual(done.returncode, UNAVAILABLE, done.stdout)
        reason = f"listener mx: cannot listen on {other.address}: Address already in use"
        self.assertEqual(done.stdout, f"mailrace: {reason}\n")
        with open(f"{folder}/log") as log:
            self.assertIn(reason, log.read())

    def test_a_refused_io_uring_is_named(self):
        file = tempfile.NamedTemporaryFile("w", suffix=".toml")
        self.addCleanup(file.close)
        file.write(relay.configuration([f"{HOST}:25"]))
        file.flush()
        done = relay.mailrace("run", "--config", file.name, preexec_fn=seccomp.refuse_io_uring)
        self.assertEqual(done.returncode, UNAVAILABLE, done.stdout)
        self.assertRegex(done.stdout, "(?i)io_uring")
        self.assertRegex(done.stdout, "(?i)seccomp")

    def test_a_limit_on_threads_is_named(self):
        if os.getuid() != 0:
            self.skipTest("not root: another user without processes of its own is needed")

        def limit():
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
            os.setgroups([])
            os.setgid(LONELY_ID)
            os.setuid(LONELY_ID)

        done = relay.mailrace("run", "--set", "listener.default.listen=127.0.0.1:0", preexec_fn=limit)
        self.assertEqual(done.returncode, UNAVAILABLE, done.stdout)
        self.assertIn("LimitNPROC", done.stdout)

    def test_without_a_file_the_default_serves(self):
        """The embedded default is complete; only its port is changed here, which may be taken."""
        if os.path.exists("/etc/mailrace/mailrace.toml"):
            self.skipTest("/etc/mailrace/mailrace.toml is there")
        done = relay.mailrace("check", "--print")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("127.0.0.1:2525", done.stdout)
