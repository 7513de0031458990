"""Mailrace where each message goes its own way: its configuration, and what cases about it have in common."""

import os
import tempfile
import unittest

from . import relay
from .mailer import Mailer, message
from .upstream import OFFERS, Upstream

# What the cases make fail is not to be left aside for that, and a connection carries nothing but its case.
UPSTREAM = 'health = { probe = "off", fall = 100 }\nidle_connections = 0\n'


def configuration(servers, listener="", upstream="", **options):
    """The text of a configuration, with the options of `relay.configuration`."""
    upstream = "\n".join(
        [upstream] + [line for line in UPSTREAM.splitlines() if f"{line.split(' =')[0]} =" not in upstream])
    listener = f'depth = "envelope"\nrelaying = "transaction"\n{listener}'
    return relay.configuration(servers, listener=listener, upstream=upstream, **options)


def upstreams(**servers):
    """Tables of more upstreams by their names."""
    tables = ""
    for name, address in servers.items():
        lines = [f"[upstream.{name}]", f'servers = ["{address}"]']
        tables += "\n".join(lines) + "\n" + "".join(
            f"{key} = {value}\n" for key, value in relay.UPSTREAM_DEFAULTS.items() if key != "health") + UPSTREAM
    return tables


class Map:
    """A map of the kind csv in a file of its own. `rows` are of a key and a server."""

    def __init__(self, rows, name="customers"):
        self.name = name
        self.directory = tempfile.TemporaryDirectory(prefix="mailrace-map-")
        self.file = os.path.join(self.directory.name, f"{name}.csv")
        self.write(rows)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.directory.cleanup()

    def write(self, rows):
        """Puts these in place of what there was, at once."""
        self.put("key;server\n" + "".join(f"{key};{server}\n" for key, server in dict(rows).items()))

    def put(self, text):
        with open(self.file + ".new", "w") as file:
            file.write(text)
        os.rename(self.file + ".new", self.file)

    @property
    def tables(self):
        """The route to it and the map itself."""
        lines = ["[[listener.mx.route]]", f'map = "{self.name}"', f"[map.{self.name}]", 'type = "csv"']
        return "\n".join([*lines, f'file = "{self.file}"', 'upstream_settings = "backend"', ""])


class Case(unittest.TestCase):
    def start(self, servers, **options):
        """Mailrace before these servers, until the end of the test."""
        return self.enterContext(relay.Mailrace(configuration(servers, **options))).wait_ready()

    def mailer(self, mailrace, **options):
        return self.enterContext(Mailer(mailrace.port(), **options))

    def assertCode(self, reply, code, note=None):
        """`code` begins the reply: "451 4.4.2", or less of it."""
        self.assertTrue(reply.startswith(code.encode()), f"{reply!r} in place of {code}; {note}")

    def assertBegins(self, part, whole, note=None):
        """The bytes are nothing but the beginning of the others."""
        part, whole = bytes(part), bytes(whole)
        if not whole.startswith(part):
            differing = (place for place, (one, other) in enumerate(zip(part, whole)) if one != other)
            place = next(differing, min(len(part), len(whole)))
            there, due = (text[place : place + 60] for text in (part, whole))
            self.fail(f"from byte {place} on: {there!r} in place of {due!r}; {note}")


class FaultCase(Case):
    """One upstream and one Mailrace for all of a class. They have `OFFERS` and `OPTIONS`."""

    OFFERS = OFFERS
    OPTIONS = {}

    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.enterClassContext(Upstream(cls.OFFERS))
        text = configuration([cls.upstream.address], **cls.OPTIONS)
        cls.mailrace = cls.enterClassContext(relay.Mailrace(text)).wait_ready()

    def tearDown(self):
        self.upstream.forget()
        self.mailrace.program.check_alive()

    def goes_on(self, mailer, mark="next"):
        """The session's next message is delivered, and it alone."""
        before = len(self.upstream.whole)
        self.assertCode(mailer.deliver(message(mark)), "250 2.0.0 accepted by upstream")
        self.assertEqual(self.upstream.contents[before:], [message(mark)])

    def nothing_is_whole(self, sent=b"", note=None):
        """What the upstream got of messages is the beginning of `sent`, behind which nothing came."""
        self.assertEqual(self.upstream.whole, [], note)
        for part in self.upstream.partial:
            self.assertBegins(part.wire, sent, note)
