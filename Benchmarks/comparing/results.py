"""What the comparison comes to: the first table of RESULTS.md, and the machine it was made on."""

import os
import platform

from . import targets

# What the table shows, and whether a goal is the most or the least. Of those that were measured the first one counts:
# sessions that last have no CPU time each.
METRICS = {
    "cpu": ("CPU", ["cpu_microseconds_per_session", "cpu_microseconds_per_message"], max),
    "rate": ("rate", ["messages_per_second"], min),
    "p50": ("p50", ["session_p50_milliseconds", "message_p50_milliseconds"], max),
    "p99": ("p99", ["session_p99_milliseconds", "message_p99_milliseconds"], max),
}
# Those that it compares with.
PEERS = ["nginx", "haproxy"]


def machine():
    """What the figures were got on."""
    models = [line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    memory = next(int(line.split()[1]) >> 20 for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    processor = f"{os.cpu_count()} x {models[0] if models else platform.machine()}"
    kernel = platform.release().partition("-")[0]
    return f"{processor}, {memory} GiB, Linux {kernel}, load {os.getloadavg()[0]:.1f} at the beginning"


def layout():
    """Who had which processors."""
    if not targets.HAS_TWO:
        return "All had one processor together."
    return (
        "The targets had the last processor for themselves, the clients and the sink the first one;\n"
        "only where two shards are compared with one, all had all of them."
    )


def summary(scenarios):
    """The ratios of Mailrace to its peers in these scenarios, of which some may not have run, and the notes; nothing
    without any."""
    rows = [row for scenario in scenarios if (row := _row(scenario))]
    notes = [f"- {note}" for scenario in scenarios if (note := scenario.note())]
    lines = []
    if rows:
        columns = [f"{title} : {peer}" for title, _, _ in METRICS.values() for peer in PEERS]
        lines += ["What Mailrace takes as a part of what a peer takes, in the median of the rounds;"]
        lines += ["of CPU and times less is better, of rates more. In brackets the goal; what reaches it is bold.", ""]
        lines += [f"| | {' | '.join(columns)} |", "| --- |" + " ---: |" * len(columns), *rows, ""]
    if notes:
        lines += [*notes, ""]
    return ["## In short", "", *lines] if lines else []


def _row(scenario):
    given = getattr(scenario, "summary", None)
    if not given or given["targets"][0]["name"] != "mailrace":
        return None
    ratios = {target["name"]: target["ratios_of_first"] for target in given["targets"][1:]}
    if not ratios.keys() & set(PEERS):
        return None
    cells = [
        _cell(ratios.get(peer, {}), names, scenario.goals.get(key, {}).get(peer), worst)
        for key, (_, names, worst) in METRICS.items()
        for peer in PEERS
    ]
    return f"| {scenario.title} | {' | '.join(cells)} |"


def _cell(ratios, names, goal, worst):
    ratio = next((ratios[name]["median"] for name in names if name in ratios), None)
    return "-" if ratio is None else judged(f"{ratio:.2f}", ratio, goal, worst)


def judged(text, value, goal, worst=max):
    """`**0.65** (0.7)`: reached; `worst` of a value and its goal is the goal then."""
    if goal is None:
        return text
    return f"**{text}** ({goal:g})" if worst(value, goal) == goal else f"{text} ({goal:g})"
