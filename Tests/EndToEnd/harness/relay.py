"""Mailrace itself, with a configuration of a test's own."""

import json
import os
import re
import shutil
import signal
import tempfile

from . import HOST, certificates, manager
from .programs import Program, run, wait_until

READY = r'(\binfo |"message": ?")ready\b'


def binary():
    path = os.environ.get("MAILRACE_BINARY")
    if not path:
        raise AssertionError("MAILRACE_BINARY does not name the program to be tested")
    return os.path.abspath(path)


def watched_binary():
    """A debug build, which says where a shard has blocked; the program to be tested where none is named."""
    path = os.environ.get("MAILRACE_WATCHED_BINARY")
    if path and not os.access(path, os.X_OK):
        raise AssertionError(f"MAILRACE_WATCHED_BINARY names no program: {path}")
    return os.path.abspath(path) if path else binary()


def long_turns(running, milliseconds):
    """What the watchdog of a debug build has said of turns of its shards that took so long; a busy machine has shorter ones."""
    turns = [int(turn) for turn in re.findall(r"a turn took (\d+) ms", running.program.output)]
    return [turn for turn in turns if turn >= milliseconds]


def bench_binary():
    """mailrace-bench; beside mailrace unless MAILRACE_BENCH_BINARY says otherwise. None if it is not there."""
    path = os.environ.get("MAILRACE_BENCH_BINARY") or os.path.join(os.path.dirname(binary()), "mailrace-bench")
    return path if os.access(path, os.X_OK) else None


# What a case gets that says nothing of it: one server after the other, in plaintext, found out by the sessions alone.
UPSTREAM_DEFAULTS = {"balance": '"first"', "tls": '"off"', "health": '{ probe = "off" }'}


def _with_defaults(lines):
    said = {line.split("=")[0].split(".")[0].strip() for line in lines.splitlines()}
    return [lines] + [f"{key} = {value}" for key, value in UPSTREAM_DEFAULTS.items() if key not in said]


def configuration(servers, starttls=None, shards=1, listener="", port=0, listen=None, **options):
    """The text of a configuration with one listener, mx, on a free port unless one is given, and one upstream.

    `certificate` is what the listener shows; it has one of our own if only `starttls` is given, and none without both.
    `listener`, `upstream` and `tls` are more lines of these, `runtime`, `timeouts`, `log`, `dns` likewise;
    `admin` is where the admin endpoint listens, nowhere by default; `tables` are more tables.
    """
    certificate = options.pop("certificate", None) or (certificates.ecdsa() if starttls else None)
    upstream, tls, tables = (options.pop(name, "") for name in ("upstream", "tls", "tables"))
    runtime, timeouts, dns = (options.pop(name, "") for name in ("runtime", "timeouts", "dns"))
    admin = options.pop("admin", "")
    log = options.pop("log", 'format = "json"')
    if options:
        raise TypeError(f"no such options: {options}")
    lines = ['hostname = "mailrace.test"', "[runtime]", f"shards = {shards}", runtime]
    # The standard ones are one for the machine.
    lines += [] if "control_socket" in runtime else ['control_socket = ""']
    # Where tests run as root, their files are root's.
    lines += [] if "user =" in runtime else ['user = ""']
    lines += ["[timeouts]", timeouts, "[log]", log, "[dns]", dns, "[admin]", f'listen = "{admin}"']
    if certificate:
        lines += ["[tls.default]", f'certificate = "{certificate.file}"', f'key = "{certificate.key_file}"', tls]
    lines += ["[listener.mx]", f"listen = {json.dumps(listen or [f'{HOST}:{port}'])}", 'upstream = "backend"']
    lines += ['tls = "default"'] if certificate else []
    lines += [f'starttls = "{starttls}"'] if starttls else []
    lines += [listener, "[upstream.backend]", f"servers = {json.dumps(servers)}"]
    return "\n".join(lines + _with_defaults(upstream) + [tables]) + "\n"


class Counters:
    """What Mailrace has counted. Counters that have not moved are 0."""

    LINE = re.compile(r'(\w+)\{(.*)\} (\d+)')

    def __init__(self, values):
        """`values` are lines such as `sessions{stat_prefix="mx"} 7`."""
        self.values = {}
        for value in values:
            name, labels, count = self.LINE.fullmatch(value).groups()
            self.values[name, frozenset(re.findall(r'(\w+)="([^"]*)"', labels))] = int(count)

    def __getitem__(self, name):
        return self.of(name)

    def of(self, name, **labels):
        """The sum of all that have this name and these labels."""
        wanted = set(labels.items())
        return sum(count for (key, has), count in self.values.items() if key == name and wanted <= has)

    def __repr__(self):
        return repr({f"{name}{sorted(labels)}": count for (name, labels), count in self.values.items()})


class Mailrace:
    """A running Mailrace. Use as a context; it is ended on the way out."""

    def __init__(self, text, arguments=(), variables=None, preexec=None, sockets=(), program=None, wrapper=()):
        """`sockets` are pairs of a name and a listening socket, handed over as systemd does; `wrapper` is a command
        that runs Mailrace."""
        program = program or binary()
        self.directory = tempfile.mkdtemp(prefix="mailrace-test-")
        self.file = os.path.join(self.directory, "mailrace.toml")
        with open(self.file, "w") as file:
            file.write(text)
        self.program = Program(
            manager.launcher(sockets) + [*wrapper, program, "run", "--config", self.file, *arguments],
            name="mailrace",
            variables=variables,
            directory=self.directory,
            preexec=preexec,
            descriptors=[listening.fileno() for _, listening in sockets],
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

    def rewrite(self, text):
        """Writes another configuration; it takes effect with a reload."""
        with open(self.file, "w") as file:
            file.write(text)

    def records(self, message):
        """The log's records so far that say this, as dictionaries."""
        lines = [line for line in self.program.output.splitlines() if line.startswith("{")]
        return [record for record in map(json.loads, lines) if record.get("message") == message]

    def wait_message(self, message, count=1):
        """Waits until the log has said this so often; returns the records."""

        def enough():
            records = self.records(message)
            return records if len(records) >= count else None

        return wait_until(enough, f"{count} times {message!r} in the log:\n{self.program.output}")

    def end(self):
        """Ends it in order; returns all that it has counted."""
        self.program.signal(signal.SIGTERM)
        if (status := self.program.wait()) != 0:
            raise AssertionError(f"mailrace ended with status {status}:\n{self.program.output}")
        return Counters(record["value"] for record in self.records("counter"))

    def wait_counter(self, name, count, **labels):
        """Waits until a counter of the running program stands at `count` or more."""

        def enough():
            seen = len(self.records("counter"))
            self.program.signal(signal.SIGUSR1)
            # `sessions`, or a server that is up, is in every snapshot, so that something comes.
            wait_until(lambda: len(self.records("counter")) > seen, "a snapshot of counters")
            return Counters(record["value"] for record in self.records("counter")).of(name, **labels) >= count

        wait_until(enough, f"{name} of {count}")

    def sessions(self, count):
        """The log's records of the first sessions that ended, at least `count`, as dictionaries."""
        found = []

        def enough():
            # Warnings about a session name it, too; only its last line has a duration.
            lines = [line for line in self.program.output.splitlines() if '"duration_ms":' in line]
            found[:] = map(json.loads, lines)
            if len(found) < count and not self.program.reader.is_alive():
                self.program.check_alive()
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
