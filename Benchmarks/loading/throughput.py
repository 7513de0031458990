"""Loads that are to go through without a fault: what they cost, and that all is given back."""

import json
import signal

from harness import HOST, relay
from harness.programs import Program, free_port, wait_until

from .targets import bench, mailrace, peer

# What a load may leave behind in the process: the allocator keeps some of what it once had.
MEMORY_LEFT_BYTES_MAX = 16 << 20


def load(target_of, sessions, *options, starttls=None, size="4k"):
    """A load of whole sessions, checked at the sink. Returns the figures."""
    sink_port = free_port()
    with target_of(f"{HOST}:{sink_port}", starttls) as target:
        begin = target.cpu_seconds
        status, summary = bench(
            "load", "--target", f"{HOST}:{target.port}", "--sink-listen", f"{HOST}:{sink_port}",
            "--sessions", sessions, "--size", size, *(["--starttls"] if starttls else []), *options,
        )  # fmt: skip
        cpu = target.cpu_seconds - begin
        assert status == 0 and summary["ok"], f"{target.name}: {json.dumps(summary)}"
        gibibytes = summary["sink"]["bytes"] / (1 << 30)
        share = f"{1e3 * cpu / gibibytes:.0f} ms of CPU a GiB" if gibibytes > 0.5 else f"{1e6 * cpu / sessions:.0f} us of CPU each"
        latency = summary["session_milliseconds"]
        return (
            f"{target.name}: {summary['sessions_per_second']:.0f} sessions/s, {share},"
            f" p50 {latency['p50']} ms, p99 {latency['p99']} ms"
        )


def returned(target, before_bytes, before_descriptors):
    """Fails unless descriptors and memory have come back to where they were."""
    wait_until(lambda: target.descriptors <= before_descriptors, f"no more than {before_descriptors} descriptors")
    left = target.memory_bytes - before_bytes
    assert left <= MEMORY_LEFT_BYTES_MAX, f"{left >> 10} KiB of memory are not given back"
    return f"{left >> 10} KiB left of it afterwards, {target.descriptors} descriptors"


def leak(sessions):
    """Many short sessions, then the process is as it was after the first of them."""
    sink_port = free_port()
    with mailrace(f"{HOST}:{sink_port}") as target:
        options = ["load", "--target", f"{HOST}:{target.port}", "--sink-listen", f"{HOST}:{sink_port}", "--concurrency", 50]
        bench(*options, "--sessions", 2000)
        before = target.memory_bytes, target.descriptors
        status, summary = bench(*options, "--sessions", sessions)
        assert status == 0 and summary["ok"], json.dumps(summary)
        return returned(target, *before)


def held(sessions, starttls=None):
    """Sessions held at once, each of which then delivers a message; none is lost, and all is given back."""
    sink = Program([relay.bench_binary(), "sink", "--json"])
    try:
        sink_port = sink.wait_for_line(r"listening on \S+:(\d+)").group(1)
        with mailrace(f"{HOST}:{sink_port}", starttls) as target:
            before = target.memory_bytes, target.descriptors
            status, summary = bench(
                "idle", "--target", f"{HOST}:{target.port}", "--sessions", sessions, "--deliver",
                "--pid", target.pid, *(["--starttls"] if starttls else []),
            )  # fmt: skip
            assert status == 0 and summary["ok"], json.dumps(summary)
            after = returned(target, *before)
        sink.signal(signal.SIGTERM)
        sink.wait()
        arrived = json.loads(sink.lines[-1])
        assert arrived["messages"] == sessions and not arrived["damaged"], json.dumps(arrived)
        return f"{summary['pss_bytes_per_session']:.0f} bytes a session while held, {after}"
    finally:
        sink.stop()


def figures(name, *arguments, peers, **options):
    """The loads `name` for Mailrace and the peers that can do it."""
    targets = {"": mailrace} | {f" {other}": lambda *a, other=other: peer(other, *a) for other in peers}
    return {name + suffix: lambda target=target: load(target, *arguments, **options) for suffix, target in targets.items()}


def loads(part, peers):
    """All loads by name; `part` is how many times smaller they are than whole."""
    both, nginx = (["haproxy", "nginx"], ["nginx"]) if peers else ([], [])
    return (
        figures("short", 100_000 // part, peers=both)
        | figures("short, pipelined", 100_000 // part, "--pipelining", peers=both)
        | figures("STARTTLS", 20_000 // part, starttls="offer", peers=nginx)
        | figures("bulk", 2_000 // part, size="10M", peers=both)
        | figures("bulk, STARTTLS", 1_000 // part, starttls="offer", size="10M", peers=nginx)
        | {
            "leak": lambda: leak(200_000 // part),
            "held": lambda: held(9_000 // part),
            "held, STARTTLS": lambda: held(5_000 // part, "offer"),
        }
    )
