"""What is counted: a load for each figure, small enough that all of them take seconds."""

import contextlib
import socket
import ssl
import time

from harness import HOST

from . import process, targets

# What is looked at is the median of so many equal parts.
PARTS = 3
# So that caches are full and what is made once is there.
WARM_UP_PARTS = 1
IDLE_SESSIONS = 64
# The share by which figures may be more than they were.
MARGIN = 0.05
# How many pieces a large message goes through a pipe in is a matter of time. From run to run there are twice as many
# submissions or so, which leaves them something to say; of other calls and of copied bytes there are up to many times
# as many, so that these two say nothing.
BULK_MARGIN = 2
# How much of a message is there when it is first received is a matter of time, too.
LARGE_MARGIN = 0.3
BULK_FIGURES = ["submissions", "enters", "allocations"]
PATIENCE_S = 20


def median(values):
    return sorted(values)[len(values) // 2]


class Load:
    """One session after the other, or messages in a session that lasts. Figures a message."""

    def __init__(
        self, sessions, *options, messages=1, starttls=False, margin=MARGIN, names=process.Counts._fields, **target
    ):
        """`names` are the figures that hardly depend on timing, `target` says more of Mailrace."""
        self.target = {"starttls": starttls, "proxy": True} | target
        self.margin, self.names = margin, names
        self.sessions, self.messages = sessions, messages
        self.options = ["--concurrency", 1, *options, *(["--starttls"] if starttls else [])]

    def send(self, target):
        counts = ["--sessions", self.sessions, "--messages", self.messages]
        status, summary = targets.bench("load", "--target", target.address, *counts, *self.options)
        assert status == 0 and summary["ok"], summary

    def figures(self, library):
        sink = targets.sink(*(["--proxy"] if self.target["proxy"] else []))
        with sink as upstream, process.counted(library, upstream, **self.target) as target:
            for _ in range(WARM_UP_PARTS):
                self.send(target)
            moments = [target.moment()]
            for _ in range(PARTS):
                self.send(target)
                moments.append(target.moment())
            target.stop()
            counts = [target.between(*pair) for pair in zip(moments, moments[1:])]
        number = self.sessions * self.messages
        return {name: median([getattr(part, name) for part in counts]) / number for name in self.names}


class Idle:
    """Sessions past EHLO, and STARTTLS, that do nothing: what each keeps, and what all of them cost meanwhile."""

    SECONDS = 1
    margin = MARGIN

    def __init__(self, starttls=False):
        self.starttls = starttls

    def figures(self, library):
        with targets.sink("--proxy") as upstream, process.counted(library, upstream, starttls=self.starttls) as target:
            with contextlib.ExitStack() as sessions:
                # The first ones fill what grows by steps.
                before = self.open(target, sessions)
                begin = self.open(target, sessions)
                time.sleep(self.SECONDS)
                end = target.moment()
            target.stop()
            counts = target.between(begin, end)
        calls = counts.enters + counts.other_calls
        kept = (begin.live_bytes - before.live_bytes) / IDLE_SESSIONS
        return {"kept_bytes": kept, "calls_a_second": calls / (end.time - begin.time)}

    def open(self, target, stack):
        """Opens sessions, which stay until the stack is left."""
        for _ in range(IDLE_SESSIONS):
            stack.enter_context(self.session(target.port))
        return target.moment()

    @contextlib.contextmanager
    def session(self, port):
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection((HOST, port), PATIENCE_S))
            read_reply(connection)
            ask(connection, "EHLO idle.example")
            if self.starttls:
                ask(connection, "STARTTLS")
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                connection = stack.enter_context(context.wrap_socket(connection))
                ask(connection, "EHLO idle.example")
            yield


def ask(connection, command):
    connection.sendall(command.encode() + b"\r\n")
    read_reply(connection)


def read_reply(connection):
    """Reads a reply of any number of lines, which has to be 2xx."""
    reply = b""
    while not (reply.endswith(b"\r\n") and reply.split(b"\r\n")[-2][3:4] == b" "):
        more = connection.recv(4096)
        assert more, f"the connection ended after {reply}"
        reply += more
    assert reply.startswith(b"2"), reply


def loads():
    """All of them by name."""
    return {
        "short": Load(60),
        "pipelined": Load(60, "--pipelining"),
        "lasting": Load(1, messages=100),
        "64k": Load(1, "--size", "64k", messages=40, margin=LARGE_MARGIN),
        "bulk": Load(1, "--size", "10M", messages=4, margin=BULK_MARGIN, names=BULK_FIGURES),
        "starttls": Load(40, starttls=True),
        "resumed": Load(40, "--resume", starttls=True),
        # As many messages in a session as a connection to the upstream carries.
        "transactions": Load(60, name="mailrace-anew", proxy=False),
        "transactions-kept": Load(60, name="mailrace-kept", proxy=False),
        "transactions-long": Load(1, messages=100, name="mailrace-kept", proxy=False),
        "idle": Idle(),
        "idle-starttls": Idle(starttls=True),
    }
