"""Mailrace itself, with a configuration of a test's own."""

import json
import os
import shutil
import tempfile

from . import HOST, certificates
from .programs import Program, run, wait_until

READY = r'(\binfo |"message": ?")ready\b'


def binary():
    path = os.environ.get("MAILRACE_BINARY")
    if not path:
        raise AssertionError("MAILRACE_BINARY does not name the program to be tested")
    return os.path.abspath(path)


def bench_binary():
    """mailrace-bench; beside mailrace unless MAILRACE_BENCH_BINARY says otherwise. None if it is not there."""
    path = os.environ.get("MAILRACE_BENCH_BINARY") or os.path.join(os.path.dirname(binary()), "mailrace-bench")
    return path if os.access(path, os.X_OK) else None


def configuration(servers, starttls=None, shards=1, listener="", port=0, **tables):
    """The text of a configuration with one listener, mx, on a free port unless one is given, and one upstream.

    `starttls` None means a listener without certificate. `tables` are more lines for [runtime], [timeouts], [log].
    """
    certificate = certificates.ecdsa() if starttls else None
    lines = [
        'hostname = "mailrace.test"',
        "[runtime]",
        f"shards = {shards}",
        tables.get("runtime", ""),
        # The standard one is one for the machine.
        "" if "control_socket" in tables.get("runtime", "") else 'control_socket = ""',
        "[timeouts]",
        tables.get("timeouts", ""),
        "[log]",
        tables.get("log", 'format = "json"'),
    ]
    if certificate:
        lines += ["[tls.default]", f'certificate = "{certificate.file}"', f'key = "{certificate.key_file}"']
    lines += ["[listener.mx]", f'listen = ["{HOST}:{port}"]', 'depth = "tunnel"', 'upstream = "backend"']
    if certificate:
        lines += ['tls = "default"', f'starttls = "{starttls}"']
    lines += [listener, "[upstream.backend]", f"servers = {json.dumps(servers)}", 'balance = "first"']
    return "\n".join(lines) + "\n"


class Mailrace:
    """A running Mailrace. Use as a context; it is ended on the way out."""

    def __init__(self, text, arguments=(), variables=None, preexec=None):
        program = binary()
        self.directory = tempfile.mkdtemp(prefix="mailrace-test-")
        self.file = os.path.join(self.directory, "mailrace.toml")
        with open(self.file, "w") as file:
            file.write(text)
        self.program = Program(
            [program, "run", "--config", self.file, *arguments],
            name="mailrace",
            variables=variables,
            directory=self.directory,
            preexec=preexec,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.stop()
        shutil.rmtree(self.directory)

    def wait_ready(self):
        self.program.wait_for_line(READY)
        return self

    def port(self, listener="mx"):
        line = self.program.wait_for_line(rf"listening on \S*:(\d+) \(listener {listener}\)")
        return int(line.group(1))

    def sessions(self, count):
        """The log's records of the first sessions that ended, at least `count`, as dictionaries."""
        self.program.wait_for_line(r'"session":"[A-Z2-7]{13,16}"' if count else READY)
        found = []

        def enough():
            found[:] = [
                json.loads(line) for line in self.program.output.splitlines() if line.startswith("{") and '"session":' in line
            ]
            return len(found) >= count

        wait_until(enough, f"{count} sessions in the log:\n{self.program.output}")
        return found

    def session(self):
        """The record of the only session."""
        return self.sessions(1)[0]


def start(servers, **options):
    """Starts Mailrace before the given servers and waits until it is ready."""
    relay = Mailrace(configuration(servers, **options))
    try:
        return relay.wait_ready()
    except BaseException:
        relay.__exit__()
        raise


def mailrace(*arguments, **options):
    """Runs `mailrace ARGUMENTS` to its end."""
    return run([binary(), *arguments], **options)
