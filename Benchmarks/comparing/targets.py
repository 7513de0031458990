"""Those that are compared, each before the same upstream, and mailrace-bench, which compares them."""

import contextlib
import json
import os
import re
import shutil
import tempfile

from harness import HOST, certificates, nginx, relay, routes
from harness.programs import Program, environment, free_port, run, wait_until

from . import ROOT

PATIENCE_S = 3600
# Where there are two processors: the clients and the sink have the first one, the target the last one.
PROCESSORS = sorted(os.sched_getaffinity(0))
HAS_TWO = len(PROCESSORS) > 1
PEERS = {"nginx": "nginx", "haproxy": "haproxy", "postfix": "postconf", "exim": os.environ.get("EXIM", "exim4")}
# How they are asked for their versions.
VERSIONS = {"nginx": ["-v"], "haproxy": ["-v"], "postfix": ["mail_version"], "exim": ["--version"]}
# Peers in another setting than their best one, and what their start scripts take for it.
VARIANTS = {"nginx-tcp": ("nginx", ["--auth", "tcp"])}
# Mailrace that stays in the protocol, one transaction after the other: how many connections to the upstream it keeps.
# None: it does not, and sessions are bound to the upstream.
CONNECTIONS_KEPT = {"mailrace-kept": 16, "mailrace-anew": 0, "mailrace-bound": None}
# How each is set up, for readers.
SETTINGS = {
    "mailrace": "a tunnel, one shard, PROXY v2 to the sink, no log below errors",
    "nginx": "its mail module, one worker, smtp_auth none, buffers of 32k, PROXY v1 to the sink, no logs; asks itself"
    " over a Unix socket where to relay to",
    "nginx-tcp": "the same; asks itself over loopback TCP, as its documentation has it",
    "haproxy": "mode tcp, one thread, PROXY v2 to the sink, no logs",
    "postfix": "smtpd_proxy_filter, before its queue",
    "exim": "cutthrough_delivery, before its queue; its spool takes the data meanwhile. It gives clients 200 ms to close"
    " after QUIT, which short sessions feel",
    "mailrace-kept": "envelope depth, one shard, no log below errors; a route for each transaction, from a CSV file;"
    " connections to the upstream are kept for the next session",
    "mailrace-anew": "the same with idle_connections = 0: each session connects to the upstream",
    "mailrace-bound": "envelope depth, each session bound to the upstream; bytes pass unread from its first RCPT on",
}


def missing():
    """The peers that cannot be started here."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    absent = {name for name, program in PEERS.items() if not shutil.which(program, path=path)}
    absent |= {name for name, (script, _) in VARIANTS.items() if script in absent}
    return absent | ({"postfix", "exim"} if os.geteuid() else set())


def versions(names, proxy=True):
    """Who of these takes part, in words: the version, and how it is set up; with `proxy`, to send PROXY headers."""
    words = []
    for name in (name for name in names if name not in missing()):
        version = name
        if name.startswith("mailrace"):
            own = run([relay.binary(), "--version"]).stdout.strip()
            version = own if name == "mailrace" else f"{name} ({own})"
        elif name in PEERS:
            program = shutil.which(PEERS[name], path=os.environ["PATH"] + ":/usr/sbin:/sbin")
            lines = run([program, *VERSIONS[name]]).stdout.splitlines()
            # Exim says none where its user is missing.
            version = next((line.strip() for line in lines if "version" in line.lower()), name)
        settings = SETTINGS[name] if proxy else re.sub(", PROXY v. to the sink", "", SETTINGS[name])
        words.append(f"{version}: {settings}")
    return words


def _on_last():
    os.sched_setaffinity(0, {PROCESSORS[-1]})


def _on_first():
    os.sched_setaffinity(0, {PROCESSORS[0]})


class Running:
    """A target under load, as an argument of `mailrace-bench compare`."""

    def __init__(self, name, address, pid):
        self.name, self.address, self.pid = name, address, pid

    @property
    def argument(self):
        return f"{self.address}={self.name},{self.pid}"


@contextlib.contextmanager
def auth_server(upstream):
    """One for nginx and Mailrace both: a web server of nginx's, which sends all to the upstream. Gives its address."""
    host, port = upstream.rsplit(":", 1)
    lines = [f"add_header Auth-Server {host};", f"add_header Auth-Port {port};", "return 204;"]
    web = "keepalive_requests 1000000;\nlocation / {\nadd_header Auth-Status OK;\n" + "\n".join(lines) + "\n}"
    with nginx.Nginx(web=web, preexec=_on_first if HAS_TWO else None) as server:
        yield f"{HOST}:{server.ports['web']}"


def configuration(name, directory, upstream, port, starttls=False, proxy=True, shards=1, auth=None):
    """Mailrace's: at envelope depth where there is somebody to ask, or `name` says so. Its control socket, which is the
    last thing it opens, is `control.sock` in the directory."""
    depth = {"upstream": 'proxy_protocol = "v2"' if proxy else ""}
    if auth or name in CONNECTIONS_KEPT:
        depth["listener"] = 'depth = "envelope"\ncapabilities = ["PIPELINING", "8BITMIME", "SIZE 52428800"]'
    if auth:
        depth["tables"] = (
            '[listener.mx.auth]\nauthenticator = "site"\nmechanisms = ["NONE"]\n'
            f'[authenticator.site]\ntype = "http"\nurl = "http://{auth}/"'
        )
    if (kept := CONNECTIONS_KEPT.get(name)) is not None:
        file = os.path.join(directory, "routes.csv")
        with open(file, "w") as rows:
            rows.write(routes.rows([("bench.example", upstream)]))
        depth["upstream"] += f"\nidle_connections = {kept}"
        depth["tables"] = (
            '[[listener.mx.route]]\nmap = "customers"\n'
            f'[map.customers]\ntype = "csv"\nfile = "{file}"\nupstream_settings = "backend"'
        )
    return relay.configuration(
        [upstream], starttls="offer" if starttls else None, shards=shards, port=port, log='level = "error"',
        runtime=f'max_sessions = 9500\ncontrol_socket = "{os.path.join(directory, "control.sock")}"', **depth,
    )  # fmt: skip


@contextlib.contextmanager
def mailrace(name, upstream, pinned=True, **options):
    """Mailrace with such a configuration."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="mailrace-compare-") as directory:
        text = configuration(name, directory, upstream, port, **options)
        with relay.Mailrace(text, preexec=_on_last if pinned and HAS_TWO else None) as running:
            control = os.path.join(directory, "control.sock")
            wait_until(lambda: os.path.exists(control), f"{control}:\n{running.program.output}")
            yield Running(name, f"{HOST}:{port}", running.program.process.pid)


@contextlib.contextmanager
def peer(name, upstream, starttls=False, proxy=True, shards=1, pinned=True, auth=None):
    """One of the start scripts of Benchmarks/peers."""
    address, certificate = f"{HOST}:{free_port()}", certificates.ecdsa()
    arguments = ["--listen", address, "--upstream", upstream, "--threads", str(shards)]
    arguments += ["--send-proxy"] if proxy else []
    arguments += ["--auth", auth] if auth else []
    arguments += ["--certificate", certificate.file, "--key", certificate.key_file] if starttls else []
    script, more = VARIANTS.get(name, (name, []))
    program = Program(
        [str(ROOT / "Benchmarks/peers" / script), *arguments, *more], preexec=_on_last if pinned and HAS_TWO else None
    )
    try:
        yield Running(name, address, int(program.wait_for_line(r"\(pid (\d+)\)").group(1)))
    finally:
        program.stop()


@contextlib.contextmanager
def targets(names, upstream, **options):
    """All of these at once; `mailrace-2` is Mailrace with two shards, others of it stand in `CONNECTIONS_KEPT`."""
    with contextlib.ExitStack() as stack:
        running = []
        for name in names:
            if name.startswith("mailrace"):
                suffix = name.partition("-")[2]
                shards = {"shards": int(suffix)} if suffix.isdigit() else {}
                running.append(stack.enter_context(mailrace(name, upstream, **options | shards)))
            else:
                running.append(stack.enter_context(peer(name, upstream, **options)))
        yield running


def bench(*arguments, pinned=True):
    """Runs mailrace-bench to its end; returns its exit status and its summary."""
    program = Program(
        [relay.bench_binary(), *map(str, arguments), "--json"],
        variables=environment(),
        preexec=_on_first if pinned and HAS_TWO else None,
    )
    try:
        status = program.process.wait(PATIENCE_S)
        program.reader.join()
    finally:
        program.stop()
    lines = [line for line in program.lines if line.startswith("{")]
    if not lines:
        raise AssertionError(f"mailrace-bench {arguments}: status {status}\n{program.output}")
    return status, json.loads(lines[-1])


@contextlib.contextmanager
def sink(*options):
    """A sink of its own, for what is no comparison. Gives its address."""
    program = Program([relay.bench_binary(), "sink", *options], preexec=_on_first if HAS_TWO else None)
    try:
        yield program.wait_for_line(r"listening on (\S+)").group(1)
    finally:
        program.stop()
