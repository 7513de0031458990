"""What is compared, and how. Each scenario returns lines in Markdown and whether all mail arrived."""

import contextlib
import os
import tempfile

from harness import HOST
from harness.programs import free_port

from . import results, targets

# Those of `scenarios`, as they are introduced to readers.
TARGETS = ["mailrace", "haproxy", "nginx", "nginx-tcp", "postfix"]
# Of the rate that the slowest of the targets can keep up.
HIGH_LOAD = 0.7
LOW_LOAD_MESSAGES_PER_SECOND = 500
# Each of the crowds has as many runs as three scenarios.
CROWD_ROUNDS_MAX = 3
# Sessions of a crowd's run, at least; the largest crowd comes once. Whoever of it came again before the relay had seen
# the end of the first session would need descriptors beyond those that a process may have.
CROWD_SESSIONS_MIN = 5000


class Effort:
    """How much of everything."""

    def __init__(self, rounds, seconds, quick):
        self.quick = quick
        self.rounds = rounds or (1 if quick else 5)
        self.seconds = seconds or (1 if quick else 10)
        self.warm_up = self.seconds / 5
        self.crowds = [10, 100] if quick else [10, 100, 1000, 9000]
        self.idle_sessions = 200 if quick else 5000
        self.idle_seconds = 1 if quick else 10

    @property
    def time(self):
        return ["--duration", f"{self.seconds}s", "--warm-up", f"{self.warm_up}s"]


class Comparison:
    """The same load on several targets, all at their best settings before one sink."""

    def __init__(self, title, names, *options, starttls=False, proxy=True, pinned=True, asks=False, goals=None):
        """With `asks` each of them asks the same auth server where to relay to.

        `goals` are what the ratios to peers should be: by metric (as in `results.METRICS`) and peer.
        """
        self.title, self.names, self.options, self.goals = title, names, options, goals or {}
        # What mailrace-bench said, once it has.
        self.summary = None
        self.starttls, self.proxy, self.pinned, self.asks = starttls, proxy, pinned, asks

    def load(self, effort):
        """The options of the load."""
        return [*self.options, *(["--starttls"] if self.starttls else [])]

    def present(self):
        return [name for name in self.names if name not in targets.missing()]

    def run(self, effort):
        names = self.present()
        absent = [f"Not here: {name}." for name in self.names if name not in names]
        if len(names) < 2:
            return [*absent, "Nothing to compare with."], True
        table, self.summary, status = self.compare(effort, names, effort.rounds, self.load(effort))
        return [*table.splitlines(), *absent], status == 0 and self.summary["ok"]

    def note(self):
        """What of it stands below the first table; None for what stands in it."""
        return None

    def compare(self, effort, names, rounds, load, length=None):
        """Returns the table, the summary and the exit status. `length` are the options of the load's length."""
        upstream = f"{HOST}:{free_port()}"
        options = {"starttls": self.starttls, "proxy": self.proxy, "pinned": self.pinned}
        with contextlib.ExitStack() as stack:
            directory = stack.enter_context(tempfile.TemporaryDirectory())
            options["auth"] = stack.enter_context(targets.auth_server(upstream)) if self.asks else None
            running = stack.enter_context(targets.targets(names, upstream, **options))
            table = os.path.join(directory, "table.md")
            status, summary = targets.bench(
                "compare", *(word for target in running for word in ["--target", target.argument]),
                "--rounds", rounds, "--sink-listen", upstream, *(["--sink-proxy"] if self.proxy else []),
                *(length or effort.time), *load, "--markdown", table, pinned=self.pinned,
            )  # fmt: skip
            with open(table) as file:
                return file.read(), summary, status


class TwoShards(Comparison):
    """Mailrace with two shards beside itself with one."""

    CPU_GOAL, RATE_GOAL = 1.1, 1.8

    def note(self):
        if not self.summary:
            return None
        ratios = self.summary["targets"][1]["ratios_of_first"]
        names = ["cpu_microseconds_per_session", "messages_per_second"]
        # What ended meanwhile has no CPU time.
        if any(name not in ratios for name in names):
            return None
        cpu, rate = (ratios[name]["median"] for name in names)
        cpu = results.judged(f"{cpu:.2f}", cpu, self.CPU_GOAL)
        rate = results.judged(f"{rate:.2f}", rate, self.RATE_GOAL, min)
        return f"Two shards: {cpu} of one's CPU time a session, {rate} of its rate, as far as the clients leave room."


class HighLoad(Comparison):
    """Messages at a part of the rate that all of the targets reach."""

    def load(self, effort):
        lasting = ["--lasting", "--concurrency", 16]
        _, summary, _ = self.compare(effort, self.present(), 1, lasting)
        rates = [target["figures"]["messages_per_second"]["median"] for target in summary["targets"]]
        return [*lasting, "--message-rate", max(1, int(HIGH_LOAD * min(rates)))]


class Crowds:
    """The CPU time of a session with ever more of them at once."""

    title = "Scale: CPU time a session by how many there are at once"
    # Most of what a session costs at any number of them, beside what it costs at the fewest.
    GOAL = 1.3
    costs = None
    names = ["mailrace", "nginx", "haproxy"]

    def run(self, effort):
        rows, is_clean = {}, True
        rounds = min(effort.rounds, CROWD_ROUNDS_MAX)
        for crowd in effort.crowds:
            options = ["--concurrency", crowd, "--ramp", f"{effort.warm_up}s", "--timeout", "60s"]
            comparison = Comparison(self.title, self.names)
            names = comparison.present()
            if len(names) < 2:
                return ["Nothing to compare with."], True
            sessions = crowd if effort.quick else max(crowd, CROWD_SESSIONS_MIN)
            _, summary, _ = comparison.compare(effort, names, rounds, options, ["--sessions", sessions])
            arrived = summary["sink"]
            is_clean = is_clean and not arrived["damaged"] and not arrived["duplicates"]
            for target in summary["targets"]:
                # A peer that cannot bear so many, within this machine's limits, is told of, and no fault of ours.
                is_clean = is_clean and target["lost"] == 0 and (target["ok"] or target["name"] != "mailrace")
                median = target["figures"].get("cpu_microseconds_per_session", {}).get("median", 0)
                rows.setdefault(target["name"], []).append(f"{median:.0f}" if target["ok"] else "fails")
        self.costs = [float(cell) for cell in rows["mailrace"] if cell != "fails"]
        lines = [f"us of CPU a session; medians of {rounds} rounds", ""]
        lines += ["| sessions at once | " + " | ".join(map(str, effort.crowds)) + " |"]
        lines += ["| --- |" + " ---: |" * len(effort.crowds)]
        return lines + [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()], is_clean

    def note(self):
        if not self.costs or not self.costs[0]:
            return None
        worst = max(self.costs) / self.costs[0]
        worst = results.judged(f"{worst:.2f}", worst, self.GOAL)
        return f"Scale: a session costs at most {worst} of what it costs with the fewest at once."


class Idle:
    """What sessions cost that do nothing."""

    def __init__(self, title, names, goal_kib, starttls=False):
        self.title, self.names, self.starttls, self.goal_kib = title, names, starttls, goal_kib
        self.kib = {}

    def run(self, effort):
        rows, is_clean = [], True
        for name in [name for name in self.names if name not in targets.missing()]:
            with (
                targets.sink("--proxy") as upstream,
                targets.targets([name], upstream, starttls=self.starttls) as running,
            ):
                status, summary = targets.bench(
                    "idle", "--target", running[0].address, "--pid", running[0].pid, "--sessions", effort.idle_sessions,
                    "--hold", f"{effort.idle_seconds}s", "--deliver", *(["--starttls"] if self.starttls else []),
                )  # fmt: skip
            is_clean = is_clean and status == 0
            self.kib[name] = summary["pss_bytes_per_session"] / 1024
            cells = [f"{self.kib[name]:.1f}"]
            cells += [f"{summary[moment]['pss_bytes'] / 1048576:.1f}" for moment in ["before", "after"]]
            cells += [f"{summary['held_cpu_milliseconds_per_second']}"]
            rows.append(f"| {name} | {' | '.join(cells)} |")
        head = "| | KiB of PSS a session | MiB before | MiB after | ms of CPU a second |"
        return [f"{effort.idle_sessions} sessions", "", head, "| --- | ---: | ---: | ---: | ---: |", *rows], is_clean

    def note(self):
        if "mailrace" not in self.kib:
            return None
        own = results.judged(f"{self.kib['mailrace']:.1f}", self.kib["mailrace"], self.goal_kib)
        others = ", ".join(f"{name} {value:.1f}" for name, value in self.kib.items() if name != "mailrace")
        return f"{self.title}: {own} KiB each; {others}."


def scenarios():
    """All of them by name."""
    all_three, both = ["mailrace", "nginx", "haproxy"], ["mailrace", "nginx"]
    all_four = [*all_three, "nginx-tcp"]
    at_once, alone = ["--concurrency", 16], ["--concurrency", 1]
    bulk = ["--lasting", "--size", "10M", "--concurrency", 4]
    low = ["--lasting", "--concurrency", 4, "--message-rate", LOW_LOAD_MESSAGES_PER_SECOND]

    def goals(nginx=None, haproxy=None, rate=None):
        """Most CPU beside nginx's and HAProxy's, and the least rate beside nginx's."""
        cpu = {name: value for name, value in [("nginx", nginx), ("haproxy", haproxy)] if value}
        return {"cpu": cpu} | ({"rate": {"nginx": rate}} if rate else {})

    not_slower = {"p50": {"nginx": 1.0}, "p99": {"nginx": 1.0}}
    return {
        "short": Comparison("Short sessions", all_four, *at_once, goals=goals(0.70, 0.99)),
        "pipelined": Comparison(
            "Short sessions, pipelined", all_four, *at_once, "--pipelining", goals=goals(0.60, 1.05, rate=3)
        ),
        "envelope": Comparison(
            "Envelope depth beside nginx, both asking the same auth server: short sessions", both, *at_once, asks=True
        ),
        "lasting": Comparison("Lasting sessions, 4 KiB", all_three, *at_once, "--lasting", goals=goals(1.05)),
        "64k": Comparison(
            "Lasting sessions, 64 KiB", all_three, *at_once, "--lasting", "--size", "64k", goals=goals(0.90, rate=10)
        ),
        "bulk": Comparison("Bulk: 10 MiB", all_three, *bulk, goals=goals(0.75, 0.68)),
        "starttls": Comparison("STARTTLS, short sessions, P-256", both, *at_once, starttls=True, goals=goals(0.80)),
        "resumed": Comparison(
            "STARTTLS, short sessions, resumed", both, *at_once, "--resume", starttls=True, goals=goals(0.80)
        ),
        "starttls-bulk": Comparison("STARTTLS, bulk", both, *bulk, starttls=True, goals=goals(0.75, rate=2)),
        "alone": Comparison("One session at a time", all_three, *alone),
        "alone-pipelined": Comparison(
            "One session at a time, pipelined", all_three, *alone, "--pipelining", goals={"p50": {"haproxy": 1.0}}
        ),
        "alone-starttls": Comparison("One session at a time, STARTTLS", both, *alone, starttls=True),
        "latency-low": Comparison("Latency at low load", all_three, *low, goals=not_slower),
        "latency-high": HighLoad(
            f"Latency at {HIGH_LOAD:.0%} of the load that all can bear", all_three, goals={"p99": {"haproxy": 1.0}}
        ),
        "postfix": Comparison(
            "Postfix before its queue, short sessions", ["mailrace", "postfix"], *at_once, proxy=False
        ),
        "two-shards": TwoShards(
            "Two shards beside one", ["mailrace-2", "mailrace"], *at_once, "--shards", 2, pinned=False
        ),
        "scale": Crowds(),
        "idle": Idle("Idle sessions", all_three, 4.0),
        "idle-starttls": Idle("Idle sessions, STARTTLS", both, 16.5, starttls=True),
    }
