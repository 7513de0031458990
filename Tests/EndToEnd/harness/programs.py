"""Programs under test and beside it: started in the background, read line by line, ended by their process id."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from . import HOST, PATIENCE_S


# Ports that `free_port` gives, and the sockets that mark those given.
PORTS = range(10_000, 32_000)
_marks = []

# Mailrace takes every MAILRACE_* variable for a setting, so ours are taken away from its environment.
OWN_VARIABLES = ("MAILRACE_BINARY", "MAILRACE_BENCH_BINARY", "MAILRACE_WATCHED_BINARY", "MAILRACE_CHAOS_SEED")


def environment(more=None):
    """The environment for programs: this process's, without the tests' own variables, and `more`."""
    return {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES} | (more or {})


def wait_until(condition, what):
    """Waits until the condition gives something true, and returns that."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.01)
    raise AssertionError(f"waited {PATIENCE_S} s in vain for {what}")


def free_port():
    """A port at which nobody listens, and which nobody takes by chance before this process has ended.

    It is none that the system gives to those who ask for any (net.ipv4.ip_local_port_range), and marked as taken for
    others of these tests.
    """
    for _ in range(len(PORTS)):
        port = random.choice(PORTS)
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0mailrace-test-port-{port}")
            with socket.socket() as probe:
                probe.bind((HOST, port))
        except OSError:
            mark.close()
            continue
        _marks.append(mark)
        return port
    raise AssertionError("no port is free")


def free_ports(number):
    return [free_port() for _ in range(number)]


def wait_for_port(port, program):
    """Waits until somebody accepts on the port, or the program has ended."""

    def answers():
        program.check_alive()
        with socket.socket() as probe:
            return probe.connect_ex((HOST, port)) == 0

    wait_until(answers, f"{program.name} on port {port}")


def wait_for_listener(port, program):
    """Waits until somebody listens on the port; unlike `wait_for_port`, nobody is disturbed by it."""

    def listens():
        program.check_alive()
        return is_listened_on(port)

    wait_until(listens, f"{program.name} to listen on port {port}")


def wait_for_refusal(port):
    """Waits until nobody listens on the port any more. Who used io_uring keeps sockets for a moment after its end."""
    wait_until(lambda: not is_listened_on(port), f"nobody to listen on port {port}")


def is_listened_on(port):
    with open("/proc/net/tcp") as file:
        return f"0100007F:{port:04X} 00000000:0000 0A" in file.read()


def is_stopped(process):
    """Whether all threads of the process have been stopped, by a signal as a rule."""
    states = set()
    try:
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/stat") as file:
                states.add(file.read().rpartition(")")[2].split()[0])
    except OSError:  # One has ended meanwhile.
        return False
    return states == {"T"}


class Program:
    """A running program, whose standard output and error are read as they come."""

    def __init__(self, arguments, name=None, variables=None, directory=None, preexec=None, group=False, descriptors=()):
        self.name = name or os.path.basename(arguments[0])
        self.has_group = group
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(variables),
            cwd=directory,
            preexec_fn=preexec,
            start_new_session=group,
            pass_fds=descriptors,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    @property
    def output(self):
        with self.changed:
            return "\n".join(self.lines)

    def check_alive(self):
        status = self.process.poll()
        if status is not None:
            self.reader.join(PATIENCE_S)
            raise AssertionError(f"{self.name} ended with status {status}:\n{self.output}")

    def wait_for_line(self, pattern):
        """The match of the first line that has the pattern, present or to come."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + PATIENCE_S
        seen = 0
        with self.changed:
            while True:
                for line in self.lines[seen:]:
                    seen += 1
                    match = expression.search(line)
                    if match:
                        return match
                left = deadline - time.monotonic()
                ended = self.process.poll() is not None and not self.reader.is_alive()
                if left <= 0 or ended:
                    break
                # A short wait: the end of the program notifies a moment before its reader is gone.
                self.changed.wait(min(left, 0.2))
        text = "\n".join(self.lines)
        raise AssertionError(f"{self.name} did not print {pattern!r}:\n{text}")

    def wait(self):
        """Waits for the end; returns the exit status."""
        status = self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        return status

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """Ends it, if need be by force, and its process group where it has one of its own."""
        if self.process.poll() is None:
            self._end(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self._end(signal.SIGKILL)
                self.process.wait()
        if self.has_group:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.reader.join(5)
        self.process.stdout.close()

    def _end(self, number):
        if self.has_group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)


def run(arguments, text=None, **options):
    """Runs a program to its end; returns it with its output, standard error included, as text."""
    return subprocess.run(
        arguments,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        env=environment(),
        **options,
    )


def find(program):
    """The program's path, with the folders where Debian keeps daemons; None if it is not installed."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
