"""Loads while something goes wrong, or is changed: no message is lost that was answered with 250, and none comes twice."""

import contextlib
import json
import os
import random
import shutil
import signal
import tempfile
import time

from harness import HOST, certificates, relay
from harness.programs import Program, environment, free_port, wait_for_port, wait_until

from .targets import MINUTES_MAX

JOURNAL_LINE_BYTES = 34
# What a session may meet whose upstream goes away: 421 instead of a greeting, 421 or the end of the connection later.
ERRORS_OF_A_LOST_UPSTREAM = {"greeting", "transient", "closed"}

SESSIONS_PER_SECOND = 500
HEALTH_INTERVAL_S = 2
RESTART_PERIOD_S = 2.5
DOWN_S = 0.05, 0.5
ATTEMPTS = 3
# How long the rate is looked at, and how much of it counts as all.
RATE_WINDOW_S = 0.25
FULL_RATE = 0.9

RELOAD_PERIOD_S = 0.3


class Sink:
    """A mailrace-bench sink on a port of its own, that can be killed and started again."""

    def __init__(self, journal):
        self.journal, self.port = journal, free_port()
        self.start()

    def start(self):
        self.program = Program(
            [relay.bench_binary(), "sink", "--listen", self.address, "--journal", self.journal], variables=environment()
        )
        self.program.wait_for_line("listening on")

    def kill(self):
        self.program.process.kill()
        self.program.process.wait()

    @property
    def address(self):
        return f"{HOST}:{self.port}"


@contextlib.contextmanager
def sinks(count):
    """Sinks that write one journal, in a directory for everything else."""
    with tempfile.TemporaryDirectory(prefix="mailrace-load-") as directory:
        journal = os.path.join(directory, "journal")
        running = []
        try:
            for _ in range(count):
                running.append(Sink(journal))
            yield directory, running
        finally:
            for sink in running:
                sink.program.stop()


@contextlib.contextmanager
def load(port, journal, *options):
    """A load beside the block. Gives a function that ends it in order and returns its exit status and summary."""
    program = Program(
        [relay.bench_binary(), "load", "--target", f"{HOST}:{port}", "--duration", f"{MINUTES_MAX}m"]
        + ["--journal", journal, *map(str, options), "--json"],
        variables=environment(),
    )

    def end():
        program.signal(signal.SIGINT)
        status = program.process.wait(MINUTES_MAX * 60)
        program.reader.join()
        return status, json.loads(program.lines[-1])

    end.is_running = lambda: program.process.poll() is None
    try:
        yield end
    finally:
        program.stop()


def arrived(journal):
    return os.stat(journal).st_size // JOURNAL_LINE_BYTES


def wait_for_full_rate(journal):
    """Waits until as many messages arrive as are begun; returns the seconds that took, the time of looking left out."""
    begin = time.monotonic()
    seen = [(begin, arrived(journal))]

    def is_full():
        now, count = time.monotonic(), arrived(journal)
        seen.append((now, count))
        past = next((entry for entry in reversed(seen) if entry[0] <= now - RATE_WINDOW_S), None)
        return past and count - past[1] >= FULL_RATE * SESSIONS_PER_SECOND * (now - past[0])

    wait_until(is_full, "the full rate")
    return max(0, time.monotonic() - begin - RATE_WINDOW_S)


def restarts(count, servers):
    """An upstream, or one of several in turn, is killed and started again.

    Where the machine is busy the rate itself may take longer than an interval to come; then all is tried again.
    """
    for _ in range(ATTEMPTS):
        result, slowest_s = restarted(count, servers)
        if slowest_s <= HEALTH_INTERVAL_S:
            return result
    raise AssertionError(f"full rate after {slowest_s:.2f} s, {ATTEMPTS} times")


def restarted(count, servers):
    """What there is to say of a load with so many restarts, and the longest time until the full rate."""
    with sinks(servers) as (directory, upstreams):
        journal, port = os.path.join(directory, "journal"), free_port()
        upstream = f'balance = "round-robin"\nhealth = {{ interval = "{HEALTH_INTERVAL_S}s", timeout = "1s" }}'
        text = relay.configuration(
            [sink.address for sink in upstreams], port=port, log='level = "error"', upstream=upstream
        )
        with relay.Mailrace(text) as running:
            wait_for_port(port, running.program)
            times = []
            options = ["--rate", SESSIONS_PER_SECOND, "--concurrency", SESSIONS_PER_SECOND, "--timeout", "10s"]
            with load(port, journal, *options) as end:
                begin = time.monotonic()
                for number in range(count):
                    wait_for_full_rate(journal)
                    victim = upstreams[number % servers]
                    victim.kill()
                    time.sleep(random.uniform(*DOWN_S))
                    victim.start()
                    times.append(wait_for_full_rate(journal))
                    assert end.is_running(), "the load ended before the restarts"
                    time.sleep(max(0, begin + (number + 1) * RESTART_PERIOD_S - time.monotonic()))
                _, summary = end()
            running.program.check_alive()
        told = json.dumps(summary)
        assert summary["lost"] == 0 and summary["sink"]["duplicates"] == 0, told
        assert set(summary["errors"]) <= ERRORS_OF_A_LOST_UPSTREAM, told
        result = (
            f"{count} restarts, {summary['messages_accepted']} messages accepted, none lost or twice,"
            f" {summary['messages_failed']} failed, of which {summary['messages_ambiguous']} ambiguous"
            f" ({summary['ambiguous_arrived']} arrived); full rate after {max(times):.2f} s at most"
        )
        return result, max(times)


def reloads(count):
    """The configuration is changed and reloaded: certificates, listeners and upstreams."""
    with sinks(2) as (directory, upstreams):
        journal, port, other = os.path.join(directory, "journal"), free_port(), free_port()
        identities = [certificates.ecdsa(), certificates.rsa()]
        current = [os.path.join(directory, name) for name in ("certificate.pem", "key.pem")]
        first, second = (sink.address for sink in upstreams)
        pools = [[first], [second], [first, second], [second, first]]

        def change_certificate(number):
            identity = identities[number % 2]
            for source, target in zip((identity.file, identity.key_file), current):
                shutil.copy(source, target + ".new")
                os.rename(target + ".new", target)

        def configuration(number):
            runtime = f'control_socket = "{directory}/control.sock"\nmax_sessions = {5000 + number}'
            text = relay.configuration(
                pools[number % len(pools)], starttls="require", port=port, log='level = "warning"', runtime=runtime
            )
            text = text.replace(identities[0].file, current[0]).replace(identities[0].key_file, current[1])
            if number % 3 == 1:
                text += f'[listener.other]\nlisten = ["{HOST}:{other}"]\nupstream = "backend"\n'
            return text

        change_certificate(0)
        with relay.Mailrace(configuration(0)) as running:
            wait_for_port(port, running.program)
            wait_until(lambda: os.path.exists(f"{directory}/control.sock"), "the control socket")
            options = ["--concurrency", 20, "--rate", 200, "--messages", 5, "--starttls"]
            with load(port, journal, *options) as end:
                begin = time.monotonic()
                for number in range(1, count + 1):
                    change_certificate(number)
                    with open(running.file, "w") as file:
                        file.write(configuration(number))
                    result = relay.mailrace("reload", "--config", running.file)
                    assert result.returncode == 0, result
                    time.sleep(max(0, begin + number * RELOAD_PERIOD_S - time.monotonic()))
                assert end.is_running(), "the load ended before the reloads"
                status, summary = end()
            running.program.signal(signal.SIGTERM)
            assert running.program.wait() == 0, running.program.output
        assert status == 0 and summary["ok"], json.dumps(summary)
        return f"{count} reloads, {summary['sessions_done']} sessions and {summary['messages_accepted']} messages, none lost"


def loads(part):
    """All loads by name; `part` is how many times smaller they are than whole."""
    return {
        "restarts": lambda: restarts(50 // part, 1),
        "restarts of one of two": lambda: restarts(50 // part, 2),
        "reloads": lambda: reloads(200 // part),
    }
