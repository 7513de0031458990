"""Mailrace under strace and under a library that counts, and what they saw of it between two moments."""

import collections
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from harness import HOST, relay
from harness.programs import free_port, wait_until

from . import ROOT, targets

# As in counters.c.
COUNTERS = struct.Struct("<QqQ")
# So long nothing may happen until what was asked for is taken to be over.
QUIET_S = 0.05
# A line of strace: a whole call, the beginning of one, or the rest.
CALL = re.compile(r"\d+ +(\d+\.\d+) (?:<\.\.\. )?(\w+)(?:\(| (resumed))")
RESULT = re.compile(r"\) += (\d+)")

Counts = collections.namedtuple("Counts", ["submissions", "enters", "other_calls", "allocations", "copied_bytes"])
Moment = collections.namedtuple("Moment", ["time", "allocations", "live_bytes", "copied_bytes"])


def why_not():
    """Why nothing can be counted here; None where it can."""
    for program, package in [("strace", "strace"), ("cc", "gcc")]:
        if not shutil.which(program):
            return f"{program} is missing: apt-get install {package}"
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, text=True)
    return f"strace may not trace here: {tried.stderr.strip()}" if tried.returncode else None


def build_counters(directory):
    """Builds the library; returns its path."""
    library = os.path.join(directory, "counters.so")
    source = str(ROOT / "Benchmarks/counting/counters.c")
    # Without -fno-builtin the compiler would make memmove of bcopy again.
    command = ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fno-builtin", "-o", library, source]
    subprocess.run(command, check=True)
    return library


def count_calls(trace, begin, end):
    """Submissions, calls of io_uring_enter and calls of others, in these lines of strace, between two times."""
    submissions, calls = 0, collections.Counter()
    for line in trace:
        call = CALL.match(line)
        if not call or not begin <= float(call[1]) <= end:
            continue
        calls[call[2]] += call[3] is None
        # A call returns how many submissions it has taken.
        if call[2] == "io_uring_enter" and (result := RESULT.search(line)):
            submissions += int(result[1])
    return submissions, calls["io_uring_enter"], calls.total() - calls["io_uring_enter"]


def counting_variables(directory):
    """The environment in which a program's allocations are counted, in the file `counters` of the directory."""
    counters = pathlib.Path(directory, "counters")
    counters.write_bytes(bytes(COUNTERS.size))
    return {"LD_PRELOAD": build_counters(directory), "COUNTERS_FILE": str(counters)}


class Counted:
    """A running Mailrace whose calls and allocations are counted."""

    def __init__(self, port, pid, counters, trace):
        self.port, self.pid, self._counters, self._trace = port, pid, counters, trace

    @property
    def address(self):
        return f"{HOST}:{self.port}"

    def moment(self):
        """What was counted when Mailrace had come to rest."""
        before = None
        while (now := self._counters.read_bytes()) != before:
            before = now
            time.sleep(QUIET_S)
        return Moment(time.time(), *COUNTERS.unpack(now))

    def stop(self):
        """Ends Mailrace in order, after which its calls can be counted."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        wait_until(lambda: not os.path.exists(f"/proc/{self.pid}"), "the end of Mailrace")

    def between(self, first, last):
        """What happened between two moments, once all has ended."""
        with open(self._trace) as trace:
            calls = count_calls(trace, first.time, last.time)
        return Counts(*calls, last.allocations - first.allocations, last.copied_bytes - first.copied_bytes)


@contextlib.contextmanager
def counted(library, upstream, name="mailrace", **options):
    """Mailrace with one shard before `upstream`, and otherwise as in comparisons."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="mailrace-count-") as directory:
        control, trace = os.path.join(directory, "control.sock"), os.path.join(directory, "trace")
        counters = pathlib.Path(directory, "counters")
        counters.write_bytes(bytes(COUNTERS.size))
        text = targets.configuration(name, directory, upstream, port, **options)
        wrapper = ["strace", "-f", "-ttt", "-s0", "-o", trace]
        wrapper += ["-E", f"LD_PRELOAD={library}", "-E", f"COUNTERS_FILE={counters}"]
        with relay.Mailrace(text, wrapper=wrapper) as running:
            wait_until(lambda: is_served(control, running), f"{control}:\n{running.program.output}")
            tracer = running.program.process.pid
            pid = int(pathlib.Path(f"/proc/{tracer}/task/{tracer}/children").read_text().split()[0])
            target = Counted(port, pid, counters, trace)
            try:
                yield target
            finally:
                target.stop()
                running.program.wait()


def is_served(control, running):
    """Whether Mailrace answers at its control socket: that it does last, when all else has been opened."""
    running.program.check_alive()
    with socket.socket(socket.AF_UNIX) as asking:
        return asking.connect_ex(control) == 0
