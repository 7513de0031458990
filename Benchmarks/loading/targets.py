"""What is put under load: Mailrace or a peer of it, and the client that does it."""

import contextlib
import json
import os
import pathlib
import socket
import tempfile

from harness import HOST, certificates, relay
from harness.programs import Program, environment, free_port, wait_until

from . import ROOT

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
MINUTES_MAX = 15


class Target:
    """A relay under load: its address, its processes, what they use."""

    def __init__(self, name, port, program, pid):
        self.name, self.port, self.program, self.pid = name, port, program, pid

    @property
    def pids(self):
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    @property
    def cpu_seconds(self):
        def of(pid):
            words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return (int(words[11]) + int(words[12])) / CLOCK_TICKS

        return sum(of(pid) for pid in self.pids)

    @property
    def memory_bytes(self):
        lines = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) << 10

    @property
    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def wait_until_served(control):
    """Waits until Mailrace answers at its control socket: that it does last, when all else has been opened."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(20)
        asking.connect(control)
        asking.sendall(b"nothing\n")
        while asking.recv(1024):
            pass


@contextlib.contextmanager
def mailrace(upstream, starttls=None):
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="mailrace-load-") as directory:
        control = os.path.join(directory, "control.sock")
        runtime = f'max_sessions = 9500\ncontrol_socket = "{control}"'
        text = relay.configuration([upstream], starttls=starttls, port=port, log='level = "error"', runtime=runtime)
        with relay.Mailrace(text) as running:
            wait_until(lambda: os.path.exists(control), f"{control}:\n{running.program.output}")
            wait_until_served(control)
            yield Target("mailrace", port, running.program, running.program.process.pid)


@contextlib.contextmanager
def peer(name, upstream, starttls=None):
    port, certificate = free_port(), certificates.ecdsa()
    arguments = ["--listen", f"{HOST}:{port}", "--upstream", upstream]
    if starttls:
        arguments += ["--certificate", certificate.file, "--key", certificate.key_file]
    program = Program([str(ROOT / "Benchmarks/peers" / name), *arguments])
    try:
        pid = int(program.wait_for_line(r"\(pid (\d+)\)").group(1))
        yield Target(name, port, program, pid)
    finally:
        program.stop()


def bench(*arguments):
    """Runs mailrace-bench to its end; returns its exit status and its summary."""
    program = Program([relay.bench_binary(), *map(str, arguments), "--json"], variables=environment())
    try:
        status = program.process.wait(MINUTES_MAX * 60)
        program.reader.join()
    finally:
        program.stop()
    lines = [line for line in program.lines if line.startswith("{")]
    if not lines:
        raise AssertionError(f"mailrace-bench: status {status}\n{program.output}")
    return status, json.loads(lines[-1])
